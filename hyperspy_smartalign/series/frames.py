"""Which frames of a series to keep, and their grey levels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt


def frame_indices(
    n: int,
    *,
    first: int | None = None,
    last: int | None = None,
    skip: int | Iterable[int] = (),
    reverse: bool = False,
) -> npt.NDArray[np.intp]:
    """Indices of the frames to keep, in their new order.

    Frames are counted **from 0**, as everywhere in HyperSpy (the SmartAlign plug-in counts
    from 1), and `last` is **included**: ``first=2, last=5`` keeps frames 2, 3, 4 and 5, the
    third to the sixth.

    Parameters
    ----------
    n : int
        Number of frames there are.
    first, last : int, optional
        First and last frame to keep. None keeps from the start, or to the end.
    skip : int or iterable of int
        Frames to leave out, counted in the whole series and not from `first`.
    reverse : bool
        Put the frames in reverse order, after they were chosen.

    Returns
    -------
    numpy.ndarray
        At least one index.

    Raises
    ------
    ValueError
        For a frame that does not exist, ``last < first``, or if no frame is left.
    TypeError
        For a frame number that is not an integer.
    """
    start = 0 if first is None else _frame_number("first", first, n)
    stop = n - 1 if last is None else _frame_number("last", last, n)
    if stop < start:
        raise ValueError(
            f"first={start} and last={stop} keep no frame; last is the index of the last frame "
            "kept, so it must not be below first. Use reverse=True to turn the order round."
        )
    listed = skip if isinstance(skip, Iterable) else (skip,)
    skipped = {_frame_number("skip", number, n) for number in listed}
    kept = [number for number in range(start, stop + 1) if number not in skipped]
    if not kept:
        raise ValueError(
            f"no frame is left: frames {start} to {stop} (counted from 0, both included) are all "
            "in skip."
        )
    indices = np.array(kept, dtype=np.intp)
    return indices[::-1].copy() if reverse else indices


@dataclass(frozen=True)
class GreyScale:
    """Linear map of grey levels, ``new = (old - offset) * scale``."""

    offset: float
    scale: float

    @classmethod
    def of_range(cls, minimum: float, maximum: float) -> GreyScale:
        """Map that takes `minimum` to 0 and `maximum` to 1.

        Raises
        ------
        ValueError
            If the two are equal or not finite.
        """
        span = maximum - minimum
        if not np.isfinite(span) or span <= 0:
            raise ValueError(
                f"grey levels from {minimum:g} to {maximum:g} cannot be normalised: the series "
                "needs finite pixels of more than one value."
            )
        return cls(offset=float(minimum), scale=1.0 / float(span))

    def apply(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.floating[Any]]:
        """Map pixels to new grey levels; float32, or float64 where they are float64."""
        result = np.subtract(pixels, self.offset, dtype=np.float64)
        result *= self.scale
        return np.asarray(result, dtype=result_dtype(pixels.dtype))


def normalise(
    stack: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.floating[Any]], GreyScale]:
    """Bring the grey levels of a whole series to the range 0 to 1.

    One map holds for all frames, so that their relative brightness is kept. The values lose
    their quantitative meaning (counts, heights); the map that is returned brings it back.

    Parameters
    ----------
    stack : numpy.ndarray
        Frames of any shape and real type, finite.

    Returns
    -------
    pixels : numpy.ndarray
        float32, or float64 where the input is.
    greys : GreyScale
        The map that was applied.
    """
    greys = GreyScale.of_range(float(stack.min()), float(stack.max()))
    return greys.apply(stack), greys


def result_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Type of pixels that were computed from pixels of `dtype`.

    float64 stays float64; all other real types become float32, in native byte order.
    """
    return np.dtype(np.float64 if dtype.kind == "f" and dtype.itemsize >= 8 else np.float32)


def _frame_number(name: str, value: int, n: int) -> int:
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r} is not a frame number; give an integer.") from None
    if not 0 <= number < n:
        raise ValueError(
            f"{name}={number} is not a frame of this series of {n}: frames count from 0, so the "
            f"first is 0 and the last is {n - 1}."
        )
    return number
