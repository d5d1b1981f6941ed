"""The accessor ``signal.smartalign``: everything beside the verbs, under one name.

This module is light, as it is imported with the package. Each member imports what it needs when
it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from hyperspy_smartalign.signals.members.judging import Judging
from hyperspy_smartalign.signals.members.measuring import Measuring
from hyperspy_smartalign.signals.members.motifs import Motifs
from hyperspy_smartalign.signals.members.plots import Plots
from hyperspy_smartalign.signals.members.processing import Processing
from hyperspy_smartalign.signals.members.results import Results
from hyperspy_smartalign.signals.members.tiles import TileMembers

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal


class SmartAlign(Processing, Results, Plots, Measuring, Judging, Motifs, TileMembers):
    """What hyperspy_smartalign can do with one signal, beside the verbs.

    Reached as ``signal.smartalign``. It holds nothing but the signal.

    Parameters
    ----------
    signal : BaseSignal
        The signal.
    """

    __slots__ = ("_signal",)

    def __init__(self, signal: BaseSignal) -> None:
        self._signal = signal

    def __repr__(self) -> str:
        members = ", ".join(
            name for room in type(self).__bases__ for name in vars(room) if not name.startswith("_")
        )
        return f"smartalign of {self._signal!r}: {members}"


class AccessorSlot:
    """Class attribute that gives each signal its accessor, and the class the accessor's class."""

    @overload
    def __get__(self, signal: None, owner: type) -> type[SmartAlign]: ...

    @overload
    def __get__(self, signal: BaseSignal, owner: type) -> SmartAlign: ...

    def __get__(self, signal: BaseSignal | None, owner: type) -> type[SmartAlign] | SmartAlign:
        return SmartAlign if signal is None else SmartAlign(signal)
