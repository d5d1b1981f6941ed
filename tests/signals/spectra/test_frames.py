"""Portions follow chunks: each is read once, and none is larger than allowed."""

from __future__ import annotations

import itertools

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.signals.spectra import frames as module
from hyperspy_smartalign.signals.spectra.frames import SpectrumFrames, in_memory
from hyperspy_smartalign.signals.validating import layout_of


def frames_of(data, *, series_dimension=1, signal_dimension=1):
    kind = hs.signals.Signal1D if signal_dimension == 1 else hs.signals.Signal2D
    signal = kind(data)
    if hasattr(data, "dask"):
        signal = signal.as_lazy()
    return SpectrumFrames.of(signal, layout_of(signal, series_dimension=series_dimension))


def counting(values, chunks):
    """A dask array of the values, and how often each of its chunks was computed."""
    calls = []

    def note(block, block_info=None):
        calls.append(block_info[0]["chunk-location"])
        return block

    data = da.from_array(values, chunks=chunks)
    return data.map_blocks(note, meta=np.empty((0,) * values.ndim, values.dtype)), calls


def gathered(frames, groups):
    """The series put together from its portions."""
    shape = (len(frames), *frames.layout.frame_shape, *frames.channel_shape)
    whole = np.full(shape, -1.0)
    for group in groups:
        for portion in group.portions:
            part = in_memory(frames.part(portion))
            block = part.reshape(len(portion.frames), *shape[1:3], -1, *shape[4:])
            whole[np.array(portion.frames), :, :, portion.channels] = block
    return whole


@given(
    frames=st.integers(2, 6),
    height=st.integers(1, 4),
    channels=st.integers(1, 9),
    sizes=st.tuples(*(st.integers(1, 4),) * 4),
    together=st.integers(1, 2000),
    larger=st.integers(0, 5000),
)
@settings(max_examples=40, deadline=None)
def test_every_chunk_is_read_once(frames, height, channels, sizes, together, larger):
    values = np.random.default_rng(0).random((frames, height, 3, channels)).astype(np.float32)
    data, calls = counting(values, tuple(map(min, sizes, values.shape)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PORTION_BYTES", together)
        patch.setattr(module, "LARGEST_PORTION", together + larger)
        series = frames_of(data)
        groups = series.groups()
    np.testing.assert_array_equal(gathered(series, groups), values)
    largest = max(series.data.chunks[0]) * height * 3 * 4 * max(series.data.chunks[3])
    if largest <= together + larger:
        assert len(calls) == len(set(calls)) == series.data.npartitions
    # Groups cover the channels in order, without gap or overlap.
    edges = [(group.channels.start, group.channels.stop) for group in groups]
    assert edges[0][0] == 0
    assert edges[-1][1] == channels
    assert all(a[1] == b[0] for a, b in itertools.pairwise(edges))


def test_chunks_of_channels_are_read_together_up_to_a_size(monkeypatch):
    data, _ = counting(np.zeros((3, 2, 2, 12), np.float32), (1, 2, 2, 2))
    series = frames_of(data)
    assert [group.channels for group in series.groups()] == [slice(0, 12)]
    monkeypatch.setattr(module, "PORTION_BYTES", 2 * 2 * 4 * 5)
    assert [group.channels for group in series.groups()] == [
        slice(0, 4),
        slice(4, 8),
        slice(8, 12),
    ]


def test_a_chunk_above_the_limit_is_cut_along_its_channels(monkeypatch):
    data, _ = counting(np.zeros((4, 2, 2, 12), np.float32), (4, 2, 2, 12))
    monkeypatch.setattr(module, "PORTION_BYTES", 2 * 2 * 4 * 5)
    monkeypatch.setattr(module, "LARGEST_PORTION", 4 * 2 * 2 * 4 * 5)
    groups = frames_of(data).groups()
    assert [group.channels for group in groups] == [slice(0, 5), slice(5, 10), slice(10, 12)]
    assert [portion.frames for portion in groups[0].portions] == [(0, 1, 2, 3)]


def test_in_memory_there_is_a_portion_a_frame_and_nothing_is_copied():
    values = np.arange(3 * 2 * 4 * 5.0).reshape(3, 2, 4, 5)
    series = frames_of(values)
    (group,) = series.groups()
    assert [portion.frames for portion in group.portions] == [(0,), (1,), (2,)]
    part = in_memory(series.part(group.portions[1]))
    assert np.shares_memory(part, values)
    assert not part.flags.writeable


def test_two_series_axes_images_and_patterns():
    values = np.random.default_rng(1).random((2, 3, 4, 5, 6)).astype(np.float32)
    series = frames_of(da.from_array(values, chunks=(1, 2, 4, 5, 3)), series_dimension=2)
    assert [portion.frames for portion in series.groups()[0].portions] == [
        (0, 1),
        (2,),
        (3, 4),
        (5,),
    ]
    np.testing.assert_array_equal(gathered(series, series.groups()), values.reshape(6, 4, 5, 6))
    patterns = frames_of(values, signal_dimension=2)
    assert patterns.channel_shape == (5, 6)
    assert patterns.n_channels == 30
    images = frames_of(values[0, 0], signal_dimension=2)
    assert images.channel_shape == (1,)
    assert images.data.shape == (4, 5, 6, 1)


def test_whole_frames_by_chunks_unless_these_are_too_large(monkeypatch):
    data = da.zeros((5, 2, 2, 6), chunks=(2, 2, 2, 3), dtype=np.float32)
    series = frames_of(data)
    assert [portion.frames for portion in series.whole_frames()] == [(0, 1), (2, 3), (4,)]
    assert all(portion.channels == slice(0, 6) for portion in series.whole_frames())
    monkeypatch.setattr(module, "PORTION_BYTES", 100)
    assert [portion.frames for portion in series.whole_frames()] == [(i,) for i in range(5)]
