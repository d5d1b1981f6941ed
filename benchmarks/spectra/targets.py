"""What the project promises of the work on spectra, looked up in the results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.command import Results
from benchmarks.spectra import passes
from benchmarks.spectra.contestants import LINEAR, PLAIN, SCIPY_LINEAR, SCIPY_SPLINE, SHARED, SPLINE
from benchmarks.targets import Target


def speed_row(results: Results, method: str, motion: str, dtype: str) -> Any:
    """The row of seconds in memory of one method, or None."""
    for row in results["speed"]:
        if (row["method"], row["motion"], row["dtype"]) == (method, motion, dtype):
            return row
    return None


def pass_row(results: Results, method: str) -> Any:
    """The row of one way to read the file, or None."""
    return next((row for row in results["passes"] if row["method"] == method), None)


def _worst(method: str, other: str) -> Callable[[Results], float | None]:
    """Seconds over those of another method, where this ratio is largest."""

    def measured(results: Results) -> float | None:
        ratios = []
        for row in results["speed"]:
            rival = speed_row(results, other, row["motion"], row["dtype"])
            if row["method"] == method and rival is not None:
                ratios.append(row["seconds"] / rival["seconds"])
        return max(ratios, default=None)

    return measured


def _peak(results: Results) -> float | None:
    peaks = [pass_row(results, method)["peak"] for method in (passes.SPLINE, passes.SHARED)]
    return max((peak for peak in peaks if peak is not None), default=None)


TARGETS = (
    Target("Seconds in memory / plain addition, spline", 2.5, "", _worst(SPLINE, PLAIN)),
    Target("Seconds in memory / plain addition, linear", 2.5, "", _worst(LINEAR, PLAIN)),
    Target("Seconds in memory / plain addition, counts shared out", 2.5, "", _worst(SHARED, PLAIN)),
    Target("Seconds / scipy.ndimage a channel, spline", 0.1, "", _worst(SPLINE, SCIPY_SPLINE)),
    Target("Seconds / scipy.ndimage a channel, linear", 0.1, "", _worst(LINEAR, SCIPY_LINEAR)),
    Target("Peak resident memory, series in a file", 2.0, "GB", _peak),
)
