"""Histogram of the scores of a search, and the threshold that divides them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, StepPatch

from hyperspy_smartalign.motif import ScoreHistogram, score_histogram
from hyperspy_smartalign.plotting.legends import legend_of
from hyperspy_smartalign.plotting.matches import ACCEPTED, REJECTED
from hyperspy_smartalign.plotting.style import (
    SMALL,
    TITLE,
    FigureLike,
    panels,
    small_ticks,
    whole_numbers,
)

ScoreRange = tuple[float, float]


class ScoreBars:
    """Histogram on an axes that can be changed: accepted candidates red, rejected ones blue.

    Parameters
    ----------
    ax : Axes
        Where it is drawn.
    """

    def __init__(self, ax: Axes) -> None:
        self.ax = ax
        edges = np.array([0.0, 1.0])
        self._all: StepPatch = ax.stairs(
            [0], edges, fill=True, color=REJECTED, alpha=0.75, label="rejected"
        )
        self._accepted: StepPatch = ax.stairs(
            [0], edges, fill=True, color=ACCEPTED, alpha=0.9, label="accepted"
        )
        # Whether several thresholds are marked that differ.
        self.several = False
        # Two thresholds differ where every frame has its own; the dashes are at both.
        self._lines = [ax.axvline(0, color="black", linewidth=1.4, linestyle="--") for _ in "lh"]
        self._span: Any = ax.axvspan(0, 1, color=ACCEPTED, alpha=0.10, linewidth=0, zorder=0)
        self._label = ax.text(
            0,
            0.98,
            "",
            transform=ax.get_xaxis_transform(),
            fontsize=SMALL,
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )
        ax.set_xlabel("score", fontsize=SMALL)
        ax.set_ylabel("candidates", fontsize=SMALL)
        small_ticks(ax)
        whole_numbers(ax, x=False)

    @property
    def handles(self) -> list[StepPatch | Line2D]:
        """What a legend explains: accepted and rejected, and thresholds where they differ."""
        return [self._accepted, self._all, *([self._lines[0]] if self.several else [])]

    @property
    def artists(self) -> list[Artist]:
        """All that is drawn, the lowest first."""
        return [self._span, self._all, self._accepted, *self._lines, self._label]

    def show(
        self,
        scores: npt.NDArray[np.float64],
        accepted: npt.NDArray[np.bool_],
        *,
        bins: int,
        score_range: ScoreRange | None,
        threshold: npt.NDArray[np.float64] | None = None,
    ) -> ScoreHistogram:
        """Draw the histogram of other scores (n,), those under the mask as accepted.

        Bars end at the lowest and the highest threshold, as far as they are shown. The bars in
        between are of equal width, which differs from the others by half a bar in all.
        """
        histogram = score_histogram(scores, bins=bins, score_range=score_range)
        if threshold is not None and threshold.size:
            edges = _through(histogram.edges, np.unique((threshold.min(), threshold.max())))
            histogram = ScoreHistogram(np.histogram(scores, bins=edges)[0], edges)
        self.colour(scores, accepted, histogram)
        highest = int(histogram.counts.max(initial=0))
        self.ax.set_xlim(histogram.edges[0], histogram.edges[-1])
        self.ax.set_ylim(0, 1.12 * max(highest, 1))
        return histogram

    def colour(
        self,
        scores: npt.NDArray[np.float64],
        accepted: npt.NDArray[np.bool_],
        histogram: ScoreHistogram,
    ) -> None:
        """Show which scores are accepted, in a histogram that is known."""
        red, _ = np.histogram(scores[accepted], bins=histogram.edges)
        self._all.set_data(histogram.counts, histogram.edges)
        self._accepted.set_data(red, histogram.edges)

    def mark(self, threshold: npt.NDArray[np.float64] | None) -> None:
        """Draw the threshold, or from the lowest to the highest of several; None hides it."""
        shown = threshold is not None and threshold.size > 0
        for artist in (*self._lines, self._span, self._label):
            artist.set_visible(shown)
        if threshold is None or not shown:
            return
        low, high = float(threshold.min()), float(threshold.max())
        self.several = low < high
        if self.several:
            self._lines[0].set_label(f"lowest and highest of {threshold.size:,} thresholds")
        for line, value in zip(self._lines, (low, high), strict=True):
            line.set_xdata([value, value])
        left, right = self.ax.get_xlim()
        _set_span(self._span, low, max(right, low))
        self._label.set_text(f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}")
        # Beside the line, on the side with more room.
        beyond = low > (left + right) / 2
        gap = 0.012 * (right - left)
        self._label.set_x(low - gap if beyond else high + gap)
        self._label.set_horizontalalignment("right" if beyond else "left")
        self._label.set_visible(left <= low <= right)


def plot_scores(
    scores: npt.ArrayLike,
    *,
    threshold: npt.ArrayLike | None = None,
    accepted: npt.ArrayLike | None = None,
    bins: int = 64,
    score_range: ScoreRange | None = None,
    title: str | None = None,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> Axes:
    """Plot how many candidates of a search have which score, and where the threshold is.

    Parameters
    ----------
    scores : (n,) array-like
        Scores of all candidates: 1 is perfect, 0 is none.
    threshold : float or (m,) array-like, optional
        Smallest score of a match, or that of each frame.
    accepted : (n,) bool array-like, optional
        Which candidates are matches. By default those that reach the threshold, or the lowest of
        several; all where there is none.
    bins : int
        Number of bars. Two of them meet at the threshold, so that their widths differ a little
        from one side to the other.
    score_range : (low, high), optional
        Scores that are shown; by default from the lowest to 1.
    title : str, optional
        By default the number of matches.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : Axes, optional
        Axes to use instead.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        There is no bin, the range is empty, or the mask does not fit the scores.
    """
    values = np.asarray(scores, np.float64).ravel()
    limits = None if threshold is None else np.asarray(threshold, np.float64).ravel()
    if accepted is not None:
        good = np.asarray(accepted, np.bool_)
    elif limits is not None and limits.size:
        good = values >= limits.min()
    else:
        good = np.ones(len(values), np.bool_)
    if good.shape != values.shape:
        raise ValueError(
            f"accepted has shape {good.shape}; give one value for each of {len(values)} scores."
        )
    # Before a figure is made, so that a wrong range leaves none behind.
    score_histogram(values, bins=bins, score_range=score_range)
    ax = cast("Axes", panels((1, 1), fig=fig, axes=axes, size=(6.0, 3.6))[0, 0])
    bars = ScoreBars(ax)
    bars.show(values, good, bins=bins, score_range=score_range, threshold=limits)
    bars.mark(limits)
    ax.set_title(reached(good) if title is None else title, fontsize=TITLE)
    if bars.several or not good.all():
        legend_of(ax, bars.handles, outside=axes is None)
    return ax


def reached(accepted: npt.NDArray[np.bool_]) -> str:
    """How many candidates reach the threshold, in words."""
    return f"{np.count_nonzero(accepted):,} of {len(accepted):,} candidates are matches"


def _through(
    edges: npt.NDArray[np.float64], marks: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Move equally spaced edges (bins + 1,) so that one lies on each of the ascending marks.

    Marks beyond the ends are left out, and so is one whose bar another has.
    """
    bins = len(edges) - 1
    inside = marks[(marks > edges[0]) & (marks < edges[-1])]
    if bins < 2 or not inside.size:
        return edges
    where = np.rint((inside - edges[0]) / (edges[-1] - edges[0]) * bins)
    index, first = np.unique(np.clip(where, 1, bins - 1), return_index=True)
    known = np.concatenate([edges[:1], inside[first], edges[-1:]])
    moved = np.interp(np.arange(bins + 1), np.concatenate([[0], index, [bins]]), known)
    return np.asarray(moved, np.float64)


def _set_span(span: Any, low: float, high: float) -> None:
    # axvspan returned a Polygon before matplotlib 3.9, and a Rectangle since.
    if isinstance(span, Polygon):
        span.set_xy([(low, 0), (low, 1), (high, 1), (high, 0), (low, 0)])
    else:
        span.set_x(low)
        span.set_width(high - low)
