"""Is this a stack of frames that can be aligned?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: Pixels beyond it are refused: powers of spectra in single precision would overflow.
LARGEST = 1e15
_NEARLY_BLANK = 0.05
"""A frame whose contrast is below this part of the usual contrast counts as blank."""


class SeriesWarning(UserWarning):
    """Something about a series of frames that deserves a look, but stops nothing."""


class StackError(ValueError):
    """An array or signal that is not a stack of frames, or frames that cannot be used."""


class NoContrastError(StackError):
    """Every frame of a stack has one value everywhere."""


@dataclass(frozen=True)
class StackReport:
    """What `check_stack` found.

    Attributes
    ----------
    n_frames : int
        Number of frames.
    frame_shape : (int, int)
        Rows and columns of every frame.
    dtype : numpy.dtype
        Type of the pixels.
    minimum, maximum : float
        Lowest and highest pixel of all frames.
    constant : tuple of int
        Frames, counted from 0, whose pixels all have one value.
    blank : tuple of int
        Frames with next to no contrast: the constant ones, and those whose standard deviation
        is below 5 % of the median one. The beam was off, or the detector not inserted.
    identical : bool
        All frames are equal, pixel by pixel (and there are two or more).
    """

    n_frames: int
    frame_shape: tuple[int, int]
    dtype: np.dtype[Any]
    minimum: float
    maximum: float
    constant: tuple[int, ...]
    blank: tuple[int, ...]
    identical: bool


def check_stack(
    stack: npt.ArrayLike | Iterable[npt.ArrayLike], *, least_frames: int = 2
) -> StackReport:
    """Look at every frame once and refuse what cannot be aligned.

    Parameters
    ----------
    stack : array_like of shape (n, h, w), or iterable of (h, w) frames
        Frames are looked at one by one, so an iterable needs the memory of one frame only. An
        array may be lazy (dask): its frames are computed one at a time.
    least_frames : int
        Smallest number of frames that is accepted.

    Returns
    -------
    StackReport
        Blank frames are reported, not refused.

    Raises
    ------
    StackError
        Not a stack of 2-D frames, too few frames, frames of different shapes, an empty frame,
        NaN or infinite pixels (with the frame, the first such pixel and their number), pixels
        beyond 1e15, or no contrast in any frame.
    TypeError
        For complex or non-numeric pixels.
    """
    shape: tuple[int, ...] | None = None
    dtype: np.dtype[Any] | None = None
    first: npt.NDArray[Any] | None = None
    identical = True
    deviations: list[float] = []
    extremes: list[tuple[float, float]] = []
    for number, frame in enumerate(_frames(stack)):
        if shape is None or first is None or dtype is None:
            shape, first, dtype = frame.shape, frame, frame.dtype
        elif frame.shape != shape:
            raise StackError(
                f"frame {number} has {_size(frame.shape)} pixels, frame 0 has {_size(shape)}; "
                "all frames of a series must have one size. Leave it out, or crop the others."
            )
        _check_pixels(frame, number)
        low, high = float(frame.min()), float(frame.max())
        if max(-low, high) > LARGEST:
            raise StackError(
                f"frame {number} holds values from {low:g} to {high:g}; beyond {LARGEST:g} sums "
                "of pixels would overflow. Divide the series, for instance signal / 1e20, or "
                f"leave the frame out with prepare(skip=[{number}])."
            )
        extremes.append((low, high))
        deviations.append(float(np.std(frame, dtype=np.float64)) if high > low else 0.0)
        if identical and number > 0:
            identical = np.array_equal(first, frame)
        dtype = np.result_type(dtype, frame.dtype)
    n_frames = len(extremes)
    if n_frames < least_frames or shape is None or dtype is None:
        raise StackError(
            f"the series has {n_frames} frame{'' if n_frames == 1 else 's'}, {least_frames} or "
            "more are needed. A single image has nothing to be aligned with; load all files of "
            "the series with hyperspy_smartalign.load_series."
        )
    constant = tuple(i for i, (low, high) in enumerate(extremes) if low == high)
    if len(constant) == n_frames:
        which = (
            "the only frame has no" if n_frames == 1 else f"none of the {n_frames} frames has any"
        )
        raise NoContrastError(
            f"{which} contrast (frame 0 is {extremes[0][0]:g} everywhere); check that this is "
            "the right signal of the file."
        )
    usual = float(np.median(deviations))
    blank = tuple(
        i
        for i, deviation in enumerate(deviations)
        if i in constant or deviation < _NEARLY_BLANK * usual
    )
    return StackReport(
        n_frames=n_frames,
        frame_shape=(shape[0], shape[1]),
        dtype=dtype,
        minimum=min(low for low, _ in extremes),
        maximum=max(high for _, high in extremes),
        constant=constant,
        blank=blank,
        identical=identical and n_frames > 1,
    )


def listed(entries: Sequence[object], most: int = 12) -> str:
    """The first few of some numbers or names, in words."""
    text = ", ".join(str(entry) for entry in entries[:most])
    return f"{text} and {len(entries) - most} more" if len(entries) > most else text


def _frames(stack: npt.ArrayLike | Iterable[npt.ArrayLike]) -> Iterator[npt.NDArray[Any]]:
    dimension = getattr(stack, "ndim", None)
    if dimension is not None and dimension != 3:
        advice = (
            "a single image cannot be aligned; give the whole series."
            if dimension == 2
            else "give one series at a time, for instance stack.reshape(-1, h, w)."
        )
        raise StackError(
            f"a stack has 3 dimensions (frame, y, x), this array has {dimension}: {advice}"
        )
    if not isinstance(stack, Iterable):
        raise StackError(
            f"{type(stack).__name__} is not a stack of frames; give an array (frame, y, x) or an "
            "iterable of images."
        )
    for number, entry in enumerate(stack):
        frame = np.asarray(entry)
        if frame.ndim != 2:
            raise StackError(
                f"frame {number} has {frame.ndim} dimensions instead of 2 (y, x); a stack is an "
                "array (frame, y, x) or an iterable of images."
            )
        yield frame


def _check_pixels(frame: npt.NDArray[Any], number: int) -> None:
    if frame.size == 0:
        raise StackError(f"frame {number} is empty ({_size(frame.shape)} pixels).")
    if np.iscomplexobj(frame):
        raise TypeError(
            f"frame {number} is complex ({frame.dtype}); align a real image of it, for instance "
            "signal.amplitude or signal.phase."
        )
    if frame.dtype.kind not in "biuf":
        raise TypeError(f"frame {number} holds {frame.dtype} instead of numbers.")
    if frame.dtype.kind != "f":
        return
    finite = np.isfinite(frame)
    if not finite.all():
        bad = np.argwhere(~finite)
        y, x = (int(index) for index in bad[0])
        raise StackError(
            f"frame {number} has {len(bad)} pixel{'' if len(bad) == 1 else 's'} that are NaN or "
            f"infinite, the first at (y, x) = ({y}, {x}); replace them, for instance with "
            "signal.data = np.nan_to_num(signal.data), or leave the frame out with "
            f"prepare(skip=[{number}])."
        )


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)
