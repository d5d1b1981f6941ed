"""Fit and remove a slow background: a plane, or a polynomial."""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.polynomial.legendre import legvander

from hyperspy_smartalign.series.frames import result_dtype

LARGEST_ORDER = 10
_SAMPLES_PER_AXIS = 128
_ITERATIONS = 25
_HUBER = 1.345
"""Huber's constant: residuals beyond this many standard deviations lose weight."""


@dataclass(frozen=True)
class Ramp:
    """Polynomial background of a frame.

    Attributes
    ----------
    order : int
        Highest total degree in x and y; 1 is a plane.
    coefficients : numpy.ndarray
        Shape (m,), ``m = (order + 1) * (order + 2) / 2``, in grey levels. Each multiplies the
        Legendre polynomials ``P_i(v) * P_j(u)`` whose degrees (i, j) `degrees` lists. Positions
        are ``u = 2 * (x + 0.5) / w - 1`` and ``v`` likewise along y, so that the frame runs from
        -1 to 1. Of a plane they are the mean, half the rise along y and half that along x.
    shape : (int, int)
        Rows and columns of the frame.
    """

    order: int
    coefficients: npt.NDArray[np.float64]
    shape: tuple[int, int]

    @property
    def degrees(self) -> tuple[tuple[int, int], ...]:
        """Degrees along (y, x) of each coefficient: (0, 0), (1, 0), (0, 1), (2, 0)..."""
        return ramp_degrees(self.order)

    def surface(self) -> npt.NDArray[np.float64]:
        """Values of the polynomial at every pixel, shape (h, w)."""
        vertical = legvander(_positions(self.shape[0]), self.order)
        horizontal = legvander(_positions(self.shape[1]), self.order)
        matrix = np.zeros((self.order + 1, self.order + 1))
        for (v, u), coefficient in zip(self.degrees, self.coefficients, strict=True):
            matrix[v, u] = coefficient
        return np.asarray(vertical @ matrix @ horizontal.T)


def ramp_degrees(order: int) -> tuple[tuple[int, int], ...]:
    """Degrees along (y, x) of a polynomial whose total degree is at most `order`.

    Raises
    ------
    ValueError
        If the order is not from 1 to 10.
    """
    try:
        order = index(order)
    except TypeError:
        raise TypeError(f"order={order!r} is not an integer; 1 fits a plane.") from None
    if not 1 <= order <= LARGEST_ORDER:
        raise ValueError(f"order={order} is outside 1 (a plane) to {LARGEST_ORDER}.")
    return tuple((total - u, u) for total in range(order + 1) for u in range(total + 1))


def fit_ramp(frame: npt.NDArray[Any], order: int = 1) -> Ramp:
    """Fit a polynomial to the slow background of a frame.

    Least squares with Huber's weights [1]_ on a regular grid of at most about 128 x 128 pixels,
    so that particles, steps and columns pull less on the fit than the surface does.

    Parameters
    ----------
    frame : numpy.ndarray
        Shape (h, w), real. NaN and infinite pixels are left out of the fit.
    order : int
        Highest total degree in x and y, 1 to 10; 1 is a plane.

    Returns
    -------
    Ramp

    Raises
    ------
    ValueError
        For an order outside its range, or fewer finite pixels than coefficients.

    References
    ----------
    .. [1] P. J. Huber, Ann. Math. Statist. 35 (1964) 73, doi:10.1214/aoms/1177703732.
    """
    degrees = ramp_degrees(order)
    rows, columns = (_sampled(length) for length in frame.shape)
    values = frame[np.ix_(rows, columns)].astype(np.float64).ravel()
    known = np.isfinite(values)
    vertical = legvander(_positions(frame.shape[0])[rows], order)
    horizontal = legvander(_positions(frame.shape[1])[columns], order)
    terms = [np.outer(vertical[:, i], horizontal[:, j]).ravel()[known] for i, j in degrees]
    design = np.stack(terms, axis=1, dtype=np.float64)
    values = values[known]
    if len(values) < len(degrees):
        raise ValueError(
            f"a ramp of order {order} has {len(degrees)} coefficients, the frame of "
            f"{frame.shape[0]} x {frame.shape[1]} pixels offers {len(values)} values; use a "
            "lower order."
        )
    coefficients = _robust_least_squares(design, values)
    return Ramp(order=int(order), coefficients=coefficients, shape=(frame.shape[0], frame.shape[1]))


def remove_ramp(
    frame: npt.NDArray[Any], order: int = 1
) -> tuple[npt.NDArray[np.floating[Any]], Ramp]:
    """Subtract the background of a frame.

    Grey levels are shifted, never stretched: heights above the background keep their size. The
    lowest pixel of the new frame is 0.

    Parameters
    ----------
    frame : numpy.ndarray
        Shape (h, w), real.
    order : int
        Highest total degree in x and y, 1 to 10; 1 is a plane.

    Returns
    -------
    flat : numpy.ndarray
        Shape (h, w), float32, or float64 where the input is.
    ramp : Ramp
        What was fitted. The constant that brings the minimum to 0 is not part of it.
    """
    ramp = fit_ramp(frame, order)
    flat = frame - ramp.surface()
    flat -= flat.min(where=np.isfinite(flat), initial=np.inf)
    return flat.astype(result_dtype(frame.dtype), copy=False), ramp


def _robust_least_squares(
    design: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    weights = np.ones(len(values))
    coefficients = np.zeros(design.shape[1])
    negligible = 1e-9 * float(np.abs(values).max())
    for _ in range(_ITERATIONS):
        weighted = design * weights[:, np.newaxis]
        # Legendre polynomials keep the normal equations well conditioned; what pixels cannot
        # tell apart (weights of 0, missing pixels) lstsq leaves at its smallest.
        updated = np.linalg.lstsq(weighted.T @ design, weighted.T @ values, rcond=None)[0]
        residuals = np.abs(values - design @ updated)
        # Standard deviation from the median absolute residual of a normal distribution.
        deviation = 1.4826 * float(np.median(residuals))
        change = float(np.abs(updated - coefficients).max())
        coefficients = np.asarray(updated, dtype=np.float64)
        if deviation <= negligible or change <= 1e-3 * deviation:
            break
        limit = _HUBER * deviation
        weights = limit / np.maximum(residuals, limit)
    return coefficients


def _positions(length: int) -> npt.NDArray[np.float64]:
    return np.asarray(2.0 * (np.arange(length) + 0.5) / length - 1.0)


def _sampled(length: int) -> npt.NDArray[np.intp]:
    return np.arange(0, length, max(1, length // _SAMPLES_PER_AXIS), dtype=np.intp)
