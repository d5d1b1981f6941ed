"""Real-space windows that fade the frame's edges before its Fourier transform."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import windows as scipy_windows

__all__ = ["AUTO_WINDOW", "WINDOWS", "window_2d"]

WINDOWS = ("auto", "none", "hann", "hamming", "sine", "tukey")
#: What "auto" stands for: wide enough to keep most of the field, smooth enough to remove
#: the cross-shaped streaks that the frame's edges put through every Bragg spot.
AUTO_WINDOW = ("tukey", 0.5)


def window_2d(shape: tuple[int, int], name: str = "auto") -> npt.NDArray[np.float32]:
    """Separable window of a frame.

    Parameters
    ----------
    shape : (h, w)
        Frame shape in pixels.
    name : {"auto", "none", "hann", "hamming", "sine", "tukey"}
        Each side of a non-square frame gets the window of its own length. ``"tukey"`` and
        ``"auto"`` taper the outer quarter at each end.

    Returns
    -------
    (h, w) float32 array, largest value 1 (in the limit of large frames).

    Raises
    ------
    ValueError
        When the name is not known.
    """
    if name not in WINDOWS:
        raise ValueError(f"window={name!r} is not known; choose one of {', '.join(WINDOWS)}")
    if name == "none":
        return np.ones(shape, np.float32)
    kind: object = name
    if name in ("auto", "tukey"):
        kind = AUTO_WINDOW
    elif name == "sine":
        kind = "cosine"
    # Periodic on two more samples and cut, so that no row of pixels is weighted exactly zero.
    rows, columns = (
        np.asarray(scipy_windows.get_window(kind, size + 2, fftbins=False)[1:-1], np.float64)
        for size in shape
    )
    return np.asarray(rows[:, None] * columns[None, :], np.float32)
