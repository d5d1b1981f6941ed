"""Resampling of whole series, frame by frame in threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.accumulate import Accumulator
from hyperspy_smartalign.resampling.motion import (
    Motions,
    check_motions,
    check_stack,
    resample_frame,
)
from hyperspy_smartalign.resampling.options import (
    CanvasLike,
    Fill,
    Interpolation,
    canvas_shape,
    check_interpolation,
    fill_number,
    output_dtype,
)
from hyperspy_smartalign.resampling.warp import Resampled
from hyperspy_smartalign.resampling.workers import Progress, run_tasks


def resample_stack(
    stack: npt.ArrayLike,
    shifts: Motions,
    canvas: CanvasLike,
    *,
    interpolation: Interpolation = "spline",
    fill: Fill = "nan",
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> npt.NDArray[Any]:
    """Sample every frame of a series on the canvas.

    Parameters
    ----------
    stack : (n, h, w) array
        Frames of real numbers; read one by one.
    shifts : (n, 2), (n, H, 2) or (n, 2, H, W) array, or sequence of transforms
        Motion of each frame in pixels, as in `resample_frame`.
    canvas : Canvas
        Where to sample.
    interpolation : {"spline", "linear", "nearest", "fourier"}
        See `shift_frame`; "fourier" for shifts only.
    fill : "nan", "zero", "mean" or float
        Value of pixels that a frame did not observe. "mean" is the mean of what the other frames
        observed at that place and, where none did, the mean over the whole canvas; it is rounded
        when pixels are integers.
    num_workers : int, optional
        Threads; one per processor by default.
    progress : callable, optional
        Called as ``progress(done, n)`` in the caller's thread. What it raises ends the work.

    Returns
    -------
    (n, H, W) array
        float32; the input's dtype in native byte order for nearest.

    Raises
    ------
    ValueError
        As `shift_frame` and `resample_frame`; if shifts are not one a frame; if integers cannot
        hold the fill value; if ``fill="mean"`` and no frame has a finite pixel on the canvas.
    TypeError
        If the pixels are complex.
    """
    frames = check_stack(stack)
    motions = check_motions(shifts, len(frames))
    kernel = check_interpolation(interpolation)
    dtype = output_dtype(frames.dtype, kernel)
    by_mean = isinstance(fill, str) and fill == "mean"
    value = 0.0 if by_mean else fill_number(fill, dtype)
    out = np.empty((len(frames), *canvas_shape(canvas)), dtype)
    covered = np.empty(out.shape, np.bool_) if by_mean else None

    def task(i: int) -> None:
        frame = resample_frame(
            np.asarray(frames[i]), motions[i], canvas, interpolation=kernel, fill=value
        )
        out[i] = frame.pixels
        if covered is not None:
            covered[i] = frame.covered

    run_tasks(task, len(frames), num_workers=num_workers, progress=progress)
    if covered is not None:
        _fill_with_mean(out, covered)
    return out


def _fill_with_mean(out: npt.NDArray[Any], covered: npt.NDArray[np.bool_]) -> None:
    """Give pixels that are not covered the mean of the frames that observed them."""
    if covered.all():
        return
    observed = Accumulator((out.shape[1], out.shape[2]))
    for pixels, seen in zip(out, covered, strict=True):
        observed.add(Resampled(pixels, seen))
    everything = observed.result()
    weight = everything.coverage.sum()
    if weight == 0:
        raise ValueError(
            "No frame has a finite pixel on the canvas, so there is no mean to fill with; check "
            'the shifts and the canvas, or use fill="zero".'
        )
    mean = everything.mean(fill=everything.total.sum() / weight)
    if out.dtype.kind != "f":
        mean = np.rint(mean)
    for pixels, seen in zip(out, covered, strict=True):
        np.copyto(pixels, mean, where=~seen, casting="unsafe")
