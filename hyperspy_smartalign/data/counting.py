"""Poisson counts of spectra that are sums of a few known shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import FloatArray
from hyperspy_smartalign.resampling.compiled import compiled

# Counts a channel below which it is quicker to draw one count after the other.
_SPARSE = 0.5
# Values that are drawn at a time, which bounds the memory.
_BLOCK = 1 << 22
_FULL = 65535


def expected_counts(weights: FloatArray, components: FloatArray, dose: float) -> FloatArray:
    """(..., e) sum of the components (k, e), each times its weights (k, ...) and the dose."""
    total: FloatArray = weights[0][..., np.newaxis] * components[0]
    for weight, shape in zip(weights[1:], components[1:], strict=True):
        total += weight[..., np.newaxis] * shape
    total *= dose
    return total


def draw_counts(
    weights: FloatArray, components: FloatArray, *, dose: float, rng: np.random.Generator
) -> npt.NDArray[Any]:
    """Poisson counts with the mean of `expected_counts`.

    Parameters
    ----------
    weights : (k, h, w) array
        How much of each component a pixel has.
    components : (k, e) array
        Spectra, 0 or more everywhere.
    dose : float
        Counts of a component whose weight and sum are 1.
    rng : numpy.random.Generator

    Returns
    -------
    (h, w, e) array of uint16
        A channel is full at 65,535.

    Notes
    -----
    Where there is less than about one count in two channels, the number of counts of each
    component and pixel is drawn first, and then the channel of each count. This has the same
    distribution and costs counts instead of channels.
    """
    strengths = components.sum(axis=1)
    shape = (*weights.shape[1:], components.shape[1])
    counts = np.zeros(shape, dtype=np.uint16)
    a_pixel = dose * np.tensordot(strengths, weights, axes=1)
    if a_pixel.mean() < _SPARSE * shape[-1] and a_pixel.max() < _FULL / 2:
        for weight, component, strength in zip(weights, components, strengths, strict=True):
            numbers = rng.poisson(dose * strength * weight).ravel()
            cumulative = np.cumsum(component) / strength
            # Rounding must leave no gap for a random number just below 1.
            cumulative[-1] = 1.0
            places = rng.random(int(numbers.sum()))
            _distribute(counts.reshape(-1, shape[-1]), numbers, places, cumulative)
        return counts
    rows = max(1, _BLOCK // (shape[1] * shape[2]))
    for first in range(0, shape[0], rows):
        block = slice(first, first + rows)
        drawn = rng.poisson(expected_counts(weights[:, block], components, dose))
        counts[block] = np.minimum(drawn, _FULL)
    return counts


@compiled
def _distribute(
    counts: npt.NDArray[np.uint16],
    numbers: npt.NDArray[np.int64],
    places: npt.NDArray[np.float64],
    cumulative: npt.NDArray[np.float64],
) -> None:
    """Give each pixel its number of counts, each in the channel where its place falls."""
    last = cumulative.size - 1
    used = 0
    for pixel in range(numbers.size):
        for _ in range(numbers[pixel]):
            channel = min(np.searchsorted(cumulative, places[used], side="right"), last)
            counts[pixel, channel] += 1
            used += 1
