"""What a verb was called with, as text that gives back the same values.

JSON, in which tuples, arrays, alignments and a few small results have a form of their own. Nothing
is evaluated when it is read: an array is bytes of a plain number type, and the classes that can
come back are those listed here.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from hyperspy_smartalign.quality.lattice import Lattice
from hyperspy_smartalign.quality.lattice_drift import Cell, LatticeDrift
from hyperspy_smartalign.transforms import Alignment

LARGEST_VALUE = 2**22
"""Bytes of an array, compressed, that a record may hold."""
# What a damaged or forged record may ask memory for.
_LARGEST_ARRAY = 2**28
_TUPLE, _ARRAY, _ALIGNMENT, _OBJECT = "$tuple", "$array", "$alignment", "$object"
_CLASSES: dict[str, type[Any]] = {cls.__name__: cls for cls in (Cell, Lattice, LatticeDrift)}


class UnrecordableError(TypeError):
    """A value has no form in which it could be recorded."""


class HistoryError(ValueError):
    """A record of how a signal was made is corrupt, or newer than this version."""


def to_text(content: Mapping[str, Any]) -> str:
    """JSON of what `encoded` gave."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def from_text(text: str) -> dict[str, Any]:
    """What `to_text` was given.

    Raises
    ------
    HistoryError
        It is no such text.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HistoryError(f"it is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise HistoryError("it is no JSON object")
    return content


def encoded(value: Any, name: str = "value") -> Any:
    """A value as types that JSON keeps.

    Parameters
    ----------
    value : object
        None, numbers, words, arrays, alignments, what `compensate_drift` takes, and tuples,
        lists and mappings of these.
    name : str
        What it is, for the message.

    Raises
    ------
    UnrecordableError
        It is something else, or an array is too large.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return encoded(value.item(), name)
    if isinstance(value, np.ndarray):
        return _encoded_array(value, name)
    if isinstance(value, Alignment):
        return {_ALIGNMENT: encoded(value.to_dict(keep_fields=True), name)}
    if type(value).__name__ in _CLASSES and dataclasses.is_dataclass(value):
        fields = {
            field.name: encoded(getattr(value, field.name), f"{name}.{field.name}")
            for field in dataclasses.fields(value)
            if field.init
        }
        return {_OBJECT: type(value).__name__, "fields": fields}
    if isinstance(value, tuple):
        return {_TUPLE: [encoded(item, name) for item in value]}
    if isinstance(value, list):
        return [encoded(item, name) for item in value]
    if isinstance(value, Mapping) and all(
        isinstance(key, str) and not key.startswith("$") for key in value
    ):
        return {key: encoded(item, f"{name}.{key}") for key, item in value.items()}
    raise UnrecordableError(f"{name} is a {type(value).__name__}, which cannot be recorded")


def decoded(content: Any) -> Any:
    """The value that `encoded` was given.

    Raises
    ------
    HistoryError
        The content is corrupt.
    """
    if isinstance(content, list):
        return [decoded(item) for item in content]
    if not isinstance(content, dict):
        return content
    try:
        if _TUPLE in content:
            return tuple(decoded(item) for item in content[_TUPLE])
        if _ARRAY in content:
            return _decoded_array(content)
        if _ALIGNMENT in content:
            return Alignment.from_dict(decoded(content[_ALIGNMENT]))
        if _OBJECT in content:
            return _CLASSES[content[_OBJECT]](**decoded(content["fields"]))
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        raise HistoryError(f"a value is corrupt: {error}") from error
    return {key: decoded(item) for key, item in content.items()}


def _encoded_array(array: np.ndarray[Any, Any], name: str) -> dict[str, Any]:
    if array.dtype.kind == "U":
        return {_TUPLE: [str(item) for item in array.ravel()]}
    if array.dtype.kind not in "biufc":
        raise UnrecordableError(f"{name} is an array of {array.dtype}, which cannot be recorded")
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    packed = zlib.compress(little.tobytes())
    if len(packed) > LARGEST_VALUE:
        raise UnrecordableError(
            f"{name} is an array of {array.nbytes / 1e6:.3g} MB, which is too large to be recorded"
        )
    return {
        _ARRAY: base64.b64encode(packed).decode("ascii"),
        "dtype": little.dtype.str,
        "shape": list(array.shape),
    }


def _decoded_array(content: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    dtype = np.dtype(str(content["dtype"]))
    shape = tuple(int(length) for length in content["shape"])
    size = math.prod(shape) * dtype.itemsize
    if dtype.kind not in "biufc" or min(shape, default=0) < 0 or size > _LARGEST_ARRAY:
        raise HistoryError(f"an array of {dtype} and shape {shape} is none that was recorded")
    unpacking = zlib.decompressobj()
    # No more is unpacked than the shape says.
    raw = unpacking.decompress(base64.b64decode(content[_ARRAY], validate=True), size + 1)
    return np.frombuffer(raw, dtype).reshape(shape).astype(dtype.newbyteorder("="))
