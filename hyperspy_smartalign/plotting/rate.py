"""Drift rate: a straight line through a wandering path, with an error that knows it wanders."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import theilslopes

# Standard deviation of a normal variable from its median absolute value, squared.
_MEDIAN_TO_VARIANCE = 1.4826**2


@dataclass(frozen=True)
class DriftRate:
    """Straight line through the drift along one axis.

    Attributes
    ----------
    rate : float
        Slope, in units of position per unit of time.
    error : float
        Its standard error, NaN for fewer than four frames.
    start : float
        Position of the line at time 0.
    """

    rate: float
    error: float
    start: float

    def at(self, times: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Position of the line at the given times."""
        return self.start + self.rate * np.asarray(times, np.float64)


def drift_rate(times: npt.ArrayLike, positions: npt.ArrayLike) -> DriftRate:
    """Drift rate along one axis, robust against single wrong shifts.

    The slope is the median of the slopes between all pairs of frames (Theil 1950, Sen 1968). Drift
    wanders, so that residuals of neighbouring frames are alike, and the error of independent
    residuals would be far too small. They are taken as measurement noise of variance m plus a
    random walk of variance w a frame, told apart by their differences over 1 and over sqrt(n)
    frames; the error is that of a line through both, ``sqrt(12 m / n**3 + 6 w / (5 n))`` a frame.

    Parameters
    ----------
    times : (n,) array-like
        Time of each frame, or its number.
    positions : (n,) array-like
        Drift along one axis.

    Returns
    -------
    DriftRate

    Raises
    ------
    ValueError
        If there are fewer than two times, they are all the same, or the shapes differ.
    """
    t, p = np.asarray(times, np.float64), np.asarray(positions, np.float64)
    if t.ndim != 1 or t.shape != p.shape or t.size < 2 or np.ptp(t) == 0:
        raise ValueError(
            f"a drift rate needs positions at two or more times, one each; there are {p.shape} "
            f"positions at {t.shape} times with {np.unique(t).size} different values."
        )
    order = np.argsort(t, kind="stable")
    t, p = t[order], p[order]
    rate = float(theilslopes(p, t)[0])
    start = float(np.median(p - rate * t))
    return DriftRate(rate, _error(t, p - start - rate * t), start)


def _error(times: npt.NDArray[np.float64], residuals: npt.NDArray[np.float64]) -> float:
    n = residuals.size
    if n < 4:
        return math.nan
    lag = max(2, round(math.sqrt(n)))
    near, far = (_robust_square(residuals[k:] - residuals[:-k]) for k in (1, lag))
    # The line follows the walk: 0.8 k / n of the variance of differences over k frames is lost.
    walk = max(0.0, (far - near) / (lag - 1 - 0.8 * (lag**2 - 1) / n))
    noise = max(0.0, (near - walk * (1 - 0.8 / n)) / 2)
    step = np.ptp(times) / (n - 1)
    return float(math.sqrt(12 * noise / n**3 + 6 * walk / (5 * n)) / step)


def _robust_square(differences: npt.NDArray[np.float64]) -> float:
    """Mean square of normal variables, of which a few may be anything."""
    return float(np.median(np.abs(differences)) ** 2 * _MEDIAN_TO_VARIANCE)
