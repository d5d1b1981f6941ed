"""Which series an aligned series or a stack of tiles was made from, as long as it is in memory.

The result knows it by a weak reference, which keeps nothing alive. The reference is not
part of the signal: deep copies, slices and files of the signal do not have it.
"""

from __future__ import annotations

import weakref
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.matching import check_fits
from hyperspy_smartalign.signals.validating import layout_of
from hyperspy_smartalign.transforms import Alignment

_ATTRIBUTE = "_smartalign_source"
_PARENT = "_smartalign_parent"


class Origin:
    """Weak reference to a signal. Its own copies, and what is pickled of it, refer to nothing.

    Parameters
    ----------
    signal : BaseSignal, optional
        What to refer to.
    """

    def __init__(self, signal: BaseSignal | None = None) -> None:
        self._reference = None if signal is None else weakref.ref(signal)

    def __call__(self) -> Any:
        """The signal, or None where it is gone."""
        return None if self._reference is None else self._reference()

    def __reduce__(self) -> tuple[type[Origin], tuple[()]]:
        return Origin, ()


def remember(result: BaseSignal, raw: BaseSignal | None) -> None:
    """Let a result know the raw series that its alignment leads to; None: nothing to know."""
    if raw is not None:
        vars(result)[_ATTRIBUTE] = Origin(raw)


def remember_parent(
    tiles: BaseSignal,
    signal: BaseSignal,
    source: BaseSignal | None = None,
    known: Alignment | None = None,
) -> None:
    """Let a stack of tiles know what its pixels were cut out of.

    Parameters
    ----------
    tiles : Signal2D
        The stack.
    signal : Signal2D
        The image or series that was searched.
    source : Signal2D or None
        What the tiles were cut out of, where the user gave it.
    known : Alignment or None
        That of the signal, where it was aligned before.
    """
    parent = raw_of(signal, source, known)
    vars(tiles)[_PARENT] = Origin(signal if parent is None else parent)


def has_origin(signal: BaseSignal) -> bool:
    """Whether a signal knows what it was made from, and that is still in memory."""
    known = vars(signal)
    return any(name in known and known[name]() is not None for name in (_ATTRIBUTE, _PARENT))


def remember_as_parent(tiles: BaseSignal, parent: BaseSignal) -> None:
    """Let a stack of tiles know the signal itself that its pixels were cut out of."""
    vars(tiles)[_PARENT] = Origin(parent)


def hand_over(signal: BaseSignal, twin: BaseSignal) -> BaseSignal:
    """Let the twin of a signal know what the signal knows of its origin; returns the twin."""
    for name in (_ATTRIBUTE, _PARENT):
        if name in vars(signal):
            vars(twin)[name] = Origin(vars(signal)[name]())
    return twin


def living_parent(tiles: BaseSignal) -> BaseSignal | None:
    """The series or image that tiles were cut out of; None where it is gone.

    Whether it still fits is for `motif.belonging` to say.
    """
    origin = vars(tiles).get(_PARENT)
    return None if origin is None else origin()


def raw_of(
    signal: BaseSignal, source: BaseSignal | None, earlier: Alignment | None
) -> BaseSignal | None:
    """The raw series of what a verb makes: the source, else the signal or what that came from."""
    if source is not None:
        return source
    return signal if earlier is None else living_source(signal, earlier)


def living_source(signal: BaseSignal, alignment: Alignment) -> BaseSignal | None:
    """The raw series that an aligned series was made from, if it is in memory and still fits.

    Parameters
    ----------
    signal : BaseSignal
        The aligned series.
    alignment : Alignment
        The alignment that it carries.

    Returns
    -------
    BaseSignal or None
        None where it is gone, was aligned, or has other frames by now.
    """
    origin = vars(signal).get(_ATTRIBUTE)
    raw: BaseSignal | None = None if origin is None else origin()
    if raw is None or recording.has_alignment(raw):
        return None
    try:
        check_fits(alignment, layout_of(raw))
    except (ValueError, NotImplementedError):
        return None
    return raw
