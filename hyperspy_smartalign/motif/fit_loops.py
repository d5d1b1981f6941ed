"""The loops of the fit of a motif to tiles; see `hyperspy_smartalign.motif.fitting`."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.sampling import sample_inside
from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import SPLINE, mirror, sample_line, split, tap_weights
from hyperspy_smartalign.resampling.options import TOLERANCE, DoubleArray, FloatArray
from hyperspy_smartalign.resampling.spline import POLE

_ITERATIONS = 20
# Steps below so many pixels end the search, and more with every one after so many.
_CONVERGED = 5e-3
_PATIENCE = 4
_POWERS = POLE ** np.arange(16)
# Steps that shrink more slowly are not trusted to go on so.
_SLOWEST = 0.8


@compiled
def _noise_gain(fraction: float) -> float:
    """Variance of white noise after spline interpolation at a fraction of a pixel, over before."""
    weights = tap_weights(fraction, SPLINE)
    total = 0.0
    for k in range(-12, 14):
        # Weight of pixel k: the taps times the coefficients of an impulse.
        value = 0.0
        for tap in range(4):
            value += weights[tap] * _POWERS[abs(k - (tap - 1))]
        total += (-6.0 * POLE / (1.0 - POLE * POLE) * value) ** 2
    return total


@compiled
def _sample_tile(
    source: FloatArray,
    cy: float,
    cx: float,
    matrix: DoubleArray,
    upright: bool,
    line: FloatArray,
    out: FloatArray,
) -> None:
    """Tile (h, w) of the frame about (cy, cx); the border of the frame is mirrored."""
    h, w = out.shape
    rows, columns = source.shape
    if upright:
        if sample_inside(source, cy - (h - 1) / 2, cx - (w - 1) / 2, line, out):
            return
        iy, fy = split(cy - (h - 1) / 2)
        ix, fx = split(cx - (w - 1) / 2)
        wy, wx = tap_weights(fy, SPLINE), tap_weights(fx, SPLINE)
        for q in range(h):
            sample_line(source, iy + q, wy, ix, wx, line, out[q])
        return
    for q in range(h):
        for p in range(w):
            dy, dx = q - (h - 1) / 2, p - (w - 1) / 2
            iy, fy = split(cy + matrix[0, 0] * dy + matrix[0, 1] * dx)
            ix, fx = split(cx + matrix[1, 0] * dy + matrix[1, 1] * dx)
            wy, wx = tap_weights(fy, SPLINE), tap_weights(fx, SPLINE)
            total = np.float32(0.0)
            for j in range(4):
                for k in range(4):
                    if wy[j] != 0 and wx[k] != 0:
                        pixel = source[mirror(iy + j - 1, rows), mirror(ix + k - 1, columns)]
                        total += wy[j] * wx[k] * pixel
            out[q, p] = total


@compiled
def _right_side(tile: FloatArray, weighted: FloatArray) -> DoubleArray:
    """Right-hand side of the normal equations; not finite where the tile has gaps."""
    h, w = tile.shape
    pixels, design = tile.reshape(h * w), weighted.reshape(4 * h * w)
    width = np.uint64(w)
    right = np.zeros(4)
    for q in range(h):
        k0 = np.uint64(q * w)
        k1 = np.uint64((h + q) * w)
        k2 = np.uint64((2 * h + q) * w)
        k3 = np.uint64((3 * h + q) * w)
        # Rows are summed in single precision, their sums in double.
        r0 = r1 = r2 = r3 = np.float32(0.0)
        for p in range(width):
            value = pixels[k0 + p]
            r0 += design[k0 + p] * value
            r1 += design[k1 + p] * value
            r2 += design[k2 + p] * value
            r3 += design[k3 + p] * value
        right[0] += r0
        right[1] += r1
        right[2] += r2
        right[3] += r3
    return right


@compiled
def _with_gaps(
    tile: FloatArray, design: DoubleArray, weights: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """Normal equations of what was observed of a tile: their matrix and right-hand side."""
    normal, right = np.zeros((4, 4)), np.zeros(4)
    for q in range(tile.shape[0]):
        for p in range(tile.shape[1]):
            if not math.isfinite(tile[q, p]):
                continue
            for a in range(4):
                weighted = design[a, q, p] * weights[q, p]
                right[a] += weighted * tile[q, p]
                for b in range(4):
                    normal[a, b] += weighted * design[b, q, p]
    return normal, right


@compiled
def _residual(
    tile: FloatArray, design: FloatArray, weights: FloatArray, values: DoubleArray
) -> tuple[float, float]:
    """Weighted sum of squares of what the fit leaves, and the number of pixels in it."""
    h, w = tile.shape
    pixels, terms, gains = tile.reshape(h * w), design.reshape(4 * h * w), weights.reshape(h * w)
    width = np.uint64(w)
    zero, one = np.float32(0.0), np.float32(1.0)
    a, b = np.float32(values[0]), np.float32(values[1])
    c, d = np.float32(values[2]), np.float32(values[3])
    total = count = 0.0
    for q in range(h):
        k0 = np.uint64(q * w)
        k1 = np.uint64((h + q) * w)
        k2 = np.uint64((2 * h + q) * w)
        k3 = np.uint64((3 * h + q) * w)
        part = number = zero
        for p in range(width):
            value, gain = pixels[k0 + p], gains[k0 + p]
            left = value - a - b * terms[k1 + p] - c * terms[k2 + p] - d * terms[k3 + p]
            seen = math.isfinite(value) and gain > zero
            part += gain * left * left if seen else zero
            number += one if seen else zero
        total += float(part)
        count += float(number)
    return total, count


@compiled
def normal_matrix(design: DoubleArray, weights: DoubleArray) -> DoubleArray:
    normal = np.zeros((4, 4))
    for a in range(4):
        for b in range(a + 1):
            normal[a, b] = (design[a] * weights * design[b]).sum()
            normal[b, a] = normal[a, b]
    return normal


@compiled
def _solvable(normal: DoubleArray) -> bool:
    """Whether every parameter is known from the pixels that a tile has."""
    for a in range(4):
        if not normal[a, a] > 0.0:
            return False
    scale: float = normal[0, 0] * normal[1, 1] * normal[2, 2] * normal[3, 3]
    solvable: bool = np.linalg.det(normal) > 1e-9 * scale
    return solvable


@compiled
def _within(centre: float, reach: float, size: int) -> bool:
    """Whether a tile that reaches so far to both sides lies within 0 .. size - 1."""
    inside: bool = reach - TOLERANCE <= centre <= size - 1 - reach + TOLERANCE
    return inside


@compiled
def locate_tiles(
    source: FloatArray,
    start: DoubleArray,
    matrix: DoubleArray,
    design: DoubleArray,
    weights: DoubleArray,
    farthest: float,
) -> tuple[DoubleArray, DoubleArray, npt.NDArray[np.bool_]]:
    """Positions, standard errors and whether a tile is outside; see `MotifFit.locate`."""
    n, (_, h, w) = len(start), design.shape
    centres, errors = start.copy(), np.full((n, 2), np.nan)
    outside = np.zeros(n, np.bool_)
    tile, line = np.empty((h, w), np.float32), np.empty(source.shape[1] + 3, np.float32)
    values = np.zeros(4)
    upright = matrix[0, 0] == 1.0 and matrix[1, 1] == 1.0
    whole = normal_matrix(design, weights)
    solver = np.linalg.inv(whole)
    single, gains = design.astype(np.float32), weights.astype(np.float32)
    weighted = (design * weights).astype(np.float32)
    # How far the centre may go before a tile reaches beyond the frame.
    ry = abs(matrix[0, 0]) * (h - 1) / 2 + abs(matrix[0, 1]) * (w - 1) / 2
    rx = abs(matrix[1, 0]) * (h - 1) / 2 + abs(matrix[1, 1]) * (w - 1) / 2
    normal, complete = whole, True
    for i in range(n):
        cy, cx = start[i, 0], start[i, 1]
        good = False
        before_y = before_x = 0.0
        for number in range(_ITERATIONS):
            inside = _within(cy, ry, source.shape[0]) and _within(cx, rx, source.shape[1])
            if not inside:
                break
            _sample_tile(source, cy, cx, matrix, upright, line, tile)
            right = _right_side(tile, weighted)
            complete = math.isfinite(right[0])
            if complete:
                for a in range(4):
                    values[a] = 0.0
                    for b in range(4):
                        values[a] += solver[a, b] * right[b]
            else:
                normal, right = _with_gaps(tile, design, weights)
                if not _solvable(normal):
                    break
                values[:] = np.linalg.solve(normal, right)
            if not values[1] > 0.0:
                break
            dy = min(1.0, max(-1.0, values[2] / values[1]))
            dx = min(1.0, max(-1.0, values[3] / values[1]))
            sy = matrix[0, 0] * dy + matrix[0, 1] * dx
            sx = matrix[1, 0] * dy + matrix[1, 1] * dx
            # Slopes of noise make all steps too short, or too long, by the same factor: of every
            # other step, the sum of the geometric series that it begins.
            if number % 2 == 1:
                length = before_y * before_y + before_x * before_x
                ratio = (sy * before_y + sx * before_x) / length if length > 0.0 else 0.0
                gain = 1.0 / (1.0 - min(_SLOWEST, max(-_SLOWEST, ratio)))
                sy, sx = sy * gain, sx * gain
            before_y, before_x = sy, sx
            cy += sy
            cx += sx
            if math.hypot(cy - start[i, 0], cx - start[i, 1]) > farthest:
                break
            # What takes many steps is noise, and has no place so exact.
            close = _CONVERGED * max(1, number - _PATIENCE)
            if abs(sy) < close and abs(sx) < close:
                good = True
                break
        outside[i] = not (_within(cy, ry, source.shape[0]) and _within(cx, rx, source.shape[1]))
        if outside[i] or not good:
            continue
        centres[i, 0], centres[i, 1] = cy, cx
        total, count = _residual(tile, single, gains, values)
        gain = _noise_gain(split(cy - (h - 1) / 2)[1]) * _noise_gain(split(cx - (w - 1) / 2)[1])
        if count > 4:
            variance = total / (count - 4) / (gain * values[1] * values[1])
            inverse = solver if complete else np.linalg.inv(normal)
            inner = inverse[2:, 2:]
            turned = matrix @ np.ascontiguousarray(inner) @ matrix.T
            errors[i, 0] = math.sqrt(variance * turned[0, 0])
            errors[i, 1] = math.sqrt(variance * turned[1, 1])
    return centres, errors, outside
