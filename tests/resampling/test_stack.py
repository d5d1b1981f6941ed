from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.resampling import resample_stack, shift_frame, warp_frame, warp_rows
from hyperspy_smartalign.transforms import Affine, Canvas, ScanLine, Translation

SHIFTS = np.array([[0, 0], [2.3, -1.7], [-3.6, 4.2], [5, 6]])
CANVAS = Canvas(-3, -2, 30, 35)


@pytest.fixture
def stack(rng):
    return rng.normal(20, 5, (4, 24, 28)).astype(np.float32)


class FrameByFrame:
    """An array that refuses to be read whole, as a series larger than memory would."""

    def __init__(self, array):
        self.array, self.dtype, self.shape, self.ndim = array, array.dtype, array.shape, 3
        self.reads = 0

    def __len__(self):
        return len(self.array)

    def __getitem__(self, i):
        self.reads += 1
        return self.array[i]

    def __array__(self, *args, **kwargs):
        raise MemoryError("read whole")


@pytest.mark.parametrize("kernel", ["spline", "linear", "nearest", "fourier"])
@pytest.mark.parametrize("workers", [1, 3])
def test_stack_is_frame_by_frame(stack, kernel, workers):
    result = resample_stack(stack, SHIFTS, CANVAS, interpolation=kernel, num_workers=workers)
    assert result.dtype == np.float32
    for out, frame, shift in zip(result, stack, SHIFTS, strict=True):
        expected = shift_frame(frame, shift, CANVAS, interpolation=kernel)
        np.testing.assert_array_equal(out, expected.pixels)


@pytest.mark.slow
def test_every_form_of_motion(stack, rng):
    rows = rng.normal(0, 2, (4, 30, 2))
    fields = rng.normal(0, 2, (4, 2, 30, 35))
    for i, out in enumerate(resample_stack(stack, rows, CANVAS)):
        np.testing.assert_array_equal(out, warp_rows(stack[i], rows[i], CANVAS).pixels)
    for i, out in enumerate(resample_stack(stack, fields, CANVAS)):
        np.testing.assert_array_equal(out, warp_frame(stack[i], fields[i], CANVAS).pixels)
    transforms = [
        Translation(SHIFTS[1]),
        ScanLine(rng.normal(0, 2, (24, 2))),
        ScanLine(rng.normal(0, 2, (28, 2)), axis=1),
        Affine([[1.01, 0.02], [0.01, 0.99]]),
    ]
    for i, out in enumerate(resample_stack(stack, transforms, CANVAS)):
        field = transforms[i].displacement(CANVAS.shape, origin=CANVAS.origin)
        np.testing.assert_array_equal(out, warp_frame(stack[i], field, CANVAS).pixels)
    turned = ScanLine(rng.normal(0, 2, (24, 2)), rotation=0.01)
    out = resample_stack(stack[:1], [turned], CANVAS)[0]
    field = turned.displacement(CANVAS.shape, origin=CANVAS.origin)
    np.testing.assert_array_equal(out, warp_frame(stack[0], field, CANVAS).pixels)


def test_fill_zero_and_number(stack):
    nan = resample_stack(stack, SHIFTS, CANVAS)
    lost = np.isnan(nan)
    assert lost.any()
    for fill, value in [("zero", 0), (3.5, 3.5), (float("nan"), np.nan)]:
        filled = resample_stack(stack, SHIFTS, CANVAS, fill=fill)
        np.testing.assert_array_equal(filled[lost], value)
        np.testing.assert_array_equal(filled[~lost], nan[~lost])


def test_fill_mean_is_what_the_others_saw(stack):
    stack[2, 5, 5] = np.nan
    nan = resample_stack(stack, SHIFTS, CANVAS)
    filled = resample_stack(stack, SHIFTS, CANVAS, fill="mean")
    lost = np.isnan(nan)
    np.testing.assert_array_equal(filled[~lost], nan[~lost])
    seen = ~lost.all(axis=0)
    assert not seen.all()
    mean = np.zeros(CANVAS.shape)
    mean[seen] = np.nanmean(nan[:, seen].astype(float), axis=0)
    # Where nobody looked, each place seen counts as often as it was seen.
    mean[~seen] = np.nanmean(nan.astype(float))
    expected = np.broadcast_to(mean, nan.shape)[lost]
    np.testing.assert_allclose(filled[lost], expected, rtol=1e-6)


def test_fill_mean_of_integers_is_rounded():
    stack = np.stack([np.full((4, 4), 10), np.full((4, 4), 13), np.full((4, 4), 20)])
    shifts = [[0, 0], [0, 0], [0, -2]]
    filled = resample_stack(
        stack.astype(">u2"), shifts, Canvas(0, 0, 4, 6), interpolation="nearest", fill="mean"
    )
    assert filled.dtype == np.uint16
    np.testing.assert_array_equal(filled[2, 0], [12, 12, 20, 20, 20, 20])
    np.testing.assert_array_equal(filled[0, 0], [10, 10, 10, 10, 20, 20])


def test_integers_with_nan_are_refused_not_zeroed():
    stack = np.ones((2, 5, 5), np.uint16)
    here = Canvas(0, 0, 5, 5)
    with pytest.raises(ValueError, match='fill="zero"'):
        resample_stack(stack, np.zeros((2, 2)), here, interpolation="nearest")
    # The other kernels return float32, which holds NaN.
    assert np.isnan(resample_stack(stack, [[0, 0], [0.5, 2]], here)[1]).any()


def test_frames_are_read_one_by_one(stack):
    lazy = FrameByFrame(stack)
    result = resample_stack(lazy, SHIFTS, CANVAS, fill="mean")
    assert lazy.reads == 4
    np.testing.assert_array_equal(result, resample_stack(stack, SHIFTS, CANVAS, fill="mean"))


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_counts_and_may_cancel(stack, workers):
    seen = []
    resample_stack(
        stack, SHIFTS, CANVAS, num_workers=workers, progress=lambda done, n: seen.append((done, n))
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]

    def cancel(done, n):
        raise KeyboardInterrupt

    lazy = FrameByFrame(np.repeat(stack, 50, axis=0))
    with pytest.raises(KeyboardInterrupt):
        resample_stack(
            lazy, np.repeat(SHIFTS, 50, axis=0), CANVAS, num_workers=workers, progress=cancel
        )
    assert lazy.reads <= 4 * workers


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: resample_stack(s[0], SHIFTS, CANVAS), "stack"),
        (lambda s: resample_stack(s, SHIFTS[:3], CANVAS), "4 frames but 3"),
        (lambda s: resample_stack(s, 1.0, CANVAS), "4 frames but 1"),
        (lambda s: resample_stack(s, np.zeros((4, 2, 3, 3, 3)), CANVAS), "displacement field"),
        (lambda s: resample_stack(s, SHIFTS, CANVAS, fill="edge"), "unknown"),
        (lambda s: resample_stack(s, SHIFTS + 99, CANVAS, fill="mean"), "no mean"),
        (
            lambda s: resample_stack(s, np.zeros((4, 30, 2)), CANVAS, interpolation="fourier"),
            "shift",
        ),
    ],
)
def test_errors(stack, call, message):
    with pytest.raises(ValueError, match=message):
        call(stack)
