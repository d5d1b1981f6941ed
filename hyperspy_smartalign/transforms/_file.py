"""One file for an alignment: an uncomplicated .npz.

A zip archive with the dictionary as ``header.json``, in which ``{"__array__": name}`` stands for
the array stored as ``name.npy``. Nothing in it is ever executed: no pickles.
"""

from __future__ import annotations

import json
import math
import os
import uuid
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .storage import AlignmentFormatError

SUFFIX = ".npz"

_FORMAT = "hyperspy_smartalign alignment"
_HEADER = "header.json"
_ARRAY = "__array__"
_MOST_HEADER_BYTES = 2**28
# Deflate cannot do better; a member that claims more was made to exhaust memory.
_BEST_COMPRESSION = 1100


def write_file(
    path: str | os.PathLike[str], content: Mapping[str, Any], *, overwrite: bool = False
) -> None:
    """Write a dictionary of storable values; see `Alignment.save`."""
    target = Path(path)
    if target.suffix.lower() != SUFFIX:
        raise ValueError(
            f"an alignment is saved as {SUFFIX}, not as {target.name!r}; use "
            f"{target.stem + SUFFIX!r}"
        )
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists; choose another name or pass overwrite=True")
    arrays: dict[str, npt.NDArray[Any]] = {}
    header = json.dumps({"format": _FORMAT, "content": _without_arrays(content, arrays)})
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        with zipfile.ZipFile(aside, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(_HEADER, header)
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)


def read_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `write_file` wrote; AlignmentFormatError for anything else."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(_HEADER)
            if info.file_size > _MOST_HEADER_BYTES:
                raise AlignmentFormatError(f"its header claims {info.file_size} bytes")
            header = json.loads(archive.read(info))
            if not isinstance(header, dict) or header.get("format") != _FORMAT:
                raise AlignmentFormatError("this is no file of an alignment")
            content = _with_arrays(header.get("content"), archive)
    except AlignmentFormatError:
        raise
    except KeyError as error:
        raise AlignmentFormatError(
            f"this is no file of an alignment, or a part is missing: {error}"
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise AlignmentFormatError(
            f"the file is truncated, damaged, or no file of an alignment: {error}"
        ) from error
    except (ValueError, TypeError, RuntimeError, RecursionError) as error:
        raise AlignmentFormatError(f"the file is damaged: {error}") from error
    if not isinstance(content, dict):
        raise AlignmentFormatError("the file holds no alignment")
    return content


def _without_arrays(value: Any, arrays: dict[str, npt.NDArray[Any]]) -> Any:
    """Copy for JSON, with the arrays moved into `arrays`."""
    if isinstance(value, np.ndarray):
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {_ARRAY: name}
    if isinstance(value, Mapping):
        return {key: _without_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_arrays(item, arrays) for item in value]
    return value


def _with_arrays(value: Any, archive: zipfile.ZipFile) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            return _read_array(archive, f"{value[_ARRAY]}.npy")
        return {key: _with_arrays(item, archive) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_arrays(item, archive) for item in value]
    return value


def _read_array(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """One array, after its claims about its size are known to be true."""
    info = archive.getinfo(name)
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise AlignmentFormatError(f"{name} has the unknown array format {version}")
        shape, _, dtype = read_header(member)
        claimed = math.prod(shape) * dtype.itemsize + member.tell()
    possible = (info.compress_size + 1) * _BEST_COMPRESSION
    if dtype.hasobject or claimed != info.file_size or claimed > possible:
        raise AlignmentFormatError(f"{name} claims an array of {shape} {dtype} it does not hold")
    with archive.open(info) as member:
        array: npt.NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        # Reading to the end makes zipfile compare the checksum.
        if member.read(1):
            raise AlignmentFormatError(f"{name} is longer than its array")
    return array
