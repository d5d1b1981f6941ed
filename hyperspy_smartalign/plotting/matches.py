"""Places of matches on an image: accepted candidates in red, rejected ones in blue."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hyperspy_smartalign.plotting.image import Limits, grey_limits, show_image
from hyperspy_smartalign.plotting.legends import legend_of
from hyperspy_smartalign.plotting.style import FigureLike, panels
from hyperspy_smartalign.plotting.units import pixel_size

# Red and blue of equal strength, which colour-blind readers tell apart; the shapes differ as well.
ACCEPTED = "#E0001B"
REJECTED = "#1450FF"

# Diameter of a marker: this part of the distance to the next one, within limits, in points.
_SHARE_OF_SPACING = 0.34
_SIZES = (3.0, 6.0)
# Figures are wider where markers are many, within limits in inches.
_INCHES_A_MARKER = 0.14
_WIDTHS = (6.0, 9.0)


class MatchMarkers:
    """Markers on an axes that can be changed.

    Accepted places are filled red circles with a white rim, rejected ones blue crosses with a
    white halo, so that both show on dark and on bright pixels.

    Parameters
    ----------
    ax : Axes
        Where the image is.
    size : float
        Diameter of a circle, points.
    """

    def __init__(self, ax: Axes, *, size: float) -> None:
        # Rim and halo stay thin where markers are small, or these would be white.
        rim = min(0.7, 0.09 * size)
        stroke = max(0.8, 0.22 * size)
        cross: dict[str, Any] = {
            "linestyle": "none",
            "marker": "x",
            "markersize": 0.9 * size,
        }
        self._halo = ax.plot([], [], color="white", markeredgewidth=stroke + 2 * rim, **cross)[0]
        self._rejected = ax.plot(
            [], [], color=REJECTED, markeredgewidth=stroke, label="rejected", **cross
        )[0]
        self._accepted = ax.plot(
            [],
            [],
            linestyle="none",
            marker="o",
            markersize=size,
            markerfacecolor=ACCEPTED,
            markeredgecolor="white",
            markeredgewidth=rim,
            label="accepted",
        )[0]

    @property
    def handles(self) -> list[Line2D]:
        """What a legend explains: accepted and rejected."""
        return [self._accepted, self._rejected]

    @property
    def artists(self) -> list[Line2D]:
        """All that is drawn, the lowest first."""
        return [self._halo, self._rejected, self._accepted]

    def show(self, places: npt.NDArray[np.float64], accepted: npt.NDArray[np.bool_]) -> None:
        """Mark other places (n, 2), those under the mask as accepted."""
        y, x = places.T
        self._accepted.set_data(x[accepted], y[accepted])
        for line in (self._halo, self._rejected):
            line.set_data(x[~accepted], y[~accepted])


def plot_matches(
    image: npt.ArrayLike,
    places: npt.ArrayLike,
    *,
    accepted: npt.ArrayLike | None = None,
    tile_shape: tuple[int, int] | None = None,
    angles: npt.ArrayLike = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    units: tuple[str, str] = ("px", "px"),
    size: float | None = None,
    limits: Limits | None = None,
    title: str | None = None,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> Axes:
    """Mark the places of matches on the image that was searched.

    Parameters
    ----------
    image : (h, w) array-like
        The image; pixels that are NaN stay white.
    places : (n, 2) array-like
        Centres of the candidates, (y, x) px.
    accepted : (n,) bool array-like, optional
        Which of them are matches; all by default.
    tile_shape : (rows, columns), optional
        Draw the outlines of the accepted tiles, which are of that size in px.
    angles : float or (n,) array-like
        How each tile is turned, degrees counter-clockwise on the screen; only outlines show it.
    scale : (y, x)
        Size of a pixel.
    units : (y, x)
        Its units; "px" where it has none.
    size : float, optional
        Diameter of the markers, points; by default smaller the denser they are.
    limits : (black, white), optional
        Grey levels; by default nearly all pixels are between.
    title : str, optional
        By default the numbers of accepted and rejected places.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : Axes, optional
        Axes to use instead.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        The image is not one real image, or places, mask and angles do not fit each other.
    """
    pixels = np.asarray(image)
    if pixels.ndim != 2 or 0 in pixels.shape or pixels.dtype.kind not in "biuf":
        raise ValueError(f"image has shape {pixels.shape}, {pixels.dtype}; give one real image.")
    centres, good = checked_places(places, accepted)
    turns = _angles(angles, len(centres))
    figure_size = figure_size_of(pixels.shape, pixel_size(scale, units), units, n=len(centres))
    ax = cast("Axes", panels((1, 1), fig=fig, axes=axes, size=figure_size)[0, 0])
    show_image(
        ax,
        pixels.astype(np.result_type(pixels.dtype, np.float32)),
        title=counted(good) if title is None else title,
        scale=pixel_size(scale, units),
        units=units,
        limits=grey_limits(pixels) if limits is None else limits,
    )
    # Places beside the image would widen it.
    ax.autoscale(False)
    if tile_shape is not None:
        draw_outlines(ax, centres[good], tile_shape=tile_shape, angles=turns[good])
    if size is None:
        size = marker_size(ax, len(centres), pixels.shape)
    markers = MatchMarkers(ax, size=size)
    markers.show(centres, good)
    if not good.all():
        legend_of(ax, markers.handles, outside=axes is None, loc="lower center")
    return ax


def draw_outlines(
    ax: Axes,
    places: npt.NDArray[np.float64],
    *,
    tile_shape: tuple[int, int],
    angles: npt.NDArray[np.float64],
) -> PolyCollection:
    """Draw the borders of tiles; angles (n,) in degrees, counter-clockwise on the screen."""
    h, w = tile_shape
    # Pixels reach half a pixel beyond the centres of the outermost.
    y, x = np.array([(-h, -w), (-h, w), (h, w), (h, -w)], np.float64).T / 2
    turn = np.deg2rad(angles)[:, None]
    corners = np.stack(
        [
            places[:, 1, None] + x * np.cos(turn) + y * np.sin(turn),
            places[:, 0, None] - x * np.sin(turn) + y * np.cos(turn),
        ],
        axis=-1,
    )
    outlines = PolyCollection(
        list(corners), facecolors="none", edgecolors=ACCEPTED, linewidths=0.7, alpha=0.7
    )
    ax.add_collection(outlines, autolim=False)
    return outlines


def checked_places(
    places: npt.ArrayLike, accepted: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Places (n, 2) and mask (n,).

    Raises
    ------
    ValueError
        They have other shapes.
    """
    centres = np.asarray(places, np.float64)
    if not centres.size:
        centres = np.empty((0, 2))
    if centres.ndim != 2 or centres.shape[1] != 2:
        raise ValueError(f"places has shape {centres.shape}; give one row (y, x) for each place.")
    n = len(centres)
    good = np.ones(n, np.bool_) if accepted is None else np.asarray(accepted, np.bool_)
    if good.shape != (n,):
        raise ValueError(f"accepted has shape {good.shape}; give one value for each of {n} places.")
    return centres, good


def counted(accepted: npt.NDArray[np.bool_]) -> str:
    """How many candidates are matches, in words."""
    matches = int(np.count_nonzero(accepted))
    rejected = len(accepted) - matches
    text = f"{matches:,} match" + ("" if matches == 1 else "es")
    return f"{text}, {rejected:,} rejected" if rejected else text


def marker_size(
    ax: Axes,
    n: int,
    shape: tuple[int, ...],
    *,
    share: float = _SHARE_OF_SPACING,
    limits: tuple[float, float] = _SIZES,
) -> float:
    """Diameter in points of n markers on an image: a share of their spacing, within limits.

    The default leaves most of the image free.
    """
    figure = cast("Figure", ax.figure)
    box = ax.get_position()
    width = box.width * figure.bbox.width / figure.dpi * 72
    height = box.height * figure.bbox.height / figure.dpi * 72
    # Points for a pixel where the image fits into the axes.
    factor = min(height / shape[0], width / shape[1])
    spacing = factor * math.sqrt(shape[0] * shape[1] / max(n, 1))
    return float(np.clip(share * spacing, *limits))


def figure_size_of(
    shape: tuple[int, ...], scale: tuple[float, float], units: tuple[str, str], *, n: int
) -> tuple[float, float]:
    """Width and height in inches of a figure of one image with n markers."""
    factor = abs(scale[0] / scale[1]) if units[0] == units[1] else 1.0
    tall = shape[0] * factor / shape[1]
    width = float(np.clip(_INCHES_A_MARKER * math.sqrt(n / tall), *_WIDTHS))
    return width, float(np.clip(width * tall, 2.0, 9.0)) + 0.8


def _angles(angles: npt.ArrayLike, n: int) -> npt.NDArray[np.float64]:
    turns = np.asarray(angles, np.float64)
    if turns.shape not in ((), (n,)):
        raise ValueError(
            f"angles has shape {turns.shape}; give one, or one for each of {n} places."
        )
    return np.broadcast_to(turns, (n,))
