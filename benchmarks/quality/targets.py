"""What is promised of the package's own judgement, looked up in the results."""

from __future__ import annotations

import math

from benchmarks.command import Results
from benchmarks.targets import Target


def _shift_ratio(results: Results) -> float | None:
    return 100 * abs(math.log(results["shift_ratio"]))


def _line_ratio(results: Results) -> float | None:
    return 100 * abs(math.log(results["line_ratio"]))


def _not_right(results: Results) -> float | None:
    score = results["help_score"]
    return None if not score["series"] else 100 * (1 - score["right"] / score["series"])


def _limits_wrong(results: Results) -> float | None:
    rows = [row for row in results["limits"] if row["truth"] in ("instability", "dose")]
    count = sum(row["series"] for row in rows)
    wrong = sum(row["dose" if row["truth"] == "instability" else "instability"] for row in rows)
    return None if not count else 100 * wrong / count


def _open_hops(results: Results) -> float | None:
    """Bins whose mean probability is outside of the interval of what happened."""
    return float(
        sum(not row["rate_low"] <= row["reported"] <= row["rate_high"] for row in results["hops"])
    )


TARGETS = (
    Target("Predicted against actual rms error of the shifts, off by", 10.0, "%", _shift_ratio),
    Target("Predicted against actual rms error of the scan lines, off by", 10.0, "%", _line_ratio),
    Target("Bins of hop probability that what happened contradicts", 0.0, "", _open_hops),
    Target("Did it help: not judged right where it matters", 5.0, "%", _not_right),
    Target("Dose or instability: judged wrong", 5.0, "%", _limits_wrong),
)
