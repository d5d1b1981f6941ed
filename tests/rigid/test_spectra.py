from __future__ import annotations

import numpy as np
import pytest
from scipy import fft

from hyperspy_smartalign.data import simulate_stack
from hyperspy_smartalign.rigid.spectra import crop_half_plane, white_noise_variance
from hyperspy_smartalign.rigid.weighting import butterworth, fourier_radius, taper_weight
from hyperspy_smartalign.rigid.windows import window_2d


def band_limited(shape, cutoff, seed):
    """A random frame without anything beyond a frequency."""
    plane = fft.rfft2(np.random.default_rng(seed).normal(0, 1, shape))
    plane[fourier_radius(shape) > cutoff] = 0
    return plane


@pytest.mark.parametrize(
    ("shape", "map_shape"),
    [((256, 200), (128, 100)), ((150, 96), (75, 96)), ((97, 101), (48, 51)), ((64, 64), (64, 64))],
)
def test_a_correlation_on_the_cut_spectrum_is_exact(shape, map_shape):
    first, second = (band_limited(shape, 0.22, seed) for seed in (0, 1))
    product = first * np.conj(second)
    full = fft.irfft2(product, s=shape)
    small = fft.irfft2(crop_half_plane(product, shape[0], map_shape), s=map_shape)
    # Upsample the small map by zero padding to compare at the full map's own pixels.
    ky, kx = (fft.fftfreq(size, 1 / size) for size in map_shape)
    y, x = np.arange(0, shape[0], 7), np.arange(0, shape[1], 5)
    plane = fft.fft2(small)
    at = np.exp(2j * np.pi * np.outer(y / shape[0], ky)) @ plane
    at = (at @ np.exp(2j * np.pi * np.outer(kx, x / shape[1]))).real / (shape[0] * shape[1])
    np.testing.assert_allclose(at, full[np.ix_(y, x)], atol=1e-9 * np.abs(full).max())


def test_the_single_sided_nyquist_frequency_is_dropped():
    plane = np.ones((32, 17), complex)
    cut = crop_half_plane(plane, 32, (16, 16))
    assert cut.shape == (16, 9)
    assert (cut[8] == 0).all()
    assert (cut[:, -1] == 0).all()
    assert (cut[:8, :8] == 1).all()
    # Nothing is cut, nothing is dropped.
    np.testing.assert_array_equal(crop_half_plane(plane, 32, (32, 32)), plane)


@pytest.mark.parametrize("shape", [(40, 40), (48, 33), (37, 29)])
def test_small_frames_are_not_cut(spectra_of, shape):
    stack = np.random.default_rng(0).normal(5, 1, (4, *shape))
    spectra = spectra_of(stack)
    assert spectra.map_shape == shape
    assert spectra.step == (1.0, 1.0)
    window = window_2d(shape)
    frame = stack[2].astype(np.float32)
    frame = (frame - (frame * window).sum() / window.sum()) * window
    np.testing.assert_allclose(spectra.frames[2, 0], fft.rfft2(frame), atol=1e-3)


def test_large_frames_are_cut_to_the_band_of_the_signal(spectra_of):
    simulated = simulate_stack(shape=(320, 256), frames=3, dose=50, seed=0)
    spectra = spectra_of(simulated.stack)
    assert spectra.map_shape[0] < 320
    assert spectra.map_shape[1] < 256
    assert spectra.step == (320 / spectra.map_shape[0], 256 / spectra.map_shape[1])
    assert spectra.frames.shape == (3, 1, spectra.map_shape[0], spectra.map_shape[1] // 2 + 1)


def test_phases_undo_a_shift(spectra_of):
    y, x = np.mgrid[:48, :60]
    shift = np.array([2.25, -3.5])

    def blob(moved):
        return np.exp(-((y - 24 - moved[0]) ** 2 + (x - 30 - moved[1]) ** 2) / 18.0)

    stack = np.array([blob((0, 0)), blob(shift)])
    spectra = spectra_of(stack, window="none", weighting="none", exponent=0)
    aligned = spectra.aligned(np.array([[0, 0], shift]))[:, 0]
    images = fft.irfft2(aligned, s=spectra.map_shape)
    np.testing.assert_allclose(images[1], images[0], atol=1e-3)


@pytest.mark.parametrize("shape", [(48, 64), (37, 41)])
def test_the_level_of_the_data_does_not_matter(spectra_of, shape):
    """The mean is taken off before the window, so that a bright offset leaks nowhere."""
    stack = np.random.default_rng(1).normal(0, 1, (3, *shape))
    dark, bright = spectra_of(stack), spectra_of(stack + 1000.0)
    # Rounding of float32 near 1000 is 3e-5 a pixel and adds up over the frame.
    np.testing.assert_allclose(bright.frames, dark.frames, atol=0.2)
    assert np.abs(bright.frames[:, 0, 0, 0]).max() < 0.2


def test_overlap_is_the_autocorrelation_of_the_window(spectra_of):
    stack = np.random.default_rng(1).normal(0, 1, (3, 40, 30))
    spectra = spectra_of(stack, window="hann")
    overlap = fft.irfft2(spectra.overlap, s=spectra.map_shape)
    window = window_2d((40, 30), "hann")
    for dy, dx in ((0, 0), (3, -4), (10, 2)):
        expected = (window * np.roll(window, (dy, dx), (0, 1))).sum() / (window**2).sum()
        assert overlap[dy, dx] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("shape", [(40, 56), (37, 29)])
def test_a_user_mask_has_the_zero_frequency_in_its_centre(spectra_of, shape):
    """The mask of a displayed FFT gives the weight of the same name."""
    ky, kx = (fft.fftshift(fft.fftfreq(size)) for size in shape)
    mask = (np.hypot(ky[:, None], kx[None, :]) <= 0.21).astype(float)
    stack = np.random.default_rng(1).normal(0, 1, (3, *shape))
    masked = spectra_of(stack, weighting=mask)
    named = spectra_of(stack, weighting="low_pass", band=0.21)
    np.testing.assert_array_equal(masked.passed, named.passed)


def test_a_user_mask_is_made_symmetric(spectra_of):
    mask = np.zeros((32, 48))
    mask[16 + 5, 24 + 3] = 1.0
    stack = np.random.default_rng(1).normal(0, 1, (3, 32, 48))
    passed = spectra_of(stack, weighting=mask).passed
    assert passed[5, 3] == 0.5
    assert passed.sum() == 0.5
    mirrored = spectra_of(
        stack, weighting=mask[::-1, ::-1][np.ix_([-1, *range(31)], [-1, *range(47)])]
    )
    np.testing.assert_array_equal(mirrored.passed, passed)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.ones((48, 32)), r"frame's shape \(32, 48\).*got \(48, 32\)"),
        (np.ones((32, 25)), r"frame's shape \(32, 48\)"),
        (-np.ones((32, 48)), "values >= 0"),
        (np.zeros((32, 48)), "not all zero"),
        (np.full((32, 48), np.nan), "finite"),
    ],
)
def test_an_impossible_mask_is_refused(spectra_of, mask, words):
    with pytest.raises(ValueError, match=words):
        spectra_of(np.random.default_rng(1).normal(0, 1, (3, 32, 48)), weighting=mask)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_the_exponent_divides_by_the_magnitude(spectra_of, exponent):
    stack = np.random.default_rng(1).normal(0, 1, (3, 32, 40))
    plain = spectra_of(stack, weighting="none", exponent=0.0).frames
    found = spectra_of(stack, weighting="none", exponent=exponent)
    clear = np.abs(plain) > 1e-3 * np.abs(plain).max()
    # Both frames of a pair are divided, so the product is divided by |F G*| to the exponent.
    np.testing.assert_allclose(
        np.abs(found.frames[clear]), np.abs(plain[clear]) ** (1 - exponent), rtol=1e-3
    )
    assert found.weight()[0, 0] == 0


def test_weights_multiply(spectra_of):
    stack = np.random.default_rng(1).normal(0, 1, (3, 32, 40))
    both = spectra_of(
        stack, weighting="hann", band=0.4, exponent=0.0, butterworth=0.1, butterworth_order=3
    )
    expected = taper_weight((32, 40), "hann", 0.4) * butterworth((32, 40), 0.1, 3)
    expected[0, 0] = 0
    np.testing.assert_allclose(both.weight(), expected, atol=1e-6)


def test_signal_is_seen_better_in_the_aligned_series(spectra_of, particle_series):
    """Against the spectrum of noise-free frames: no further off than the estimate before."""
    spectra = spectra_of(particle_series.stack)
    truth = particle_series.truth
    clean = spectra_of(np.array([truth.dose * truth.noise_free(i) for i in range(12)]))
    true = (np.abs(clean.frames[:, 0]) ** 2).mean(0)
    better = spectra.with_signal_from(truth.shifts)
    strong = true > spectra.noise

    def error(signal):
        return np.abs(np.log((signal + 0.01 * spectra.noise) / (true + 0.01 * spectra.noise)))

    assert error(better.signal)[strong].mean() < error(spectra.signal)[strong].mean() + 0.02
    np.testing.assert_array_equal(better.noise, spectra.noise)
    # A fixed weight needs no signal.
    fixed = spectra_of(particle_series.stack, weighting="none", exponent=0)
    assert fixed.with_signal_from(truth.shifts) is fixed


@pytest.mark.parametrize("shape", [(96, 80), (61, 67)])
def test_variance_of_white_noise(shape):
    rng = np.random.default_rng(5)
    y, x = np.mgrid[: shape[0], : shape[1]]
    scene = 30 * np.exp(-((y - 30) ** 2 + (x - 30) ** 2) / 100.0)
    stack = (scene + rng.normal(100, 3, (40, *shape))).astype(np.float32)
    found = white_noise_variance(lambda index: stack[index], np.arange(40), shape)
    assert found == pytest.approx(9, rel=0.03)
