"""Shift matrices: every frame against every other, as measured and as solved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator

from hyperspy_smartalign.plotting.matrices import Cells, Matrix
from hyperspy_smartalign.plotting.style import (
    BLUE,
    DIVERGING,
    EXCLUDED,
    NOT_MEASURED,
    SEQUENTIAL,
    SMALL,
    TITLE,
    VERMILION,
    AxesArray,
    FigureLike,
    panels,
    small_ticks,
    whole_numbers,
)
from hyperspy_smartalign.plotting.units import is_calibrated, readable

if TYPE_CHECKING:
    from hyperspy_smartalign.rigid import PairTable
    from hyperspy_smartalign.transforms import Alignment

Triangle = Literal["lower", "full"]
TRIANGLES = ("lower", "full")

# With more frames a cross in a cell is a speck; the panel of pairs then shows it alone.
_MOST_CROSSES = 64
_COMPONENTS = ("y", "x")
VERDICTS = ListedColormap([VERMILION, BLUE], name="verdicts")


def plot_shifts(
    alignment: Alignment,
    pairs: PairTable | None = None,
    *,
    raw: bool | None = None,
    corrected: bool = True,
    triangle: Triangle = "lower",
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot the matrices of shifts and similarities, frame i (rows) against frame j (columns).

    A cell is the shift of frame i minus that of frame j. Raw matrices hold the highest maximum of
    each pair's correlation; corrected ones what follows from the solution. Where single cells
    differ, that maximum was the wrong one. A pair is accepted if one of its maxima agrees
    with the solution, so a wrong one that is not crossed out was put right. Where the corrected
    matrix itself has a step between two rows, one frame jumped or is wrong.

    Parameters
    ----------
    alignment : Alignment
        Solution, calibration and excluded frames.
    pairs : PairTable, optional
        What was measured between pairs. Needed for the raw matrices, the similarity and the
        verdict on pairs.
    raw : bool, optional
        Show raw shifts and similarity. By default if `pairs` is given.
    corrected : bool
        Show the shifts of the solution, and with `pairs` which pairs agree with it.
    triangle : {"lower", "full"}
        Show each pair once, the later frame in rows, or twice.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : array-like of Axes, optional
        Axes to use instead, as many as are returned.

    Returns
    -------
    (rows, columns) array of Axes
        A row of raw matrices (y, x, similarity), a row of corrected ones (y, x, verdict). Two
        columns without `pairs`.

    Raises
    ------
    ValueError
        If nothing is to be shown, `raw` is wanted without `pairs`, pairs name frames that the
        alignment does not have, `triangle` is another word, or `axes` do not fit.

    Notes
    -----
    Colours are the same in both rows and reach the largest shift of the solution; raw shifts beyond
    it saturate. With more than 128 frames neighbouring ones share a cell, which then shows the mean
    of its pairs: single pairs of a sparse choice stay visible.
    """
    raw = pairs is not None if raw is None else raw
    _check(alignment, pairs, raw=raw, corrected=corrected, triangle=triangle)
    columns = 2 if pairs is None else 3
    rows = int(raw) + int(corrected)
    made = panels(
        (rows, columns),
        fig=fig,
        axes=axes,
        size=(3.7 * columns, 3.2 * rows + 0.3),
        sharex=axes is None,
        sharey=axes is None,
    )
    cells = Cells.of(alignment.excluded)
    cut = cells.lower if triangle == "lower" else _whole
    solved = [cells.differences(shift) for shift in alignment.shifts.T]
    for k, name in enumerate(_COMPONENTS):
        limit = colour_limit(solved[k], None if pairs is None else pairs.shifts[:, k])
        matrices = [(solved[k], "corrected")] if corrected else []
        if raw and pairs is not None:
            matrices.insert(0, (cells.matrix(pairs, pairs.shifts[:, k], sign=-1), "raw"))
        for ax, (matrix, kind) in zip(made[:, k], matrices, strict=True):
            image = draw_matrix(ax, cut(matrix), cells, cut=cut, cmap=DIVERGING, limit=limit)
            ax.set_title(f"{name} shift, {kind}", fontsize=TITLE)
            beyond = bool(np.nanmax(np.abs(matrix), initial=0.0) > limit * (1 + 1e-9))
            shift_bar(image, ax, alignment, component=k, beyond=beyond)
            if kind == "raw" and pairs is not None:
                cross_out(ax, pairs, cells, triangle)
    if pairs is not None:
        _measured(made[:, 2], pairs, cells, cut, raw=raw, corrected=corrected)
    for ax in made[-1]:
        ax.set_xlabel("frame j", fontsize=SMALL + 1)
    for ax in made[:, 0]:
        ax.set_ylabel("frame i", fontsize=SMALL + 1)
    _key(made, cells, pairs, cut, raw=raw, outside=axes is None)
    return made


def draw_matrix(
    ax: Axes,
    matrix: Matrix,
    cells: Cells,
    *,
    cut: Callable[[Matrix], Matrix],
    cmap: str | ListedColormap,
    limit: float | tuple[float, float],
) -> AxesImage:
    """Draw a matrix of frames: grey where nothing was measured, dark grey where frames are out.

    Parameters
    ----------
    ax : Axes
    matrix : (count, count) array
        NaN where there is nothing to show.
    cells : Cells
        Frames of its rows and columns.
    cut : callable
        Takes the part of a matrix that is shown.
    cmap : str or Colormap
    limit : float or (float, float)
        Colours from minus to plus this, or from one to the other.

    Returns
    -------
    AxesImage
        That of the matrix; those of the grey cells lie under it.
    """
    low, high = limit if isinstance(limit, tuple) else (-limit, limit)
    excluded = cells.excluded_matrix()
    shown = np.where(np.isnan(cut(np.ones_like(matrix))), np.nan, 0.0)
    if cells.per_cell == 1:
        # A frame has no pair with itself.
        np.fill_diagonal(shown, np.nan)
    shown = np.where(np.isnan(shown), np.nan, np.where(np.isnan(excluded), 0.0, 1.0))
    image: AxesImage
    for values, colours, limits in (
        (shown, ListedColormap([NOT_MEASURED, EXCLUDED]), (0.0, 1.0)),
        (matrix, cmap, (low, high)),
    ):
        image = ax.imshow(
            np.ma.masked_invalid(values),
            cmap=colours,
            norm=Normalize(*limits),
            extent=cells.extent,
            interpolation="nearest",
            aspect="equal",
        )
    ax.set_xlim(-0.5, cells.n_frames - 0.5)
    ax.set_ylim(cells.n_frames - 0.5, -0.5)
    ax.spines[["top", "right"]].set_visible(False)
    whole_numbers(ax)
    small_ticks(ax)
    # Ticks show excluded frames also where they share a cell with others.
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(FixedLocator(np.flatnonzero(cells.excluded).tolist()))
    ax.tick_params(which="minor", color=EXCLUDED, length=5, width=1.5)
    return image


def colour_limit(solved: Matrix, raw: npt.NDArray[np.float64] | None) -> float:
    """Largest shift between two frames, px; that of the raw ones where nothing moved, else 1."""
    for values in (solved, raw):
        if values is not None:
            largest = float(np.nanmax(np.abs(values), initial=0.0))
            if largest > 0:
                return largest
    return 1.0


def shift_bar(
    image: AxesImage, ax: Axes, alignment: Alignment, *, component: int, beyond: bool
) -> Axes:
    """Colour bar of a shift in px, and in physical units on its other side where calibrated."""
    bar = ax.figure.colorbar(
        image, ax=ax, extend="both" if beyond else "neither", fraction=0.05, pad=0.03
    )
    bar.set_label("px", fontsize=SMALL, labelpad=2)
    bar.ax.tick_params(labelsize=SMALL)
    units = alignment.frame_units[component]
    if is_calibrated(units):
        scale = abs(alignment.frame_scale[component])
        factor, units = readable(image.get_clim()[1] * scale, units)
        per_pixel = scale * factor
        other = bar.ax.secondary_yaxis(
            "left",
            functions=(
                lambda px: np.multiply(px, per_pixel),
                lambda length: np.divide(length, per_pixel),
            ),
        )
        other.set_ylabel(units, fontsize=SMALL, labelpad=1)
        other.tick_params(labelsize=SMALL)
    made: Axes = bar.ax
    return made


def _check(
    alignment: Alignment,
    pairs: PairTable | None,
    *,
    raw: bool,
    corrected: bool,
    triangle: str,
) -> None:
    if triangle not in TRIANGLES:
        raise ValueError(f"triangle={triangle!r} is not known; use 'lower' or 'full'.")
    if raw and pairs is None:
        raise ValueError(
            "raw=True needs the shifts measured between pairs, which were not given; pass pairs= "
            "or use raw=False."
        )
    if not (raw or corrected):
        raise ValueError("raw=False and corrected=False leave nothing to plot; set one to True.")
    if pairs is not None and len(pairs.indices) and pairs.indices.max() >= alignment.n_frames:
        raise ValueError(
            f"the pairs name frame {pairs.indices.max()}, the alignment has {alignment.n_frames} "
            "frames; pass the pairs that were measured for this alignment."
        )


def _measured(
    column: AxesArray,
    pairs: PairTable,
    cells: Cells,
    cut: Callable[[Matrix], Matrix],
    *,
    raw: bool,
    corrected: bool,
) -> None:
    """Draw similarity in the raw row and the verdict on pairs in the corrected row."""
    if raw:
        matrix = cut(cells.matrix(pairs, pairs.similarity))
        finite = matrix[np.isfinite(matrix)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
        limits = (float(low), float(high)) if high > low else (float(low) - 0.1, float(low) + 0.1)
        image = draw_matrix(column[0], matrix, cells, cut=cut, cmap=SEQUENTIAL, limit=limits)
        column[0].set_title("similarity", fontsize=TITLE)
        bar = column[0].figure.colorbar(image, ax=column[0], fraction=0.05, pad=0.03)
        bar.set_label("correlation coefficient", fontsize=SMALL, labelpad=2)
        bar.ax.tick_params(labelsize=SMALL)
    if corrected:
        verdict = cut(verdicts_of(pairs, cells))
        image = draw_matrix(column[-1], verdict, cells, cut=cut, cmap=VERDICTS, limit=(0.0, 1.0))
        accepted = np.count_nonzero(pairs.accepted)
        column[-1].set_title(f"{accepted} of {len(pairs.accepted)} pairs accepted", fontsize=TITLE)
        bar = column[-1].figure.colorbar(
            image, ax=column[-1], fraction=0.05, pad=0.03, ticks=[0.25, 0.75]
        )
        bar.ax.set_yticklabels(["rejected", "accepted"], rotation=90, va="center", fontsize=SMALL)
        bar.ax.tick_params(length=0)


def verdicts_of(pairs: PairTable, cells: Cells) -> Matrix:
    """1 where pairs were accepted, 0 where they were rejected, NaN where there is none."""
    share = cells.matrix(pairs, pairs.accepted)
    # A cell of several pairs shows the majority, and a tie as rejected, to be seen.
    return np.where(np.isnan(share), np.nan, share > 0.5)


def has_gaps(pairs: PairTable, cells: Cells) -> bool:
    """Whether some cells of frames that took part hold no pair."""
    gaps = np.isnan(cells.matrix(pairs, pairs.accepted))
    if cells.per_cell == 1:
        np.fill_diagonal(gaps, False)
    return bool(np.any(gaps & np.isnan(cells.excluded_matrix())))


def cross_out(ax: Axes, pairs: PairTable, cells: Cells, triangle: str) -> None:
    """Mark rejected pairs with crosses, where they are large enough to be seen."""
    rejected = pairs.indices[~pairs.accepted]
    if cells.n_frames > _MOST_CROSSES or not len(rejected):
        return
    rows, columns = rejected[:, 1], rejected[:, 0]
    if triangle == "full":
        rows, columns = np.concatenate([rows, columns]), np.concatenate([columns, rows])
    size = np.clip(90.0 / cells.n_frames, 2.0, 7.0)
    ax.plot(
        columns,
        rows,
        linestyle="none",
        marker="x",
        color="black",
        markersize=size,
        markeredgewidth=0.8 if size > 3 else 0.5,
        # White around the black, as cells are as dark as that.
        path_effects=[withStroke(linewidth=2.4 if size > 3 else 1.5, foreground="white")],
        label="rejected pair",
    )


def _key(
    made: AxesArray,
    cells: Cells,
    pairs: PairTable | None,
    cut: Callable[[Matrix], Matrix],
    *,
    raw: bool,
    outside: bool,
) -> None:
    """Say what greys and crosses mean, in a line below the panels."""
    handles: list[Patch | Line2D] = []
    if cells.excluded.any():
        handles.append(Patch(facecolor=EXCLUDED, label=excluded_words(cells.excluded)))
    if pairs is not None and has_gaps(pairs, cells):
        handles.append(Patch(facecolor=NOT_MEASURED, label="not measured"))
    crosses = [line for line in made[0, 0].lines if line.get_label() == "rejected pair"]
    handles.extend(crosses if raw else [])
    if not handles:
        return
    if outside:
        made[0, 0].figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=len(handles),
            fontsize=SMALL,
            frameon=False,
        )
    else:
        made[0, 0].legend(handles=handles, loc="upper right", fontsize=SMALL)


def excluded_words(excluded: npt.NDArray[np.bool_]) -> str:
    """The excluded frames in words, by number as long as they are few."""
    frames = np.flatnonzero(excluded)
    if len(frames) > 6:
        return f"{len(frames)} excluded frames"
    plural = "s" if len(frames) > 1 else ""
    return f"excluded frame{plural} {', '.join(map(str, frames))}"


def _whole(matrix: Matrix) -> Matrix:
    return matrix
