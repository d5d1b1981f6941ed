"""Closure of triangles of frames."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest

from hyperspy_smartalign.quality.closure import closure_of_pairs


@pytest.fixture
def pairs():
    return np.array(list(combinations(range(12), 2)))


def measured(pairs, error, *, seed=0):
    random = np.random.default_rng(seed)
    shifts = random.normal(size=(12, 2)) * 5
    exact = shifts[pairs[:, 0]] - shifts[pairs[:, 1]]
    return exact + error * random.normal(size=exact.shape)


def test_exact_pairs_close(pairs):
    closure = closure_of_pairs(pairs, measured(pairs, 0.0), 12)
    assert closure.total == len(closure.triangles) == 220
    assert closure.rms < 1e-12
    assert closure.open_share == 0


def test_size_follows_the_error_of_the_pairs(pairs):
    closure = closure_of_pairs(pairs, measured(pairs, 0.1), 12)
    np.testing.assert_allclose(closure.pair_error, 0.1, rtol=0.2)
    np.testing.assert_allclose(closure.rms, 0.1 * np.sqrt(3), rtol=0.2)
    assert closure.open_share == 0
    assert len(closure.per_frame) == 12


def test_a_hopped_pair_is_named(pairs):
    shifts = measured(pairs, 0.05)
    hopped = np.flatnonzero((pairs == (3, 7)).all(1))
    shifts[hopped] += (8.0, 0.0)
    closure = closure_of_pairs(pairs, shifts, 12)
    assert closure.open_pairs.tolist() == [[3, 7]]
    # It is in 10 of the triangles.
    np.testing.assert_allclose(closure.open_share, 10 / 220)
    assert all({3, 7} <= set(row) for row in closure.worst.tolist())
    assert closure.robust < 0.2
    assert "4.5 % of the triangles do not close: frames 3 and 7 were seen" in closure.words
    json.dumps(closure.to_dict())


def test_triangles_are_open_where_most_are(pairs):
    one = closure_of_pairs([(0, 1), (0, 2), (1, 2)], [(0, 0), (14, 0), (0, 1)], 3, expected=0.05)
    assert one.open_share == 1
    assert "100 % of the triangles do not close" in one.words
    near = closure_of_pairs([(0, 1), (0, 2), (1, 2)], [(0, 0), (0.5, 0), (0, 1)], 3, expected=0.007)
    assert near.open_share == 0
    random = np.random.default_rng(4)
    shifts = measured(pairs, 0.05) + 8.0 * random.integers(-1, 2, size=(len(pairs), 2))
    assert closure_of_pairs(pairs, shifts, 12, expected=0.1).open_share > 0.5


def test_a_frame_that_is_hard_to_measure_stands_out(pairs):
    shifts = measured(pairs, 0.05)
    own = (pairs == 5).any(1)
    shifts[own] += np.random.default_rng(3).normal(size=(own.sum(), 2)) * 0.4
    closure = closure_of_pairs(pairs, shifts, 12)
    assert int(np.argmax(closure.per_frame)) == 5


def test_many_triangles_are_sampled_the_same_way_each_time(pairs):
    shifts = measured(pairs, 0.1)
    some = closure_of_pairs(pairs, shifts, 12, most=50)
    again = closure_of_pairs(pairs, shifts, 12, most=50)
    assert some.total == 220
    assert len(some.triangles) == 50
    np.testing.assert_array_equal(some.triangles, again.triangles)
    every = closure_of_pairs(pairs, shifts, 12)
    known = {tuple(t): r for t, r in zip(every.triangles.tolist(), every.residual, strict=True)}
    for triangle, residual in zip(some.triangles.tolist(), some.residual, strict=True):
        np.testing.assert_allclose(residual, known[tuple(triangle)])


def test_pairs_of_neighbours_alone_make_no_triangle():
    chain = np.array([(i, i + 1) for i in range(5)])
    assert closure_of_pairs(chain, np.zeros((5, 2)), 6) is None
