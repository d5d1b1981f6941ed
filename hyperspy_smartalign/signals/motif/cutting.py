"""Tiles of images, cut out of the raw frames of a signal by one interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling import (
    Accumulated,
    resample_frame,
    shift_frame,
    spline_coefficients,
)
from hyperspy_smartalign.resampling.options import fill_number, output_dtype
from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.signals.motif.placing import FrameTiles
from hyperspy_smartalign.signals.progressing import Progress
from hyperspy_smartalign.signals.rendering import Rendering
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import Frames
from hyperspy_smartalign.transforms import Canvas

_STAGE = "cutting tiles"


def cut_images(
    frames: Frames,
    moves: Sequence[FrameTiles],
    rows: Sequence[npt.NDArray[np.intp]],
    *,
    interpolation: Any,
    fill: Any,
    output: str,
    lazy: bool,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> Any:
    """The tiles of a series of images, or their average or sum.

    Parameters
    ----------
    frames : Frames
        The raw frames.
    moves, rows : sequences, one entry a frame
        Where the tiles of the frame lie in it, and their numbers in the stack.
    interpolation : {"spline", "linear", "nearest"}
        Kernel.
    fill : float, "nan" or "zero"
        Value of pixels that were not seen.
    output : {"series", "average", "sum"}
        What is wanted. A sum counts pixels that only some tiles saw as if all had.
    lazy : bool
        Give a dask array, to be computed later.
    num_workers : int or None
        Threads of what is computed now.
    progress : callable or None
        Told about what is computed now.

    Returns
    -------
    numpy or dask array
        (n, H, W): float32, with "nearest" the type of the frames. Or (H, W): float32 for an
        average, float64 for a sum.

    Raises
    ------
    ValueError
        Integers cannot hold the fill value.
    TypeError
        The pixels are not real numbers.
    """
    if frames.dtype.kind not in "biuf":
        raise TypeError(
            f"The pixels are {frames.dtype}, and only real numbers can be cut between the pixels. "
            "Take signal.real, signal.amplitude or signal.phase of complex images."
        )
    dtype = Rendering(interpolation, fill, output).dtype_of(frames)
    fill_number(fill, dtype)
    used = [i for i, numbers in enumerate(rows) if len(numbers)]
    if output == "series":
        cut: Any = partial(_pixels, interpolation=interpolation, fill=fill)
    else:
        cut = partial(_gathered, interpolation=interpolation)
    shapes = [
        (len(rows[i]), *moves[i].canvas.shape)
        if output == "series"
        else (3, *moves[i].canvas.shape)
        for i in used
    ]
    if lazy:
        import dask.array as da
        from dask.delayed import delayed

        one = delayed(cut, pure=False)
        each = dtype if output == "series" else np.dtype(np.float64)
        parts = [
            da.from_delayed(one(_place(frames, i), moves[i]), shape, each)
            for i, shape in zip(used, shapes, strict=True)
        ]
    else:
        stream = FrameStream(frames)
        parts = [None] * len(used)

        def task(place: int) -> None:
            parts[place] = cut(stream.frame(used[place]), moves[used[place]])

        report = None if progress is None else partial(progress, _STAGE)
        run_tasks(task, len(used), num_workers=num_workers, progress=report)
    if output == "series":
        order = np.argsort(np.concatenate([rows[i] for i in used]), kind="stable")
        joined = da.concatenate(parts) if lazy else np.concatenate(parts)
        return joined if np.array_equal(order, np.arange(len(order))) else joined[order]
    # In the order of the frames, so that the result does not depend on the threads.
    whole = sum(parts[1:], start=parts[0])
    finish = partial(_finished, fill=fill, output=output, dtype=dtype)
    if not lazy:
        return finish(whole)
    shape = shapes[0][1:]
    return da.from_delayed(delayed(finish, pure=False)(whole), shape, dtype)


def cut_frame(
    pixels: npt.NDArray[Any], tiles: FrameTiles, *, interpolation: Any, fill: Any
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Tiles cut out of one frame, each pixel by one interpolation.

    Parameters
    ----------
    pixels : (h, w) array
        The raw frame.
    tiles : FrameTiles
        Where they are.
    interpolation : {"spline", "linear", "nearest"}
        Kernel.
    fill : float, "nan" or "zero"
        Value of pixels that the frame did not see.

    Returns
    -------
    tiles : (m, H, W) array
        float32; with "nearest" the type of the frame.
    covered : (m, H, W) bool array
        What the frame saw.
    """
    canvas = tiles.canvas
    dtype = output_dtype(pixels.dtype, interpolation)
    result = np.full((len(tiles), *canvas.shape), fill_number(fill, dtype), dtype)
    covered = np.zeros(result.shape, np.bool_)
    if not len(tiles):
        return result, covered
    options: dict[str, Any] = {"interpolation": interpolation, "fill": fill}
    if interpolation == "spline":
        options["coefficients"] = spline_coefficients(pixels)
    shifts = tiles.shifts
    if shifts is not None:
        for i, shift in enumerate(shifts):
            cut = shift_frame(pixels, shift, canvas, **options)
            result[i], covered[i] = cut.pixels, cut.covered
        return result, covered
    for rows, places in tiles.batches():
        # One tall output of all tiles: the frame is prepared for sampling only once.
        tall = places.reshape(2, -1, canvas.width)
        whole = Canvas(0, 0, *tall.shape[1:])
        cut = resample_frame(pixels, tall - np.indices(tall.shape[1:]), whole, **options)
        result[rows] = cut.pixels.reshape(-1, *canvas.shape)
        covered[rows] = cut.covered.reshape(-1, *canvas.shape)
    return result, covered


def _place(frames: Frames, number: int) -> Any:
    """One frame of a series, lazy if the series is."""
    return frames.data[np.unravel_index(number, frames.layout.series_shape)]


def _pixels(pixels: Any, tiles: FrameTiles, *, interpolation: Any, fill: Any) -> Any:
    return cut_frame(np.asarray(pixels), tiles, interpolation=interpolation, fill=fill)[0]


def _gathered(pixels: Any, tiles: FrameTiles, *, interpolation: Any) -> npt.NDArray[np.float64]:
    """Sum over the tiles of a frame, number of those that saw each pixel, and of all."""
    cut, covered = cut_frame(np.asarray(pixels), tiles, interpolation=interpolation, fill="zero")
    total = cut.sum(axis=0, dtype=np.float64, where=covered)
    return np.stack(
        [total, covered.sum(axis=0, dtype=np.float64), np.full(total.shape, len(tiles))]
    )


def _finished(
    whole: npt.NDArray[np.float64], *, fill: Any, output: str, dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    gathered = Accumulated(whole[0], whole[1], float(whole[2].flat[0]))
    value = fill_number(fill, np.dtype(np.float64))
    result = gathered.mean(fill=value) if output == "average" else gathered.sum(fill=value)
    return result.astype(dtype)
