"""The raw series of a result, found again from what the result records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals import origins, recording
from hyperspy_smartalign.signals.provenance.calls import Working
from hyperspy_smartalign.signals.provenance.conforming import OtherStateError, conformed_made
from hyperspy_smartalign.signals.provenance.history import ROOTS, History
from hyperspy_smartalign.signals.provenance.opening import Sources
from hyperspy_smartalign.signals.provenance.repeating import RepeatError, repeated
from hyperspy_smartalign.signals.provenance.rerunning import recorded_history

# Calls whose result leads to the raw frames of one of their inputs, the best one first.
_RAW_INPUTS = {
    "align_rigid": ("source", "signal"),
    "align_nonrigid": ("source", "raw", "signal"),
    "compensate_drift": ("source", "signal"),
    "apply_alignment": ("signal",),
    "average": ("signal",),
}


def raw_series(
    signal: BaseSignal, *, source: Any = None, near: Path | None = None, working: Working
) -> BaseSignal:
    """The series that the alignment of a signal leads to, as it was before it was aligned.

    Parameters
    ----------
    signal : BaseSignal
        What was made of it.
    source : path, signal, sequence of these, or None
        The raw data, where they are not found.
    near : Path, optional
        File that the signal was read from.
    working : Working
        Threads and progress, where frames were prepared and are prepared again.

    Raises
    ------
    HistoryError, RepeatError, SourceError
        As `hyperspy_smartalign.rerun`.
    """
    if recording.has_alignment(signal):
        living = origins.living_source(signal, recording.alignment_of(signal))
        if living is not None:
            return living
    history = recorded_history(signal)
    edge = _raw_edge(history)
    node, sources = history.nodes[edge["node"]], Sources(source, near=near)
    if node["call"] in ROOTS:
        return sources.opened(node, edge["state"])
    made = repeated(history.up_to(edge["node"]), sources, working)
    try:
        return conformed_made(made, edge["state"])
    except OtherStateError as error:
        raise RepeatError(
            f"After {node['call']!r} something was done to the series that is not recorded and "
            f"cannot be repeated: {error}. Give the series as it was aligned."
        ) from error


def _raw_edge(history: History) -> Mapping[str, Any]:
    """The input of the first call that aligned."""
    number = len(history.nodes) - 1
    while True:
        node = history.nodes[number]
        names = _RAW_INPUTS.get(node["call"], ())
        edge = next((node["inputs"][name] for name in names if name in node["inputs"]), None)
        if edge is None:
            raise RepeatError(
                f"The signal was made by {node['call']!r}, and its record tells of no alignment of "
                "a raw series before."
            )
        if history.nodes[edge["node"]]["call"] not in _RAW_INPUTS:
            return edge  # type: ignore[no-any-return]
        number = edge["node"]
