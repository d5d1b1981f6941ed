"""Panels of the shift matrices: quick to draw, as they fill several times a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from hyperspy_smartalign.plotting.matrices import Cells, Matrix
from hyperspy_smartalign.plotting.shifts import (
    VERDICTS,
    colour_limit,
    cross_out,
    draw_matrix,
    excluded_words,
    has_gaps,
    verdicts_of,
)
from hyperspy_smartalign.plotting.style import (
    BLUE,
    DIVERGING,
    EXCLUDED,
    NOT_MEASURED,
    SEQUENTIAL,
    SMALL,
    TITLE,
    VERMILION,
)
from hyperspy_smartalign.plotting.units import is_calibrated, readable
from hyperspy_smartalign.rigid.result import PairTable
from hyperspy_smartalign.transforms import Alignment

#: Edges and gaps of the panels and of their colour bars, as shares of the figure and of a panel.
_SIDES: dict[str, float] = {"left": 0.085, "right": 0.975, "wspace": 0.16}
_PLACES: dict[str, float] = {**_SIDES, "top": 0.95, "bottom": 0.225, "hspace": 0.2}
_BAR_PLACES: dict[str, float] = {**_SIDES, "top": 0.145, "bottom": 0.125}
#: Ticks of a colour bar, so that their labels do not touch.
_BAR_TICKS = 4


class MatrixPanels:
    """Measured shifts and similarities above, and the solution below once it is there.

    They have fixed places, and each column shares a colour bar: to lay them out and to draw more
    axes would take several times as long.

    Parameters
    ----------
    figure : Figure
        Empty; it is filled.
    excluded : (n,) bool
        Frames of the series that take no part.
    """

    def __init__(self, figure: Figure, excluded: npt.NDArray[np.bool_]) -> None:
        self._figure = figure
        self._cells = Cells.of(excluded)
        self._grid = figure.add_gridspec(2, 3, **_PLACES)
        self._below_all = figure.add_gridspec(1, 3, **_BAR_PLACES)
        self._axes: list[Axes] = []
        self._images: list[AxesImage] = []
        empty = np.full((self._cells.count,) * 2, np.nan)
        for column, (title, cmap) in enumerate(
            (("y shift, raw", DIVERGING), ("x shift, raw", DIVERGING), ("similarity", SEQUENTIAL))
        ):
            ax = figure.add_subplot(self._grid[0, column])
            self._axes.append(ax)
            self._images.append(self._draw(ax, column, empty, cmap, (0.0, 1.0), title))
        self._bars = [self._bar(column) for column in range(3)]
        self._axes[0].set_ylabel("frame i", fontsize=SMALL)
        self._words = figure.text(0.5, 0.36, "", ha="center", fontsize=TITLE)

    def fill(self, pairs: PairTable) -> None:
        """Show the pairs that are there now."""
        self._colour(pairs, None)
        self._words.set_text(f"{len(pairs.indices)} pairs of frames measured")

    def solve(self, alignment: Alignment, pairs: PairTable | None) -> None:
        """Show a solution, and which pairs agree with it."""
        self._words.set_visible(False)
        cells = self._cells
        solved = [cells.differences(shift) for shift in alignment.shifts.T]
        limits = [
            colour_limit(matrix, None if pairs is None else pairs.shifts[:, k])
            for k, matrix in enumerate(solved)
        ]
        if pairs is not None:
            self._colour(pairs, limits)
            for ax in self._axes[:2]:
                cross_out(ax, pairs, cells, "lower")
        for column, (name, matrix, limit) in enumerate(zip("yx", solved, limits, strict=True)):
            ax = self._below(column)
            title = f"{name} shift, corrected"
            self._draw(ax, column, cells.lower(matrix), DIVERGING, limit, title)
            self._images[column].set_clim(-limit, limit)
            self._bars[column].set_xlabel(_unit_of(alignment, column), fontsize=SMALL)
        if pairs is not None:
            accepted = np.count_nonzero(pairs.accepted)
            title = f"{accepted} of {len(pairs.accepted)} pairs accepted"
            ax = self._below(2)
            verdicts = cells.lower(verdicts_of(pairs, cells))
            self._draw(ax, 2, verdicts, VERDICTS, (0.0, 1.0), title)
        self._key(pairs)

    def _draw(
        self,
        ax: Axes,
        column: int,
        matrix: Matrix,
        cmap: Any,
        limit: float | tuple[float, float],
        title: str,
    ) -> AxesImage:
        cells = self._cells
        image = draw_matrix(ax, matrix, cells, cut=cells.lower, cmap=cmap, limit=limit)
        ax.set_title(title, fontsize=SMALL + 1)
        # The left column says it for the others.
        ax.tick_params(labelleft=column == 0)
        return image

    def _below(self, column: int) -> Axes:
        """A panel of the lower row, which counts the frames for the one above too."""
        above = self._axes[column]
        ax = self._figure.add_subplot(self._grid[1, column])
        above.tick_params(labelbottom=False)
        ax.set_xlabel("frame j", fontsize=SMALL)
        if column == 0:
            ax.set_ylabel("frame i", fontsize=SMALL)
        return ax

    def _bar(self, column: int) -> Axes:
        """The colour bar of a column, below it."""
        ax = self._figure.add_subplot(self._below_all[0, column])
        bar = self._figure.colorbar(self._images[column], cax=ax, orientation="horizontal")
        bar.locator = MaxNLocator(_BAR_TICKS)
        ax.tick_params(labelsize=SMALL)
        unit = "correlation coefficient" if column == 2 else "px"
        ax.set_xlabel(unit, fontsize=SMALL)
        return ax

    def _colour(self, pairs: PairTable, limits: list[float] | None) -> None:
        """Give the upper row the colours of pairs; without limits, as far as they reach."""
        cells = self._cells
        values = (*pairs.shifts.T, pairs.similarity)
        for column, (image, value) in enumerate(zip(self._images, values, strict=True)):
            sign = 1 if column == 2 else -1
            matrix = cells.lower(cells.matrix(pairs, value, sign=sign))
            image.set_data(np.ma.masked_invalid(matrix))
            if column == 2:
                image.set_clim(*_range(matrix))
            else:
                limit = colour_limit(matrix, None) if limits is None else limits[column]
                image.set_clim(-limit, limit)

    def _key(self, pairs: PairTable | None) -> None:
        """Say what colours, greys and crosses mean, in a line below the panels."""
        handles: list[Any] = []
        if pairs is not None:
            handles += [
                Patch(facecolor=BLUE, label="accepted"),
                Patch(facecolor=VERMILION, label="rejected"),
            ]
            if has_gaps(pairs, self._cells):
                handles.append(Patch(facecolor=NOT_MEASURED, label="not measured"))
            handles += [
                line for line in self._axes[0].lines if not str(line.get_label()).startswith("_")
            ]
        if self._cells.excluded.any():
            words = excluded_words(self._cells.excluded)
            handles.append(Patch(facecolor=EXCLUDED, label=words))
        self._figure.legend(
            handles=handles,
            loc="lower center",
            ncols=len(handles),
            fontsize=SMALL,
            frameon=False,
            borderaxespad=0.1,
        )


def _unit_of(alignment: Alignment, component: int) -> str:
    """Unit of the shifts, and how long a pixel is where that is known."""
    unit = alignment.frame_units[component]
    if not is_calibrated(unit):
        return "px"
    scale = abs(alignment.frame_scale[component])
    factor, shown = readable(scale, unit)
    return f"px   (1 px = {scale * factor:.3g} {shown})"


def _range(matrix: Matrix) -> tuple[float, float]:
    finite = matrix[np.isfinite(matrix)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 0.1, high + 0.1)
