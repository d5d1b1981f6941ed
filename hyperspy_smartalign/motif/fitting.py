"""Positions of tiles by least squares on the pixels of the frame.

Near a match a tile is v(p) = a + b t(p - d), with the motif t, an offset a and a gain b of its own,
and what is left of the displacement, d. Linearised, a, b and b d are weighted sums of the tile's
pixels, with weights that depend on the motif alone (Baker & Matthews, Int. J. Comput. Vision 56
(2004) 221: the inverse compositional step). Each pixel counts by the inverse of its noise, so the
result reaches the Cramer-Rao bound of the motif.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.fit_loops import locate_tiles, normal_matrix
from hyperspy_smartalign.motif.orientations import Orientation
from hyperspy_smartalign.motif.searched_motif import checked_motif
from hyperspy_smartalign.resampling import spline_coefficients
from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray
from hyperspy_smartalign.resampling.spline import without_gaps

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
        normal = normal_matrix(design, weights)
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
        farthest: float = 2.0,
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
        farthest : float
            A fit that wanders off so many pixels has failed.
        """
        start = np.array(centres, np.float64).reshape(-1, 2)
        matrix = (orientation or Orientation()).matrix
        found = locate_tiles(
            coefficients, start, matrix, self._design, self._weights, float(farthest)
        )
        return Fitted(*found)


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
