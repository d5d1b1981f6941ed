from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.resampling import (
    SpectrumSum,
    pixel_map,
    resample_frame,
    sum_dtype,
    warp_spectra,
)
from hyperspy_smartalign.transforms import Affine, Canvas, Field, ScanLine, Translation

SHAPE = (14, 17)
CANVAS = Canvas(-2, -1, 17, 18)


def motions(rng, count=4):
    """One frame of each kind, in turn."""
    kinds = (
        lambda: Translation(rng.normal(0, 1.5, 2)),
        lambda: ScanLine(rng.normal(0, 1, (14, 2))),
        lambda: Affine(np.eye(2) + rng.normal(0, 0.05, (2, 2)), centre=(7, 8)),
        lambda: Field(rng.normal(0, 1, (2, 4, 5)), spacing=4),
        lambda: ScanLine(rng.normal(0, 1, (17, 2)), axis=1),
    )
    return [kinds[k % len(kinds)]() for k in range(count)]


def summed(frames, motions, *, num_workers=None, canvas=CANVAS, interpolation="spline", **options):
    total = SpectrumSum(
        (canvas.height, canvas.width, frames[0].shape[2]), dtype=frames[0].dtype, **options
    )
    counts = options.get("counts", "interpolate")
    for frame, motion in zip(frames, motions, strict=True):
        operator = pixel_map(
            motion, frame.shape[:2], canvas, interpolation=interpolation, counts=counts
        )
        total.add(frame, operator, num_workers=num_workers)
    return total


@pytest.mark.parametrize("interpolation", ["spline", "linear", "nearest"])
def test_mean_and_sum_equal_those_of_images(rng, interpolation):
    frames = rng.normal(50, 10, (5, *SHAPE, 3)).astype(np.float32)
    frames[1, 4, 5, 2] = np.nan
    moves = motions(rng, 5)
    images = np.where(np.isfinite(frames).all(axis=-1), frames[..., 1], np.nan)
    aligned = np.stack(
        [
            resample_frame(image, motion, CANVAS, interpolation=interpolation).pixels
            for image, motion in zip(images, moves, strict=True)
        ]
    )
    seen = np.isfinite(aligned)
    total = summed(frames, moves, interpolation=interpolation)
    np.testing.assert_array_equal(total.coverage, seen.sum(axis=0))
    assert total.weight == 5
    with np.errstate(invalid="ignore"):
        mean = np.where(seen, aligned, 0).sum(axis=0) / seen.sum(axis=0)
    np.testing.assert_allclose(total.mean()[..., 1], mean, rtol=2e-6)
    np.testing.assert_allclose(total.sum()[..., 1], 5 * mean, rtol=2e-6)
    assert (total.mean(fill=-1)[total.coverage == 0] == -1).all()


def test_sum_of_frames_equals_apply_then_sum(rng):
    frames = rng.normal(50, 10, (5, *SHAPE, 7)).astype(np.float32)
    moves = motions(rng, 5)
    canvas = Canvas(3, 3, 7, 8)
    total = summed(frames, moves, canvas=canvas)
    aligned = [
        warp_spectra(frame, pixel_map(motion, SHAPE, canvas), fill=0)
        for frame, motion in zip(frames, moves, strict=True)
    ]
    np.testing.assert_allclose(total.total, np.sum(aligned, axis=0), rtol=1e-6)


def test_rounding_of_a_long_sum(rng):
    # Rounding to nearest is off by 1.7e-8 rms a step; the steps add up at random.
    frames = rng.uniform(10, 20, (200, 6, 7, 50)).astype(np.float32)
    total = summed(frames, [(0, 0)] * 200, canvas=Canvas.of_frame((6, 7)))
    exact = frames.sum(axis=0, dtype=np.float64)
    assert np.sqrt(np.mean((total.total / exact - 1) ** 2)) < 3e-8 * np.sqrt(200)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 300), st.integers(0, 999), st.sampled_from(["spline", "linear"]),
    st.sampled_from(["interpolate", "share"]), st.sampled_from(["none", "poisson", "spread"]),
    st.integers(1, 299),
)  # fmt: skip
def test_threads_and_splits_do_not_matter(channels, seed, interpolation, counts, variance, cut):
    rng = np.random.default_rng(seed)
    frames = rng.gamma(2, 5, (2, *SHAPE, channels)).astype(np.float32)
    moves = motions(rng, 5)[seed % 4 : seed % 4 + 2]
    options = {"interpolation": interpolation, "counts": counts, "variance": variance}

    def outcome(part, workers):
        total = summed(part, moves, num_workers=workers, **options)
        both = [total.total]
        if variance != "none":
            both.append(total.variance_of_mean(fill=-1))
        return np.stack(both)

    one = outcome(frames, 1)
    np.testing.assert_array_equal(outcome(frames, 3), one)
    cut = min(cut, channels)
    parts = [frames[..., :cut], frames[..., cut:]][: 1 + (cut < channels)]
    split = np.concatenate([outcome(part, 2) for part in parts], axis=-1)
    np.testing.assert_array_equal(split, one)


@pytest.mark.parametrize(
    ("dtype", "wide"),
    [(bool, "u4"), ("u1", "u4"), (">u2", "u4"), ("i2", "i4"), ("i4", "i8"), ("u4", "u8")],
)
def test_whole_counts_stay_integers_and_are_conserved(rng, dtype, wide):
    frames = rng.integers(0, 2 if dtype is bool else 100, (5, *SHAPE, 6)).astype(dtype)
    total = summed(frames, motions(rng, 5), canvas=Canvas(-15, -15, 50, 50), counts="whole")
    assert total.total.dtype == wide
    assert sum_dtype(dtype, "whole") == wide
    np.testing.assert_array_equal(
        total.total.sum(axis=(0, 1)), frames.sum(axis=(0, 1, 2), dtype=wide)
    )
    assert total.sum(fill=0).dtype == wide
    assert total.sum(fill=0).sum() == frames.sum(dtype=wide)


def test_large_counts_are_not_rounded():
    frame = np.full((3, 4, 2), 2**31 - 1, np.uint32)
    total = summed([frame] * 5, [(0, 0)] * 5, canvas=Canvas.of_frame((3, 4)), counts="whole")
    assert (total.sum(fill=0) == 5 * (2**31 - 1)).all()


def test_shared_counts_are_conserved(rng):
    frames = rng.poisson(3, (5, *SHAPE, 6)).astype(np.uint16)
    total = summed(frames, motions(rng, 5), canvas=Canvas(-15, -15, 50, 50), counts="share")
    np.testing.assert_allclose(
        total.sum(fill=0).sum(axis=(0, 1), dtype=float), frames.sum(axis=(0, 1, 2)), rtol=1e-6
    )
    assert total.coverage.sum() == pytest.approx(5 * SHAPE[0] * SHAPE[1], rel=1e-6)
    # Where more dwell time arrived there are more counts, but not a higher rate.
    flat = summed(np.full_like(frames, 3), motions(rng, 5), counts="share")
    np.testing.assert_allclose(flat.mean()[flat.coverage > 0], 3, rtol=1e-5)


def test_counts_beyond_the_canvas_are_lost_and_only_those(rng):
    frame = rng.poisson(9, (8, 9, 3)).astype(np.uint8)
    total = summed([frame], [(2, -3)], canvas=Canvas.of_frame((8, 9)), counts="whole")
    np.testing.assert_array_equal(total.total[:6, 3:], frame[2:, :6])
    assert total.total.sum() == frame[2:, :6].sum()


@pytest.mark.parametrize("counts", ["share", "whole"])
def test_gaps_take_their_exposure_along(rng, counts):
    frame = np.full((9, 10, 4), 7, np.float32)
    frame[4, 5, 1] = np.nan
    total = summed([frame], [(0.3, 0.2)], counts=counts)
    assert total.coverage.sum() == pytest.approx(89, rel=1e-5)
    assert np.nansum(total.sum(), dtype=float) == pytest.approx(89 * 28, rel=1e-5)
    np.testing.assert_allclose(total.mean()[total.coverage > 0], 7, rtol=1e-5)


def spectrum_means(expected, moves, rng, repeats, **options):
    """Results of many series of counts, and the mean of the variances that are told."""
    means, sums, told, told_of_sum = [], [], 0.0, 0.0
    for _ in range(repeats):
        frames = rng.poisson(expected, (len(moves), *expected.shape)).astype(np.uint16)
        total = summed(frames, moves, **options)
        told = told + total.variance_of_mean(fill=np.nan) / repeats
        told_of_sum = told_of_sum + total.variance_of_sum(fill=np.nan) / repeats
        means.append(total.mean())
        sums.append(total.sum(fill=0))
    return np.array(means, float), np.array(sums, float), told, told_of_sum


@pytest.mark.slow
@pytest.mark.parametrize("variance", ["poisson", "spread"])
@pytest.mark.parametrize(
    ("interpolation", "counts"),
    [("spline", "interpolate"), ("linear", "interpolate"), ("nearest", "interpolate"),
     ("spline", "share"), ("spline", "whole")],
)  # fmt: skip
def test_variances_are_those_of_simulated_counts(rng, variance, interpolation, counts):
    # Flat spectra of several heights: the spread then holds nothing but the noise.
    expected = np.broadcast_to(np.linspace(5, 40, 40), (*SHAPE, 40))
    moves = motions(rng, 5)
    canvas = CANVAS
    if (variance, counts) == ("spread", "share"):
        # With even exposures, as the documentation says.
        moves = [Translation(shift) for shift in rng.uniform(-1, 1, (5, 2))]
        canvas = Canvas(1, 1, 12, 15)
    options = {
        "interpolation": interpolation,
        "counts": counts,
        "variance": variance,
        "canvas": canvas,
    }
    means, sums, told, told_of_sum = spectrum_means(expected, moves, rng, 40, **options)
    seen = np.isfinite(means).all(axis=(0, 3)) & np.isfinite(told).all(axis=2)
    assert seen.sum() > 130
    for results, claim in ((means, told), (sums, told_of_sum)):
        found = results.var(axis=0, ddof=1)[seen]
        ratio = claim[seen].sum() / found.sum()
        # Some 200 pixels by 40 channels by 40 repeats, a few of them correlated: 1 % of scatter.
        assert ratio == pytest.approx(1, abs=0.04)


def test_poisson_variance_at_the_border(rng):
    # Mirrored taps fall on the same pixels there: their weights add before they are squared.
    expected = np.full((9, 8, 400), 30.0)
    means, _, told, _ = spectrum_means(
        expected, [Translation((0.5, 0.4))], rng, 40, variance="poisson",
        canvas=Canvas.of_frame((8, 7)),
    )  # fmt: skip
    found = means.var(axis=0, ddof=1).mean(axis=2)
    # 16,000 samples of each: 1.1 % rms of the variance.
    np.testing.assert_allclose(told.mean(axis=2), found, rtol=0.06)


def test_whole_counts_are_their_own_variance(rng):
    frames = rng.poisson(4, (3, *SHAPE, 5)).astype(np.uint8)
    total = summed(frames, motions(rng, 3), counts="whole", variance="poisson")
    np.testing.assert_array_equal(total.variance_of_sum(fill=0), total.sum(fill=0))


def test_spread_is_the_textbook_one_and_stable(rng):
    # A mean that is 3e4 times the spread would be lost in a difference of squares.
    frames = (1e4 + rng.normal(0, 0.3, (6, 5, 6, 3))).astype(np.float32)
    total = summed(frames, [(0, 0)] * 6, canvas=Canvas.of_frame((5, 6)), variance="spread")
    exact = frames.astype(float).var(axis=0, ddof=1) / 6
    # The mean so far is rounded to 1e-3.
    np.testing.assert_allclose(total.variance_of_mean(), exact, rtol=0.05)
    np.testing.assert_allclose(total.variance_of_sum(), 36 * total.variance_of_mean(), rtol=1e-6)
    once = summed(frames[:1], [(0, 0)], canvas=Canvas.of_frame((5, 6)), variance="spread")
    assert np.isnan(once.variance_of_mean()).all()


@pytest.mark.parametrize("counts", ["interpolate", "share", "whole"])
@pytest.mark.parametrize("variance", ["none", "poisson", "spread"])
def test_merge_and_arrays(rng, counts, variance):
    frames = rng.poisson(20, (5, *SHAPE, 4)).astype(np.uint16)
    moves = motions(rng, 5)
    options = {"counts": counts, "variance": variance}
    everything = summed(frames, moves, **options)
    first = summed(frames[:2], moves[:2], **options)
    second = summed(frames[2:], moves[2:], **options)
    again = SpectrumSum.from_arrays({k: v.copy() for k, v in second.arrays().items()})
    first.merge(again)
    assert first.weight == 5
    np.testing.assert_allclose(first.coverage, everything.coverage)
    np.testing.assert_allclose(first.total, everything.total, rtol=1e-6)
    if variance != "none":
        np.testing.assert_allclose(
            first.variance_of_mean(), everything.variance_of_mean(), rtol=1e-4, atol=1e-6
        )


def test_a_restored_sum_goes_on_bit_for_bit(rng):
    frames = rng.normal(50, 10, (4, *SHAPE, 4)).astype(np.float32)
    moves = motions(rng, 4)
    everything = summed(frames, moves, variance="spread")
    stored = {
        k: v.copy() for k, v in summed(frames[:2], moves[:2], variance="spread").arrays().items()
    }
    for array in stored.values():
        array.setflags(write=False)
    total = SpectrumSum.from_arrays(stored)
    for frame, motion in zip(frames[2:], moves[2:], strict=True):
        total.add(frame, pixel_map(motion, SHAPE, CANVAS))
    for name, array in total.arrays().items():
        np.testing.assert_array_equal(array, everything.arrays()[name])


def test_results_in_place_spend_the_sum(rng):
    frames = rng.normal(50, 10, (2, *SHAPE, 4)).astype(np.float32)
    total = summed(frames, motions(rng, 2))
    copy = total.mean()
    result = total.mean(in_place=True)
    np.testing.assert_array_equal(result, copy)
    assert np.shares_memory(result, total.total)
    with pytest.raises(ValueError, match="in_place=False"):
        total.add(frames[0], pixel_map((0, 0), SHAPE, CANVAS))


@pytest.mark.parametrize(
    "layout", ["channels first", "every second", "backwards", "fortran", ">f4"]
)
def test_any_layout_of_the_frame(rng, layout):
    frame = rng.normal(50, 10, (*SHAPE, 40)).astype(np.float32)
    match layout:
        case "channels first":
            given_ = np.moveaxis(np.ascontiguousarray(np.moveaxis(frame, -1, 0)), 0, -1)
        case "every second":
            given_ = np.repeat(np.repeat(frame, 2, axis=0), 2, axis=2)[::2, :, ::2]
        case "backwards":
            given_ = np.ascontiguousarray(frame[::-1, ::-1])[::-1, ::-1]
        case "fortran":
            given_ = np.asfortranarray(frame)
        case _:
            given_ = frame.astype(layout)
    np.testing.assert_array_equal(given_, frame)
    given_.setflags(write=False)
    part = given_[:, :, 3:37]
    for motion in motions(rng, 5):
        operator = pixel_map(motion, SHAPE, CANVAS)
        np.testing.assert_array_equal(
            warp_spectra(part, operator), warp_spectra(frame[..., 3:37].copy(), operator)
        )


def test_what_is_refused(rng):
    operator = pixel_map((0, 0), SHAPE, CANVAS)
    total = SpectrumSum((*CANVAS.shape, 4))
    frame = np.zeros((*SHAPE, 4), np.float32)
    with pytest.raises(ValueError, match=r"shape \(14, 17, 3\) does not fit"):
        total.add(frame[..., :3], operator)
    with pytest.raises(ValueError, match="does not fit"):
        total.add(frame[0], operator)
    with pytest.raises(TypeError, match="complex64"):
        total.add(frame.astype(np.complex64), operator)
    with pytest.raises(ValueError, match="counts='share'"):
        total.add(frame, pixel_map((0, 0), SHAPE, CANVAS, counts="share"))
    with pytest.raises(ValueError, match="one canvas"):
        total.add(frame, pixel_map((0, 0), SHAPE, Canvas.of_frame(SHAPE)))
    with pytest.raises(ValueError, match="no variance"):
        total.variance_of_mean()
    with pytest.raises(ValueError, match="cannot be merged"):
        total.merge(SpectrumSum((*CANVAS.shape, 5)))
    with pytest.raises(ValueError, match="Unknown variance 'gauss'"):
        SpectrumSum((1, 1, 1), variance="gauss")
    with pytest.raises(ValueError, match="at least 1"):
        SpectrumSum((1, 0, 1))
    with pytest.raises(ValueError, match="missing"):
        SpectrumSum.from_arrays({"total": np.zeros((1, 1, 1))})
    whole = SpectrumSum((*CANVAS.shape, 4), dtype=np.uint8, counts="whole")
    with pytest.raises(TypeError, match="start the sum with dtype=float32"):
        whole.add(frame, pixel_map((0, 0), SHAPE, CANVAS, counts="whole"))
    with pytest.raises(ValueError, match="cannot hold"):
        whole.sum()
