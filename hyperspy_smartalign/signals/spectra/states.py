"""The state of long work in a folder, complete whenever the process ends."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.signals.spectra.fingerprints import fingerprint_of
from hyperspy_smartalign.signals.writing import remove

SCHEMA = 1
"""Version of what is kept."""

Arrays = Mapping[str, npt.NDArray[Any]]

_STATE = "state.json"


@dataclass(frozen=True)
class State:
    """How far work has come.

    Attributes
    ----------
    done : int
        Number of steps done.
    files : mapping
        Name of each array -> name of its file.
    details : mapping
        Anything else that JSON keeps.
    """

    done: int = 0
    files: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def with_version(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Fingerprint of work, and of what does it: another version may do it otherwise."""
    package = __name__.partition(".")[0]
    return {"schema": SCHEMA, "version": version(package), **fingerprint_of(parts)}


def has_state(folder: Path) -> bool:
    """Whether a state is kept in a folder."""
    return (folder / _STATE).exists()


def write_state(
    folder: Path,
    done: int,
    arrays: Arrays,
    *,
    details: Mapping[str, Any],
    fingerprint: Mapping[str, Any],
) -> None:
    """Write a state beside the one that is there, then put it in its place.

    Parameters
    ----------
    folder : Path
        Where it is kept.
    done : int
        Number of steps done.
    arrays : mapping
        Name -> array; names are words such as ``"total"``.
    details : mapping
        Anything else that JSON keeps.
    fingerprint : mapping
        What `with_version` gave.

    Raises
    ------
    OSError
        It cannot be written; what was kept before is still there.
    """
    token = secrets.token_hex(4)
    files = {name: f"{name}.{token}.npy" for name in arrays}
    content = {
        "done": done,
        "files": files,
        "details": details,
        "fingerprint": fingerprint,
    }
    try:
        for name, array in arrays.items():
            with _synced(folder / files[name]) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)
        with _synced(folder / f"{_STATE}.new") as file:
            file.write(json.dumps(content).encode())
        os.replace(folder / f"{_STATE}.new", folder / _STATE)
        _sync_folder(folder)
    except BaseException as error:
        _remove_arrays(folder)
        remove(folder / f"{_STATE}.new")
        if isinstance(error, OSError):
            raise in_words(error, folder) from error
        raise
    _remove_arrays(folder)


def read_state(folder: Path) -> tuple[State, dict[str, Any]]:
    """The state in a folder, and the fingerprint of its work.

    Raises
    ------
    Exception
        It is damaged; of what kind depends on the damage.
    """
    content = json.loads((folder / _STATE).read_text())
    state = State(int(content["done"]), dict(content["files"]), dict(content["details"]))
    for file in (*state.files.values(), *state.details.get("least_bytes", {})):
        if Path(file).name != file:
            raise ValueError(f"{file!r} is no name of a file in this folder")
    for file in state.files.values():
        # Refuses a file that is cut short, and reads nothing but its beginning.
        np.load(folder / file, mmap_mode="r", allow_pickle=False)
    for file, least in state.details.get("least_bytes", {}).items():
        if (folder / file).stat().st_size < least:
            raise ValueError(f"{file} is cut short")
    return state, dict(content["fingerprint"])


def remove_state(folder: Path) -> None:
    """Remove all that is kept in a folder, but for its lock."""
    if not folder.is_dir():
        return
    # First what makes the rest a state.
    remove(folder / _STATE)
    for path in folder.iterdir():
        if not path.name.startswith("lock"):
            remove(path)


def in_words(error: OSError, folder: Path) -> OSError:
    """An error of the system, with what it was about."""
    reason = error.strerror or str(error)
    text = (
        f"the state of the work cannot be kept in {str(folder)!r}: {reason}. What was kept before "
        "is still there; when this is mended, go on with resume=True (--resume on the command "
        "line)."
    )
    return OSError(error.errno, text) if error.errno else OSError(text)


def _remove_arrays(folder: Path) -> None:
    """Remove the arrays that the present state does not need."""
    try:
        state = (folder / _STATE).read_text()
    except FileNotFoundError:
        state = ""
    for path in folder.glob("*.*.npy"):
        if json.dumps(path.name) not in state:
            remove(path)


@contextlib.contextmanager
def _synced(path: Path) -> Iterator[Any]:
    """A new file, on the disk when this ends."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Have new names on the disk, on systems where a folder can be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
