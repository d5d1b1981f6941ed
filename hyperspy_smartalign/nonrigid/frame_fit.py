"""How well a frame fits its model as a whole, from sums over its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Brightness", "FrameFit"]

DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Brightness:
    """Brightness of a frame: expected = level + offset + contrast * model."""

    contrast: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class FrameFit:
    """Sums over the pixels of a frame f and its model m.

    Attributes
    ----------
    moments : (7,) float64
        Sums of 1, f, f^2, m, m^2, f m, and of the log-likelihood.
    fit : (5,) float64
        Weighted sums of 1, m, m^2, f, f m, for the brightness.
    bins : (3, NOISE_BINS) float64
        Count, expected intensity and squared residuals by intensity.
    """

    moments: DoubleArray
    fit: DoubleArray
    bins: DoubleArray

    @property
    def similarity(self) -> float:
        """Correlation of frame and model."""
        n, sf, sff, sm, smm, sfm = self.moments[:6]
        if n < 2:
            return 0.0
        spread = (sff - sf * sf / n) * (smm - sm * sm / n)
        return float((sfm - sf * sm / n) / np.sqrt(spread)) if spread > 0 else 0.0

    def brightness(self) -> Brightness:
        """Brightness that fits best at the present displacement."""
        w, wm, wmm, wf, wfm = self.fit
        spread = w * wmm - wm * wm
        if w <= 0 or spread <= 1e-9 * w * wmm:
            return Brightness(1.0, 0.0 if w <= 0 else float((wf - wm) / w))
        contrast = float(min(max((w * wfm - wm * wf) / spread, 0.3), 3.0))
        return Brightness(contrast, float((wf - contrast * wm) / w))
