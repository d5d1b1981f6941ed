"""Checks and comparison of what an alignment records about its frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ._validation import FloatArray, as_pair, frozen, real_array
from .storage import storable


def as_scale(value: Any) -> tuple[float, ...]:
    """(y, x) scale, which may be negative but not zero."""
    scale = as_pair("frame_scale", value)
    if not scale.all():
        raise ValueError(f"frame_scale must not be zero, not {tuple(scale.tolist())}")
    return tuple(scale.tolist())


def as_figures(name: str, value: Any, shape: tuple[int, ...]) -> FloatArray | None:
    """Read-only copy of some figures a frame, NaN where they are not known."""
    if value is None:
        return None
    array = np.array(real_array(name, value), dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, not {array.shape}")
    return frozen(array)


def as_flags(value: Any, n: int) -> npt.NDArray[np.bool_]:
    """Read-only copy of a flag a frame; none at all means all False."""
    array = np.asarray(value)
    if array.size == 0:
        array = np.zeros(n, bool)
    if array.shape != (n,) or not np.isin(array, (0, 1)).all():
        raise ValueError(
            f"excluded must hold one bool for each of {n} frames, not shape {array.shape} of "
            f"{array.dtype}"
        )
    return frozen(array.astype(bool))


def as_texts(name: str, value: Any, n: int) -> tuple[str, ...]:
    """Tuple of exactly `n` texts."""
    if isinstance(value, str) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"{name} must be a sequence of str, not {value!r}")
    texts = tuple(str(text) for text in value)
    if len(texts) != n:
        raise ValueError(f"{name} must hold {n} texts, not {len(texts)}")
    return texts


def as_step(i: int, step: Any) -> dict[str, Any]:
    """Own copy of a step in types that can be stored, so that nobody can change it later."""
    if not isinstance(step, Mapping) or not isinstance(step.get("name"), str):
        raise TypeError(f"steps[{i}] must be a mapping with a name, not {step!r}")
    own = dict(storable(step, f"steps[{i}]"))
    own.setdefault("parameters", {})
    for part in ("parameters", "results"):
        if not isinstance(own.get(part, {}), dict):
            raise TypeError(f"steps[{i}].{part} must be a mapping, not {own[part]!r}")
    return own


def same_values(a: Any, b: Any) -> bool:
    """Equality that works with arrays, NaN and nested containers."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        left, right = np.asarray(a), np.asarray(b)
        both_floats = left.dtype.kind in "fc" and right.dtype.kind in "fc"
        return np.array_equal(left, right, equal_nan=both_floats)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same_values(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same_values, a, b))
    return bool(a == b or (a != a and b != b))
