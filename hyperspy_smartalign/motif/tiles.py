"""Tiles cut out of frames between the pixels, by one interpolation from the raw frame.

Tile pixel k of a tile (H, W) lies at c + A (k - ((H - 1) / 2, (W - 1) / 2)) / u from its centre c,
with A the motif's orientation and u the up-sampling. With an alignment, c lies in the common frame
and frame i is sampled at p + d_i(p).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.matches import Matches
from hyperspy_smartalign.motif.sampling import sample_inside
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
BATCH = 1 << 20


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
                # Rows are sorted, so all of them are just those of the output.
                part = out if len(rows) == len(out) else out[rows]
                cut_upright(np.ascontiguousarray(source), centres, kind, part)
                if part is not out:
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
    upsample : float
        Tile pixels a frame pixel along each axis.
    transforms : sequence of Transform, optional
        One a frame, where matches lie in the common frame: tile pixel p of match c samples frame i
        at p + c + d_i(p + c).
    origin : (y, x)
        Pixel of the common frame where the searched image had its first pixel. With `transforms`.
    interpolation : {"spline", "linear", "nearest"}
    num_workers : int, optional
        Threads; one per processor by default.
    progress : callable, optional
        Called as ``progress(done, frames)``.

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
    step = max(1, BATCH // (size[0] * size[1]))
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
def cut_upright(source: FloatArray, centres: DoubleArray, kind: int, out: FloatArray) -> None:
    """Upright tiles (n, h, w) of a frame about their centres; what lies outside stays."""
    _, h, w = out.shape
    line = np.empty(w + 3, np.float32)
    for i in range(len(centres)):
        y0, x0 = centres[i, 0] - (h - 1) / 2, centres[i, 1] - (w - 1) / 2
        if kind != SPLINE or not sample_inside(source, y0, x0, line, out[i]):
            shift_constant(source, y0, x0, kind, kind, out[i])
