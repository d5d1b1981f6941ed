"""Smoothing of noisy frames before their shifts are measured; the result's pixels keep theirs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage, signal

__all__ = ["PREFILTERS", "prefilter_frame"]

PREFILTERS = ("none", "median", "wiener")


def prefilter_frame(frame: npt.NDArray[np.floating], name: str = "none") -> npt.NDArray[np.float32]:
    """Filter one frame for the measurement of its shift.

    Parameters
    ----------
    frame : (h, w) array
    name : {"none", "median", "wiener"}
        ``"median"``: 3 x 3 median. ``"wiener"``: 5 x 5 local-statistics Wiener filter
        (Lim, Two-Dimensional Signal and Image Processing, 1990, p. 548), noise power estimated
        from the frame.

    Returns
    -------
    (h, w) float32 array.

    Raises
    ------
    ValueError
        When the name is not known.
    """
    if name not in PREFILTERS:
        raise ValueError(f"prefilter={name!r} is not known; choose one of {', '.join(PREFILTERS)}")
    pixels = np.asarray(frame, np.float32)
    if name == "median":
        pixels = ndimage.median_filter(pixels, size=3, mode="nearest")
    elif name == "wiener":
        # A patch without any variance divides zero by zero in the filter; there is nothing to
        # smooth in it, so it keeps its value.
        with np.errstate(divide="ignore", invalid="ignore"):
            smooth = signal.wiener(pixels.astype(np.float64), mysize=5)
        pixels = np.where(np.isfinite(smooth), smooth, pixels).astype(np.float32)
    return np.asarray(pixels, np.float32)
