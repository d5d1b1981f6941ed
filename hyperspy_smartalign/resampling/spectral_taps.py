"""Compiled loops over lists of taps: which pixels of the frame make a pixel of the canvas.

For linear and nearest samples, for counts that are shared out, and for the variance of a sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import SPLINE, mirror, split, tap_weights
from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray
from hyperspy_smartalign.resampling.spline import POLE

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Taps of the interpolating spline on either side of a sample. Those beyond weigh less than 0.003,
# so their part of a variance is below 2e-5.
SIDE = 5
# Of the pole, up to the farthest tap.
POWERS = POLE ** np.arange(SIDE + 3)


@compiled
def linear_taps(places: DoubleArray, covered: Mask, h: int, w: int) -> tuple[Indices, FloatArray]:
    """Pixel numbers (H * W, 4) and weights of linear samples at `places` (2, H, W).

    A tap without weight repeats the first one, so that nothing else is read.
    """
    index = np.zeros((covered.size, 4), np.int64)
    weight = np.zeros((covered.size, 4), np.float32)
    i = 0
    for q in range(covered.shape[0]):
        for p in range(covered.shape[1]):
            if covered[q, p]:
                y, fy = split(places[0, q, p])
                x, fx = split(places[1, q, p])
                for j in range(4):
                    down, along = j // 2, j % 2
                    part = (fy if down else 1.0 - fy) * (fx if along else 1.0 - fx)
                    index[i, j] = (y + down) * w + x + along if part > 0 else index[i, 0]
                    weight[i, j] = part
            i += 1
    return index, weight


@compiled
def scatter_taps(
    places: DoubleArray, height: int, width: int, whole: bool
) -> tuple[Indices, Indices, FloatArray]:
    """Where the pixels of a frame go: for each canvas pixel, the pixels it gets and their weights.

    `places` (2, h, w) are in canvas pixels. A pixel goes to the nearest canvas pixel, or in parts
    to the four around it. Returns the end of each canvas pixel's list (H * W + 1), pixel numbers,
    weights. What falls beyond the canvas is left out.
    """
    h, w = places.shape[1:]
    ends = np.zeros(height * width + 1, np.int64)
    index, weight = np.empty(0, np.int64), np.empty(0, np.float32)
    # First count, then fill.
    for filling in range(2):
        if filling == 1:
            for i in range(height * width):
                ends[i + 1] += ends[i]
            index = np.empty(ends[-1], np.int64)
            weight = np.empty(ends[-1], np.float32)
            nxt = ends[:-1].copy()
        else:
            nxt = ends[:-1]
        for r in range(h):
            for s in range(w):
                y, fy = split(places[0, r, s])
                x, fx = split(places[1, r, s])
                if whole:
                    y, x, fy, fx = y + (fy >= 0.5), x + (fx >= 0.5), 0.0, 0.0
                for j in range(4):
                    down, along = j // 2, j % 2
                    part = (fy if down else 1.0 - fy) * (fx if along else 1.0 - fx)
                    q, p = y + down, x + along
                    if part > 0 and 0 <= q < height and 0 <= p < width:
                        i = q * width + p
                        if filling == 1:
                            index[nxt[i]] = r * w + s
                            weight[nxt[i]] = part
                            nxt[i] += 1
                        else:
                            ends[i + 1] += 1
    return ends, index, weight


@compiled
def add_taps(
    raw: FloatArray,
    position: Indices,
    n: int,
    ends: Indices,
    index: Indices,
    weight: FloatArray,
    covered: Mask,
    total: FloatArray,
    stride: int,
) -> None:
    """Add to each covered canvas pixel the weighted pixels of its list."""
    count, step = np.uint64(n), np.uint64(stride)
    a = np.uint64(0)
    for i in range(ends.size - 1):
        t, last = ends[i], ends[i + 1]
        if covered[i]:
            if last - t == 4:
                b0, b1 = np.uint64(position[index[t]]), np.uint64(position[index[t + 1]])
                b2, b3 = np.uint64(position[index[t + 2]]), np.uint64(position[index[t + 3]])
                w0, w1, w2, w3 = weight[t], weight[t + 1], weight[t + 2], weight[t + 3]
                for c in range(count):
                    left = w0 * raw[b0 + c] + w1 * raw[b1 + c]
                    total[a + c] += left + w2 * raw[b2 + c] + w3 * raw[b3 + c]
            else:
                for k in range(t, last):
                    b, w = np.uint64(position[index[k]]), weight[k]
                    for c in range(count):
                        total[a + c] += w * raw[b + c]
        a += step


@compiled
def positive(value: Any) -> Any:
    """The value, or zero if it is below zero."""
    # Not max(), which cannot run in vector instructions.
    return value if value > np.float32(0.0) else np.float32(0.0)


@compiled
def add_tap_squares(
    raw: FloatArray,
    position: Indices,
    n: int,
    ends: Indices,
    index: Indices,
    weight: FloatArray,
    covered: Mask,
    total: FloatArray,
    stride: int,
) -> None:
    """As `add_taps` with the squares of the weights: the variance of the sum, if pixels are counts.

    Values below zero are no counts, and add nothing.
    """
    count, step = np.uint64(n), np.uint64(stride)
    a = np.uint64(0)
    for i in range(ends.size - 1):
        if covered[i]:
            for k in range(ends[i], ends[i + 1]):
                b, w = np.uint64(position[index[k]]), weight[k] * weight[k]
                for c in range(count):
                    total[a + c] += w * positive(raw[b + c])
        a += step


@compiled
def cardinal_weights(position: float, n: int, index: Indices, weight: FloatArray) -> int:
    """Pixels that a spline sample on a line of `n` pixels is made of, and their weights.

    The weights of the cardinal spline, which include the B-spline filter; mirrored taps are folded
    onto the pixels that they repeat. Returns how many there are, at most 2 * SIDE.
    """
    whole, fraction = split(position)
    if fraction == 0.0 or n == 1:
        index[0], weight[0] = min(max(whole, 0), n - 1), 1.0
        return 1
    basis = tap_weights(fraction, SPLINE)
    found = 0
    for m in range(1 - SIDE, SIDE + 1):
        value = 0.0
        for j in range(4):
            value += basis[j] * POWERS[abs(m - (j - 1))]
        k, place = mirror(whole + m, n), found
        for j in range(found):
            if index[j] == k:
                place = j
        if place == found:
            index[found], weight[found] = k, 0.0
            found += 1
        weight[place] += value * -6.0 * POLE / (1.0 - POLE * POLE)
    return found


@compiled
def add_spline_squares(
    raw: FloatArray,
    position: Indices,
    n: int,
    places: DoubleArray,
    covered: Mask,
    total: FloatArray,
    stride: int,
) -> None:
    """As `add_tap_squares` for spline samples at `places` (2, H, W); `position` is (h, w)."""
    h, w = position.shape
    count, step = np.uint64(n), np.uint64(stride)
    rows, columns = np.empty(2 * SIDE, np.int64), np.empty(2 * SIDE, np.int64)
    wy, wx = np.empty(2 * SIDE, np.float32), np.empty(2 * SIDE, np.float32)
    a = np.uint64(0)
    for q in range(covered.shape[0]):
        for p in range(covered.shape[1]):
            if covered[q, p]:
                down = cardinal_weights(places[0, q, p], h, rows, wy)
                along = cardinal_weights(places[1, q, p], w, columns, wx)
                for j in range(down):
                    for k in range(along):
                        b, v = np.uint64(position[rows[j], columns[k]]), wy[j] * wx[k]
                        v *= v
                        for c in range(count):
                            total[a + c] += v * positive(raw[b + c])
            a += step


@compiled
def add_line_squares(
    raw: FloatArray,
    position: Indices,
    n: int,
    places: DoubleArray,
    covered: Mask,
    total: FloatArray,
    strides: tuple[int, int],
) -> None:
    """As `add_spline_squares` for lines that are displaced as a whole: rows first, then columns.

    `strides` are the steps from line to line and from pixel to pixel in `total`.
    """
    h, w = position.shape
    count = np.uint64(n)
    index, weight = np.empty(2 * SIDE, np.int64), np.empty(2 * SIDE, np.float32)
    line = np.empty(w * n, np.float32)
    for q in range(covered.shape[0]):
        first = 0
        while first < covered.shape[1] and not covered[q, first]:
            first += 1
        if first == covered.shape[1]:
            continue
        line[:] = np.float32(0.0)
        for j in range(cardinal_weights(places[0, q, first], h, index, weight)):
            v = weight[j] * weight[j]
            a = np.uint64(0)
            for x in range(w):
                b = np.uint64(position[index[j], x])
                for c in range(count):
                    line[a + c] += v * positive(raw[b + c])
                a += count
        for p in range(first, covered.shape[1]):
            if covered[q, p]:
                a = np.uint64(q * strides[0] + p * strides[1])
                for k in range(cardinal_weights(places[1, q, p], w, index, weight)):
                    b, v = np.uint64(index[k]) * count, weight[k] * weight[k]
                    for c in range(count):
                        total[a + c] += v * line[b + c]


@compiled
def add_integers(
    raw: npt.NDArray[Any],
    position: Indices,
    n: int,
    ends: Indices,
    index: Indices,
    total: npt.NDArray[Any],
    stride: int,
) -> None:
    """Add to each canvas pixel the pixels of its list, in integers."""
    count, room = np.uint64(n), np.uint64(stride)
    a = np.uint64(0)
    for i in range(ends.size - 1):
        for t in range(ends[i], ends[i + 1]):
            b = np.uint64(position[index[t]])
            for c in range(count):
                total[a + c] += raw[b + c]
        a += room


@compiled
def mark_gaps(raw: FloatArray, stride: int, n: int, gaps: Mask) -> None:
    """Mark the pixels of a row that have a channel which is not finite."""
    count, step = np.uint64(n), np.uint64(stride)
    a = np.uint64(0)
    for p in range(gaps.size):
        test = np.float32(0.0)
        for c in range(count):
            test += raw[a + c] * np.float32(0.0)
        gaps[p] = test != 0
        a += step


@compiled
def add_spread(
    total: npt.NDArray[Any],
    squares: FloatArray,
    samples: npt.NDArray[Any],
    n: int,
    strides: tuple[int, int],
    exposure: DoubleArray,
    coverage: DoubleArray,
) -> None:
    """Add the samples of a frame to a running sum, and to the squares of the deviations.

    The update of Welford, Technometrics 4 (1962) 419, for samples weighted by their exposure: both
    sums are stable, as nothing large is subtracted. `coverage` is the exposure before this frame.
    """
    count = np.uint64(n)
    a, b = np.uint64(0), np.uint64(0)
    for i in range(exposure.size):
        if exposure[i] > 0:
            before = coverage[i]
            part = np.float32(1.0 / exposure[i])
            mean = np.float32(1.0 / before) if before > 0 else np.float32(0.0)
            scale = np.float32(exposure[i] * before / (exposure[i] + before))
            for c in range(count):
                gap = part * np.float32(samples[b + c]) - mean * np.float32(total[a + c])
                squares[a + c] += scale * gap * gap
                total[a + c] += samples[b + c]
        a += np.uint64(strides[0])
        b += np.uint64(strides[1])
