"""Seconds and memory of the non-rigid registration, from the rigid shifts on."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from benchmarks import memory, timing
from benchmarks.command import Report
from benchmarks.contestants import OWN
from benchmarks.memory import MemoryRow
from benchmarks.nonrigid.contestants import LAZY, RIGID, Contestant
from benchmarks.nonrigid.series import scan_series
from benchmarks.nonrigid.settings import Settings
from benchmarks.settings import Shape
from benchmarks.timing import TimingRow

# Counts a pixel; all methods do about the same work at any dose.
DOSE = 10.0


def measure_speed(
    settings: Settings, contestants: Sequence[Contestant], *, report: Report
) -> tuple[list[TimingRow], list[MemoryRow]]:
    """Seconds and memory of all that do any work, on the series of `settings.sizes`.

    Where rivals are timed on some of the frames only, their memory is not measured, and of this
    package the default is.
    """
    seconds: list[TimingRow] = []
    megabytes: list[MemoryRow] = []
    methods = [contestant for contestant in contestants if contestant.name != RIGID]
    for index, (frames, shape, rival_frames) in enumerate(settings.sizes):
        report(f"seconds, {frames} frames of {shape[0]} x {shape[1]}")
        inputs = _inputs(frames, shape)
        if rival_frames < frames:
            methods = [method for method in methods if method.rival or method.name == OWN]
        for rival in (False, True):
            count = rival_frames if rival else frames
            runs = timing.take_turns(
                {method.name: method.run for method in methods if method.rival is rival},
                [array[:count] for array in inputs],
                repeats=settings.repeats,
                patience=settings.patience,
                warm_up=index == 0 or not rival,
            )
            for name, found in runs.items():
                scaled = tuple(run * frames / count for run in found)
                seconds.append(TimingRow(name, frames, shape, statistics.median(scaled), scaled))
        names = [method.name for method in methods if rival_frames == frames or not method.rival]
        megabytes += memory.measure_each(
            "benchmarks.nonrigid.contestants",
            [*names, LAZY],
            inputs,
            streamed={LAZY},
            report=report,
        )
    return seconds, megabytes


def _inputs(frames: int, shape: Shape) -> list[np.ndarray]:
    simulated = scan_series(DOSE, frames=frames, shape=shape, seed=0)
    # The start is not what is timed: true mean shifts are as good as any.
    return [simulated.stack, simulated.truth.shifts]
