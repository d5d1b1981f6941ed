"""How much to measure: full, quick and tiny runs."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.settings import Shape


@dataclass(frozen=True)
class Motif:
    """A motif of a perfect lattice.

    Attributes
    ----------
    crystal : str
        Kind of lattice.
    spacing : float
        Its spacing, px.
    shape : (int, int)
        Rows and columns of the motif.
    """

    crystal: str
    spacing: float
    shape: Shape

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.crystal}, {self.shape[0]} x {self.shape[1]} px"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One size of run.

    Attributes
    ----------
    name : str
        Name of the run.
    speed_motif : Motif
        What is searched where seconds are measured.
    speed_frames, speed_shape : int, (int, int)
        The series it is searched in.
    tuning_frames : int
        Frames of it on which the thresholds are chosen.
    repeats : int
        Timed runs, of which the median is kept.
    patience : float
        Seconds after which one method is not run any more.
    memory_frames : int
        Frames of the series in a file; 0 measures no memory.
    motifs : tuple of Motif
        What is searched where accuracy is measured.
    doses : tuple of float
        Peak counts a pixel.
    frames, shape : int, (int, int)
        The series that the motifs are searched in.
    seeds : int
        Series of each motif at each dose.
    tile_doses : tuple of float
        Peak counts of the frame whose tiles are aligned.
    tile_frame : (int, int)
        Its rows and columns.
    tile_motif : Motif
        What is searched in it.
    """

    name: str
    speed_motif: Motif
    speed_frames: int
    speed_shape: Shape
    tuning_frames: int
    repeats: int
    patience: float
    memory_frames: int
    motifs: tuple[Motif, ...]
    doses: tuple[float, ...]
    frames: int
    shape: Shape
    seeds: int
    tile_doses: tuple[float, ...]
    tile_frame: Shape
    tile_motif: Motif


LARGE = Motif("perovskite", 61.0, (64, 64))
MOTIFS = (
    Motif("perovskite", 16.3, (32, 33)),
    Motif("dumbbell", 20.0, (28, 31)),
    Motif("hexagonal", 16.3, (24, 25)),
    Motif("square", 16.3, (17, 17)),
    LARGE,
)
TILE = Motif("perovskite", 16.3, (48, 48))

FULL = Settings(
    name="full",
    speed_motif=LARGE,
    speed_frames=16,
    speed_shape=(1024, 1024),
    tuning_frames=2,
    repeats=5,
    patience=15.0,
    memory_frames=64,
    motifs=MOTIFS,
    doses=(50.0, 20.0, 10.0, 5.0, 2.0, 1.0),
    frames=4,
    shape=(512, 512),
    seeds=3,
    tile_doses=(50.0, 20.0, 10.0),
    tile_frame=(256, 256),
    tile_motif=TILE,
)

QUICK = Settings(
    name="quick",
    speed_motif=LARGE,
    speed_frames=4,
    speed_shape=(1024, 1024),
    tuning_frames=1,
    repeats=3,
    patience=3.0,
    memory_frames=8,
    motifs=MOTIFS[:2],
    doses=(20.0, 5.0, 2.0),
    frames=4,
    shape=(512, 512),
    seeds=1,
    tile_doses=(20.0,),
    tile_frame=(192, 192),
    tile_motif=TILE,
)

TINY = Settings(
    name="tiny",
    speed_motif=MOTIFS[0],
    speed_frames=2,
    speed_shape=(128, 120),
    tuning_frames=1,
    repeats=1,
    patience=1.0,
    memory_frames=0,
    motifs=MOTIFS[:1],
    doses=(20.0,),
    frames=1,
    shape=(128, 120),
    seeds=1,
    tile_doses=(50.0,),
    tile_frame=(128, 120),
    tile_motif=TILE,
)

RUNS = {settings.name: settings for settings in (FULL, QUICK, TINY)}
