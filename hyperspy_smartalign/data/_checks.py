"""Checks of the simulator's arguments, with messages that say what to type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def frozen_array(values: npt.ArrayLike, *, name: str, shape: tuple[int | None, ...]) -> FloatArray:
    """Read-only float64 copy of `values` with the given shape; None stands for any length."""
    array = np.array(values, dtype=np.float64)
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{name} has shape {array.shape}; give an array of shape ({wanted}).")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values; give finite numbers.")
    array.setflags(write=False)
    return array


def image_shape(shape: Sequence[int], *, name: str = "shape") -> tuple[int, int]:
    """(rows, columns) as two positive ints."""
    numbers = tuple(shape)
    if len(numbers) != 2 or not all(isinstance(n, (int, np.integer)) for n in numbers):
        raise ValueError(f"{name} is {shape!r}; give two whole numbers (rows, columns).")
    height, width = int(numbers[0]), int(numbers[1])
    if height < 1 or width < 1:
        raise ValueError(f"{name} is {(height, width)}; both sizes must be 1 or more.")
    return height, width


def at_least(value: float, low: float, *, name: str, allow_infinite: bool = False) -> float:
    """`value` as a float that is not below `low`."""
    number = float(value)
    if math.isnan(number) or number < low or (math.isinf(number) and not allow_infinite):
        raise ValueError(f"{name} is {value!r}; give a number of {low:g} or more.")
    return number


def above_zero(value: float, *, name: str, allow_infinite: bool = False) -> float:
    """`value` as a float greater than zero."""
    number = at_least(value, 0.0, name=name, allow_infinite=allow_infinite)
    if number == 0.0:
        raise ValueError(f"{name} is 0; give a number greater than zero.")
    return number


def fraction(value: float, *, name: str) -> float:
    """`value` as a float between 0 and 1."""
    number = float(value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{name} is {value!r}; give a number between 0 and 1.")
    return number


def whole(value: Any, low: int, *, name: str) -> int:
    """`value` as an int that is not below `low`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is {value!r}; give a whole number.")
    if value < low:
        raise ValueError(f"{name} is {value}; give a whole number of {low} or more.")
    return int(value)


def one_of(value: str, choices: Sequence[str], *, name: str) -> str:
    """`value` if it is one of `choices`."""
    if value not in choices:
        allowed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} is {value!r}; use one of {allowed}.")
    return value
