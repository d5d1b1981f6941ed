"""Checks shared by the transforms: numbers in, read-only arrays out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def as_floats(name: str, value: Any, shape: tuple[int | None, ...]) -> FloatArray:
    """Read-only float64 copy of `value`, which must be finite and fit `shape`.

    Parameters
    ----------
    name : str
        What the message of an error calls the value.
    value : array-like
        Real numbers.
    shape : tuple of int or None
        Expected shape; None leaves a length open (but not zero).

    Returns
    -------
    numpy.ndarray of float64

    Raises
    ------
    TypeError
        If the values are not real numbers.
    ValueError
        If the shape does not fit, or a value is NaN or infinite.
    """
    array = real_array(name, value)
    fits = array.ndim == len(shape) and all(
        have == want if want is not None else have > 0
        for have, want in zip(array.shape, shape, strict=False)
    )
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} must have shape ({wanted}), not {array.shape}")
    result = np.array(array, dtype=np.float64, order="C")
    bad = ~np.isfinite(result)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} must be finite; {int(bad.sum())} of {result.size} values are NaN or "
            f"infinite, the first at index {first}"
        )
    return frozen(result)


def real_array(name: str, value: Any) -> npt.NDArray[Any]:
    """`value` as an array of real numbers; ragged, complex and text values are refused."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not a regular array of numbers: {error}") from error
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, not values of type {array.dtype}")
    return array


def as_pair(name: str, value: Any) -> FloatArray:
    """Read-only (y, x) pair of finite numbers."""
    return as_floats(name, value, (2,))


def as_float(name: str, value: Any) -> float:
    """One finite number."""
    return float(as_floats(name, value, ()))


def as_int(name: str, value: Any) -> int:
    """Whole number; 3.0 passes because HyperSpy may hand integers back as floats."""
    array = np.asarray(value)
    if array.ndim or array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    number = array.item()
    if not math.isfinite(number) or number != int(number):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    return int(number)


def as_shape(name: str, value: Any, length: int | None = None) -> tuple[int, ...]:
    """Tuple of positive whole numbers, `length` of them if that is given."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a tuple of whole numbers, not {value!r}")
    shape = tuple(as_int(name, n) for n in value)
    if (length is not None and len(shape) != length) or any(n < 1 for n in shape):
        count = "" if length is None else f"{length} "
        raise ValueError(f"{name} must hold {count}whole numbers of at least 1, not {shape}")
    return shape


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array itself, no longer writable."""
    array.setflags(write=False)
    return array
