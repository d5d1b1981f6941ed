"""Row jumps: one image before and after, with the offsets beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hyperspy_smartalign.plotting.style import (
    BLUE,
    GREY,
    SMALL,
    TITLE,
    AxesArray,
    FigureLike,
    panels,
    small_ticks,
)

# Strips longer than this many times their width are drawn one above the other.
_STRIP = 2.5
# Percent of the pixels that are drawn white, and black.
_CLIPPED = 0.5


def plot_row_jumps(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    offsets: npt.ArrayLike,
    *,
    errors: npt.ArrayLike | None = None,
    axis: int = 0,
    titles: tuple[str, str] = ("as recorded", "straightened"),
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot an image before and after its rows were straightened, and by how much each moved.

    The scan lines are drawn as rows, so that the offsets stand beside the rows they belong to;
    long strips are drawn lying, with the offsets below.

    Parameters
    ----------
    before, after : (h, w) array-like
        The image.
    offsets : (lines,) array-like
        Displacement of the content of each scan line along it, in pixels.
    errors : (lines,) array-like, optional
        Their standard errors; drawn as a band of twice that to both sides.
    axis : {0, 1}
        Axis along which scan lines follow each other.
    titles : (str, str)
        Above the two images.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : three Axes, optional
        Axes to use instead.

    Returns
    -------
    (3,) array of Axes
        Before, after, offsets.

    Raises
    ------
    ValueError
        If the shapes do not fit, `axes` are not three, or both `fig` and `axes` are given.
    """
    images = [np.asarray(image) for image in (before, after)]
    path = np.asarray(offsets, np.float64)
    if images[0].ndim != 2 or images[0].shape != images[1].shape or axis not in (0, 1):
        raise ValueError(
            f"before {images[0].shape} and after {images[1].shape} must be two images of one "
            f"shape, and axis={axis!r} 0 or 1."
        )
    if path.shape != (images[0].shape[axis],):
        raise ValueError(
            f"offsets have shape {path.shape}; give one for each of the {images[0].shape[axis]} "
            "scan lines."
        )
    lines, width = images[0].shape[axis], images[0].shape[1 - axis]
    strip = lines > _STRIP * width
    if strip:
        height = 10.0 * width / lines
        made = panels(
            (3, 1), fig=fig, axes=axes, size=(10.0, 2 * height + 3.2),
            **({} if axes is not None else {"sharex": True}),
        )[:, 0]  # fmt: skip
    else:
        made = panels(
            (1, 3), fig=fig, axes=axes, size=(11.0, 4.4),
            **({} if axes is not None else {"sharey": True, "width_ratios": (1, 1, 0.55)}),
        )[0]  # fmt: skip
    # Rows of the panel are scan lines, or columns where a strip lies.
    turn = (axis == 0) == strip
    aspect = "auto" if strip else "equal"
    finite = images[0][np.isfinite(images[0])]
    low, high = np.percentile(finite, (_CLIPPED, 100 - _CLIPPED)) if finite.size else (0.0, 1.0)
    for ax, image, title in zip(made, images, titles, strict=False):
        ax.imshow(image.T if turn else image, cmap="gray", vmin=low, vmax=high, aspect=aspect)
        ax.set_title(title, fontsize=TITLE)
        small_ticks(ax)
    _draw_offsets(made[2], path, errors, lying=strip)
    across, along = ("scan line", "along the line (px)")
    for ax in made[:2]:
        ax.set_ylabel(along if strip else across, fontsize=SMALL + 1)
        if not strip:
            ax.set_xlabel(along, fontsize=SMALL + 1)
    return made


def _draw_offsets(
    ax: Axes, path: npt.NDArray[np.float64], errors: npt.ArrayLike | None, *, lying: bool
) -> None:
    lines = np.arange(len(path))
    reach = max(1.2 * float(np.abs(path).max()), 0.05)
    draw_line = ax.axhline if lying else ax.axvline
    draw_line(0.0, color=GREY, linewidth=0.7)
    if errors is not None:
        spread = 2 * np.asarray(errors, np.float64)
        fill = ax.fill_between if lying else ax.fill_betweenx
        known = np.isfinite(spread)
        if known.any():
            # The first lines have large errors, which would hide all others.
            reach = max(reach, float(np.abs(path).max() + 1.5 * np.median(spread[known])))
        spread = np.where(known, spread, 0.0)
        fill(lines, path - spread, path + spread, where=known, color=BLUE, alpha=0.25, linewidth=0)
    ax.plot(*((lines, path) if lying else (path, lines)), color=BLUE, linewidth=0.9)
    ax.set_title("row offset ± 2 standard errors", fontsize=TITLE)
    if lying:
        ax.set_xlabel("scan line", fontsize=SMALL + 1)
        ax.set_ylabel("offset (px)", fontsize=SMALL + 1)
    else:
        ax.set_xlabel("offset (px)", fontsize=SMALL + 1)
        ax.set_ylim(len(path) - 0.5, -0.5)
        ax.xaxis.set_major_locator(MaxNLocator(5))
    (ax.set_ylim if lying else ax.set_xlim)(-reach, reach)
    ax.grid(color="0.92", linewidth=0.6)
    ax.set_axisbelow(True)
    small_ticks(ax)
