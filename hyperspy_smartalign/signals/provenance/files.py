"""Files that a signal came from: what is recorded of them, and finding them again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

BLOCK = 2**16
# Blocks that are read of a file; of each of many, fewer.
_BLOCKS, _BLOCKS_OF_MANY, _MANY = 16, 3, 16
# Folders above the file that was made which are searched.
_LEVELS = 4


def files_recorded(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """What tells whether files are the same, for each one.

    Returns
    -------
    list of dict
        "path" (absolute), "bytes", "changed" (time of the last change, UTC), "digest" (BLAKE2b of
        the size and of "blocks" blocks of 64 KiB from start to end; small files are read whole).
    """
    blocks = _BLOCKS if len(paths) <= _MANY else _BLOCKS_OF_MANY
    return [file_recorded(path, blocks) for path in paths]


def file_recorded(path: Path, blocks: int = _BLOCKS) -> dict[str, Any]:
    """What tells whether a file, or a .zspy folder, is the same; see `files_recorded`."""
    path = path.expanduser().absolute()
    state = path.stat()
    parts = sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]
    sizes = [part.stat().st_size for part in parts]
    hasher = hashlib.blake2b(digest_size=16)
    for part, size in zip(parts, sizes, strict=True):
        hasher.update(f"{part.relative_to(path).as_posix()}:{size};".encode())
    step = max(len(parts) // blocks, 1)
    for part, size in zip(parts[::step], sizes[::step], strict=True):
        _read_into(hasher, part, size, blocks if len(parts) == 1 else 1)
    return {
        "path": str(path),
        "bytes": sum(sizes),
        "changed": _time(state.st_mtime),
        "digest": hasher.hexdigest(),
        "blocks": blocks,
    }


def _read_into(hasher: Any, path: Path, size: int, blocks: int) -> None:
    with path.open("rb") as stream:
        if size <= blocks * BLOCK:
            hasher.update(stream.read())
            return
        for number in range(blocks):
            stream.seek((size - BLOCK) * number // max(blocks - 1, 1))
            hasher.update(stream.read(BLOCK))


def change_of(recorded: Mapping[str, Any], path: Path) -> str:
    """How a file differs from what was recorded, in words; "" where it is the same."""
    present = file_recorded(path, int(recorded["blocks"]))
    if present["digest"] == recorded["digest"]:
        return ""
    return (
        f"{str(path)!r} has {present['bytes']} bytes, was changed {present['changed']} and has "
        f"the digest {present['digest'][:12]}; when it was read it had {recorded['bytes']} bytes, "
        f"was changed {recorded['changed']} and had the digest {str(recorded['digest'])[:12]}"
    )


def found_again(recorded: str, *, near: Path | None, given: Iterable[Path] = ()) -> Path | None:
    """Where a recorded file is now.

    Parameters
    ----------
    recorded : str
        Its absolute path when it was read, of this or another kind of system.
    near : Path or None
        File that was made of it.
    given : iterable of Path
        Files and folders that the user gave. They go before all else.

    Returns
    -------
    Path or None
        Of the file that the user gave, under its name; that at the recorded place; that at the
        same place as seen from the folder of `near` or one of those above it, where a folder was
        moved as a whole; that of its name in one of these folders. None where there is none.
    """
    pure = _pure(recorded)
    candidates = []
    for entry in given:
        candidates.append(entry / pure.name if _is_folder(entry) else entry)
    named = [path for path in candidates if path.name == pure.name and path.exists()]
    if named:
        return named[0]
    if Path(recorded).is_absolute() and Path(recorded).exists():
        return Path(recorded)
    if near is None:
        return None
    folder = near.expanduser().absolute().parent
    folders = [folder, *folder.parents][:_LEVELS]
    parts = pure.parts[1:] if pure.anchor else pure.parts
    for length in range(min(len(parts), _LEVELS), 0, -1):
        for start in folders:
            path = start.joinpath(*parts[-length:])
            if path.exists():
                return path
    return None


def _is_folder(path: Path) -> bool:
    return path.is_dir() and path.suffix.lower() != ".zspy"


def _pure(recorded: str) -> PurePath:
    """The path as written on the system that it is from."""
    windows = PureWindowsPath(recorded)
    return windows if windows.drive and recorded[:1] != "/" else PurePath(recorded)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
