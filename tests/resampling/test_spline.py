from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hyperspy_smartalign.resampling import spline_coefficients


def reference(frame):
    # scipy's spline_filter leaves out axes of one pixel, as it should.
    return ndimage.spline_filter(np.asarray(frame, np.float64), order=3, mode="mirror")


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_coefficients_equal_scipy_for_every_shape(height, width, seed):
    frame = np.random.default_rng(seed).normal(100, 30, (height, width)).astype(np.float32)
    expected = reference(frame)
    # float32 carries 6e-8; the inverse filter amplifies by up to 9.
    np.testing.assert_allclose(
        spline_coefficients(frame), expected, atol=2e-6 * np.abs(expected).max()
    )


def test_a_stack_is_filtered_frame_by_frame_whatever_the_threads(rng):
    stack = rng.normal(size=(5, 33, 47))
    one = spline_coefficients(stack, num_workers=1)
    assert one.dtype == np.float32
    np.testing.assert_array_equal(spline_coefficients(stack, num_workers=3), one)
    np.testing.assert_array_equal(spline_coefficients(stack[3]), one[3])


@pytest.mark.parametrize("dtype", [bool, "u1", ">u2", "<i4", ">f4", "f8"])
def test_types_orders_and_read_only_input(rng, dtype):
    frame = rng.integers(0, 2, (20, 31)).astype(dtype)
    frame.setflags(write=False)
    before = frame.copy()
    np.testing.assert_allclose(spline_coefficients(frame), reference(frame), atol=1e-5)
    # Axes are filtered in different ways, equal to within float32.
    np.testing.assert_allclose(
        spline_coefficients(frame.T), spline_coefficients(frame).T, atol=1e-5
    )
    np.testing.assert_array_equal(frame, before)


def test_a_gap_stays_in_its_pixel_and_hardly_moves_the_others(rng):
    y, x = np.mgrid[:40, :40]
    frame = 100 + 10 * np.cos(y / 5) * np.cos(x / 5)
    broken = frame.copy()
    broken[20, 10] = np.nan
    broken[5, 5] = np.inf
    whole, gapped = spline_coefficients(frame), spline_coefficients(broken)
    gaps = np.isnan(gapped)
    assert np.argwhere(gaps).tolist() == [[5, 5], [20, 10]]
    # Bridged by the nearest pixel, at most 2 off; half of that reaches the next coefficients.
    assert np.abs(whole - gapped)[~gaps].max() < 1.5
    far = ndimage.distance_transform_edt(~gaps) > 12
    np.testing.assert_allclose(gapped[far], whole[far], rtol=1e-5)


def test_all_gap():
    assert np.isnan(spline_coefficients(np.full((4, 5), np.nan))).all()


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2, 2), (0, 4)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        spline_coefficients(np.zeros(shape))


def test_complex_pixels_are_refused():
    with pytest.raises(TypeError, match="modulus"):
        spline_coefficients(np.zeros((4, 4), complex))
