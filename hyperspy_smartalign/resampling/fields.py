"""Compiled loops for displacement fields that differ from pixel to pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import Weights, mirror, tap_weights
from hyperspy_smartalign.resampling.options import TOLERANCE, FloatArray


@compiled
def mirror_padded(source: FloatArray) -> tuple[FloatArray, bool]:
    """The frame with one mirrored pixel before and two after; whether a pixel is not finite."""
    h, w = source.shape
    out = np.empty((h + 3, w + 3), np.float32)
    has_gaps = False
    for q in range(h + 3):
        row, line = source[mirror(q - 1, h)], out[q]
        middle = line[1 : w + 1]
        test = np.float32(0.0)
        for p in range(w):
            middle[p] = row[p]
            test += row[p] * np.float32(0.0)
        has_gaps |= test != 0
        line[0] = row[mirror(-1, w)]
        line[w + 1] = row[mirror(w, w)]
        line[w + 2] = row[mirror(w + 1, w)]
    return out, has_gaps


@compiled
def tap_row(flat: FloatArray, start: Any, wx: Weights) -> Any:
    """Weighted sum of the four pixels from `start` on in a flat frame."""
    one = np.uint64(1)
    left = wx[0] * flat[start] + wx[1] * flat[start + one]
    return left + wx[2] * flat[start + one + one] + wx[3] * flat[start + one + one + one]


@compiled
def locate(
    displacement: npt.NDArray[np.floating[Any]],
    q: int,
    origin: tuple[int, int],
    shape: tuple[int, int],
    corner: npt.NDArray[np.int32],
    fraction: FloatArray,
    seen: npt.NDArray[np.bool_],
) -> None:
    """Where the samples of output row q lie in a padded frame: flat index, fraction, inside."""
    dy, dx, fy, fx = displacement[0, q], displacement[1, q], fraction[0], fraction[1]
    row, left = np.float64(q + origin[0]), np.float64(origin[1])
    last_y, last_x, stride = shape[0] - 1.0, shape[1] - 1.0, np.int32(shape[1] + 3)
    for p in range(seen.size):
        y = row + dy[p]
        x = left + np.float64(p) + dx[p]
        seen[p] = (
            (y >= -TOLERANCE)
            & (y <= last_y + TOLERANCE)
            & (x >= -TOLERANCE)
            & (x <= last_x + TOLERANCE)
        )
        # Written so that NaN becomes 0; such samples are not used.
        y = y if y > 0.0 else 0.0
        x = x if x > 0.0 else 0.0
        y = y if y < last_y else last_y
        x = x if x < last_x else last_x
        iy, ix = np.int32(y), np.int32(x)
        fy[p], fx[p] = y - iy, x - ix
        corner[p] = iy * stride + ix


@compiled
def sum_taps(
    padded: FloatArray,
    stride: int,
    kind: int,
    corner: npt.NDArray[np.int32],
    fraction: FloatArray,
    out: FloatArray,
) -> None:
    """Samples of one output row from a flat padded frame."""
    fy, fx = fraction[0], fraction[1]
    s1 = np.uint64(stride)
    for p in range(out.size):
        c = np.uint64(corner[p])
        wy, wx = tap_weights(fy[p], kind), tap_weights(fx[p], kind)
        v0 = tap_row(padded, c, wx)
        v1 = tap_row(padded, c + s1, wx)
        v2 = tap_row(padded, c + s1 + s1, wx)
        v3 = tap_row(padded, c + s1 + s1 + s1, wx)
        out[p] = wy[0] * v0 + wy[1] * v1 + wy[2] * v2 + wy[3] * v3


@compiled
def sum_taps_with_gaps(
    padded: FloatArray,
    stride: int,
    kind: int,
    corner: npt.NDArray[np.int32],
    fraction: FloatArray,
    out: FloatArray,
) -> None:
    """As `sum_taps`, but what lies under a tap of no weight is not read."""
    for p in range(out.size):
        wy, wx = tap_weights(fraction[0, p], kind), tap_weights(fraction[1, p], kind)
        total = np.float32(0.0)
        for j in range(4):
            for k in range(4):
                if wy[j] != 0 and wx[k] != 0:
                    total += wy[j] * wx[k] * padded[corner[p] + j * stride + k]
        out[p] = total


@compiled
def warp_pixels(
    source: FloatArray,
    displacement: npt.NDArray[np.floating[Any]],
    top: int,
    left: int,
    kind: int,
    out: FloatArray,
    covered: npt.NDArray[np.bool_],
) -> None:
    """Sample pixel q of `out` at q + (top, left) + displacement[:, q], where that is inside.

    Positions first, taps second: the first loop then runs in vector instructions.
    """
    n, stride = out.shape[1], source.shape[1] + 3
    padded, has_gaps = mirror_padded(source)
    flat = padded.ravel()
    corner = np.empty(n, np.int32)
    fraction, values = np.empty((2, n), np.float32), np.empty(n, np.float32)
    for q in range(out.shape[0]):
        seen, row = covered[q], out[q]
        locate(displacement, q, (top, left), source.shape, corner, fraction, seen)
        if has_gaps:
            sum_taps_with_gaps(flat, stride, kind, corner, fraction, values)
        else:
            sum_taps(flat, stride, kind, corner, fraction, values)
        for p in range(n):
            row[p] = values[p] if seen[p] else row[p]


@compiled
def nearest_pixels(
    displacement: npt.NDArray[np.floating[Any]],
    top: int,
    left: int,
    h: int,
    w: int,
    index: npt.NDArray[np.int64],
    covered: npt.NDArray[np.bool_],
) -> None:
    """Flat index of the pixel of an (h, w) frame nearest to q + (top, left) + displacement[:, q].

    The displacement may have one column or one row, which then serves all.
    """
    step_y, step_x = displacement.shape[1] > 1, displacement.shape[2] > 1
    for q in range(index.shape[0]):
        for p in range(index.shape[1]):
            i, j = q * step_y, p * step_x
            y = q + top + np.float64(displacement[0, i, j])
            x = p + left + np.float64(displacement[1, i, j])
            inside_y = -TOLERANCE <= y <= h - 1 + TOLERANCE
            inside_x = -TOLERANCE <= x <= w - 1 + TOLERANCE
            if inside_y and inside_x:
                index[q, p] = int(y + 0.5) * w + int(x + 0.5)
                covered[q, p] = True


@compiled
def constant_axes(field: npt.NDArray[np.floating[Any]]) -> tuple[bool, bool]:
    """Whether a displacement field (2, h, w) is the same down every column, along every row."""
    down = along = True
    for c in range(2):
        for q in range(field.shape[1]):
            if not (down or along):
                return down, along
            first, row, top = field[c, q, 0], field[c, q], field[c, 0]
            unlike_first = unlike_top = 0
            for p in range(row.size):
                unlike_first += row[p] != first
                unlike_top += row[p] != top[p]
            along = along and unlike_first == 0
            down = down and unlike_top == 0
    return down, along
