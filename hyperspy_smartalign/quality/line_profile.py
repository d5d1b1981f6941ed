"""Line profiles through an image, also averaged over equivalent lines of a lattice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LineProfile:
    """Intensity along a straight line.

    Attributes
    ----------
    values : (n,) float64
        Mean intensity across the line's width, and over the lines; NaN where there is no image.
    start, stop : (2,) float64
        Ends (y, x) of the first line in pixels, `stop` included.
    """

    values: FloatArray
    start: FloatArray
    stop: FloatArray

    @property
    def step(self) -> FloatArray:
        """(2,) distance (y, x) from one value to the next, px."""
        return np.asarray((self.stop - self.start) / (len(self.values) - 1), np.float64)


def line_profile(
    image: npt.ArrayLike,
    start: npt.ArrayLike,
    *,
    vector: npt.ArrayLike,
    width: int = 1,
    lines: int = 1,
    between: npt.ArrayLike | None = None,
) -> LineProfile:
    """Intensity along a line, by linear interpolation.

    Parameters
    ----------
    image : (h, w) array-like
        Real pixels; NaN where there is none.
    start : (y, x)
        Where the line starts, px.
    vector : (y, x)
        From its start to its end, px.
    width : int, default 1
        Pixels across the line that are averaged.
    lines : int, default 1
        How many parallel lines are averaged.
    between : (y, x), optional
        From one line to the next, such as the other base vector; needed for more than one line.

    Returns
    -------
    LineProfile
        Values at most 1 px apart, both ends included.

    Raises
    ------
    ValueError
        The line is shorter than 1 px, lies outside the image, or an argument does not fit.

    See Also
    --------
    skimage.measure.profile_line : does the sampling.
    """
    from skimage.measure import profile_line

    pixels = np.asarray(image)
    if pixels.ndim != 2 or pixels.dtype.kind not in "biuf":
        raise ValueError(
            f"the image has shape {pixels.shape} and type {pixels.dtype}; give one real image."
        )
    first, along = _pair("start", start), _pair("vector", vector)
    if np.hypot(*along) < 1:
        raise ValueError(f"vector {along.tolist()} is shorter than 1 px; give a longer line.")
    for name, value in (("width", width), ("lines", lines)):
        if int(value) != value or value < 1:
            raise ValueError(f"{name} is {value}; give a whole number from 1.")
    if lines > 1 and between is None:
        raise ValueError(
            f"lines is {lines}, so that between=(y, x), the way to the next, is needed."
        )
    across = np.zeros(2) if between is None else _pair("between", between)
    values: list[npt.NDArray[Any]] = []
    for line in range(int(lines)):
        origin = first + line * across
        samples = profile_line(  # type: ignore[no-untyped-call]
            pixels.astype(np.float64),
            origin,
            origin + along,
            linewidth=int(width),
            order=1,
            mode="constant",
            cval=np.nan,
            reduce_func=None,
        )
        values.append(samples.reshape(len(samples), -1))
    samples = np.concatenate(values, axis=1)
    seen = np.isfinite(samples)
    if not seen.any():
        raise ValueError(
            f"the line from {first.tolist()} along {along.tolist()} px (y, x) lies outside the "
            f"image of {pixels.shape[0]} x {pixels.shape[1]} px."
        )
    count = seen.sum(axis=1)
    mean = np.full(len(samples), np.nan)
    np.divide(np.where(seen, samples, 0).sum(axis=1), count, out=mean, where=count > 0)
    return LineProfile(mean, first, first + along)


def _pair(name: str, value: npt.ArrayLike) -> FloatArray:
    pair = np.asarray(value, np.float64)
    if pair.shape != (2,) or not np.isfinite(pair).all():
        raise ValueError(f"{name} is {value!r}; give two finite numbers (y, x) in pixels.")
    return pair
