"""Classes of tiles: columns of two kinds on one lattice."""

from __future__ import annotations

from dataclasses import replace

import hyperspy.api as hs
import matplotlib
import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, render_image

matplotlib.use("Agg")

import matplotlib.pyplot as plt

pytest.importorskip("sklearn")

SIDE = 17
SCALE = 0.02


@pytest.fixture(scope="module")
def alloy():
    """A grain with a second kind of column on a third of the sites, at random."""
    rng = np.random.default_rng(0)
    crystal = lattice("square", spacing=16.3, angle=10, field=(200, 221), margin=40)
    weak = rng.random(len(crystal.positions)) < 1 / 3
    crystal = replace(crystal, heights=np.where(weak, 0.6, 1.0))
    return crystal, weak


@pytest.fixture(scope="module")
def tiles(alloy):
    crystal, _ = alloy
    pixels = np.random.default_rng(1).poisson(20 * render_image(crystal)).astype(np.float32)
    image = hs.signals.Signal2D(pixels)
    for axis in image.axes_manager.signal_axes:
        axis.scale, axis.units = SCALE, "nm"
    middle = crystal.positions[np.argmin(np.linalg.norm(crystal.positions - (100, 110), axis=1))]
    top, left = (int(n) for n in np.rint(middle - (SIDE - 1) / 2))
    roi = (left, left + SIDE, top, top + SIDE)
    return image.template_match(roi, threshold=0.35, show_progressbar=False)


@pytest.fixture(scope="module")
def truth(alloy, tiles):
    """(n,) whether a tile is about a column of the weak kind."""
    crystal, weak = alloy
    table = tiles.smartalign.matches
    away = np.hypot(
        table.y[:, None] - crystal.positions[:, 0], table.x[:, None] - crystal.positions[:, 1]
    )
    assert away.min(axis=1).max() < 3
    return weak[away.argmin(axis=1)]


@pytest.fixture(scope="module")
def classes(tiles):
    return tiles.smartalign.classify()


def test_two_kinds_are_told_apart(classes, truth) -> None:
    assert len(truth) > 120
    assert len(classes) == 2
    # A column of 0.6 has 40 % fewer counts, which 20 counts a pixel tell in nearly every tile.
    assert np.mean(classes.labels == truth) >= 0.95
    np.testing.assert_array_equal(classes.counts, np.bincount(classes.labels))
    assert repr(classes).endswith(f"{classes.counts[0]}, {classes.counts[1]})")


def test_means_are_unmixed_and_calibrated(classes, truth, tiles) -> None:
    means = classes.means
    assert [axis.name for axis in means.axes_manager._axes] == ["class", "y", "x"]
    assert [axis.scale for axis in means.axes_manager.signal_axes] == [SCALE, SCALE]
    assert means.axes_manager.signal_axes[0].units == "nm"
    pure = np.stack([tiles.data[truth == k].mean(axis=0) for k in (0, 1)])
    contrast = np.abs(pure[0] - pure[1]).max()
    # A class with 5 % of the other would be 5 % of the difference off.
    assert np.abs(means.data - pure).max() < 0.05 * contrast
    assert classes.components.data.shape[1:] == tiles.data.shape[1:]
    assert classes.weights.shape == (len(truth), len(classes.components.data))


def test_tiles_of_a_class_are_tiles(classes, tiles) -> None:
    some = classes.tiles(1)
    rows = np.flatnonzero(classes.labels == 1)
    np.testing.assert_array_equal(some.data, tiles.data[rows])
    np.testing.assert_array_equal(some.smartalign.matches.y, tiles.smartalign.matches.y[rows])
    np.testing.assert_allclose(some.smartalign.average().data, classes.means.data[1], rtol=1e-4)
    for label in (-1, 2):
        with pytest.raises(ValueError, match="numbered from 0 to 1"):
            classes.tiles(label)


def test_the_number_can_be_given_and_lazy_is_the_same(classes, tiles) -> None:
    assert len(tiles.smartalign.classify(classes=1)) == 1
    lazy = tiles.as_lazy().smartalign.classify(classes=2, components=3, seed=1)
    assert len(lazy.components.data) == 3
    assert np.mean(lazy.labels == classes.labels) > 0.98
    assert lazy.tiles(0)._lazy


def test_too_few_tiles_and_other_signals(tiles) -> None:
    with pytest.raises(ValueError, match="too few"):
        tiles.smartalign.select_tiles([0, 1, 2]).smartalign.classify(classes=2)
    with pytest.raises(ValueError, match="no matches"):
        hs.signals.Signal2D(np.ones((30, 9, 9))).smartalign.classify()


def test_numbers_that_are_none_are_named(tiles) -> None:
    for name in ("classes", "components"):
        with pytest.raises(TypeError, match=f"^{name} is 'a'; give a whole number"):
            tiles.smartalign.classify(**{name: "a"})
        with pytest.raises(ValueError, match=f"^{name} is 0; give a whole number"):
            tiles.smartalign.classify(**{name: 0})


def test_the_plot_shows_each_class_and_its_places(classes, tiles) -> None:
    axes = classes.plot()
    try:
        assert len(axes) == 3
        for k in (0, 1):
            assert f"{classes.counts[k]} tiles" in axes[k].get_title()
            np.testing.assert_array_equal(axes[k].images[0].get_array(), classes.means.data[k])
        marked = {line.get_label(): len(line.get_xdata()) for line in axes[2].lines}
        assert marked == {"class 0": classes.counts[0], "class 1": classes.counts[1]}
        axes[0].figure.canvas.draw()
    finally:
        plt.close(axes[0].figure)
    with pytest.raises(ValueError, match="No tile comes from frame 3"):
        classes.plot(frame=3)
    plt.close("all")
