"""Spectral signal to noise and transfer against simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperspy_smartalign.data.recipes import tilt_boundary_recipe
from hyperspy_smartalign.quality.rings import Rings, soft_window, spectrum
from hyperspy_smartalign.quality.transfer import frame_spectra, spectral_quality

SHAPE = (112, 128)


@pytest.fixture(scope="module")
def truth():
    return tilt_boundary_recipe(1.0, frames=2, shape=SHAPE).truth


def series(truth, *, dose, frames, motion=0.0, seed=0):
    """Frames of counts whose shifts are wrong by so many px rms along each axis."""
    rng = np.random.default_rng(seed)
    shifts = motion * rng.normal(size=(frames, 2))
    return [rng.poisson(dose * truth.image(origin=tuple(shift))) for shift in shifts]


def measured(frames):
    return frame_spectra(frames, np.mean(frames, axis=0), rings=Rings.of(SHAPE))


def test_signal_to_noise_is_the_true_one(truth) -> None:
    dose, count = 5.0, 8
    found = spectral_quality(measured(series(truth, dose=dose, frames=count)))
    rings, window = Rings.of(SHAPE), soft_window(SHAPE)
    signal = rings.mean(np.abs(spectrum(dose * truth.image(), window)) ** 2)
    noise = dose * (truth.image() * window**2).sum() / (window**2).sum()
    wanted = signal / noise
    away = (found.ssnr_frame - wanted) / found.ssnr_error
    # Clipped at zero where there is nothing, so not quite a normal distribution.
    assert np.sqrt(np.mean(away[2:] ** 2)) < 1.5
    strong = (wanted > 0.5) & (rings.independent > 8)
    np.testing.assert_allclose(found.ssnr_frame[strong], wanted[strong], rtol=0.35)
    np.testing.assert_allclose(found.ssnr_average, count * found.ssnr_frame)
    np.testing.assert_allclose(found.noise, noise, rtol=0.06)


@pytest.mark.parametrize("motion", [0.0, 0.6, 1.2])
def test_transfer_is_what_motion_leaves(truth, motion) -> None:
    found = spectral_quality(measured(series(truth, dose=50.0, frames=14, motion=motion)))
    known = found.transfer_error < 0.1
    assert known.sum() > 10
    wanted = np.exp(-2 * (np.pi * motion * found.frequency) ** 2)
    away = (found.transfer - wanted)[known] / np.maximum(found.transfer_error[known], 0.01)
    assert np.median(np.abs(away)) < 1.5
    np.testing.assert_allclose(found.transfer[known], wanted[known], atol=0.25)


def test_transfer_of_the_worst_frame_is_the_lowest(truth) -> None:
    frames = series(truth, dose=50.0, frames=8)
    frames[3] = np.random.default_rng(1).poisson(50.0 * truth.image(origin=(2.0, 1.0)))
    found = measured(frames)
    high = found.significant & (found.frequency > 0.05)
    assert np.nanmean(found.frame_transfer[:, high], axis=1).argmin() == 3
    np.testing.assert_allclose(found.frame_transfer[:, high].mean(axis=0), 1.0)


def test_noise_alone_has_no_signal() -> None:
    rng = np.random.default_rng(4)
    found = measured(list(rng.normal(100, 3, size=(12, *SHAPE))))
    assert found.noise_variance == pytest.approx(9, rel=0.04)
    assert found.significant.sum() <= 2
    quality = spectral_quality(found)
    assert np.isnan(quality.transfer).sum() >= len(quality.transfer) - 2
    assert quality.ssnr_average.max() < 1
    # Nothing is clipped before it is averaged: the coherent power has no bias.
    assert abs(found.coherent[5:].mean()) < 4 * 9 / np.sqrt(12 * 11 * found.samples[5:].sum())


def test_information_grows_with_the_frames(truth) -> None:
    few, many = (
        spectral_quality(measured(series(truth, dose=5.0, frames=count))) for count in (4, 16)
    )
    assert many.information > 1.2 * few.information > few.frame_information > 0
    assert many.frame_information == pytest.approx(few.frame_information, rel=0.2)


def test_two_frames_have_no_error_of_the_transfer(truth) -> None:
    found = spectral_quality(measured(series(truth, dose=20.0, frames=2)))
    assert np.isnan(found.transfer_error).all()
    assert np.isfinite(found.transfer).any()
    assert found.frames == 2


def test_sum_is_that_of_the_frames(truth) -> None:
    """`cross` is what a frame has in common with the mean of the others, computed without it."""
    frames = series(truth, dose=5.0, frames=5)
    found = measured(frames)
    rings, window = Rings.of(SHAPE), soft_window(SHAPE)
    others = spectrum(np.mean(frames[:2] + frames[3:], axis=0), window)
    own = spectrum(frames[2], window)
    np.testing.assert_allclose(found.cross[2], rings.mean((own * others.conj()).real))


@pytest.mark.parametrize("dose", [2.0, 50.0])
def test_smoothed_frames_are_told(truth, dose) -> None:
    frames = series(truth, dose=dose, frames=6)
    assert measured(frames).is_white
    smooth = [gaussian_filter(frame.astype(float), 1.0) for frame in frames]
    assert not measured(smooth).is_white


def test_one_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="two or more"):
        frame_spectra([np.ones(SHAPE)], np.ones(SHAPE), rings=Rings.of(SHAPE))


def test_gaps_are_refused() -> None:
    frames = np.ones((3, *SHAPE))
    frames[1, 4, 4] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        frame_spectra(frames, np.ones(SHAPE), rings=Rings.of(SHAPE))
