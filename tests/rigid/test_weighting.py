from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft

from hyperspy_smartalign.rigid.weighting import (
    WEIGHTINGS,
    butterworth,
    fourier_radius,
    joint_weight,
    noise_floor,
    signal_spectrum,
    taper_weight,
)
from hyperspy_smartalign.rigid.windows import window_2d

BANDS = {
    "none": None,
    "band_pass": (0.05, 0.2),
    "low_pass": 0.2,
    "hann": 0.4,
    "hamming": 0.4,
    "blackman": 0.4,
    "gaussian": 0.1,
    "elliptical_gaussian": (0.1, 0.1),
}
SHAPES = [(64, 64), (48, 96), (31, 64), (37, 29)]


def mean_power(frames, window=None):
    """Power of frames, mean 0, per pixel of the window's energy."""
    window = np.ones(frames.shape[1:]) if window is None else window
    return (np.abs(fft.rfft2((frames - frames.mean((1, 2), keepdims=True)) * window)) ** 2).mean(0)


def interpolated(weight, shape, ky, kx):
    """Value of a half-plane weight at the Fourier pixel nearest to a frequency (kx >= 0)."""
    return weight[round(ky * shape[0]) % shape[0], round(kx * shape[1])]


def test_every_weighting_has_a_test():
    assert {*BANDS, "auto"} == set(WEIGHTINGS)


@pytest.mark.parametrize("shape", SHAPES)
def test_radius_is_in_cycles_per_pixel_on_both_axes(shape):
    radius = fourier_radius(shape)
    assert radius.shape == (shape[0], shape[1] // 2 + 1)
    assert radius[0, 0] == 0
    assert radius[1, 0] == pytest.approx(1 / shape[0])
    assert radius[-1, 0] == pytest.approx(1 / shape[0])
    assert radius[0, 1] == pytest.approx(1 / shape[1])
    assert radius[3, 4] == pytest.approx(np.hypot(3 / shape[0], 4 / shape[1]))


@pytest.mark.parametrize("name", sorted(BANDS))
@pytest.mark.parametrize("shape", SHAPES)
def test_tapers_depend_on_the_radius_alone(name, shape):
    """Equal along y and x of frames that are not square: scaled by each side's own length."""
    weight = taper_weight(shape, name, BANDS[name])
    assert weight.shape == (shape[0], shape[1] // 2 + 1)
    assert weight.dtype == np.float32
    assert weight.min() >= -1e-6
    assert weight.max() <= 1 + 1e-6
    # One function of the frequency: values sorted by radius on a huge square grid.
    fine = taper_weight((960, 960), name, BANDS[name])[0]
    radius = fourier_radius(shape)
    inside = radius < 0.5
    frequencies = np.arange(len(fine)) / 960
    expected = np.interp(radius[inside], frequencies, fine)
    found = weight[inside]
    # Steps (that of a Hamming taper is 0.08) fall between two fine samples.
    edges = (
        BANDS[name]
        if name == "band_pass"
        else (BANDS[name],)
        if name in ("low_pass", "hamming")
        else ()
    )
    clear = np.ones(found.shape, bool)
    for edge in edges:
        clear &= np.abs(radius[inside] - edge) > 2 / 960
    np.testing.assert_allclose(found[clear], expected[clear], atol=2e-3)


def test_known_values():
    shape = (100, 200)
    assert interpolated(taper_weight(shape, "low_pass", 0.2), shape, 0.19, 0.0) == 1
    assert interpolated(taper_weight(shape, "low_pass", 0.2), shape, 0.0, 0.205) == 0
    assert interpolated(taper_weight(shape, "band_pass", (0.1, 0.2)), shape, 0.05, 0.0) == 0
    assert interpolated(taper_weight(shape, "band_pass", (0.1, 0.2)), shape, 0.0, 0.15) == 1
    hann = taper_weight(shape, "hann", 0.4)
    assert interpolated(hann, shape, 0.2, 0.0) == pytest.approx(0.5, abs=1e-6)
    assert interpolated(hann, shape, 0.0, 0.4) == pytest.approx(0.0, abs=1e-6)
    hamming = taper_weight(shape, "hamming", 0.4)
    assert interpolated(hamming, shape, 0.0, 0.4) == pytest.approx(0.08, abs=1e-6)
    blackman = taper_weight(shape, "blackman", 0.4)
    assert interpolated(blackman, shape, 0.2, 0.0) == pytest.approx(0.34, abs=1e-6)
    gaussian = taper_weight(shape, "gaussian", 0.1)
    assert interpolated(gaussian, shape, 0.0, 0.1) == pytest.approx(np.exp(-0.5), abs=1e-6)
    ellipse = taper_weight(shape, "elliptical_gaussian", (0.1, 0.2))
    assert interpolated(ellipse, shape, 0.1, 0.0) == pytest.approx(np.exp(-0.5), abs=1e-6)
    assert interpolated(ellipse, shape, 0.0, 0.2) == pytest.approx(np.exp(-0.5), abs=1e-6)


@pytest.mark.parametrize("name", ["low_pass", "hann", "hamming", "blackman", "gaussian"])
def test_one_number_or_two(name):
    with pytest.raises(ValueError, match=rf"'{name}' needs one number"):
        taper_weight((16, 16), name, (0.1, 0.2))


@pytest.mark.parametrize("name", ["band_pass", "elliptical_gaussian"])
def test_two_numbers_or_one(name):
    with pytest.raises(ValueError, match=rf"'{name}' needs band=\(first, second\)"):
        taper_weight((16, 16), name, 0.1)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="'sinc' is not known; choose one of auto, none"):
        taper_weight((16, 16), "sinc")


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("shape", [(100, 200), (50, 75)])
def test_butterworth_is_0_707_at_the_cut_off(shape, order):
    weight = butterworth(shape, 0.12, order)
    for ky, kx in ((0.12, 0.0), (0.0, 0.12)):
        assert interpolated(weight, shape, ky, kx) == pytest.approx(np.sqrt(0.5), abs=1e-4)
    assert weight[0, 0] == 1
    # Far beyond the cut-off the amplitude falls by 2**order an octave.
    far = interpolated(weight, shape, 0.24, 0.0) / interpolated(weight, shape, 0.48, 0.0)
    assert far == pytest.approx(2**order, rel=0.1)


@pytest.mark.parametrize("frames", [1, 3, 40])
@pytest.mark.parametrize("windowed", [False, True])
@pytest.mark.parametrize("shape", [(128, 128), (101, 150)])
def test_noise_floor_of_white_noise(frames, windowed, shape):
    rng = np.random.default_rng(frames)
    window = window_2d(shape, "sine") if windowed else np.ones(shape)
    # Repeated, so that the scatter of the estimate itself stays well below the tolerance.
    found = [
        noise_floor(mean_power(rng.normal(5, 3, (frames, *shape)), window), shape, samples=frames)
        for _ in range(max(4, 120 // frames))
    ]
    assert np.mean(found) == pytest.approx(9 * (window**2).sum(), rel=0.02)


def test_noise_floor_below_a_signal_at_low_frequencies():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :128]
    wave = 20 * np.sin(2 * np.pi * (y / 12 + x / 16))
    frames = wave + rng.normal(0, 2, (8, 96, 128))
    floor = noise_floor(mean_power(frames), (96, 128), samples=8)
    assert floor == pytest.approx(4 * 96 * 128, rel=0.03)


@given(st.integers(4, 40), st.integers(4, 40), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_noise_floor_of_any_shape_is_positive(h, w, frames):
    rng = np.random.default_rng(h * w)
    power = mean_power(rng.normal(0, 1, (frames, h, w)))
    level = noise_floor(power, (h, w), samples=frames)
    assert 0 < level < 4 * h * w
    assert noise_floor(0 * power, (h, w), samples=frames) > 0


@pytest.mark.parametrize("frames", [1, 10, 40])
def test_noise_has_hardly_any_signal(frames):
    rng = np.random.default_rng(7)
    shape = (128, 96)
    power = mean_power(rng.normal(0, 1, (frames, *shape)), window_2d(shape, "sine"))
    noise = noise_floor(power, shape, samples=frames)
    signal = signal_spectrum(power, noise, frame_shape=shape, samples=frames)
    assert signal[0, 0] == 0
    assert signal.min() >= 0
    # Rings of two standard deviations are kept, which one in 40 passes by chance.
    assert (signal == 0).mean() > 0.8
    assert signal.mean() < 0.1 * noise


def test_known_signal_power_is_found():
    """Diffuse signal of a known Gaussian spectrum, twice as strong as the noise at its top."""
    rng = np.random.default_rng(2)
    shape, frames = (128, 96), 40
    radius = fourier_radius(shape)
    true = 2 * np.exp(-0.5 * (radius / 0.08) ** 2) * shape[0] * shape[1]
    true[0, 0] = 0
    amplitude = np.sqrt(true / (shape[0] * shape[1]))
    scene = [
        fft.irfft2(fft.rfft2(rng.normal(0, 1, shape)) * amplitude, s=shape) for _ in range(frames)
    ]
    power = mean_power(np.array(scene) + rng.normal(0, 1, (frames, *shape)))
    noise = noise_floor(power, shape, samples=frames)
    signal = signal_spectrum(power, noise, frame_shape=shape, samples=frames)
    inner = (radius > 0.02) & (radius < 0.1)
    assert signal[inner].sum() == pytest.approx(true[inner].sum(), rel=0.05)
    far = (radius > 0.3) & (radius < 0.5)
    assert signal[far].mean() < 0.02 * noise


def test_a_bragg_spot_is_as_sharp_as_it_is():
    rng = np.random.default_rng(4)
    shape, frames = (96, 128), 10
    y, x = np.mgrid[: shape[0], : shape[1]]
    wave = np.cos(2 * np.pi * (8 * y / 96 + 16 * x / 128))
    power = mean_power(0.5 * wave + rng.normal(0, 1, (frames, *shape)))
    noise = noise_floor(power, shape, samples=frames)
    signal = signal_spectrum(power, noise, frame_shape=shape, samples=frames)
    assert signal[8, 16] > 100 * np.median(signal[6:11, 13:15])
    assert signal[6:11, 14:19].sum() == pytest.approx((0.25 * 96 * 128) ** 2, rel=0.15)


def test_joint_weight_follows_its_formula():
    signal = np.array([[0.0, 1.0, 100.0]])
    weight = joint_weight(signal, 2.0, model_error=0.5, frames=3.0)
    expected = signal / (3 * signal + 2) / (2 + 0.5 * signal) * 2
    np.testing.assert_allclose(weight, expected, rtol=1e-6)
    # Whatever the units of the data.
    scaled = joint_weight(1e6 * signal, 2e6, model_error=0.5, frames=3.0)
    np.testing.assert_allclose(scaled, weight, rtol=1e-6)


def test_strong_spots_count_no_more_than_weak_ones():
    signal = np.array([[1.0, 1e4]])
    weight = joint_weight(signal, 1.0, model_error=0.5)
    assert (weight * signal)[0, 1] < 10 * (weight * signal)[0, 0]
