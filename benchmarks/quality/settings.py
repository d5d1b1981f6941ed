"""How many simulated series are judged: full, quick and tiny runs."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.settings import Shape


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One size of run.

    Attributes
    ----------
    name : str
        Name of the run.
    frames : int
        Frames of a series.
    shape : (int, int)
        Rows and columns of its frames.
    shift_doses, line_doses : tuple of float
        Peak counts a pixel: errors of shifts, errors of scan lines.
    shift_seeds, line_seeds : int
        Series at each dose.
    hop_doses : tuple of float
        Doses near the lowest one at which series with unit cells can be aligned.
    hop_seeds, hop_frames : int
        Their number at each dose, and their frames.
    hop_shape : (int, int)
        Rows and columns of their frames.
    help_doses, help_jitters : tuple of float
        Doses and rms jitters of the lines, px, at which it is asked whether the non-rigid
        alignment helped, and what limits the result.
    help_seeds : int
        Series at each of them, solver by solver.
    workers : int
        Processes.
    """

    name: str
    frames: int
    shape: Shape
    shift_doses: tuple[float, ...]
    shift_seeds: int
    line_doses: tuple[float, ...]
    line_seeds: int
    hop_doses: tuple[float, ...]
    hop_seeds: int
    hop_frames: int
    hop_shape: Shape
    help_doses: tuple[float, ...]
    help_jitters: tuple[float, ...]
    help_seeds: int
    workers: int


FULL = Settings(
    name="full",
    frames=12,
    shape=(112, 112),
    shift_doses=(20.0, 5.0, 2.0, 1.0, 0.5),
    shift_seeds=40,
    line_doses=(20.0, 5.0, 2.0, 1.0),
    line_seeds=10,
    hop_doses=(0.8, 0.4, 0.2, 0.14, 0.1, 0.07),
    hop_seeds=12,
    hop_frames=20,
    hop_shape=(128, 128),
    help_doses=(20.0, 5.0, 2.0, 1.0, 0.5),
    help_jitters=(0.0, 0.1, 0.25, 0.5),
    help_seeds=2,
    workers=2,
)

QUICK = Settings(
    name="quick",
    frames=12,
    shape=(96, 96),
    shift_doses=(20.0, 2.0),
    shift_seeds=8,
    line_doses=(5.0,),
    line_seeds=4,
    hop_doses=(0.5,),
    hop_seeds=4,
    hop_frames=20,
    hop_shape=(128, 128),
    help_doses=(5.0, 1.0),
    help_jitters=(0.0, 0.5),
    help_seeds=2,
    workers=2,
)

TINY = Settings(
    name="tiny",
    frames=6,
    shape=(64, 64),
    shift_doses=(5.0,),
    shift_seeds=2,
    line_doses=(10.0,),
    line_seeds=1,
    hop_doses=(1.0,),
    hop_seeds=1,
    hop_frames=6,
    hop_shape=(80, 80),
    help_doses=(10.0,),
    help_jitters=(0.5,),
    help_seeds=1,
    workers=1,
)

RUNS = {settings.name: settings for settings in (FULL, QUICK, TINY)}
