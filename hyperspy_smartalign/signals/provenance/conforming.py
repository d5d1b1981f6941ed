"""A signal brought into a recorded state: the slices and calibrations that nobody recorded.

HyperSpy's own operations leave no step. What they did is read from the axes, and proved by the
digest of the pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hyperspy.signals import BaseSignal
from traits.trait_base import Undefined

from hyperspy_smartalign.signals import origins
from hyperspy_smartalign.signals.copying import with_data
from hyperspy_smartalign.signals.provenance.states import axis_of, is_rounded, is_same, type_of
from hyperspy_smartalign.signals.stacking import as_series

# Position on an axis, in pixels, that is taken as whole.
_WHOLE = 1e-3
# Frames that are compared to find the one that was taken.
_MOST_TRIED = 4096


class OtherStateError(ValueError):
    """A signal is not, and cannot be brought into, the state that was recorded."""


def conformed(signal: BaseSignal, state: Mapping[str, Any]) -> BaseSignal:
    """A signal as it was when its state was recorded.

    It is sliced, transposed, cast and calibrated where the axes say so.

    Parameters
    ----------
    signal : BaseSignal
        It stays as it is.
    state : mapping
        What `states.state_of` gave.

    Returns
    -------
    BaseSignal
        The signal itself where nothing is to be done.

    Raises
    ------
    OtherStateError
        Shapes, types or pixels differ in a way that slices and calibrations do not explain.
    """
    recorded = state.get("pixels")
    shape = tuple(state["shape"])
    if signal.data.ndim + 1 == len(shape) and shape[0] == 1:
        signal = as_series(signal)
    signal = _transposed(signal, state["axes"])
    if signal.data.ndim == len(shape) + 1:
        signal = _one_of(signal, state)
    signal = _sliced(signal, state["axes"])
    if tuple(signal.data.shape) != shape:
        raise OtherStateError(f"its shape was {shape}, and is {tuple(signal.data.shape)}")
    if type_of(signal.data) != state["dtype"]:
        if recorded is None:
            raise OtherStateError(
                f"its pixels were {state['dtype']}, and are {type_of(signal.data)}"
            )
        signal = with_data(signal, signal.data.astype(state["dtype"]), variance=True)
    if recorded is not None and not is_same(recorded, signal.data):
        raise OtherStateError("its pixels were others")
    return _calibrated(signal, state["axes"])


def conformed_made(signal: BaseSignal, state: Mapping[str, Any]) -> BaseSignal:
    """As `conformed`, for pixels that were computed anew, which may differ by rounding."""
    fitting = conformed(signal, {name: part for name, part in state.items() if name != "pixels"})
    recorded = state.get("pixels")
    if recorded is None or is_same(recorded, fitting.data) or is_rounded(recorded, fitting.data):
        return fitting
    raise OtherStateError("its pixels were changed by something that is not recorded")


def _transposed(signal: BaseSignal, axes: Sequence[Mapping[str, Any]]) -> BaseSignal:
    """The signal with its axes in the recorded order, where their names tell."""
    present = [axis_of(axis) for axis in signal.axes_manager._axes]
    ours = [(axis["name"], axis["navigate"]) for axis in present]
    theirs = [(axis["name"], axis["navigate"]) for axis in axes]
    names = [name for name, _ in ours]
    if ours == theirs or len(ours) != len(theirs) or "" in names or len({*names}) < len(names):
        return signal
    if {name for name, _ in theirs} != {*names}:
        return signal
    # HyperSpy names axes in the order x, y, ...; arrays have them the other way round.
    return signal.transpose(
        navigation_axes=[name for name, navigate in reversed(theirs) if navigate],
        signal_axes=[name for name, navigate in reversed(theirs) if not navigate],
        optimize=False,
    )


def _one_of(signal: BaseSignal, state: Mapping[str, Any]) -> BaseSignal:
    """The one frame that was taken of a series, found by its pixels."""
    recorded = state.get("pixels")
    first = signal.axes_manager._axes[0]
    if recorded is None or not first.navigate or len(signal.data) > _MOST_TRIED:
        raise OtherStateError(
            f"its shape was {tuple(state['shape'])}, and is {tuple(signal.data.shape)}"
        )
    for number in range(len(signal.data)):
        part = signal.data[number]
        if tuple(part.shape) == tuple(state["shape"]) and is_same(recorded, part):
            result = with_data(signal, part, variance=True)
            result.axes_manager.remove([result.axes_manager._axes[0]])
            return result
    raise OtherStateError("its pixels are those of none of the frames")


def _sliced(signal: BaseSignal, axes: Sequence[Mapping[str, Any]]) -> BaseSignal:
    """The part of the signal that the recorded axes cover."""
    present = [axis_of(axis) for axis in signal.axes_manager._axes]
    if len(present) != len(axes) or all(
        ours["size"] == theirs["size"] for ours, theirs in zip(present, axes, strict=True)
    ):
        return signal
    slices = tuple(_slice(ours, theirs) for ours, theirs in zip(present, axes, strict=True))
    result = with_data(signal, signal.data[slices], variance=True)
    for axis, ours, theirs in zip(result.axes_manager._axes, present, axes, strict=True):
        if ours["size"] != theirs["size"]:
            axis.index = 0
            axis.size = theirs["size"]
    return result


def _slice(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> slice:
    """Which part of one axis another one is."""
    if ours["size"] == theirs["size"]:
        return slice(None)
    words = (
        f"its axis {theirs['name'] or 'without a name'} had {theirs['size']} values, and has "
        f"{ours['size']}, of which these are no slice"
    )
    if "scale" not in ours or "scale" not in theirs:
        raise OtherStateError(words)
    step = theirs["scale"] / ours["scale"]
    start = (theirs["offset"] - ours["offset"]) / ours["scale"]
    first, every = round(start), round(step)
    whole = abs(start - first) < _WHOLE and abs(step - every) < _WHOLE * math.fabs(step)
    last = first + every * (theirs["size"] - 1)
    if not whole or every < 1 or first < 0 or last >= ours["size"]:
        raise OtherStateError(words)
    return slice(first, last + 1, every)


def _calibrated(signal: BaseSignal, axes: Sequence[Mapping[str, Any]]) -> BaseSignal:
    """The signal with recorded names, units, scales and offsets."""
    if [axis_of(axis) for axis in signal.axes_manager._axes] == list(axes):
        return signal
    result = with_data(signal, signal.data, variance=True)
    for axis, known in zip(result.axes_manager._axes, axes, strict=True):
        axis.name = known["name"] or Undefined
        axis.units = known["units"] or Undefined
        if "scale" in known and axis.is_uniform:
            axis.scale, axis.offset = known["scale"], known["offset"]
    # Who changes axes in place changes nothing else.
    return origins.hand_over(signal, result)
