"""What a piece of work depends on, in a form that can be stored and compared."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_MOST_LISTED = 4
_LONGEST_VALUE = 60


def fingerprint_of(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a piece of work depends on, as types that JSON keeps.

    Parameters
    ----------
    parts : mapping
        Names to values: numbers, words, None, arrays, dataclasses, paths, and mappings and
        sequences of these. An array becomes its shape, dtype and SHA-256; a path of a file that
        exists becomes its name, size and time of change.

    Returns
    -------
    dict
        It is equal to another one where the work is the same.

    Raises
    ------
    TypeError
        A value is of another kind.
    """
    return {str(name): _plain(value, str(name)) for name, value in parts.items()}


def differences(recorded: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Where two fingerprints differ, in words.

    Parameters
    ----------
    recorded, present : mapping
        What `fingerprint_of` gave, then and now.

    Returns
    -------
    list of str
        One entry a difference, such as ``"parameters.fill: 'zero' then, 'nan' now"``; the last
        one says how many more there are. Empty where nothing differs.
    """
    then, now = _leaves(recorded), _leaves(present)
    names = [name for name in {**then, **now} if not _same(then, now, name)]
    said = [
        f"{name}: {_short(then.get(name, _NONE))} then, {_short(now.get(name, _NONE))} now"
        for name in names[:_MOST_LISTED]
    ]
    if len(names) > _MOST_LISTED:
        said.append(f"and {len(names) - _MOST_LISTED} more")
    return said


def digest(array: npt.NDArray[Any]) -> str:
    """SHA-256 of the values of an array in C order; it does not depend on the byte order."""
    hasher = hashlib.sha256()
    native = array.dtype.newbyteorder("=")
    # Piece by piece, as an array that is not contiguous has to be copied for this.
    pieces = array if array.ndim > 1 else (array,)
    for piece in pieces:
        hasher.update(np.ascontiguousarray(piece, dtype=native).data)
    return hasher.hexdigest()


_NONE = object()


def _plain(value: Any, name: str) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        # NaN is not equal to itself, and JSON has no infinity.
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, np.generic):
        return _plain(value.item(), name)
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"{name} is an array of Python objects, which has no fingerprint.")
        kind = value.dtype.newbyteorder("=").str
        return {"shape": list(value.shape), "dtype": kind, "sha256": digest(value)}
    if isinstance(value, os.PathLike):
        return _file(Path(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {
            "kind": type(value).__name__,
            **{field.name: getattr(value, field.name) for field in dataclasses.fields(value)},
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [_plain(item, f"{name}[{place}]") for place, item in enumerate(items)]
    raise TypeError(
        f"{name} is a {type(value).__name__}, which has no fingerprint; give numbers, words, "
        "arrays, paths, or mappings and sequences of these."
    )


def _file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {"file": str(path)}
    state = path.stat()
    return {"file": str(path.resolve()), "bytes": state.st_size, "changed_ns": state.st_mtime_ns}


def _leaves(content: Any, name: str = "") -> dict[str, Any]:
    """Dotted name -> value of everything that is not a mapping itself."""
    if not isinstance(content, Mapping):
        return {name: content}
    found: dict[str, Any] = {}
    for key, item in content.items():
        found |= _leaves(item, f"{name}.{key}" if name else str(key))
    return found


def _same(then: Mapping[str, Any], now: Mapping[str, Any], name: str) -> bool:
    if not (name in then and name in now):
        return False
    # As text, in which 1, 1.0 and True differ: index, value and flag.
    return json.dumps(then[name]) == json.dumps(now[name])


def _short(value: Any) -> str:
    if value is _NONE:
        return "nothing"
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
