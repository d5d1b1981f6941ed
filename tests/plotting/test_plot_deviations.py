"""Deviations from a lattice: nothing is hidden, and what is left out is told."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.offsetbox import AnchoredOffsetbox
from matplotlib.patches import StepPatch
from matplotlib.quiver import Quiver

from hyperspy_smartalign.plotting.deviations import plot_deviations

pytestmark = pytest.mark.filterwarnings("error")

SHAPE = (200, 260)
PLACES = np.stack(np.mgrid[5:200:10, 5:260:10], axis=-1).reshape(-1, 2).astype(np.float64)
ERRORS = np.full(PLACES.shape, 0.1)


def deviations(size: float) -> np.ndarray:
    """Normal, with so many standard errors."""
    return np.random.default_rng(0).normal(0, size * 0.1, PLACES.shape)


def labels(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def counts(ax) -> dict[str, np.ndarray]:
    """(bins,) of the deviations along y and x."""
    steps = {
        patch.get_label(): patch.get_xy() for patch in ax.patches if patch.get_label()[0] == "a"
    }
    # The outline of a histogram has two corners a bar, between two on the axis.
    return {name: corners[1:-1:2, 1] for name, corners in steps.items()}


def test_large_deviations_widen_the_histogram() -> None:
    # Ten standard errors, as on real images.
    _, right = plot_deviations(PLACES, deviations(10), errors=ERRORS, shape=SHAPE)
    low, high = right.get_xlim()
    assert -low == high > 20
    for bars in counts(right).values():
        inner = bars[1:-1]
        assert max(bars[0], bars[-1]) < 0.3 * inner.max()
        assert 0.98 * len(PLACES) <= bars.sum() <= len(PLACES)


def test_what_lies_beyond_is_told() -> None:
    off = deviations(1)
    off[:4] = 30.0
    _, right = plot_deviations(PLACES, off, errors=ERRORS, shape=SHAPE)
    high = right.get_xlim()[1]
    # 4 of 520 positions do not squeeze the others into one bin.
    assert 4 < high < 10
    assert sum(bars.sum() for bars in counts(right).values()) == off.size - 8
    assert f"{100 * 8 / off.size:.2g} % lie beyond" in labels(right)
    _, right = plot_deviations(PLACES, deviations(1), errors=ERRORS, shape=SHAPE)
    assert not any("beyond" in label for label in labels(right))


def test_errors_alone_are_counts_of_the_same_bars() -> None:
    _, right = plot_deviations(PLACES, deviations(1), errors=ERRORS, shape=SHAPE)
    (alone,) = (patch for patch in right.patches if isinstance(patch, StepPatch))
    expected, edges, _ = alone.get_data()
    assert expected.sum() == pytest.approx(len(PLACES), rel=1e-4)
    assert (edges[0], edges[-1]) == right.get_xlim()
    # Poisson: five standard deviations, and a few for empty bars.
    for bars in counts(right).values():
        assert (np.abs(bars - expected) < 5 * np.sqrt(expected) + 3).all()
    assert alone.get_label() == "errors alone"
    assert right.get_ylim()[1] > expected.max()


def test_errors_alone_do_not_flatten_the_bars() -> None:
    _, right = plot_deviations(PLACES, deviations(20), errors=ERRORS, shape=SHAPE)
    (alone,) = (patch for patch in right.patches if isinstance(patch, StepPatch))
    highest = max(bars.max() for bars in counts(right).values())
    assert right.get_ylim()[1] <= 2.5 * highest
    assert f"errors alone, up to {alone.get_data().values.max():.0f}" in labels(right)


def test_without_errors_all_deviations_are_shown() -> None:
    off = deviations(1)
    off[0] = 30.0
    _, right = plot_deviations(PLACES, off, shape=SHAPE)
    assert sum(bars.sum() for bars in counts(right).values()) == off.size
    assert right.get_xlabel() == "deviation (px)"


@pytest.mark.parametrize(("scale", "units"), [((1.0, 1.0), "px"), ((0.02, 0.02), "nm")])
def test_the_scale_bar_is_off_the_map(scale, units) -> None:
    left, _ = plot_deviations(
        PLACES, deviations(10), errors=ERRORS, shape=SHAPE, scale=scale, units=units
    )
    figure = left.figure
    figure.canvas.draw()
    (bar,) = (artist for artist in left.artists if isinstance(artist, AnchoredOffsetbox))
    box = bar.get_window_extent()
    assert box.y1 <= left.get_window_extent().y0
    # And still in the figure.
    assert box.y0 >= 0
    # A third of 260 px, rounded.
    (rule,) = bar.findobj(lambda artist: type(artist).__name__ == "Rectangle" and artist.axes)
    assert rule.get_width() == pytest.approx(50)


def test_every_position_is_a_dot_with_a_dark_edge() -> None:
    # A perfect lattice has arrows that nobody sees.
    left, _ = plot_deviations(PLACES, np.zeros(PLACES.shape), errors=ERRORS, shape=SHAPE)
    (dots,) = (one for one in left.collections if isinstance(one, PathCollection))
    (arrows,) = (one for one in left.collections if isinstance(one, Quiver))
    np.testing.assert_array_equal(dots.get_offsets(), PLACES[:, ::-1])
    assert dots.get_zorder() > arrows.get_zorder()
    assert max(to_rgb(dots.get_edgecolor()[0])) < 0.3
    few, _ = plot_deviations(PLACES[::16], deviations(1)[::16], shape=SHAPE)
    (larger,) = (one for one in few.collections if isinstance(one, PathCollection))
    assert larger.get_sizes()[0] > dots.get_sizes()[0]
    assert arrows.get_clim() == dots.get_clim()
    plt.close("all")
