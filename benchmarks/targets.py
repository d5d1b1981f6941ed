"""What the project promises, looked up in the results."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.command import Results
from benchmarks.contestants import ALIGNERS, OWN


@dataclass(frozen=True)
class Target:
    """A promise: words, the largest allowed value, its unit, and where the value is found."""

    what: str
    limit: float
    unit: str
    measured: Callable[[Results], float | None]


def accuracy_row(results: Results, recipe: str, contestant: str, dose: float) -> Any:
    """The row of one contestant at one dose, or None."""
    for row in results["accuracy"]:
        if (row["recipe"], row["contestant"], row["dose"]) == (recipe, contestant, dose):
            return row
    return None


def _worst_ratio(lowest: float, highest: float) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        ratios = [
            math.inf if row["rms"] is None else row["rms"] / row["bound"]
            for row in results["accuracy"]
            if row["contestant"] == OWN
            and row["recipe"] == "lattice"
            and row["dose"] in results["settings"]["doses"]
            and lowest <= row["dose"] < highest
        ]
        return max(ratios, default=None)

    return measured


def _worst_hops(dose: float) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        row = accuracy_row(results, "lattice", OWN, dose)
        return None if row is None else float(row["worst_hops"])

    return measured


def method_row(results: Results, table: str, method: str, frames: int, shape: list[int]) -> Any:
    """The row of seconds or memory of one method on one series, or None."""
    for row in results[table]:
        if (row["method"], row["frames"], list(row["shape"])) == (method, frames, shape):
            return row
    return None


def _seconds(frames: int, side: int, table: str = "sizes") -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        row = method_row(results, table, OWN, frames, [side, side])
        return None if row is None else float(row["seconds"])

    return measured


def _against_align2d(results: Results) -> float | None:
    own, rival = (aligner.name for aligner in ALIGNERS)
    ratios = []
    for frames, shape in results["settings"]["sizes"]:
        ours, theirs = (
            method_row(results, "sizes", name, frames, list(shape)) for name in (own, rival)
        )
        if ours is not None and theirs is not None:
            ratios.append(ours["seconds"] / theirs["seconds"])
    return max(ratios, default=None)


def _most_memory(results: Results) -> float | None:
    own = {OWN, ALIGNERS[0].name}
    return max((row["stacks"] for row in results["memory"] if row["method"] in own), default=None)


def _import(results: Results) -> float | None:
    return float(results["imports"]["hyperspy_smartalign after it"])


TARGETS = (
    Target("Error / Cramér-Rao bound, 2 counts and above", 1.10, "", _worst_ratio(2.0, math.inf)),
    Target("Error / Cramér-Rao bound, 0.5 and 1 count", 1.35, "", _worst_ratio(0.5, 2.0)),
    Target("Unit-cell hops, worst series at 0.5 counts", 0, "frames", _worst_hops(0.5)),
    Target("Unit-cell hops, worst series at 0.25 counts", 0, "frames", _worst_hops(0.25)),
    Target("Shifts of 40 frames of 256 x 256", 0.5, "s", _seconds(40, 256)),
    Target("Shifts of 40 frames of 512 x 512", 1.5, "s", _seconds(40, 512)),
    Target("Shifts of 20 frames of 1024 x 1024", 3.0, "s", _seconds(20, 1024)),
    Target("Shifts of 1000 frames of 256 x 256", 15.0, "s", _seconds(1000, 256, "growth")),
    Target("Seconds of align_rigid() / align2D()", 1.0, "", _against_align2d),
    Target("Memory beyond input and output / input", 2.0, "", _most_memory),
    Target("Import after hyperspy.api", 0.2, "s", _import),
)
