"""What the figures share: colours that colour-blind readers tell apart, figures, axes, ticks."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

AxesArray = npt.NDArray[np.object_]
FigureLike = Figure | SubFigure

# From the palette of Okabe and Ito (2008).
BLUE = "#0072B2"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
GREY = "#767676"
DIVERGING = "RdBu_r"
SEQUENTIAL = "cividis"
IN_TIME = "viridis"

# Excluded frames and pairs that were not measured, in matrices.
EXCLUDED = "#9A9A9A"
NOT_MEASURED = "#E9E9E9"

# Around every panel, in inches; matplotlib's own 0.04 lets titles touch the border.
_PAD = 0.07

SMALL = 8
TITLE = 10


def panels(
    shape: tuple[int, int],
    *,
    fig: FigureLike | None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None,
    size: tuple[float, float],
    **layout: Any,
) -> AxesArray:
    """The axes to draw in: those given, or new ones in the figure given or in a new one.

    Parameters
    ----------
    shape : (rows, columns)
        Panels that are needed.
    fig : Figure or SubFigure, optional
        Where to make the axes; a new figure of pyplot unless given.
    axes : Axes or array-like of Axes, optional
        Axes to use, in reading order.
    size : (width, height)
        Of a new figure, in inches.
    **layout
        Passed to ``subplots``.

    Raises
    ------
    ValueError
        If `fig` and `axes` are both given, or the number of axes does not fit.
    """
    count = shape[0] * shape[1]
    if axes is not None:
        if fig is not None:
            raise ValueError("give either fig= or axes=, not both.")
        given = np.asarray(axes, dtype=object).ravel()
        if given.size != count:
            raise ValueError(
                f"{given.size} axes were given, but {count} are needed: {shape[0]} rows of "
                f"{shape[1]}. Make them with plt.subplots({shape[0]}, {shape[1]})."
            )
        return given.reshape(shape)
    figure = new_figure(size) if fig is None else fig
    made: AxesArray = figure.subplots(*shape, squeeze=False, **layout)
    return made


def new_figure(size: tuple[float, float]) -> Figure:
    """A figure of pyplot with constrained layout; size in inches."""
    figure = plt.figure(figsize=size, layout="constrained")
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(w_pad=_PAD, h_pad=_PAD)
    return figure


def save_and_close(figure: Figure, path: str | PathLike[str], *, dots_per_inch: float) -> None:
    """Write a figure to a file, and let pyplot forget it."""
    figure.savefig(path, dpi=dots_per_inch)
    plt.close(figure)


def whole_numbers(ax: Axes, *, x: bool = True, y: bool = True) -> None:
    """Ticks at whole numbers only, as frames are counted."""
    for wanted, axis in ((x, ax.xaxis), (y, ax.yaxis)):
        if wanted:
            axis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))


def small_ticks(ax: Axes) -> None:
    """Tick labels in the small size of these figures."""
    ax.tick_params(labelsize=SMALL)
