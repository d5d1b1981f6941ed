"""Figure of deviations from a lattice: arrows over the frame, and their histogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke

from hyperspy_smartalign.plotting.matches import marker_size
from hyperspy_smartalign.plotting.places import EDGE, scale_bar_below, show_frame
from hyperspy_smartalign.plotting.style import (
    BLUE,
    GREY,
    SEQUENTIAL,
    SMALL,
    TITLE,
    VERMILION,
    AxesArray,
    FigureLike,
    panels,
    small_ticks,
)
from hyperspy_smartalign.plotting.units import readable, round_length

# A large deviation, the 95th percentile, is drawn this share of the frame's longer side long.
_PART_OF_FRAME = 0.08
# The histogram reaches so many standard errors, or farther so that it shows this part of all.
_NARROWEST = 5.0
_SHOWN = 0.99
# What errors alone would give is cut where it is so many times higher than all bars, as these would
# be flat beside it.
_TALLEST = 2.0
# Diameter of the dots: this part of the distance to the next one, within limits, in points.
_SHARE_OF_SPACING = 0.25
_SIZES = (2.5, 5.0)
# The ends of the colours are hard to see on white and on dark greys.
_OUTLINE = [withStroke(linewidth=0.8, foreground="0.25")]
_BINS = 49


def plot_deviations(
    positions: npt.ArrayLike,
    deviations: npt.ArrayLike,
    *,
    errors: npt.ArrayLike | None = None,
    number: npt.ArrayLike | None = None,
    shape: tuple[int, int],
    scale: tuple[float, float] = (1.0, 1.0),
    units: str = "px",
    frame: int | None = None,
    image: npt.ArrayLike | None = None,
    enlarge: float | None = None,
    title: str | None = None,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot deviations from a lattice as arrows over the frame, and against their errors.

    Parameters
    ----------
    positions : (n, 2) array-like
        (y, x), px of the frame.
    deviations : (n, 2) array-like
        Of each, (y, x) px.
    errors : (n, 2) array-like, optional
        Standard errors, px. With them the histogram counts deviations in standard errors, beside
        the normal distribution that a perfect lattice would show. It shows 99 % of them or more;
        the legend tells the share that lies beyond.
    number : (n,) array-like of int, optional
        Frame of each position.
    shape : (rows, columns)
        Of the frame.
    scale : (y, x)
        Size of a pixel in `units`.
    units : str
        Unit of lengths.
    frame : int, optional
        Only this frame is on the map; by default the first that has positions.
    image : (rows, columns) array-like, optional
        Shown behind the arrows.
    enlarge : float, optional
        How much longer arrows are than the deviations; a round number by default.
    title : str, optional
        Of the figure.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure unless given.
    axes : two Axes, optional
        Axes to use: map, histogram.

    Returns
    -------
    (2,) array of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        Shapes do not match, nothing lies in `frame`, or `fig` and `axes` are both given.
    """
    places, off = np.asarray(positions, np.float64), np.asarray(deviations, np.float64)
    n = len(places)
    sigma = np.full(places.shape, np.nan) if errors is None else np.asarray(errors, np.float64)
    frames = np.zeros(n, np.intp) if number is None else np.asarray(number, np.intp)
    shapes = places.shape, off.shape, sigma.shape
    if not n or shapes != ((n, 2),) * 3 or frames.shape != (n,):
        raise ValueError(
            f"positions, deviations and errors have shapes {shapes}, number {frames.shape}; give "
            "(n, 2), (n, 2), (n, 2) and (n,)."
        )
    if frame is None:
        frame = int(frames.min())
    shown = frames == frame
    if not shown.any():
        raise ValueError(f"No position lies in frame {frame}; there are those of {set(frames)}.")
    left, right = panels(
        (1, 2), fig=fig, axes=axes, size=(10.0, 5.0), width_ratios=[1.35, 1.0]
    ).ravel()
    show_frame(left, shape, image)
    _draw_arrows(left, places[shown], off[shown], shape, scale, units, enlarge)
    scale_bar_below(left, shape, scale=scale[1], units=units)
    if len(np.unique(frames)) > 1:
        left.set_title(f"frame {frame}", fontsize=SMALL + 1)
    _draw_histogram(right, off, sigma, scale, units)
    if title is not None and axes is None:
        right.figure.suptitle(title, fontsize=TITLE, parse_math=False)
    return np.array([left, right], dtype=object)


def _draw_arrows(
    ax: Axes,
    places: npt.NDArray[np.float64],
    off: npt.NDArray[np.float64],
    shape: tuple[int, int],
    scale: tuple[float, float],
    units: str,
    enlarge: float | None,
) -> None:
    lengths = np.hypot(*(off * scale).T)
    large = float(np.quantile(np.hypot(*off.T), 0.95))
    if enlarge is None:
        wanted = _PART_OF_FRAME * max(shape) / large if large > 0 else 1.0
        enlarge = max(round_length(wanted), 1.0)
    factor, shown = readable(float(lengths.max()), units)
    norm = Normalize(0.0, float(lengths.max()) * factor or 1.0)
    arrows = ax.quiver(
        places[:, 1],
        places[:, 0],
        off[:, 1],
        off[:, 0],
        lengths * factor,
        angles="xy",
        scale_units="xy",
        scale=1 / enlarge,
        cmap=SEQUENTIAL,
        norm=norm,
        width=0.004,
        headwidth=4,
        path_effects=_OUTLINE,
    )
    # Positions that hardly deviate have no arrow to be seen by.
    size = marker_size(ax, len(places), shape, share=_SHARE_OF_SPACING, limits=_SIZES)
    ax.scatter(
        places[:, 1],
        places[:, 0],
        s=size**2,
        c=lengths * factor,
        cmap=SEQUENTIAL,
        norm=norm,
        edgecolors=EDGE,
        linewidths=0.4,
        zorder=arrows.get_zorder() + 0.1,
    )
    bar = ax.figure.colorbar(arrows, ax=ax, shrink=0.8, pad=0.02)
    bar.set_label(f"deviation ({shown}), arrows {enlarge:g} times longer", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)


def _draw_histogram(
    ax: Axes,
    off: npt.NDArray[np.float64],
    sigma: npt.NDArray[np.float64],
    scale: tuple[float, float],
    units: str,
) -> None:
    """In standard errors where these are known, else in units.

    Few deviations that lie far out are left out, and the legend says how many.
    """
    known = np.isfinite(sigma).all(axis=1) & (sigma > 0).all(axis=1)
    if known.any():
        values = off[known] / sigma[known]
        widest = max(_NARROWEST, math.ceil(1.05 * float(np.quantile(np.abs(values), _SHOWN))))
        label = "deviation / standard error"
    else:
        physical = off * scale
        factor, shown = readable(float(np.abs(physical).max()), units)
        values = physical * factor
        widest = float(np.abs(values).max()) or 1.0
        label = f"deviation ({shown})"
    edges = np.linspace(-widest, widest, _BINS + 1)
    for column, name, colour in ((0, "y", BLUE), (1, "x", VERMILION)):
        ax.hist(
            values[:, column],
            edges.tolist(),
            histtype="step",
            color=colour,
            linewidth=1.4,
            label=f"along {name}",
        )
    if known.any():
        expected = len(values) * np.diff([math.erf(edge / math.sqrt(2)) for edge in edges]) / 2
        top, highest = float(expected.max()), ax.dataLim.ymax
        cut = top > _TALLEST * highest
        told = f"errors alone, up to {top:.0f}" if cut else "errors alone"
        ax.stairs(expected, edges, color=GREY, linewidth=1.2, baseline=None, label=told)
        ax.set_ylim(0, _TALLEST * highest if cut else 1.05 * max(top, highest))
    beyond = float(np.mean(np.abs(values) > widest))
    if beyond > 0:
        ax.plot([], [], " ", label=f"{100 * beyond:.2g} % lie beyond")
    ax.set_xlabel(label, fontsize=SMALL + 1)
    ax.set_ylabel("number of positions", fontsize=SMALL + 1)
    ax.set_xlim(-widest, widest)
    ax.legend(fontsize=SMALL, edgecolor="none", framealpha=0.85)
    small_ticks(ax)
