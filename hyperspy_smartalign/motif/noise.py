"""Noise of the pixels of a tile, from how tiles scatter about their average."""

from __future__ import annotations

import numpy as np

from hyperspy_smartalign.motif.averages import TileAverage
from hyperspy_smartalign.quality.noise import ResidualBins, fit_noise
from hyperspy_smartalign.resampling.options import DoubleArray

_BINS = 16
# Fewer tiles do not tell how the noise depends on the intensity.
_FEWEST_TILES = 8


def tile_noise(average: TileAverage) -> DoubleArray | None:
    """Variance (h, w) of the pixels of one tile, as a straight line in the intensity.

    The line is that of shot noise with a black level. None where too few tiles tell it.
    """
    usable = (average.count >= _FEWEST_TILES) & np.isfinite(average.variance)
    mean = average.mean[usable].astype(np.float64)
    if mean.size < _BINS or not (np.ptp(mean) > 0 and average.variance[usable].any()):
        return None
    freedom = (average.count[usable] - 1).astype(np.float64)
    edges = np.unique(np.quantile(mean, np.linspace(0, 1, _BINS + 1)))
    which = np.clip(np.digitize(mean, edges) - 1, 0, len(edges) - 2)

    def sums(values: DoubleArray) -> DoubleArray:
        return np.bincount(which, weights=values, minlength=len(edges) - 1).astype(np.float64)

    bins = ResidualBins(
        edges=edges,
        count=sums(freedom),
        intensity=sums(freedom * mean),
        square=sums(freedom * average.variance[usable]),
    )
    model = fit_noise(bins)
    level = float(np.nanmean(average.mean))
    return model.variance(np.where(np.isfinite(average.mean), average.mean, level))
