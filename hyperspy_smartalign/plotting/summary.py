"""One figure that tells whether an alignment can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.average import same_field
from hyperspy_smartalign.plotting.drift import DriftPath, draw_path, rate_words
from hyperspy_smartalign.plotting.image import grey_limits, show_image
from hyperspy_smartalign.plotting.matrices import Cells, Matrix
from hyperspy_smartalign.plotting.shifts import colour_limit, draw_matrix, shift_bar
from hyperspy_smartalign.plotting.style import (
    DIVERGING,
    SMALL,
    TITLE,
    FigureLike,
    new_figure,
)
from hyperspy_smartalign.plotting.units import pixel_size

if TYPE_CHECKING:
    from hyperspy_smartalign.rigid import PairTable
    from hyperspy_smartalign.transforms import Alignment

# Height of the row of matrices, in inches.
_BELOW = 3.7


def plot_summary(
    alignment: Alignment,
    pairs: PairTable | None = None,
    *,
    frame: npt.ArrayLike,
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    title: str = "",
    fig: FigureLike | None = None,
) -> dict[str, Axes]:
    """Plot a frame, the averages before and after, the shift matrices and the drift, all in one.

    Parameters
    ----------
    alignment : Alignment
        The alignment; gives shifts, calibration and the place of `after`.
    pairs : PairTable, optional
        Shifts measured between pairs, for the raw half of the matrices.
    frame : (h, w) array-like
        One frame as it was recorded.
    before : (h, w) array-like
        Average of the frames as they were recorded.
    after : (H, W) array-like
        Average of the aligned frames, on the canvas of the alignment.
    title : str
        Title of the whole figure.
    fig : Figure or SubFigure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    dict of str to Axes
        Keys "frame", "before", "after", "y", "x", "drift".

    Raises
    ------
    ValueError
        If an image does not fit the alignment.

    Notes
    -----
    All images show the field of `after`; the averages have the same grey levels. Matrices show raw
    shifts below the diagonal and those of the solution above it, both as later minus earlier
    frame: where the solution agrees with what was measured, they are mirror images.
    """
    origin = alignment.canvas.origin
    images = {
        "frame": same_field(frame, after, origin=origin)[0],
        **dict(zip(("before", "after"), same_field(before, after, origin=origin), strict=True)),
    }
    above = _height(images["after"].shape)
    figure = new_figure((11.0, above + _BELOW)) if fig is None else fig
    # Two figures, so that the colour bars below do not narrow the images above.
    parts = figure.subfigures(2, 1, height_ratios=(above, _BELOW), squeeze=False)
    made: dict[str, Axes] = {
        **parts[0, 0].subplot_mosaic([["frame", "before", "after"]]),
        **parts[1, 0].subplot_mosaic([["y", "x", "drift"]]),
    }
    _draw_images(made, images, alignment)
    cells = Cells.of(alignment.excluded)
    for k, name in enumerate(("y", "x")):
        _draw_halves(made[name], alignment, pairs, cells, component=k)
    path = DriftPath.of(alignment)
    draw_path(made["drift"], path)
    rates = [f"{name}: {words}" for k, name in enumerate("yx") if (words := rate_words(path, k))]
    made["drift"].set_title("\n".join(["drift path", *rates]), fontsize=TITLE)
    if title:
        # A $ in a title is no formula.
        figure.suptitle(title, fontsize=TITLE + 2, parse_math=False)
    return made


def _draw_images(
    made: dict[str, Axes], images: dict[str, npt.NDArray[np.floating]], alignment: Alignment
) -> None:
    units = alignment.frame_units
    scale = pixel_size(alignment.frame_scale, units)
    averages = grey_limits(images["before"], images["after"])
    count = int(np.count_nonzero(~alignment.excluded))
    titles = {
        "frame": "one frame",
        "before": f"average of {count} frames, before",
        "after": f"average of {count} frames, aligned",
    }
    for name, image in images.items():
        show_image(
            made[name],
            image,
            title=titles[name],
            scale=scale,
            units=units,
            limits=grey_limits(image) if name == "frame" else averages,
        )


def _draw_halves(
    ax: Axes, alignment: Alignment, pairs: PairTable | None, cells: Cells, *, component: int
) -> None:
    """Raw shifts below the diagonal and solved ones above it, both later minus earlier frame."""
    solved = cells.differences(alignment.shifts[:, component])
    limit = colour_limit(solved, None if pairs is None else pairs.shifts[:, component])
    name = "yx"[component]

    def cut(matrix: Matrix) -> Matrix:
        below, above = cells.lower(matrix), cells.upper(matrix)
        return below if pairs is None else np.where(np.isnan(below), above, below)

    if pairs is None:
        matrix, beyond = cells.lower(solved), False
        title = f"{name} shift between frames"
    else:
        raw = cells.lower(cells.matrix(pairs, pairs.shifts[:, component], sign=-1))
        beyond = bool(np.nanmax(np.abs(raw), initial=0.0) > limit * (1 + 1e-9))
        # The transpose, so that both halves are the later minus the earlier frame.
        matrix = np.where(np.isnan(raw), cells.upper(solved.T), raw)
        title = f"{name} shift between frames\nlower half measured, upper half solved"
    image = draw_matrix(ax, matrix, cells, cut=cut, cmap=DIVERGING, limit=limit)
    ax.set_title(title, fontsize=TITLE)
    ax.set_xlabel("frame", fontsize=SMALL + 1)
    ax.set_ylabel("frame", fontsize=SMALL + 1)
    shift_bar(image, ax, alignment, component=component, beyond=beyond)


def _height(shape: tuple[int, ...]) -> float:
    """Height in inches of a row of three images of this shape."""
    return 0.4 + float(np.clip(3.5 * shape[0] / shape[1], 1.4, 5.5))
