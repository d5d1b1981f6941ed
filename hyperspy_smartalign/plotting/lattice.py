"""Figure of a lattice: base vectors on the image, indexed spots on its power spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from hyperspy_smartalign.plotting.image import (
    Image,
    Spectrum,
    grey_limits,
    power_spectrum,
    show_image,
    show_spectrum,
)
from hyperspy_smartalign.plotting.style import (
    ORANGE,
    SMALL,
    VERMILION,
    AxesArray,
    FigureLike,
    panels,
)
from hyperspy_smartalign.plotting.units import with_error
from hyperspy_smartalign.quality.lattice import Lattice

# Orange and sky blue of the palette of Okabe and Ito (2008), which show on dark and bright greys.
_COLOURS = {"a": ORANGE, "b": "#56B4E9"}
# Vectors are drawn as a round number of cells about this part of the image long.
_PART_OF_IMAGE = 0.2
# Spots of this order and below get their indices written beside them.
_LABELLED_ORDER = 2
_HALO = [withStroke(linewidth=2, foreground="black")]


def plot_lattice(
    image: npt.ArrayLike,
    lattice: Lattice,
    *,
    max_frequency: float | None = None,
    title: str | None = None,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot the base vectors on the image, and the spots that belong to them on its spectrum.

    Parameters
    ----------
    image : (h, w) array-like
        What the lattice was measured on; NaN where there is none.
    lattice : Lattice
        Its scale and units calibrate the axes.
    max_frequency : float, optional
        Highest frequency shown, in 1/units; a little above the outermost spot unless given.
    title : str, optional
        Of the image; lengths, angle and their standard errors unless given.
    fig : Figure or SubFigure, optional
        Where to draw; a new figure unless given.
    axes : two Axes, optional
        Axes to use: image, spectrum.

    Returns
    -------
    (2,) array of matplotlib.axes.Axes

    Raises
    ------
    ValueError
        The image is not a real image, or `fig` and `axes` are both given.
    """
    pixels = np.asarray(image)
    if pixels.ndim != 2 or pixels.dtype.kind not in "biuf":
        raise ValueError(f"image has shape {pixels.shape}, {pixels.dtype}; give one real image.")
    picture = pixels.astype(np.float64)
    left, right = panels((1, 2), fig=fig, axes=axes, size=(9.0, 5.0)).ravel()
    units = lattice.units, lattice.units
    show_image(
        left,
        picture,
        title=_described(lattice) if title is None else title,
        scale=lattice.scale,
        units=units,
        limits=grey_limits(picture),
    )
    if title is None:
        left.title.set_fontsize(SMALL)
    _draw_vectors(left, picture, lattice)
    spectrum = power_spectrum(picture, scale=lattice.scale, units=units)
    places = (lattice.spots @ lattice.reciprocal) / np.asarray(lattice.scale)
    if max_frequency is None:
        max_frequency = 1.15 * float(np.abs(places).max())
    show_spectrum(
        right,
        spectrum,
        title="spots of the lattice",
        limits=_spectrum_limits(spectrum),
        max_frequency=max_frequency,
    )
    _mark_spots(right, lattice, places, max_frequency)
    return np.array([left, right], dtype=object)


def _draw_vectors(ax: Axes, picture: Image, lattice: Lattice) -> None:
    """Arrows from the middle, each as many cells long as makes them easy to see."""
    middle = (np.array(picture.shape) - 1) / 2
    longest = float(np.linalg.norm(lattice.vectors, axis=1).max())
    cells = max(1, round(_PART_OF_IMAGE * min(picture.shape) / longest))
    for name, vector in zip("ab", lattice.vectors, strict=True):
        tip = middle + cells * vector
        ax.annotate(
            "",
            xy=(tip[1], tip[0]),
            xytext=(middle[1], middle[0]),
            arrowprops={
                "arrowstyle": "-|>",
                "color": _COLOURS[name],
                "linewidth": 2,
                "shrinkA": 0,
                "shrinkB": 0,
                "path_effects": _HALO,
            },
        )
        beyond = tip + vector / np.linalg.norm(vector) * 0.035 * min(picture.shape)
        ax.text(
            beyond[1],
            beyond[0],
            f"${cells if cells > 1 else ''}{name}$",
            color=_COLOURS[name],
            ha="center",
            va="center",
            path_effects=_HALO,
        )


def _mark_spots(
    ax: Axes, lattice: Lattice, places: npt.NDArray[np.float64], max_frequency: float
) -> None:
    """A circle around each spot, and the indices of the lowest orders."""
    shown = (np.abs(places) <= max_frequency).all(axis=1)
    both = np.concatenate([places[shown], -places[shown]])
    ax.plot(
        both[:, 1], both[:, 0], "o", mfc="none", mec=VERMILION, ms=9, mew=1.0, ls="none", zorder=3
    )
    for (h, k), (y, x) in zip(lattice.spots[shown], places[shown], strict=True):
        if max(abs(h), abs(k)) <= _LABELLED_ORDER:
            ax.annotate(
                f"{_index(h)}{_index(k)}",
                (x, y),
                xytext=(6, 6),
                textcoords="offset points",
                color="white",
                fontsize=SMALL,
                path_effects=_HALO,
            )


def _spectrum_limits(spectrum: Spectrum) -> tuple[float, float]:
    """Greys from the noise to the spots."""
    low, high = np.quantile(spectrum.log_power, (0.3, 0.9999))
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def _index(number: int) -> str:
    r"""An index as crystallographers write it, negative ones with a bar."""
    return f"$\\overline{{{-number}}}$" if number < 0 else f"{number}"


def _described(lattice: Lattice) -> str:
    (a, b), (da, db) = lattice.lengths, lattice.length_errors
    return (
        f"a = {with_error(a, da)} {lattice.units}, b = {with_error(b, db)} {lattice.units}\n"
        f"angle {with_error(lattice.angle, lattice.angle_error)}°, "
        f"|b|/|a| {with_error(lattice.ratio, lattice.ratio_error)}"
    )
