"""The motion of the probe along a scan as a state that steps from line to line.

A Matern process of half-integer smoothness is the output of a linear system driven by white noise
(Hartikainen & Sarkka, Proc. IEEE MLSP 2010, 379), so that all that follows from it, estimates,
errors and likelihood, costs a time proportional to the number of lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import expm

__all__ = ["SMOOTHNESSES", "LineProcess", "matern"]

DoubleArray = npt.NDArray[np.float64]

#: Smoothnesses of the Matern process that are tried.
SMOOTHNESSES = (0.5, 1.5, 2.5)

# Generators of the states (u, u' / rate, u'' / rate^2), and their stationary covariances at
# variance 1: from Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006, chapter 4.
_GENERATORS = {
    0.5: (np.array([[-1.0]]), np.array([[1.0]])),
    1.5: (np.array([[0.0, 1.0], [-1.0, -2.0]]), np.eye(2)),
    2.5: (
        np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, -3.0, -3.0]]),
        np.array([[1.0, 0.0, -1 / 3], [0.0, 1 / 3, 0.0], [-1 / 3, 0.0, 1.0]]),
    ),
}
# Shorter than this (lines) neighbouring lines are independent, and the exponential underflows.
_SHORTEST = 0.05


@dataclass(frozen=True)
class LineProcess:
    """A process of unit variance, stepped by one line.

    Attributes
    ----------
    step : (p, p) float64
        The state at the next line, but for the noise, is ``step @ state``.
    noise : (p, p) float64
        Covariance of that noise.
    start : (p, p) float64
        Covariance of the state before anything is known. Its first entry is the process itself.
    """

    step: DoubleArray
    noise: DoubleArray
    start: DoubleArray

    @property
    def order(self) -> int:
        """Size of the state; 0 for no process at all."""
        return len(self.start)

    @classmethod
    def none(cls) -> LineProcess:
        """No process: lines follow the drift of their frame."""
        empty = np.zeros((0, 0))
        return cls(empty, empty, empty)


def matern(smoothness: float, length: float) -> LineProcess:
    """Matern process of unit variance.

    Parameters
    ----------
    smoothness : {0.5, 1.5, 2.5}
    length : float
        Correlation length in lines: the covariance of 0.5 is ``exp(-k / length)``, those of the
        smoother ones come near ``exp(-k**2 / (2 length**2))``.

    Returns
    -------
    LineProcess
    """
    if smoothness not in _GENERATORS:
        raise ValueError(f"smoothness must be one of {SMOOTHNESSES}, not {smoothness!r}.")
    generator, start = _GENERATORS[smoothness]
    rate = np.sqrt(2 * smoothness) / max(length, _SHORTEST)
    step = np.asarray(expm(rate * generator))
    return LineProcess(step=step, noise=start - step @ start @ step.T, start=start.copy())
