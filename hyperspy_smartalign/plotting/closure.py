"""How well the measured pairs of frames add up, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.style import (
    BLUE,
    GREY,
    SMALL,
    TITLE,
    VERMILION,
    FigureLike,
    panels,
    small_ticks,
    whole_numbers,
)
from hyperspy_smartalign.quality.closure import Closure

# Median length of a vector whose components have standard deviation 1.
_MEDIAN_LENGTH = float(np.sqrt(2 * np.log(2)))
# A frame that closes worse than this many times the usual is marked.
_WORSE = 2.0


def plot_closure(
    closure: Closure,
    *,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> Axes:
    """Plot by how much the shifts around triangles of frames fail to add up to zero.

    A bar is the median over the triangles of a frame, vermilion where it is more than twice
    as long as usual. The dashed line is what the noise of the frames alone makes at least.

    Parameters
    ----------
    closure : Closure
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : Axes, optional
        Axes to use instead.

    Returns
    -------
    Axes
    """
    ax: Axes = panels((1, 1), fig=fig, axes=axes, size=(6.4, 3.2))[0, 0]
    values = closure.per_frame
    frames = np.arange(len(values))
    usual = float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
    worse = np.nan_to_num(values) > _WORSE * usual
    for chosen, colour in ((~worse, BLUE), (worse, VERMILION)):
        if chosen.any():
            ax.bar(frames[chosen], np.nan_to_num(values[chosen]), width=0.8, color=colour)
    missing = ~np.isfinite(values)
    if missing.any():
        ax.plot(
            frames[missing],
            np.full(int(missing.sum()), 0.03),
            "x",
            color=GREY,
            transform=ax.get_xaxis_transform(),
            clip_on=False,
            label="no triangle",
        )
    if np.isfinite(closure.expected):
        ax.axhline(
            _MEDIAN_LENGTH * closure.expected,
            color="black",
            linestyle="--",
            linewidth=1,
            label="least, by noise alone",
        )
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=SMALL, framealpha=0.9, loc="upper right")
    ax.set_xlim(-0.7, len(values) - 0.3)
    ax.set_ylim(0, 1.3 * ax.get_ylim()[1])
    ax.set_xlabel("frame", fontsize=SMALL + 1)
    ax.set_ylabel("median closure, px", fontsize=SMALL + 1)
    title = f"closure of {len(closure.triangles)} triangles: {closure.robust:.2g} px"
    if closure.open_share > 0:
        title += f", {100 * closure.open_share:.2g} % open"
    ax.set_title(title, fontsize=TITLE)
    whole_numbers(ax, y=False)
    small_ticks(ax)
    return ax
