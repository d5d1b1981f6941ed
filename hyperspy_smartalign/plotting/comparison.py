"""What an alignment changed: averages, a part of them enlarged, and power spectra."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from hyperspy_smartalign.plotting.average import same_field
from hyperspy_smartalign.plotting.image import (
    Spectrum,
    grey_limits,
    power_spectrum,
    show_image,
    show_spectrum,
)
from hyperspy_smartalign.plotting.style import (
    ORANGE,
    FigureLike,
    new_figure,
)
from hyperspy_smartalign.plotting.units import pixel_size

Window = tuple[int, int, int, int]

# Of the power spectrum this part of the pixels is black.
_LOWEST = 0.4
# Sides of the enlarged part, px, unless that is more than the image has.
_SMALLEST, _LARGEST = 24, 96
_SIDES = ("before", "after")


def plot_comparison(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    *,
    origin: tuple[int, int] = (0, 0),
    scale: tuple[float, float] = (1.0, 1.0),
    units: tuple[str, str] = ("px", "px"),
    zoom: Sequence[int] | None = None,
    max_frequency: float | None = None,
    titles: tuple[str, str] = ("before", "after"),
    fig: FigureLike | None = None,
) -> dict[str, Axes]:
    """Plot two averages side by side, over an enlarged part and the power spectrum of each.

    Both show the same field, the same grey levels and the same range of power: where the alignment
    brought detail, spots appear in the outer part of the second spectrum.

    Parameters
    ----------
    before : (h, w) array-like
        Average before, such as that of the rigidly aligned frames; NaN where there is nothing.
    after : (H, W) array-like
        Average after; NaN where there is nothing.
    origin : (y, x)
        Pixel of `before` on which pixel (0, 0) of `after` lies. May be negative.
    scale : (y, x)
        Size of a pixel.
    units : (y, x)
        Its units; "px" where it has none.
    zoom : (left, right, top, bottom), optional
        Part to enlarge, in pixels of what both show; right and bottom are not included. By default
        the middle quarter of the width, 24 to 96 px.
    max_frequency : float, optional
        Show the spectra up to this frequency, in 1/`units`. By default a little beyond the last
        frequency at which `after` stands above its noise.
    titles : (str, str)
        Titles of the two images.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.

    Returns
    -------
    dict of str to Axes
        Keys "before", "after", "before zoom", "after zoom", "before spectrum", "after spectrum".

    Raises
    ------
    ValueError
        If an image is not two-dimensional, the two have no pixel in common, or `zoom` is not a
        part of what both show.

    Notes
    -----
    The spectra are decadic logarithms of the power under a Hann window, the mean taken off before.
    Pixels that nothing observed count as mean.
    """
    scale = pixel_size(scale, units)
    images = dict(zip(_SIDES, same_field(before, after, origin=origin), strict=True))
    h, w = images["after"].shape
    window = _window(zoom, (h, w))
    spectra = {side: power_spectrum(images[side], scale=scale, units=units) for side in _SIDES}
    if max_frequency is None:
        signal = spectra["after"].signal_frequency
        max_frequency = 1.25 * signal if signal > 0 else None
    tall = h / w * (abs(scale[0] / scale[1]) if units[0] == units[1] else 1.0)
    heights = (float(np.clip(4.6 * tall, 1.4, 7.0)), 2.5)
    figure = new_figure((10.0, sum(heights) + 0.9)) if fig is None else fig
    made = _axes(figure, heights)
    limits, power = grey_limits(*images.values()), power_limits(*spectra.values())
    for side, title in zip(_SIDES, titles, strict=True):
        show_image(made[side], images[side], title=title, scale=scale, units=units, limits=limits)
        _outline(made[side], window)
        left, right, top, bottom = window
        show_image(
            made[f"{side} zoom"],
            images[side][top:bottom, left:right],
            title="enlarged",
            scale=scale,
            units=units,
            limits=limits,
        )
        made[f"{side} zoom"].spines[:].set(color=ORANGE, linewidth=1.5)
        show_spectrum(
            made[f"{side} spectrum"],
            spectra[side],
            title="power spectrum",
            limits=power,
            max_frequency=max_frequency,
        )
    return made


def _axes(figure: FigureLike, heights: tuple[float, float]) -> dict[str, Axes]:
    """Images above, and below each of them its enlarged part and its spectrum."""
    layout: Any = [
        ["before", "before", "after", "after"],
        ["before zoom", "before spectrum", "after zoom", "after spectrum"],
    ]
    made: dict[str, Axes] = figure.subplot_mosaic(layout, height_ratios=heights)
    return made


def _outline(ax: Axes, window: Window) -> None:
    left, right, top, bottom = window
    ax.add_patch(
        Rectangle(
            (left - 0.5, top - 0.5),
            right - left,
            bottom - top,
            fill=False,
            edgecolor=ORANGE,
            linewidth=1.2,
        )
    )


def power_limits(*spectra: Spectrum) -> tuple[float, float]:
    """Grey levels that show all the spectra alike."""
    high = max(float(np.quantile(s.log_power, 0.9999)) for s in spectra)
    low = min(float(np.quantile(s.log_power, _LOWEST)) for s in spectra)
    return low, max(high, low + 1.0)


def _window(zoom: Sequence[int] | None, shape: tuple[int, int]) -> Window:
    h, w = shape
    if zoom is None:
        side = int(np.clip(w // 4, _SMALLEST, _LARGEST))
        height, width = min(side, h), min(side, w)
        top, left = (h - height) // 2, (w - width) // 2
        return left, left + width, top, top + height
    if len(zoom) != 4:
        raise ValueError(f"zoom={tuple(zoom)} must be (left, right, top, bottom) in pixels.")
    left, right, top, bottom = (operator.index(edge) for edge in zoom)
    if not (0 <= left < right <= w and 0 <= top < bottom <= h):
        raise ValueError(
            f"zoom (left, right, top, bottom) = {(left, right, top, bottom)} is not a part of the "
            f"field of {h} x {w} px (y, x) that both averages show."
        )
    return left, right, top, bottom
