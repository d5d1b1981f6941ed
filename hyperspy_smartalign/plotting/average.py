"""Averages before and after alignment, and their power spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.image import (
    Image,
    Spectrum,
    grey_limits,
    power_spectrum,
    show_image,
    show_spectrum,
)
from hyperspy_smartalign.plotting.style import AxesArray, FigureLike, panels
from hyperspy_smartalign.plotting.units import pixel_size

# Pixels of the spectrum below this quantile of power are black.
_LOWEST = 0.3


def plot_average(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    *,
    origin: tuple[int, int] = (0, 0),
    scale: tuple[float, float] = (1.0, 1.0),
    units: tuple[str, str] = ("px", "px"),
    max_frequency: float | None = None,
    titles: tuple[str, str] = ("average before", "average after"),
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot the averages before and after alignment over their power spectra.

    Both show the same field, the same grey levels and the same range of power.

    Parameters
    ----------
    before : (h, w) array-like
        Average of the frames as they were recorded; NaN where there is nothing.
    after : (H, W) array-like
        Average of the aligned frames; NaN where there is nothing.
    origin : (y, x)
        Pixel of `before` on which pixel (0, 0) of `after` lies: the origin of the canvas. May be
        negative.
    scale : (y, x)
        Size of a pixel.
    units : (y, x)
        Its units; "px" where it has none.
    max_frequency : float, optional
        Show the spectra up to this frequency, in 1/`units`. By default a little beyond the last
        frequency at which `after` stands above its noise.
    titles : (str, str)
        Titles of the two images.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : (2, 2) array-like of Axes, optional
        Axes to use instead.

    Returns
    -------
    (2, 2) array of Axes
        Images in the first row, spectra in the second; before in the first column.

    Raises
    ------
    ValueError
        If an image is not two-dimensional, the two have no pixel in common, or `axes` do not fit.

    Notes
    -----
    The spectra are decadic logarithms of the power under a Hann window, mean taken off. Pixels that
    nothing observed count as mean.
    """
    scale = pixel_size(scale, units)
    first, second = same_field(before, after, origin=origin)
    limits = grey_limits(first, second)
    spectra = [power_spectrum(image, scale=scale, units=units) for image in (first, second)]
    if max_frequency is None:
        signal = spectra[1].signal_frequency
        max_frequency = 1.25 * signal if signal > 0 else None
    h, w = first.shape
    tall = h * abs(scale[0]) / (w * abs(scale[1])) if units[0] == units[1] else h / w
    left, right, bottom, top = spectra[1].within(max_frequency)
    ratios = (tall, (bottom - top) / (right - left) if units[0] == units[1] else 1.0)
    heights = [float(np.clip(3.6 * ratio, 1.6, 7.0)) for ratio in ratios]
    made = panels((2, 2), fig=fig, axes=axes, size=(8.4, sum(heights) + 1.2), height_ratios=heights)
    powers = power_limits(*spectra)
    for k, (image, spectrum) in enumerate(zip((first, second), spectra, strict=True)):
        show_image(made[0, k], image, title=titles[k], scale=scale, units=units, limits=limits)
        show_spectrum(
            made[1, k],
            spectrum,
            title=f"power spectrum of the {titles[k]}",
            limits=powers,
            max_frequency=max_frequency,
        )
    return made


def power_limits(*spectra: Spectrum) -> tuple[float, float]:
    """Logarithms of power that show all the spectra alike, from black to white."""
    high = max(float(np.quantile(s.log_power, 0.9999)) for s in spectra)
    low = min(float(np.quantile(s.log_power, _LOWEST)) for s in spectra)
    return low, max(high, low + 1.0)


def same_field(
    before: npt.ArrayLike, after: npt.ArrayLike, *, origin: tuple[int, int]
) -> tuple[Image, Image]:
    """The parts of two images that show the same field.

    Parameters
    ----------
    before, after : (h, w) and (H, W) array-like
    origin : (y, x)
        Pixel of `before` on which pixel (0, 0) of `after` lies.

    Returns
    -------
    before, after : two arrays of the same shape

    Raises
    ------
    ValueError
        If an image is not two-dimensional or complex, or the two have no pixel in common.
    """
    images = [np.asarray(before), np.asarray(after)]
    for name, image in zip(("before", "after"), images, strict=True):
        if image.ndim != 2 or 0 in image.shape or image.dtype.kind not in "biuf":
            raise ValueError(
                f"{name} must be a real image (height, width), not an array of shape "
                f"{image.shape} and type {image.dtype}."
            )
    windows = []
    for size, inner, start in zip(images[0].shape, images[1].shape, origin, strict=True):
        low, high = max(0, start), min(size, start + inner)
        if high <= low:
            raise ValueError(
                f"before {images[0].shape} and after {images[1].shape} at origin {tuple(origin)} "
                "have no pixel in common; origin= is the origin of the alignment's canvas."
            )
        windows.append((low, high, start))
    outer = tuple(slice(low, high) for low, high, _ in windows)
    inner_part = tuple(slice(low - start, high - start) for low, high, start in windows)
    first, second = images[0][outer], images[1][inner_part]
    return (
        first.astype(np.result_type(first, np.float32)),
        second.astype(np.result_type(second, np.float32)),
    )
