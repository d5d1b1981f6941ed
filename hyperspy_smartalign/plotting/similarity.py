"""Likeness of each frame to the others, before and after a non-rigid alignment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

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

Values = npt.NDArray[np.float64]


def plot_similarity(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    *,
    excluded: npt.ArrayLike | None = None,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> Axes:
    """Plot the correlation of each frame with the mean of the others, before and after.

    A line joins the two values of a frame: blue where it became more alike, vermilion where less.
    Excluded frames are grey crosses, on the lower edge where nothing is known of them. Noise keeps
    correlations below 1 however good the alignment is.

    Parameters
    ----------
    before, after : (n,) array-like
        Correlations; NaN where not known.
    excluded : (n,) array-like of bool, optional
        Frames that took no part.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : Axes, optional
        Axes to use instead.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the arrays have not one value a frame, or more than one Axes is given.
    """
    old, new = np.asarray(before, np.float64), np.asarray(after, np.float64)
    out = np.zeros(old.shape, bool) if excluded is None else np.asarray(excluded, bool)
    if old.ndim != 1 or not old.shape == new.shape == out.shape or not old.size:
        raise ValueError(
            f"before {old.shape}, after {new.shape} and excluded {out.shape} must have one value a "
            "frame."
        )
    ax: Axes = panels((1, 1), fig=fig, axes=axes, size=(6.4, 3.5))[0, 0]
    frames, used = np.arange(old.size), ~out
    size = float(np.clip(36.0 / np.sqrt(old.size), 2.0, 6.0))
    dots: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": size, "zorder": 3}
    ax.plot(
        frames[used],
        old[used],
        **dots,
        markerfacecolor="white",
        markeredgecolor=GREY,
        label="before",
    )
    ax.plot(frames[used], new[used], **dots, color=BLUE, markeredgewidth=0, label="after")
    _join(ax, frames[used], old[used], new[used])
    _cross_out(ax, frames[out], np.where(np.isfinite(new), new, old)[out], size=size)
    ax.set_xlim(-0.6, old.size - 0.4)
    ax.set_xlabel("frame", fontsize=SMALL + 1)
    ax.set_ylabel("correlation with the others", fontsize=SMALL + 1)
    ax.set_title(_words(old[used], new[used]), fontsize=TITLE)
    ax.grid(axis="y", color="0.88", linewidth=0.6)
    ax.set_axisbelow(True)
    whole_numbers(ax, y=False)
    small_ticks(ax)
    ax.legend(fontsize=SMALL, framealpha=0.9, loc="best")
    return ax


def _join(ax: Axes, frames: npt.NDArray[np.intp], old: Values, new: Values) -> None:
    known = np.isfinite(old) & np.isfinite(new)
    if not known.any():
        return
    ends = np.stack([np.stack([frames, old], -1), np.stack([frames, new], -1)], axis=1)[known]
    worse = (new < old)[known]
    ax.add_collection(
        LineCollection(
            list(ends),
            colors=[VERMILION if lower else BLUE for lower in worse],
            linewidths=float(np.clip(60.0 / len(frames), 0.5, 1.6)),
            zorder=2,
        )
    )
    if worse.any():
        # A line in the legend, as a collection with several colours has none of its own.
        ax.add_line(Line2D([], [], color=VERMILION, label="less alike"))


def _cross_out(ax: Axes, frames: npt.NDArray[np.intp], values: Values, *, size: float) -> None:
    """Crosses at what is known of excluded frames, else on the lower edge."""
    style: dict[str, Any] = {"linestyle": "none", "marker": "x", "color": GREY, "zorder": 4}
    known, label = np.isfinite(values), "excluded"
    for chosen, height, where in (
        (known, values, ax.transData),
        # Half a marker above the edge, in the height of the axes.
        (~known, np.full(values.shape, 0.03), ax.get_xaxis_transform()),
    ):
        if chosen.any():
            ax.plot(
                frames[chosen],
                height[chosen],
                **style,
                markersize=size + 1,
                transform=where,
                clip_on=False,
                label=label,
            )
            label = "_excluded, nothing known"


def _words(old: Values, new: Values) -> str:
    known = np.isfinite(old) & np.isfinite(new)
    if not known.any():
        return "similarity"
    return f"similarity: mean {old[known].mean():.3f} before, {new[known].mean():.3f} after"
