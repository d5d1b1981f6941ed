"""Files that keep intermediate results, and tell when they are damaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.signals.writing import written_aside

Arrays = Mapping[str, npt.NDArray[Any]]

_RECORD = "record"
_CHECKSUM = "checksum"


class DamagedFileError(ValueError):
    """A file is cut short, was changed, or is none of ours."""


@dataclass(frozen=True, eq=False)
class Content:
    """What a file holds.

    Attributes
    ----------
    arrays : mapping
        Name -> array.
    record : mapping
        What is known of them, as types that JSON keeps.
    """

    arrays: Arrays
    record: Mapping[str, Any]


def write(path: Path, arrays: Arrays, record: Mapping[str, Any]) -> None:
    """Write a file; it appears when it is complete, in place of an older one.

    Parameters
    ----------
    path : Path
        Its suffix is .npz.
    arrays : mapping
        Name -> array of numbers.
    record : mapping
        Anything else, as types that JSON keeps.

    Raises
    ------
    OSError
        It cannot be written; an older file is still there.
    """
    kept = {**arrays, _RECORD: np.frombuffer(json.dumps(record).encode(), np.uint8)}
    kept[_CHECKSUM] = _checksum(kept)
    with written_aside([path], overwrite=True) as aside:
        np.savez(aside(path), **kept)  # type: ignore[arg-type,unused-ignore]


def read(path: Path) -> Content:
    """Read a file, all of it, and check that it is what was written.

    Raises
    ------
    FileNotFoundError
        There is none.
    DamagedFileError
        It is not what was written.
    """
    try:
        # Opened here: numpy leaves a file open where it is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            kept = {name: arrays[name] for name in arrays.files}
        checksum = kept.pop(_CHECKSUM)
        if not np.array_equal(checksum, _checksum(kept)):
            raise ValueError("its checksum differs")
        record = json.loads(kept.pop(_RECORD).tobytes())
        return Content(kept, dict(record))
    except FileNotFoundError:
        raise
    except Exception as error:  # reading a damaged file raises anything
        raise DamagedFileError(f"{str(path)!r} is damaged: {error}") from error


def _checksum(arrays: Arrays) -> npt.NDArray[np.uint8]:
    """SHA-256 of names, types, shapes and values."""
    hasher = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        hasher.update(repr((name, array.dtype.str, array.shape)).encode())
        hasher.update(array.tobytes())
    return np.frombuffer(hasher.digest(), np.uint8)
