from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.resampling import (
    Accumulated,
    Accumulator,
    Resampled,
    accumulate,
    leave_one_out,
    sample_shifted,
    shift_and_add,
    shift_frame,
    spline_coefficients,
)
from hyperspy_smartalign.transforms import Canvas, Translation

SHIFTS = np.array([[0, 0], [2.3, -1.7], [-3.6, 4.2], [5, 6], [0.5, -40]])
CANVAS = Canvas(-3, -2, 30, 35)


@pytest.fixture
def stack(rng):
    return rng.normal(20, 5, (5, 24, 28)).astype(np.float32)


def frames(stack, shifts=SHIFTS, canvas=CANVAS, **options):
    return [shift_frame(f, s, canvas, **options) for f, s in zip(stack, shifts, strict=True)]


@pytest.mark.parametrize("kernel", ["spline", "linear", "nearest", "fourier"])
@pytest.mark.parametrize("workers", [1, 3])
def test_sums_and_exact_coverage(stack, kernel, workers):
    sums = accumulate(stack, SHIFTS, CANVAS, interpolation=kernel, num_workers=workers)
    each = frames(stack, interpolation=kernel, fill=0.0)
    coverage = np.sum([f.covered for f in each], axis=0)
    np.testing.assert_array_equal(sums.coverage, coverage)
    total = np.sum([f.pixels.astype(float) for f in each], axis=0)
    np.testing.assert_allclose(sums.total, total, rtol=1e-12)
    assert sums.weight == 5
    assert 0 < np.count_nonzero(coverage == 4) < coverage.size
    assert coverage.max() == 4  # the last frame lies beside the canvas


def test_mean_and_sum_are_coverage_aware(stack):
    flat = np.full_like(stack, 7)
    sums = accumulate(flat, SHIFTS, CANVAS, weights=[1, 2, 0.5, 1, 3])
    seen = sums.coverage > 0
    assert not seen.all()
    np.testing.assert_allclose(sums.mean()[seen], 7, rtol=1e-6)
    np.testing.assert_allclose(sums.sum()[seen], 7 * 7.5, rtol=1e-6)
    assert np.isnan(sums.mean()[~seen]).all()
    assert (sums.sum(fill=-1)[~seen] == -1).all()
    assert sums.mean().dtype == np.float32
    assert sums.sum().dtype == np.float64


def test_zero_weight_leaves_a_frame_out(stack):
    kept = [0, 2, 3]
    weights = np.isin(np.arange(5), kept).astype(float)
    some = accumulate(stack, SHIFTS, CANVAS, weights=weights)
    fewer = accumulate(stack[kept], SHIFTS[kept], CANVAS)
    np.testing.assert_allclose(some.total, fewer.total)
    np.testing.assert_array_equal(some.coverage, fewer.coverage)


def test_counts_are_summed_exactly(rng):
    stack = rng.integers(0, 2**15, (300, 6, 7)).astype(">u2")
    shifts = rng.integers(-2, 3, (300, 2))
    sums = accumulate(stack, shifts, Canvas(2, 2, 2, 3), interpolation="nearest")
    expected = sum(
        f[2 + y : 4 + y, 2 + x : 5 + x].astype(int) for f, (y, x) in zip(stack, shifts, strict=True)
    )
    np.testing.assert_array_equal(sums.total, expected)


def test_accumulator_merges_and_returns_copies(stack):
    each = frames(stack, fill=0.0)
    first, second, whole = (Accumulator(CANVAS.shape) for _ in range(3))
    for i, frame in enumerate(each):
        (first if i < 2 else second).add(frame, weight=i + 0.5)
        whole.add(frame, weight=i + 0.5)
    snapshot = first.result()
    merged = snapshot.merge(second.result())
    np.testing.assert_allclose(merged.total, whole.result().total, rtol=1e-12)
    np.testing.assert_allclose(merged.coverage, whole.result().coverage)
    assert merged.weight == whole.result().weight
    before = snapshot.total.copy()
    first.add(each[0])
    np.testing.assert_array_equal(snapshot.total, before)


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_shift_and_add_is_the_sum_of_shifted_frames(stack, workers):
    weights = [1, 2, 0.5, 1, 3]
    fused = shift_and_add(
        spline_coefficients(stack), SHIFTS, CANVAS, weights=weights, num_workers=workers
    )
    plain = accumulate(stack, SHIFTS, CANVAS, weights=weights)
    np.testing.assert_array_equal(fused.coverage, plain.coverage)
    np.testing.assert_allclose(fused.total, plain.total, rtol=1e-5)
    assert fused.weight == plain.weight


def test_gaps_are_not_counted(stack):
    stack[1, 10, 10] = np.nan
    plain = accumulate(stack, SHIFTS, CANVAS)
    fused = shift_and_add(spline_coefficients(stack), SHIFTS, CANVAS)
    full = np.sum([f.covered for f in frames(np.ones_like(stack))], axis=0)
    assert (full - plain.coverage).sum() == 16  # the 4 x 4 samples that its taps touch
    np.testing.assert_array_equal(fused.coverage, plain.coverage)
    assert np.isfinite(plain.total).all()
    assert np.isfinite(fused.total).all()


def test_leave_one_out_is_the_mean_of_the_others(stack):
    each = frames(stack, fill=0.0)
    weights = [0.1, 0.2, 0.3, 0.7, 1.0]
    sums = accumulate(stack, SHIFTS, CANVAS, weights=weights)
    for i in range(5):
        others = np.arange(5) != i
        expected = accumulate(
            stack[others], SHIFTS[others], CANVAS, weights=np.array(weights)[others]
        ).mean(fill=-1)
        found = leave_one_out(sums, each[i], weight=weights[i], fill=-1)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_transforms_are_accepted(stack):
    moved = accumulate(stack, [Translation(s) for s in SHIFTS], CANVAS)
    np.testing.assert_array_equal(moved.total, accumulate(stack, SHIFTS, CANVAS).total)


def test_sample_shifted_values_and_slopes(waves):
    y, x = np.mgrid[:48, :52]
    coefficients = spline_coefficients(waves(0.5 * y, 0.5 * x))
    shift = (1.3, -2.4)
    values = sample_shifted(coefficients, shift, (48, 52))
    outside = np.zeros((48, 52), bool)
    outside[46:] = outside[:, :3] = True
    np.testing.assert_array_equal(np.isnan(values), outside)
    frame = shift_frame(waves(0.5 * y, 0.5 * x), shift, Canvas(0, 0, 48, 52))
    np.testing.assert_array_equal(values, frame.pixels)
    inner = np.s_[8:-8, 8:-8]
    step = 1e-3
    for axis in (0, 1):
        u, v = y + shift[0], x + shift[1]
        du, dv = (step, 0) if axis == 0 else (0, step)
        ahead = waves(0.5 * (u + du), 0.5 * (v + dv))
        behind = waves(0.5 * (u - du), 0.5 * (v - dv))
        slope = sample_shifted(coefficients, shift, (48, 52), derivative=axis)
        # Slopes reach 3 per pixel; a cubic spline has its own to third order.
        np.testing.assert_allclose(slope[inner], ((ahead - behind) / (2 * step))[inner], atol=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: accumulate(s, SHIFTS[:4], CANVAS), "5 frames but 4"),
        (lambda s: accumulate(s, SHIFTS, CANVAS, weights=[1, 2]), "5 finite"),
        (lambda s: accumulate(s, SHIFTS, CANVAS, weights=[1, 1, 1, 1, -1]), "0 or more"),
        (lambda s: accumulate(s, SHIFTS, CANVAS, num_workers=0), "at least 1"),
        (lambda s: accumulate(s[0], SHIFTS, CANVAS), "stack"),
        (lambda s: shift_and_add(s, SHIFTS[:, :1], CANVAS), r"\(5, 2\)"),
        (lambda s: shift_and_add(s, SHIFTS * np.nan, CANVAS), "finite"),
        (lambda s: sample_shifted(s[0], (0, 0), (3, 3), derivative=2), "derivative"),
        (
            lambda s: Accumulator((4, 4)).add(Resampled(np.ones((4, 5)), np.ones((4, 5), bool))),
            "canvas",
        ),
        (
            lambda s: Accumulator((1, 1)).add(
                Resampled(np.ones((1, 1)), np.ones((1, 1), bool)), weight=np.nan
            ),
            "weight",
        ),
        (
            lambda s: Accumulated(np.ones((1, 1)), np.ones((1, 1)), 1.0).merge(
                Accumulated(np.ones((1, 2)), np.ones((1, 2)), 1.0)
            ),
            "merged",
        ),
        (
            lambda s: leave_one_out(
                Accumulated(np.ones((1, 1)), np.ones((1, 1)), 1.0),
                Resampled(np.ones((2, 1)), np.ones((2, 1), bool)),
            ),
            "canvas",
        ),
    ],
)
def test_errors(stack, call, message):
    with pytest.raises(ValueError, match=message):
        call(stack)
