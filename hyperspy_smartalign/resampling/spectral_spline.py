"""Compiled loops of the cubic spline through spectra: all channels of a block at once.

A frame of spectra is worked on in blocks of channels, and a block row by row from top to bottom.
The B-spline filter of Unser, Aldroubi & Eden, IEEE Trans. Signal Process. 41 (1993) 821 needs what
lies above a row (its causal half, carried along) and `REACH` rows below it, so a few dozen rows of
one block are held at a time and stay in the cache of the processor. The channels of a pixel lie
side by side and are the axis of the vector instructions.

All arrays here are flat. Indices are unsigned and slices are avoided in the inner loops: both would
cost more than the arithmetic.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import SPLINE, mirror, tap_weights
from hyperspy_smartalign.resampling.options import FloatArray
from hyperspy_smartalign.resampling.prefetching import CACHE_LINE, prefetch
from hyperspy_smartalign.resampling.spline import GAIN, POLE

# Rows and pixels farther away have weights below 1e-8: less than float32 sees.
REACH = 14
# Output lines that are worked on together.
STRIPE = 16
# Pixels that are asked for before they are needed.
AHEAD = 4

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@compiled
def load_row(
    raw: FloatArray, position: Indices, n: int, block: int, out: FloatArray, start: int
) -> None:
    """Copy `n` channels of the pixels at `position` into a row of `block` channels a pixel."""
    o, count, room = np.uint64(start), np.uint64(n), np.uint64(block)
    last = position.size - 1
    for x in range(position.size):
        a, ahead = np.uint64(position[x]), np.uint64(position[min(x + AHEAD, last)])
        for c in range(np.uint64(0), count, np.uint64(CACHE_LINE)):
            prefetch(raw, ahead + c)
        for c in range(count):
            out[o + c] = raw[a + c]
        for c in range(count, room):
            out[o + c] = np.float32(0.0)
        o += room


@compiled
def causal_start(width: int) -> tuple[int, float]:
    """Terms of the sum that starts the causal filter, and the gain of each.

    A short signal repeats, mirrored; the sum over its periods is a geometric series.
    """
    period = 2 * width - 2
    if period > 2 * REACH:
        return REACH, GAIN
    return period, GAIN / (1.0 - POLE**period)


@compiled
def filter_line(line: FloatArray, start: int, width: int, block: int) -> None:
    """Turn `width` > 1 pixels of `block` channels into spline coefficients, in place."""
    gain, pole = np.float32(GAIN), np.float32(POLE)
    o, room = np.uint64(start), np.uint64(block)
    terms, scale = causal_start(width)
    head = np.zeros(block, np.float32)
    for k in range(terms):
        power = np.float32(scale * POLE**k)
        a = o + np.uint64(min(k, 2 * width - 2 - k)) * room
        for c in range(room):
            head[c] += power * line[a + c]
    for c in range(room):
        line[o + c] = head[c]
    a = o
    for _ in range(1, width):
        before = a
        a += room
        for c in range(room):
            line[a + c] = gain * line[a + c] + pole * line[before + c]
    end = np.float32(POLE / (POLE * POLE - 1.0))
    before = a - room
    for c in range(room):
        line[a + c] = end * (line[a + c] + pole * line[before + c])
    for _ in range(1, width):
        after = a
        a -= room
        for c in range(room):
            line[a + c] = pole * (line[after + c] - line[a + c])


@compiled
def mirror_line(line: FloatArray, width: int, block: int, after: int) -> None:
    """Mirror one pixel before, and `after` pixels behind, the `width` pixels from pixel 1 on."""
    for i in range(1 + after):
        k = -1 if i == 0 else width - 1 + i
        to, source = (k + 1) * block, (mirror(k, width) + 1) * block
        line[to : to + block] = line[source : source + block]


@compiled
def load_line(
    raw: FloatArray,
    position: Indices,
    n: int,
    block: int,
    padded: bool,
    filter_x: bool,
    out: FloatArray,
) -> None:
    """A row of the frame: padded with mirrored pixels if wanted, filtered along x if wanted."""
    start = block if padded else 0
    load_row(raw, position, n, block, out, start)
    if filter_x:
        filter_line(out, start, position.size, block)
    if padded:
        mirror_line(out, position.size, block, 2)


@compiled
def causal_step(here: FloatArray, before: FloatArray) -> None:
    """One row of the causal half of the filter, in place."""
    gain, pole = np.float32(GAIN), np.float32(POLE)
    for i in range(here.size):
        here[i] = gain * here[i] + pole * before[i]


@compiled
def load_causal(
    raw: FloatArray,
    position: Indices,
    n: int,
    block: int,
    causal: FloatArray,
    here: int,
    before: int,
) -> None:
    """`load_row` and `causal_step` in one, for rows at `here` and `before` of `causal`."""
    gain, pole = np.float32(GAIN), np.float32(POLE)
    o, b = np.uint64(here), np.uint64(before)
    count, room = np.uint64(n), np.uint64(block)
    last = position.size - 1
    for x in range(position.size):
        a, ahead = np.uint64(position[x]), np.uint64(position[min(x + AHEAD, last)])
        for c in range(np.uint64(0), count, np.uint64(CACHE_LINE)):
            prefetch(raw, ahead + c)
        for c in range(count):
            causal[o + c] = gain * raw[a + c] + pole * causal[b + c]
        for c in range(count, room):
            causal[o + c] = np.float32(0.0)
        o += room
        b += room


@compiled
def anticausal_step(here: FloatArray, after: FloatArray, out: FloatArray) -> None:
    """One row of the anti-causal half of the filter."""
    pole = np.float32(POLE)
    for i in range(out.size):
        out[i] = pole * (after[i] - here[i])


@compiled
def add_weighted(out: FloatArray, weight: float, row: FloatArray) -> None:
    """Add a row, times a weight."""
    w = np.float32(weight)
    for i in range(out.size):
        out[i] += w * row[i]


@compiled
def advance(
    raw: FloatArray,
    position: Indices,
    n: int,
    block: int,
    padded: bool,
    filters: tuple[bool, bool],
    held: tuple[int, int],
    lo: int,
    hi: int,
    causal: FloatArray,
    rows: FloatArray,
) -> tuple[int, int]:
    """Fill `rows` with rows lo .. hi of the frame, filtered along y and x as `filters` says.

    Rows held[0] .. held[1] - 1 are in `causal` already, half filtered, row r at place r modulo
    its size; what it holds afterwards is returned. Going on downwards costs nothing twice; a jump
    starts anew `REACH` rows above.
    """
    h = position.shape[0]
    length = (position.shape[1] + (3 if padded else 0)) * block
    if not filters[0]:
        for r in range(lo, hi + 1):
            out = rows[(r - lo) * length : (r - lo + 1) * length]
            load_line(raw, position[r], n, block, padded, filters[1], out)
        return 0, 0
    places = causal.size // length
    a, b = held
    if not a <= lo < b:
        terms, scale = causal_start(h)
        a = 0 if terms != REACH else max(0, lo - REACH)
        b = min(h, a + terms)
        for r in range(a, b):
            s = r % places * length
            load_line(raw, position[r], n, block, padded, filters[1], causal[s : s + length])
        head = rows[:length]
        head[:] = np.float32(0.0)
        for k in range(terms):
            s = (a + min(k, 2 * h - 2 - k)) % places * length
            add_weighted(head, scale * POLE**k, causal[s : s + length])
        s = a % places * length
        causal[s : s + length] = head
        for r in range(a + 1, b):
            s, t = r % places * length, (r - 1) % places * length
            causal_step(causal[s : s + length], causal[t : t + length])
    end = min(h, hi + REACH)
    for r in range(b, end):
        s, t = r % places * length, (r - 1) % places * length
        if padded:
            load_line(raw, position[r], n, block, padded, filters[1], causal[s : s + length])
            causal_step(causal[s : s + length], causal[t : t + length])
        else:
            load_causal(raw, position[r], n, block, causal, s, t)
    last = h - 1 if end == h else hi
    s, t = last % places * length, (last - 1) % places * length
    out = rows[(last - lo) * length : (last - lo + 1) * length]
    out[:] = np.float32(0.0)
    if end == h:
        scale = POLE / (POLE * POLE - 1.0)
        add_weighted(out, scale, causal[s : s + length])
        add_weighted(out, scale * POLE, causal[t : t + length])
    else:
        # The anti-causal half is a sum over the rows below.
        for k in range(REACH):
            s = (hi + k) % places * length
            add_weighted(out, -(POLE ** (k + 1)), causal[s : s + length])
    for r in range(last - 1, lo - 1, -1):
        s, t = r % places * length, (r - lo) * length
        out = rows[t : t + length]
        anticausal_step(causal[s : s + length], rows[t + length : t + 2 * length], out)
    return lo, max(b, end)


@compiled
def combine_rows(
    rows: FloatArray, starts: Indices, weights: FloatArray, length: int, out: FloatArray
) -> None:
    """Weighted sum of four rows."""
    r0, r1 = rows[starts[0] : starts[0] + length], rows[starts[1] : starts[1] + length]
    r2, r3 = rows[starts[2] : starts[2] + length], rows[starts[3] : starts[3] + length]
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    for i in range(out.size):
        out[i] = w0 * r0[i] + w1 * r1[i] + w2 * r2[i] + w3 * r3[i]


@compiled
def add_line(
    line: FloatArray,
    n: int,
    block: int,
    columns: Indices,
    weights: FloatArray,
    first: int,
    last: int,
    covered: Mask,
    total: FloatArray,
    start: int,
    stride: int,
) -> None:
    """Add the samples `first` .. `last` - 1 of a line, four taps each, where covered."""
    count, room, step = np.uint64(n), np.uint64(block), np.uint64(stride)
    b0, b1 = np.uint64(columns[0] + first) * room, np.uint64(columns[1] + first) * room
    b2, b3 = np.uint64(columns[2] + first) * room, np.uint64(columns[3] + first) * room
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    a, ahead = np.uint64(start + first * stride), np.uint64(AHEAD * stride)
    for p in range(first, last):
        if covered[p]:
            for c in range(np.uint64(0), count, np.uint64(CACHE_LINE)):
                prefetch(total, a + ahead + c)
            for c in range(count):
                left = w0 * line[b0 + c] + w1 * line[b1 + c]
                total[a + c] += left + w2 * line[b2 + c] + w3 * line[b3 + c]
        a += step
        b0 += room
        b1 += room
        b2 += room
        b3 += room


@compiled
def add_lines(
    raw: FloatArray,
    position: Indices,
    n: int,
    block: int,
    rows: Indices,
    row_weights: FloatArray,
    columns: Indices,
    column_weights: FloatArray,
    spans: Indices,
    filters: tuple[bool, bool],
    covered: Mask,
    total: FloatArray,
    strides: tuple[int, int],
    causal: FloatArray,
    filtered: FloatArray,
) -> None:
    """Add a frame whose lines are displaced one by one: four rows, then four columns, a line.

    Line q samples rows[q] with row_weights[q] and, at its pixel p within spans[q], columns
    columns[q] + p of the padded line with column_weights[q]. `position` (h, w) are the places of
    the pixels in `raw`; `strides` the steps from line to line and pixel to pixel in `total`.
    """
    w = position.shape[1]
    length = w * block
    line = np.empty(length + 3 * block, np.float32)
    starts = np.empty(4, np.int64)
    held = (0, 0)
    for top in range(0, rows.shape[0], STRIPE):
        bottom = min(rows.shape[0], top + STRIPE)
        lo, hi = position.shape[0], -1
        for q in range(top, bottom):
            if spans[q, 1] > spans[q, 0]:
                lo, hi = min(lo, rows[q].min()), max(hi, rows[q].max())
        if hi < 0:
            continue
        held = advance(
            raw, position, n, block, False, (filters[0], False), held, lo, hi, causal, filtered
        )
        for q in range(top, bottom):
            if spans[q, 1] <= spans[q, 0]:
                continue
            for k in range(4):
                starts[k] = (rows[q, k] - lo) * length
            combine_rows(filtered, starts, row_weights[q], length, line[block : block + length])
            if filters[1]:
                filter_line(line, block, w, block)
            mirror_line(line, w, block, 1)
            add_line(
                line,
                n,
                block,
                columns[q],
                column_weights[q],
                spans[q, 0],
                spans[q, 1],
                covered[q],
                total,
                q * strides[0],
                strides[1],
            )


@compiled
def add_field(
    raw: FloatArray,
    position: Indices,
    n: int,
    block: int,
    corners: Indices,
    fractions: FloatArray,
    filters: tuple[bool, bool],
    covered: Mask,
    total: FloatArray,
    strides: tuple[int, int],
    causal: FloatArray,
    filtered: FloatArray,
) -> None:
    """Add a frame whose displacement changes from pixel to pixel: 16 taps a pixel.

    Pixel (q, p) is sampled at corners[:, q, p] + fractions[:, q, p].
    """
    h, w = position.shape
    length = (w + 3) * block
    count, room = np.uint64(n), np.uint64(block)
    held = (0, 0)
    for top in range(0, covered.shape[0], STRIPE):
        bottom = min(covered.shape[0], top + STRIPE)
        lo, hi = h, -1
        for q in range(top, bottom):
            for p in range(covered.shape[1]):
                if covered[q, p]:
                    lo, hi = min(lo, corners[0, q, p]), max(hi, corners[0, q, p])
        if hi < 0:
            continue
        lo, hi = max(0, lo - 1), min(h - 1, hi + 2)
        held = advance(raw, position, n, block, True, filters, held, lo, hi, causal, filtered)
        for q in range(top, bottom):
            for p in range(covered.shape[1]):
                if not covered[q, p]:
                    continue
                y = corners[0, q, p]
                wy = tap_weights(fractions[0, q, p], SPLINE)
                wx = tap_weights(fractions[1, q, p], SPLINE)
                # On the last row the last tap has no weight, and its mirrored row is not held.
                k3 = y + 2 if wy[3] != 0 else y
                left = corners[1, q, p] * block
                a0 = np.uint64((mirror(y - 1, h) - lo) * length + left)
                a1 = np.uint64((y - lo) * length + left)
                a2 = np.uint64((mirror(y + 1, h) - lo) * length + left)
                a3 = np.uint64((mirror(k3, h) - lo) * length + left)
                two, three = room + room, room + room + room
                t = np.uint64(q * strides[0] + p * strides[1])
                for c in range(count):
                    i0, i1, i2, i3 = a0 + c, a1 + c, a2 + c, a3 + c
                    v0 = wx[0] * filtered[i0] + wx[1] * filtered[i0 + room]
                    v1 = wx[0] * filtered[i1] + wx[1] * filtered[i1 + room]
                    v2 = wx[0] * filtered[i2] + wx[1] * filtered[i2 + room]
                    v3 = wx[0] * filtered[i3] + wx[1] * filtered[i3 + room]
                    v0 += wx[2] * filtered[i0 + two] + wx[3] * filtered[i0 + three]
                    v1 += wx[2] * filtered[i1 + two] + wx[3] * filtered[i1 + three]
                    v2 += wx[2] * filtered[i2 + two] + wx[3] * filtered[i2 + three]
                    v3 += wx[2] * filtered[i3 + two] + wx[3] * filtered[i3 + three]
                    total[t + c] += wy[0] * v0 + wy[1] * v1 + wy[2] * v2 + wy[3] * v3
