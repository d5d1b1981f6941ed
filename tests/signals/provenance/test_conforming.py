"""What HyperSpy did to a signal, read from its axes and proved by its pixels."""

from __future__ import annotations

from collections.abc import Callable

import hyperspy.api as hs
import numpy as np
import pytest
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals.provenance.conforming import (
    OtherStateError,
    conformed,
    conformed_made,
)
from hyperspy_smartalign.signals.provenance.states import state_of


def series(lazy: bool = False) -> BaseSignal:
    data = np.random.default_rng(0).integers(0, 999, (7, 20, 24)).astype(np.uint16)
    signal = hs.signals.Signal2D(data)
    for axis, name, scale, offset in zip(
        signal.axes_manager._axes, ("frame", "y", "x"), (1, 0.3, 0.2), (0, -3, 5), strict=True
    ):
        axis.name, axis.scale, axis.offset = name, scale, offset
        axis.units = "" if name == "frame" else "nm"
    return signal.as_lazy() if lazy else signal


def recalibrated(signal: BaseSignal) -> BaseSignal:
    for axis in signal.axes_manager.signal_axes:
        axis.scale, axis.units = 11.0, "pm"
    return signal


CHANGES: dict[str, Callable[[BaseSignal], BaseSignal]] = {
    "nothing": lambda s: s,
    "inav": lambda s: s.inav[2:6],
    "every other frame": lambda s: s.inav[1::2],
    "isig": lambda s: s.isig[3:-2, 1:11],
    "isig in units": lambda s: s.isig[5.4:8.0],
    "both": lambda s: s.inav[:4].isig[2:, :9],
    "one frame": lambda s: s.inav[3],
    "type": lambda s: s.change_dtype("float32") or s,
    "transposed": lambda s: s.transpose(signal_axes=["y", "x"]),
    "calibrated": recalibrated,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("lazy", [False, True])
def test_what_hyperspy_did_is_done_again(change: str, lazy: bool) -> None:
    if lazy and change in ("one frame", "type"):
        pytest.skip("only pixels prove it, and those of lazy signals are not read")
    wanted = CHANGES[change](series(lazy))
    state = state_of(wanted)
    original = series(lazy)
    found = conformed(original, state)
    np.testing.assert_array_equal(np.asarray(found.data), np.asarray(wanted.data))
    assert state_of(found) == state
    assert state_of(original) == state_of(series(lazy))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s * 2, "pixels were others|were uint16|were int"),
        (lambda s: s.rebin(scale=(1, 2, 2)), "no slice|pixels were others"),
        (lambda s: s.sum("frame"), "none of the frames|shape"),
        (lambda s: hs.stack([s, s], axis="frame"), "no slice"),
    ],
)
def test_what_was_computed_is_not(change: Callable[..., BaseSignal], words: str) -> None:
    with pytest.raises(OtherStateError, match=words):
        conformed(series(), state_of(change(series())))


def test_one_image_becomes_a_series() -> None:
    image = series().inav[0]
    state = state_of(series().inav[:1])
    assert conformed(image, state).data.shape == (1, 20, 24)


def test_rounding_passes_for_what_was_computed() -> None:
    signal = series()
    signal.change_dtype("float32")
    state = state_of(signal)
    signal.data[0, 0, 0] *= 1 + 1e-6
    assert conformed_made(signal, state).data is signal.data
    with pytest.raises(OtherStateError, match="not recorded"):
        conformed_made(signal * 2, state)


def test_without_pixels_a_type_cannot_be_proved() -> None:
    state = {**state_of(series(), pixels=False), "dtype": "float32"}
    with pytest.raises(OtherStateError, match="were float32, and are uint16"):
        conformed(series(), state)
