"""Planes and polynomials: known surfaces come back."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.series import Ramp, fit_ramp, remove_ramp


def surface(shape, order, seed=0):
    coefficients = np.random.default_rng(seed).normal(0, 10, (order + 1) * (order + 2) // 2)
    return Ramp(order, coefficients, shape)


@pytest.mark.parametrize("order", [1, 2, 3, 6, 10])
@pytest.mark.parametrize("shape", [(61, 97), (300, 128)])
def test_exact_polynomials(order, shape):
    truth = surface(shape, order)
    found = fit_ramp(truth.surface(), order)
    np.testing.assert_allclose(found.coefficients, truth.coefficients, atol=1e-9)
    flat, _ = remove_ramp(truth.surface(), order)
    np.testing.assert_allclose(flat, 0, atol=1e-9)


def test_degrees_match_coefficients():
    plane = Ramp(1, np.array([3.0, 2.0, 5.0]), (4, 2))
    # Down: v = -0.75 ... 0.75 with coefficient 2; across: u = -0.5, 0.5 with coefficient 5.
    expected = (
        3 + 2 * np.array([-0.75, -0.25, 0.25, 0.75])[:, np.newaxis] + 5 * np.array([-0.5, 0.5])
    )
    np.testing.assert_allclose(plane.surface(), expected)


def test_particles_pull_little_and_range_is_kept():
    rng = np.random.default_rng(0)
    truth = surface((200, 200), 1)
    particle = np.zeros((200, 200))
    particle[20:60, 130:180] = 40.0
    noisy = truth.surface() + particle + rng.normal(0, 0.5, particle.shape)
    flat, ramp = remove_ramp(noisy)
    plain = np.linalg.lstsq(
        np.stack([Ramp(1, row, (200, 200)).surface().ravel() for row in np.eye(3)], axis=1),
        noisy.ravel(),
        rcond=None,
    )[0]
    robust_error = np.abs(ramp.coefficients - truth.coefficients).max()
    # 5 % of the frame stands 80 noise deviations above the rest.
    assert robust_error < 0.1
    assert robust_error < np.abs(plain - truth.coefficients).max() / 20
    assert flat.min() == 0
    height = np.median(flat[20:60, 130:180]) - np.median(flat[100:, :])
    assert height == pytest.approx(40, abs=0.2)


@pytest.mark.parametrize("dtype", [">i2", "u1", "f4", "f8"])
def test_types(dtype):
    frame = np.random.default_rng(0).integers(0, 100, (31, 17)).astype(dtype)
    frame.flags.writeable = False
    flat, _ = remove_ramp(frame)
    assert flat.dtype == (np.float64 if dtype == "f8" else np.float32)
    assert flat.min() == 0


def test_missing_pixels_are_left_out():
    frame = surface((40, 50), 1).surface()
    frame[3, 4] = np.nan
    frame[5, 6] = -np.inf
    flat, ramp = remove_ramp(frame)
    np.testing.assert_allclose(ramp.coefficients, surface((40, 50), 1).coefficients, atol=1e-9)
    assert np.isnan(flat[3, 4])
    finite = flat[np.isfinite(flat)]
    np.testing.assert_allclose(finite, 0, atol=1e-9)


def test_refused():
    with pytest.raises(ValueError, match="order=0"):
        fit_ramp(np.zeros((9, 9)), 0)
    with pytest.raises(ValueError, match="order=11"):
        fit_ramp(np.zeros((9, 9)), 11)
    with pytest.raises(TypeError, match=r"order=1\.5"):
        fit_ramp(np.zeros((9, 9)), 1.5)
    with pytest.raises(ValueError, match=r"6 coefficients.* 4 values"):
        fit_ramp(np.zeros((2, 2)), 2)
