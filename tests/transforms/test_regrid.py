"""Transforms, canvases and alignments on other grids of the same area."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms import (
    Affine,
    Alignment,
    Canvas,
    Field,
    ScanLine,
    Transform,
    Translation,
)

steps = st.tuples(st.floats(0.05, 40), st.floats(0.05, 40))
starts = st.tuples(st.floats(-50, 50), st.floats(-50, 50))
quick = settings(max_examples=60, deadline=None)

# Displacements are below 100 px, and steps divide them by 0.05 at least: rounding is below this.
TOLERANCE = 1e-9

GRID = {
    "frame_shape": (8, 12),
    "frame_scale": (0.4, 0.2),
    "frame_offset": (1.0, 2.0),
    "frame_units": ("nm", "nm"),
}


def places(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-30, 30, (2, 25))


def column(pair: tuple[float, float]) -> np.ndarray:
    return np.array(pair)[:, None]


@pytest.mark.parametrize("kind", ["translations", "affines", "fields"])
def test_the_field_is_the_same_in_other_pixels(kind: str, strategies: SimpleNamespace) -> None:
    @quick
    @given(getattr(strategies, kind)(), steps, starts, st.integers(0, 2**32 - 1))
    def check(transform: Transform, step, start, seed: int) -> None:
        points = places(seed)
        expected = transform.at(column(step) * points + column(start))
        moved = transform.regridded(step, start).at(points)
        np.testing.assert_allclose(moved * column(step), expected, rtol=0, atol=TOLERANCE)

    check()


@pytest.mark.parametrize("kind", ["translations", "affines", "fields"])
def test_there_and_back_is_where_it_was(kind: str, strategies: SimpleNamespace) -> None:
    @quick
    @given(getattr(strategies, kind)(), steps, starts, st.integers(0, 2**32 - 1))
    def check(transform: Transform, step, start, seed: int) -> None:
        there = transform.regridded(step, start)
        back = there.regridded(np.divide(1, step), -np.divide(start, step))
        points = places(seed)
        np.testing.assert_allclose(back.at(points), transform.at(points), rtol=0, atol=TOLERANCE)

    check()


def test_stages_compose_on_either_grid(strategies: SimpleNamespace) -> None:
    simple = st.one_of(strategies.translations(), strategies.affines())

    @quick
    @given(simple, simple, steps, starts, st.integers(0, 2**32 - 1))
    def check(first: Transform, second: Transform, step, start, seed: int) -> None:
        before = first.compose(second).regridded(step, start)
        after = first.regridded(step, start).compose(second.regridded(step, start))
        points = places(seed)
        # Affines stretch places by up to 1.4 each and steps reach 40 / 0.05 = 800, so rounding is
        # larger than above.
        np.testing.assert_allclose(after.at(points), before.at(points), rtol=0, atol=1e-7)

    check()


def covered(transform: ScanLine, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Mean over the old lines between two edges, one by one."""
    total, weight = np.zeros(values.shape[1]), 0.0
    for row, value in enumerate(values):
        line = transform.first_row + row
        part = max(0.0, min(high, line + 0.5) - max(low, line - 0.5))
        total, weight = total + part * value, weight + part
    return total / weight


def test_a_wider_line_takes_the_mean_over_the_lines_it_covers(strategies: SimpleNamespace) -> None:
    wide = st.tuples(st.floats(1, 40), st.floats(1, 40))

    @quick
    @given(strategies.scan_lines(), wide, starts)
    def check(transform: ScanLine, step, start) -> None:
        result = transform.regridded(step, start)
        slow, fast = transform.axis, 1 - transform.axis
        edges = step[slow] * (result.first_row + np.arange(result.rows + 1) - 0.5) + start[slow]
        top = transform.first_row - 0.5
        assert edges[0] <= top + 1.1e-3 < edges[1] + 1e-3
        assert edges[-2] - 1e-3 < top + transform.rows - 1.1e-3 <= edges[-1]
        for i in range(result.rows):
            # Parts of a line below 1e-3 are left out, so that they cannot be amplified noise.
            low, high = edges[i], edges[i + 1]
            offsets = covered(transform, transform.offsets, low, high)
            np.testing.assert_allclose(result.offsets[i] * step, offsets, rtol=0, atol=1e-8)
            slope = covered(transform, transform.rotation, low, high)
            np.testing.assert_allclose(
                result.rotation[i] * step / step[fast], slope, rtol=0, atol=1e-8
            )
        centre = step[fast] * result.line_centre + start[fast]
        assert centre == pytest.approx(transform.line_centre, abs=1e-9)

    check()


def test_a_narrower_line_takes_the_value_between(strategies: SimpleNamespace) -> None:
    narrow = st.tuples(st.floats(0.05, 0.99), st.floats(0.05, 40))

    @quick
    @given(strategies.scan_lines(axis=0), narrow, starts)
    def check(transform: ScanLine, step, start) -> None:
        result = transform.regridded(step, start)
        lines = result.first_row + np.arange(-2, result.rows + 2)
        points = np.stack([lines, np.linspace(-9, 9, len(lines))])
        expected = transform.at(column(step) * points + column(start))
        np.testing.assert_allclose(
            result.at(points) * column(step), expected, rtol=0, atol=TOLERANCE
        )

    check()


@pytest.mark.parametrize("axis", [0, 1])
def test_four_lines_become_one(axis: int) -> None:
    offsets = np.arange(24.0).reshape(12, 2)
    turned = ScanLine(offsets, rotation=0.02, axis=axis, line_centre=5.5)
    # Lines are four times, and pixels along a line twice as large.
    step = (4, 2) if axis == 0 else (2, 4)
    result = turned.regridded(step, np.subtract(step, 1) / 2)
    assert (result.rows, result.first_row, result.line_centre) == (3, 0, 2.5)
    np.testing.assert_array_equal(result.offsets, [[3, 4], [11, 12], [19, 20]] / np.array(step))
    # 0.02 px of a fourth a line-width for each of two px.
    np.testing.assert_allclose(result.rotation[:, axis], 0.02 * 2 / 4, rtol=1e-15)
    np.testing.assert_array_equal(result.rotation[:, 1 - axis], 0)


def test_equal_offsets_stay_equal_bit_for_bit() -> None:
    lines = ScanLine(np.tile([0.1, 0.7], (1000, 1)))
    coarse = lines.regridded((3, 1), (1, 0))
    assert coarse.rows == 334
    np.testing.assert_array_equal(coarse.offsets, np.tile([0.1 / 3, 0.7], (334, 1)))


def test_lines_of_the_same_grid_stay_as_they_are() -> None:
    lines = ScanLine(np.random.default_rng(0).normal(size=(31, 2)), rotation=0.01, first_row=3)
    same = lines.regridded((1, 1), (0, 0))
    assert same.first_row == 3
    np.testing.assert_allclose(same.offsets, lines.offsets, rtol=0, atol=1e-14)
    np.testing.assert_allclose(same.rotation, lines.rotation, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("canvas", "step", "start", "expected"),
    [
        # Edges at whole pixels of the other grid.
        (Canvas(8, 4, 16, 24), (4, 4), (1.5, 1.5), Canvas(2, 1, 4, 6)),
        # Pixels that are cut by an edge are left out on every side.
        (Canvas(7, 5, 18, 22), (4, 4), (1.5, 1.5), Canvas(2, 2, 4, 4)),
        (Canvas(-4, -4, 12, 12), (4, 4), (1.5, 1.5), Canvas(-1, -1, 3, 3)),
        # A finer grid fills the canvas to its edges.
        (Canvas(2, 1, 4, 6), (0.25, 0.25), (-0.375, -0.375), Canvas(8, 4, 16, 24)),
        (Canvas(0, 0, 9, 9), (1, 1), (2, -3), Canvas(-2, 3, 9, 9)),
    ],
)
def test_the_canvas_keeps_whole_pixels(canvas, step, start, expected) -> None:
    assert canvas.regridded(step, start) == expected


def test_the_canvas_never_grows(strategies: SimpleNamespace) -> None:
    @quick
    @given(
        st.builds(Canvas, *[st.integers(-40, 40)] * 2, *[st.integers(1, 200)] * 2), steps, starts
    )
    def check(canvas: Canvas, step, start) -> None:
        try:
            result = canvas.regridded(step, start)
        except ValueError:
            # Two pixels always hold a whole one.
            assert np.any(np.multiply(step, 2) > canvas.shape)
            return
        near = step * (np.array(result.origin) - 0.5) + start
        far = near + np.multiply(step, result.shape)
        # To the tolerance of a millionth of a pixel of the other grid.
        assert np.all(near >= np.array(canvas.origin) - 0.5 - 1e-4)
        assert np.all(far <= np.array(canvas.origin) - 0.5 + canvas.shape + 1e-4)

    check()


def test_a_canvas_within_one_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"canvas of 30 x 40 px .* pixels are 32 x 32 px large"):
        Canvas(1, 1, 30, 40).regridded((32, 32), (15.5, 15.5))


@pytest.mark.parametrize("step", [(0, 1), (1, -2), (np.nan, 1), 3])
def test_steps_must_be_positive(step) -> None:
    with pytest.raises(ValueError, match="step must"):
        Translation((1, 2)).regridded(step, (0, 0))


def test_the_alignment_is_told_in_other_pixels() -> None:
    scan = ScanGeometry(line_time=1e-3, dwell_time=1e-6, frame_time=0.032)
    alignment = Alignment.from_shifts(
        [[0.0, 0], [2, -4]],
        frame_shape=(32, 24),
        precision=[[0.4, 0.2], [np.nan, 0.2]],
        hop_margin=[3.0, 4.0],
        excluded=[False, True],
        exclusion_reasons=("", "dark"),
        frame_scale=(0.1, 0.1),
        frame_units=("nm", "nm"),
        scan=scan,
        steps=({"name": "align_rigid", "parameters": {}},),
    )
    step, start = (4, 2), (1.5, 0.5)
    result = alignment.regridded(step, start, **GRID)
    np.testing.assert_array_equal(result.shifts, [[0, 0], [0.5, -2]])
    np.testing.assert_array_equal(result.precision, [[0.1, 0.1], [np.nan, 0.1]])
    np.testing.assert_array_equal(result.hop_margin, [3, 4])
    assert result.exclusion_reasons == ("", "dark")
    assert result.canvas == Canvas(0, 0, 8, 12)
    assert {name: getattr(result, name) for name in GRID} == GRID
    assert result.steps[:-1] == alignment.steps
    assert result.steps[-1]["name"] == "regrid"
    taken = result.steps[-1]["parameters"]
    assert (taken["step"], taken["start"]) == ([4, 2], [1.5, 0.5])
    assert (taken["old_frame_shape"], taken["frame_shape"]) == ([32, 24], [8, 12])
    # A line of the other grid holds four lines, and a pixel eight; a frame takes as long.
    assert result.scan is not None
    assert result.scan.line_time == pytest.approx(4e-3, rel=1e-12)
    assert result.scan.dwell_time == pytest.approx(8e-6, rel=1e-12)
    assert result.scan.frame_time == scan.frame_time
    assert Alignment.from_dict(result.to_dict()) == result


def test_times_of_lines_along_both_axes_are_left_out_where_they_differ() -> None:
    scan = ScanGeometry(rotation=(0, 90), line_time=1e-3, dwell_time=1e-6)
    alignment = Alignment.from_shifts(np.zeros((2, 2)), frame_shape=(32, 24), scan=scan)
    result = alignment.regridded((4, 2), (1.5, 0.5), **GRID).scan
    assert result is not None
    assert result.line_time is None
    assert result.dwell_time == pytest.approx(8e-6, rel=1e-12)
    equal = alignment.regridded((2, 2), (0.5, 0.5), **GRID).scan
    assert equal is not None
    assert equal.line_time == pytest.approx(2e-3, rel=1e-12)


def test_nothing_that_was_given_is_changed() -> None:
    values = np.random.default_rng(1).normal(size=(2, 5, 6))
    for transform in (
        Field(values, spacing=8),
        Affine(np.eye(2) * 1.1, (1, 2), (8, 8)),
        ScanLine(values[0, :, :2]),
    ):
        before = transform.to_dict()
        transform.regridded((3, 2), (1, 0.5))
        for key, value in transform.to_dict().items():
            np.testing.assert_array_equal(value, before[key])
