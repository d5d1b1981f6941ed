"""How much to measure: full, quick and tiny runs."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.settings import CommonSettings, Shape


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    """One size of run.

    Attributes
    ----------
    pair_frames, pair_seeds : int
        Frames, scanned at 0 and 90 degrees in turn, of the series whose common part is measured,
        and their number.
    pair_dose : float
        Their peak counts a pixel.
    still_frames : int
        Frames of the series in which there is nothing to find.
    sizes : tuple of (int, (int, int), int)
        Series for seconds and memory: frames, shape, and how many of the frames the rivals are
        timed on. Their seconds are scaled to all frames, as they take frames one by one.
    """

    pair_frames: int
    pair_seeds: int
    pair_dose: float
    still_frames: int
    sizes: tuple[tuple[int, Shape, int], ...]


FULL = Settings(
    name="full",
    frames=16,
    shape=(256, 256),
    doses=(50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.3),
    seeds=3,
    rival_seeds=1,
    pair_frames=8,
    pair_seeds=3,
    pair_dose=20.0,
    still_frames=6,
    sizes=((16, (256, 256), 16), (20, (1024, 1024), 2)),
    repeats=5,
    patience=10.0,
)

QUICK = Settings(
    name="quick",
    frames=16,
    shape=(256, 256),
    doses=(20.0, 2.0, 0.3),
    seeds=1,
    rival_seeds=1,
    pair_frames=8,
    pair_seeds=1,
    pair_dose=20.0,
    still_frames=4,
    sizes=((16, (256, 256), 8),),
    repeats=3,
    patience=3.0,
)

TINY = Settings(
    name="tiny",
    frames=4,
    shape=(96, 80),
    doses=(20.0, 2.0),
    seeds=1,
    rival_seeds=1,
    pair_frames=4,
    pair_seeds=1,
    pair_dose=20.0,
    still_frames=4,
    sizes=((4, (96, 80), 2),),
    repeats=1,
    patience=1.0,
)

RUNS = {settings.name: settings for settings in (FULL, QUICK, TINY)}
