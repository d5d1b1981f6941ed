"""Smooth random fields on a control grid, by the modes of each axis of the grid.

The covariance of two nodes is the product of a Matern covariance of their distance along y and of
one along x (Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006, chapter 4). A
product keeps the modes of the field products of modes of one axis, so that nothing larger than the
side of the grid is ever decomposed, and nothing wraps around at its edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .result import ScanPrior

__all__ = ["SMOOTHNESSES", "FieldModes", "axis_modes", "field_modes"]

DoubleArray = npt.NDArray[np.float64]

#: Smoothnesses that fields may have: specimens and lenses bend, they do not tear. The last is the
#: limit of the Matern covariances, the Gaussian ``exp(-d**2 / (2 length**2))``.
SMOOTHNESSES = (1.5, 2.5, np.inf)
#: Modes of one axis below this share of the strongest are left out.
WEAKEST = 1e-6


def axis_modes(count: int, length: float, smoothness: float) -> tuple[DoubleArray, DoubleArray]:
    """Modes of a Matern process of unit variance on equidistant nodes.

    Parameters
    ----------
    count : int
        Number of nodes.
    length : float
        Correlation length in nodes; see `process.matern`.
    smoothness : {1.5, 2.5, inf}

    Returns
    -------
    powers : (r,) float64
        Falling variances of the modes, the weakest left out.
    modes : (count, r) float64
        Orthonormal.
    """
    if smoothness not in SMOOTHNESSES:
        raise ValueError(f"smoothness must be one of {SMOOTHNESSES}, not {smoothness!r}.")
    place = np.arange(count) / length
    if np.isinf(smoothness):
        along = np.exp(-0.5 * place**2)
    else:
        reach = np.sqrt(2 * smoothness) * place
        third = reach**2 / 3 if smoothness == 2.5 else 0.0
        along = (1 + reach + third) * np.exp(-reach)
    nodes = np.arange(count)
    powers, modes = np.linalg.eigh(along[np.abs(nodes[:, None] - nodes)])
    powers, modes = powers[::-1], modes[:, ::-1]
    strong = powers > WEAKEST * powers[0]
    return powers[strong], modes[:, strong]


@dataclass(frozen=True)
class FieldModes:
    """A random displacement field as ``fade * down @ u @ across.T``, u being white.

    Attributes
    ----------
    down : (2, rows, r) float64
        Modes along y of the components (y, x) of the displacement, times their deviation in px.
    across : (2, columns, s) float64
        Modes along x, times their deviation.
    fade : (rows, columns) float64
        Share of the deviation that is left at each node.
    """

    down: DoubleArray
    across: DoubleArray
    fade: DoubleArray

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (2, r, s) of the amplitudes."""
        return 2, self.down.shape[2], self.across.shape[2]

    @property
    def variance(self) -> DoubleArray:
        """Variance (2, r, s) that each amplitude adds to the sum over all nodes, px^2."""
        down, across = (self.down**2).sum(1), (self.across**2).sum(1)
        return np.asarray(down[:, :, None] * across[:, None, :])

    def field(self, amplitudes: DoubleArray) -> DoubleArray:
        """Displacement (..., 2, rows, columns) of amplitudes (..., 2, r, s)."""
        return np.asarray(self.fade * (self.down @ amplitudes @ self.across.transpose(0, 2, 1)))

    def project(self, vector: DoubleArray) -> DoubleArray:
        """The transpose of `field`."""
        return np.asarray(self.down.transpose(0, 2, 1) @ (self.fade * vector) @ self.across)


def field_modes(
    prior: ScanPrior,
    shape: tuple[int, int],
    *,
    spacing: float,
    fade: DoubleArray | None = None,
) -> FieldModes:
    """Modes of a prior, lengths in px, on a grid of this shape.

    Parameters
    ----------
    prior : ScanPrior
    shape : (rows, columns)
    spacing : float
        Distance between nodes, px.
    fade : (rows, columns) array, optional
        Factor on the deviation at each node.

    Returns
    -------
    FieldModes
    """
    sides = []
    for count in shape:
        found = [axis_modes(count, length / spacing, prior.smoothness) for length in prior.length]
        most = max(len(powers) for powers, _ in found)
        side = np.zeros((2, count, most))
        for axis, (powers, modes) in enumerate(found):
            side[axis, :, : len(powers)] = modes * np.sqrt(powers)
        sides.append(side)
    down, across = sides
    return FieldModes(
        down=down * np.asarray(prior.rms, np.float64)[:, None, None],
        across=across,
        fade=np.ones(shape) if fade is None else fade,
    )
