"""Displacement inside one frame: maps of both components, and arrows over an image."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from hyperspy_smartalign.plotting.image import grey_limits, show_image
from hyperspy_smartalign.plotting.style import (
    DIVERGING,
    ORANGE,
    SMALL,
    TITLE,
    AxesArray,
    FigureLike,
    panels,
    small_ticks,
    whole_numbers,
)
from hyperspy_smartalign.plotting.units import (
    is_calibrated,
    pixel_size,
    readable,
    round_length,
)

if TYPE_CHECKING:
    from hyperspy_smartalign.transforms import Alignment

_COMPONENTS = ("y", "x")
# The longest arrow spans this many of the distances between arrows.
_REACH = 1.2


def plot_displacement(
    alignment: Alignment,
    frame: int,
    *,
    image: npt.ArrayLike | None = None,
    mean_shift: bool = False,
    limit: float | None = None,
    arrows: int = 16,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot where the content of one frame is displaced to: maps of y and x, and arrows.

    Displacement is positive towards higher pixel numbers. Both maps have the same colours, in
    pixels and in physical units where these are alike along y and x. Arrows start where content
    belongs and point to where the frame has it; they are drawn magnified, with a key.

    Parameters
    ----------
    alignment : Alignment
        The alignment.
    frame : int
        Number of the frame in the series.
    image : (h, w) array-like, optional
        Drawn under the arrows: an image of the canvas, such as the average of the aligned frames.
    mean_shift : bool
        Leave the mean over the canvas in. By default it is taken off, as it is mostly far larger
        than what remains.
    limit : float, optional
        Colours reach from minus to plus this, px; by default to the largest displacement. Give it
        to compare frames.
    arrows : int
        Arrows along the longer side.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : three Axes, optional
        Axes to use instead: y, x, arrows.

    Returns
    -------
    (3,) array of Axes
        y, x, arrows.

    Raises
    ------
    IndexError
        If there is no such frame.
    ValueError
        If the image is not one of the canvas, `limit` or `arrows` is not positive, or `axes` do
        not fit.
    """
    arrows = operator.index(arrows)
    if arrows < 1:
        raise ValueError(f"arrows={arrows} must be 1 or more.")
    if limit is not None and not (math.isfinite(limit) and limit > 0):
        raise ValueError(f"limit={limit!r} must be a displacement in pixels above 0, or None.")
    field = alignment.displacement_field(frame)
    under = _under(image, alignment)
    if not mean_shift:
        field = field - field.mean(axis=(1, 2), keepdims=True)
    largest = float(np.abs(field).max())
    # What comes of rounding is no displacement.
    if largest < 1e-9:
        field, largest = np.zeros_like(field), 0.0
    reach = limit or largest or 1.0
    h, w = field.shape[1:]
    aspect = _aspect(alignment)
    height = float(np.clip(3.0 * h * aspect / w, 1.4, 6.5)) + 0.9
    made: AxesArray = panels((1, 3), fig=fig, axes=axes, size=(11.5, height))[0]
    number = frame % alignment.n_frames
    for k, ax in enumerate(made[:2]):
        drawn = _draw_map(ax, field[k], alignment, limit=reach, aspect=aspect)
        rms = float(np.sqrt(np.mean(field[k] ** 2)))
        ax.set_title(
            f"frame {number}: {_COMPONENTS[k]} displacement, {rms:#.2g} px rms", fontsize=TITLE
        )
    beyond = largest > reach * (1 + 1e-9)
    _colour_bar(made, drawn, alignment, beyond=beyond, inside=axes is not None)
    _draw_arrows(made[2], field, under, alignment, arrows=arrows, aspect=aspect)
    return made


def _under(image: npt.ArrayLike | None, alignment: Alignment) -> npt.NDArray[np.float64] | None:
    if image is None:
        return None
    pixels = np.asarray(image)
    if pixels.shape != alignment.canvas.shape or pixels.dtype.kind not in "biuf":
        raise ValueError(
            f"image must be a real image of the canvas {alignment.canvas.shape} px (y, x), not an "
            f"array of shape {pixels.shape} and type {pixels.dtype}; give the average of the "
            "aligned frames."
        )
    return pixels.astype(np.float64)


def _aspect(alignment: Alignment) -> float:
    """Height of a pixel over its width, where both are known in the same unit."""
    y, x = pixel_size(alignment.frame_scale, alignment.frame_units)
    return abs(y / x) if alignment.frame_units[0] == alignment.frame_units[1] else 1.0


def _draw_map(
    ax: Axes,
    values: npt.NDArray[np.float64],
    alignment: Alignment,
    *,
    limit: float,
    aspect: float,
) -> AxesImage:
    canvas = alignment.canvas
    image = ax.imshow(
        values,
        cmap=DIVERGING,
        vmin=-limit,
        vmax=limit,
        aspect=aspect,
        interpolation="nearest",
        extent=(canvas.left - 0.5, canvas.right - 0.5, canvas.bottom - 0.5, canvas.top - 0.5),
    )
    ax.set_xlabel("x (px)", fontsize=SMALL)
    ax.set_ylabel("y (px)", fontsize=SMALL)
    whole_numbers(ax)
    small_ticks(ax)
    return image


def _colour_bar(
    made: AxesArray, image: AxesImage, alignment: Alignment, *, beyond: bool, inside: bool
) -> None:
    """One bar for both maps, in px and in physical units where those are the same along y and x.

    It is as high as a map. In axes that were given it takes its room from those of the maps.
    """
    units, scales = alignment.frame_units, np.abs(alignment.frame_scale)
    both = is_calibrated(units[0]) and units[0] == units[1] and bool(np.isclose(*scales))
    place: dict[str, Any] = {"ax": list(made[:2]), "fraction": 0.03, "pad": 0.02}
    if not inside:
        place = {"cax": made[1].inset_axes((1.17 if both else 1.04, 0.0, 0.045, 1.0))}
    bar = made[1].figure.colorbar(image, extend="both" if beyond else "neither", **place)
    bar.set_label("px", fontsize=SMALL, labelpad=1)
    bar.ax.tick_params(labelsize=SMALL)
    if not both:
        return
    factor, shown = readable(image.get_clim()[1] * scales[0], units[0])
    per_pixel = float(scales[0] * factor)
    other = bar.ax.secondary_yaxis(
        "left",
        functions=(lambda px: np.multiply(px, per_pixel), lambda size: np.divide(size, per_pixel)),
    )
    other.set_ylabel(shown, fontsize=SMALL, labelpad=1)
    other.tick_params(labelsize=SMALL)


def _draw_arrows(
    ax: Axes,
    field: npt.NDArray[np.float64],
    image: npt.NDArray[np.float64] | None,
    alignment: Alignment,
    *,
    arrows: int,
    aspect: float,
) -> None:
    h, w = field.shape[1:]
    if image is None:
        ax.set(xlim=(-0.5, w - 0.5), ylim=(h - 0.5, -0.5), xticks=[], yticks=[])
        ax.set_aspect(aspect)
        ax.set_facecolor("0.35")
    else:
        show_image(
            ax,
            image,
            title="",
            scale=pixel_size(alignment.frame_scale, alignment.frame_units),
            units=alignment.frame_units,
            limits=grey_limits(image),
        )
    step = max(1.0, max(h, w) / arrows)
    rows, columns = (_spread(size, step) for size in (h, w))
    sampled = field[:, rows[:, None], columns]
    longest = float(np.hypot(*sampled).max())
    if longest == 0:
        ax.set_title("no displacement", fontsize=TITLE)
        return
    magnified = _REACH * step / longest
    drawn = ax.quiver(
        *np.meshgrid(columns, rows),
        sampled[1],
        sampled[0],
        angles="xy",
        scale_units="xy",
        scale=1 / magnified,
        units="width",
        width=0.007,
        minlength=0.5,
        color=ORANGE,
        edgecolor="black",
        linewidth=0.3,
        zorder=3,
    )
    ax.set_title(f"displacement, {magnified:.2g} times magnified", fontsize=TITLE)
    length = round_length(longest)
    # Below the axes, level with the tick labels of the maps.
    ax.quiverkey(
        drawn,
        0.8,
        -0.06,
        length,
        f"{length:g} px",
        coordinates="axes",
        labelpos="E",
        color=ORANGE,
        fontproperties={"size": SMALL},
    )


def _spread(size: int, step: float) -> npt.NDArray[np.intp]:
    """Pixels about a step apart, with the same margin at both ends."""
    count = max(1, round(size / step))
    return ((np.arange(count) + 0.5) * size / count).astype(np.intp)
