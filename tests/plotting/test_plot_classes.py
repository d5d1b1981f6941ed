"""Classes of tiles: every class can be seen on the map."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hyperspy_smartalign.plotting.classes import plot_classes

pytestmark = pytest.mark.filterwarnings("error")

SHAPE = (200, 260)
PLACES = np.stack(np.mgrid[5:200:10, 5:260:10], axis=-1).reshape(-1, 2).astype(np.float64)
# The rarest has the lowest number here.
LABELS = np.where(np.arange(len(PLACES)) < 12, 0, np.where(np.arange(len(PLACES)) < 150, 1, 2))
MEANS = np.random.default_rng(0).normal(size=(3, 9, 9))


def markers(ax):
    return {int(line.get_label().split()[1]): line for line in ax.lines}


def test_rare_classes_lie_on_top_and_are_larger() -> None:
    ax = plot_classes(MEANS, LABELS, PLACES, shape=SHAPE)[-1]
    drawn = markers(ax)
    # Lines of one zorder are drawn as they were added.
    assert [line.get_label() for line in ax.lines] == ["class 2", "class 1", "class 0"]
    assert len({line.get_zorder() for line in ax.lines}) == 1
    sizes = [drawn[k].get_markersize() for k in (0, 1, 2)]
    assert sizes[0] > sizes[1] > sizes[2]
    for k, line in drawn.items():
        np.testing.assert_array_equal(np.transpose(line.get_data()), PLACES[k == LABELS][:, ::-1])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["class 0", "class 1", "class 2"]


def test_markers_are_seen_on_white() -> None:
    ax = plot_classes(MEANS, LABELS, PLACES, shape=SHAPE)[-1]
    for line in ax.lines:
        assert max(to_rgb(line.get_markeredgecolor())) < 0.3
        assert line.get_markersize() - 2 * line.get_markeredgewidth() > 2


def test_markers_are_as_large_as_their_number_allows() -> None:
    sizes = []
    for step in (1, 4, 16):
        ax = plot_classes(MEANS, LABELS[::step], PLACES[::step], shape=SHAPE)[-1]
        ax.figure.canvas.draw()
        sizes.append(markers(ax)[2].get_markersize())
        # Points of a pixel of the frame; those of a square grid do not overlap.
        point = ax.get_window_extent().width / SHAPE[1] * 72 / ax.figure.dpi
        assert sizes[-1] < 10 * np.sqrt(step) * point
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[1]
