"""The motion of the probe along a scan as a state that steps from line to line.

A Matern process of half-integer smoothness is the output of a linear system driven by white noise
(Hartikainen & Sarkka, Proc. IEEE MLSP 2010, 379), so that all that follows from it, estimates,
errors and likelihood, costs a time proportional to the number of lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import comb, exp

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_continuous_lyapunov

__all__ = ["SMOOTHNESSES", "LineProcess", "matern"]

DoubleArray = npt.NDArray[np.float64]

#: Smoothnesses of the Matern process that are tried.
SMOOTHNESSES = (0.5, 1.5, 2.5, 3.5)

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


@cache
def _system(order: int) -> tuple[DoubleArray, DoubleArray]:
    """Generator of the states (u, u' / rate, ...) and their stationary covariance at variance 1.

    The process is white noise through ``order`` equal low-pass filters one after the other.
    """
    generator = np.eye(order, k=1)
    generator[-1] = [-comb(order, k) for k in range(order)]
    drive = np.zeros((order, order))
    drive[-1, -1] = 1.0
    covariance = solve_continuous_lyapunov(generator, -drive)
    return generator, np.asarray(covariance / covariance[0, 0])


def _exponential(generator: DoubleArray, rate: float) -> DoubleArray:
    """Exponential of `rate` times a generator of `_system`.

    All its eigenvalues are -1, so that the series about them ends.
    """
    order = len(generator)
    nilpotent = generator + np.eye(order)
    term = exp(-rate) * np.eye(order)
    total = term
    for k in range(1, order):
        term = term @ nilpotent * (rate / k)
        total = total + term
    return np.asarray(total)


def matern(smoothness: float, length: float) -> LineProcess:
    """Matern process of unit variance.

    Parameters
    ----------
    smoothness : {0.5, 1.5, 2.5, 3.5}
    length : float
        Correlation length in lines: the covariance of 0.5 is ``exp(-k / length)``, those of the
        smoother ones come near ``exp(-k**2 / (2 length**2))``.

    Returns
    -------
    LineProcess
    """
    if smoothness not in SMOOTHNESSES:
        raise ValueError(f"smoothness must be one of {SMOOTHNESSES}, not {smoothness!r}.")
    generator, start = _system(int(smoothness + 0.5))
    rate = np.sqrt(2 * smoothness) / max(length, _SHORTEST)
    step = _exponential(generator, rate)
    return LineProcess(step=step, noise=start - step @ start @ step.T, start=start.copy())
