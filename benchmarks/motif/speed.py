"""Seconds from frames to tiles, how good the tiles are, and memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import memory, timing
from benchmarks.command import Report
from benchmarks.memory import MemoryRow
from benchmarks.motif.contestants import Contestant, Frames
from benchmarks.motif.measures import judge
from benchmarks.motif.scenes import Scene, scene
from benchmarks.motif.settings import LARGE, Settings
from benchmarks.settings import Shape

# Counts a pixel.
DOSE = 10.0
MODULE = "benchmarks.motif.contestants"


@dataclass(frozen=True)
class SpeedRow:
    """One method on one series.

    `seconds` is the median of the `runs`, and `processor_seconds` the time of all threads together
    in one more run, which other work on the machine hardly changes. `threshold` is None where the
    method found its own. The other numbers are those of `Judgement`, the error as root mean square
    over both axes.
    """

    method: str
    frames: int
    shape: Shape
    seconds: float
    runs: tuple[float, ...]
    processor_seconds: float
    threshold: float | None
    tiles: int
    recall: float
    false: int
    error: float
    bound: float


def measure_speed(
    settings: Settings, contestants: Sequence[Contestant], *, report: Report
) -> list[SpeedRow]:
    """Every method on one series, each with the threshold that suits it best."""
    shape, frames = settings.speed_shape, settings.speed_frames
    report(f"simulating {frames} frames of {shape[0]} x {shape[1]}")
    made = scene(settings.speed_motif, dose=DOSE, frames=frames, shape=shape, seed=0)
    thresholds = {}
    for method in contestants:
        report(f"threshold: {method.name}")
        thresholds[method.name] = best_threshold(method, made.first(settings.tuning_frames))
    runs = timing.take_turns(
        {
            method.name: partial(_tiles, method, made, thresholds[method.name])
            for method in contestants
        },
        [made.frames],
        repeats=settings.repeats,
        patience=settings.patience,
    )
    rows = []
    for method in contestants:
        report(f"{method.name}: {statistics.median(runs[method.name]):.2f} s")
        threshold = thresholds[method.name]
        before = time.process_time()
        found = method.find(made.frames, made.motif, made.spacing, threshold or 0.0)
        processors = time.process_time() - before
        judged = judge(found, made)
        rows.append(
            SpeedRow(
                method=method.name,
                frames=frames,
                shape=shape,
                seconds=statistics.median(runs[method.name]),
                runs=runs[method.name],
                processor_seconds=processors,
                threshold=threshold,
                tiles=judged.tiles,
                recall=judged.recall,
                false=judged.false,
                error=_pooled(judged.error),
                bound=_pooled(made.bound),
            )
        )
    return rows


def best_threshold(method: Contestant, made: Scene) -> float | None:
    """The threshold with which a method finds most repeats, each false one counted against it."""
    found = []
    for threshold in method.thresholds:
        judged = judge(method.find(made.frames, made.motif, made.spacing, threshold), made)
        right = judged.tiles - judged.false
        found.append((right - judged.false, threshold))
    return max(found)[1] if found else None


def _tiles(method: Contestant, made: Scene, threshold: float | None, frames: Frames) -> Any:
    return method.find(frames, made.motif, made.spacing, threshold or 0.0)


def _pooled(pair: Sequence[float]) -> float:
    return float((sum(float(value) ** 2 for value in pair) / len(pair)) ** 0.5)


def measure_memory(settings: Settings, *, report: Report) -> list[MemoryRow]:
    """Peak of the search in a long series that stays in its file, and of cutting the tiles."""
    if not settings.memory_frames:
        return []
    made = scene(
        LARGE,
        dose=DOSE,
        frames=settings.memory_frames,
        shape=settings.speed_shape,
        seed=0,
    )
    return memory.measure_each(
        MODULE, [LARGE.name], [made.frames], streamed={LARGE.name}, report=report
    )
