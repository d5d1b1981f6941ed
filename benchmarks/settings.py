"""How much to measure: full, quick and tiny runs."""

from __future__ import annotations

from dataclasses import dataclass

Shape = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class CommonSettings:
    """What every benchmark wants to know.

    Attributes
    ----------
    name : str
        Name of the run.
    frames : int
        Frames of a series in the measurements of accuracy.
    shape : (int, int)
        Rows and columns of its frames.
    doses : tuple of float
        Peak counts a pixel, for errors against the bound.
    seeds, rival_seeds : int
        Series at each dose: for this package, and for the others.
    repeats : int
        Timed runs, of which the median is kept.
    patience : float
        Seconds after which one measurement is not repeated any more.
    """

    name: str
    frames: int
    shape: Shape
    doses: tuple[float, ...]
    seeds: int
    rival_seeds: int
    repeats: int
    patience: float


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    """One size of run.

    Attributes
    ----------
    tilt_doses, hop_doses : tuple of float
        Peak counts a pixel: tilt boundary, hops.
    tilt_seeds : int
        Series of the tilt boundary at each dose.
    calibration_doses : tuple of float
        Doses near the threshold of the small series that hop probabilities are checked on.
    calibration_seeds, calibration_frames : int
        Their number at each dose, and their frames.
    calibration_shape : (int, int)
        Rows and columns of their frames.
    sizes : tuple of (int, (int, int))
        Frames and shapes of the series for seconds and memory.
    growth : tuple of int
        Numbers of frames for the growth of seconds.
    growth_shape : (int, int)
        Rows and columns of those frames.
    limit : float
        A rival that would need more than this many seconds for a longer series is not run on it.
    imports : int
        Fresh processes for the import time.
    """

    tilt_doses: tuple[float, ...]
    hop_doses: tuple[float, ...]
    tilt_seeds: int
    calibration_doses: tuple[float, ...]
    calibration_seeds: int
    calibration_frames: int
    calibration_shape: Shape
    sizes: tuple[tuple[int, Shape], ...]
    growth: tuple[int, ...]
    growth_shape: Shape
    limit: float
    imports: int


FULL = Settings(
    name="full",
    frames=40,
    shape=(256, 256),
    doses=(20.0, 5.0, 2.0, 1.0, 0.5),
    tilt_doses=(2.0, 0.1, 0.05),
    hop_doses=(0.5, 0.25, 0.15, 0.1),
    seeds=8,
    rival_seeds=2,
    tilt_seeds=3,
    calibration_doses=(1.2, 0.8, 0.6, 0.5, 0.4),
    calibration_seeds=20,
    calibration_frames=20,
    calibration_shape=(128, 128),
    sizes=((40, (256, 256)), (40, (512, 512)), (20, (1024, 1024))),
    growth=(8, 16, 32, 64, 128, 256, 512, 1000),
    growth_shape=(256, 256),
    repeats=5,
    patience=10.0,
    limit=30.0,
    imports=5,
)

QUICK = Settings(
    name="quick",
    frames=40,
    shape=(256, 256),
    doses=(20.0, 2.0, 0.5),
    tilt_doses=(2.0,),
    hop_doses=(0.5, 0.25),
    seeds=2,
    rival_seeds=1,
    tilt_seeds=1,
    calibration_doses=(0.8, 0.5),
    calibration_seeds=8,
    calibration_frames=20,
    calibration_shape=(128, 128),
    sizes=((40, (256, 256)),),
    growth=(8, 32, 128),
    growth_shape=(256, 256),
    repeats=3,
    patience=3.0,
    limit=10.0,
    imports=2,
)

TINY = Settings(
    name="tiny",
    frames=6,
    shape=(96, 80),
    doses=(20.0, 2.0),
    tilt_doses=(2.0,),
    hop_doses=(2.0,),
    seeds=1,
    rival_seeds=1,
    tilt_seeds=1,
    calibration_doses=(0.6,),
    calibration_seeds=2,
    calibration_frames=6,
    calibration_shape=(80, 80),
    sizes=((6, (96, 80)),),
    growth=(4, 8),
    growth_shape=(64, 64),
    repeats=1,
    patience=1.0,
    limit=5.0,
    imports=1,
)

RUNS = {settings.name: settings for settings in (FULL, QUICK, TINY)}
