"""Long work on a file that can go on where it was broken off."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.signals.progressing import held_together
from hyperspy_smartalign.signals.spectra.fingerprints import differences
from hyperspy_smartalign.signals.spectra.locking import FolderLock
from hyperspy_smartalign.signals.spectra.states import (
    Arrays,
    State,
    has_state,
    in_words,
    read_state,
    remove_state,
    with_version,
    write_state,
)
from hyperspy_smartalign.signals.telling import tell
from hyperspy_smartalign.signals.writing import check_folder, put_in_place, remove

_SHARE = 0.1  # of the time may go into keeping the state
_LEAST_SECONDS = 3.0  # between two states
_BYTES_PER_SECOND = 2e8  # of a disk that was not yet measured
_LOGGER = logging.getLogger("hyperspy_smartalign")


def working_folder(path: Path) -> Path:
    """The hidden folder that keeps the state of the work on a file."""
    return path.with_name(f".{path.name}.smartalign")


class Checkpoint:
    """State of the work that makes one file, kept in a hidden folder beside that file.

    It is made by `Checkpoint.open`. Whenever the process ends, the folder holds one complete
    state: a new one is written beside the old one, and takes its place by renaming one small
    file. Room for two states is needed.

    Attributes
    ----------
    folder : Path
        The hidden folder; further files of the work may be put there.
    details : dict
        Anything that JSON keeps and that belongs to the state. Under "least_bytes", names of
        further files of the folder that the state needs, and how long they are at least.
    """

    def __init__(
        self, path: Path, folder: Path, fingerprint: Mapping[str, Any], state: State
    ) -> None:
        self.folder = folder
        self.details: dict[str, Any] = dict(state.details)
        self._path = path
        self._fingerprint = fingerprint
        self._found = state
        self._flushes: list[Callable[[], None]] = []
        self._latest: tuple[int, Callable[[], Arrays]] | None = None
        self._in_step = False
        self._last_end = time.monotonic()
        self._seconds: float | None = None

    @classmethod
    @contextlib.contextmanager
    def open(
        cls,
        path: Path,
        parts: Mapping[str, Any],
        *,
        resume: bool = False,
        stacklevel: int = 1,
    ) -> Iterator[Self]:
        """Work on a file, from the beginning or from where it was broken off.

        When the work inside ends, the hidden folder is removed. When it fails or is cancelled,
        the last state is written, unless a step is broken off half way; then the state that was
        written before stays.

        Parameters
        ----------
        path : Path
            The file with the result.
        parts : mapping
            All that the result depends on; see `fingerprint_of`.
        resume : bool
            Go on from the state that is there, if any. Otherwise it is replaced by that of the
            new work.
        stacklevel : int
            Whom a warning is for; 1 is the caller.

        Yields
        ------
        Checkpoint

        Raises
        ------
        ValueError
            The state that is there is that of other work.
        FolderInUseError
            Another process works on the same file.
        FileNotFoundError, PermissionError
            The folder of `path` does not exist or cannot be written into.

        Warns
        -----
        SeriesWarning
            The state that is there cannot be read, and the work starts anew.
        """
        check_folder(path.parent)
        folder = working_folder(path)
        fingerprint = with_version(parts)
        lock = FolderLock(folder)
        try:
            lock.take()
        except PermissionError as error:
            raise in_words(error, folder) from error
        try:
            state = _state_to_start_from(folder, path, fingerprint, resume, stacklevel + 3)
            checkpoint = cls(path, folder, fingerprint, state)
            try:
                yield checkpoint
            except BaseException as error:
                checkpoint._keep_what_was_done(error)
                raise
            remove_state(folder)
        finally:
            lock.release()

    def start(self) -> tuple[int, dict[str, npt.NDArray[Any]]]:
        """Number of steps that are done, and the arrays as they were then, writeable.

        They are (0, {}) where the work starts anew.
        """
        found = self._found
        return found.done, {
            name: np.load(self.folder / file, allow_pickle=False)
            for name, file in found.files.items()
        }

    @contextlib.contextmanager
    def step(self, done: int, arrays: Callable[[], Arrays] = dict) -> Iterator[None]:
        """Work that changes the arrays; afterwards the state is kept if that is worth the time.

        Ctrl-C, and an observer that ends the work, wait for the end of the step, so that the
        arrays are whole when they are kept; a second Ctrl-C does not wait.

        Parameters
        ----------
        done : int
            Number of steps done when this one is.
        arrays : callable
            Gives the arrays by name.
        """
        with _interrupts_held(), held_together():
            self._in_step = True
            yield
            self._latest = (done, arrays)
            self._in_step = False
        self._write_if_due()

    def keep(self, done: int, arrays: Arrays, *, force: bool = False) -> bool:
        """Keep the state if that is worth the time.

        States are written so rarely that this takes about a tenth of the time.

        Parameters
        ----------
        done : int
            Number of steps done.
        arrays : mapping
            The arrays by name; names are words such as ``"total"``.
        force : bool
            Keep it in any case.

        Returns
        -------
        bool
            Whether the state was written.

        Raises
        ------
        OSError
            It cannot be written; what was kept before is still there.
        """
        self._latest = (done, lambda: arrays)
        kept = self._write_if_due(force=force)
        # The arrays may change from now on.
        self._latest = None
        return kept

    def publish(self, write: Callable[[Path], None], *, overwrite: bool = False) -> None:
        """Write the result in the hidden folder, then give it its final name.

        Parameters
        ----------
        write : callable
            Writes the result under the path that it gets, which has the suffix of the result.
        overwrite : bool
            Replace a file of the final name.

        Raises
        ------
        FileExistsError
            There is such a file and `overwrite` is False.
        OSError
            The result cannot be written.
        """
        hidden = self.folder / self._path.name
        remove(hidden)
        try:
            write(hidden)
            put_in_place(hidden, self._path, overwrite=overwrite)
        finally:
            remove(hidden)

    def before_keeping(self, flush: Callable[[], None]) -> None:
        """Have a function called before each state is written."""
        self._flushes.append(flush)

    def forget(self) -> None:
        """Remove a state that is there."""
        remove_state(self.folder)
        self._found = State()
        self.details = {}

    def _write_if_due(self, *, force: bool = False) -> bool:
        if self._latest is None:
            return False
        done, arrays_of = self._latest
        arrays = arrays_of()
        if not force and time.monotonic() - self._last_end < self._pause(arrays):
            return False
        start = time.monotonic()
        self._write(done, arrays)
        self._last_end = time.monotonic()
        self._seconds = self._last_end - start
        self._latest = None
        return True

    def _pause(self, arrays: Arrays) -> float:
        """Seconds of work for which a state is worth writing."""
        seconds = self._seconds
        if seconds is None:
            seconds = sum(array.nbytes for array in arrays.values()) / _BYTES_PER_SECOND
        return max(_LEAST_SECONDS, seconds * (1 / _SHARE - 1))

    def _write(self, done: int, arrays: Arrays) -> None:
        try:
            for flush in self._flushes:
                flush()
        except OSError as error:
            raise in_words(error, self.folder) from error
        write_state(self.folder, done, arrays, details=self.details, fingerprint=self._fingerprint)

    def _keep_what_was_done(self, error: BaseException) -> None:
        """Write the last whole state after a failure; a second failure must not hide the first."""
        if not self._in_step and self._latest is not None:
            try:
                self._write_if_due(force=True)
            except OSError as second:
                error.add_note(str(second))
        if not has_state(self.folder):
            remove_state(self.folder)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait for the end; works in the main thread, where Python tells of it."""
    usual = signal.default_int_handler
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not usual:
        yield
        return
    held: list[int] = []

    def hold(number: int, _: Any) -> None:
        if held:
            raise KeyboardInterrupt
        held.append(number)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if held:
        raise KeyboardInterrupt


def _state_to_start_from(
    folder: Path, path: Path, fingerprint: Mapping[str, Any], resume: bool, stacklevel: int
) -> State:
    if not has_state(folder):
        return State()
    if not resume:
        _LOGGER.info(
            "Starting %s anew, although a part of it is done; resume=True would go on from there.",
            path.name,
        )
        return State()
    try:
        state, recorded = read_state(folder)
    except Exception as error:  # reading a damaged state raises anything
        tell(
            f"the state of the earlier work on {str(path)!r} cannot be read "
            f"({type(error).__name__}: {error}), so the work starts anew.",
            stacklevel=stacklevel,
        )
        return State()
    different = differences(recorded, fingerprint)
    if different:
        raise ValueError(
            f"the part of {str(path)!r} that is done was made otherwise ({'; '.join(different)}), "
            "so it cannot be gone on with. Do as before, leave resume out to start anew, or give "
            "another name."
        )
    return state
