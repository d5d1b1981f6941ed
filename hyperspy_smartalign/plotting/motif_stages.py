"""The motif of each search beside the scores that it reached: what refining it gained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from hyperspy_smartalign.motif import ScoreHistogram
from hyperspy_smartalign.plotting.image import grey_limits, show_image
from hyperspy_smartalign.plotting.matches import ACCEPTED, REJECTED
from hyperspy_smartalign.plotting.style import (
    SMALL,
    TITLE,
    AxesArray,
    FigureLike,
    panels,
    small_ticks,
    whole_numbers,
)
from hyperspy_smartalign.plotting.units import pixel_size

# Searches in a row of the figure.
_COLUMNS = 4
_WIDTH = 2.7


class SearchStage(Protocol):
    """What is known of one search."""

    @property
    def motif(self) -> npt.NDArray[np.float32]:
        """(h, w) what was searched; NaN where it says nothing."""

    @property
    def threshold(self) -> npt.NDArray[np.float64]:
        """(m,) smallest score of a match in each image."""

    @property
    def histogram(self) -> ScoreHistogram:
        """How many candidates had which score."""

    @property
    def accepted_counts(self) -> npt.NDArray[np.int64]:
        """(bins,) how many of them were accepted."""

    @property
    def peak_score(self) -> float:
        """Median score of the matches; NaN without any."""


def plot_motif_stages(
    stages: Sequence[SearchStage],
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    units: tuple[str, str] = ("px", "px"),
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot the motif of each search over the histogram of the scores that it reached.

    All histograms show the same range of scores. Matches are red, and the threshold is dashed; the
    black mark is the median score of the matches, which rises as the motif is refined.

    Parameters
    ----------
    stages : sequence of SearchStage
        From the motif that was given to the one refined last.
    scale : (y, x)
        Size of a pixel of the motif.
    units : (y, x)
        Its units; "px" where it has none.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : (2, stages) array-like of Axes, optional
        Axes to use instead: motifs in the first row, histograms in the second.

    Returns
    -------
    (2, stages) array of Axes

    Raises
    ------
    ValueError
        There is no stage, or `axes` do not fit.
    """
    if not stages:
        raise ValueError("There is no search to show; give one stage or more.")
    n = len(stages)
    size = pixel_size(scale, units)
    drawn = _panels(n, _tall(stages[0].motif.shape, size, units), fig=fig, axes=axes)
    low = min(float(stage.histogram.edges[0]) for stage in stages)
    high = max(float(stage.histogram.edges[-1]) for stage in stages)
    for k, (stage, upper, lower) in enumerate(zip(stages, *drawn, strict=True)):
        title = "motif as given" if k == 0 else "refined once" if k == 1 else f"refined {k} times"
        show_image(
            upper,
            stage.motif,
            title=title,
            scale=size,
            units=units,
            limits=grey_limits(stage.motif),
        )
        _show_histogram(lower, stage)
        lower.set_xlim(low, high)
        if k % _COLUMNS == 0 or axes is not None:
            lower.set_ylabel("candidates", fontsize=SMALL)
    return drawn


def _panels(
    n: int,
    tall: float,
    *,
    fig: FigureLike | None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None,
) -> AxesArray:
    """Axes (2, n), in blocks of two rows where there are many."""
    if axes is not None:
        return panels((2, n), fig=fig, axes=axes, size=(1, 1))
    columns = min(n, _COLUMNS)
    blocks = math.ceil(n / columns)
    heights = [float(np.clip(_WIDTH * tall, 1.2, 5.0)), 1.9] * blocks
    width = max(_WIDTH * columns, 3.6)
    made = panels(
        (2 * blocks, columns),
        fig=fig,
        axes=None,
        size=(width, sum(heights) + 0.5 * blocks),
        height_ratios=heights,
    )
    upper, lower = (made[row::2].ravel() for row in (0, 1))
    for ax in (*upper[n:], *lower[n:]):
        ax.remove()
    return np.stack([upper[:n], lower[:n]])


def _tall(shape: tuple[int, ...], scale: tuple[float, float], units: tuple[str, str]) -> float:
    factor = abs(scale[0] / scale[1]) if units[0] == units[1] else 1.0
    return shape[0] * factor / shape[1]


def _show_histogram(ax: Axes, stage: SearchStage) -> None:
    """Bars of one search, its threshold, and the median score of its matches."""
    counts, edges = stage.histogram.counts, stage.histogram.edges
    ax.stairs(counts, edges, fill=True, color=REJECTED, alpha=0.75)
    ax.stairs(stage.accepted_counts, edges, fill=True, color=ACCEPTED, alpha=0.9)
    for value in dict.fromkeys((float(stage.threshold.min()), float(stage.threshold.max()))):
        ax.axvline(value, color="black", linewidth=1.1, linestyle="--")
    highest = max(int(counts.max(initial=0)), 1)
    ax.set_ylim(0, 1.2 * highest)
    if math.isfinite(stage.peak_score):
        ax.plot(
            [stage.peak_score], [1.1 * highest], "v", color="black", markersize=5, clip_on=False
        )
        ax.set_title(f"peak score {stage.peak_score:.2f}", fontsize=TITLE)
    else:
        ax.set_title("no match", fontsize=TITLE)
    ax.set_xlabel("score", fontsize=SMALL)
    small_ticks(ax)
    whole_numbers(ax, x=False)
