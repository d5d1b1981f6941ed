"""The figure of the demonstration."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from hyperspy_smartalign.plotting import plot_summary

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def images() -> dict:
    rng = np.random.default_rng(0)
    return {"frame": rng.poisson(2.0, (48, 64)), "before": rng.random((48, 64))}


def test_images_and_halves(make_alignment, make_pairs, images) -> None:
    alignment = make_alignment(excluded=np.arange(7) == 5)
    pairs = make_pairs(alignment)
    canvas = alignment.canvas
    after = np.random.default_rng(1).random(canvas.shape)
    axes = plot_summary(alignment, pairs, after=after, title="a title", **images)
    assert set(axes) == {"frame", "before", "after", "y", "x", "drift"}
    np.testing.assert_array_equal(
        axes["frame"].images[0].get_array(), images["frame"][canvas.slices]
    )
    np.testing.assert_allclose(
        axes["before"].images[0].get_array(), images["before"][canvas.slices]
    )
    np.testing.assert_allclose(axes["after"].images[0].get_array(), after)
    assert axes["before"].images[0].get_clim() == axes["after"].images[0].get_clim()
    assert axes["after"].get_title() == "average of 6 frames, aligned"
    matrix = np.ma.filled(axes["y"].images[-1].get_array(), np.nan)
    # Measured exactly in y: both halves are the later minus the earlier frame.
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    assert matrix[6, 0] == pytest.approx(alignment.shifts[6, 0] - alignment.shifts[0, 0])
    assert np.isnan(matrix[5]).all()
    assert plt.gcf().get_suptitle() == "a title"
    assert len(axes["drift"].collections[-1].get_offsets()) == 6
    assert "px/frame" in axes["drift"].get_title()


def test_hops_show_below_the_diagonal_only(make_alignment, make_pairs, images) -> None:
    alignment = make_alignment()
    pairs = make_pairs(alignment)
    axes = plot_summary(alignment, pairs, after=np.ones(alignment.canvas.shape), **images)
    matrix = np.ma.filled(axes["x"].images[-1].get_array(), np.nan)
    i, j = pairs.indices.T
    np.testing.assert_allclose(matrix[i, j], alignment.shifts[j, 1] - alignment.shifts[i, 1])
    np.testing.assert_allclose(matrix[j, i], -pairs.shifts[:, 1])
    assert np.abs(matrix[i, j]).max() < 2 < np.abs(matrix[j, i]).max()


def test_without_pairs_and_in_a_given_figure(make_alignment, images) -> None:
    alignment = make_alignment(frame_scale=(0.1, 0.1), frame_units=("nm", "nm"))
    fig = Figure(layout="constrained", figsize=(10, 8))
    after = np.ones(alignment.canvas.shape)
    axes = plot_summary(alignment, after=after, fig=fig, **images)
    assert not plt.get_fignums()
    assert np.isnan(np.ma.filled(axes["y"].images[-1].get_array(), np.nan)[0]).all()
    assert axes["y"].get_title() == "y shift between frames"
    fig.canvas.draw()
