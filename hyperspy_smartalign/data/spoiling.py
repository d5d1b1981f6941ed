"""Bad frames, for tests of their rejection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import one_of

SPOILT_KINDS = ("blank", "jump", "blur", "saturated")


def spoil(
    stack: npt.NDArray[Any],
    *,
    kind: Literal["blank", "jump", "blur", "saturated"] = "blank",
    frame: int | Iterable[int] = 0,
) -> npt.NDArray[Any]:
    """Copy of a stack in which some frames went wrong.

    Parameters
    ----------
    stack : (n, h, w) array
        Left as it is.
    kind : {"blank", "jump", "blur", "saturated"}
        "blank": the beam was off, all pixels at the lowest level of the series. "jump": the
        specimen jumped half way through the frame, so that the lower half shows content displaced
        by a third of the width. "blur": out of focus, averaged over about a sixteenth of the
        shorter side. "saturated": four times too bright, clipped at the highest level of the
        series.
    frame : int or iterable of int
        Which frames, from 0; negative counts from the end.

    Returns
    -------
    (n, h, w) array of the same type

    Raises
    ------
    ValueError
        If the kind is unknown or the array is not a stack.
    IndexError
        If a frame is not there.
    """
    pixels = np.array(stack)
    if pixels.ndim != 3:
        raise ValueError(f"stack has shape {pixels.shape}; give (frames, rows, columns).")
    one_of(kind, SPOILT_KINDS, name="kind")
    low, high = pixels.min(), pixels.max()
    for index in [frame] if isinstance(frame, (int, np.integer)) else list(frame):
        if not -len(pixels) <= index < len(pixels):
            raise IndexError(f"frame {index} is not in a stack of {len(pixels)} frames.")
        image = pixels[index]
        if kind == "blank":
            image[:] = low
        elif kind == "jump":
            lower = image[image.shape[0] // 2 :]
            lower[:] = np.roll(lower, max(1, image.shape[1] // 3), axis=1)
        elif kind == "saturated":
            image[:] = np.clip(low + 4.0 * (image - float(low)), low, high).astype(image.dtype)
        else:
            from scipy.ndimage import gaussian_filter

            sigma = max(1.0, min(image.shape) / 16)
            image[:] = gaussian_filter(image.astype(np.float64), sigma).astype(image.dtype)
    return pixels
