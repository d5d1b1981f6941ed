"""The mean of all tiles and how they scatter about it, by one pass over the frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.matches import Matches
from hyperspy_smartalign.motif.sources import Frames, as_source
from hyperspy_smartalign.motif.tiles import (
    BATCH,
    TileInterpolation,
    cut_upright,
    frame_tiles,
    tile_size,
)
from hyperspy_smartalign.resampling import spline_coefficients
from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import SPLINE
from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray
from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.transforms import Transform


@dataclass(frozen=True, eq=False)
class TileAverage:
    """Mean of many tiles.

    Attributes
    ----------
    mean : (H, W) float32
        NaN where no tile was observed.
    variance : (H, W) float32
        How tiles scatter about the mean: sample variance of one tile; NaN with fewer than two.
    count : (H, W) int
        Number of tiles that were observed in each pixel.
    """

    mean: FloatArray
    variance: FloatArray
    count: npt.NDArray[np.int64]

    @property
    def error(self) -> FloatArray:
        """(H, W) standard error of the mean."""
        count = np.where(self.count > 0, self.count, np.nan)
        return np.asarray(np.sqrt(self.variance / count), np.float32)


def average_tiles(
    frames: Frames,
    matches: Matches,
    *,
    upsample: float = 1.0,
    transforms: Sequence[Transform] | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
    interpolation: TileInterpolation = "spline",
    coefficients: Callable[[int], FloatArray] | None = None,
    num_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TileAverage:
    """Mean and scatter of all tiles, as a running sum that never holds their stack.

    Parameters
    ----------
    frames : (h, w) or (n, h, w) array, or FrameSource
        Raw frames.
    matches : Matches
        Without transforms each tile belongs to the frame that it was found in. With them, every
        match was found in the common frame and is in every frame.
    upsample, transforms, origin, interpolation, num_workers, progress
        As in `cut_matches`.
    coefficients : callable, optional
        Gives the `spline_coefficients` of a frame by its number, if they are at hand.

    Raises
    ------
    ValueError
        If a match lies in a frame that does not exist, or transforms are not one a frame.
    """
    source = as_source(frames)
    _check_frames(source, matches, transforms)
    size = tile_size(matches.tile_shape, upsample)
    step = max(1, BATCH // (size[0] * size[1]))
    upright = upsample == 1 and all(orientation.is_upright for orientation in matches.orientations)
    plain = upright and transforms is None and interpolation == "spline"
    sums: list[DoubleArray | None] = [None] * len(source)
    # Squares are summed about a level, or they would cancel; one frame tells it well enough.
    level = _level(source, matches)

    def computed(i: int) -> FloatArray:
        return spline_coefficients(source.frame(i))

    prepared = computed if coefficients is None else coefficients

    def task(i: int) -> None:
        rows = _rows_of(matches, i, transforms)
        if not len(rows):
            return
        total = np.zeros((3, *size))
        if plain:
            _add_cut(prepared(i), matches.centres[rows], level, total)
        else:
            frame = source.frame(i)
            known = prepared(i) if interpolation == "spline" else None
            for first in range(0, len(rows), step):
                tiles = frame_tiles(
                    frame,
                    matches.chosen(rows[first : first + step]),
                    upsample=upsample,
                    transform=None if transforms is None else transforms[i],
                    origin=origin,
                    interpolation=interpolation,
                    coefficients=known,
                )
                _add(tiles, level, total)
        sums[i] = total

    run_tasks(task, len(source), num_workers=num_workers, progress=progress)
    # In the order of the frames, so that the result does not depend on the threads.
    count, total, square = np.zeros((3, *size))
    for part in sums:
        if part is not None:
            count, total, square = count + part[0], total + part[1], square + part[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / count
        variance = np.where(count > 1, (square - total * mean) / (count - 1), np.nan)
    return TileAverage(
        (mean + level).astype(np.float32),
        np.maximum(variance, 0).astype(np.float32),
        count.astype(np.int64),
    )


def _level(source: Any, matches: Matches) -> float:
    """Typical value of the pixels."""
    if not len(matches):
        return 0.0
    frame = np.asarray(source.frame(int(matches.frame[0]) if len(source) > 1 else 0))
    level = float(np.nanmean(np.where(np.isfinite(frame), frame, np.nan), dtype=np.float64))
    return level if np.isfinite(level) else 0.0


@compiled
def _add(tiles: FloatArray, level: float, total: DoubleArray) -> None:
    """Add tiles to a number, a sum and a sum of squares about a level, where they are finite."""
    for i in range(len(tiles)):
        for q in range(tiles.shape[1]):
            for p in range(tiles.shape[2]):
                # Asked before the level is taken off: the test is itself a difference, and sums
                # may be reordered.
                if math.isfinite(tiles[i, q, p]):
                    value = np.float64(tiles[i, q, p]) - level
                    total[0, q, p] += 1.0
                    total[1, q, p] += value
                    total[2, q, p] += value * value


@compiled
def _add_cut(source: FloatArray, centres: DoubleArray, level: float, total: DoubleArray) -> None:
    """Cut upright tiles out of a frame one after the other, and add them as `_add` does."""
    _, h, w = total.shape
    tile = np.empty((1, h, w), np.float32)
    for i in range(len(centres)):
        tile[:] = np.nan
        cut_upright(source, centres[i : i + 1], SPLINE, tile)
        _add(tile, level, total)


def _rows_of(
    matches: Matches, frame: int, transforms: Sequence[Transform] | None
) -> npt.NDArray[np.intp]:
    """Numbers of the matches that are cut out of a frame."""
    if transforms is None:
        return np.flatnonzero(matches.frame == frame)
    return np.arange(len(matches))


def _check_frames(source: Any, matches: Matches, transforms: Sequence[Transform] | None) -> None:
    count = len(source)
    if transforms is not None:
        if len(transforms) != count:
            raise ValueError(
                f"There are {count} frames but {len(transforms)} transforms; give one a frame."
            )
    elif len(matches) and not (matches.frame.min() >= 0 and matches.frame.max() < count):
        raise ValueError(
            f"Matches lie in frames {matches.frame.min()} to {matches.frame.max()}, but there are "
            f"only {count} frames; give the frames that were searched."
        )
