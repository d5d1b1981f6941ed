"""The processes that lines follow are those of the textbooks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.nonrigid.process import SMOOTHNESSES, LineProcess, matern


def closed_form(smoothness: float, lag: np.ndarray, length: float) -> np.ndarray:
    """Covariance at a distance: Rasmussen & Williams, chapter 4."""
    r = np.sqrt(2 * smoothness) * lag / length
    polynomial = {
        0.5: 1.0,
        1.5: 1 + r,
        2.5: 1 + r + r**2 / 3,
        3.5: 1 + r + 2 * r**2 / 5 + r**3 / 15,
    }[smoothness]
    return polynomial * np.exp(-r)


def covariance_of(process: LineProcess, lags: int) -> np.ndarray:
    state, found = process.start, []
    for _ in range(lags):
        found.append(state[0, 0])
        state = process.step @ state
    return np.array(found)


@given(smoothness=st.sampled_from(SMOOTHNESSES), length=st.floats(0.1, 500))
@settings(max_examples=60, deadline=None)
def test_covariance_is_that_of_a_matern_process(smoothness, length):
    lag = np.arange(40)
    found = covariance_of(matern(smoothness, length), 40)
    np.testing.assert_allclose(found, closed_form(smoothness, lag, length), atol=1e-9)


@given(smoothness=st.sampled_from(SMOOTHNESSES), length=st.floats(0.01, 500))
@settings(max_examples=60, deadline=None)
def test_the_process_is_stationary_and_its_noise_is_possible(smoothness, length):
    process = matern(smoothness, length)
    after = process.step @ process.start @ process.step.T + process.noise
    np.testing.assert_allclose(after, process.start, atol=1e-12)
    # A process far smoother than a line apart has noise that is zero within rounding.
    assert np.linalg.eigvalsh(process.noise).min() > -1e-12
    assert process.order == smoothness + 0.5


def test_smoother_ones_come_near_a_gaussian_covariance():
    lag = np.arange(12)
    gaussian = np.exp(-(lag**2) / (2 * 6.0**2))
    # The length means about the same for all: the rough ones fall off sooner at first.
    for smoothness, within in ((1.5, 0.15), (2.5, 0.1), (3.5, 0.07)):
        found = covariance_of(matern(smoothness, 6.0), 12)
        assert np.abs(found - gaussian).max() < within


def test_very_short_is_white_and_finite():
    process = matern(0.5, 1e-9)
    assert np.isfinite(process.step).all()
    assert process.step[0, 0] < 1e-6


def test_no_process_has_no_state():
    none = LineProcess.none()
    assert none.order == 0
    assert none.step.shape == none.noise.shape == none.start.shape == (0, 0)


def test_other_smoothness_is_refused():
    with pytest.raises(ValueError, match=r"smoothness must be one of .*2\.5.* not 1\.0"):
        matern(1.0, 3.0)
