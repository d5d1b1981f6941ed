"""The matrices that are drawn are those of the numbers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from hyperspy_smartalign.plotting import plot_shifts

pytestmark = pytest.mark.filterwarnings("error")


def drawn(ax) -> np.ndarray:
    """The matrix on top, NaN where it is masked."""
    return np.ma.filled(ax.images[-1].get_array(), np.nan)


def below(matrix: np.ndarray) -> np.ndarray:
    return np.where(np.tri(len(matrix), k=-1, dtype=bool), matrix, np.nan)


def test_matrices_hold_the_shifts(make_alignment, make_pairs) -> None:
    alignment = make_alignment()
    pairs = make_pairs(alignment)
    axes = plot_shifts(alignment, pairs)
    assert axes.shape == (2, 3)
    for k in range(2):
        solved = np.subtract.outer(alignment.shifts[:, k], alignment.shifts[:, k])
        np.testing.assert_allclose(drawn(axes[1, k]), below(solved))
        # pairs hold shift[i] - shift[j] for i < j, the lower triangle the later minus the earlier.
        raw = np.full((7, 7), np.nan)
        raw[pairs.indices[:, 1], pairs.indices[:, 0]] = -pairs.shifts[:, k]
        np.testing.assert_allclose(drawn(axes[0, k]), raw)
        limit = np.abs(solved).max()
        for ax in axes[:, k]:
            assert ax.images[-1].get_clim() == pytest.approx((-limit, limit))
    similarity = np.full((7, 7), np.nan)
    similarity[pairs.indices[:, 1], pairs.indices[:, 0]] = pairs.similarity
    np.testing.assert_allclose(drawn(axes[0, 2]), similarity)
    verdict = np.full((7, 7), np.nan)
    verdict[pairs.indices[:, 1], pairs.indices[:, 0]] = pairs.accepted
    np.testing.assert_array_equal(drawn(axes[1, 2]), verdict)
    assert axes[1, 2].get_title() == f"{pairs.accepted.sum()} of 21 pairs accepted"


def test_rejected_pairs_are_crossed_out(make_alignment, make_pairs) -> None:
    alignment = make_alignment()
    pairs = make_pairs(alignment)
    axes = plot_shifts(alignment, pairs)
    (crosses,) = axes[0, 1].lines
    rejected = pairs.indices[~pairs.accepted]
    np.testing.assert_array_equal(
        np.c_[crosses.get_ydata(), crosses.get_xdata()], rejected[:, ::-1]
    )
    assert not axes[1, 1].lines
    # Raw x shifts are 16 px off, the solution moves by 1.5 px: the bar says that colours end.
    bars = [ax for ax in axes[0, 0].figure.axes if ax.get_ylabel() == "px"]
    assert [bar._colorbar.extend for bar in bars].count("both") == 1


def test_the_full_matrix_shows_pairs_twice(make_alignment, make_pairs) -> None:
    alignment = make_alignment(5)
    axes = plot_shifts(alignment, make_pairs(alignment), triangle="full")
    raw = drawn(axes[0, 0])
    np.testing.assert_allclose(raw, -raw.T)
    assert np.isnan(np.diag(raw)).all()
    assert np.diag(drawn(axes[1, 0])).tolist() == [0] * 5


def test_excluded_frames_are_grey_and_named(make_alignment, make_pairs) -> None:
    excluded = np.arange(7) == 3
    alignment = make_alignment(excluded=excluded)
    axes = plot_shifts(alignment, make_pairs(alignment))
    for ax in axes.ravel():
        under = np.ma.filled(ax.images[0].get_array(), np.nan)
        assert under[3, :3].tolist() == [1] * 3
        assert under[4:, 3].tolist() == [1] * 3
        assert under[5, 4] == 0
        assert np.isnan(under[2, 5])
        assert np.isnan(drawn(ax)[3]).all()
        assert ax.get_xticks(minor=True).tolist() == [3]
    (legend,) = axes[0, 0].figure.legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["excluded frame 3", "rejected pair"]


def test_sparse_pairs_and_many_frames(make_alignment, make_pairs) -> None:
    alignment = make_alignment(300)
    pairs = make_pairs(alignment, reach=4)
    axes = plot_shifts(alignment, pairs)
    assert drawn(axes[0, 0]).shape == (100, 100)
    assert axes[0, 0].get_xlim() == (-0.5, 299.5)
    assert not axes[0, 0].lines
    words = [text.get_text() for text in axes[0, 0].figure.legends[0].get_texts()]
    assert words == ["not measured"]


def test_without_pairs_only_the_solution_is_shown(make_alignment) -> None:
    axes = plot_shifts(make_alignment())
    assert axes.shape == (1, 2)
    assert [ax.get_title() for ax in axes[0]] == ["y shift, corrected", "x shift, corrected"]


def test_one_row_of_two(make_alignment, make_pairs) -> None:
    alignment = make_alignment()
    pairs = make_pairs(alignment)
    assert plot_shifts(alignment, pairs, corrected=False).shape == (1, 3)
    axes = plot_shifts(alignment, pairs, raw=False)
    assert [ax.get_title()[:7] for ax in axes[0]] == ["y shift", "x shift", "17 of 2"]


def test_bars_have_physical_units(make_alignment) -> None:
    alignment = make_alignment(frame_scale=(0.002, -0.5), frame_units=("nm", "µm"))
    axes = plot_shifts(alignment)
    bars = [ax for ax in axes[0, 0].figure.axes if ax.get_ylabel() == "px"]
    sides = [bar.child_axes[-1] for bar in bars]
    assert [side.get_ylabel() for side in sides] == ["pm", "µm"]
    axes[0, 0].figure.canvas.draw()
    limits = [np.subtract.outer(s, s).max() for s in alignment.shifts.T]
    assert sides[0].get_ylim() == pytest.approx((-2 * limits[0], 2 * limits[0]))
    assert sides[1].get_ylim() == pytest.approx((-0.5 * limits[1], 0.5 * limits[1]))
    uncalibrated = plot_shifts(make_alignment())
    bars = [ax for ax in uncalibrated[0, 0].figure.axes if ax.get_ylabel() == "px"]
    assert not any(
        child.get_ylabel() for bar in bars for child in bar.child_axes if child.get_visible()
    )


@pytest.mark.parametrize("n", [1, 2])
def test_frames_that_did_not_move(make_alignment, make_pairs, n) -> None:
    alignment = make_alignment(n)
    still = type(alignment).from_shifts(np.zeros((n, 2)), frame_shape=(9, 9))
    axes = plot_shifts(still, make_pairs(still) if n > 1 else None)
    assert axes[0, 0].images[-1].get_clim() == (-1.0, 1.0)


def test_given_figures_and_axes_are_used(make_alignment, make_pairs) -> None:
    alignment = make_alignment(excluded=np.arange(7) == 2)
    pairs = make_pairs(alignment)
    fig = Figure(layout="constrained")
    assert plot_shifts(alignment, pairs, fig=fig)[0, 0].figure is fig
    assert not plt.get_fignums()
    own, given = plt.subplots(2, 3)
    axes = plot_shifts(alignment, pairs, axes=given)
    np.testing.assert_array_equal(axes, given)
    assert not own.legends
    part = plt.figure(layout="constrained").subfigures(1, 2)[1]
    assert plot_shifts(alignment, pairs, fig=part)[0, 0].figure is part


def test_what_cannot_be_plotted_is_refused(make_alignment, make_pairs) -> None:
    alignment = make_alignment()
    pairs = make_pairs(alignment)
    with pytest.raises(ValueError, match="raw=True needs"):
        plot_shifts(alignment, raw=True)
    with pytest.raises(ValueError, match="nothing to plot"):
        plot_shifts(alignment, pairs, raw=False, corrected=False)
    with pytest.raises(ValueError, match="'lower' or 'full'"):
        plot_shifts(alignment, pairs, triangle="upper")
    with pytest.raises(ValueError, match="frame 6, the alignment has 4"):
        plot_shifts(make_alignment(4), pairs)
    fig, axes = plt.subplots(1, 2)
    with pytest.raises(ValueError, match="2 axes were given, but 6 are needed"):
        plot_shifts(alignment, pairs, axes=axes)
    with pytest.raises(ValueError, match="not both"):
        plot_shifts(alignment, axes=axes, fig=fig)
