"""How far matches lie from a perfect lattice, against the errors of their positions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.on_lattice import LatticeFit, fit_to_lattice
from hyperspy_smartalign.resampling.options import DoubleArray

# Share by which the standard errors of positions may be too small.
_UNSURE = 0.15
# Standard errors of the root mean square beyond which a deviation is believed.
_SIGNIFICANT = 3.0


@dataclass(frozen=True, eq=False)
class Deviations:
    """Positions against the nodes of one lattice.

    Attributes
    ----------
    positions : (n, 2) float64
        Where the matches are, (y, x) px.
    frame : (n,) int
        Number of the frame; -1 for positions that several frames have in common.
    index : (n, 2) int
        Node of each.
    deviations : (n, 2) float64
        Position minus node, (y, x) px.
    errors : (n, 2) float64
        Standard errors of the positions, px; NaN where they are not known.
    count : (n,) int
        Number of frames that a position was measured in.
    strays : (m, 2) float64
        Positions that are near no node.
    vectors : (2, 2) float64
        Base vectors a and b, rows (y, x) px.
    covariance : (4, 4) float64
        Of a_y, a_x, b_y, b_x, px^2.
    free : float
        Share of the deviations that the fit of vectors and origins left free, 0 to 1.
    """

    positions: DoubleArray
    frame: npt.NDArray[np.intp]
    index: npt.NDArray[np.intp]
    deviations: DoubleArray
    errors: DoubleArray
    count: npt.NDArray[np.intp]
    strays: DoubleArray
    vectors: DoubleArray
    covariance: DoubleArray
    free: float

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def vector_errors(self) -> DoubleArray:
        """(2, 2) standard errors of `vectors`, px."""
        return np.asarray(np.sqrt(np.diag(self.covariance)).reshape(2, 2), np.float64)

    @property
    def rms(self) -> DoubleArray:
        """(2,) root mean square of the deviations along (y, x), px."""
        return np.asarray(np.sqrt(np.mean(self.deviations**2, axis=0)), np.float64)

    @property
    def expected(self) -> DoubleArray:
        """(2,) what `rms` is for a perfect lattice, by the errors; NaN where none is known."""
        known = np.isfinite(self.errors).all(axis=1)
        if not known.any():
            return np.full(2, np.nan)
        square = np.mean(self.errors[known] ** 2, axis=0)
        return np.asarray(np.sqrt(self.free * square), np.float64)

    @property
    def excess(self) -> DoubleArray:
        """(2,) what the errors do not explain, along (y, x), px: sqrt(rms^2 - expected^2)."""
        return np.asarray(np.sqrt(np.maximum(self.rms**2 - self.expected**2, 0)), np.float64)

    @property
    def ratio(self) -> float:
        """Root mean square of the deviations over their errors: 1 for a perfect lattice."""
        known = np.isfinite(self.errors).all(axis=1)
        if not known.any():
            return math.nan
        normal = self.deviations[known] / self.errors[known]
        return math.sqrt(float(np.mean(normal**2)) / self.free)

    @property
    def limit(self) -> float:
        """`ratio` beyond which the lattice is not perfect."""
        known = int(np.isfinite(self.errors).all(axis=1).sum())
        statistical = _SIGNIFICANT / math.sqrt(4 * max(known * self.free, 1))
        return 1 + _UNSURE + statistical

    @property
    def strain_free(self) -> bool | None:
        """Whether the errors explain the deviations; None where these are not known."""
        ratio = self.ratio
        return None if math.isnan(ratio) else ratio <= self.limit


def deviations_from_lattice(
    positions: npt.ArrayLike,
    *,
    errors: npt.ArrayLike | None = None,
    frame: npt.ArrayLike | None = None,
    common: bool = False,
    vectors: npt.ArrayLike | None = None,
) -> Deviations:
    """Fit a lattice to positions, and tell their deviations from its nodes.

    Parameters
    ----------
    positions : (n, 2) array-like
        (y, x), px.
    errors : (n, 2) array-like, optional
        Standard errors of these, px; NaN where one is not known.
    frame : (n,) array-like of int, optional
        Frame of each position; one frame by default.
    common : bool
        Whether the frames are aligned, so that they show the same nodes. Each still has its own
        origin, but what they measured at a node is averaged, weighted by the errors.
    vectors : (2, 2) array-like, optional
        Approximate base vectors, rows (y, x) px; found by default.

    Returns
    -------
    Deviations

    Raises
    ------
    ValueError
        If shapes do not match, or the positions show no lattice.

    Notes
    -----
    The lattice has uniform strain already: deviations are what is left, such as that of a defect
    or of a distortion that changes within the frame. `Deviations.strain_free` allows errors that
    are 15 % too small and three standard errors of the root mean square.
    """
    places = np.asarray(positions, np.float64)
    number = np.zeros(len(places), np.intp) if frame is None else np.asarray(frame, np.intp)
    fit = fit_to_lattice(places, vectors=vectors, frame=number)
    sigma = np.full(places.shape, np.nan) if errors is None else np.asarray(errors, np.float64)
    if sigma.shape != places.shape:
        raise ValueError(
            f"errors has shape {sigma.shape}; give (y, x) for each of the {len(places)} positions."
        )
    on = fit.on_lattice
    parameters = len(np.unique(number[on])) + 2
    single = Deviations(
        positions=places[on],
        frame=number[on],
        index=fit.index[on],
        deviations=fit.deviation[on],
        errors=sigma[on],
        count=np.ones(int(on.sum()), np.intp),
        strays=places[~on],
        vectors=fit.vectors,
        covariance=fit.covariance,
        free=max(1 - parameters / int(on.sum()), 1e-3),
    )
    if not common or len(fit.frames) == 1:
        return single
    return _averaged(single, fit)


def _averaged(single: Deviations, fit: LatticeFit) -> Deviations:
    """What all frames measured at each node."""
    # The frames are aligned, so nodes of two of them are the same where they lie together.
    away = (fit.origins - fit.origins[0]) @ np.linalg.inv(fit.vectors)
    offset = np.rint(away).astype(np.intp)
    member = np.searchsorted(fit.frames, single.frame)
    index, node = np.unique(single.index + offset[member], axis=0, return_inverse=True)
    node = node.reshape(-1)
    # Where an error is not known, all positions weigh the same.
    unknown = not (np.isfinite(single.errors) & (single.errors > 0)).all()
    weight = np.ones_like(single.errors) if unknown else 1 / single.errors**2

    def sums(values: DoubleArray) -> DoubleArray:
        both = [np.bincount(node, weights=values[:, c], minlength=len(index)) for c in (0, 1)]
        return np.stack(both, axis=1)

    total = sums(weight)
    count = np.bincount(node, minlength=len(index)).astype(np.intp)
    return Deviations(
        positions=sums(single.positions * weight) / total,
        frame=np.full(len(index), -1),
        index=index,
        deviations=sums(single.deviations * weight) / total,
        errors=np.full(total.shape, np.nan) if unknown else 1 / np.sqrt(total),
        count=count,
        strays=single.strays,
        vectors=single.vectors,
        covariance=single.covariance,
        free=max(1 - 3 / len(index), 1e-3),
    )
