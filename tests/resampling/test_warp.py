from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hyperspy_smartalign.resampling import (
    shift_frame,
    spline_coefficients,
    warp_frame,
    warp_rows,
)
from hyperspy_smartalign.transforms import Canvas

KERNELS = ["spline", "linear", "nearest", "fourier"]
LOCAL = ["spline", "linear"]
ORDER = {"linear": 1, "spline": 3}
SIZES = st.integers(1, 24)
SHIFTS = st.floats(-30, 30, allow_nan=False)


def ways(frame, shift, canvas, **options):
    """The same constant motion through each of the compiled kernels."""
    rows = np.tile(np.asarray(shift, float), (canvas.height, 1))
    columns = np.tile(np.asarray(shift, float), (canvas.width, 1))
    yield shift_frame(frame, shift, canvas, **options)
    yield warp_rows(frame, rows, canvas, **options)
    yield warp_rows(frame, columns, canvas, axis=1, **options)


def positions(canvas, displacement):
    grid = np.mgrid[: canvas.height, : canvas.width].astype(float)
    return grid + np.reshape(canvas.origin, (2, 1, 1)) + displacement


def expect(frame, where, order):
    """Scipy's samples and whether they lie inside."""
    h, w = frame.shape
    inside = (where[0] >= -1e-6) & (where[0] <= h - 1 + 1e-6)
    inside &= (where[1] >= -1e-6) & (where[1] <= w - 1 + 1e-6)
    values = ndimage.map_coordinates(
        frame.astype(np.float64), where, order=order, mode="mirror" if order > 1 else "nearest"
    )
    return values, inside


@settings(max_examples=80, deadline=None)
@given(
    SIZES, SIZES, SIZES, SIZES, st.integers(-9, 9), st.integers(-9, 9), SHIFTS, SHIFTS,
    st.sampled_from(LOCAL),
)  # fmt: skip
def test_shifts_equal_scipy(h, w, height, width, top, left, dy, dx, kernel):
    frame = np.random.default_rng(h * 31 + w).normal(50, 10, (h, w)).astype(np.float32)
    canvas = Canvas(top, left, height, width)
    where = positions(canvas, np.reshape([dy, dx], (2, 1, 1)))
    values, inside = expect(frame, where, ORDER[kernel])
    for result in ways(frame, (dy, dx), canvas, interpolation=kernel):
        np.testing.assert_array_equal(result.covered, inside)
        assert result.pixels.dtype == np.float32
        assert np.isnan(result.pixels[~inside]).all()
        # float32 taps and coefficients: 1e-7 each, 16 of them.
        np.testing.assert_allclose(result.pixels[inside], values[inside], rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, SIZES, SIZES, st.integers(0, 999), st.sampled_from(LOCAL), st.booleans())
def test_fields_equal_scipy(h, w, height, width, seed, kernel, single):
    rng = np.random.default_rng(seed)
    frame = rng.normal(50, 10, (h, w)).astype(np.float32)
    canvas = Canvas(-2, 1, height, width)
    field = rng.normal(0, 3, (2, height, width))
    if single:
        field = field.astype(np.float32)
    values, inside = expect(frame, positions(canvas, field), ORDER[kernel])
    result = warp_frame(frame, field, canvas, interpolation=kernel)
    np.testing.assert_array_equal(result.covered, inside)
    np.testing.assert_allclose(result.pixels[inside], values[inside], rtol=1e-5)


@pytest.mark.parametrize("kernel", LOCAL)
@pytest.mark.parametrize("axis", [0, 1])
def test_rows_and_field_agree_with_scipy(rng, kernel, axis):
    frame = rng.normal(50, 10, (29, 37)).astype(np.float32)
    canvas = Canvas(-3, 2, 31, 33)
    offsets = rng.normal(0, 4, (canvas.shape[axis], 2))
    field = np.empty((2, *canvas.shape))
    field[...] = offsets.T[:, :, None] if axis == 0 else offsets.T[:, None, :]
    values, inside = expect(frame, positions(canvas, field), ORDER[kernel])
    rows = warp_rows(frame, offsets, canvas, axis=axis, interpolation=kernel)
    np.testing.assert_array_equal(rows.covered, inside)
    np.testing.assert_allclose(rows.pixels[inside], values[inside], rtol=1e-5)
    # The field is recognised as one offset a line: the very same numbers.
    same = warp_frame(frame, field, canvas, interpolation=kernel)
    np.testing.assert_array_equal(same.pixels, rows.pixels)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [bool, "u1", ">u2", "<i4", ">f4", "f4"])
@pytest.mark.parametrize("shape", [(16, 16), (13, 29), (1, 9), (9, 1), (1, 1), (2, 3)])
def test_identity_returns_the_data_bit_for_bit(rng, kernel, dtype, shape):
    frame = (rng.random(shape) * 200 - 50 * (np.dtype(dtype).kind == "f")).astype(dtype)
    frame.setflags(write=False)
    canvas = Canvas.of_frame(shape)
    field = np.zeros((2, *shape))
    result = warp_frame(frame, field, canvas, interpolation=kernel, fill="zero")
    assert result.covered.all()
    np.testing.assert_array_equal(result.pixels, frame)
    native = frame.dtype.newbyteorder("=")
    assert result.pixels.dtype == (native if kernel == "nearest" else np.float32)


@settings(max_examples=40, deadline=None)
@given(
    SIZES, SIZES, st.integers(-28, 28), st.integers(-28, 28), st.integers(-5, 5),
    st.sampled_from(KERNELS), st.sampled_from([0, 4e-7, -4e-7]),
)  # fmt: skip
def test_whole_pixel_shifts_equal_slices(h, w, dy, dx, top, kernel, rounding):
    frame = np.random.default_rng(1).normal(size=(h, w)).astype(np.float32)
    canvas = Canvas(top, -top, 20, 21)
    # A frame in the middle of nothing, sliced.
    room = np.full((h + 160, w + 160), -7, np.float32)
    room[80 : 80 + h, 80 : 80 + w] = frame
    start = 80 + top + dy, 80 - top + dx
    expected = room[start[0] : start[0] + 20, start[1] : start[1] + 21]
    result = shift_frame(
        frame, (dy + rounding, dx - rounding), canvas, interpolation=kernel, fill=-7
    )
    np.testing.assert_array_equal(result.pixels, expected)


@pytest.mark.parametrize(
    ("kernel", "error"), [("spline", 0.04), ("linear", 0.9), ("fourier", 0.04)]
)
def test_known_band_limited_image(waves, kernel, error):
    y, x = np.mgrid[:61, :75]
    shift = (3.37, -2.81)
    frame = waves(y - shift[0], x - shift[1])
    result = shift_frame(frame, shift, Canvas(8, 8, 40, 50), interpolation=kernel)
    assert result.covered.all()
    # Twelve waves of amplitude 1, the shortest of 5 px period.
    assert np.abs(result.pixels - waves(y, x)[8:48, 8:58]).max() < error


def test_spline_follows_a_smooth_distortion(waves):
    y, x = np.mgrid[:60, :70].astype(float)
    field = np.stack([1.5 * np.sin(x / 15) + 2, 1.2 * np.cos(y / 12) * np.sin(x / 20) - 1])

    def straight(u, v):
        return waves(0.4 * u, 0.4 * v)

    # The frame is an undistorted image; the output is known where it looks.
    result = warp_frame(straight(y, x), field, Canvas.of_frame((60, 70)))
    inner = np.s_[6:-6, 6:-6]
    assert result.covered[inner].all()
    expected = straight(y + field[0], x + field[1])
    # Twelve waves of amplitude 1 and at least 12 px period; linear interpolation is off by 0.3.
    assert np.abs(result.pixels - expected)[inner].max() < 0.006


@settings(max_examples=25, deadline=None)
@given(st.floats(-4, 4), st.floats(-4, 4))
def test_there_and_back_again(waves, dy, dx):
    y, x = np.mgrid[:64, :64]
    frame = waves(0.5 * y, 0.5 * x).astype(np.float32)
    canvas = Canvas.of_frame(frame.shape)
    there = shift_frame(frame, (dy, dx), canvas, fill=10.0)
    back = shift_frame(there.pixels, (-dy, -dx), canvas)
    inner = np.s_[14:-14, 14:-14]
    # Two interpolations of waves of 10 px period, 10 px away from the fill.
    np.testing.assert_allclose(back.pixels[inner], frame[inner], atol=0.01)


def test_nearest_keeps_type_and_counts(rng):
    frame = rng.integers(0, 60_000, (20, 24)).astype(">u2")
    canvas = Canvas(2, 3, 15, 17)
    result = shift_frame(frame, (0.6, -0.7), canvas, interpolation="nearest", fill="zero")
    assert result.pixels.dtype == np.dtype("u2")
    np.testing.assert_array_equal(result.pixels, frame[3:18, 2:19])
    for other in ways(frame, (0.6, -0.7), canvas, interpolation="nearest", fill="zero"):
        np.testing.assert_array_equal(other.pixels, result.pixels)


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, SHIFTS, SHIFTS)
def test_nearest_is_one_rule_for_shifts_rows_and_fields(h, w, dy, dx):
    frame = np.arange(h * w).reshape(h, w)
    canvas = Canvas(-1, 2, 12, 13)
    first, *others = ways(frame, (dy, dx), canvas, interpolation="nearest", fill=-1)
    for other in others:
        np.testing.assert_array_equal(other.pixels, first.pixels)
        np.testing.assert_array_equal(other.covered, first.covered)


@pytest.mark.parametrize("kernel", LOCAL)
def test_a_gap_spreads_over_its_taps_only(rng, kernel):
    frame = rng.random((20, 22)).astype(np.float32)
    frame[9, 11] = np.nan
    canvas = Canvas.of_frame(frame.shape)
    reach = 2 if kernel == "spline" else 1
    field = np.full((2, 20, 22), 0.25) + 1e-3 * rng.random((2, 20, 22))
    for result in (
        *ways(frame, (0.25, 0.25), canvas, interpolation=kernel, fill=5.0),
        warp_frame(frame, field, canvas, interpolation=kernel, fill=5.0),
    ):
        lost = np.zeros(frame.shape, bool)
        lost[9 - reach : 9 + reach, 11 - reach : 11 + reach] = True
        lost[-1] = lost[:, -1] = True
        np.testing.assert_array_equal(result.covered, ~lost)
        assert (result.pixels[lost] == 5).all()
        assert np.isfinite(result.pixels).all()


@pytest.mark.parametrize("gap", [np.nan, np.inf])
def test_taps_without_weight_do_not_read_gaps(rng, gap):
    frame = rng.random((8, 9)).astype(np.float32)
    frame[4, 4] = gap
    canvas = Canvas.of_frame(frame.shape)
    field = np.zeros((2, 8, 9))
    field[:, 0, 0] = 0.5  # not constant, so that the general kernel is used
    for result in (
        shift_frame(frame, (0, 0.0), canvas, interpolation="linear"),
        warp_frame(frame, field, canvas, interpolation="linear"),
    ):
        assert np.argwhere(~result.covered).tolist() == [[4, 4]]


def test_given_coefficients_are_used(rng):
    frame = rng.random((12, 15))
    canvas = Canvas.of_frame(frame.shape)
    own = shift_frame(frame, (0.3, 0.4), canvas)
    given_ = shift_frame(frame, (0.3, 0.4), canvas, coefficients=spline_coefficients(frame))
    np.testing.assert_array_equal(own.pixels, given_.pixels)
    with pytest.raises(ValueError, match=r"\(12, 14\)"):
        shift_frame(frame, (0.3, 0.4), canvas, coefficients=np.zeros((12, 14), np.float32))


def test_large_displacements_leave_nothing_covered(rng):
    frame = rng.random((6, 40))
    canvas = Canvas.of_frame(frame.shape)
    for shift in [(0.5, 1e300), (-1e300, 0), (7, 39.5), (1e10, -1e10)]:
        for result in ways(frame, shift, canvas, fill="zero"):
            assert not result.covered.any()
            assert not result.pixels.any()
    # Section 7: a shift along x may exceed the height.
    assert shift_frame(frame, (0, 30.5), canvas).covered.sum() == 6 * 9


def test_displacements_that_are_not_finite_are_not_covered(rng):
    frame = rng.random((6, 7))
    canvas = Canvas.of_frame(frame.shape)
    field = 0.1 * rng.random((2, 6, 7))
    field[0, 2, 3] = np.nan
    field[1, 4, 1] = -np.inf
    for kernel in (*LOCAL, "nearest"):
        covered = warp_frame(frame, field, canvas, interpolation=kernel).covered
        assert not covered[2, 3]
        assert not covered[4, 1]
        assert covered[:5, :6].sum() == 28
    rows = np.zeros((6, 2))
    rows[3, 1] = np.nan
    assert warp_rows(frame, rows, canvas).covered.sum() == 35


def test_inputs_are_left_alone(rng):
    frame = rng.random((9, 9)).astype(np.float32)
    field = rng.random((2, 9, 9))
    copies = frame.copy(), field.copy()
    for array in (frame, field):
        array.setflags(write=False)
    result = warp_frame(frame, field, Canvas.of_frame((9, 9)))
    result.pixels[...] = 0
    identity = shift_frame(frame, (0, 0), Canvas.of_frame((9, 9)))
    identity.pixels[...] = 0
    np.testing.assert_array_equal(frame, copies[0])
    np.testing.assert_array_equal(field, copies[1])


FRAME = np.ones((5, 6))
COUNTS = np.ones((5, 6), np.uint16)
HERE = Canvas(0, 0, 5, 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shift_frame(FRAME, (0, 0), HERE, interpolation="cubic"), "'spline', 'linear'"),
        (lambda: shift_frame(FRAME, (0, np.nan), HERE), "two finite numbers"),
        (lambda: shift_frame(FRAME, (1, 2, 3), HERE), "two finite numbers"),
        (lambda: shift_frame(FRAME[0], (0, 0), HERE), "2-D"),
        (lambda: shift_frame(FRAME, (0, 0), HERE, fill="mean"), "resample_stack"),
        (lambda: shift_frame(FRAME, (0, 0), HERE, fill="edge"), "unknown"),
        (lambda: shift_frame(COUNTS, (0, 0), HERE, interpolation="nearest"), 'fill="zero"'),
        (
            lambda: shift_frame(COUNTS, (0, 0), HERE, interpolation="nearest", fill=-1),
            "uint16",
        ),
        (
            lambda: shift_frame(COUNTS, (0, 0), HERE, interpolation="nearest", fill=0.5),
            "uint16",
        ),
        (lambda: warp_rows(FRAME, np.zeros((6, 2)), HERE), r"\(5, 2\)"),
        (lambda: warp_rows(FRAME, np.zeros((5, 2)), HERE, axis=1), r"\(6, 2\)"),
        (lambda: warp_rows(FRAME, np.zeros((5, 2)), HERE, axis=2), "axis"),
        (lambda: warp_rows(FRAME, np.zeros((5, 2)), HERE, interpolation="fourier"), "spline"),
        (lambda: warp_frame(FRAME, np.zeros((5, 6)), HERE), r"\(2, 5, 6\)"),
        (
            lambda: warp_frame(
                FRAME, np.random.default_rng(0).random((2, 5, 6)), HERE, interpolation="fourier"
            ),
            "spline",
        ),
    ],
)
def test_errors_say_what_to_type(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_complex_frames_are_refused():
    with pytest.raises(TypeError, match="complex"):
        shift_frame(FRAME * 1j, (0, 0), HERE)
