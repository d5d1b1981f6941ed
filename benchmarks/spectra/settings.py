"""How much to measure: full, quick and tiny runs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from benchmarks.settings import Shape


@dataclass(frozen=True)
class SeriesSize:
    """Frames, rows and columns, and channels of a series of spectrum images."""

    frames: int
    shape: Shape
    channels: int

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Shape (n, h, w, e) of the array."""
        return (self.frames, *self.shape, self.channels)

    @property
    def gigabytes(self) -> float:
        """Size in float32, GB."""
        return 4e-9 * prod(self.sizes)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One size of run.

    Attributes
    ----------
    name : str
        Name of the run.
    memory_series : SeriesSize
        The series in memory.
    rival_channels : int
        Rivals that work channel by channel are timed on the first of the channels.
    repeats : int
        Timed runs on the series in memory, of which the median is kept.
    patience : float
        Seconds after which one measurement is not repeated any more.
    file_series : SeriesSize
        The series in a file.
    worker_frames : int
        Frames of the file that the processes of a cluster work on.
    workers : tuple of int
        Numbers of processes.
    """

    name: str
    memory_series: SeriesSize
    rival_channels: int
    repeats: int
    patience: float
    file_series: SeriesSize
    worker_frames: int
    workers: tuple[int, ...]


FULL = Settings(
    name="full",
    memory_series=SeriesSize(8, (128, 128), 1024),
    rival_channels=32,
    repeats=5,
    patience=4.0,
    file_series=SeriesSize(75, (256, 256), 1024),
    worker_frames=24,
    workers=(1, 2),
)

QUICK = Settings(
    name="quick",
    memory_series=SeriesSize(8, (128, 128), 1024),
    rival_channels=16,
    repeats=2,
    patience=2.0,
    file_series=SeriesSize(16, (128, 128), 1024),
    worker_frames=16,
    workers=(1, 2),
)

TINY = Settings(
    name="tiny",
    memory_series=SeriesSize(2, (20, 24), 16),
    rival_channels=4,
    repeats=1,
    patience=1.0,
    file_series=SeriesSize(4, (32, 24), 32),
    worker_frames=3,
    workers=(1,),
)

RUNS = {settings.name: settings for settings in (FULL, QUICK, TINY)}
