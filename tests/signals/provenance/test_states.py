"""Digests of pixels, and what they tell apart."""

from __future__ import annotations

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.signals.provenance import states
from hyperspy_smartalign.signals.provenance.states import (
    digests_kept,
    is_rounded,
    is_same,
    pixels_of,
    state_of,
)

RNG = np.random.default_rng(0)


def test_a_digest_tells_one_changed_pixel() -> None:
    data = RNG.random((5, 8, 9)).astype(np.float32)
    known = pixels_of(data)
    assert "frames" not in known
    assert is_same(known, data.copy())
    data[3, 2, 1] = np.nextafter(data[3, 2, 1], np.float32(2))
    assert not is_same(known, data)


def test_a_digest_tells_the_order_of_frames_and_the_type() -> None:
    data = np.arange(2 * 8 * 8).reshape(2, 8, 8)
    known = pixels_of(data)
    assert not is_same(known, data[::-1])
    assert not is_same(known, data.astype(float))
    assert not is_same(known, data.reshape(2, 4, 16))


def test_byte_order_memory_order_and_laziness_do_not_matter() -> None:
    data = RNG.integers(0, 999, (6, 8, 9)).astype(np.uint16)
    known = pixels_of(data)
    assert is_same(known, data.astype(">u2"))
    assert is_same(known, np.asfortranarray(data))
    for chunks in ((4, 3, 9), (6, 8, 9), (1, 8, 2)):
        assert pixels_of(da.from_array(data, chunks=chunks)) == known


def test_of_large_data_some_frames_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    data = RNG.random((10, 8, 8))
    monkeypatch.setattr(states, "MOST_BYTES", 3 * data[0].nbytes)
    known = pixels_of(data)
    assert known["frames"] == [0, 4, 9]
    data[1] = 0
    assert is_same(known, data)
    data[4] = 0
    assert not is_same(known, data)


def test_lazy_pixels_are_not_read() -> None:
    def forbidden(block: np.ndarray) -> np.ndarray:
        raise AssertionError

    data = da.zeros((4, 8, 8)).map_blocks(forbidden, dtype=float, meta=np.empty((0, 0, 0)))
    assert "pixels" not in state_of(hs.signals.Signal2D(data).as_lazy())


def test_a_digest_for_other_frames_is_none_of_these() -> None:
    assert not is_same({"digest": "", "frames": [7]}, np.zeros((2, 3, 3)))


def test_rounding_is_told_from_changes() -> None:
    data = RNG.normal(100, 5, (4, 16, 16)).astype(np.float32)
    known = pixels_of(data)
    assert is_rounded(known, data * np.float32(1 + 1e-6))
    assert not is_rounded(known, data * 2)
    assert not is_rounded(known, data + 1)


def test_gaps_and_words_do_no_harm() -> None:
    data = np.full((2, 4, 4), np.nan)
    assert "mean" not in pixels_of(data)
    assert is_same(pixels_of(data), data)
    colours = np.zeros((3, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert is_same(pixels_of(colours), colours)


def test_a_state_has_shape_type_and_axes() -> None:
    signal = hs.signals.Signal2D(np.zeros((2, 3, 4), ">u2"))
    signal.axes_manager[1].name = "x"
    signal.axes_manager[1].scale = 0.5
    state = state_of(signal)
    assert state["shape"] == [2, 3, 4]
    assert state["dtype"] == "uint16"
    assert [axis["size"] for axis in state["axes"]] == [2, 3, 4]
    assert state["axes"][2] == {
        "name": "x",
        "units": "",
        "size": 4,
        "navigate": False,
        "scale": 0.5,
        "offset": 0.0,
    }
    assert "pixels" not in state_of(signal, pixels=False)


def test_digests_are_taken_once_where_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    whole = pixels_of
    monkeypatch.setattr(states, "pixels_of", lambda data: (taken.append(1), whole(data))[1])
    signal = hs.signals.Signal2D(np.zeros((2, 8, 8)))
    with digests_kept():
        first = state_of(signal)
        assert state_of(signal) == first
    assert len(taken) == 1
    state_of(signal)
    assert len(taken) == 2
