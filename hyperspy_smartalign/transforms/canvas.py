"""The window of the common frame that an output covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ._regrid import as_grid
from ._validation import FloatArray, as_floats, as_int, as_shape

# A shift this close to a whole number counts as whole: rounding noise must not cost a row.
# In pixels; resampling calls a sample outside the frame by less than this covered.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Canvas:
    """Window of the common frame, in whole pixels.

    Pixel (0, 0) of the output is pixel (top, left) of the common frame, whose own origin is
    that of a frame with no shift. `top` and `left` are negative when the output is larger than
    the frames.

    Parameters
    ----------
    top, left : int
        First row and column, in pixels of the common frame.
    height, width : int
        Size in pixels, at least 1.
    """

    top: int
    left: int
    height: int
    width: int

    def __post_init__(self) -> None:
        for name in ("top", "left", "height", "width"):
            object.__setattr__(self, name, as_int(name, getattr(self, name)))
        if self.height < 1 or self.width < 1:
            raise ValueError(
                f"a canvas needs at least one pixel, not height {self.height} and width "
                f"{self.width}"
            )

    @classmethod
    def of_frame(cls, shape: tuple[int, int]) -> Self:
        """The canvas of a frame that has not moved: ``Canvas(0, 0, *shape)``."""
        height, width = as_shape("shape", shape, 2)
        return cls(0, 0, height, width)

    @classmethod
    def common(cls, shifts: npt.ArrayLike, shape: tuple[int, int]) -> Self:
        """Largest rectangle that every frame has seen.

        Parameters
        ----------
        shifts : (n, 2) array-like
            Measured displacement (y, x) of each frame's content in pixels.
        shape : (height, width)
            Shape of the frames.

        Raises
        ------
        ValueError
            If no pixel is common to all frames; the message names frames to exclude.
        """
        height, width = as_shape("shape", shape, 2)
        table = as_floats("shifts", shifts, (None, 2))
        first, last = _seen(table, (height, width))
        top, left = first.max(axis=0)
        bottom, right = last.min(axis=0)
        if bottom < top or right < left:
            raise ValueError(_nothing_in_common(table, (height, width)))
        return cls(int(top), int(left), int(bottom - top) + 1, int(right - left) + 1)

    @classmethod
    def union(cls, shifts: npt.ArrayLike, shape: tuple[int, int]) -> Self:
        """Smallest rectangle that holds every pixel seen by any frame; arguments as `common`.

        Raises
        ------
        ValueError
            If no whole pixel was seen (frames one pixel wide, shifted by a part of a pixel).
        """
        height, width = as_shape("shape", shape, 2)
        first, last = _seen(as_floats("shifts", shifts, (None, 2)), (height, width))
        saw = (last >= first).all(axis=1)
        if not saw.any():
            raise ValueError(
                f"frames of {height} x {width} px shifted by a part of a pixel see no whole pixel; "
                "round the shifts"
            )
        top, left = first[saw].min(axis=0)
        bottom, right = last[saw].max(axis=0)
        return cls(int(top), int(left), int(bottom - top) + 1, int(right - left) + 1)

    @classmethod
    def from_roi(cls, left: int, right: int, top: int, bottom: int) -> Self:
        """Canvas of a region in HyperSpy's order, in pixels; right and bottom are not included."""
        left, right = as_int("left", left), as_int("right", right)
        top, bottom = as_int("top", top), as_int("bottom", bottom)
        if right <= left or bottom <= top:
            raise ValueError(
                f"the region (left, right, top, bottom) = ({left}, {right}, {top}, {bottom}) is "
                "empty: right must exceed left, and bottom top"
            )
        return cls(top, left, bottom - top, right - left)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.height, self.width

    @property
    def origin(self) -> tuple[int, int]:
        """(top, left): pixel of the common frame on which output pixel (0, 0) lies."""
        return self.top, self.left

    @property
    def bottom(self) -> int:
        """First row below the canvas."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """First column right of the canvas."""
        return self.left + self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Slices (y, x) that cut the canvas out of an array that starts at the common origin.

        Raises
        ------
        ValueError
            If the canvas begins before the origin, where a negative slice would count from the
            far end.
        """
        if self.top < 0 or self.left < 0:
            raise ValueError(
                f"the canvas begins at {self.origin}, outside an array that starts at (0, 0); "
                "use intersect(Canvas.of_frame(shape)) first"
            )
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def intersect(self, other: Canvas) -> Self:
        """The part that both canvases cover; ValueError when there is none."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        if bottom <= top or right <= left:
            raise ValueError(f"{self} and {other} have no pixel in common")
        return type(self)(top, left, bottom - top, right - left)

    def moved(self, offset: tuple[int, int]) -> Self:
        """The canvas `offset` = (y, x) pixels further along."""
        top = self.top + as_int("offset", offset[0])
        return type(self)(top, self.left + as_int("offset", offset[1]), self.height, self.width)

    def regridded(self, step: npt.ArrayLike, start: npt.ArrayLike) -> Self:
        """The whole pixels of another grid that lie inside the canvas, edges included.

        Parameters
        ----------
        step, start : (y, x)
            As in `Transform.regridded`: pixel P of the other grid has its centre at
            ``step * P + start``.

        Raises
        ------
        ValueError
            If no whole pixel of the other grid lies inside.
        """
        step, start = as_grid(step, start)
        near = np.array(self.origin) - 0.5
        far = near + self.shape
        first = np.ceil((near - start) / step + 0.5 - _TOLERANCE).astype(int)
        stop = np.floor((far - start) / step + 0.5 + _TOLERANCE).astype(int)
        if np.any(stop <= first):
            raise ValueError(
                f"the canvas of {self.height} x {self.width} px holds no whole pixel of a grid "
                f"whose pixels are {step[0]:.4g} x {step[1]:.4g} px large"
            )
        height, width = (stop - first).tolist()
        return type(self)(int(first[0]), int(first[1]), height, width)

    def to_dict(self) -> dict[str, Any]:
        """The four numbers, as int."""
        return {"top": self.top, "left": self.left, "height": self.height, "width": self.width}


def _seen(shifts: FloatArray, shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """First and last whole pixel (n, 2) of the common frame inside each frame.

    Pixel p is inside when 0 <= p + shift <= size - 1.
    """
    last = np.asarray(shape) - 1 - shifts
    return np.ceil(-shifts - _TOLERANCE), np.floor(last + _TOLERANCE)


def _nothing_in_common(shifts: FloatArray, shape: tuple[int, int]) -> str:
    """Message with the spans and with frames whose exclusion would leave a common area."""
    span = np.ptp(shifts, axis=0)
    distance = np.abs((shifts - np.median(shifts, axis=0)) / np.asarray(shape)).max(axis=1)
    nearest_first = np.argsort(distance, kind="stable")
    first, last = _seen(shifts[nearest_first], shape)
    fits = (np.minimum.accumulate(last) >= np.maximum.accumulate(first)).all(axis=1)
    far = sorted(int(i) for i in nearest_first[np.count_nonzero(fits) :])
    frames = ", ".join(map(str, far[:10])) + (", ..." if len(far) > 10 else "")
    return (
        f"no area is common to all {len(shifts)} frames: shifts span {span[0]:.1f} px in y and "
        f"{span[1]:.1f} px in x on frames of {shape[0]} x {shape[1]} px; exclude frame(s) "
        f"{frames} or use crop=False"
    )
