from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import Detector


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_counts_are_poisson_with_the_dose_at_intensity_one(rng):
    counts = Detector().record(np.full((400, 500), 0.6), dose=5.0, rng=rng)
    # 200,000 pixels: the mean is known to 0.13 %, the variance to 0.4 %.
    assert counts.mean() == pytest.approx(3.0, rel=0.01)
    assert counts.var() == pytest.approx(3.0, rel=0.02)
    assert counts.dtype == np.float32
    np.testing.assert_array_equal(counts, np.rint(counts))


def test_gain_offset_and_read_noise(rng):
    detector = Detector(gain=40.0, offset=1000.0, read_noise=25.0)
    levels = detector.record(np.ones((400, 500)), dose=9.0, rng=rng)
    assert levels.mean() == pytest.approx(1000 + 40 * 9, rel=0.005)
    assert levels.var() == pytest.approx(40**2 * 9 + 25**2, rel=0.02)


def test_no_noise_at_infinite_dose(rng):
    intensity = np.random.default_rng(0).random((13, 17))
    np.testing.assert_array_equal(
        Detector().record(intensity, dose=np.inf, rng=rng), intensity.astype(np.float32)
    )


@pytest.mark.parametrize(
    ("bits", "dtype", "expected"),
    [
        (8, None, "u1"),
        (12, None, "u2"),
        (16, ">u2", ">u2"),
        (None, "int32", "i4"),
        (32, None, "u4"),
    ],
)
def test_converters(rng, bits, dtype, expected):
    detector = Detector(gain=300.0, offset=-50.0, bit_depth=bits, dtype=dtype)
    levels = detector.record(np.linspace(0, 1, 600).reshape(20, 30), dose=20.0, rng=rng)
    assert levels.dtype == np.dtype(expected)
    if bits is not None:
        assert levels.min() == 0
        assert 255 <= levels.max() <= 2**bits - 1
    else:
        assert levels.min() == -50


def test_hot_pixels_and_missing_rows(rng):
    flaws = Detector(hot_pixels=0.01, hot_counts=500.0, missing_rows=3)
    levels = flaws.record(np.ones((200, 100)), dose=4.0, rng=rng)
    empty = np.flatnonzero((levels == 0).all(axis=1))
    assert len(empty) == 3
    hot = (levels > 400).mean()
    # 20,000 pixels at 1 %: 200 of them, 14 standard deviation.
    assert hot == pytest.approx(0.01, abs=0.0035)


def test_the_intensity_is_left_alone(rng):
    intensity = np.full((5, 6), 0.5)
    intensity.setflags(write=False)
    Detector(hot_pixels=0.5, missing_rows=1, read_noise=1.0).record(intensity, dose=3.0, rng=rng)
    np.testing.assert_array_equal(intensity, 0.5)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"gain": 0.0}, "gain is 0"),
        ({"offset": np.nan}, "offset is nan"),
        ({"read_noise": -1.0}, "read_noise is -1"),
        ({"bit_depth": 33}, "1 to 32 bits"),
        ({"bit_depth": 16, "dtype": "int16"}, "at most 32767"),
        ({"dtype": "complex64"}, "real or integer"),
        ({"hot_pixels": 2.0}, "between 0 and 1"),
        ({"missing_rows": -1}, "missing_rows is -1"),
    ],
)
def test_impossible_detectors_are_refused(keywords, message):
    with pytest.raises(ValueError, match=message):
        Detector(**keywords)


@pytest.mark.parametrize(
    ("detector", "intensity", "dose", "message"),
    [
        (Detector(), -0.1, 1.0, "higher background"),
        (Detector(), 0.1, 0.0, "dose is 0"),
        (Detector(), 0.1, -2.0, "dose is -2"),
        (Detector(missing_rows=9), 0.1, 1.0, "frames of 4 rows"),
    ],
)
def test_impossible_exposures_are_refused(rng, detector, intensity, dose, message):
    with pytest.raises(ValueError, match=message):
        detector.record(np.full((4, 4), intensity), dose=dose, rng=rng)
