"""Save a signal, after a look at the room on the disk.

The library that writes .hspy files ends the whole process when the disk gets full meanwhile, so
that is found out before.
"""

from __future__ import annotations

import errno
import shutil
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hyperspy.signals import BaseSignal

# Headers, and chunks at the edges that are stored whole.
_OVERHEAD = 1.02
_LEAST_BYTES = 2**17


def save_signal(signal: BaseSignal, path: Path, **options: Any) -> None:
    """Save a signal; a file of that name is replaced, and nothing is asked.

    Parameters
    ----------
    signal : BaseSignal
    path : Path
        The suffix chooses the format.
    **options
        Of HyperSpy's writer.

    Raises
    ------
    OSError
        The disk has no room for the pixels, not compressed, and the metadata; nothing was
        written. Or the file cannot be written.
    """
    check_room(path, signal)
    known = signal.tmp_parameters.deepcopy()
    try:
        signal.save(path, overwrite=True, **options)
    except KeyboardInterrupt:
        _free_compressor()
        raise
    finally:
        # Files are written aside and renamed: that name must not become the origin of the signal.
        signal.tmp_parameters = known


def check_room(path: Path, signal: BaseSignal) -> None:
    """Raise if a disk has no room for a signal.

    Raises
    ------
    OSError
        With how much is needed and how much is free.
    """
    described = (signal.metadata.as_dictionary(), signal.original_metadata.as_dictionary())
    size = int(signal.data.nbytes) + sum(map(_bytes_of, described))
    needed = int(size * _OVERHEAD) + _LEAST_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise OSError(
            errno.ENOSPC,
            f"the result needs up to {needed / 1e6:.3g} MB in {str(path.parent)!r}, where "
            f"{free / 1e6:.3g} MB are free; make room, or give a file on another disk.",
        )


def _free_compressor() -> None:
    """Give back the lock of zarr's compressor, which Ctrl-C can leave taken.

    If it comes just after the lock was taken, nobody gives it back, and the next .zspy file would
    be waited for without end. Only the main thread takes it, which is here.
    """
    get_mutex = getattr(sys.modules.get("numcodecs.blosc"), "get_mutex", None)
    if get_mutex is not None and threading.current_thread() is threading.main_thread():
        lock = get_mutex()
        lock.acquire(block=False)
        lock.release()


def _bytes_of(content: Any) -> int:
    """Bytes that metadata take, roughly."""
    if isinstance(content, Mapping):
        return sum(len(str(key)) + _bytes_of(value) for key, value in content.items())
    if isinstance(content, list | tuple):
        return sum(map(_bytes_of, content))
    if isinstance(content, str):
        return len(content)
    nbytes = getattr(content, "nbytes", 8)
    return int(nbytes) if isinstance(nbytes, int | np.integer) else 8
