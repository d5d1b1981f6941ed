"""What the project promises of the template matching, looked up in the results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.command import Results
from benchmarks.motif.contestants import DEFAULT, HYPERSPY, ONE_SEARCH, SKIMAGE
from benchmarks.targets import Target

LOWEST_DOSE = 5.0


def speed_row(results: Results, method: str) -> Any:
    """The row of one method, or None."""
    return next((row for row in results["speed"] if row["method"] == method), None)


def _seconds(own: str, rival: str) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        ours, theirs = speed_row(results, own), speed_row(results, rival)
        return None if theirs is None else float(ours["seconds"] / theirs["seconds"])

    return measured


def _lost_against(results: Results) -> float | None:
    """Repeats that were lost beyond those that the best rival lost, in percent."""
    rivals = [row["recall"] for row in (speed_row(results, n) for n in (SKIMAGE, HYPERSPY)) if row]
    return 100 * (max(rivals) - speed_row(results, DEFAULT)["recall"]) if rivals else None


def _from_five(results: Results) -> list[Any]:
    return [row for row in results["trials"] if row["dose"] >= LOWEST_DOSE]


def _lost(results: Results) -> float | None:
    return max((100 * (1 - row["recall"]) for row in _from_five(results)), default=None)


def _false(results: Results) -> float | None:
    return max((row["false"] for row in _from_five(results)), default=None)


def _ratio(lowest: float) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        ratios = (
            float("inf") if row["error"] is None else row["error"] / row["bound"]
            for row in results["trials"]
            if row["dose"] >= lowest
        )
        return max(ratios, default=None)

    return measured


def _distortion(results: Results) -> float | None:
    return max((row["ratio"] for row in results["distortions"]), default=None)


def _memory(results: Results) -> float | None:
    return max((row["megabytes"] for row in results["memory"]), default=None)


TARGETS = (
    Target("Seconds as it comes / HyperSpy", 0.333, "", _seconds(DEFAULT, HYPERSPY)),
    Target("Seconds as it comes / scikit-image", 0.333, "", _seconds(DEFAULT, SKIMAGE)),
    Target("Seconds of one search / HyperSpy", 0.333, "", _seconds(ONE_SEARCH, HYPERSPY)),
    Target("Seconds of one search / scikit-image", 0.333, "", _seconds(ONE_SEARCH, SKIMAGE)),
    Target("Repeats lost beyond those of the best rival", 0.0, "%", _lost_against),
    Target("Repeats lost, 5 counts and above", 1.0, "%", _lost),
    Target("False matches, 5 counts and above", 0.0, "", _false),
    Target("Error / Cramér-Rao bound, 5 counts and above", 1.2, "", _ratio(LOWEST_DOSE)),
    Target("Error / Cramér-Rao bound, all doses", 1.2, "", _ratio(0.0)),
    Target("Error of the rows of tiles / bound with prior", 1.35, "", _distortion),
    Target("Memory beyond the tiles, long series in a file", 600.0, "MB", _memory),
)
