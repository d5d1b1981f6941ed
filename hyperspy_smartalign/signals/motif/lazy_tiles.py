"""Tiles that are cut when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif import Matches, frame_tiles, tile_size
from hyperspy_smartalign.parameters import TemplateParameters
from hyperspy_smartalign.resampling import spline_coefficients
from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.signals.motif.tiling import CutTiles, Cutting, reporting
from hyperspy_smartalign.signals.progressing import Progress
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import Frames
from hyperspy_smartalign.transforms import Transform, Translation

CHUNK_BYTES = 2**26
"""Chunks of tiles hold at most so much."""
# So much is cut at a time, and forgotten, to learn what was observed.
_TRIAL_BYTES = 2**24
# Tiles so far inside a frame, px, need not be cut for that.
_MARGIN = 0.01


def cut_tiles_lazily(
    frames: Frames,
    matches: Mapping[int, Matches],
    parameters: TemplateParameters,
    *,
    transforms: Sequence[Transform] | None = None,
    origin: tuple[int, int] = (0, 0),
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> CutTiles:
    """The same tiles as of `cut_tiles`, as a dask array, each chunk out of one frame.

    Those near the edges or gaps of a frame are cut once before, and forgotten, to learn which
    were observed.

    Parameters
    ----------
    frames : Frames
        Those of a signal, lazy or not.
    matches, parameters, transforms, origin, num_workers, progress
        As in `cut_tiles`.

    Returns
    -------
    CutTiles
    """
    cutting = Cutting(parameters, transforms, origin)
    report = reporting(progress, "measuring", matches)
    seen = _seen(frames, matches, cutting, num_workers, report)
    return cutting.result(_pixels(frames, matches, cutting, seen), matches, seen)


def _seen(
    frames: Frames,
    matches: Mapping[int, Matches],
    cutting: Cutting,
    num_workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> npt.NDArray[np.bool_]:
    """Which tiles were observed enough."""
    numbers = sorted(matches)
    stream = FrameStream(frames)
    seen = [np.ones(len(matches[number]), np.bool_) for number in numbers]

    def task(place: int) -> None:
        number = numbers[place]
        found = matches[number]
        doubtful = ~_inside(found, cutting, number, frames.layout.frame_shape)
        if not (doubtful.any() or (len(found) and frames.dtype.kind == "f")):
            return
        frame = stream.frame(number)
        if frame.dtype.kind == "f" and not np.isfinite(frame).all():
            doubtful[:] = True
        rows = np.flatnonzero(doubtful)
        coefficients = None
        if cutting.parameters.interpolation == "spline" and rows.size:
            coefficients = spline_coefficients(frame)
        for part in _parts(rows, found, cutting, _TRIAL_BYTES):
            cut = _function(found.chosen(part), cutting, number)
            seen[place][part] = [
                cutting.is_seen(tile) for tile in cut(frame, coefficients=coefficients)
            ]

    run_tasks(task, len(numbers), num_workers=num_workers, progress=progress)
    return np.concatenate(seen)


def _inside(
    matches: Matches, cutting: Cutting, number: int, frame_shape: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Which tiles lie wholly inside a frame; none where that is not easily told."""
    transform = cutting.transform(number)
    centres = matches.centres
    if isinstance(transform, Translation):
        centres = centres + cutting.origin + transform.shift
    elif transform is not None:
        return np.zeros(len(matches), np.bool_)
    upsample = cutting.parameters.upsample
    size = np.array(tile_size(matches.tile_shape, upsample))
    reach = np.array(
        [np.abs(each.matrix) @ ((size - 1) / 2 / upsample) for each in matches.orientations]
    )[matches.orientation]
    last = np.array(frame_shape) - 1
    inside = (centres - reach > _MARGIN) & (centres + reach < last - _MARGIN)
    return np.asarray(inside.all(axis=1))


def _pixels(
    frames: Frames,
    matches: Mapping[int, Matches],
    cutting: Cutting,
    seen: npt.NDArray[np.bool_],
) -> Any:
    """Dask array (n, H, W) of the tiles that were observed."""
    import dask
    import dask.array as da

    blocks, start = [], 0
    for number, found in sorted(matches.items()):
        rows = np.flatnonzero(seen[start : start + len(found)])
        start += len(found)
        place = np.unravel_index(number, frames.layout.series_shape)
        frame = frames.data[place] if frames.lazy else frames.frame(number)
        for part in _parts(rows, found, cutting, CHUNK_BYTES):
            shape = len(part), *tile_size(found.tile_shape, cutting.parameters.upsample)
            cut = dask.delayed(_function(found.chosen(part), cutting, number))  # type: ignore[attr-defined]
            blocks.append(da.from_delayed(cut(frame), shape, np.float32))
    return da.concatenate(blocks) if blocks else np.empty((0, 1, 1), np.float32)


def _function(matches: Matches, cutting: Cutting, number: int) -> Callable[..., Any]:
    """Function that cuts matches out of the pixels of a frame."""
    return partial(
        frame_tiles, matches=matches, transform=cutting.transform(number), **cutting.options
    )


def _parts(
    rows: npt.NDArray[np.intp], matches: Matches, cutting: Cutting, most: int
) -> list[npt.NDArray[np.intp]]:
    """Rows in parts of which the tiles hold at most so many bytes."""
    height, width = tile_size(matches.tile_shape, cutting.parameters.upsample)
    step = max(1, most // (4 * height * width))
    return [rows[k : k + step] for k in range(0, len(rows), step)]
