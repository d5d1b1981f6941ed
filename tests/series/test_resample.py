"""Resampling: positions, grey levels, sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hyperspy_smartalign.series import resample_frame, resampled_axis, resampled_length


def wave(shape, scale=1.0, offset=0.0):
    """A smooth image at calibrated positions: periods of 40 and 57 pixels of scale 1."""
    y, x = (offset + scale * np.arange(length) for length in shape)
    return np.cos(2 * np.pi * y / 40)[:, np.newaxis] + np.sin(2 * np.pi * x / 57)


@pytest.mark.parametrize("factor", [0.1, 0.3, 0.5, 0.77, 1.5, 2, 3.7, 8])
@pytest.mark.parametrize("shape", [(101, 83), (64, 97)])
def test_features_keep_their_calibrated_positions(factor, shape):
    result = resample_frame(wave(shape), factor)
    scale, offset = resampled_axis(1.0, 0.0, factor)
    expected = wave(result.shape, scale, offset)
    if factor < 1:
        # The mean over a pixel of width 1 / factor damps a wave by a known sinc.
        y = np.cos(2 * np.pi * (offset + scale * np.arange(result.shape[0])) / 40)
        x = np.sin(2 * np.pi * (offset + scale * np.arange(result.shape[1])) / 57)
        expected = (y * np.sinc(scale / 40))[:, np.newaxis] + x * np.sinc(scale / 57)
    # Interpolation knows less about the last few old pixels of a frame.
    edge = int(6 * factor) if factor > 1 else 0
    inside = (slice(edge, result.shape[0] - edge), slice(edge, result.shape[1] - edge))
    # Cubic splines and pixels of finite width miss these waves by less than 1 %.
    np.testing.assert_allclose(result[inside], expected[inside], atol=0.01)


def test_area_mean_of_whole_ratios():
    frame = np.arange(7 * 9, dtype=np.uint16).reshape(7, 9)
    expected = frame[:6, :8].reshape(3, 2, 4, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(resample_frame(frame, 0.5), expected, rtol=1e-6)


@given(st.integers(10, 60), st.integers(10, 60), st.floats(0.1, 8))
@settings(deadline=None, max_examples=40)
def test_sizes_and_constants(height, width, factor):
    frame = np.full((height, width), 7, dtype=">i2")
    result = resample_frame(frame, factor)
    assert result.shape == (resampled_length(height, factor), resampled_length(width, factor))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, 7, rtol=1e-6)
    # No new pixel lies outside the old frame.
    scale, offset = resampled_axis(1.0, 0.0, factor)
    last_edge = offset + scale * (result.shape[0] - 0.5)
    assert offset - scale / 2 == pytest.approx(-0.5)
    assert last_edge <= height - 0.5 + 1e-6


def test_noise_of_binned_pixels():
    noise = np.random.default_rng(0).normal(size=(400, 400))
    binned = resample_frame(noise, 0.25)
    # Mean of 16 independent pixels; 10,000 values give the deviation to 1 %.
    assert binned.std() == pytest.approx(0.25, rel=0.03)
    assert np.corrcoef(binned[:, :-1].ravel(), binned[:, 1:].ravel())[0, 1] == pytest.approx(
        0, abs=0.04
    )


@pytest.mark.parametrize("shape", [(1, 9), (2, 3), (31, 17)])
@pytest.mark.parametrize("factor", [1.3, 3])
def test_interpolation_is_the_cubic_spline_of_scipy(shape, factor):
    frame = np.random.default_rng(0).normal(size=shape)
    result = resample_frame(frame, factor)
    positions = ((np.arange(length) + 0.5) / factor - 0.5 for length in result.shape)
    grid = np.meshgrid(*positions, indexing="ij")
    expected = ndimage.map_coordinates(frame, grid, order=3, mode="mirror")
    np.testing.assert_allclose(result, expected, atol=1e-12)


def test_factor_one_and_types():
    frame = np.random.default_rng(0).normal(size=(5, 6))
    frame.flags.writeable = False
    result = resample_frame(frame, 1)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, frame)
    assert not np.shares_memory(result, frame)


@pytest.mark.parametrize("factor", [0, 0.09, 8.1, -1, np.nan])
def test_refused(factor):
    with pytest.raises(ValueError, match=r"outside 0\.1 to 8"):
        resample_frame(np.zeros((5, 5)), factor)
    with pytest.raises(ValueError, match="leaves nothing"):
        resample_frame(np.zeros((5, 20)), 0.1)
