from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft

from hyperspy_smartalign.rigid.peaks import best_maxima, centre_of_mass, gaussian_peak


def hill(shape, centre, width=2.5, height=1.0):
    """Cyclic Gaussian hill, zero shift at [0, 0]."""
    y = (np.arange(shape[0]) - centre[0] + shape[0] / 2) % shape[0] - shape[0] / 2
    x = (np.arange(shape[1]) - centre[1] + shape[1] / 2) % shape[1] - shape[1] / 2
    return height * np.exp(-0.5 * (y[:, None] ** 2 + x[None, :] ** 2) / width**2)


def maxima(plane, gain=None, *, count=1, limits=None):
    gain = np.ones(plane.shape) if gain is None else gain
    positions, scores = best_maxima(
        plane[None].astype(np.float32), gain[None].astype(np.float32), count=count, limits=limits
    )
    return positions[0], scores[0]


@given(
    st.integers(16, 40), st.integers(16, 40), st.floats(-6, 6), st.floats(-6, 6), st.floats(2, 4)
)
@settings(max_examples=40, deadline=None)
def test_sub_pixel_maximum_of_a_hill(h, w, y, x, width):
    """A parabola through a Gaussian of this width is right within 0.02 px."""
    positions, scores = maxima(hill((h, w), (y, x), width))
    np.testing.assert_allclose(positions[0], (y, x), atol=0.02)
    assert scores[0] == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("shape", [(32, 40), (31, 41), (16, 17)])
@pytest.mark.parametrize("locate", [gaussian_peak, centre_of_mass])
def test_fits_of_a_hill(shape, locate):
    # What lies below half of the peak is cut off, which costs the centre of mass some accuracy.
    tolerance = 0.05 if locate is gaussian_peak else 0.12
    for centre in ((0.0, 0.0), (0.4, -0.3), (-5.3, 6.25), (shape[0] // 2 - 0.2, 1.0)):
        plane = hill(shape, centre, 1.8)
        start, _ = maxima(plane)
        found = locate(plane, start[0])
        expected = np.array(centre)
        difference = (found - expected + np.array(shape) / 2) % shape - np.array(shape) / 2
        assert np.abs(difference).max() < tolerance, centre


@pytest.mark.parametrize("locate", [gaussian_peak, centre_of_mass])
def test_fits_without_a_summit_stay_at_the_pixel(locate):
    np.testing.assert_array_equal(locate(np.zeros((16, 16)), np.array([3.3, -2.2])), (3, -2))


def test_gaussian_fit_ignores_an_even_floor():
    plane = hill((32, 32), (1.3, -2.4), 2.0)
    lifted = gaussian_peak(1000 + 5 * plane, np.array([1.3, -2.4]))
    np.testing.assert_allclose(lifted, gaussian_peak(plane, np.array([1.3, -2.4])), atol=1e-6)


def test_several_maxima_are_sorted():
    shape = (48, 64)
    places = [(0.2, 0.3), (12.4, -20.0), (-15.0, 9.75), (5.0, 25.1)]
    heights = [0.7, 1.0, 0.4, 0.9]
    plane = sum(hill(shape, p, 2.5, s) for p, s in zip(places, heights, strict=True))
    positions, scores = maxima(plane, count=4)
    order = np.argsort(heights)[::-1]
    np.testing.assert_allclose(positions, np.array(places)[order], atol=0.03)
    np.testing.assert_allclose(scores, np.array(heights)[order], atol=0.01)


def test_fewer_maxima_than_asked():
    positions, scores = maxima(hill((24, 24), (2, 3)), count=5)
    np.testing.assert_allclose(positions[0], (2, 3), atol=0.02)
    assert np.isnan(positions[1:]).all()
    assert np.isneginf(scores[1:]).all()


def test_a_flat_map_has_none():
    positions, scores = maxima(np.zeros((20, 20)), count=2)
    assert np.isnan(positions).all()
    assert np.isneginf(scores).all()


def test_a_plateau_of_two_pixels_is_one_maximum():
    plane = np.zeros((16, 16))
    plane[4, 5] = plane[4, 6] = 1.0
    positions, _ = maxima(plane, count=3)
    assert np.isfinite(positions[:, 0]).sum() == 1


@pytest.mark.parametrize("shape", [(32, 40), (31, 41)])
def test_negative_shifts_wrap_around(shape):
    h, w = shape
    for centre in ((-1.0, -1.0), (h // 2 - 1, -(w // 2) + 1), (-(h // 2) + 1, w // 2 - 1)):
        positions, _ = maxima(hill(shape, centre))
        np.testing.assert_allclose(positions[0], centre, atol=0.02)


def test_limits_are_kept():
    plane = hill((40, 40), (10, 0)) + 0.5 * hill((40, 40), (-3, 4))
    low, high = np.array([[-5.0, -5.0]]), np.array([[5.0, 5.0]])
    positions, _ = maxima(plane, count=2, limits=(low, high))
    np.testing.assert_allclose(positions[0], (-3, 4), atol=0.02)
    assert np.isnan(positions[1]).all()
    # Not symmetric: each map has a box of its own.
    positions, _ = maxima(plane, limits=(np.array([[8.0, -2.0]]), np.array([[12.0, 2.0]])))
    np.testing.assert_allclose(positions[0], (10, 0), atol=0.02)


def test_gain_multiplies_and_hides():
    plane = hill((40, 40), (10, 0)) + 0.8 * hill((40, 40), (-10, 4))
    gain = np.ones((40, 40))
    gain[20:] = 2.0
    positions, scores = maxima(plane, gain)
    np.testing.assert_allclose(positions[0], (-10, 4), atol=0.02)
    assert scores[0] == pytest.approx(1.6, abs=0.01)
    gain[20:] = 0.0
    positions, _ = maxima(plane, gain, count=2)
    np.testing.assert_allclose(positions[0], (10, 0), atol=0.02)
    assert np.isnan(positions[1]).all()


def test_a_maximum_beside_hidden_ground_is_not_lifted():
    """Its hidden neighbour is no zero: the parabola would rise a tenth of the map's level."""
    plane = 1000.0 + hill((40, 40), (6, 0)) + 2 * hill((40, 40), (-6, 0))
    gain = np.ones((40, 40))
    gain[7:20] = 0.0
    positions, scores = maxima(plane, gain, count=2)
    np.testing.assert_allclose(positions, [(-6, 0), (6, 0)], atol=0.02)
    np.testing.assert_allclose(scores, [1002, 1001], atol=0.05)


def test_negative_maps_keep_their_maximum():
    """The correlation of data may be negative everywhere; nothing is rectified."""
    plane = hill((32, 32), (3.2, -4.1)) - 10.0
    positions, scores = maxima(plane)
    np.testing.assert_allclose(positions[0], (3.2, -4.1), atol=0.02)
    assert scores[0] == pytest.approx(-9.0, abs=0.02)


def test_each_map_may_have_its_own_gain():
    maps = np.array([hill((24, 24), (2, 0)), hill((24, 24), (0, -3))], np.float32)
    gain = np.ones((2, 24, 24), np.float32)
    gain[1] = 0
    positions, _ = best_maxima(maps, gain, count=1)
    np.testing.assert_allclose(positions[0, 0], (2, 0), atol=0.02)
    assert np.isnan(positions[1]).all()
    positions, _ = best_maxima(maps, gain[:1], count=1)
    np.testing.assert_allclose(positions[1, 0], (0, -3), atol=0.02)


def test_a_correlation_of_noise_with_itself_peaks_at_its_shift():
    rng = np.random.default_rng(0)
    frame = rng.normal(0, 1, (36, 45))
    plane = fft.irfft2(
        fft.rfft2(np.roll(frame, (-7, 11), (0, 1))) * np.conj(fft.rfft2(frame)), s=frame.shape
    )
    positions, _ = maxima(plane)
    np.testing.assert_allclose(positions[0], (-7, 11), atol=0.2)
