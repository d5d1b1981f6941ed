"""Real-space windows that fade the frame's edges before its Fourier transform."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import windows as scipy_windows

__all__ = ["AUTO_WINDOW", "WINDOWS", "window_2d"]

WINDOWS = ("auto", "none", "hann", "hamming", "sine", "tukey")
#: What "auto" stands for. Measured on drifting lattices: with windows that keep more of the field
#: (Tukey, none) its edges put streaks through every Bragg spot and pairs hop at any dose; narrower
#: ones (Hann) throw away what tells the cells apart at low dose.
AUTO_WINDOW = "sine"
TUKEY = ("tukey", 0.5)


def window_2d(shape: tuple[int, int], name: str = "auto") -> npt.NDArray[np.float32]:
    """Separable window of a frame.

    Parameters
    ----------
    shape : (h, w)
        Frame shape in pixels.
    name : {"auto", "none", "hann", "hamming", "sine", "tukey"}
        Each side of a non-square frame gets the window of its own length. ``"auto"`` is the sine
        window; ``"tukey"`` tapers the outer quarter at each end.

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
    if name == "auto":
        name = AUTO_WINDOW
    kind = {"tukey": TUKEY, "sine": "cosine"}.get(name, name)
    # Periodic on two more samples and cut, so that no row of pixels is weighted exactly zero.
    rows, columns = (
        np.asarray(scipy_windows.get_window(kind, size + 2, fftbins=False)[1:-1], np.float64)
        for size in shape
    )
    return np.asarray(rows[:, None] * columns[None, :], np.float32)
