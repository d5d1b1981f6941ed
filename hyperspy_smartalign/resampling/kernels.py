"""Compiled loops: separable shifts of frames and of rows, running sums.

Every kernel reads a `source` frame (h, w) float32: spline coefficients for the spline kernels, the
pixels themselves for the linear one. Samples lie at positions of the frame, the border is mirrored
about its pixel centres, and a tap whose weight is zero is never read, so that NaN spreads only
over the taps that count.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.options import TOLERANCE, DoubleArray, FloatArray

LINEAR = 0
SPLINE = 1
SPLINE_SLOPE = 2

Weights = tuple[Any, Any, Any, Any]


@compiled
def tap_weights(fraction: float, kind: int) -> Weights:
    """Weights of the taps at floor - 1 .. floor + 2 of a sample at floor + fraction, in [0, 1)."""
    f = np.float32(fraction)
    zero, half, one = np.float32(0.0), np.float32(0.5), np.float32(1.0)
    g = one - f
    if kind == SPLINE:
        sixth, middle, two = np.float32(1 / 6), np.float32(2 / 3), np.float32(2.0)
        inner, outer = middle - half * f * f * (two - f), middle - half * g * g * (two - g)
        return sixth * g * g * g, inner, outer, sixth * f * f * f
    if kind == SPLINE_SLOPE:
        three, four = np.float32(3.0), np.float32(4.0)
        inner, outer = half * f * (three * f - four), -half * g * (three * g - four)
        return -half * g * g, inner, outer, half * f * f
    return zero, g, f, zero


@compiled
def mirror(i: int, n: int) -> int:
    """Index inside 0 .. n - 1 that index `i` mirrors to."""
    if 0 <= i < n:
        return i
    if n == 1:
        return 0
    period = 2 * n - 2
    i = abs(i) % period
    return period - i if i >= n else i


@compiled
def split(position: float) -> tuple[int, float]:
    """Integer and fraction in [0, 1) of a position; within the tolerance it is an integer."""
    nearest = math.floor(position + 0.5)
    if abs(position - nearest) <= TOLERANCE:
        return int(nearest), 0.0
    whole = math.floor(position)
    return int(whole), position - whole


@compiled
def overlap(start: float, n: int, size: int) -> tuple[int, int]:
    """First and past-last output index q below `size` with q + start inside [0, n - 1]."""
    # Compared as floats first: a huge shift must not overflow an integer.
    first = max(0.0, math.ceil(-start - TOLERANCE))
    last = min(size - 1.0, math.floor(n - 1 - start + TOLERANCE))
    if not first <= last:
        return 0, 0
    return int(first), int(last) + 1


@compiled
def sample_line(
    source: FloatArray,
    iy: int,
    wy: Weights,
    ix: int,
    wx: Weights,
    line: FloatArray,
    out: FloatArray,
) -> None:
    """Samples at row iy + fy, columns ix + fx + (0 .. len(out) - 1): 4 taps down, 4 along.

    `line` is scratch of width + 2 pixels: the combined row, with one mirrored pixel either side.
    """
    h, w = source.shape
    m = out.size
    k1, k2 = mirror(iy, h), mirror(iy + 1, h)
    if wy[2] == 0:
        k2 = k1
    k0 = mirror(iy - 1, h) if wy[0] != 0 else k1
    k3 = mirror(iy + 2, h) if wy[3] != 0 else k2
    first = max(0, ix - 1)
    last = min(w - 1, ix + m + 1)
    r0, r1 = source[k0, first : last + 1], source[k1, first : last + 1]
    r2, r3 = source[k2, first : last + 1], source[k3, first : last + 1]
    middle = line[first + 1 : last + 2]
    for j in range(middle.size):
        middle[j] = wy[0] * r0[j] + wy[1] * r1[j] + wy[2] * r2[j] + wy[3] * r3[j]
    if first == 0:
        line[0] = line[1 + mirror(-1, w)]
    if last == w - 1:
        line[w + 1] = line[1 + mirror(w, w)]
    s1 = ix + 1
    s2 = s1 + 1 if wx[2] != 0 else s1
    s0 = s1 - 1 if wx[0] != 0 else s1
    s3 = s2 + 1 if wx[3] != 0 else s2
    c0, c1, c2, c3 = line[s0 : s0 + m], line[s1 : s1 + m], line[s2 : s2 + m], line[s3 : s3 + m]
    for j in range(m):
        out[j] = wx[0] * c0[j] + wx[1] * c1[j] + wx[2] * c2[j] + wx[3] * c3[j]


@compiled
def shift_constant(
    source: FloatArray, y0: float, x0: float, kind_y: int, kind_x: int, out: FloatArray
) -> tuple[int, int, int, int]:
    """Sample at q + (y0, x0) for every q of `out` that falls inside; return that rectangle."""
    h, w = source.shape
    top, bottom = overlap(y0, h, out.shape[0])
    left, right = overlap(x0, w, out.shape[1])
    if bottom > top and right > left:
        iy, fy = split(y0)
        ix, fx = split(x0)
        wy, wx = tap_weights(fy, kind_y), tap_weights(fx, kind_x)
        line = np.empty(w + 2, np.float32)
        for q in range(top, bottom):
            sample_line(source, iy + q, wy, ix + left, wx, line, out[q, left:right])
    return top, bottom, left, right


@compiled
def shift_rows(
    source: FloatArray,
    offsets: DoubleArray,
    top: int,
    left: int,
    kind: int,
    out: FloatArray,
) -> npt.NDArray[np.int64]:
    """Sample row q of `out` at (q + top, left) + offsets[q]: combine 4 rows, shift the result.

    Returns the first and past-last column (rows, 2) that are inside, row by row.
    """
    h, w = source.shape
    line = np.empty(w + 2, np.float32)
    spans = np.zeros((out.shape[0], 2), np.int64)
    for q in range(out.shape[0]):
        y = q + top + offsets[q, 0]
        if not (-TOLERANCE <= y <= h - 1 + TOLERANCE):
            continue
        x = left + offsets[q, 1]
        first, last = overlap(x, w, out.shape[1])
        if last <= first:
            continue
        iy, fy = split(y)
        ix, fx = split(x)
        wy, wx = tap_weights(fy, kind), tap_weights(fx, kind)
        sample_line(source, iy, wy, ix + first, wx, line, out[q, first:last])
        spans[q] = first, last
    return spans


@compiled
def mark_spans(spans: npt.NDArray[np.int64], axis: int, covered: npt.NDArray[np.bool_]) -> None:
    """Mark the pixels within the spans (lines, 2) of the rows, or of the columns for axis 1."""
    first, last = spans[:, 0], spans[:, 1]
    for q in range(covered.shape[0]):
        if axis == 0:
            covered[q, first[q] : last[q]] = True
        else:
            row = covered[q]
            for p in range(row.size):
                row[p] = (first[p] <= q) & (q < last[p])


@compiled
def add_observed(
    total: DoubleArray,
    coverage: DoubleArray,
    pixels: FloatArray,
    covered: npt.NDArray[np.bool_],
    weight: float,
) -> None:
    """Add a frame to running sums, where it is covered."""
    for q in range(total.shape[0]):
        t, c, v, seen = total[q], coverage[q], pixels[q], covered[q]
        for p in range(t.size):
            t[p] += weight * v[p] if seen[p] else 0.0
            c[p] += weight if seen[p] else 0.0


@compiled
def add_shifted(
    total: DoubleArray,
    coverage: DoubleArray,
    sources: FloatArray,
    starts: DoubleArray,
    weights: DoubleArray,
    low: int,
    high: int,
) -> None:
    """Add `sources` (n, h, w) in their order to rows low .. high - 1, sampled at q + starts[i]."""
    h, w = sources.shape[1:]
    line, values = np.empty(w + 2, np.float32), np.empty(total.shape[1], np.float32)
    for i in range(len(sources)):
        y0, x0, weight = starts[i, 0], starts[i, 1], weights[i]
        top, bottom = overlap(y0, h, total.shape[0])
        top, bottom = max(top, low), min(bottom, high)
        left, right = overlap(x0, w, total.shape[1])
        if bottom <= top or right <= left:
            continue
        iy, fy = split(y0)
        ix, fx = split(x0)
        wy, wx = tap_weights(fy, SPLINE), tap_weights(fx, SPLINE)
        out = values[: right - left]
        for q in range(top, bottom):
            sample_line(sources[i], iy + q, wy, ix + left, wx, line, out)
            t, c = total[q, left:right], coverage[q, left:right]
            for p in range(out.size):
                seen = math.isfinite(out[p])
                t[p] += weight * out[p] if seen else 0.0
                c[p] += weight if seen else 0.0
