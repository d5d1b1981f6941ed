"""Histogram of scores, its threshold, and the motif of each stage."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.motif import ScoreHistogram, score_histogram
from hyperspy_smartalign.plotting import plot_motif_stages, plot_scores
from hyperspy_smartalign.plotting.matches import ACCEPTED

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(0)
SCORES = np.concatenate([RNG.normal(0.45, 0.03, 40), RNG.normal(0.8, 0.02, 100)])


def bars(ax):
    """Counts and edges of all candidates and of the accepted ones."""
    return {patch.get_label(): patch.get_data() for patch in ax.patches if _is_named(patch)}


def _is_named(patch):
    return patch.get_label() in ("accepted", "rejected")


def span(ax):
    """The shaded scores."""
    (patch,) = (patch for patch in ax.patches if not _is_named(patch))
    box = patch.get_extents().transformed(ax.transData.inverted())
    return box.x0, box.x1


def test_counts_colours_and_threshold() -> None:
    ax = plot_scores(SCORES, threshold=0.6)
    every, accepted = bars(ax)["rejected"], bars(ax)["accepted"]
    assert every.values.sum() == 140
    assert accepted.values.sum() == 100
    assert len(every.values) == 64
    np.testing.assert_array_equal(every.edges, accepted.edges)
    assert every.edges[-1] == 1
    assert {line.get_xdata()[0] for line in ax.lines} == {0.6}
    assert span(ax) == pytest.approx((0.6, 1.0))
    (label,) = ax.texts
    assert label.get_text() == "0.6"
    assert label.get_visible()
    assert ax.get_title() == "100 of 140 candidates are matches"
    assert ax.get_xlabel() == "score"
    assert len(ax.figure.legends) == 1


def test_bins_and_range() -> None:
    ax = plot_scores(SCORES, threshold=0.6, bins=10, score_range=(0.7, 0.9))
    every = bars(ax)["rejected"]
    np.testing.assert_allclose(every.edges, np.linspace(0.7, 0.9, 11))
    assert every.values.sum() == np.count_nonzero((SCORES >= 0.7) & (SCORES <= 0.9))
    assert ax.get_xlim() == (0.7, 0.9)
    # The threshold lies beside what is shown, and so does its label.
    assert not ax.texts[0].get_visible()


@pytest.mark.parametrize(
    ("threshold", "keywords"),
    [
        (0.791, {"bins": 20, "score_range": (0.4, 0.9)}),
        (0.8099, {"bins": 3}),
        (0.44, {}),
        (0.4001, {"bins": 5, "score_range": (0.4, 0.9)}),
    ],
)
def test_no_red_is_left_of_the_threshold(threshold, keywords) -> None:
    ax = plot_scores(SCORES, threshold=threshold, **keywords)
    every, accepted = bars(ax)["rejected"], bars(ax)["accepted"]
    assert threshold in every.edges
    left = every.edges[:-1] < threshold
    assert not accepted.values[left].any()
    # Without other rules, all that reach it are red.
    np.testing.assert_array_equal(accepted.values[~left], every.values[~left])
    assert len(every.values) == keywords.get("bins", 64)
    low, high = keywords.get("score_range", (SCORES.min(), 1.0))
    assert every.edges[[0, -1]].tolist() == [low, high]
    inside = (low <= SCORES) & (high >= SCORES)
    assert every.values.sum() == np.count_nonzero(inside)
    assert (np.diff(every.edges) > 0).all()


def test_one_bar_has_no_edge_to_move() -> None:
    ax = plot_scores(SCORES, threshold=0.6, bins=1)
    assert bars(ax)["rejected"].values.tolist() == [140]


def test_the_legend_tells_that_there_are_several_thresholds() -> None:
    for axes in (None, plt.subplots()[1]):
        ax = plot_scores(SCORES, threshold=[0.75, 0.65, 0.7], axes=axes)
        legend = ax.figure.legends[0] if axes is None else ax.get_legend()
        texts = [text.get_text() for text in legend.get_texts()]
        assert texts == ["accepted", "rejected", "lowest and highest of 3 thresholds"]
        # Bars between the two hold both colours, those below the lowest only blue.
        assert {0.65, 0.75} <= set(bars(ax)["rejected"].edges)
    alike = plot_scores(SCORES, threshold=[0.7, 0.7]).figure.legends[0]
    assert [text.get_text() for text in alike.get_texts()] == ["accepted", "rejected"]


def test_thresholds_in_one_bar_keep_the_lowest() -> None:
    ax = plot_scores(SCORES, threshold=[0.66, 0.63], bins=4, score_range=(0.4, 0.9))
    edges = bars(ax)["rejected"].edges
    assert 0.63 in edges
    assert 0.66 not in edges
    assert len(edges) == 5


def test_the_label_stands_where_there_is_room() -> None:
    assert plot_scores(SCORES, threshold=0.5).texts[0].get_horizontalalignment() == "left"
    assert plot_scores(SCORES, threshold=0.9).texts[0].get_horizontalalignment() == "right"


def test_a_threshold_each() -> None:
    accepted = np.arange(140) >= 90
    ax = plot_scores(SCORES, threshold=[0.75, 0.65, 0.7], accepted=accepted)
    assert bars(ax)["accepted"].values.sum() == 50
    assert [line.get_xdata()[0] for line in ax.lines] == [0.65, 0.75]
    assert span(ax) == pytest.approx((0.65, 1.0))
    assert ax.texts[0].get_text() == "0.65 to 0.75"


def test_without_a_threshold_all_are_matches() -> None:
    ax = plot_scores(SCORES)
    assert bars(ax)["accepted"].values.sum() == 140
    assert not any(line.get_visible() for line in ax.lines)
    assert not ax.texts[0].get_visible()
    assert not ax.figure.legends


def test_no_scores_at_all() -> None:
    ax = plot_scores([], threshold=0.5)
    assert ax.get_title() == "0 of 0 candidates are matches"


def test_own_axes_and_title() -> None:
    _, axes = plt.subplots()
    ax = plot_scores(SCORES, threshold=0.6, axes=axes, title="gold")
    assert ax is axes
    assert ax.get_title() == "gold"
    assert ax.get_legend() is not None


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"bins": 0}, "bins=0"),
        ({"score_range": (0.9, 0.2)}, "no histogram"),
        ({"accepted": [True]}, "each of 140 scores"),
    ],
)
def test_what_makes_no_histogram_is_refused(keywords, message) -> None:
    before = plt.get_fignums()
    with pytest.raises(ValueError, match=message):
        plot_scores(SCORES, **keywords)
    assert plt.get_fignums() == before


@dataclass(frozen=True)
class Stage:
    motif: np.ndarray
    threshold: np.ndarray
    histogram: ScoreHistogram
    accepted_counts: np.ndarray
    peak_score: float


def stage(centre, threshold, peak_score=None):
    scores = RNG.normal(centre, 0.02, 200)
    histogram = score_histogram(scores, bins=20)
    # Every second one is on another site.
    accepted = scores[::2][scores[::2] >= np.min(threshold)]
    return Stage(
        RNG.normal(size=(12, 15)).astype(np.float32),
        np.atleast_1d(np.float64(threshold)),
        histogram,
        np.histogram(accepted, bins=histogram.edges)[0],
        float(np.median(scores)) if peak_score is None else peak_score,
    )


def test_each_stage_shows_its_motif_and_its_peak() -> None:
    stages = [stage(0.59, 0.55), stage(0.77, 0.7)]
    drawn = plot_motif_stages(stages, scale=(0.1, 0.1), units=("nm", "nm"))
    assert drawn.shape == (2, 2)
    for one, upper, lower in zip(stages, *drawn, strict=True):
        np.testing.assert_array_equal(upper.images[0].get_array(), one.motif)
        assert lower.get_title() == f"peak score {one.peak_score:.2f}"
        (mark,) = (line for line in lower.lines if line.get_marker() == "v")
        assert mark.get_xdata()[0] == one.peak_score
    assert [ax.get_title() for ax in drawn[0]] == ["motif as given", "refined once"]
    # One range for all, or the peaks could not be compared.
    assert drawn[1, 0].get_xlim() == drawn[1, 1].get_xlim()
    blue, red = (patch.get_data().values for patch in drawn[1, 0].patches)
    np.testing.assert_array_equal(red, stages[0].accepted_counts)
    np.testing.assert_array_equal(blue, stages[0].histogram.counts)
    assert ACCEPTED == "#E0001B"


def test_thresholds_each_and_a_stage_without_matches() -> None:
    drawn = plot_motif_stages([stage(0.5, [0.4, 0.45]), stage(0.5, 0.99, peak_score=np.nan)])
    dashed = [line for line in drawn[1, 0].lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dashed] == [0.4, 0.45]
    assert drawn[1, 1].get_title() == "no match"


def test_many_stages_are_wrapped() -> None:
    drawn = plot_motif_stages([stage(0.5, 0.4)] * 6)
    assert drawn.shape == (2, 6)
    figure = drawn[0, 0].figure
    assert len(figure.axes) == 12
    rows = {ax.get_subplotspec().rowspan.start for ax in drawn.ravel()}
    assert rows == {0, 1, 2, 3}


def test_own_axes_for_stages() -> None:
    _, axes = plt.subplots(2, 1)
    drawn = plot_motif_stages([stage(0.5, 0.4)], axes=axes)
    assert list(drawn.ravel()) == list(axes)
    with pytest.raises(ValueError, match="4 are needed"):
        plot_motif_stages([stage(0.5, 0.4)] * 2, axes=axes)
    with pytest.raises(ValueError, match="no search"):
        plot_motif_stages([])
