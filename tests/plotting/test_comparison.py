"""Before and after: the same field, greys and power; detail that was brought is seen."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from hyperspy_smartalign.plotting import plot_comparison

pytestmark = pytest.mark.filterwarnings("error")

KEYS = {f"{side}{part}" for side in ("before", "after") for part in ("", " zoom", " spectrum")}


def wave(shape, period, *, noise=0.05) -> np.ndarray:
    y, x = np.indices(shape)
    rng = np.random.default_rng(0)
    return np.cos(2 * np.pi * (x + 0.3 * y) / period) + rng.normal(0, noise, shape)


def test_both_show_the_same() -> None:
    before, after = wave((90, 120), 12), 2 * wave((80, 100), 12)
    axes = plot_comparison(before, after, origin=(4, 7))
    assert set(axes) == KEYS
    np.testing.assert_array_equal(axes["before"].images[0].get_array(), before[4:84, 7:107])
    np.testing.assert_array_equal(axes["after"].images[0].get_array(), after)
    for part in ("", " zoom", " spectrum"):
        pair = [axes[f"{side}{part}"] for side in ("before", "after")]
        assert pair[0].images[0].get_clim() == pair[1].images[0].get_clim()
        assert pair[0].get_xlim() == pair[1].get_xlim()
        assert pair[0].get_ylim() == pair[1].get_ylim()
    assert axes["after"].images[0].get_clim() == axes["after zoom"].images[0].get_clim()


def test_the_enlarged_part_is_outlined() -> None:
    image = wave((90, 120), 12)
    axes = plot_comparison(image, image, zoom=(10, 40, 20, 45))
    np.testing.assert_array_equal(axes["after zoom"].images[0].get_array(), image[20:45, 10:40])
    (frame,) = axes["before"].patches
    assert frame.get_bbox().bounds == (9.5, 19.5, 30, 25)
    # By default the middle: a quarter of the width, not less than 24 px.
    axes = plot_comparison(image, image)
    np.testing.assert_array_equal(axes["after zoom"].images[0].get_array(), image[30:60, 45:75])
    axes = plot_comparison(image[:, :50], image[:, :50])
    assert axes["after zoom"].images[0].get_array().shape == (24, 24)


def test_added_spots_show() -> None:
    """A fine wave that only the second average has is dark before and bright after."""
    shape = (96, 128)
    before = wave(shape, 16)
    after = before + 0.3 * wave(shape, 5.0)
    axes = plot_comparison(before, after, scale=(0.1, 0.1), units=("nm", "nm"))
    frequency = 2.0  # 1 / (5 px of 0.1 nm), along x
    # The spectra reach a little beyond it, though before has nothing there.
    assert frequency < axes["before spectrum"].get_xlim()[1] < 1.5 * frequency
    assert axes["after spectrum"].get_xlabel() == "$k_x$ (1/nm)"
    levels = []
    for side in ("before", "after"):
        artist = axes[f"{side} spectrum"].images[0]
        left, right, bottom, top = artist.get_extent()
        power = artist.get_array()
        row = int((0.3 * frequency - top) / (bottom - top) * shape[0])
        column = int((frequency - left) / (right - left) * shape[1])
        low, high = artist.get_clim()
        spot = power[row - 1 : row + 2, column - 1 : column + 2].max()
        levels.append((spot - low) / (high - low))
    assert levels[0] < 0.5 < 0.7 < levels[1]


def test_titles_and_a_given_figure() -> None:
    image = wave((40, 50), 8)
    fig = Figure(layout="constrained", figsize=(8, 7))
    axes = plot_comparison(image, image, titles=("rigid", "non-rigid"), fig=fig)
    assert axes["before"].get_title() == "rigid"
    assert all(ax.figure is fig for ax in axes.values())
    fig.canvas.draw()


@pytest.mark.parametrize(
    "image",
    [
        np.full((16, 20), 7, np.uint16),
        np.full((16, 20), np.nan, np.float32),
        np.arange(35, dtype=">i2").reshape(5, 7),
        np.ones((1, 1)),
        np.ones((3, 400), bool),
        np.arange(500.0).reshape(250, 2),
    ],
)
def test_odd_images(image) -> None:
    image.flags.writeable = False
    axes = plot_comparison(image, image)
    assert np.isfinite(axes["after spectrum"].images[0].get_array()).all()


def test_nonsense_is_refused() -> None:
    image = np.ones((10, 12))
    with pytest.raises(ValueError, match="no pixel in common"):
        plot_comparison(image, image, origin=(0, 12))
    for zoom in ((0, 13, 0, 5), (5, 5, 0, 5), (-1, 5, 0, 5), (0, 5, 0, 11)):
        with pytest.raises(ValueError, match="not a part of the field of 10 x 12 px"):
            plot_comparison(image, image, zoom=zoom)
    with pytest.raises(ValueError, match="left, right, top, bottom"):
        plot_comparison(image, image, zoom=(1, 2))
