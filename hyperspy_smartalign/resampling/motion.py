"""Resampling of one frame whose motion is given in whichever form is at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.options import (
    CanvasLike,
    Fill,
    FloatArray,
    Interpolation,
    canvas_shape,
)
from hyperspy_smartalign.resampling.warp import Resampled, shift_frame, warp_frame, warp_rows
from hyperspy_smartalign.transforms import ScanLine, Transform, Translation

Motion = npt.NDArray[Any] | Transform
Motions = npt.ArrayLike | Sequence[Transform] | Sequence[npt.ArrayLike]


def resample_frame(
    pixels: npt.ArrayLike,
    motion: npt.ArrayLike | Transform,
    canvas: CanvasLike,
    *,
    interpolation: Interpolation = "spline",
    fill: Fill = math.nan,
    coefficients: FloatArray | None = None,
) -> Resampled:
    """Sample a frame on the canvas by the fastest way that its motion allows.

    Parameters
    ----------
    pixels : (h, w) array
        Frame of real numbers.
    motion : (2,) array, (H, 2) array, (2, H, W) array or Transform
        A shift; an offset for every row of the canvas; a displacement field on the canvas; or a
        transform. All in pixels, (y, x), the displacement of the frame's content.
    canvas : Canvas
        Where to sample.
    interpolation, fill, coefficients
        As in `shift_frame`.

    Returns
    -------
    Resampled

    Raises
    ------
    ValueError
        If the motion has none of these forms, and as `shift_frame`.
    TypeError
        If the pixels are complex.
    """
    options: dict[str, Any] = {
        "interpolation": interpolation,
        "fill": fill,
        "coefficients": coefficients,
    }
    if isinstance(motion, Translation):
        motion = motion.shift
    elif isinstance(motion, ScanLine) and not motion.has_rotation:
        axis = motion.axis
        first = (canvas.top, canvas.left)[axis]
        lines = motion.offsets_at(first + np.arange(canvas_shape(canvas)[axis]))
        return warp_rows(pixels, lines, canvas, axis=axis, **options)
    elif isinstance(motion, Transform):
        motion = motion.displacement(canvas_shape(canvas), origin=(canvas.top, canvas.left))
    values = np.asarray(motion)
    if values.ndim == 1:
        return shift_frame(pixels, values, canvas, **options)
    if values.ndim == 2:
        return warp_rows(pixels, values, canvas, **options)
    if values.ndim == 3:
        return warp_frame(pixels, values, canvas, **options)
    raise ValueError(
        "The motion of a frame must be a shift (2,), offsets of the canvas rows (H, 2), a "
        f"displacement field (2, H, W) or a transform, not an array of shape {values.shape}."
    )


def check_motions(motions: Motions, count: int) -> Sequence[Motion]:
    """One motion per frame; a ValueError says how many there are instead."""
    listed: Any = motions if hasattr(motions, "__len__") else np.asarray(motions)
    if getattr(listed, "ndim", 1) == 0 or len(listed) != count:
        found = 1 if getattr(listed, "ndim", 1) == 0 else len(listed)
        raise ValueError(
            f"There are {count} frames but {found} shifts, fields or transforms; give one a frame."
        )
    result: Sequence[Motion] = listed
    return result


def check_stack(stack: npt.ArrayLike) -> Any:
    """Return a stack (n, h, w) that is read frame by frame, so a lazy array stays lazy.

    Raises
    ------
    ValueError
        If it is not three-dimensional or holds no pixel.
    """
    frames: Any = stack if hasattr(stack, "ndim") and hasattr(stack, "dtype") else np.asarray(stack)
    if frames.ndim != 3 or 0 in frames.shape:
        raise ValueError(
            f"A stack must have shape (n, height, width) with pixels in it, not {frames.shape}."
        )
    return frames
