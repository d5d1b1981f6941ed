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
def _filter(
    information: DoubleArray,
    vector: DoubleArray,
    place: DoubleArray,
    step: DoubleArray,
    noise: DoubleArray,
    scale: DoubleArray,
    state: DoubleArray,
    covariance: DoubleArray,
    order: int,
    back: bool,
    values: DoubleArray,
    spread: DoubleArray,
) -> float:
    """Filter, and smooth if `back`; returns the log-likelihood.

    The state holds the processes of the axes (`order` each), then for each axis mean and drift,
    then the constant slopes along the lines.
    """
    lines, m = vector.shape
    axes = scale.size
    n = state.size
    base = axes * order
    scratch = np.empty((max(order, 1), n))
    states = np.empty((lines if back else 1, n))
    covariances = np.empty((lines if back else 1, n, n))
    weights = np.empty((lines if back else 1, m, m))
    forces = np.empty((lines if back else 1, m))
    gain = np.empty((n, m))
    moved = np.empty(base)
    matrix, inner = np.empty((m, m)), np.empty((m, m))
    expected, left = np.empty(m), np.empty(m)
    likelihood = 0.0
    project = np.zeros((m, n))
    for a in range(axes):
        if order > 0:
            project[a, a * order] = 1.0
        project[a, base + 2 * a] = 1.0
    for c in range(axes, m):
        project[c, base + 2 * axes + c - axes] = 1.0
    for k in range(lines):
        if k > 0 and order > 0:
            moved[:] = 0.0
            for a in range(axes):
                for i in range(order):
                    for j in range(order):
                        moved[a * order + i] += step[i, j] * state[a * order + j]
            state[:base] = moved
            _step_covariance(covariance, step, axes, order, scratch)
            for a in range(axes):
                for i in range(order):
                    for j in range(order):
                        covariance[a * order + i, a * order + j] += scale[a] ** 2 * noise[i, j]
        for a in range(axes):
            project[a, base + 2 * a + 1] = place[k]
        at = k if back else 0
        if back:
            states[k] = state
            covariances[k] = covariance
        # gain = P H^T, inner = H P H^T
        for i in range(n):
            for c in range(m):
                total = 0.0
                for j in range(n):
                    total += covariance[i, j] * project[c, j]
                gain[i, c] = total
        known = information[k]
        matrix[:] = 0.0
        expected[:] = 0.0
        inner[:] = 0.0
        for c in range(m):
            for j in range(n):
                expected[c] += project[c, j] * state[j]
            for d in range(m):
                for j in range(n):
                    inner[c, d] += project[c, j] * gain[j, d]
        for c in range(m):
            matrix[c, c] = 1.0
            for d in range(m):
                for e in range(m):
                    matrix[c, d] += known[c, e] * inner[e, d]
        inverse, log_determinant = _invert(matrix)
        for c in range(m):
            left[c] = vector[k, c]
            for d in range(m):
                left[c] -= known[c, d] * expected[d]
        weight = weights[at]
        force = forces[at]
        for c in range(m):
            force[c] = 0.0
            for d in range(m):
                force[c] += inverse[c, d] * left[d]
                weight[c, d] = 0.0
                for e in range(m):
                    weight[c, d] += inverse[c, e] * known[e, d]
        likelihood -= 0.5 * log_determinant
        _make_symmetric(weight)
        for c in range(m):
            # log p = left (C^-1 + A)^-1 left / 2 + b z - z A z / 2 at the prediction
            for d in range(m):
                likelihood += 0.5 * left[c] * inner[c, d] * force[d]
            likelihood += expected[c] * 0.5 * (vector[k, c] + left[c])
        for i in range(n):
            for c in range(m):
                state[i] += gain[i, c] * force[c]
        for i in range(n):
            for c in range(m):
                total = 0.0
                for d in range(m):
                    total += gain[i, d] * weight[d, c]
                scratch_value = total
                for j in range(n):
                    covariance[i, j] -= scratch_value * gain[j, c]
        _make_symmetric(covariance)
    if not back:
        return likelihood
    pull = np.zeros(n)
    grip = np.zeros((n, n))
    kept, inner_pull = np.empty((n, m)), np.empty(m)
    side, corner = np.empty((m, n)), np.empty((m, m))
    for back_k in range(lines):
        k = lines - 1 - back_k
        for a in range(axes):
            project[a, base + 2 * a + 1] = place[k]
        covariance = covariances[k]
        for i in range(n):
            for c in range(m):
                total = 0.0
                for j in range(n):
                    total += covariance[i, j] * project[c, j]
                gain[i, c] = total
        # With K = P H^T W: pull <- (1 - K H)^T pull + H^T force, and so for grip.
        kept[:] = 0.0
        for i in range(n):
            for c in range(m):
                for d in range(m):
                    kept[i, c] += gain[i, d] * weights[k, d, c]
        inner_pull[:] = 0.0
        side[:] = 0.0
        for c in range(m):
            for i in range(n):
                inner_pull[c] += kept[i, c] * pull[i]
                for j in range(n):
                    side[c, j] += kept[i, c] * grip[i, j]
        corner[:] = 0.0
        for c in range(m):
            for d in range(m):
                for j in range(n):
                    corner[c, d] += side[c, j] * kept[j, d]
        for i in range(n):
            for c in range(m):
                if project[c, i] != 0.0:
                    pull[i] += project[c, i] * (forces[k, c] - inner_pull[c])
        for i in range(n):
            for j in range(n):
                change = 0.0
                for c in range(m):
                    if project[c, i] != 0.0:
                        change -= project[c, i] * side[c, j]
                    if project[c, j] != 0.0:
                        change -= side[c, i] * project[c, j]
                    for d in range(m):
                        both = project[c, i] * project[d, j]
                        if both != 0.0:
                            change += both * (weights[k, c, d] + corner[c, d])
                grip[i, j] += change
        _make_symmetric(grip)
        for c in range(m):
            total = 0.0
            for j in range(n):
                total += project[c, j] * states[k, j] + gain[j, c] * pull[j]
            values[k, c] = total
            for d in range(m):
                total = 0.0
                for i in range(n):
                    total += project[c, i] * gain[i, d]
                    for j in range(n):
                        total -= gain[i, c] * grip[i, j] * gain[j, d]
                spread[k, c, d] = total
        if order > 0:
            # pull <- F^T pull, grip <- F^T grip F
            moved[:] = 0.0
            for a in range(axes):
                for i in range(order):
                    for j in range(order):
                        moved[a * order + i] += step[j, i] * pull[a * order + j]
            pull[:base] = moved
            _step_covariance(grip, step.T, axes, order, scratch)
    return likelihood


def smooth_lines(
    information: DoubleArray,
    vector: DoubleArray,
    process: LineProcess,
    rms: npt.ArrayLike,
    *,
    drift: npt.ArrayLike | None = None,
    drift_error: float = UNKNOWN,
    slope_error: float = UNKNOWN,
    back: bool = True,
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
    back : bool
        False for the likelihood alone; values and covariances are then empty.

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
        place = slice(a * order, (a + 1) * order)
        covariance[place, place] = scale[a] ** 2 * process.start
    base = axes * order
    covariance[range(base, n), range(base, n)] = UNKNOWN**2
    slopes = range(base + 2 * axes, n)
    covariance[slopes, slopes] = slope_error**2
    for a in range(axes):
        covariance[base + 2 * a + 1, base + 2 * a + 1] = drift_error**2
        if drift is not None:
            state[base + 2 * a + 1] = np.asarray(drift, np.float64)[a]
    values = np.empty((lines if back else 0, m))
    spread = np.empty((lines if back else 0, m, m))
    likelihood = _filter(
        np.ascontiguousarray(information, np.float64), np.ascontiguousarray(vector, np.float64),
        np.linspace(-1.0, 1.0, lines), np.ascontiguousarray(process.step),
        np.ascontiguousarray(process.noise), scale, state, covariance, order, back, values, spread,
    )  # fmt: skip
    return Smoothed(values, spread, float(likelihood))
