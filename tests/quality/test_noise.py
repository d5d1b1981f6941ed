from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.quality.noise import NoiseModel, ResidualBins, fit_noise

EDGES = np.linspace(0, 100, 17)


def gathered(gain, offset, seed=0, pixels=200_000, low=0.0, high=100.0):
    """Residuals of a detector of known noise, in bins of intensity."""
    rng = np.random.default_rng(seed)
    intensity = rng.uniform(low, high, pixels)
    square = rng.normal(0, np.sqrt(offset + gain * intensity)) ** 2
    edges = np.linspace(low, high, 17)
    index = np.clip(np.digitize(intensity, edges) - 1, 0, 15)
    return ResidualBins(
        edges,
        np.bincount(index, minlength=16).astype(float),
        np.bincount(index, intensity, minlength=16),
        np.bincount(index, square, minlength=16),
    )


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.5), (3.7, 40.0), (0.01, 25.0), (2.0, 0.0)])
def test_a_known_line_is_found(gain, offset):
    noise = fit_noise(gathered(gain, offset))
    # 12,500 values a bin know their variance to 1.3 %.
    intensity = np.array([10.0, 50.0, 90.0])
    np.testing.assert_allclose(noise.variance(intensity), offset + gain * intensity, rtol=0.03)
    if gain > 0.1:
        assert noise.gain == pytest.approx(gain, rel=0.03)


def test_a_detector_with_a_black_level_has_a_negative_offset():
    """Gain 3.7, black level 120, read noise 5: variance 25 + 3.7 (I - 120)."""
    noise = fit_noise(gathered(3.7, 25 - 3.7 * 120, low=130, high=220))
    assert noise.gain == pytest.approx(3.7, rel=0.05)
    assert noise.offset == pytest.approx(25 - 3.7 * 120, abs=30)
    np.testing.assert_allclose(noise.variance(170.0), 25 + 3.7 * 50, rtol=0.02)


def test_noise_that_falls_with_intensity_is_taken_as_constant():
    bins = gathered(0.0, 9.0)
    falling = ResidualBins(
        bins.edges, bins.count, bins.intensity, bins.square * np.linspace(2, 1, 16)
    )
    noise = fit_noise(falling)
    assert noise.gain == 0
    assert noise.offset == pytest.approx(falling.square.sum() / falling.count.sum())
    assert noise.offset == pytest.approx(9 * 1.5, rel=0.02)


def test_variance_never_falls_below_its_floor():
    noise = NoiseModel(offset=-100.0, gain=2.0, floor=3.0)
    np.testing.assert_array_equal(noise.variance([0.0, 50.0, 60.0]), [3.0, 3.0, 20.0])
    fitted = fit_noise(gathered(1.0, 0.0))
    assert fitted.variance(-1e6) == fitted.floor > 0


def test_bins_are_added():
    first, second = gathered(1.0, 1.0, 0), gathered(1.0, 1.0, 1)
    both = first + second
    np.testing.assert_array_equal(both.count, first.count + second.count)
    np.testing.assert_array_equal(both.square, first.square + second.square)
    np.testing.assert_array_equal(both.intensity, first.intensity + second.intensity)
    np.testing.assert_array_equal(both.edges, first.edges)
    assert first.count.sum() == 200_000


def test_empty_bins_are_refused():
    empty = ResidualBins(EDGES, np.zeros(16), np.zeros(16), np.zeros(16))
    with pytest.raises(ValueError, match="frames do not overlap"):
        fit_noise(empty)


def test_thin_bins_do_not_disturb():
    bins = gathered(1.0, 5.0)
    count, intensity, square = bins.count.copy(), bins.intensity.copy(), bins.square.copy()
    count[-1], intensity[-1], square[-1] = 3, 3 * 97.0, 3 * 1e6
    noise = fit_noise(ResidualBins(bins.edges, count, intensity, square))
    assert noise.variance(50.0) == pytest.approx(55, rel=0.03)


def test_few_bins_give_a_constant():
    count = np.zeros(16)
    count[3] = 10
    noise = fit_noise(ResidualBins(EDGES, count, count * 20.0, count * 7.0))
    assert noise == NoiseModel(offset=7.0, gain=0.0, floor=pytest.approx(0.7))


@given(st.floats(1e-3, 1e3), st.floats(0.1, 10), st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_the_unit_of_the_data_does_not_matter(unit, gain, seed):
    bins = gathered(gain, 5.0, seed, 5_000)
    scaled = ResidualBins(
        bins.edges * unit, bins.count, bins.intensity * unit, bins.square * unit**2
    )
    plain, found = fit_noise(bins), fit_noise(scaled)
    assert found.gain == pytest.approx(plain.gain * unit, rel=1e-6, abs=1e-9)
    assert found.offset == pytest.approx(plain.offset * unit**2, rel=1e-6, abs=1e-6)
