"""Sharpness of images whose blur is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, render_image
from hyperspy_smartalign.quality.sharpness import fourier_sharpness, relative_blur

SHAPE = (72, 93)
SHARP = lattice("perovskite", spacing=14.3, angle=10, field=SHAPE, margin=48, width=2.0)


def blurred(y: float = 0.0, x: float | None = None, *, shift=(0.0, 0.0)) -> np.ndarray:
    """Columns blurred by sigma px, exactly: Gaussians stay Gaussians."""
    assert x is None or y == 0
    if x is None:
        widths = np.sqrt(SHARP.widths**2 + y**2)
        heights = SHARP.heights * (SHARP.widths / widths) ** 2
        crystal = replace(SHARP, widths=widths, heights=heights)
        return render_image(crystal, SHAPE, origin=(-shift[0], -shift[1]))
    # Along x only: by the mean of displaced images at the nodes of Gauss-Hermite quadrature.
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    images = [render_image(SHARP, SHAPE, origin=(0, x * node)) for node in nodes]
    return np.tensordot(weights / weights.sum(), images, axes=1)


@pytest.mark.parametrize("sigma", [0.0, 0.4, 1.0, 2.5])
def test_blur_and_shift_are_found(sigma):
    found = relative_blur(3 + 7 * blurred(sigma, shift=(0.7, -1.3)), blurred())
    # Tails cut at 1e-6 of the peak, and what is blurred into the image from beyond its edges.
    np.testing.assert_allclose(found.variance, sigma**2, atol=0.005)
    np.testing.assert_allclose(found.shift, (0.7, -1.3), atol=1e-3)
    assert found.gain == pytest.approx(7, rel=1e-3)
    assert found.offset == pytest.approx(3, abs=0.01)
    np.testing.assert_allclose(found.sigma**2 * np.sign(found.sigma), found.variance)


def test_blur_has_a_direction():
    found = relative_blur(blurred(x=1.2), blurred())
    np.testing.assert_allclose(found.variance, (0, 1.44), atol=0.01)


def test_a_sharper_image_has_a_negative_variance():
    found = relative_blur(blurred(), blurred(1.0))
    np.testing.assert_allclose(found.variance, -1.0, atol=0.1)
    assert (found.sigma < 0).all()


def test_noise_of_counts_adds_no_bias_and_the_error_is_right():
    rng = np.random.default_rng(1)
    truth, image = blurred(), blurred(0.5, shift=(0.3, 0.2))
    found = [relative_blur(rng.poisson(20 * image), truth) for _ in range(80)]
    variance = np.array([blur.variance for blur in found])
    error = np.array([blur.variance_error for blur in found])
    np.testing.assert_array_less(np.abs(variance.mean(0) - 0.25), 4 * variance.std(0) / 80**0.5)
    # 80 values tell their scatter to 8 %. The noise is not quite white: more where it is bright,
    # which is where blur shows.
    np.testing.assert_allclose(variance.std(0) / error.mean(0), 1.1, atol=0.3)


def test_uncovered_pixels_do_not_count():
    image = blurred(1.0)
    image[:, :20] = np.nan
    image[40:45, 50] = np.nan
    np.testing.assert_allclose(relative_blur(image, blurred()).variance, 1.0, atol=0.02)


def test_the_frequency_of_a_wave():
    y, x = np.indices((128, 160))
    wave = np.sin(2 * np.pi * (0.1 * y + 0.05 * x))
    # The window widens a spot by about 1 / (2 n) to each side.
    assert fourier_sharpness(wave).frequency == pytest.approx(np.hypot(0.1, 0.05), rel=0.01)
    assert fourier_sharpness(5 - 3 * wave).frequency == pytest.approx(
        fourier_sharpness(wave).frequency, rel=1e-9
    )


def test_blur_lowers_the_frequency():
    found = [fourier_sharpness(blurred(sigma)).frequency for sigma in (0, 0.5, 1, 2)]
    assert (np.diff(found) < 0).all()


@pytest.mark.parametrize("halves", [True, False])
def test_noise_is_taken_off(halves):
    rng = np.random.default_rng(2)
    true = fourier_sharpness(blurred(), highest=0.25).frequency
    found = []
    for _ in range(60):
        one, two = (rng.poisson(20 * blurred()) for _ in range(2))
        keywords = {"other": two} if halves else {"noise": one.mean()}
        found.append(fourier_sharpness(one, highest=0.25, **keywords))
    values = np.array([sharpness.frequency for sharpness in found])
    error = np.mean([sharpness.error for sharpness in found])
    assert abs(values.mean() - true) < 4 * values.std() / 60**0.5
    assert values.std() < 0.03 * true
    # 60 values tell their scatter to 9 %, and the lattice's few spots are not smooth.
    assert 0.65 < error / values.std() < 1.6
    noisy = fourier_sharpness(one, highest=0.25)
    assert noisy.frequency > true + 5 * values.std()


IMAGE = np.random.default_rng(0).random((32, 40))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fourier_sharpness(IMAGE, IMAGE, noise=1.0), "not both"),
        (lambda: fourier_sharpness(IMAGE, IMAGE[1:]), "crop them alike"),
        (lambda: fourier_sharpness(IMAGE, noise=-1.0), "variance of 0"),
        (lambda: fourier_sharpness(IMAGE, noise=9.0), "above the noise"),
        (lambda: fourier_sharpness(IMAGE, highest=0), "highest is 0"),
        (lambda: fourier_sharpness(IMAGE[:9]), "9 x 40 px"),
        (lambda: fourier_sharpness(np.where(IMAGE > 0.9, np.nan, IMAGE)), "NaN"),
        (lambda: fourier_sharpness(IMAGE * 1j), "complex"),
        (lambda: relative_blur(IMAGE, IMAGE[1:]), "crop them alike"),
        (lambda: relative_blur(IMAGE, IMAGE, margin=15), "leaves too little"),
        (lambda: relative_blur(IMAGE, np.ones_like(IMAGE)), "shows nothing"),
        (lambda: relative_blur(IMAGE, np.tile(IMAGE[0], (32, 1))), "shows nothing"),
        (lambda: relative_blur(np.full((32, 40), np.nan), IMAGE), "no pixel"),
    ],
)
def test_bad_input_is_refused_with_the_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_images_of_different_things_are_refused():
    rng = np.random.default_rng(5)
    with pytest.raises(ValueError, match=r"did not settle|shows nothing"):
        relative_blur(np.zeros((40, 40)), rng.random((40, 40)))
