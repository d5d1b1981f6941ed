"""Positions of tiles by least squares on the pixels of the frame.

Near a match a tile is v(p) = a + b t(p - d), with the motif t, an offset a and a gain b of its own,
and what is left of the displacement, d. Linearised, a, b and b d are weighted sums of the tile's
pixels, with weights that depend on the motif alone (Baker & Matthews, Int. J. Comput. Vision 56
(2004) 221: the inverse compositional step). Each pixel counts by the inverse of its noise, so the
result reaches the Cramer-Rao bound of the motif.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.orientations import Orientation
from hyperspy_smartalign.motif.scores import checked_motif
from hyperspy_smartalign.resampling import spline_coefficients
from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import SPLINE, mirror, sample_line, split, tap_weights
from hyperspy_smartalign.resampling.options import TOLERANCE, DoubleArray, FloatArray
from hyperspy_smartalign.resampling.spline import POLE, without_gaps

_ITERATIONS = 8
# Pixels. Steps below this end the search; a fit that wanders off further than that has failed.
_CONVERGED = 5e-3
_FARTHEST = 2.0
# Slopes along one axis this much smaller than along the other are rounding.
_FLAT = 1e-5


@dataclass(frozen=True, eq=False)
class Fitted:
    """Positions after the fit.

    Attributes
    ----------
    centres : (n, 2) float64
        Tile centres (y, x), px of the frame.
    errors : (n, 2) float64
        Standard errors of these, px, from what is left between tile and motif. NaN where the fit
        failed; the position is then the one it started from.
    outside : (n,) bool
        The tile belongs, at least in part, beyond the frame.
    """

    centres: DoubleArray
    errors: DoubleArray
    outside: npt.NDArray[np.bool_]


class MotifFit:
    """A motif made ready to be fitted to many tiles.

    Parameters
    ----------
    motif : (h, w) array
        NaN where it says nothing.
    noise : (h, w) array, optional
        Variance of the pixels of a tile, in any unit; the same everywhere by default.

    Raises
    ------
    ValueError
        If the motif has no contrast, or none along some direction, or the noise is not above zero.
    """

    def __init__(self, motif: npt.ArrayLike, *, noise: npt.ArrayLike | None = None) -> None:
        template, known = checked_motif(motif)
        weights = np.ones_like(template)
        if noise is not None:
            variance = np.asarray(noise, np.float64)
            if variance.shape != template.shape or not (variance > 0).all():
                raise ValueError(
                    f"noise has shape {variance.shape}; give one variance above 0 for each of the "
                    f"{template.shape[0]} x {template.shape[1]} px of the motif."
                )
            weights = variance.min() / variance
        if known is not None:
            weights[~known] = 0
            template = without_gaps(template.astype(np.float32), ~known).astype(np.float64)
        slopes = _slopes(template)
        design = np.stack([np.ones_like(template), template, -slopes[0], -slopes[1]])
        # Better conditioned about the mean; a changes its meaning, but nobody asks for it.
        design[1] -= np.average(template, weights=weights)
        normal = _normal(design, weights)
        scale = np.sqrt(np.diag(normal))
        flat = not (scale > 0).all() or scale[2:].min() < _FLAT * scale[2:].max()
        if flat or np.linalg.cond(normal / np.outer(scale, scale)) > 1e6:
            raise ValueError(
                "The motif looks the same when it moves along some direction, so tiles have no "
                "place along it. Give a region with features along both axes, or use "
                'subpixel="parabola".'
            )
        self._design = design
        self._weights = weights
        self.shape: tuple[int, int] = template.shape[0], template.shape[1]

    def locate(
        self,
        coefficients: FloatArray,
        centres: npt.ArrayLike,
        *,
        orientation: Orientation | None = None,
    ) -> Fitted:
        """Fit the motif to tiles of a frame, starting from approximate positions.

        Parameters
        ----------
        coefficients : (h, w) float32 array
            `resampling.spline_coefficients` of the frame.
        centres : (n, 2) array-like
            Tile centres (y, x), px, right to about a pixel.
        orientation : Orientation, optional
            How the motif lies in the frame; upright by default.
        """
        start = np.array(centres, np.float64).reshape(-1, 2)
        matrix = (orientation or Orientation()).matrix
        return Fitted(*_locate(coefficients, start, matrix, self._design, self._weights))


def _slopes(template: DoubleArray) -> DoubleArray:
    """(2, h, w) slopes (y, x): of the spline inside, of parabolas at the rim."""
    coefficients = spline_coefficients(template).astype(np.float64)
    found = np.stack([np.gradient(template, axis=k, edge_order=2) for k in (0, 1)])
    for axis in (0, 1):
        slope = np.gradient(coefficients, axis=axis)
        padding = [(1, 1) if k != axis else (0, 0) for k in (0, 1)]
        padded = np.pad(slope, padding, mode="reflect")
        across = 1 - axis
        n = template.shape[across]
        before, here, after = (np.take(padded, range(k, k + n), axis=across) for k in range(3))
        smooth = (before + 4 * here + after) / 6
        inner = [slice(None), slice(None)]
        inner[axis] = slice(1, -1)
        found[axis][tuple(inner)] = smooth[tuple(inner)]
    return found


@compiled
def _noise_gain(fraction: float) -> float:
    """Variance of white noise after spline interpolation at a fraction of a pixel, over before."""
    weights = tap_weights(fraction, SPLINE)
    total = 0.0
    for k in range(-12, 14):
        # Weight of pixel k: the taps times the coefficients of an impulse.
        value = 0.0
        for tap in range(4):
            value += weights[tap] * POLE ** abs(k - (tap - 1))
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
def _accumulate(
    tile: FloatArray, design: DoubleArray, weighted: DoubleArray, normal: DoubleArray
) -> DoubleArray:
    """Right-hand side of the normal equations; with gaps in the tile `normal` becomes its own."""
    _, h, w = design.shape
    right = np.zeros(4)
    for q in range(h):
        v = tile[q]
        d0, d1, d2, d3 = weighted[0, q], weighted[1, q], weighted[2, q], weighted[3, q]
        r0 = r1 = r2 = r3 = 0.0
        for p in range(w):
            r0 += d0[p] * v[p]
            r1 += d1[p] * v[p]
            r2 += d2[p] * v[p]
            r3 += d3[p] * v[p]
        right[0] += r0
        right[1] += r1
        right[2] += r2
        right[3] += r3
    # A sum with a gap in it is the only number that is not itself.
    if right[0] == right[0]:
        return right
    normal[:] = 0.0
    right[:] = 0.0
    for q in range(h):
        for p in range(w):
            if not math.isfinite(tile[q, p]):
                continue
            for a in range(4):
                right[a] += weighted[a, q, p] * tile[q, p]
                for b in range(4):
                    normal[a, b] += weighted[a, q, p] * design[b, q, p]
    return right


@compiled
def _residual(
    tile: FloatArray, design: DoubleArray, weights: DoubleArray, values: DoubleArray
) -> tuple[float, float]:
    """Weighted sum of squares of what the fit leaves, and the number of pixels in it."""
    total, count = 0.0, 0.0
    a, b, c, d = values[0], values[1], values[2], values[3]
    for q in range(tile.shape[0]):
        v, g = tile[q], weights[q]
        d0, d1, d2, d3 = design[0, q], design[1, q], design[2, q], design[3, q]
        for p in range(v.size):
            left = v[p] - a * d0[p] - b * d1[p] - c * d2[p] - d * d3[p]
            seen = math.isfinite(v[p]) and g[p] > 0.0
            total += g[p] * left * left if seen else 0.0
            count += 1.0 if seen else 0.0
    return total, count


@compiled
def _normal(design: DoubleArray, weights: DoubleArray) -> DoubleArray:
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
def _locate(
    source: FloatArray,
    start: DoubleArray,
    matrix: DoubleArray,
    design: DoubleArray,
    weights: DoubleArray,
) -> tuple[DoubleArray, DoubleArray, npt.NDArray[np.bool_]]:
    """Positions, standard errors and whether a tile is outside; see `MotifFit.locate`."""
    n, (_, h, w) = len(start), design.shape
    centres, errors = start.copy(), np.full((n, 2), np.nan)
    outside = np.zeros(n, np.bool_)
    tile, line = np.empty((h, w), np.float32), np.empty(source.shape[1] + 2, np.float32)
    values = np.zeros(4)
    upright = matrix[0, 0] == 1.0 and matrix[1, 1] == 1.0
    whole, weighted = _normal(design, weights), design * weights
    # How far the centre may go before a tile reaches beyond the frame.
    ry = abs(matrix[0, 0]) * (h - 1) / 2 + abs(matrix[0, 1]) * (w - 1) / 2
    rx = abs(matrix[1, 0]) * (h - 1) / 2 + abs(matrix[1, 1]) * (w - 1) / 2
    for i in range(n):
        cy, cx = start[i, 0], start[i, 1]
        good = False
        for _ in range(_ITERATIONS):
            inside = _within(cy, ry, source.shape[0]) and _within(cx, rx, source.shape[1])
            if not inside:
                break
            _sample_tile(source, cy, cx, matrix, upright, line, tile)
            normal = whole.copy()
            right = _accumulate(tile, design, weighted, normal)
            if not _solvable(normal):
                break
            values[:] = np.linalg.solve(normal, right)
            if not values[1] > 0.0:
                break
            dy = min(1.0, max(-1.0, values[2] / values[1]))
            dx = min(1.0, max(-1.0, values[3] / values[1]))
            sy = matrix[0, 0] * dy + matrix[0, 1] * dx
            sx = matrix[1, 0] * dy + matrix[1, 1] * dx
            cy += sy
            cx += sx
            if math.hypot(cy - start[i, 0], cx - start[i, 1]) > _FARTHEST:
                break
            if abs(sy) < _CONVERGED and abs(sx) < _CONVERGED:
                good = True
                break
        outside[i] = not (_within(cy, ry, source.shape[0]) and _within(cx, rx, source.shape[1]))
        if outside[i] or not good:
            continue
        centres[i, 0], centres[i, 1] = cy, cx
        total, count = _residual(tile, design, weights, values)
        gain = _noise_gain(split(cy - (h - 1) / 2)[1]) * _noise_gain(split(cx - (w - 1) / 2)[1])
        if count > 4:
            variance = total / (count - 4) / (gain * values[1] * values[1])
            inner = np.linalg.inv(normal)[2:, 2:]
            turned = matrix @ np.ascontiguousarray(inner) @ matrix.T
            errors[i, 0] = math.sqrt(variance * turned[0, 0])
            errors[i, 1] = math.sqrt(variance * turned[1, 1])
    return centres, errors, outside
