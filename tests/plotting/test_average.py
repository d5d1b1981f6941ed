"""Averages side by side: the same field, the same greys, spectra with the right frequencies."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.offsetbox import AnchoredOffsetbox, AuxTransformBox

from hyperspy_smartalign.plotting import plot_average
from hyperspy_smartalign.plotting.average import same_field
from hyperspy_smartalign.plotting.image import grey_limits, power_spectrum

pytestmark = pytest.mark.filterwarnings("error")


def waves(shape, *, periods, seed=0) -> np.ndarray:
    """A plane wave with this many periods along y and x, and a little noise."""
    y, x = np.indices(shape)
    phase = 2 * np.pi * (periods[0] * y / shape[0] + periods[1] * x / shape[1])
    noise = np.random.default_rng(seed).normal(0, 0.05, shape)
    return (np.cos(phase) + noise).astype(np.float32)


def test_both_show_the_field_of_the_canvas() -> None:
    before = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    first, second = same_field(before, before[3:15, 4:20], origin=(3, 4))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (12, 16)
    # A canvas larger than the frame: what both have is the frame.
    expanded = np.pad(before, ((2, 3), (5, 1)), constant_values=np.nan)
    first, second = same_field(before, expanded, origin=(-2, -5))
    np.testing.assert_array_equal(first, before)
    np.testing.assert_array_equal(second, before)


def test_images_and_limits() -> None:
    before, after = waves((40, 60), periods=(5, 0)), 3 * waves((36, 50), periods=(5, 0))
    axes = plot_average(before, after, origin=(2, 4))
    np.testing.assert_array_equal(axes[0, 0].images[0].get_array(), before[2:38, 4:54])
    np.testing.assert_array_equal(axes[0, 1].images[0].get_array(), after)
    for row in axes:
        assert row[0].images[0].get_clim() == row[1].images[0].get_clim()
        assert row[0].get_xlim() == row[1].get_xlim()
    low, high = axes[0, 0].images[0].get_clim()
    # Noise of 0.15 on an amplitude of 3; two pixels in 1,000 saturate.
    assert low == pytest.approx(-3.3, abs=0.2)
    assert high == pytest.approx(3.3, abs=0.2)


def test_frequencies_are_calibrated() -> None:
    shape, scale = (45, 64), (0.05, 0.1)
    image = waves(shape, periods=(9, -8))
    spectrum = power_spectrum(image, scale=scale, units=("nm", "nm"))
    row, column = np.unravel_index(spectrum.log_power.argmax(), shape)
    left, right, bottom, top = spectrum.extent
    y = top + (row + 0.5) * spectrum.step[0]
    x = left + (column + 0.5) * spectrum.step[1]
    # 9 periods over 45 * 0.05 nm, 8 over 64 * 0.1 nm, of either sign.
    assert abs(y) == pytest.approx(4.0)
    assert abs(x) == pytest.approx(1.25)
    assert y * x < 0
    assert (bottom - top, right - left) == (pytest.approx(20.0), pytest.approx(10.0))
    assert spectrum.units == ("1/nm", "1/nm")
    # Zero frequency is at the centre of its pixel, whether the size is even or odd.
    for extent, step in ((-top, spectrum.step[0]), (-left, spectrum.step[1])):
        assert (extent / step - 0.5) % 1 == pytest.approx(0, abs=1e-9)


def test_a_spectrum_ends_behind_its_last_peak() -> None:
    image = waves((128, 128), periods=(12, 20))
    spectrum = power_spectrum(image, scale=(1.0, 1.0), units=("px", "px"))
    # 20 periods in 128 px; the Hann window widens a peak by a pixel.
    assert spectrum.signal_frequency == pytest.approx(20 / 128, abs=2.5 / 128)
    axes = plot_average(image, image)
    assert axes[1, 1].get_xlim()[1] == pytest.approx(1.25 * spectrum.signal_frequency)
    assert axes[1, 0].get_xlabel() == "$k_x$ (1/px)"
    assert plot_average(image, image, max_frequency=0.3)[1, 0].get_ylim() == (0.3, -0.3)


def test_noise_has_no_last_peak() -> None:
    noise = np.random.default_rng(2).normal(size=(64, 48))
    spectrum = power_spectrum(noise, scale=(1.0, 1.0), units=("px", "px"))
    assert spectrum.signal_frequency == 0.0
    assert plot_average(noise, noise)[1, 0].get_xlim() == (-0.5 - 0.5 / 48, 0.5 - 0.5 / 48)


@pytest.mark.parametrize(
    "image",
    [
        np.full((16, 20), 7, np.uint16),
        np.full((16, 20), np.nan, np.float32),
        np.where(np.eye(16) > 0, np.nan, 1.0),
        np.arange(35, dtype=">i2").reshape(5, 7),
        np.ones((1, 1)),
        np.ones((3, 400), bool),
    ],
)
def test_odd_images_are_plotted(image) -> None:
    image.flags.writeable = False
    axes = plot_average(image, image)
    assert np.isfinite(axes[1, 0].images[0].get_array()).all()


def test_the_scale_bar_has_its_length() -> None:
    image = waves((60, 90), periods=(5, 5))
    axes = plot_average(image, image, scale=(0.1, -0.1), units=("nm", "nm"))
    (box,) = (a for a in axes[0, 0].artists if isinstance(a, AnchoredOffsetbox))
    text, bar = box.get_child().get_children()
    assert text.get_text() == "2 nm"
    assert isinstance(bar, AuxTransformBox)
    # 2 nm are 20 of 90 pixels; 9 nm / 3 would be too long for 5.
    assert bar.get_children()[0].get_width() == pytest.approx(20)


def test_pixels_that_are_not_square() -> None:
    image = waves((60, 90), periods=(5, 5))
    axes = plot_average(image, image, scale=(0.2, 0.1), units=("nm", "nm"))
    assert axes[0, 0].get_aspect() == pytest.approx(2.0)
    # Without units a scale means nothing.
    axes = plot_average(image, image, scale=(0.2, 0.1), units=("px", "px"))
    assert axes[0, 0].get_aspect() == pytest.approx(1.0)


def test_limits_of_nothing() -> None:
    assert grey_limits(np.full((2, 2), np.nan)) == (0.0, 1.0)
    assert grey_limits(np.full((2, 2), 4.0)) == (3.5, 4.5)


def test_what_does_not_fit_is_refused() -> None:
    image = np.ones((10, 12))
    with pytest.raises(ValueError, match="no pixel in common"):
        plot_average(image, image, origin=(10, 0))
    with pytest.raises(ValueError, match=r"after must be a real image .* \(2, 10, 12\)"):
        plot_average(image, np.ones((2, 10, 12)))
    with pytest.raises(ValueError, match="before must be a real image"):
        plot_average(image.astype(complex), image)
    _, axes = plt.subplots(2, 2)
    np.testing.assert_array_equal(plot_average(image, image, axes=axes), axes)
