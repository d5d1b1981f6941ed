from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.resampling import pixel_map, resample_frame, warp_spectra
from hyperspy_smartalign.resampling.pixel_map import Lines, Pixels, Taps
from hyperspy_smartalign.transforms import Affine, Canvas, Field, ScanLine, Translation

SIZES = st.integers(1, 34)
MOTIONS = ["whole", "shift", "rows", "columns", "whole rows", "turned", "affine", "field"]


def motion_of(kind, shape, rng):
    h, w = shape
    match kind:
        case "whole":
            return Translation(rng.integers(-3, 4, 2))
        case "shift":
            return Translation(rng.normal(0, 2, 2))
        case "rows":
            return ScanLine(rng.normal(0, 2, (h, 2)))
        case "columns":
            return ScanLine(rng.normal(0, 2, (w, 2)), axis=1, first_row=1)
        case "whole rows":
            return ScanLine(np.stack([rng.normal(0, 2, h), rng.integers(-3, 4, h)], axis=1))
        case "turned":
            return ScanLine(rng.normal(0, 1, (h, 2)), rotation=0.03, line_centre=w / 2)
        case "affine":
            matrix = np.eye(2) + rng.normal(0, 0.1, (2, 2))
            return Affine(matrix, shift=rng.normal(0, 2, 2), centre=(h / 2, w / 2))
        case _:
            return Field(rng.normal(0, 1.5, (2, 5, 6)), origin=(-1, -2), spacing=(h / 4, w / 5))


def images(frame, motion, canvas, interpolation):
    """Every channel resampled as an image."""
    return np.stack(
        [
            resample_frame(channel, motion, canvas, interpolation=interpolation).pixels
            for channel in np.moveaxis(frame, -1, 0)
        ],
        axis=-1,
    )


@settings(max_examples=120, deadline=None)
@given(
    SIZES, SIZES, SIZES, SIZES, st.integers(-6, 6), st.integers(-6, 6), st.sampled_from(MOTIONS),
    st.sampled_from(["spline", "linear", "nearest"]), st.integers(0, 999),
)  # fmt: skip
def test_channels_equal_images(h, w, height, width, top, left, kind, interpolation, seed):
    rng = np.random.default_rng(seed)
    frame = rng.normal(50, 10, (h, w, 3)).astype(np.float32)
    canvas, motion = Canvas(top, left, height, width), motion_of(kind, (h, w), rng)
    expected = images(frame, motion, canvas, interpolation)
    operator = pixel_map(motion, (h, w), canvas, interpolation=interpolation)
    result = warp_spectra(frame, operator)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(operator.covered == 0, np.isnan(expected[..., 0]))
    # Both are float32, with rounding of 1e-7 at each of some twenty steps.
    tolerance = 0 if interpolation == "nearest" else 1e-5
    np.testing.assert_allclose(result, expected, rtol=tolerance)


@pytest.mark.parametrize("interpolation", ["spline", "linear"])
@pytest.mark.parametrize("kind", ["rows", "columns", "affine", "field"])
def test_many_rows_and_jumps_equal_images(rng, kind, interpolation):
    # Larger than the rows that are held at a time, and with jumps up and down.
    frame = rng.normal(50, 10, (97, 83, 2)).astype(np.float32)
    motion = motion_of(kind, (97, 83), rng)
    if isinstance(motion, ScanLine):
        offsets = motion.offsets.copy()
        offsets[40:, motion.axis] -= 35
        offsets[60:, motion.axis] += 50
        motion = ScanLine(offsets, axis=motion.axis)
    canvas = Canvas(-5, -6, 103, 101)
    operator = pixel_map(motion, (97, 83), canvas, interpolation=interpolation)
    expected = images(frame, motion, canvas, interpolation)
    np.testing.assert_allclose(warp_spectra(frame, operator), expected, rtol=1e-5)


def test_cheapest_steps_are_chosen(rng):
    def steps(kind, **options):
        return pixel_map(motion_of(kind, (16, 16), rng), (16, 16), canvas, **options).steps

    canvas = Canvas.of_frame((16, 16))
    assert isinstance(steps("whole"), Taps)
    assert isinstance(steps("shift"), Lines)
    assert isinstance(steps("rows"), Lines)
    assert steps("columns").axis == 1
    assert isinstance(steps("field"), Pixels)
    assert isinstance(steps("field", interpolation="linear"), Taps)
    assert isinstance(
        pixel_map(np.zeros((2, 16, 16)), (16, 16), canvas, interpolation="spline").steps, Taps
    )


@pytest.mark.parametrize("counts", ["interpolate", "share", "whole"])
@pytest.mark.parametrize("dtype", [bool, "u1", ">u2", "<i4", ">f4", "f8", "f2"])
@pytest.mark.parametrize("shift", [(0, 0), (2, -3), (4e-7, 1)])
def test_whole_pixel_shifts_copy(rng, counts, dtype, shift):
    frame = (rng.random((9, 11, 5)) * 200).astype(dtype)
    frame.setflags(write=False)
    operator = pixel_map(shift, (9, 11), Canvas(3, 3, 4, 4), counts=counts)
    result = warp_spectra(frame, operator, fill="zero")
    y, x = (3 + round(s) for s in shift)
    np.testing.assert_array_equal(result, frame[y : y + 4, x : x + 4].astype(result.dtype))
    assert (operator.covered == 1).all()


@settings(max_examples=60, deadline=None)
@given(
    SIZES, SIZES, st.sampled_from(MOTIONS), st.sampled_from(["spline", "linear", "nearest"]),
    st.sampled_from(["interpolate", "share", "whole"]), st.integers(0, 999),
)  # fmt: skip
def test_the_operator_is_linear(h, w, kind, interpolation, counts, seed):
    rng = np.random.default_rng(seed)
    canvas, motion = Canvas(-2, 1, 12, 13), motion_of(kind, (h, w), rng)
    operator = pixel_map(motion, (h, w), canvas, interpolation=interpolation, counts=counts)
    a, b = rng.normal(0, 1, (2, h, w, 2)).astype(np.float32)
    one, two = (warp_spectra(x, operator, fill=0) for x in (a, b))
    both = warp_spectra(a - 2 * b, operator, fill=0)
    # Spline coefficients are up to 3 times the pixels an axis, in float32; many pixels of a
    # strongly folded frame may meet in one.
    np.testing.assert_allclose(both, one - 2 * two, atol=2e-5 * (1 + operator.covered.max()))


@settings(max_examples=60, deadline=None)
@given(
    SIZES, SIZES, st.sampled_from(MOTIONS), st.sampled_from(["interpolate", "share", "whole"]),
    st.integers(0, 999),
)  # fmt: skip
def test_weights_sum_to_one(h, w, kind, counts, seed):
    rng = np.random.default_rng(seed)
    canvas, motion = Canvas(-60, -60, 160, 160), motion_of(kind, (h, w), rng)
    operator = pixel_map(motion, (h, w), canvas, counts=counts)
    total = warp_spectra(np.ones((h, w, 1), np.float32), operator, fill=0)[..., 0]
    # A sample of a constant is that constant; what is sent is the exposure.
    np.testing.assert_allclose(total, operator.covered, atol=1e-6 * (1 + operator.covered.max()))
    if counts != "interpolate":
        assert operator.covered.sum(dtype=float) == pytest.approx(h * w, rel=1e-6)


def test_sent_counts_arrive_where_they_were_recorded(rng):
    # A point that a frame shows at pixel p + d(p) goes back to p.
    field = Field(rng.normal(0, 1, (2, 5, 5)), spacing=8)
    canvas = Canvas.of_frame((33, 33))
    operator = pixel_map(field, (33, 33), canvas, counts="share")
    y, x = np.mgrid[:33, :33].astype(float)
    frame = np.stack([y, x], axis=-1)
    sent = warp_spectra(frame, operator, fill=0)
    where = operator.covered > 0.2
    # The mean raw position of what arrives at p is p + d(p), to within what a pixel is spread.
    recorded = sent[where] / operator.covered[where][:, None]
    expected = np.moveaxis(np.stack([y, x]) + field.displacement((33, 33)), 0, -1)[where]
    inside = ((expected > 1) & (expected < 31)).all(axis=1)
    error = np.abs(recorded - expected)[inside]
    assert inside.sum() > 500
    assert error.mean() < 0.15
    assert error.max() < 1


def test_gaps_cover_as_in_images(rng):
    frame = rng.normal(50, 10, (21, 23, 4)).astype(np.float32)
    frame[5, 7, 2] = np.nan
    frame[15, 3, 0] = np.inf
    canvas = Canvas(-1, 0, 22, 22)
    image = np.where(np.isfinite(frame).all(axis=2), frame[..., 1], np.nan)
    for kind in MOTIONS:
        motion = motion_of(kind, (21, 23), rng)
        for interpolation in ("spline", "linear", "nearest"):
            operator = pixel_map(motion, (21, 23), canvas, interpolation=interpolation)
            expected = resample_frame(image, motion, canvas, interpolation=interpolation).pixels
            result = warp_spectra(frame, operator)
            assert (np.isnan(result).all(axis=2) == np.isnan(result).any(axis=2)).all()
            np.testing.assert_allclose(result[..., 1], expected, rtol=1e-5, err_msg=kind)


def test_a_frame_that_is_all_gap_is_not_covered():
    frame = np.full((5, 6, 2), np.nan)
    for counts in ("interpolate", "share", "whole"):
        operator = pixel_map((0.5, 0.5), (5, 6), Canvas.of_frame((5, 6)), counts=counts)
        assert np.isnan(warp_spectra(frame, operator)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"interpolation": "fourier"}, "Unknown interpolation 'fourier' for spectra"),
        ({"counts": "split"}, "choose one of 'interpolate', 'share', 'whole'"),
        ({"motion": np.zeros((3, 2))}, r"displacement field \(2, H, W\) or a transform"),
        ({"frame_shape": (0, 4)}, "at least one pixel"),
    ],
)
def test_what_is_refused(options, words):
    arguments = {"motion": (0, 0), "frame_shape": (4, 4), "canvas": Canvas.of_frame((4, 4))}
    with pytest.raises(ValueError, match=words):
        pixel_map(**(arguments | options))


def test_motion_as_arrays(rng):
    frame = rng.normal(size=(12, 13, 2)).astype(np.float32)
    canvas = Canvas(-2, 3, 9, 8)
    for motion in (np.array([0.3, 1.2]), rng.normal(size=(9, 2)), rng.normal(size=(2, 9, 8))):
        operator = pixel_map(motion, (12, 13), canvas)
        expected = images(frame, motion, canvas, "spline")
        np.testing.assert_allclose(warp_spectra(frame, operator), expected, atol=2e-6)
