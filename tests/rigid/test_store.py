from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.resampling import spline_coefficients
from hyperspy_smartalign.rigid.store import FrameStore


@pytest.fixture
def stack():
    return np.random.default_rng(0).integers(0, 4000, (5, 21, 34)).astype(">u2")


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("region", [None, (3, 30, 2, 19)])
def test_frames_and_coefficients(source, stack, keep, region):
    store = FrameStore(source(stack), region=region, keep=keep)
    cut = stack if region is None else stack[:, 2:19, 3:30]
    assert len(store) == 5
    assert store.shape == cut.shape[1:]
    for index in range(5):
        frame = store.frame(index)
        assert frame.dtype == np.float32
        np.testing.assert_array_equal(frame, cut[index].astype(np.float32))
        np.testing.assert_allclose(
            store.coefficients(index), spline_coefficients(frame), rtol=1e-5, atol=1e-3
        )


def test_what_is_kept_is_read_once(source, stack):
    frames = source(stack)
    store = FrameStore(frames, keep=True)
    for _ in range(3):
        store.frame(2)
        store.coefficients(2)
    assert frames.reads[2] == 1


def test_what_is_not_kept_is_read_again(source, stack):
    frames = source(stack)
    store = FrameStore(frames, keep=False)
    frames.reads[:] = 0
    store.frame(2)
    store.frame(2)
    assert frames.reads[2] == 2
    assert frames.reads[3] == 0
    with pytest.raises(RuntimeError, match="not held in memory"):
        store.all_coefficients()
