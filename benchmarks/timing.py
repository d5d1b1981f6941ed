"""Seconds against size and number of frames."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from benchmarks.command import Report
from benchmarks.contestants import OWN, Aligner, Contestant
from benchmarks.scenarios import Scenario
from benchmarks.settings import Settings, Shape

# Counts a pixel; all methods do the same work at any dose.
DOSE = 2.0
# A series as long as this brings every function to life before it is timed.
WARM_UP_FRAMES = 4


@dataclass(frozen=True)
class TimingRow:
    """Seconds of one method on one series.

    `seconds` is the median of the `runs`, which are all kept in the order they were made.
    """

    method: str
    frames: int
    shape: Shape
    seconds: float
    runs: tuple[float, ...]


def time_sizes(
    settings: Settings,
    contestants: Sequence[Contestant],
    aligners: Sequence[Aligner],
    *,
    report: Report,
) -> list[TimingRow]:
    """Every method on the series of `settings.sizes`."""
    methods: list[Contestant | Aligner] = [*(c for c in contestants if c.sweep), *aligners]
    rows = []
    for frames, shape in settings.sizes:
        report(f"seconds, {frames} frames of {shape[0]} x {shape[1]}")
        rows += _time(methods, _stack(frames, shape), settings)
    return rows


def time_growth(
    settings: Settings, contestants: Sequence[Contestant], *, report: Report
) -> list[TimingRow]:
    """Series of growing length, for those methods that still are fast enough."""
    rows: list[TimingRow] = []
    methods = [contestant for contestant in contestants if contestant.sweep]
    for frames in settings.growth:
        report(f"seconds, {frames} frames")
        last = {row.method: row for row in rows}
        methods = [
            method
            for method in methods
            if method.name == OWN
            or method.name not in last
            or _expected(last[method.name], frames) <= settings.limit
        ]
        rows += _time(methods, _stack(frames, settings.growth_shape), settings)
    return rows


def _expected(row: TimingRow, frames: int) -> float:
    return row.seconds * frames / row.frames


def _stack(frames: int, shape: Shape) -> npt.NDArray[Any]:
    return Scenario("lattice", DOSE, frames, shape, 0).simulate().stack


def _time(
    methods: Sequence[Contestant | Aligner], stack: npt.NDArray[Any], settings: Settings
) -> list[TimingRow]:
    frames, height, width = stack.shape
    runs = take_turns(
        {method.name: method.run for method in methods},
        [stack],
        repeats=settings.repeats,
        patience=settings.patience,
    )
    return [
        TimingRow(name, frames, (height, width), statistics.median(seconds), seconds)
        for name, seconds in runs.items()
    ]


def take_turns(
    methods: Mapping[str, Callable[..., Any]],
    inputs: Sequence[npt.NDArray[Any]],
    *,
    repeats: int,
    patience: float,
    warm_up: bool = True,
) -> dict[str, tuple[float, ...]]:
    """Seconds of every run of every method.

    Methods take turns, so that a busy moment of the machine hits none of them alone.

    Parameters
    ----------
    methods : mapping
        Functions of the inputs by name.
    inputs : sequence of array
        With one item a frame along their first axes.
    repeats : int
        Runs of each method.
    patience : float
        Seconds after which a method is not run any more.
    warm_up : bool
        Whether to bring the methods to life first, on a few frames.
    """
    if warm_up:
        for run in methods.values():
            run(*(array[:WARM_UP_FRAMES] for array in inputs))
    runs: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(repeats):
        for name, run in methods.items():
            if sum(runs[name]) > patience:
                continue
            start = time.perf_counter()
            run(*inputs)
            runs[name].append(time.perf_counter() - start)
    return {name: tuple(seconds) for name, seconds in runs.items()}
