from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from hyperspy_smartalign.rigid.prefilter import PREFILTERS, prefilter_frame


@pytest.fixture
def noisy(rng_seed=3):
    rng = np.random.default_rng(rng_seed)
    y, x = np.mgrid[:41, :60]
    clean = 10 + 5 * np.sin(2 * np.pi * y / 20) * np.sin(2 * np.pi * x / 20)
    return clean, clean + rng.normal(0, 2, clean.shape)


@pytest.mark.parametrize("name", PREFILTERS)
@pytest.mark.parametrize("dtype", ["u1", ">u2", "f4", "f8"])
def test_type_shape_and_input(noisy, name, dtype):
    frame = noisy[1].astype(dtype)
    frame.setflags(write=False)
    before = frame.copy()
    filtered = prefilter_frame(frame, name)
    assert filtered.dtype == np.float32
    assert filtered.shape == frame.shape
    assert_array_equal(frame, before)


def test_none_keeps_the_pixels(noisy):
    assert_array_equal(prefilter_frame(noisy[1], "none"), noisy[1].astype(np.float32))


@pytest.mark.parametrize("name", ["median", "wiener"])
def test_filters_come_nearer_to_the_truth(noisy, name):
    clean, frame = noisy
    raw = np.abs(frame - clean)[3:-3, 3:-3].std()
    left = np.abs(prefilter_frame(frame, name) - clean)[3:-3, 3:-3].std()
    assert left < 0.75 * raw


def test_median_removes_a_hot_pixel(noisy):
    frame = noisy[1].copy()
    frame[20, 30] = 1e6
    assert prefilter_frame(frame, "median").max() < 40


def test_a_flat_patch_stays_flat_and_silent():
    frame = np.full((20, 24), 7.0)
    frame[:, 14:] += np.random.default_rng(0).normal(0, 1, (20, 10))
    for name in ("median", "wiener"):
        filtered = prefilter_frame(frame, name)
        assert np.isfinite(filtered).all()
        assert_allclose(filtered[5:15, 3:10], 7.0, rtol=1e-6)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"prefilter='gauss' .* none, median, wiener"):
        prefilter_frame(np.zeros((8, 8)), "gauss")
