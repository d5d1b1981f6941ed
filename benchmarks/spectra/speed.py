"""Seconds to align and add a series that is in memory."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks import timing
from benchmarks.command import Report
from benchmarks.spectra.contestants import Contestant, Stack
from benchmarks.spectra.series import counts, motions
from benchmarks.spectra.settings import Settings
from hyperspy_smartalign.transforms import Transform

DTYPES = ("float32", "uint16")


@dataclass(frozen=True)
class SpeedRow:
    """Seconds of one method for one kind of displacement and one type of numbers.

    `seconds` is the median of the `runs`. They are scaled to all channels where the method was
    timed on `timed_channels` only.
    """

    method: str
    motion: str
    dtype: str
    timed_channels: int
    seconds: float
    runs: tuple[float, ...]


def measure_speed(
    settings: Settings, contestants: Sequence[Contestant], *, report: Report
) -> list[SpeedRow]:
    """Every method, for every kind of displacement that it knows."""
    size = settings.memory_series
    rows = []
    for dtype in DTYPES:
        stack = counts(size, dtype)
        for motion, transforms in motions(size.frames, size.shape).items():
            report(f"seconds in memory, {dtype}, {motion}")
            channels = {
                method.name: settings.rival_channels if method.by_channels else size.channels
                for method in contestants
                if method.takes(transforms)
            }
            runs = timing.take_turns(
                {
                    method.name: partial(_added, method, transforms, channels[method.name])
                    for method in contestants
                    if method.name in channels
                },
                [stack],
                repeats=settings.repeats,
                patience=settings.patience,
            )
            for name, found in runs.items():
                timed = channels[name]
                scaled = tuple(run * size.channels / timed for run in found)
                median = statistics.median(scaled)
                rows.append(SpeedRow(name, motion, dtype, timed, median, scaled))
    return rows


def _added(
    method: Contestant, transforms: Sequence[Transform], channels: int, stack: Stack
) -> Stack:
    return method.add(stack[..., :channels], transforms[: len(stack)])
