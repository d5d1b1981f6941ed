"""Likelihood of a process of lines along one axis: the filter of `smoother` in one number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.compiled import compiled

from .process import LineProcess
from .smoother import UNKNOWN

__all__ = ["line_likelihood"]

DoubleArray = npt.NDArray[np.float64]


@compiled
def _likelihood(
    information: DoubleArray,
    vector: DoubleArray,
    step: DoubleArray,
    noise: DoubleArray,
    covariance: DoubleArray,
) -> float:
    """Log-likelihood; `covariance` of the state (process, mean, drift) is used up."""
    lines = vector.size
    order = step.shape[0]
    n = order + 2
    state, gain, scratch = np.zeros(n), np.zeros(n), np.zeros((max(order, 1), n))
    moved = np.zeros(max(order, 1))
    total = 0.0
    for k in range(lines):
        place = -1.0 + 2.0 * k / (lines - 1) if lines > 1 else 0.0
        if k > 0 and order > 0:
            for i in range(order):
                moved[i] = 0.0
                for a in range(order):
                    moved[i] += step[i, a] * state[a]
                for j in range(n):
                    value = 0.0
                    for a in range(order):
                        value += step[i, a] * covariance[a, j]
                    scratch[i, j] = value
            for i in range(order):
                state[i] = moved[i]
                for j in range(order):
                    value = noise[i, j]
                    for a in range(order):
                        value += scratch[i, a] * step[j, a]
                    covariance[i, j] = value
                for j in range(order, n):
                    covariance[i, j] = scratch[i, j]
                    covariance[j, i] = scratch[i, j]
        known = information[k]
        if known == 0.0:
            continue
        expected = state[order] + place * state[order + 1]
        for i in range(n):
            gain[i] = covariance[i, order] + place * covariance[i, order + 1]
        if order > 0:
            expected += state[0]
            for i in range(n):
                gain[i] += covariance[i, 0]
        spread = gain[order] + place * gain[order + 1]
        if order > 0:
            spread += gain[0]
        shrink = 1.0 / (1.0 + known * spread)
        left = vector[k] - known * expected
        total += 0.5 * np.log(shrink) + 0.5 * left * left * spread * shrink
        total += 0.5 * expected * (vector[k] + left)
        for i in range(n):
            state[i] += gain[i] * shrink * left
            for j in range(i + 1):
                value = covariance[i, j] - gain[i] * gain[j] * known * shrink
                covariance[i, j] = value
                covariance[j, i] = value
    return total


def line_likelihood(
    information: DoubleArray, vector: DoubleArray, process: LineProcess, rms: float
) -> float:
    """Log-likelihood of the lines of one frame along one axis, up to a constant of the data.

    Parameters
    ----------
    information, vector : (lines,) array
        A and b of each line.
    process : LineProcess
        How offsets move about the mean and the drift of the frame, both of which are free.
    rms : float
        Standard deviation of that motion, px.

    Returns
    -------
    float
    """
    order = process.order
    covariance = np.zeros((order + 2, order + 2))
    covariance[:order, :order] = rms**2 * process.start
    covariance[order, order] = covariance[order + 1, order + 1] = UNKNOWN**2
    return float(_likelihood(information, vector, process.step, rms**2 * process.noise, covariance))
