"""Canvas: what every frame has seen, and what any has."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.transforms import Canvas

shifts_tables = st.lists(
    st.tuples(st.floats(-6, 6, width=32), st.floats(-6, 6, width=32)), min_size=1, max_size=6
)
shapes = st.tuples(st.integers(2, 24), st.integers(2, 24))


def seen(shifts: list[tuple[float, float]], shape: tuple[int, int]) -> np.ndarray:
    """Brute force: whether frame k sees pixel p, for p from -30 to 59 along both axes."""
    p = np.arange(-30, 60)
    inside = [
        [(p + s[a] >= -1e-6) & (p + s[a] <= shape[a] - 1 + 1e-6) for a in (0, 1)] for s in shifts
    ]
    return np.array([rows[:, None] & columns for rows, columns in inside])


def mask(canvas: Canvas) -> np.ndarray:
    result = np.zeros((90, 90), bool)
    result[canvas.moved((30, 30)).slices] = True
    return result


@given(shifts=shifts_tables, shape=shapes)
@settings(max_examples=100, deadline=None)
def test_common_is_exactly_what_all_frames_saw(shifts, shape) -> None:
    truth = seen(shifts, shape).all(axis=0)
    if truth.any():
        np.testing.assert_array_equal(mask(Canvas.common(shifts, shape)), truth)
    else:
        with pytest.raises(ValueError, match="no area is common"):
            Canvas.common(shifts, shape)


@given(shifts=shifts_tables, shape=shapes)
@settings(max_examples=100, deadline=None)
def test_union_is_the_tightest_box_around_what_any_frame_saw(shifts, shape) -> None:
    rows, columns = np.nonzero(seen(shifts, shape).any(axis=0))
    canvas = Canvas.union(shifts, shape)
    assert (canvas.top, canvas.bottom) == (rows.min() - 30, rows.max() - 29)
    assert (canvas.left, canvas.right) == (columns.min() - 30, columns.max() - 29)


def test_sign_content_moved_down_is_cut_at_the_bottom() -> None:
    # Content of frame 1 lies 3 px further down: its pixel p + 3 shows the common pixel p.
    assert Canvas.common([(0, 0), (3, 0)], (10, 8)) == Canvas(0, 0, 7, 8)
    assert Canvas.common([(0, 0), (0, -2.5)], (10, 8)) == Canvas(0, 3, 10, 5)
    assert Canvas.union([(0, 0), (3, -2)], (10, 8)) == Canvas(-3, 0, 13, 10)


@pytest.mark.parametrize("noise", [1e-9, -1e-9])
def test_rounding_noise_costs_no_row(noise: float) -> None:
    shifts = [(noise, 3 - noise), (0, 0)]
    assert Canvas.common(shifts, (10, 8)) == Canvas.common(np.round(shifts), (10, 8))
    assert Canvas.union(shifts, (10, 8)) == Canvas.union(np.round(shifts), (10, 8))


def test_message_names_the_frames_to_exclude() -> None:
    shifts = np.zeros((6, 2))
    shifts[2] = (0, 300)
    shifts[4] = (-90, 0)
    with pytest.raises(ValueError, match=r"exclude frame\(s\) 2, 4 or use crop=False") as caught:
        Canvas.common(shifts, (64, 48))
    assert "all 6 frames: shifts span 90.0 px in y and 300.0 px in x" in str(caught.value)
    assert "64 x 48 px" in str(caught.value)
    Canvas.common(np.delete(shifts, [2, 4], axis=0), (64, 48))


def test_regions_and_slices() -> None:
    canvas = Canvas.from_roi(left=2, right=6, top=1, bottom=4)
    assert canvas == Canvas(top=1, left=2, height=3, width=4)
    assert canvas.shape == (3, 4)
    assert canvas.origin == (1, 2)
    assert (canvas.bottom, canvas.right) == (4, 6)
    assert np.arange(100).reshape(10, 10)[canvas.slices][0, 0] == 12
    assert Canvas(-2, 3, 10, 10).intersect(Canvas.of_frame((5, 7))) == Canvas(0, 3, 5, 4)


def test_numpy_and_float_integers_become_int() -> None:
    canvas = Canvas(np.int64(1), 2.0, np.float32(3), 4)
    assert canvas == Canvas(1, 2, 3, 4)
    assert all(type(n) is int for n in canvas.to_dict().values())


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Canvas(0, 0, 0, 4), ValueError, "height 0 and width 4"),
        (lambda: Canvas(0.5, 0, 2, 4), ValueError, "top must be a whole number"),
        (lambda: Canvas(0, True, 2, 4), TypeError, "left must be a whole number"),
        (lambda: Canvas(-1, 0, 2, 4).slices, ValueError, "begins at \\(-1, 0\\)"),
        (lambda: Canvas(0, 0, 2, 2).intersect(Canvas(2, 0, 2, 2)), ValueError, "no pixel in com"),
        (lambda: Canvas.from_roi(5, 5, 0, 2), ValueError, "is empty"),
        (lambda: Canvas.common([(0, np.nan)], (4, 4)), ValueError, "shifts must be finite"),
        (lambda: Canvas.common([0, 1], (4, 4)), ValueError, "shifts must have shape"),
        (lambda: Canvas.of_frame((4, 4, 4)), ValueError, "2 whole numbers"),
        (lambda: Canvas.union([(0.5, 0)], (1, 4)), ValueError, "no whole pixel"),
    ],
)
def test_impossible_values_are_refused(make, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
