"""The filter and smoother agree with the dense solution of the same Gaussian process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.nonrigid.process import SMOOTHNESSES, LineProcess, matern
from hyperspy_smartalign.nonrigid.smoother import UNKNOWN, smooth_lines

RMS = np.array([0.4, 0.7])
LINES = 40
#: In standard errors, and as a share of a variance. Rounding grows with the information: at 1e4
#: px^-2 next to a mean that is known to 5 px, the covariance loses 12 of 16 digits.
ROUNDING = 2e-3


@dataclass
class Dense:
    values: np.ndarray
    covariance: np.ndarray
    log_likelihood: float


def dense(information, vector, process, rms, *, drift=None, drift_error=UNKNOWN,
          slope_error=UNKNOWN) -> Dense:  # fmt: skip
    """Posterior and likelihood from the full covariance matrix of all parameters."""
    lines, m = vector.shape
    axes, place = len(rms), np.linspace(-1, 1, lines)
    prior, mean = np.zeros((lines * m, lines * m)), np.zeros((lines, m))
    state, correlation = process.start, []
    for _ in range(lines):
        correlation.append(state[0, 0] if process.order else 0.0)
        state = process.step @ state
    lag = np.abs(np.subtract.outer(np.arange(lines), np.arange(lines)))
    for a in range(axes):
        prior[a::m, a::m] += rms[a] ** 2 * np.array(correlation)[lag]
        prior[a::m, a::m] += UNKNOWN**2 + drift_error**2 * np.outer(place, place)
        if drift is not None:
            mean[:, a] = drift[a] * place
    for a in range(axes, m):
        prior[a::m, a::m] += slope_error**2
    known = np.zeros_like(prior)
    for k in range(lines):
        known[k * m : (k + 1) * m, k * m : (k + 1) * m] = information[k]
    one = np.eye(lines * m)
    posterior = np.linalg.solve(one + prior @ known, prior)
    mean = mean.ravel()
    left = vector.ravel() - known @ mean
    z = mean + posterior @ left
    log_likelihood = (
        -0.5 * np.linalg.slogdet(one + prior @ known)[1]
        + 0.5 * left @ posterior @ left
        + vector.ravel() @ mean
        - 0.5 * mean @ known @ mean
    )
    blocks = [posterior[k * m : (k + 1) * m, k * m : (k + 1) * m] for k in range(lines)]
    return Dense(z.reshape(lines, m), np.array(blocks), float(log_likelihood))


def quadratics(m: int, scale: float, *, seed: int = 0, lines: int = LINES):
    """A and b of lines of which some, one block of them, show nothing."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(lines, m, m + 3))
    information = scale * root @ root.transpose(0, 2, 1) / (m + 3)
    true = rng.normal(size=(lines, m))
    noise = np.einsum("kij,kj->ki", root, rng.normal(size=(lines, m + 3))) / np.sqrt(m + 3)
    vector = np.einsum("kij,kj->ki", information, true) + np.sqrt(scale) * noise
    empty = np.r_[0, 5, 20:29]
    information[empty], vector[empty] = 0.0, 0.0
    return information, vector


def assert_same(found, expected, *, values: float, spread: float) -> None:
    deviation = np.sqrt(np.diagonal(expected.covariance, axis1=1, axis2=2))
    assert (np.abs(found.values - expected.values) / deviation).max() < values
    scale = deviation[:, :, None] * deviation[:, None, :]
    assert (np.abs(found.covariance - expected.covariance) / scale).max() < spread
    np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-6, atol=1e-5)


PROCESSES = [None, *((s, length) for s in SMOOTHNESSES for length in (0.1, 6.0, 60.0))]


@pytest.mark.parametrize("m", [2, 4])
@pytest.mark.parametrize("process", PROCESSES, ids=str)
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0, 1e4])
def test_same_as_dense(m, process, scale):
    line_process = LineProcess.none() if process is None else matern(*process)
    data = quadratics(m, scale)
    assert_same(
        smooth_lines(*data, line_process, RMS),
        dense(*data, line_process, RMS),
        values=ROUNDING, spread=ROUNDING,
    )  # fmt: skip


@given(
    m=st.sampled_from([1, 2, 4]),
    smoothness=st.sampled_from(SMOOTHNESSES),
    length=st.floats(0.1, 100),
    rms=st.tuples(st.floats(0, 3), st.floats(0, 3)),
    scale=st.floats(-3, 4).map(lambda power: 10.0**power),
    lines=st.integers(1, 50),
    drift=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    drift_error=st.floats(1e-6, 5),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_same_as_dense_whatever(m, smoothness, length, rms, scale, lines, drift, drift_error, seed):
    axes = min(m, 2)
    information, vector = quadratics(m, scale, seed=seed, lines=50)
    data = information[:lines], vector[:lines]
    process, rms, drift = matern(smoothness, length), np.array(rms[:axes]), np.array(drift[:axes])
    options = {"drift": drift, "drift_error": drift_error, "slope_error": 0.5}
    assert_same(
        smooth_lines(*data, process, rms, **options), dense(*data, process, rms, **options),
        values=ROUNDING, spread=ROUNDING,
    )  # fmt: skip


def test_lines_that_show_nothing_take_the_prior_and_its_error():
    rms, process = np.array([0.3, 0.3]), matern(1.5, 4.0)
    information = np.tile(1e4 * np.eye(2), (100, 1, 1))
    vector = np.einsum("kij,j->ki", information, [1.0, -2.0])
    information[40:60], vector[40:60] = 0.0, 0.0
    found = smooth_lines(information, vector, process, rms)
    np.testing.assert_allclose(found.values[40:60], np.tile([1.0, -2.0], (20, 1)), atol=0.02)
    error = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
    # Far from lines that are seen, the error is the spread of the lines about the drift.
    np.testing.assert_allclose(error[50], rms, rtol=0.15)
    assert error[:35].max() < 0.011


def test_nothing_known_at_all_gives_nothing():
    found = smooth_lines(np.zeros((10, 2, 2)), np.zeros((10, 2)), matern(0.5, 3.0), RMS)
    assert not found.values.any()
    assert found.log_likelihood == 0
    error = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
    assert (error >= UNKNOWN).all()


def test_without_a_process_lines_drift_evenly():
    information, vector = quadratics(2, 10.0)
    found = smooth_lines(information, vector, LineProcess.none(), [0.0, 0.0])
    np.testing.assert_allclose(np.diff(found.values, 2, axis=0), 0, atol=1e-10)


def test_errors_are_those_that_occur():
    """Of many draws from the prior with noise, deviations are as large as reported."""
    rng = np.random.default_rng(3)
    lines, process, rms = 60, matern(1.5, 5.0), np.array([0.5, 0.8])
    lag = np.abs(np.subtract.outer(np.arange(lines), np.arange(lines)))
    r = np.sqrt(3) * lag / 5.0
    root = np.linalg.cholesky((1 + r) * np.exp(-r) + 1e-10 * np.eye(lines))
    information = np.tile(np.diag([20.0, 5.0]), (lines, 1, 1))
    score = []
    for _ in range(200):
        true = rms * (root @ rng.normal(size=(lines, 2)))
        noise = rng.normal(size=(lines, 2)) * np.sqrt([20.0, 5.0])
        found = smooth_lines(
            information, np.einsum("kij,kj->ki", information, true) + noise, process, rms
        )
        error = np.diagonal(found.covariance, axis1=1, axis2=2)
        score.append((found.values - true) ** 2 / error)
    # 200 draws of about 10 independent stretches: 3 % of statistical error.
    np.testing.assert_allclose(np.mean(score, axis=(0, 1)), 1.0, rtol=0.1)


def test_inputs_are_left_alone():
    information, vector = quadratics(2, 1.0)
    information.setflags(write=False)
    vector.setflags(write=False)
    smooth_lines(information, vector, matern(0.5, 3.0), RMS)
