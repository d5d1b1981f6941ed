"""A folder that only one process works in at a time."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import time
from pathlib import Path
from typing import Any

from hyperspy_smartalign.signals.writing import remove

_NAME = "lock"
# A lock file is written in one go; one that stays empty for longer is left from a crash.
_SECONDS_TO_WRITE = 2.0


class FolderInUseError(OSError):
    """Another process works in the folder."""


class FolderLock:
    """The right to work in a folder, held from `take` to `release`.

    A file in the folder says which process holds it. Where that process runs on this machine and
    has ended without releasing the folder, the folder is taken over.

    Parameters
    ----------
    folder : Path
        It is made if it does not exist, and removed on release if it is empty then.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / _NAME
        self._token = secrets.token_hex(8)

    def take(self) -> None:
        """Take the folder.

        Raises
        ------
        FolderInUseError
            Another process, or another piece of work of this one, holds it.
        """
        for _ in range(20):
            self._folder.mkdir(exist_ok=True)
            try:
                self._create(self._file)
            except FileNotFoundError:  # the folder was removed meanwhile
                continue
            except FileExistsError:
                holder = self._holder()
                if holder is not None and not _has_ended(holder):
                    raise FolderInUseError(self._refusal(holder)) from None
                self._remove_left(holder)
            else:
                return
        raise FolderInUseError(self._refusal({}))

    def release(self) -> None:
        """Give the folder back; does nothing if it was taken over."""
        holder = self._read()
        if holder is not None and holder.get("token") == self._token:
            self._file.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # not empty
                self._folder.rmdir()

    def _create(self, path: Path) -> None:
        me = {
            "token": self._token,
            "pid": os.getpid(),
            "started": _start_of(os.getpid()),
            "host": socket.gethostname(),
        }
        with path.open("x") as file:
            file.write(json.dumps(me))

    def _remove_left(self, holder: dict[str, Any] | None) -> None:
        """Remove the lock of a process that has ended.

        Of several processes that find it, only the one that makes the file named after the old
        lock removes it; another one could remove the new lock of the first.
        """
        old = "" if holder is None else str(holder.get("token", ""))
        claim = self._folder / f"{_NAME}.{old}"
        try:
            self._create(claim)
        except (FileExistsError, FileNotFoundError):
            time.sleep(0.05)
            return
        try:
            present = self._holder()
            if (present or {}).get("token", "") == old:
                self._file.unlink(missing_ok=True)
        finally:
            remove(claim)

    def _holder(self) -> dict[str, Any] | None:
        """What the lock file says; None if it is left from a crash or has just gone."""
        while True:
            try:
                age = time.time() - self._file.stat().st_mtime
            except FileNotFoundError:
                return None
            holder = self._read()
            if holder is not None or age > _SECONDS_TO_WRITE:
                return holder
            time.sleep(0.05)

    def _read(self) -> dict[str, Any] | None:
        try:
            content = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def _refusal(self, holder: dict[str, Any]) -> str:
        who = f"process {holder.get('pid', '?')} on {holder.get('host', 'an unknown machine')}"
        return (
            f"{who} is working on the same result; its state is in {str(self._folder)!r}. Wait "
            f"for it, give another name, or remove {str(self._file)!r} if that process has ended."
        )


def _has_ended(holder: dict[str, Any]) -> bool:
    """Whether a process has certainly ended; of another machine's that is not known."""
    if holder.get("host") != socket.gethostname():
        return False
    try:
        pid = int(holder["pid"])
    except (KeyError, TypeError, ValueError):
        return False
    return not _exists(pid) or _start_of(pid) != holder.get("started")


def _exists(pid: int) -> bool:
    if sys.platform == "win32":  # where signal 0 is no question but ends the process
        import ctypes

        synchronise = 0x00100000
        handle = ctypes.windll.kernel32.OpenProcess(synchronise, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start_of(pid: int) -> str:
    """When a process that runs started, as Linux tells; its number may be used again later."""
    try:
        # The name of the program, in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
