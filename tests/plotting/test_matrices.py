"""Matrices of pairs, and what coarsening keeps of them."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.plotting.matrices import Cells
from hyperspy_smartalign.rigid import PairTable


def table(indices, values) -> PairTable:
    indices = np.array(indices)
    shifts = np.stack([np.asarray(values, float)] * 2, axis=1)
    return PairTable(indices, shifts, shifts[:, 0], np.ones(len(indices), bool))


def test_shifts_are_antisymmetric_and_similarities_symmetric() -> None:
    pairs = table([(0, 2), (1, 2)], [3.0, -1.0])
    cells = Cells.of(np.zeros(3, bool))
    nan = np.nan
    np.testing.assert_array_equal(
        cells.matrix(pairs, pairs.shifts[:, 0], sign=-1),
        [[nan, nan, 3], [nan, nan, -1], [-3, 1, nan]],
    )
    np.testing.assert_array_equal(
        cells.matrix(pairs, pairs.similarity), [[nan, nan, 3], [nan, nan, -1], [3, -1, nan]]
    )


def test_differences_leave_out_excluded_frames() -> None:
    cells = Cells.of(np.array([False, True, False]))
    found = cells.differences(np.array([1.0, 50.0, 4.0]))
    nan = np.nan
    np.testing.assert_array_equal(found, [[0, nan, -3], [nan, nan, nan], [3, nan, 0]])
    np.testing.assert_array_equal(cells.excluded_matrix()[1], [1, 1, 1])
    assert np.isnan(cells.excluded_matrix()[0, 2])


def test_triangles_share_no_cell() -> None:
    for n in (4, 9):
        cells = Cells.of(np.zeros(n, bool), most=4)
        full = np.ones((cells.count, cells.count))
        lower, upper = np.isfinite(cells.lower(full)), np.isfinite(cells.upper(full))
        assert not np.any(lower & upper)
        assert np.diag(lower).all() == (n == 9)
        assert not np.diag(upper).any()
        assert lower[-1, 0]
        assert upper[0, -1]


def test_many_frames_share_cells() -> None:
    n, most = 11, 4
    excluded = np.zeros(n, bool)
    excluded[[0, 3, 4, 5]] = True
    cells = Cells.of(excluded, most=most)
    assert (cells.per_cell, cells.count) == (3, 4)
    assert cells.extent == (-0.5, 11.5, 11.5, -0.5)
    # Only frames 3, 4 and 5 fill a cell.
    np.testing.assert_array_equal(cells.without_frames, [False, True, False, False])
    found = cells.differences(np.arange(n, dtype=float))
    # Mean of 1 and 2, of 6 to 8, and of 9 and 10.
    np.testing.assert_allclose(found[:, 0], [0, np.nan, 5.5, 8.0])


def test_single_pairs_of_a_coarse_matrix_are_seen() -> None:
    n = 1000
    pairs = table([(0, 990), (1, 991), (5, 6)], [2.0, 4.0, 7.0])
    cells = Cells.of(np.zeros(n, bool))
    assert cells.count <= 128
    matrix = cells.matrix(pairs, pairs.shifts[:, 0], sign=-1)
    last = 990 // cells.per_cell
    assert matrix[0, last] == pytest.approx(3.0)
    assert matrix[last, 0] == pytest.approx(-3.0)
    # Pairs inside a cell: as far one way as the other.
    assert matrix[0, 0] == 0.0
    assert np.count_nonzero(np.isfinite(matrix)) == 3
    assert cells.matrix(pairs, pairs.similarity)[0, 0] == pytest.approx(7.0)


def test_values_that_are_not_known_are_not_measured() -> None:
    pairs = table([(0, 1), (0, 2)], [np.nan, 1.0])
    matrix = Cells.of(np.zeros(3, bool)).matrix(pairs, pairs.similarity)
    assert np.isnan(matrix[0, 1])
    assert matrix[2, 0] == 1.0
