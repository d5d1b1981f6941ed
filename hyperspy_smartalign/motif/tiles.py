"""Tiles cut out of frames between the pixels, by one interpolation from the raw frame.

Tile pixel k of a tile (H, W) lies at c + A (k - ((H - 1) / 2, (W - 1) / 2)) / u from its centre c,
with A the motif's orientation and u the up-sampling. With an alignment, c lies in the common frame
and frame i is sampled at p + d_i(p).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.matches import Matches, concatenated
from hyperspy_smartalign.motif.sources import Frames, as_source
from hyperspy_smartalign.resampling import spline_coefficients, warp_frame
from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import LINEAR, SPLINE, shift_constant
from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray
from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.rigid.store import FrameSource
from hyperspy_smartalign.transforms import Transform, Translation
from hyperspy_smartalign.transforms.canvas import Canvas

TileInterpolation = Literal["spline", "linear", "nearest"]

# Tiles are sampled so many pixels at a time, which bounds the memory for their positions.
_BATCH = 1 << 20


@dataclass(frozen=True, eq=False)
class Tiles:
    """Tiles and where each comes from.

    Attributes
    ----------
    pixels : (n, H, W) float32
        NaN where a frame was not observed.
    matches : Matches
        One row a tile: frame number and centre in pixels of that raw frame.
    source : (n,) int
        Number of the match, among those given, that each tile comes from.
    """

    pixels: FloatArray
    matches: Matches
    source: npt.NDArray[np.intp]


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


def tile_size(tile_shape: tuple[int, int], upsample: float = 1.0) -> tuple[int, int]:
    """Rows and columns of a tile whose pixels are `upsample` times finer than the frame's.

    Raises
    ------
    ValueError
        If the factor is not above zero or leaves no pixel.
    """
    if not (np.isfinite(upsample) and upsample > 0):
        raise ValueError(f"upsample is {upsample!r}; give a finite factor above 0.")
    height, width = (int(np.floor(n * upsample + 0.5)) for n in tile_shape)
    if min(height, width) < 1:
        raise ValueError(
            f"upsample={upsample:g} leaves no pixel of a tile of {tile_shape[0]} x "
            f"{tile_shape[1]} px; give a larger factor."
        )
    return height, width


def frame_tiles(
    frame: npt.ArrayLike,
    matches: Matches,
    *,
    upsample: float = 1.0,
    transform: Transform | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
    interpolation: TileInterpolation = "spline",
    coefficients: FloatArray | None = None,
) -> FloatArray:
    """Cut all matches out of one frame, whichever frame they were found in.

    Parameters
    ----------
    frame : (h, w) array
        Raw frame; NaN where nothing was observed.
    matches : Matches
        Centres in pixels of this frame, or with a transform of the common frame.
    upsample : float
        Tile pixels a frame pixel along each axis: digital super-resolution above 1.
    transform : Transform, optional
        Displacement of this frame's content.
    origin : (y, x)
        Pixel of the common frame where the searched image had its first pixel. With `transform`.
    interpolation : {"spline", "linear", "nearest"}
    coefficients : (h, w) float32 array, optional
        `spline_coefficients` of the frame, if at hand.

    Returns
    -------
    (n, H, W) float32 array
        Turned upright; NaN outside the frame.
    """
    size = tile_size(matches.tile_shape, upsample)
    out = np.full((len(matches), *size), np.nan, np.float32)
    for rows, positions in _positions(matches, upsample, transform, origin):
        if positions is None:
            shift = transform.shift if isinstance(transform, Translation) else 0.0
            centres = matches.centres[rows] + (0.0 if transform is None else origin) + shift
            if interpolation != "nearest":
                source = np.asarray(frame, np.float32)
                if interpolation == "spline":
                    source = spline_coefficients(frame) if coefficients is None else coefficients
                kind = SPLINE if interpolation == "spline" else LINEAR
                part = out[rows]
                _cut(np.ascontiguousarray(source), centres, kind, part)
                out[rows] = part
                continue
            positions = _grid(centres, np.eye(2), size, 1.0)
        n = positions.shape[1]
        # One tall output of all tiles: the frame is prepared for sampling only once.
        tall = positions.reshape(2, n * size[0], size[1])
        tall = tall - np.indices(tall.shape[1:], np.float64)
        sampled = warp_frame(
            frame,
            tall,
            Canvas(0, 0, *tall.shape[1:]),
            interpolation=interpolation,
            fill="nan" if interpolation != "nearest" else _no_fill(frame),
            coefficients=coefficients if interpolation == "spline" else None,
        )
        seen = np.where(sampled.covered, sampled.pixels, np.nan)
        out[rows] = seen.reshape(n, *size)
    return out


def frame_matches(
    matches: Matches,
    *,
    frame: int,
    transform: Transform,
    origin: tuple[float, float] = (0.0, 0.0),
) -> Matches:
    """Matches found in the common frame, carried back to a raw frame.

    Parameters
    ----------
    matches : Matches
        Found on an aligned image, such as the rigid average.
    frame : int
        Number of the raw frame.
    transform : Transform
        Displacement of its content.
    origin : (y, x)
        Pixel of the common frame where the aligned image has its first pixel.

    Returns
    -------
    Matches
        Centres in pixels of the raw frame.
    """
    centres = matches.centres.T + np.reshape(origin, (2, 1))
    y, x = centres + transform.at(centres)
    return replace(matches, frame=np.full(len(matches), frame), y=y, x=x)


def cut_matches(
    frames: FrameSource,
    matches: Mapping[int, Matches],
    *,
    upsample: float = 1.0,
    transforms: Sequence[Transform] | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
    interpolation: TileInterpolation = "spline",
    num_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FloatArray:
    """Cut matches out of the frames that they belong to.

    Parameters
    ----------
    frames : FrameSource
        Raw frames.
    matches : mapping
        Frame number -> its matches, all of one motif; at least one frame.
    upsample, transforms, origin, interpolation, num_workers, progress
        As in `extract_tiles`.

    Returns
    -------
    (n, H, W) float32 array
        In the order of the frame numbers, then of the matches. NaN where nothing was observed.
    """
    numbers = sorted(matches)
    ends = np.cumsum([0, *(len(matches[number]) for number in numbers)])
    size = tile_size(matches[numbers[0]].tile_shape, upsample)
    pixels = np.empty((int(ends[-1]), *size), np.float32)

    def task(place: int) -> None:
        number = numbers[place]
        if len(matches[number]):
            pixels[ends[place] : ends[place + 1]] = frame_tiles(
                frames.frame(number),
                matches[number],
                upsample=upsample,
                transform=None if transforms is None else transforms[number],
                origin=origin,
                interpolation=interpolation,
            )

    run_tasks(task, len(numbers), num_workers=num_workers, progress=progress)
    return pixels


def extract_tiles(
    frames: Frames,
    matches: Matches,
    *,
    upsample: float = 1.0,
    transforms: Sequence[Transform] | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
    interpolation: TileInterpolation = "spline",
    num_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Tiles:
    """Stack of all tiles.

    Parameters
    ----------
    frames : (h, w) or (n, h, w) array, or FrameSource
        Raw frames.
    matches : Matches
        Without transforms each tile is cut out of the frame that it was found in. With them,
        every match was found in the common frame and is cut out of every frame.
    upsample : float
        Tile pixels a frame pixel along each axis.
    transforms : sequence of Transform, optional
        One a frame: tile pixel p of match c samples frame i at p + c + d_i(p + c).
    origin : (y, x)
        Pixel of the common frame where the searched image had its first pixel. With `transforms`.
    interpolation : {"spline", "linear", "nearest"}
    num_workers : int, optional
        Threads; one per processor by default.
    progress : callable, optional
        Called as ``progress(done, frames)``.

    Returns
    -------
    Tiles
        Frame by frame, in the order of the matches.

    Raises
    ------
    ValueError
        If a match lies in a frame that does not exist, or transforms are not one a frame.
    """
    source = as_source(frames)
    _check(source, matches, transforms)
    rows = [_rows(matches, i, transforms) for i in range(len(source))]
    pixels = cut_matches(
        source,
        {i: matches.chosen(part) for i, part in enumerate(rows)},
        upsample=upsample,
        transforms=transforms,
        origin=origin,
        interpolation=interpolation,
        num_workers=num_workers,
        progress=progress,
    )
    taken = np.concatenate(rows)
    if transforms is None:
        return Tiles(pixels, matches.chosen(taken), taken)
    parts = [
        frame_matches(matches, frame=i, transform=transform, origin=origin)
        for i, transform in enumerate(transforms)
    ]
    return Tiles(pixels, concatenated(parts), taken)


def average_tiles(
    frames: Frames,
    matches: Matches,
    *,
    upsample: float = 1.0,
    transforms: Sequence[Transform] | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
    interpolation: TileInterpolation = "spline",
    num_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TileAverage:
    """Mean and scatter of all tiles, as a running sum that never holds their stack.

    Parameters and errors are those of `extract_tiles`.
    """
    source = as_source(frames)
    _check(source, matches, transforms)
    size = tile_size(matches.tile_shape, upsample)
    step = max(1, _BATCH // (size[0] * size[1]))
    sums: list[DoubleArray | None] = [None] * len(source)
    # Squares are summed about a level, or they would cancel; one frame tells it well enough.
    level = _level(source, matches)

    def task(i: int) -> None:
        rows = _rows(matches, i, transforms)
        if not len(rows):
            return
        frame = source.frame(i)
        coefficients = spline_coefficients(frame) if interpolation == "spline" else None
        total = np.zeros((3, *size))
        for first in range(0, len(rows), step):
            tiles = frame_tiles(
                frame,
                matches.chosen(rows[first : first + step]),
                upsample=upsample,
                transform=None if transforms is None else transforms[i],
                origin=origin,
                interpolation=interpolation,
                coefficients=coefficients,
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


def _rows(
    matches: Matches, frame: int, transforms: Sequence[Transform] | None
) -> npt.NDArray[np.intp]:
    """Numbers of the matches that are cut out of a frame."""
    if transforms is None:
        return np.flatnonzero(matches.frame == frame)
    return np.arange(len(matches))


def _check(source: Any, matches: Matches, transforms: Sequence[Transform] | None) -> None:
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


def _level(source: Any, matches: Matches) -> float:
    """Typical value of the pixels."""
    if not len(matches):
        return 0.0
    frame = np.asarray(source.frame(int(matches.frame[0]) if len(source) > 1 else 0))
    level = float(np.nanmean(np.where(np.isfinite(frame), frame, np.nan), dtype=np.float64))
    return level if np.isfinite(level) else 0.0


def _no_fill(frame: npt.ArrayLike) -> float:
    """A fill value that the frame's own type can hold; what it fills is marked elsewhere."""
    return float("nan") if np.asarray(frame).dtype.kind == "f" else 0.0


def _positions(
    matches: Matches,
    upsample: float,
    transform: Transform | None,
    origin: tuple[float, float],
) -> Iterator[tuple[npt.NDArray[np.intp], DoubleArray | None]]:
    """Rows of matches, with their pixels' positions (2, n, H, W) or None where one shift does."""
    size = tile_size(matches.tile_shape, upsample)
    step = max(1, _BATCH // (size[0] * size[1]))
    centres = matches.centres + (0.0 if transform is None else np.asarray(origin, np.float64))
    for number, orientation in enumerate(matches.orientations):
        all_rows = np.flatnonzero(matches.orientation == number)
        plain = orientation.is_upright and upsample == 1
        if plain and (transform is None or isinstance(transform, Translation)):
            if len(all_rows):
                yield all_rows, None
            continue
        for first in range(0, len(all_rows), step):
            rows = all_rows[first : first + step]
            positions = _grid(centres[rows], orientation.matrix, size, upsample)
            if transform is not None:
                positions += transform.at(positions)
            yield rows, positions


def _grid(
    centres: DoubleArray, matrix: DoubleArray, size: tuple[int, int], upsample: float
) -> DoubleArray:
    """Positions (2, n, H, W) of the pixels of tiles."""
    middle = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
    offsets = (np.indices(size, np.float64) - middle[:, None, None]) / upsample
    turned = np.einsum("ab,bij->aij", matrix, offsets)
    return np.asarray(centres.T[:, :, None, None] + turned[:, None], np.float64)


@compiled
def _cut(source: FloatArray, centres: DoubleArray, kind: int, out: FloatArray) -> None:
    """Upright tiles (n, h, w) of a frame about their centres; what lies outside stays."""
    _, h, w = out.shape
    for i in range(len(centres)):
        y0, x0 = centres[i, 0] - (h - 1) / 2, centres[i, 1] - (w - 1) / 2
        shift_constant(source, y0, x0, kind, kind, out[i])


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
