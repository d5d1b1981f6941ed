"""Bring scan lines to one height: tip height errors, emission steps."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.series.frames import result_dtype

EqualiseMode = Literal["row", "global"]
EQUALISE_MODES: tuple[EqualiseMode, ...] = ("row", "global")

DEFAULT_WINDOW = 15
"""Scan lines over which mode "row" follows the height of a frame."""


def line_offsets(
    frame: npt.NDArray[Any],
    mode: EqualiseMode,
    *,
    slow_axis: int = 0,
    window: int = DEFAULT_WINDOW,
) -> npt.NDArray[np.float64]:
    """What to add to each scan line of a frame to equalise its median.

    Parameters
    ----------
    frame : numpy.ndarray
        Shape (h, w).
    mode : {"row", "global"}
        See `equalise_frame`.
    slow_axis : {0, 1}
        0: scan lines are rows of the array. 1: they are columns.
    window : int
        Odd number of scan lines of the running median of mode "row".

    Returns
    -------
    numpy.ndarray
        One number a scan line, in grey levels.
    """
    if mode not in EQUALISE_MODES:
        raise ValueError(
            f"equalise={mode!r} is not known; use 'row' (follow the height of neighbouring scan "
            "lines), 'global' (one height for the frame) or None."
        )
    if slow_axis not in (0, 1):
        raise ValueError(f"slow_axis={slow_axis!r}; use 0 (lines are rows) or 1 (columns).")
    if window < 3 or window % 2 == 0:
        raise ValueError(f"window={window} must be an odd number of scan lines, 3 or more.")
    medians = np.median(frame, axis=1 - slow_axis).astype(np.float64)
    if mode == "global":
        return np.asarray(np.median(frame) - medians)
    from scipy import ndimage

    # An even number of lines leaves no middle one: take the odd number below.
    fitting = min(window, len(medians) - 1 + len(medians) % 2)
    path = ndimage.median_filter(medians, size=fitting, mode="nearest")
    return np.asarray(path - medians)


def equalise_frame(
    frame: npt.NDArray[Any],
    mode: EqualiseMode,
    *,
    slow_axis: int = 0,
    window: int = DEFAULT_WINDOW,
) -> npt.NDArray[np.floating[Any]]:
    """Shift the grey level of each scan line so that the medians of the lines agree.

    Meant for the height errors of scanning probe tips, and for steps of the emission current
    in STEM that the compensation missed. One number is added to each scan line; contrast within
    a line stays as it is.

    Parameters
    ----------
    frame : numpy.ndarray
        Shape (h, w), real and finite.
    mode : {"row", "global"}
        "global": every line gets the median of the whole frame. Any true change of height from
        line to line goes too (a tilted surface, a terrace step along the lines).
        "row": every line gets the height its neighbourhood has, the running median over
        `window` line medians. Single lines and short groups that jump out come back; slow
        changes and lasting steps of the surface stay.
    slow_axis : {0, 1}
        0: scan lines are rows of the array. 1: they are columns, as in a frame scanned at 90
        degrees. See `ScanGeometry.slow_axis`.
    window : int
        Odd number of scan lines for mode "row". Groups of bad lines shorter than half of it
        are corrected.

    Returns
    -------
    numpy.ndarray
        Shape (h, w), float32, or float64 where the input is.

    Raises
    ------
    ValueError
        For an unknown mode, axis or window.
    """
    offsets = line_offsets(frame, mode, slow_axis=slow_axis, window=window)
    dtype = result_dtype(frame.dtype)
    shifted = frame + (offsets[:, np.newaxis] if slow_axis == 0 else offsets)
    return shifted.astype(dtype, copy=False)
