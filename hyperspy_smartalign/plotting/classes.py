"""Figure of classes of tiles: what each shows, and where its tiles lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hyperspy_smartalign.plotting.image import grey_limits, show_image
from hyperspy_smartalign.plotting.matches import marker_size
from hyperspy_smartalign.plotting.places import EDGE, show_frame
from hyperspy_smartalign.plotting.style import (
    BLUE,
    ORANGE,
    SMALL,
    VERMILION,
    AxesArray,
    FigureLike,
    panels,
)

# Of the palette of Okabe and Ito (2008), with a sign each, as colours alone do not tell six apart.
_COLOURS = (BLUE, ORANGE, "#009E73", VERMILION, "#CC79A7", "#56B4E9")
_SIGNS = "os^Dv*"
# Diameter of a marker: this part of the distance to the next one, within limits, in points. That of
# the rarest class is larger by the factor, as few marks among many are easily missed.
_SHARE_OF_SPACING = 0.5
_SIZES = (3.5, 9.0)
_RAREST = 1.6
# Inches of a mean and of the map.
_MEAN, _MAP = 2.3, 5.4


def plot_classes(
    means: npt.ArrayLike,
    labels: npt.ArrayLike,
    positions: npt.ArrayLike,
    *,
    number: npt.ArrayLike | None = None,
    shape: tuple[int, int],
    scale: tuple[float, float] = (1.0, 1.0),
    units: tuple[str, str] = ("px", "px"),
    frame: int | None = None,
    image: npt.ArrayLike | None = None,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot the mean of each class with its number of tiles, and the places of the tiles.

    Parameters
    ----------
    means : (k, H, W) array-like
        Average of the tiles of each class; all are shown with the same greys.
    labels : (n,) array-like of int
        Class of each tile.
    positions : (n, 2) array-like
        Centres of the tiles, (y, x) px of the frame.
    number : (n,) array-like of int, optional
        Frame of each tile.
    shape : (rows, columns)
        Of a frame.
    scale : (y, x)
        Size of a pixel of a tile.
    units : (y, x)
        Its units.
    frame : int, optional
        Only tiles of this frame are on the map; by default those of the first that has tiles.
    image : (rows, columns) array-like, optional
        Shown behind the places.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure unless given.
    axes : k + 1 Axes, optional
        Axes to use: one a class, then the map.

    Returns
    -------
    (k + 1,) array of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        Shapes do not match, no tile comes from `frame`, or `fig` and `axes` are both given.
    """
    pictures = np.asarray(means, np.float64)
    which, places = np.asarray(labels, np.intp), np.asarray(positions, np.float64)
    frames = np.zeros(which.shape, np.intp) if number is None else np.asarray(number, np.intp)
    n = len(which)
    if pictures.ndim != 3 or places.shape != (n, 2) or frames.shape != (n,) or not n:
        raise ValueError(
            f"means {pictures.shape}, labels {which.shape}, positions {places.shape} and number "
            f"{frames.shape} do not belong together: give (k, H, W), (n,), (n, 2) and (n,)."
        )
    if frame is None:
        frame = int(frames.min())
    shown = frames == frame
    if not shown.any():
        raise ValueError(f"No tile comes from frame {frame}; there are tiles of {set(frames)}.")
    count = len(pictures)
    made = panels(
        (1, count + 1), fig=fig, axes=axes, size=(_MEAN * count + _MAP, 5.4), **_widths(count)
    ).ravel()
    limits = grey_limits(*pictures)
    for k, (ax, picture) in enumerate(zip(made, pictures, strict=False)):
        total = int((which == k).sum())
        colour = _COLOURS[k % len(_COLOURS)]
        show_image(
            ax,
            picture,
            title=f"class {k}: {total} tiles, {100 * total / n:.3g} %",
            scale=scale,
            units=units,
            limits=limits,
        )
        ax.title.set_fontsize(SMALL + 1)
        for side in ax.spines.values():
            side.set(edgecolor=colour, linewidth=3)
    _show_places(made[-1], which, places, shown, shape, image)
    told = f"{shown.sum()} tiles"
    legend = made[-1].get_legend()
    legend.set_title(told if shown.all() else f"frame {frame}: {told}", {"size": SMALL})
    return made


def _widths(count: int) -> dict[str, Any]:
    return {"width_ratios": [_MEAN] * count + [_MAP]}


def _show_places(
    ax: Axes,
    which: npt.NDArray[np.intp],
    places: npt.NDArray[np.float64],
    shown: npt.NDArray[np.bool_],
    shape: tuple[int, int],
    image: npt.ArrayLike | None,
) -> None:
    show_frame(ax, shape, image)
    size = marker_size(ax, int(shown.sum()), shape, share=_SHARE_OF_SPACING, limits=_SIZES)
    present, counts = np.unique(which, return_counts=True)
    # Rare classes lie over common ones.
    order = np.argsort(-counts, kind="stable")
    lines: dict[np.intp, Line2D] = {}
    for k, total in zip(present[order], counts[order], strict=True):
        rows = shown & (which == k)
        rarity = 1 - total / counts.max()
        (lines[k],) = ax.plot(
            places[rows, 1],
            places[rows, 0],
            _SIGNS[k % len(_SIGNS)],
            color=_COLOURS[k % len(_COLOURS)],
            markersize=size * (1 + (_RAREST - 1) * rarity),
            markeredgecolor=EDGE,
            markeredgewidth=0.6,
            label=f"class {k}",
        )
    ax.legend(
        handles=[lines[k] for k in present],
        fontsize=SMALL,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.02),
        ncols=3,
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.0,
    )
