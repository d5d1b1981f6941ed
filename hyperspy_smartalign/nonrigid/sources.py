"""Frames as the non-rigid registration compares them: without spikes, perhaps smoothed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hyperspy_smartalign.rigid.store import FrameSource

__all__ = ["ComparedFrames", "without_spikes"]

FloatArray = npt.NDArray[np.float32]

#: A spike stands out of its neighbours by this many times their own spread, and by the range of
#: the frame: no lens focuses to a single pixel.
SPREADS = 4.0
_RING = np.ones((3, 3), bool)
_RING[1, 1] = False


def without_spikes(pixels: npt.NDArray[Any]) -> FloatArray:
    """A frame with hot and dead pixels, and single-pixel spikes, as NaN.

    Parameters
    ----------
    pixels : (h, w) array

    Returns
    -------
    (h, w) float32 array
        The frame itself, where it is of that type and has none.
    """
    frame = np.asarray(pixels, np.float32)
    known = np.isfinite(frame)
    if np.isinf(frame).any():
        frame = np.where(known, frame, np.float32(np.nan))
    if known.sum() < 16:
        return frame
    low, high = np.quantile(frame[known], (0.005, 0.995))
    spread = float(high - low)
    if not spread > 0:
        return frame
    # Most frames have nothing that far out: then the neighbours need not be looked at.
    outside = known & ((frame > high + spread) | (frame < low - spread))
    if not outside.any():
        return frame
    filled = np.where(known, frame, np.float32(0.5 * (low + high)))
    top = ndimage.maximum_filter(filled, footprint=_RING, mode="mirror")
    bottom = ndimage.minimum_filter(filled, footprint=_RING, mode="mirror")
    beyond = np.maximum(frame - top, bottom - frame)
    spikes = outside & (beyond > np.maximum(SPREADS * (top - bottom), spread))
    return np.where(spikes, np.float32(np.nan), frame)


class ComparedFrames:
    """A source of frames for the estimation; what is drawn later is not touched.

    Parameters
    ----------
    source : FrameSource
    width : float
        Standard deviation of a Gaussian in px that smooths them; 0 for none. NaN stays NaN.
    """

    def __init__(self, source: FrameSource, width: float = 0.0) -> None:
        self._source, self._width = source, width
        self.lazy = bool(getattr(source, "lazy", False))

    def __len__(self) -> int:
        return len(self._source)

    def frame(self, index: int) -> FloatArray:
        """The i-th frame, (h, w)."""
        frame = without_spikes(self._source.frame(index))
        if self._width == 0:
            return frame
        gaps = ~np.isfinite(frame)
        if not gaps.any():
            return np.asarray(ndimage.gaussian_filter(frame, self._width), np.float32)
        weight = ndimage.gaussian_filter((~gaps).astype(np.float32), self._width)
        total = ndimage.gaussian_filter(np.where(gaps, np.float32(0), frame), self._width)
        return np.where(gaps, np.float32(np.nan), total / np.maximum(weight, np.float32(1e-6)))
