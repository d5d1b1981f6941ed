"""Bounds from two averages, against those of the simulator, which knows the image."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import row_covariance, simulate_stack
from hyperspy_smartalign.quality.bound import (
    line_bound,
    line_information,
    matern_covariance,
    shift_bound,
)
from hyperspy_smartalign.quality.noise import NoiseModel

DOSE = 2.0
COUNTS = NoiseModel(0.0, 1.0, 0.3)


@pytest.fixture(scope="module")
def simulated():
    return simulate_stack(
        shape=(96, 80), frames=2, dose=DOSE, drift=(0.0, 0.0), drift_walk=0.0, seed=4
    )


@pytest.fixture(scope="module")
def halves(simulated):
    """Averages of 6 frames each, of a specimen that does not move."""
    image = simulated.truth.image()
    noise = np.random.default_rng(0)
    return [noise.poisson(6 * DOSE * image) / 6.0 for _ in range(2)]


def test_noise_of_the_averages_does_not_lower_the_bound(simulated, halves):
    true = simulated.truth.cramer_rao_shift()
    np.testing.assert_allclose(shift_bound(*halves, COUNTS), true, rtol=0.1)
    # What would come out if the noise passed for structure.
    assert shift_bound(halves[0], halves[0], COUNTS).max() < 0.8 * true.min()


def test_part_of_a_frame_stands_for_the_whole(halves):
    part = [half[:48] for half in halves]
    whole = shift_bound(*halves, COUNTS)
    scaled = shift_bound(*part, COUNTS, pixels=halves[0].size)
    np.testing.assert_allclose(scaled, whole, rtol=0.15)


def test_nothing_but_noise_has_no_bound():
    noise = np.random.default_rng(1).poisson(3.0, (2, 64, 64)).astype(float)
    assert np.isnan(shift_bound(noise[0], noise[1], COUNTS)).all()


def test_lines_along_either_axis(simulated, halves):
    rows = line_information(*halves, COUNTS)
    columns = line_information(*(half.T for half in halves), COUNTS, axis=1)
    np.testing.assert_allclose(columns[:, ::-1, ::-1], rows)
    # Two rows at the border show no slopes along y.
    np.testing.assert_allclose(
        rows[2:-2].sum(0), simulated.truth.fisher_rows(0)[2:-2].sum(0), rtol=0.2, atol=30
    )


def test_bound_of_lines_with_prior(simulated):
    information = simulated.truth.fisher_rows(0)
    prior = row_covariance(96, rms=0.5, correlation=6.0)
    ours = line_bound(information, np.array([prior, prior]), unknown=0.0)
    true = simulated.truth.cramer_rao_rows(0, rms=0.5, correlation=6.0)
    np.testing.assert_allclose(ours, true, rtol=1e-6)
    free = line_bound(information, np.array([prior, prior]))
    assert (free >= ours - 1e-9).all()


def test_missing_pixels_tell_nothing(halves):
    holes = [half.copy() for half in halves]
    for half in holes:
        half[40:60, 20:40] = np.nan
    known = shift_bound(*holes, COUNTS)
    assert np.isfinite(known).all()
    with pytest.raises(ValueError, match="two averages of one shape"):
        line_information(np.zeros((4, 9)), np.zeros((4, 9)), COUNTS)


@pytest.mark.parametrize("smoothness", [0.5, 1.5, 2.5, 3.5, np.inf])
def test_matern_covariance(smoothness):
    covariance = matern_covariance(32, rms=0.4, length=5.0, smoothness=smoothness)
    np.testing.assert_allclose(np.diag(covariance), 0.16)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9
    if smoothness == 0.5:
        np.testing.assert_allclose(covariance[0, 5], 0.16 * np.exp(-1))
    if smoothness == 1.5:
        scaled = np.sqrt(3.0)
        np.testing.assert_allclose(covariance[0, 5], 0.16 * (1 + scaled) * np.exp(-scaled))
