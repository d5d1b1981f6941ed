"""Cubic B-spline coefficients of frames, with mirror boundaries.

The inverse filter of Unser, Aldroubi & Eden, IEEE Trans. Signal Process. 41 (1993) 821: one pole, a
causal and an anti-causal pass an axis. Columns are filtered by the recursion, rows by its cut-off
impulse response, so that both run in vector instructions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import mirror
from hyperspy_smartalign.resampling.options import FloatArray, check_frame
from hyperspy_smartalign.resampling.workers import run_tasks

POLE = math.sqrt(3.0) - 2.0
GAIN = 6.0
# Pixels farther away than this have weights below 2e-14 and 8e-10: less than float32 sees.
HORIZON = 24
REACH = 15


@compiled
def filter_columns(data: FloatArray) -> None:
    """Turn the samples along axis 0 of `data` into spline coefficients, in place."""
    n, width = data.shape
    if n == 1:
        return
    gain, pole = np.float32(GAIN), np.float32(POLE)
    # Start of the causal pass: the mirrored signal summed to minus infinity.
    start = np.zeros(width, np.float32)
    period = 2 * n - 2
    # A short signal repeats within the horizon; the sum over its periods is a geometric series.
    scale = GAIN if n > HORIZON else GAIN / (1.0 - POLE**period)
    for k in range(min(HORIZON, period)):
        power = np.float32(scale * POLE**k)
        row = data[k if k < n else period - k]
        for x in range(width):
            start[x] += power * row[x]
    data[0] = start
    for k in range(1, n):
        here, before = data[k], data[k - 1]
        for x in range(width):
            here[x] = gain * here[x] + pole * before[x]
    end = np.float32(POLE / (POLE * POLE - 1.0))
    here, before = data[n - 1], data[n - 2]
    for x in range(width):
        here[x] = end * (here[x] + pole * before[x])
    for k in range(1, n):
        here, after = data[n - 1 - k], data[n - k]
        for x in range(width):
            here[x] = pole * (after[x] - here[x])


@compiled
def filter_stage(line: FloatArray, step: int, pole: float, out: FloatArray) -> None:
    """Convolve `line` with (1 + p q^step)(1 + p q^-step), where both neighbours exist."""
    side = np.float32(pole)
    centre = np.float32(1.0) + side * side
    n = line.size - 2 * step
    left, middle, right, result = line[:n], line[step : step + n], line[2 * step :], out[:n]
    for x in range(n):
        result[x] = centre * middle[x] + side * (left[x] + right[x])


@compiled
def filter_rows(data: FloatArray) -> None:
    """Turn the samples along axis 1 of `data` into spline coefficients, in place.

    A recursion along a row cannot use vector instructions. Its impulse response, cut after
    `REACH` pixels on either side, factorises into four stages of three taps:
    sum_{k<16} z^k q^k = (1 + z q)(1 + z^2 q^2)(1 + z^4 q^4)(1 + z^8 q^8).
    """
    width = data.shape[1]
    odd, even = np.empty(width + 2 * REACH, np.float32), np.empty(width + 2 * REACH, np.float32)
    n = odd.size
    gain = np.float32(-6.0 * POLE)
    for r in range(data.shape[0]):
        line = data[r]
        middle = odd[REACH : REACH + width]
        for x in range(width):
            middle[x] = gain * line[x]
        for k in range(1, REACH + 1):
            left, right = -k, width - 1 + k
            # mirror() divides, which is slow next to the rest of a short row.
            if width > REACH:
                left, right = k, width - 1 - k
            odd[REACH - k] = middle[mirror(left, width)]
            odd[REACH + width - 1 + k] = middle[mirror(right, width)]
        filter_stage(odd, 1, POLE, even)
        filter_stage(even[: n - 2], 2, POLE**2, odd)
        filter_stage(odd[: n - 6], 4, POLE**4, even)
        filter_stage(even[: n - 14], 8, POLE**8, line)


@compiled
def filter_frame(data: FloatArray) -> None:
    """Turn the pixels of a frame (h, w) into spline coefficients, in place."""
    filter_columns(data)
    filter_rows(data)


def without_gaps(pixels: FloatArray, gaps: npt.NDArray[np.bool_]) -> FloatArray:
    """Copy of a frame whose pixels under `gaps` take the value of the nearest one outside.

    A frame that is all gap becomes zero.
    """
    if gaps.all():
        return np.zeros_like(pixels)
    nearest = distance_transform_edt(gaps, return_distances=False, return_indices=True)
    filled: FloatArray = pixels[tuple(nearest)]
    return filled


def frame_coefficients(pixels: npt.ArrayLike, out: FloatArray | None = None) -> FloatArray:
    """Spline coefficients (h, w) float32 of one frame; see `spline_coefficients`."""
    frame = check_frame(pixels)
    if out is None:
        out = np.empty(frame.shape, np.float32)
    out[...] = frame
    gaps = ~np.isfinite(out)
    if not gaps.any():
        filter_frame(out)
        return out
    out[...] = without_gaps(out, gaps)
    filter_frame(out)
    out[gaps] = np.nan
    return out


def spline_coefficients(stack: npt.ArrayLike, *, num_workers: int | None = None) -> FloatArray:
    """Cubic B-spline coefficients of frames, for a mirror boundary.

    Parameters
    ----------
    stack : (n, h, w) or (h, w) array
        Frames, or one frame. Any real type; computed in float32.
    num_workers : int, optional
        Threads; one per processor by default.

    Returns
    -------
    (n, h, w) or (h, w) float32 array
        The coefficients. Pixels that are not finite have coefficient NaN, so that they spoil
        only the samples whose 4 x 4 neighbourhood holds them; their neighbours are computed as
        if the nearest finite pixel continued there.

    Raises
    ------
    ValueError
        If the array is neither a stack nor a frame.
    TypeError
        If the pixels are complex.
    """
    frames: Any = stack if hasattr(stack, "ndim") else np.asarray(stack)
    if frames.ndim == 2:
        return frame_coefficients(frames)
    if frames.ndim != 3:
        raise ValueError(
            f"Expected a stack (n, height, width) or one frame (height, width), not an array of "
            f"shape {frames.shape}."
        )
    out = np.empty(frames.shape, np.float32)

    def task(i: int) -> None:
        frame_coefficients(np.asarray(frames[i]), out=out[i])

    run_tasks(task, len(frames), num_workers=num_workers)
    return out
