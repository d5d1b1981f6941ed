"""What every resampling function checks: kernels, fill values, frames, shifts, canvases."""

from __future__ import annotations

import math
from typing import Any, Literal, Protocol, cast, get_args

import numpy as np
import numpy.typing as npt

Interpolation = Literal["spline", "linear", "nearest", "fourier"]
Fill = float | Literal["nan", "zero", "mean"]
FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]

TOLERANCE = 1e-6
"""Pixels. Samples this close to a border are inside; shifts this close to an integer are one."""


class CanvasLike(Protocol):
    """The pixels of the common frame that are computed: rows top .. top + height - 1, and so on."""

    @property
    def top(self) -> int: ...
    @property
    def left(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...


def check_interpolation(interpolation: str) -> Interpolation:
    """Return `interpolation`, or raise a ValueError that lists the kernels."""
    if interpolation not in get_args(Interpolation):
        raise ValueError(
            f"Unknown interpolation {interpolation!r}; choose one of "
            f"{', '.join(map(repr, get_args(Interpolation)))}."
        )
    return cast(Interpolation, interpolation)


def check_frame(pixels: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return `pixels` as a real 2-D array with at least one pixel.

    Raises
    ------
    TypeError
        If the pixels are complex or not numbers.
    ValueError
        If the array is not 2-D or is empty.
    """
    frame = np.asarray(pixels)
    if frame.dtype.kind not in "biuf":
        raise TypeError(
            f"Frames must hold real numbers, not {frame.dtype}; "
            "pass the real part, the modulus or the phase of complex data."
        )
    if frame.ndim != 2 or frame.size == 0:
        raise ValueError(
            f"A frame must be a 2-D array (height, width) with pixels in it, not of shape "
            f"{frame.shape}."
        )
    return frame


def check_shift(shift: npt.ArrayLike) -> tuple[float, float]:
    """Return a (y, x) shift as two floats; a ValueError says what is wrong with it."""
    values = np.asarray(shift, dtype=np.float64)
    if values.shape != (2,) or not np.isfinite(values).all():
        raise ValueError(f"A shift must be two finite numbers (y, x) in pixels, not {shift!r}.")
    return float(values[0]), float(values[1])


def canvas_shape(canvas: CanvasLike) -> tuple[int, int]:
    """Shape (height, width) of the canvas; a ValueError if there is no pixel on it."""
    height, width = int(canvas.height), int(canvas.width)
    if height < 1 or width < 1:
        raise ValueError(
            f"The canvas has shape ({height}, {width}), so there is nothing to compute; "
            "give one of at least one pixel."
        )
    return height, width


def output_dtype(dtype: np.dtype[Any], interpolation: Interpolation) -> np.dtype[Any]:
    """The input dtype in native byte order for nearest, float32 for every other kernel."""
    return dtype.newbyteorder("=") if interpolation == "nearest" else np.dtype(np.float32)


def fill_number(fill: Fill, dtype: np.dtype[Any]) -> float:
    """The number that `fill` stands for, when pixels of `dtype` can hold it.

    Raises
    ------
    ValueError
        If `fill` is "mean" (it needs the other frames), is no number, or cannot be stored.
    """
    if isinstance(fill, str):
        if fill not in ("nan", "zero"):
            reason = (
                "needs the other frames; use resample_stack" if fill == "mean" else "is unknown"
            )
            raise ValueError(
                f'fill={fill!r} {reason}, or give fill="nan", fill="zero" or a number.'
            )
        value = math.nan if fill == "nan" else 0.0
    else:
        value = float(fill)
    if dtype.kind == "f":
        return value
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if not (math.isfinite(value) and value.is_integer() and low <= value <= high):
        raise ValueError(
            f'Pixels of type {dtype} cannot hold fill={fill!r}; use fill="zero", or a kernel '
            'that returns float32, such as interpolation="spline" or "linear".'
        )
    return value
