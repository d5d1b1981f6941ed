"""Figures of spectra and of row jumps."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.plotting import plot_instability, plot_row_jumps
from hyperspy_smartalign.quality.instability import InstabilitySpectrum, instability_spectrum


@pytest.fixture(scope="module")
def spectrum() -> InstabilitySpectrum:
    rng = np.random.default_rng(0)
    offsets = rng.normal(scale=0.002, size=(8, 256, 2))
    times = 1e-3 * np.arange(256) + 0.31 * np.arange(8)[:, None]
    offsets[..., 1] += 0.02 * np.sin(2 * np.pi * 100 * times)
    return instability_spectrum(offsets, line_time=1e-3, units="nm")


def texts(ax) -> str:
    return " ".join(text.get_text() for text in ax.texts)


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_curves_floor_marks_and_tones(spectrum, scale) -> None:
    axes = plot_instability(spectrum, scale=scale)
    assert axes.shape == (2,)
    assert axes[0].get_yscale() == scale
    assert axes[1].get_ylabel() == "along x (pm²/Hz)"
    curve, floor = axes[1].lines[:2]
    shown = np.asarray(curve.get_ydata())
    expected = spectrum.density[1, 1:] * 1e6
    np.testing.assert_allclose(shown[expected > shown.min()], expected[expected > shown.min()])
    np.testing.assert_allclose(floor.get_ydata(), spectrum.noise[1, 1:] * 1e6)
    assert floor.get_linestyle() == "--"
    assert "100 Hz" in texts(axes[1])
    assert "100 Hz" not in texts(axes[0])
    assert {"50", "60", "100", "120"} <= {text.get_text() for text in axes[0].texts}


def test_motion_that_is_all_noise_or_none_can_be_drawn() -> None:
    still = instability_spectrum(np.zeros((2, 64, 2)), line_time=1e-3)
    plot_instability(still)
    one = instability_spectrum(np.random.default_rng(0).normal(size=(1, 64, 2)), line_time=1e-3)
    assert "1 frame," in plot_instability(one)[0].get_title()


def test_given_axes_and_wrong_words(spectrum) -> None:
    figure, given = plt.subplots(1, 2)
    assert plot_instability(spectrum, axes=given)[0] is given[0]
    with pytest.raises(ValueError, match="'linear'"):
        plot_instability(spectrum, scale="semilog")
    with pytest.raises(ValueError, match="not both"):
        plot_instability(spectrum, fig=figure, axes=given)


@pytest.mark.parametrize("shape", [(40, 48), (200, 30)])
@pytest.mark.parametrize("axis", [0, 1])
def test_row_jumps(shape, axis) -> None:
    image = np.random.default_rng(0).normal(size=shape)
    path = np.linspace(-2, 2, shape[axis])
    errors = np.full(len(path), 0.1)
    errors[0] = np.inf
    axes = plot_row_jumps(image, image + 1, path, errors=errors, axis=axis)
    shown = [np.asarray(ax.images[0].get_array()) for ax in axes[:2]]
    lying = shape[axis] > 2.5 * shape[1 - axis]
    wanted = image.T if (axis == 0) == lying else image
    np.testing.assert_array_equal(shown[0], wanted)
    np.testing.assert_array_equal(shown[1], wanted + 1)
    line = axes[2].lines[-1]
    np.testing.assert_array_equal(line.get_ydata() if lying else line.get_xdata(), path)


def test_row_jumps_that_do_not_fit() -> None:
    image = np.zeros((20, 30))
    with pytest.raises(ValueError, match="one shape"):
        plot_row_jumps(image, image[1:], np.zeros(20))
    with pytest.raises(ValueError, match="20 scan lines"):
        plot_row_jumps(image, image, np.zeros(30))
