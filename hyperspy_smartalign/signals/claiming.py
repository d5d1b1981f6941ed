"""What files claim to hold, compared with their size before they are read.

A header of a few damaged bytes can claim more pixels than any memory holds. Readers believe it, and
take memory, or work for minutes, before they notice. Looked at are the kinds of files of which the
header is quickly understood; the others have readers that notice in time.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from hyperspy_smartalign.signals.calibrating import SeriesFileError

# Smaller claims do no harm.
_HARMLESS = 2**28
# What gzip, LZF and SZIP can do at best is near 1000; Blosc and Zstandard write long runs of one
# value in next to nothing.
_BEST_COMPRESSION = 2_000
_BEST_OF_ALL = 100_000
_BEST_KNOWN = (None, "gzip", "lzf", "szip")

_HDF5 = (".hspy", ".hdf5", ".h5", ".emd", ".nxs", ".hdf")
_MRC_BYTES = {0: 1, 1: 2, 2: 4, 4: 8, 6: 2, 12: 2}
_MRC_HEADER = 1024


def check_claims(path: Path, options: Mapping[str, Any]) -> None:
    """Refuse a file that claims far more than it holds, or that is visibly cut short.

    Files of other kinds, and files that cannot be understood, are left to their readers.

    Parameters
    ----------
    path : Path
        A file, or a folder such as a .zspy store.
    options : mapping
        Options of HyperSpy's reader.

    Raises
    ------
    SeriesFileError
        With what is claimed and what is there.
    """
    suffix = path.suffix.lower()
    if suffix in _HDF5:
        problem = _of_hdf5(path)
    elif suffix == ".zspy":
        problem = _of_zarr(path)
    elif suffix == ".mrc":
        problem = _of_mrc(path, options)
    elif suffix in (".tif", ".tiff"):
        problem = _of_tiff(path)
    else:
        return
    if problem:
        raise SeriesFileError(
            f"cannot read {str(path)!r}: {problem}. The file is truncated, damaged, or still "
            "being written; leave it out of the series."
        )


def _of_hdf5(path: Path) -> str:
    import h5py  # type: ignore[import-untyped,unused-ignore]

    problems: list[str] = []

    def look(name: str, item: Any) -> bool | None:
        # What is kept in other files has no size here.
        if not isinstance(item, h5py.Dataset) or item.shape is None:
            return None
        if item.is_virtual or item.external:
            return None
        best = _BEST_COMPRESSION if item.compression in _BEST_KNOWN else _BEST_OF_ALL
        claimed, held = math.prod(item.shape) * item.dtype.itemsize, item.id.get_storage_size()
        if _too_much(claimed, held, best):
            problems.append(_told(name, item.shape, claimed, held))
            return True
        return None

    try:
        with h5py.File(path, "r") as file:
            file.visititems(look)
    except Exception:  # a damaged file raises anything; so will the reader, with more words
        return ""
    return problems[0] if problems else ""


def _of_zarr(path: Path) -> str:
    for folder, _, names in os.walk(path):
        if ".zarray" not in names:
            continue
        try:
            header = json.loads(Path(folder, ".zarray").read_text())
            shape = tuple(int(n) for n in header["shape"])
            claimed = math.prod(shape) * _bytes_of(str(header["dtype"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if claimed <= _HARMLESS:
            continue
        held = sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file())
        nested = (p for p in Path(folder).rglob("*") if p.parent != Path(folder) and p.is_file())
        held += sum(p.stat().st_size for p in nested)
        if _too_much(claimed, held, _BEST_OF_ALL):
            return _told(os.path.relpath(folder, path), shape, claimed, held)
    return ""


def _bytes_of(dtype: str) -> int:
    """Bytes of a value, from a text such as "<f4"; at least one."""
    digits = dtype.lstrip("<>|=")[1:].split("[")[0]
    return max(int(digits or 1), 1)


def _of_mrc(path: Path, options: Mapping[str, Any]) -> str:
    end = ">" if options.get("endianness") == ">" else "<"
    try:
        with path.open("rb") as file:
            header = file.read(_MRC_HEADER)
    except OSError:
        return ""
    if len(header) < _MRC_HEADER:
        return f"it has {len(header)} bytes, and its header alone would have {_MRC_HEADER}"
    nx, ny, nz, mode = struct.unpack(f"{end}4I", header[:16])
    (extended,) = struct.unpack(f"{end}I", header[92:96])
    if mode not in _MRC_BYTES or "navigation_shape" in options:
        # Compressed, unknown to the reader too, or of a shape that the user knows better.
        return ""
    shape = (nz, ny, nx)
    claimed = math.prod(shape) * _MRC_BYTES[mode]
    held = path.stat().st_size - _MRC_HEADER - extended
    if claimed == 0:
        return f"it has no pixels (shape {shape})"
    return _told("the series", shape, claimed, max(held, 0)) if claimed > held else ""


def _of_tiff(path: Path) -> str:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            outside = [
                (page, offset)
                for page, offset in enumerate(_page_offsets(file))
                if page and offset >= size  # of page 0 the reader says so itself
            ]
    except (OSError, struct.error, OverflowError):
        return ""
    if not outside:
        return ""
    ((page, offset),) = outside
    return f"page {page} (counted from 0) begins at byte {offset}, and the file has {size} bytes"


def _page_offsets(file: BinaryIO) -> Iterator[int]:
    """Where the pages of a TIFF file begin, in order; also the first that lies outside it."""
    start = file.read(16)
    end = {b"II": "<", b"MM": ">"}.get(start[:2])
    if end is None:
        return
    (version,) = struct.unpack(f"{end}H", start[2:4])
    if version == 42:
        count, pointer, entry, (offset,) = "H", "I", 12, struct.unpack(f"{end}I", start[4:8])
    elif version == 43:
        count, pointer, entry, (offset,) = "Q", "Q", 20, struct.unpack(f"{end}Q", start[8:16])
    else:
        return
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        yield offset
        file.seek(offset)
        first = file.read(struct.calcsize(end + count))
        if not first:
            return
        (entries,) = struct.unpack(end + count, first)
        file.seek(entries * entry, os.SEEK_CUR)
        (offset,) = struct.unpack(end + pointer, file.read(struct.calcsize(end + pointer)))


def _too_much(claimed: int, held: int, best: int) -> bool:
    return claimed > _HARMLESS and claimed > held * best


def _told(name: str, shape: tuple[int, ...], claimed: int, held: int) -> str:
    return (
        f"{name} claims {' x '.join(map(str, shape))} values, which are {claimed:.3g} bytes, and "
        f"{held} bytes are there"
    )
