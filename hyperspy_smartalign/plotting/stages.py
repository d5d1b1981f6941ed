"""One frame and the averages of a series side by side, over their power spectra."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.plotting.average import power_limits
from hyperspy_smartalign.plotting.image import (
    grey_limits,
    power_spectrum,
    show_image,
    show_spectrum,
)
from hyperspy_smartalign.plotting.style import AxesArray, FigureLike, panels
from hyperspy_smartalign.plotting.units import pixel_size

# Inches a panel is wide unless there is less room.
_WIDTH = 2.4
# Part of that which the image is wide: ticks and labels take the rest.
_INSIDE = 0.87
# Least and most height of an image, in widths of it.
_TALL = (0.4, 1.7)
# Inches for a title, and for ticks and label below a spectrum.
_TITLE, _LABEL = 0.3, 0.4


def stages_size(
    count: int, shape: tuple[int, ...], *, widest: float = math.inf
) -> tuple[float, float]:
    """Inches (width, height) that `plot_stages` needs for so many images of a shape."""
    width = min(_WIDTH, widest / count)
    return width * count, _INSIDE * width * (_tall(shape) + 1) + 2 * _TITLE + _LABEL


def plot_stages(
    images: Mapping[str, npt.NDArray[np.floating]],
    *,
    alone: Sequence[str] = (),
    scale: tuple[float, float] = (1.0, 1.0),
    units: tuple[str, str] = ("px", "px"),
    fig: FigureLike | None = None,
) -> AxesArray:
    """Plot images in the first row and their power spectra in the second.

    Parameters
    ----------
    images : mapping of str to (h, w) array
        Titles and images of one shape; NaN where there is nothing. The last is the best one: it
        says up to which frequency the spectra are shown.
    alone : sequence of str
        Titles of images with grey levels of their own; the others share theirs.
    scale : (y, x)
        Size of a pixel.
    units : (y, x)
        Its units; "px" where it has none.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.

    Returns
    -------
    (2, n) array of Axes
    """
    scale = pixel_size(scale, units)
    pictures = list(images.values())
    shape = pictures[-1].shape
    layout: dict[str, Any] = {"height_ratios": (_tall(shape), 1.0)}
    size = stages_size(len(images), shape)
    made = panels((2, len(images)), fig=fig, axes=None, size=size, **layout)
    shared = [image for title, image in images.items() if title not in alone]
    spectra = [power_spectrum(image, scale=scale, units=units) for image in pictures]
    signal = spectra[-1].signal_frequency
    for column, (title, image) in enumerate(images.items()):
        show_image(
            made[0, column],
            image,
            title=title,
            scale=scale,
            units=units,
            limits=grey_limits(image) if title in alone else grey_limits(*shared),
        )
        show_spectrum(
            made[1, column],
            spectra[column],
            title="its power spectrum",
            limits=power_limits(*spectra),
            max_frequency=1.25 * signal if signal > 0 else None,
        )
        if column:
            made[1, column].set_ylabel("")
    return made


def _tall(shape: tuple[int, ...]) -> float:
    return float(np.clip(shape[0] / shape[1], *_TALL))
