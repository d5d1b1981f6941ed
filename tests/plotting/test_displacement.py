"""Displacement of a frame: the right values, the right way up, on the right scale."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.quiver import Quiver, QuiverKey

from hyperspy_smartalign.plotting import plot_displacement
from hyperspy_smartalign.transforms import Affine, Alignment, Canvas, ScanLine, Translation

pytestmark = pytest.mark.filterwarnings("error")

SHAPE = (40, 60)
CANVAS = Canvas(4, 6, 30, 50)
OFFSETS = np.random.default_rng(0).normal((7.0, -3.0), 0.5, (40, 2))


def make(*transforms, **fields) -> Alignment:
    given = transforms or (ScanLine(OFFSETS),)
    fields.setdefault("canvas", CANVAS)
    return Alignment(given, (len(given),), SHAPE, **fields)


def arrows_of(ax) -> Quiver:
    (drawn,) = (child for child in ax.collections if isinstance(child, Quiver))
    return drawn


def test_maps_are_the_displacement_without_its_mean() -> None:
    axes = plot_displacement(make(), 0)
    lines = OFFSETS[4:34]
    for k, ax in enumerate(axes[:2]):
        shown = ax.images[0].get_array()
        assert shown.shape == (30, 50)
        expected = lines[:, k] - lines[:, k].mean()
        np.testing.assert_allclose(shown, np.tile(expected[:, None], 50), atol=1e-12)
        # Ticks count pixels of the common frame, y downwards.
        assert ax.images[0].get_extent() == [5.5, 55.5, 33.5, 3.5]
    kept = plot_displacement(make(), 0, mean_shift=True)
    np.testing.assert_allclose(kept[0].images[0].get_array()[:, 7], lines[:, 0])
    rms = np.sqrt(np.mean((lines[:, 1] - lines[:, 1].mean()) ** 2))
    assert f"{rms:#.2g} px rms" in axes[1].get_title()


def test_colours_are_shared_and_symmetric() -> None:
    axes = plot_displacement(make(), 0)
    lines = OFFSETS[4:34] - OFFSETS[4:34].mean(axis=0)
    largest = np.abs(lines).max()
    for ax in axes[:2]:
        assert ax.images[0].get_clim() == (pytest.approx(-largest), pytest.approx(largest))
    axes = plot_displacement(make(), 0, limit=0.2)
    assert axes[0].images[0].get_clim() == (-0.2, 0.2)
    assert axes[0].images[0].colorbar is None
    assert axes[1].images[0].colorbar.extend == "both"


def test_physical_units_on_the_bar() -> None:
    def labels(**fields) -> list[str]:
        axes = plot_displacement(make(**fields), 0)
        bar = axes[1].images[0].colorbar.ax
        return [bar.get_ylabel(), *(child.get_ylabel() for child in bar.child_axes)]

    assert labels() == ["px"]
    assert labels(frame_scale=(0.02, -0.02), frame_units=("nm", "nm")) == ["px", "pm"]
    # One bar cannot have two scales.
    assert labels(frame_scale=(0.02, 0.04), frame_units=("nm", "nm")) == ["px"]


def test_arrows_point_to_where_the_frame_has_it() -> None:
    # Content moves out from the middle of the canvas, twice as far along x.
    middle = (4 + 14.5, 6 + 24.5)
    alignment = make(Affine([[1.01, 0], [0, 1.02]], centre=middle, shift=(1, 1)))
    drawn = arrows_of(plot_displacement(alignment, 0, arrows=10)[2])
    tails = np.array(drawn.XY)
    np.testing.assert_allclose(drawn.U, 0.02 * (tails[:, 0] - 24.5), atol=1e-9)
    np.testing.assert_allclose(drawn.V, 0.01 * (tails[:, 1] - 14.5), atol=1e-9)
    # In data coordinates, y downwards as in the image.
    assert drawn.angles == drawn.scale_units == "xy"
    assert plt.gcf().axes[2].yaxis_inverted()
    # Not longer than the distance to the next arrow, or a little more.
    longest = np.hypot(drawn.U, drawn.V).max() / drawn.scale
    assert longest == pytest.approx(1.2 * 5.0)
    assert len(tails) == 10 * 6


def test_the_key_is_an_arrow_of_round_length() -> None:
    axes = plot_displacement(make(Affine([[1, 0], [0, 1.02]], centre=(18.5, 30.5))), 0)
    (key,) = (child for child in axes[2].get_children() if isinstance(child, QuiverKey))
    # Arrows stand a little inside: the longest is 0.02 * 23.4 px.
    assert key.label == "0.2 px"
    assert key.U == 0.2


def test_the_average_lies_under_the_arrows() -> None:
    image = np.arange(30 * 50, dtype=">i2").reshape(30, 50)
    image.flags.writeable = False
    axes = plot_displacement(make(), 0, image=image)
    np.testing.assert_array_equal(axes[2].images[0].get_array(), image)
    assert not plot_displacement(make(), 0)[2].images
    for wrong in (np.ones(SHAPE), np.ones((30, 50), complex)):
        with pytest.raises(ValueError, match=r"canvas \(30, 50\)"):
            plot_displacement(make(), 0, image=wrong)


def test_no_displacement() -> None:
    axes = plot_displacement(make(Translation((1 / 3, 1e3))), 0)
    np.testing.assert_array_equal(axes[0].images[0].get_array(), 0)
    assert axes[2].get_title() == "no displacement"
    assert not axes[2].collections


def test_pixels_that_are_not_square() -> None:
    axes = plot_displacement(make(frame_scale=(0.2, 0.1), frame_units=("nm", "nm")), 0)
    assert [ax.get_aspect() for ax in axes] == [2.0, 2.0, 2.0]
    axes = plot_displacement(make(frame_scale=(0.2, 0.1)), 0)
    assert axes[0].get_aspect() == 1.0


@pytest.mark.parametrize("canvas", [Canvas(0, 0, 1, 1), Canvas(2, 2, 1, 37), Canvas(-3, -5, 46, 3)])
def test_odd_canvases(canvas) -> None:
    axes = plot_displacement(make(canvas=canvas), 0)
    plt.gcf().canvas.draw()
    assert axes[0].images[0].get_array().shape == canvas.shape


def test_given_axes_and_nonsense() -> None:
    _, given = plt.subplots(1, 3)
    np.testing.assert_array_equal(plot_displacement(make(), -1, axes=given), given)
    assert given[0].get_title().startswith("frame 0")
    with pytest.raises(IndexError, match="frame 1"):
        plot_displacement(make(), 1)
    with pytest.raises(ValueError, match="arrows=0"):
        plot_displacement(make(), 0, arrows=0)
    for limit in (0.0, -1.0, np.inf):
        with pytest.raises(ValueError, match="limit="):
            plot_displacement(make(), 0, limit=limit)
