"""What the project promises of the non-rigid registration, looked up in the results."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from benchmarks.command import Results
from benchmarks.contestants import OWN
from benchmarks.nonrigid.contestants import LAZY, RIGID
from benchmarks.targets import Target, method_row


def accuracy_row(results: Results, contestant: str, dose: float) -> Any:
    """The row of one contestant at one dose, or None."""
    for row in results["accuracy"]:
        if (row["contestant"], row["dose"]) == (contestant, dose):
            return row
    return None


def _worst_ratio(lowest: float, highest: float) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        return max(
            (
                math.inf if row["ratio"] is None else row["ratio"]
                for row in results["accuracy"]
                if row["contestant"] == OWN and lowest <= row["dose"] <= highest
            ),
            default=None,
        )

    return measured


def _against_rigid(results: Results) -> float | None:
    """Error over that of the rigid start, at the dose where it is largest."""
    ratios = []
    for dose in results["settings"]["doses"]:
        own, rigid = (accuracy_row(results, name, dose) for name in (OWN, RIGID))
        known = own["rms"] is not None and rigid["rms"] is not None
        ratios.append(own["rms"] / rigid["rms"] if known else math.inf)
    return max(ratios, default=None)


def _common(results: Results) -> float | None:
    return next((row["beyond"] for row in results["common"] if row["contestant"] == OWN), None)


def _still(results: Results) -> float | None:
    ratios = [
        0.0 if row["found"] == 0 else row["found"] / (row["predicted"] or math.nan)
        for row in results["still"]
        if row["contestant"] == OWN
    ]
    return max(ratios, default=None)


def _seconds(frames: int, side: int) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        row = method_row(results, "sizes", OWN, frames, [side, side])
        return None if row is None else float(row["seconds"])

    return measured


def _most_memory(name: str) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        rows = (row for row in results["memory"] if row["method"] == name)
        return max((row["stacks"] for row in rows), default=None)

    return measured


TARGETS = (
    Target("Error / bound with prior, 2 counts and above", 1.10, "", _worst_ratio(2.0, math.inf)),
    Target("Error / bound with prior, 1 count", 1.35, "", _worst_ratio(1.0, 1.0)),
    Target("Error / that of rigid only, at the worst dose", 1.0, "", _against_rigid),
    Target("Common part, frames at 0 and 90 degrees, 20 counts", 0.04, "px", _common),
    Target("Found where there is nothing / standard error", 1.0, "", _still),
    Target("Scan lines of 16 frames of 256 x 256", 1.0, "s", _seconds(16, 256)),
    Target("Scan lines of 20 frames of 1024 x 1024", 25.0, "s", _seconds(20, 1024)),
    Target("Memory beyond input and output / input", 2.0, "", _most_memory(OWN)),
    Target("Memory for lazy input / input", 1.0, "", _most_memory(LAZY)),
)
