"""Maxima of correlation maps: several candidates each, at sub-pixel positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["PEAKS", "best_maxima", "centre_of_mass", "gaussian_peak"]

PEAKS = ("candidates", "pixel", "gaussian", "centre_of_mass")


@njit(cache=True, nogil=True)
def _parabola(below: float, middle: float, above: float) -> tuple[float, float]:
    """Offset of the vertex from the middle sample and its height above that sample."""
    curvature = below - 2.0 * middle + above
    if curvature >= 0.0:
        return 0.0, 0.0
    offset = 0.5 * (below - above) / curvature
    if offset > 0.5:
        offset = 0.5
    elif offset < -0.5:
        offset = -0.5
    return offset, -0.25 * (below - above) * offset


@njit(cache=True, nogil=True)
def _best_maxima(maps: Any, gain: Any, low: Any, high: Any, positions: Any, scores: Any) -> None:
    pairs, rows, columns = maps.shape
    kept = positions.shape[1]
    for p in range(pairs):
        plane = maps[p]
        factor = gain[p if gain.shape[0] > 1 else 0]
        found = 0
        for y in range(rows):
            sy = y if y < (rows + 1) // 2 else y - rows
            if sy < low[p, 0] or sy > high[p, 0]:
                continue
            up = y - 1 if y > 0 else rows - 1
            down = y + 1 if y < rows - 1 else 0
            for x in range(columns):
                if factor[y, x] <= 0.0:
                    continue
                value = plane[y, x] * factor[y, x]
                if found == kept and value <= scores[p, kept - 1]:
                    continue
                sx = x if x < (columns + 1) // 2 else x - columns
                if sx < low[p, 1] or sx > high[p, 1]:
                    continue
                left = x - 1 if x > 0 else columns - 1
                right = x + 1 if x < columns - 1 else 0
                # Compared in the correlation itself: its gain varies slowly.
                middle = plane[y, x]
                if (
                    middle < plane[up, x]
                    or middle <= plane[down, x]
                    or middle < plane[y, left]
                    or middle <= plane[y, right]
                    or middle < plane[up, left]
                    or middle <= plane[down, right]
                    or middle < plane[up, right]
                    or middle <= plane[down, left]
                ):
                    continue
                # A neighbour outside the searched area has no factor of its own: as if it were 0,
                # the parabola would rise far above the sample.
                g = factor[y, x]
                oy, hy = _parabola(
                    plane[up, x] * (factor[up, x] if factor[up, x] > 0.0 else g),
                    value,
                    plane[down, x] * (factor[down, x] if factor[down, x] > 0.0 else g),
                )
                ox, hx = _parabola(
                    plane[y, left] * (factor[y, left] if factor[y, left] > 0.0 else g),
                    value,
                    plane[y, right] * (factor[y, right] if factor[y, right] > 0.0 else g),
                )
                height = value + hy + hx
                slot = found if found < kept else kept - 1
                if found == kept and height <= scores[p, slot]:
                    continue
                while slot > 0 and scores[p, slot - 1] < height:
                    scores[p, slot] = scores[p, slot - 1]
                    positions[p, slot, 0] = positions[p, slot - 1, 0]
                    positions[p, slot, 1] = positions[p, slot - 1, 1]
                    slot -= 1
                scores[p, slot] = height
                positions[p, slot, 0] = sy + oy
                positions[p, slot, 1] = sx + ox
                if found < kept:
                    found += 1


def best_maxima(
    maps: npt.NDArray[np.float32],
    gain: npt.NDArray[np.float32],
    *,
    count: int,
    limits: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Highest local maxima of correlation maps.

    Parameters
    ----------
    maps : (p, my, mx) array
        Correlation maps, zero shift at [0, 0], negative shifts wrapped around.
    gain : (1 or p, my, mx) array
        Factor on each map (reciprocal overlap); places with a factor <= 0 are not searched.
    count : int
        Number of maxima kept for each map.
    limits : pair of (p, 2) arrays, optional
        Lowest and highest shift searched, (y, x) in map pixels.

    Returns
    -------
    positions : (p, count, 2) float64
        Sub-pixel shifts (y, x) in map pixels by a parabola through each axis; NaN where fewer
        maxima exist.
    scores : (p, count) float64
        Heights, largest first; -inf where fewer maxima exist.
    """
    pairs = len(maps)
    positions = np.full((pairs, count, 2), np.nan)
    scores = np.full((pairs, count), -np.inf)
    if limits is None:
        low = np.full((pairs, 2), -np.inf)
        high = np.full((pairs, 2), np.inf)
    else:
        low, high = limits
    _best_maxima(maps, gain, low, high, positions, scores)
    return positions, scores


def _patch(
    plane: npt.NDArray[np.floating], peak: npt.NDArray[np.float64], radius: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rows = np.round(peak[0]) + np.arange(-radius, radius + 1)
    columns = np.round(peak[1]) + np.arange(-radius, radius + 1)
    values = plane[np.ix_(rows.astype(int) % plane.shape[0], columns.astype(int) % plane.shape[1])]
    return rows, columns, np.asarray(values, np.float64)


def gaussian_peak(
    plane: npt.NDArray[np.floating], peak: npt.NDArray[np.float64], *, radius: int = 2
) -> npt.NDArray[np.float64]:
    """Centre of a Gaussian through the top of a correlation peak.

    The logarithm of a Gaussian is a quadratic: fitted by least squares to the part of a patch
    that stands above half of the peak.

    Parameters
    ----------
    plane : (my, mx) array
        Correlation map, cyclic.
    peak : (2,) array
        Position of the maximum in map pixels.
    radius : int
        The patch is ``2 * radius + 1`` pixels wide.

    Returns
    -------
    (2,) float64; the maximum's own position where the patch has no summit within one pixel.
    """
    rows, columns, values = _patch(plane, peak, radius)
    floor = values.min()
    height = values - floor
    used = height > 0.5 * height.max()
    if used.sum() < 6 or not height.max() > 0:
        return np.round(peak)
    y, x = np.meshgrid(rows - np.round(peak[0]), columns - np.round(peak[1]), indexing="ij")
    y, x, target = y[used], x[used], np.log(height[used])
    design = np.stack([np.ones_like(y), y, x, y * y, x * y, x * x], axis=1)
    _, by, bx, yy, xy, xx = np.linalg.lstsq(design, target, rcond=None)[0]
    hessian = np.array([[2 * yy, xy], [xy, 2 * xx]])
    if not (yy < 0 and xx < 0 and np.linalg.det(hessian) > 0):
        return np.round(peak)
    offset = -np.linalg.solve(hessian, np.array([by, bx]))
    if np.abs(offset).max() > 1.0:
        return np.round(peak)
    return np.round(peak) + offset


def centre_of_mass(
    plane: npt.NDArray[np.floating], peak: npt.NDArray[np.float64], *, radius: int = 2
) -> npt.NDArray[np.float64]:
    """Centre of mass of what stands above half of a correlation peak; see `gaussian_peak`."""
    rows, columns, values = _patch(plane, peak, radius)
    height = values - values.min()
    height = np.maximum(height - 0.5 * height.max(), 0.0)
    total = height.sum()
    if not total > 0:
        return np.round(peak)
    centre = [(height.sum(1) * rows).sum() / total, (height.sum(0) * columns).sum() / total]
    return np.array(centre)
