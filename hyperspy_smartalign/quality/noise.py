"""Noise of a detector from the series itself: variance against intensity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["NoiseModel", "ResidualBins", "fit_noise"]


@dataclass(frozen=True)
class NoiseModel:
    """Variance of a pixel as a straight line in its intensity.

    ``variance = offset + gain * intensity``. Counts have offset 0 and gain 1; a detector with gain
    g and black level o gives gain g and offset ``-g * o`` plus its readout noise.

    Attributes
    ----------
    offset : float
        Squared units of the data.
    gain : float
        Units of the data.
    floor : float
        Smallest variance that is believed, squared units of the data.
    """

    offset: float
    gain: float
    floor: float

    def variance(self, intensity: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Variance at an intensity, never below `floor`."""
        return np.maximum(self.offset + self.gain * np.asarray(intensity, np.float64), self.floor)

    def scaled(self, factor: float) -> NoiseModel:
        """The model with a variance that is larger by a factor."""
        return NoiseModel(
            offset=self.offset * factor, gain=self.gain * factor, floor=self.floor * factor
        )


@dataclass(frozen=True)
class ResidualBins:
    """Squared residuals gathered by intensity; add two to merge them.

    Attributes
    ----------
    edges : (k + 1,) float64
        Intensity bins.
    count, intensity, square : (k,) float64
        Number of pixels, sum of their expected intensity and of their squared residuals, the latter
        already corrected for the noise of the expectation.
    """

    edges: npt.NDArray[np.float64]
    count: npt.NDArray[np.float64]
    intensity: npt.NDArray[np.float64]
    square: npt.NDArray[np.float64]

    def __add__(self, other: ResidualBins) -> ResidualBins:
        return ResidualBins(
            self.edges,
            self.count + other.count,
            self.intensity + other.intensity,
            self.square + other.square,
        )


def fit_noise(bins: ResidualBins) -> NoiseModel:
    """Straight line through variance against intensity.

    Weighted least squares over the bins, the variance of a sample variance being ``2 v**2 / n``,
    iterated so that the weights follow the line itself. Negative gain (no measurable dependence)
    and lines that fall below a tenth of the mean variance somewhere in the data are replaced by a
    constant variance.

    Parameters
    ----------
    bins : ResidualBins

    Returns
    -------
    NoiseModel

    Raises
    ------
    ValueError
        When no bin holds any pixel.
    """
    used = bins.count > 20
    if not used.any():
        used = bins.count > 0
    if not used.any():
        raise ValueError("no residuals to measure the noise from: frames do not overlap")
    count = bins.count[used]
    intensity = bins.intensity[used] / count
    variance = bins.square[used] / count
    mean = float(max((variance * count).sum() / count.sum(), np.finfo(np.float64).tiny))
    floor = 0.1 * mean
    constant = NoiseModel(offset=mean, gain=0.0, floor=floor)
    if used.sum() < 3 or not np.ptp(intensity) > 0:
        return constant
    centre = float((intensity * count).sum() / count.sum())
    expected = np.full(count.shape, mean)
    slope, level = 0.0, mean
    for _ in range(5):
        weight = count / expected**2
        design = np.stack([np.ones_like(intensity), intensity - centre], axis=1)
        normal = design.T @ (weight[:, None] * design)
        level, slope = np.linalg.solve(normal, design.T @ (weight * variance))
        expected = np.maximum(level + slope * (intensity - centre), floor)
    if slope <= 0:
        return constant
    return NoiseModel(offset=float(level - slope * centre), gain=float(slope), floor=floor)
