"""What is a stack, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.series import NoContrastError, StackError, check_stack


@pytest.fixture
def stack():
    return np.random.default_rng(0).normal(100, 10, (5, 13, 17)).astype(np.float32)


def test_report(stack):
    stack[2] = 7
    stack[4] = 50 + 0.01 * stack[4]
    report = check_stack(stack)
    assert (report.n_frames, report.frame_shape, report.dtype) == (5, (13, 17), np.float32)
    assert report.constant == (2,)
    assert report.blank == (2, 4)
    assert not report.identical
    assert report.minimum == 7
    assert report.maximum == pytest.approx(stack.max())


def test_one_pass_over_an_iterable(stack):
    frames = iter(stack)
    assert check_stack(frames).n_frames == 5
    assert next(frames, None) is None


@pytest.mark.parametrize("dtype", [">u2", "<i4", "?", ">f8", "f2"])
def test_types_and_read_only(stack, dtype):
    typed = (stack - 95 if dtype == "?" else stack).astype(dtype)
    if dtype == "?":
        typed = stack > 100
    typed.flags.writeable = False
    assert check_stack(typed).n_frames == 5


def test_lazy(stack):
    da = pytest.importorskip("dask.array")
    assert check_stack(da.from_array(stack, chunks=(2, 13, 17))) == check_stack(stack)


def test_identical_frames_are_reported_not_refused(stack):
    assert check_stack(stack[[0, 0, 0]]).identical


def test_where_pixels_are_not_finite(stack):
    stack[3, 4, 5] = np.nan
    stack[3, 9, 1] = np.inf
    with pytest.raises(StackError, match=r"frame 3 has 2 pixels.*\(4, 5\).*skip=\[3\]"):
        check_stack(stack)


def test_refused(stack):
    with pytest.raises(StackError, match="2: a single image"):
        check_stack(stack[0])
    with pytest.raises(StackError, match="has 4"):
        check_stack(stack[np.newaxis])
    with pytest.raises(StackError, match="1 frame, 2 or more"):
        check_stack(stack[:1])
    with pytest.raises(StackError, match="0 frames"):
        check_stack([])
    with pytest.raises(StackError, match="frame 1 has 13 x 16"):
        check_stack([stack[0], stack[1][:, 1:]])
    with pytest.raises(StackError, match="frame 1 has 1 dimensions"):
        check_stack([stack[0], stack[0, 0]])
    with pytest.raises(StackError, match="is empty"):
        check_stack(stack[:, :0])
    with pytest.raises(StackError, match="not a stack"):
        check_stack(3)
    with pytest.raises(TypeError, match="complex64"):
        check_stack(stack.astype(np.complex64))
    with pytest.raises(TypeError, match="instead of numbers"):
        check_stack(np.full((2, 3, 3), "a"))


def test_no_contrast_anywhere(stack):
    constant = np.zeros_like(stack) + np.arange(5)[:, np.newaxis, np.newaxis]
    with pytest.raises(NoContrastError, match="none of the 5 frames"):
        check_stack(constant)
    with pytest.raises(NoContrastError, match="the only frame"):
        check_stack(constant[:1], least_frames=1)


@pytest.mark.parametrize(
    "value", [np.float64(1e30), np.float64(-1e30), np.float64(1e200), np.uint64(2**63)]
)
def test_values_that_sums_would_overflow_with(value):
    stack = np.zeros((3, 8, 8), value.dtype)
    stack[1, 2, 2] = value
    with pytest.raises(StackError, match=r"frame 1 holds values.*signal / 1e20"):
        check_stack(stack)
    assert check_stack(np.clip(stack, -(10**14), 10**14)).n_frames == 3
