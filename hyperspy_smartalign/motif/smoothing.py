"""The mean of tiles without the noise that it still has, as a motif to search and to fit."""

from __future__ import annotations

import numpy as np
import scipy.fft

from hyperspy_smartalign.motif.averages import TileAverage
from hyperspy_smartalign.resampling.options import FloatArray
from hyperspy_smartalign.resampling.spline import without_gaps

# Noise alone reaches a mean power so many standard errors above its own in few rings.
_ERRORS = 2.0


def smooth_motif(average: TileAverage) -> FloatArray:
    """Wiener filter of the mean of tiles.

    A motif's own noise has slopes, which count as information where it is fitted: positions get
    worse, and their errors seem smaller than they are.

    Parameters
    ----------
    average : TileAverage

    Returns
    -------
    (h, w) float32 array
        NaN where no tile was observed. The mean itself where fewer than two tiles tell its noise,
        or no structure is above it.

    Notes
    -----
    The mean is filtered in rings of spatial frequency, by one minus the ratio of the power of the
    noise to that of the ring; rings that are not clearly above the noise are left out (Wiener,
    *Extrapolation, Interpolation, and Smoothing of Stationary Time Series*, 1949). The noise is
    white; its power follows from how the tiles scatter. Cosines mirror the tile at its rim, so
    that opposite sides do not meet.
    """
    mean = average.mean
    told = average.count > 1
    if not told.any():
        return mean
    noise = float(np.mean(average.variance[told].astype(np.float64) / average.count[told]))
    gaps = ~np.isfinite(mean)
    filled = without_gaps(mean, gaps) if gaps.any() else mean
    waves = scipy.fft.dctn(filled.astype(np.float64), norm="ortho")
    height, width = mean.shape
    # In units of the largest frequency along an axis; rings are as wide as the coarsest step.
    frequency = np.hypot(np.arange(height)[:, None] / height, np.arange(width) / width)
    ring = np.rint(frequency * min(height, width)).astype(np.intp)
    number = np.bincount(ring.ravel())
    power = np.bincount(ring.ravel(), weights=np.square(waves).ravel()) / np.maximum(number, 1)
    limit = noise * (1 + _ERRORS * np.sqrt(2 / np.maximum(number, 1)))
    above = power > limit
    gain = np.where(above, 1 - noise / np.where(above, power, 1.0), 0.0)
    gain[0] = 1.0
    if not gain[1:].any():
        return mean
    smooth = scipy.fft.idctn(waves * gain[ring], norm="ortho").astype(np.float32)
    return np.where(gaps, np.float32(np.nan), smooth)
