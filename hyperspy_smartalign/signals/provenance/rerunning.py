"""From an aligned file alone, the work once more on the raw series."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hyperspy.api as hs
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.provenance.calls import Working
from hyperspy_smartalign.signals.provenance.coding import HistoryError
from hyperspy_smartalign.signals.provenance.comparing import Comparison, compared
from hyperspy_smartalign.signals.provenance.conforming import OtherStateError, conformed
from hyperspy_smartalign.signals.provenance.history import ROOTS, History, history_of
from hyperspy_smartalign.signals.provenance.opening import Sources
from hyperspy_smartalign.signals.provenance.repeating import (
    RepeatError,
    check_calls,
    check_sources,
    repeated,
)
from hyperspy_smartalign.signals.provenance.states import state_of
from hyperspy_smartalign.signals.retelling import retold
from hyperspy_smartalign.signals.telling import tell

_LOGGER = logging.getLogger("hyperspy_smartalign")
# From `rerun` here, up to the caller of the function in _functions.py.
_USER = 3


@dataclass(frozen=True)
class Rerun:
    """Work that was repeated.

    Attributes
    ----------
    signal : BaseSignal
        What it made.
    comparison : Comparison
        How its pixels differ from those that were there.
    """

    signal: BaseSignal
    comparison: Comparison


def rerun(
    target: str | os.PathLike[str] | BaseSignal,
    *,
    source: Any = None,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
) -> BaseSignal:
    """Repeat the work that made a signal; see `hyperspy_smartalign.rerun`."""
    with retold(_USER):
        again = made_again(target, source, Working(show_progressbar, num_workers))
    if again.comparison.same:
        _LOGGER.info("rerun: %s", again.comparison.words)
    else:
        tell(f"The work gave {again.comparison.words}.", stacklevel=_USER)
    return again.signal


def made_again(target: str | os.PathLike[str] | BaseSignal, source: Any, working: Working) -> Rerun:
    """Repeat the work, and compare the pixels.

    Parameters
    ----------
    target : path or BaseSignal
        What was made.
    source : path, signal, sequence of these, or None
        The raw data, where they are not found.
    working : Working
        Threads and progress.

    Raises
    ------
    HistoryError, RepeatError, SourceError
        As `hyperspy_smartalign.rerun`.
    """
    with _opened(target) as (saved, near):
        history = recorded_history(saved)
        signal = repeated(history, Sources(source, near=near), working)
        signal = _as_saved(signal, saved, history)
        return Rerun(signal, compared(signal, saved))


def checked(target: str | os.PathLike[str], source: Any = None) -> tuple[History, list[str]]:
    """Whether the work can be repeated: its record, and the files it needs, which are looked at.

    Raises
    ------
    HistoryError, RepeatError, SourceError
        As `hyperspy_smartalign.rerun`.
    """
    with _opened(target) as (saved, near):
        history = recorded_history(saved)
        check_calls(history)
        return history, check_sources(history, Sources(source, near=near))


def read_history(target: str | os.PathLike[str]) -> History:
    """How the signal in a file was made; raises as `recorded_history`."""
    with _opened(target) as (saved, _):
        return recorded_history(saved)


def recorded_history(signal: BaseSignal) -> History:
    """How a signal was made.

    Raises
    ------
    RepeatError
        Nothing is recorded, or nothing was done.
    HistoryError
        The record is corrupt, or newer than this version.
    """
    history = history_of(signal)
    if history is not None and history.nodes[-1]["call"] not in ROOTS:
        return history
    steps = [str(step["name"]) for step in recording.steps_of(signal)]
    if not steps:
        raise RepeatError(
            f"{signal!r} carries no record of hyperspy_smartalign, so that there is nothing to "
            "repeat. Give a file that one of its methods made."
        )
    raise RepeatError(
        f"{signal!r} does not record all that it takes to repeat its steps ({', '.join(steps)}): "
        "it was made by an older version, by a step that cannot be repeated, or only loaded."
    )


@contextmanager
def _opened(
    target: str | os.PathLike[str] | BaseSignal,
) -> Iterator[tuple[BaseSignal, Path | None]]:
    """The signal that was made, its pixels on disk, and its file, which is closed in the end."""
    if isinstance(target, BaseSignal):
        yield target, None
        return
    path = Path(target).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}.")
    try:
        content = hs.load(str(path), lazy=True)
    except Exception as error:  # readers raise anything on a damaged file
        raise HistoryError(
            f"cannot read {str(path)!r}: {type(error).__name__}: {error}. Give a file .hspy or "
            ".zspy that was saved from an aligned signal."
        ) from error
    if not isinstance(content, BaseSignal):
        raise RepeatError(
            f"{str(path)!r} holds {len(content)} signals; give a file .hspy or .zspy that was "
            "saved from an aligned signal."
        )
    try:
        yield content, path
    finally:
        # A folder .zspy has nothing that is open.
        if content._lazy and path.suffix.lower() == ".hspy":
            content.close_file()


def _as_saved(signal: BaseSignal, saved: BaseSignal, history: History) -> BaseSignal:
    """What was made, sliced and calibrated as that which was saved."""
    try:
        return conformed(signal, state_of(saved, pixels=False))
    except OtherStateError as error:
        raise RepeatError(
            f"Since {history.nodes[-1]['call']!r} something was done to the signal that is not "
            f"recorded and cannot be repeated: {error}."
        ) from error
