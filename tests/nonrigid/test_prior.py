"""Strength and length of the instability are found again from what lines show."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import row_covariance
from hyperspy_smartalign.nonrigid.prior import estimate_prior

LINES, FRAMES = 120, 14


def roots(rms: float, length: float, kind: str) -> np.ndarray:
    """Square root of the covariance of the lines' offsets."""
    if kind == "gaussian":
        covariance = row_covariance(LINES, rms=rms, correlation=length)
    else:
        lag = np.abs(np.subtract.outer(np.arange(LINES), np.arange(LINES)))
        r = {"rough": lag / length, "1.5": np.sqrt(3) * lag / length}[kind]
        covariance = rms**2 * (1 if kind == "rough" else 1 + r) * np.exp(-r)
    return np.linalg.cholesky(covariance + 1e-9 * np.eye(LINES))


def quadratics(rms, length, kind, *, information=(400.0, 200.0), seed=0, frames=FRAMES):
    """A and b of lines that drift and follow a process, seen with noise."""
    rng = np.random.default_rng(seed)
    root = [roots(each, length, kind) for each in np.broadcast_to(rms, 2)]
    place = np.linspace(-1, 1, LINES)
    known = np.tile(np.asarray(information, float), (LINES, 1))
    data = []
    for _ in range(frames):
        true = np.zeros((LINES, 2))
        for a in range(2):
            true[:, a] = root[a] @ rng.normal(size=LINES) + rng.normal() + rng.normal() * place
        data.append((known, known * true + np.sqrt(known) * rng.normal(size=(LINES, 2))))
    return data


@pytest.mark.parametrize(
    ("kind", "length", "smoothness"), [("rough", 5.0, {0.5}), ("1.5", 5.0, {1.5})]
)
def test_a_process_is_found_again(kind, length, smoothness):
    prior = estimate_prior(quadratics((0.5, 0.25), length, kind))
    assert prior.smoothness in smoothness
    # 14 frames hold about 170 independent stretches: 5 % of statistical error, and the search ends
    # within a few percent of the maximum.
    np.testing.assert_allclose(prior.rms, (0.5, 0.25), rtol=0.15)
    np.testing.assert_allclose(prior.length, length, rtol=0.3)


def test_smooth_vibrations_are_found_again():
    data = quadratics((0.5, 0.8), 6.0, "gaussian", information=(50.0, 30.0))
    prior = estimate_prior(data)
    assert prior.smoothness >= 2.5
    # No Matern process is as smooth as a Gaussian one: a longer and stronger one comes nearest, by
    # 10 % here and by 30 % where lines are known much better.
    np.testing.assert_allclose(prior.rms, (0.5, 0.8), rtol=0.3)
    assert (prior.length > 5.0).all()
    assert (prior.length < 11.0).all()


def test_noise_and_drift_alone_are_no_process():
    """The likelihood must rise by 3, which noise makes it do along about one axis of 25."""
    found = []
    for seed in range(5):
        prior = estimate_prior(quadratics(0.0, 5.0, "rough", seed=seed, frames=3))
        found.append(prior.rms)
    assert np.count_nonzero(found) <= 2
    # Where it does, the process is far below the error of a line, 0.05 and 0.07 px.
    assert np.max(found) < 0.03


def test_axis_that_shows_nothing_has_no_motion():
    data = quadratics((0.5, 0.5), 5.0, "1.5", information=(400.0, 0.0), frames=6)
    prior = estimate_prior(data)
    assert prior.rms[0] == pytest.approx(0.5, rel=0.2)
    assert prior.rms[1] == 0


def test_length_of_the_user_is_kept():
    prior = estimate_prior(quadratics(0.5, 5.0, "1.5", frames=5), length=17.0)
    np.testing.assert_array_equal(prior.length, 17.0)
    assert (prior.rms > 0.2).all()


def test_from_an_earlier_estimate_it_goes_to_the_same_place():
    data = quadratics((0.5, 0.3), 5.0, "1.5", frames=8)
    first = estimate_prior(data)
    again = estimate_prior(data, previous=first)
    assert again.smoothness == first.smoothness
    np.testing.assert_allclose(again.rms, first.rms, rtol=0.05)
    np.testing.assert_allclose(again.length, first.length, rtol=0.1)


def test_number_of_workers_changes_nothing():
    data = quadratics((0.5, 0.3), 5.0, "rough", frames=4)
    one, two = (estimate_prior(data, num_workers=workers) for workers in (1, 2))
    np.testing.assert_array_equal(one.rms, two.rms)
    np.testing.assert_array_equal(one.length, two.length)


def test_one_frame_is_enough():
    prior = estimate_prior(quadratics((0.5, 0.5), 5.0, "1.5", frames=1))
    # 120 lines hold about 12 independent stretches.
    np.testing.assert_allclose(prior.rms, 0.5, rtol=0.5)
