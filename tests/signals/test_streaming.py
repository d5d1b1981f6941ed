from __future__ import annotations

import dask.array as da
import hyperspy.api as hs
import numpy as np

import hyperspy_smartalign  # noqa: F401
from hyperspy_smartalign.rigid.store import FrameStore
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import frames_of


def test_a_lazy_series_is_never_held_whole():
    """Regression: the core kept all frames of a lazy series, as the stream did not say it was."""
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"][0])
        return np.full((1, 16, 12), read[-1], np.float32)

    data = da.map_blocks(block, chunks=((1,) * 5, (16,), (12,)), dtype=np.float32)
    read.clear()
    stream = FrameStream(frames_of(hs.signals.Signal2D(data).as_lazy()))
    assert stream.lazy
    store = FrameStore(stream, keep=not stream.lazy)
    assert not store.keeps
    np.testing.assert_array_equal(store.frame(3), np.full((16, 12), 3.0))
    assert set(read) <= {0, 3}


def test_an_eager_series_is_not_copied():
    stack = np.arange(5 * 16 * 12, dtype=np.float32).reshape(5, 16, 12)
    stream = FrameStream(frames_of(hs.signals.Signal2D(stack)))
    assert not stream.lazy
    assert np.shares_memory(FrameStore(stream).frame(2), stack)
