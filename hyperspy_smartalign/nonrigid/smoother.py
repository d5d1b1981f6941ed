"""Offsets of scan lines from what each line shows and from how the probe moves.

Each line k contributes a quadratic log-likelihood of its parameters z (offset y and x, and in row
fitting the change of both along the line), ``-z A z / 2 + b z``. The state of the probe (a Matern
process an axis, the mean and the drift of the frame) steps from line to line. The Kalman filter
in information form takes lines that show nothing (A = 0) without a special case, and the smoother
of Bryson and Frazier goes back without inverting anything (Bierman, Factorization Methods for
Discrete Sequential Estimation, 1977). The result is the maximum of the posterior, and its
covariance: the Gauss-Newton step with a Gaussian-process prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.compiled import compiled

from .process import LineProcess

__all__ = ["Smoothed", "smooth_lines"]

DoubleArray = npt.NDArray[np.float64]

#: Standard deviation (px) of a mean, of a drift over half a frame or of a slope over half a line of
#: which nothing is known: far above what is left after rigid alignment, yet finite in float64.
UNKNOWN = 5.0


@dataclass(frozen=True)
class Smoothed:
    """Posterior of the lines of one frame.

    Attributes
    ----------
    values : (lines, m) float64
        Mean of each line's parameters.
    covariance : (lines, m, m) float64
    log_likelihood : float
        Of the lines under the prior, up to a constant of the data.
    """

    values: DoubleArray
    covariance: DoubleArray
    log_likelihood: float


@compiled
def _invert(matrix: DoubleArray) -> tuple[DoubleArray, float]:
    """Inverse and log determinant of a small matrix with positive pivots, without a library."""
    n = matrix.shape[0]
    work = matrix.copy()
    inverse = np.eye(n)
    log_determinant = 0.0
    for i in range(n):
        pivot = work[i, i]
        log_determinant += np.log(abs(pivot))
        for j in range(n):
            work[i, j] /= pivot
            inverse[i, j] /= pivot
        for r in range(n):
            if r != i:
                factor = work[r, i]
                for j in range(n):
                    work[r, j] -= factor * work[i, j]
                    inverse[r, j] -= factor * inverse[i, j]
    return inverse, log_determinant


@compiled
def _make_symmetric(matrix: DoubleArray) -> None:
    """Rounding errors that are not symmetric would grow from line to line."""
    for i in range(matrix.shape[0]):
        for j in range(i):
            mean = 0.5 * (matrix[i, j] + matrix[j, i])
            matrix[i, j] = mean
            matrix[j, i] = mean


@compiled
def _step_covariance(
    covariance: DoubleArray, step: DoubleArray, axes: int, order: int, scratch: DoubleArray
) -> None:
    """F P F^T in place: F is `step` for the process of each axis, and 1 for the rest."""
    n = covariance.shape[0]
    for a in range(axes):
        first = a * order
        for i in range(order):
            for j in range(n):
                total = 0.0
                for k in range(order):
                    total += step[i, k] * covariance[first + k, j]
                scratch[i, j] = total
        for i in range(order):
            for j in range(n):
                covariance[first + i, j] = scratch[i, j]
    for a in range(axes):
        first = a * order
        for i in range(n):
            for j in range(order):
                total = 0.0
                for k in range(order):
                    total += covariance[i, first + k] * step[j, k]
                scratch[j, i] = total
        for i in range(n):
            for j in range(order):
                covariance[i, first + j] = scratch[j, i]


@compiled
def _seen_by(
    covariance: DoubleArray, spots: npt.NDArray[np.int64], amounts: DoubleArray, gain: DoubleArray
) -> None:
    """gain = P H^T, where row c of H holds `amounts` at `spots`."""
    for i in range(covariance.shape[0]):
        for c in range(spots.shape[0]):
            total = 0.0
            for s in range(spots.shape[1]):
                total += covariance[i, spots[c, s]] * amounts[c, s]
            gain[i, c] = total


@compiled
def _forward(
    information: DoubleArray,
    vector: DoubleArray,
    place: DoubleArray,
    step: DoubleArray,
    noise: DoubleArray,
    scale: DoubleArray,
    spots: npt.NDArray[np.int64],
    amounts: DoubleArray,
    state: DoubleArray,
    covariance: DoubleArray,
    states: DoubleArray,
    covariances: DoubleArray,
    weights: DoubleArray,
    forces: DoubleArray,
) -> float:
    """Filter from the first line to the last; returns the log-likelihood.

    Keeps the predicted state of every line, and with what weight and force the line corrects it.
    """
    lines, m = vector.shape
    axes, order, n = scale.size, step.shape[0], state.size
    scratch = np.empty((max(order, 1), n))
    gain, used = np.empty((n, m)), np.empty((n, m))
    moved = np.empty(max(axes * order, 1))
    matrix, inner = np.empty((m, m)), np.empty((m, m))
    expected, left = np.empty(m), np.empty(m)
    likelihood = 0.0
    for k in range(lines):
        if k > 0 and order > 0:
            for a in range(axes):
                for i in range(order):
                    total = 0.0
                    for j in range(order):
                        total += step[i, j] * state[a * order + j]
                    moved[a * order + i] = total
            for i in range(axes * order):
                state[i] = moved[i]
            _step_covariance(covariance, step, axes, order, scratch)
            for a in range(axes):
                for i in range(order):
                    for j in range(order):
                        covariance[a * order + i, a * order + j] += scale[a] ** 2 * noise[i, j]
        for a in range(axes):
            amounts[a, 1] = place[k]
        states[k] = state
        covariances[k] = covariance
        _seen_by(covariance, spots, amounts, gain)
        known = information[k]
        for c in range(m):
            total = 0.0
            for s in range(spots.shape[1]):
                total += amounts[c, s] * state[spots[c, s]]
            expected[c] = total
            for d in range(m):
                total = 0.0
                for s in range(spots.shape[1]):
                    total += amounts[c, s] * gain[spots[c, s], d]
                inner[c, d] = total
        for c in range(m):
            left[c] = vector[k, c]
            for d in range(m):
                left[c] -= known[c, d] * expected[d]
                total = 1.0 if c == d else 0.0
                for e in range(m):
                    total += known[c, e] * inner[e, d]
                matrix[c, d] = total
        inverse, log_determinant = _invert(matrix)
        weight, force = weights[k], forces[k]
        for c in range(m):
            force[c] = 0.0
            for d in range(m):
                force[c] += inverse[c, d] * left[d]
                weight[c, d] = 0.0
                for e in range(m):
                    weight[c, d] += inverse[c, e] * known[e, d]
        _make_symmetric(weight)
        # log p = left (C^-1 + A)^-1 left / 2 + b z - z A z / 2 at the prediction
        likelihood -= 0.5 * log_determinant
        for c in range(m):
            for d in range(m):
                likelihood += 0.5 * left[c] * inner[c, d] * force[d]
            likelihood += expected[c] * 0.5 * (vector[k, c] + left[c])
        for i in range(n):
            for c in range(m):
                state[i] += gain[i, c] * force[c]
                total = 0.0
                for d in range(m):
                    total += gain[i, d] * weight[d, c]
                used[i, c] = total
            for j in range(i + 1):
                value = covariance[i, j]
                for c in range(m):
                    value -= used[i, c] * gain[j, c]
                covariance[i, j] = value
                covariance[j, i] = value
    return likelihood


@compiled
def _backward(
    place: DoubleArray,
    step: DoubleArray,
    axes: int,
    spots: npt.NDArray[np.int64],
    amounts: DoubleArray,
    states: DoubleArray,
    covariances: DoubleArray,
    weights: DoubleArray,
    forces: DoubleArray,
    values: DoubleArray,
    spread: DoubleArray,
) -> None:
    """Smooth from the last line to the first, with what `_forward` kept."""
    lines, m = values.shape
    order, n = step.shape[0], states.shape[1]
    most = spots.shape[1]
    back = np.ascontiguousarray(step.T)
    scratch, moved = np.empty((max(order, 1), n)), np.empty(max(axes * order, 1))
    gain, kept, held = np.empty((n, m)), np.empty((n, m)), np.empty((n, m))
    side, corner, inner_pull = np.empty((m, n)), np.empty((m, m)), np.empty(m)
    # What the lines after this one ask of its state: pull, and how firmly: grip.
    pull, grip = np.zeros(n), np.zeros((n, n))
    for later in range(lines):
        k = lines - 1 - later
        for a in range(axes):
            amounts[a, 1] = place[k]
        _seen_by(covariances[k], spots, amounts, gain)
        # With K = P H^T W: pull <- (1 - K H)^T pull + H^T force, and so for grip.
        for c in range(m):
            inner_pull[c] = 0.0
            for i in range(n):
                total = 0.0
                for d in range(m):
                    total += gain[i, d] * weights[k, d, c]
                kept[i, c] = total
                inner_pull[c] += total * pull[i]
            for j in range(n):
                side[c, j] = 0.0
            for i in range(n):
                for j in range(n):
                    side[c, j] += kept[i, c] * grip[i, j]
        for c in range(m):
            for d in range(m):
                total = weights[k, c, d]
                for j in range(n):
                    total += side[c, j] * kept[j, d]
                corner[c, d] = total
        for c in range(m):
            for s in range(most):
                i, amount = spots[c, s], amounts[c, s]
                pull[i] += amount * (forces[k, c] - inner_pull[c])
                for j in range(n):
                    grip[i, j] -= amount * side[c, j]
                    grip[j, i] -= amount * side[c, j]
        for c in range(m):
            for d in range(m):
                for s in range(most):
                    for t in range(most):
                        change = amounts[c, s] * amounts[d, t] * corner[c, d]
                        grip[spots[c, s], spots[d, t]] += change
        _make_symmetric(grip)
        for i in range(n):
            for c in range(m):
                total = 0.0
                for j in range(n):
                    total += grip[i, j] * gain[j, c]
                held[i, c] = total
        for c in range(m):
            total = 0.0
            for s in range(most):
                total += amounts[c, s] * states[k, spots[c, s]]
            for j in range(n):
                total += gain[j, c] * pull[j]
            values[k, c] = total
            for d in range(m):
                total = 0.0
                for s in range(most):
                    total += amounts[c, s] * gain[spots[c, s], d]
                for i in range(n):
                    total -= gain[i, c] * held[i, d]
                spread[k, c, d] = total
        if order > 0:
            # pull <- F^T pull, grip <- F^T grip F
            for a in range(axes):
                for i in range(order):
                    total = 0.0
                    for j in range(order):
                        total += back[i, j] * pull[a * order + j]
                    moved[a * order + i] = total
            for i in range(axes * order):
                pull[i] = moved[i]
            _step_covariance(grip, back, axes, order, scratch)


def smooth_lines(
    information: DoubleArray,
    vector: DoubleArray,
    process: LineProcess,
    rms: npt.ArrayLike,
    *,
    drift: npt.ArrayLike | None = None,
    drift_error: float = UNKNOWN,
    slope_error: float = UNKNOWN,
) -> Smoothed:
    """Posterior of the parameters of every line of a frame.

    Parameters
    ----------
    information : (lines, m, m) array
        A of each line. The first ``len(rms)`` parameters are offsets, one an axis; what follows
        are slopes along the line, constant over the frame.
    vector : (lines, m) array
        b of each line.
    process : LineProcess
        How offsets move about the mean and the drift of the frame, for every axis.
    rms : (axes,) array
        Standard deviation of that motion, px.
    drift : (axes,) array, optional
        Expected motion over half a frame, px.
    drift_error : float
        Its standard error. The mean of the frame is always free.
    slope_error : float
        Standard error of the slopes along the line, which are expected to be 0.

    Returns
    -------
    Smoothed
    """
    scale = np.atleast_1d(np.asarray(rms, np.float64))
    lines, m = vector.shape
    axes, order = len(scale), process.order
    n = axes * order + 2 * axes + (m - axes)
    state = np.zeros(n)
    covariance = np.zeros((n, n))
    for a in range(axes):
        block = slice(a * order, (a + 1) * order)
        covariance[block, block] = scale[a] ** 2 * process.start
    base = axes * order
    covariance[range(base, n), range(base, n)] = UNKNOWN**2
    slopes = range(base + 2 * axes, n)
    covariance[slopes, slopes] = slope_error**2
    for a in range(axes):
        covariance[base + 2 * a + 1, base + 2 * a + 1] = drift_error**2
        if drift is not None:
            state[base + 2 * a + 1] = np.asarray(drift, np.float64)[a]
    # The state holds the processes of the axes, then mean and drift of each, then the slopes.
    spots, amounts = np.zeros((m, 3), np.int64), np.zeros((m, 3))
    for a in range(axes):
        spots[a] = base + 2 * a, base + 2 * a + 1, a * order
        amounts[a] = 1.0, 0.0, float(order > 0)
    for c in range(axes, m):
        spots[c, 0], amounts[c, 0] = base + axes + c, 1.0
    place = np.linspace(-1.0, 1.0, lines)
    step = np.ascontiguousarray(process.step)
    states, covariances = np.empty((lines, n)), np.empty((lines, n, n))
    weights, forces = np.empty((lines, m, m)), np.empty((lines, m))
    likelihood = _forward(
        np.ascontiguousarray(information, np.float64), np.ascontiguousarray(vector, np.float64),
        place, step, np.ascontiguousarray(process.noise), scale, spots, amounts, state, covariance,
        states, covariances, weights, forces,
    )  # fmt: skip
    values, spread = np.empty((lines, m)), np.empty((lines, m, m))
    _backward(
        place, step, axes, spots, amounts, states, covariances, weights, forces, values, spread
    )
    return Smoothed(values, spread, float(likelihood))
