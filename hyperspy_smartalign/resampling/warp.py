"""Resampling of one frame onto the common canvas.

Output pixel q of a canvas is pixel p = q + (top, left) of the common frame. A frame with shift s,
or with displacement field d, is sampled at p + s, or at p + d(p). A sample is covered when it lies
inside [0, h - 1] x [0, w - 1] and every pixel it is made from is finite; other pixels of the output
are filled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling import fields, kernels
from hyperspy_smartalign.resampling.fourier import fourier_shift
from hyperspy_smartalign.resampling.options import (
    CanvasLike,
    DoubleArray,
    Fill,
    FloatArray,
    Interpolation,
    canvas_shape,
    check_frame,
    check_interpolation,
    check_shift,
    fill_number,
    output_dtype,
)
from hyperspy_smartalign.resampling.spline import frame_coefficients

KINDS = {"linear": kernels.LINEAR, "spline": kernels.SPLINE}


@dataclass(frozen=True, eq=False)
class Resampled:
    """A frame on the canvas.

    Attributes
    ----------
    pixels : (H, W) array
        float32; the frame's own dtype for nearest.
    covered : (H, W) bool array
        True where the frame was observed; elsewhere the pixels are fill.
    """

    pixels: npt.NDArray[Any]
    covered: npt.NDArray[np.bool_]


def shift_frame(
    pixels: npt.ArrayLike,
    shift: npt.ArrayLike,
    canvas: CanvasLike,
    *,
    interpolation: Interpolation = "spline",
    fill: Fill = math.nan,
    coefficients: FloatArray | None = None,
) -> Resampled:
    """Sample a frame that is displaced as a whole: output q is the frame at q + origin + shift.

    Whole-pixel shifts (within 1e-6) copy pixels, bit for bit, with every kernel.

    Parameters
    ----------
    pixels : (h, w) array
        Frame of real numbers.
    shift : (y, x) floats
        Displacement of the frame's content, in pixels.
    canvas : Canvas
        Where to sample: anything with integers top, left, height and width.
    interpolation : {"spline", "linear", "nearest", "fourier"}
        Cubic B-spline; linear; nearest pixel, which keeps type and counts; band-limited.
    fill : float, "nan" or "zero"
        Value of pixels that are not covered.
    coefficients : (h, w) float32 array, optional
        `spline_coefficients` of `pixels`, if at hand. For "spline" only.

    Returns
    -------
    Resampled

    Raises
    ------
    ValueError
        For an unknown kernel, a shift that is not two finite numbers, an empty canvas or frame,
        or a fill value that the pixels cannot hold.
    TypeError
        If the pixels are complex.
    """
    frame = check_frame(pixels)
    y, x = check_shift(shift)
    kernel = check_interpolation(interpolation)
    out, covered, value = _prepare(frame, canvas, kernel, fill)
    y, x = y + canvas.top, x + canvas.left
    h, w = frame.shape
    top, bottom = kernels.overlap(y, h, out.shape[0])
    left, right = kernels.overlap(x, w, out.shape[1])
    inside = np.s_[top:bottom, left:right]
    if bottom <= top or right <= left:
        return Resampled(out, covered)
    (iy, fy), (ix, fx) = kernels.split(y), kernels.split(x)
    whole = fy == 0 and fx == 0
    if whole or kernel in ("nearest", "fourier"):
        if kernel == "nearest":
            iy, ix = iy + (fy >= 0.5), ix + (fx >= 0.5)
        elif not whole:
            frame = fourier_shift(frame.astype(np.float32), (fy, fx))
        out[inside] = frame[iy + top : iy + bottom, ix + left : ix + right]
    else:
        source = _source(frame, kernel, coefficients)
        kernels.shift_constant(source, y, x, KINDS[kernel], KINDS[kernel], out)
    covered[inside] = True
    _uncover_gaps(out, covered, value)
    return Resampled(out, covered)


def warp_rows(
    pixels: npt.ArrayLike,
    offsets: npt.ArrayLike,
    canvas: CanvasLike,
    *,
    axis: int = 0,
    interpolation: Interpolation = "spline",
    fill: Fill = math.nan,
    coefficients: FloatArray | None = None,
) -> Resampled:
    """Sample a frame whose scan lines are displaced one by one.

    The four rows around a scan line are combined once and the result is shifted: 8 taps a pixel
    instead of 16, and no positions to store.

    Parameters
    ----------
    pixels : (h, w) array
        Frame of real numbers.
    offsets : (H, 2) array, or (W, 2) with ``axis=1``
        Displacement (y, x) in pixels of each line of the canvas.
    canvas : Canvas
        Where to sample: anything with integers top, left, height and width.
    axis : {0, 1}
        Slow-scan axis: 0 when the scan lines lie along x, 1 when they lie along y.
    interpolation, fill, coefficients
        As in `shift_frame`; there is no Fourier kernel here. Lines with an offset that is not
        finite are not covered.

    Returns
    -------
    Resampled

    Raises
    ------
    ValueError
        As `shift_frame`, and if `offsets` is not one pair a line of the canvas.
    TypeError
        If the pixels are complex.
    """
    frame = check_frame(pixels)
    kernel = _local_kernel(interpolation)
    out, covered, value = _prepare(frame, canvas, kernel, fill)
    if axis not in (0, 1):
        raise ValueError(f"axis must be 0 (scan lines along x) or 1 (along y), not {axis!r}.")
    lines = np.ascontiguousarray(offsets, dtype=np.float64)
    if lines.shape != (out.shape[axis], 2):
        raise ValueError(
            f"offsets must have shape ({out.shape[axis]}, 2), one (y, x) pair for each line of the "
            f"{out.shape[0]} x {out.shape[1]} canvas along axis {axis}, not {lines.shape}."
        )
    if kernel == "nearest":
        thin = lines.T[:, :, None] if axis == 0 else lines.T[:, None, :]
        _take_nearest(frame, thin, canvas, out, covered)
    else:
        source = _source(frame, kernel, coefficients)
        origin, target = (canvas.top, canvas.left), out
        if axis == 1:
            source, lines = np.ascontiguousarray(source.T), np.ascontiguousarray(lines[:, ::-1])
            origin, target = origin[::-1], np.full(out.shape[::-1], value, out.dtype)
        spans = kernels.shift_rows(source, lines, *origin, KINDS[kernel], target)
        kernels.mark_spans(spans, axis, covered)
        if axis == 1:
            out = np.ascontiguousarray(target.T)
    _uncover_gaps(out, covered, value)
    return Resampled(out, covered)


def warp_frame(
    pixels: npt.ArrayLike,
    displacement: npt.ArrayLike,
    canvas: CanvasLike,
    *,
    interpolation: Interpolation = "spline",
    fill: Fill = math.nan,
    coefficients: FloatArray | None = None,
) -> Resampled:
    """Sample a frame through a displacement field: output q is the frame at q + origin + d(q).

    Fields that are the same along every row, along every column, or everywhere take the faster
    ways of `warp_rows` and `shift_frame`.

    Parameters
    ----------
    pixels : (h, w) array
        Frame of real numbers.
    displacement : (2, H, W) array
        Displacement (y, x) in pixels of every pixel of the canvas.
    canvas : Canvas
        Where to sample: anything with integers top, left, height and width.
    interpolation, fill, coefficients
        As in `shift_frame`; "fourier" only if the field is the same everywhere. Pixels with a
        displacement that is not finite are not covered.

    Returns
    -------
    Resampled

    Raises
    ------
    ValueError
        As `shift_frame`, and if `displacement` is not a field on the canvas.
    TypeError
        If the pixels are complex.
    """
    frame = check_frame(pixels)
    field = np.asarray(displacement)
    if field.dtype not in (np.float32, np.float64) or not field.dtype.isnative:
        field = field.astype(np.float64)
    shape = canvas_shape(canvas)
    if field.shape != (2, *shape):
        raise ValueError(
            f"displacement must have shape (2, {shape[0]}, {shape[1]}), a (y, x) pair for each "
            f"pixel of the canvas, not {field.shape}."
        )
    down, along = fields.constant_axes(field)
    if down and along:
        return shift_frame(
            frame,
            field[:, 0, 0],
            canvas,
            interpolation=interpolation,
            fill=fill,
            coefficients=coefficients,
        )
    if down or along:
        return warp_rows(
            frame,
            field[:, :, 0].T if along else field[:, 0, :].T,
            canvas,
            axis=0 if along else 1,
            interpolation=interpolation,
            fill=fill,
            coefficients=coefficients,
        )
    kernel = _local_kernel(interpolation)
    out, covered, value = _prepare(frame, canvas, kernel, fill)
    if kernel == "nearest":
        _take_nearest(frame, field, canvas, out, covered)
    else:
        source = _source(frame, kernel, coefficients)
        fields.warp_pixels(source, field, canvas.top, canvas.left, KINDS[kernel], out, covered)
    _uncover_gaps(out, covered, value)
    return Resampled(out, covered)


def _local_kernel(interpolation: str) -> Interpolation:
    """Check the kernel of a warp, for which there is no Fourier shift."""
    kernel = check_interpolation(interpolation)
    if kernel == "fourier":
        raise ValueError(
            "Fourier interpolation shifts a frame as a whole and cannot follow a distortion; "
            'use interpolation="spline", or shift_frame for a single shift.'
        )
    return kernel


def _prepare(
    frame: npt.NDArray[Any], canvas: CanvasLike, kernel: Interpolation, fill: Fill
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_], float]:
    """Filled output, empty coverage, and the fill value."""
    shape = canvas_shape(canvas)
    dtype = output_dtype(frame.dtype, kernel)
    value = fill_number(fill, dtype)
    return np.full(shape, value, dtype), np.zeros(shape, np.bool_), value


def _source(
    frame: npt.NDArray[Any], kernel: Interpolation, coefficients: FloatArray | None
) -> FloatArray:
    """What the compiled kernels read: coefficients for splines, pixels for linear."""
    if kernel == "linear":
        return np.ascontiguousarray(frame, dtype=np.float32)
    if coefficients is None:
        return frame_coefficients(frame)
    if coefficients.shape != frame.shape:
        raise ValueError(
            f"The spline coefficients have shape {coefficients.shape} but the frame {frame.shape}; "
            "give spline_coefficients(frame), or leave coefficients out."
        )
    return np.ascontiguousarray(coefficients, dtype=np.float32)


def _take_nearest(
    frame: npt.NDArray[Any],
    displacement: DoubleArray | npt.NDArray[np.floating[Any]],
    canvas: CanvasLike,
    out: npt.NDArray[Any],
    covered: npt.NDArray[np.bool_],
) -> None:
    """Copy to `out` the pixel nearest to each sample inside the frame."""
    index = np.zeros(out.shape, np.int64)
    h, w = frame.shape
    fields.nearest_pixels(displacement, canvas.top, canvas.left, h, w, index, covered)
    np.copyto(out, frame.ravel()[index], where=covered)


def _uncover_gaps(out: npt.NDArray[Any], covered: npt.NDArray[np.bool_], value: float) -> None:
    """Take samples that are not finite out of the coverage, and fill them."""
    if out.dtype.kind != "f":
        return
    gaps = covered & ~np.isfinite(out)
    if gaps.any():
        covered[gaps] = False
        out[gaps] = value
