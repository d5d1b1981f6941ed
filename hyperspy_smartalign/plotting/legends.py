"""Legends that hide no data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.style import SMALL


def legend_of(
    ax: Axes,
    handles: Sequence[Any],
    *,
    outside: bool,
    loc: Literal["best", "lower center"] = "best",
) -> None:
    """Put a legend below all axes of a figure, or where it fits best in one of them.

    Parameters
    ----------
    ax : Axes
        The axes, or one of the figure.
    handles : sequence of Artist
        What the legend explains.
    outside : bool
        Below all axes; for figures whose layout makes room for it.
    loc : {"best", "lower center"}
        Where in the axes otherwise: in one column, or in up to three.
    """
    if outside:
        ax.figure.legend(
            handles=list(handles),
            loc="outside lower center",
            ncols=min(len(handles), 6),
            fontsize=SMALL,
            frameon=False,
        )
    else:
        ax.legend(
            handles=list(handles),
            loc=loc,
            ncols=1 if loc == "best" else min(len(handles), 3),
            fontsize=SMALL,
            framealpha=0.9,
            columnspacing=1.2,
        )
