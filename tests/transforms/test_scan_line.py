"""Scan lines: conventions of axis, rotation and first row."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.transforms import ScanLine

OFFSETS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, -1.0]])


def test_rows_shift_as_rows() -> None:
    d = ScanLine(OFFSETS).displacement((3, 4))
    np.testing.assert_array_equal(d, np.repeat(OFFSETS.T[:, :, None], 4, axis=2))


def test_columns_shift_as_columns_in_image_order() -> None:
    d = ScanLine(OFFSETS, axis=1).displacement((4, 3))
    np.testing.assert_array_equal(d, np.repeat(OFFSETS.T[:, None, :], 4, axis=1))


def test_first_row_places_the_lines_and_ends_go_on() -> None:
    d = ScanLine(OFFSETS, first_row=2).displacement((7, 1))[0, :, 0]
    np.testing.assert_array_equal(d, [0, 0, 0, 2, 4, 4, 4])


def test_between_lines_is_linear() -> None:
    transform = ScanLine(OFFSETS, first_row=0.25)
    np.testing.assert_allclose(transform.offsets_at([1.75]), [[3.0, 1.0]], atol=1e-12)


def test_a_single_line_is_a_shift() -> None:
    d = ScanLine([[1.0, 2.0]]).displacement((3, 3), origin=(-1, 0))
    np.testing.assert_array_equal(d[0], 1)
    np.testing.assert_array_equal(d[1], 2)


@pytest.mark.parametrize("axis", [0, 1])
def test_scalar_rotation_moves_along_the_slow_scan(axis: int) -> None:
    transform = ScanLine(np.zeros((3, 2)), rotation=0.1, axis=axis, line_centre=2)
    d = transform.displacement((3, 3))
    along = 0.1 * (np.arange(3) - 2)
    expected = np.tile(along, (3, 1)) if axis == 0 else np.tile(along[:, None], 3)
    np.testing.assert_allclose(d[axis], expected, atol=1e-15)
    np.testing.assert_array_equal(d[1 - axis], 0)


def test_rotation_of_each_line_and_of_both_components() -> None:
    per_line = ScanLine(OFFSETS, rotation=[0.1, 0.2, 0.3])
    np.testing.assert_array_equal(per_line.rotation, [[0.1, 0], [0.2, 0], [0.3, 0]])
    both = ScanLine(OFFSETS, rotation=np.full((3, 2), 0.1))
    np.testing.assert_allclose(both.at((1.0, 10.0)), [3.0, 4.0])
    assert both.has_rotation
    assert not ScanLine(OFFSETS).has_rotation


def test_inverse_of_crossed_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="scan lines 1 and 2 are out of order"):
        ScanLine([[0.0, 0], [1.5, 0], [0.0, 0], [0.0, 0]]).inverse()
    with pytest.raises(ValueError, match="turns scan line 1"):
        ScanLine(np.zeros((2, 2)), rotation=[[0, 0], [0, -1.5]]).inverse()


def test_repr_is_short() -> None:
    text = repr(ScanLine(np.zeros((512, 2)), rotation=0.1, axis=1))
    assert text == "<ScanLine: 512 columns from 0, 0 px rms about the mean, with rotation>"
