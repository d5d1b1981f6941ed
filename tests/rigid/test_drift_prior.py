from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.rigid.drift_prior import (
    LEAST_STEP,
    DriftPrior,
    likely_moves,
    path_cost,
)
from hyperspy_smartalign.rigid.hops import HopCheck

CELL = 16.0


@pytest.fixture
def path():
    """A drift of 1.4 px a frame with a walk of 0.5 px."""
    steps = np.random.default_rng(0).normal((1.0, -1.0), 0.5, (12, 2))
    return np.cumsum(steps, axis=0)


def checked(shifts, odds=0.0):
    """The same odds for the cells above, below, left and right of each frame."""
    n = len(shifts)
    vectors = CELL * np.array([(1, 0), (-1, 0), (0, 1), (0, -1)], float)
    return HopCheck(
        margin=np.full(n, -odds),
        better=np.zeros((n, 2)),
        places=np.repeat(vectors[None], n, axis=0),
        odds=np.full((n, 4), odds),
        scale=1.0,
    )


def test_drift_and_its_scale_by_medians(path):
    clean = DriftPrior.of(path)
    np.testing.assert_allclose(clean.drift, (1, -1), atol=0.4)
    assert clean.scale == LEAST_STEP
    path[5] += CELL
    spoilt = DriftPrior.of(path)
    np.testing.assert_allclose(spoilt.drift, clean.drift, atol=0.4)
    assert spoilt.scale == LEAST_STEP


@pytest.mark.parametrize("count", [1, 2, 4])
def test_no_drift_is_told_by_few_frames(count):
    prior = DriftPrior.of(np.arange(2.0 * count).reshape(count, 2) * 9)
    assert (prior.drift == 0).all()
    assert prior.scale >= LEAST_STEP


def test_a_long_step_is_dear_and_not_impossible():
    prior = DriftPrior(drift=np.array([1.0, 0.0]), scale=2.0)
    cost = prior.cost(np.array([[1.0, 0.0], [17.0, 0.0], [101.0, 0.0], [np.nan, np.nan]]))
    assert cost[0] == cost[3] == 0
    assert 5 < cost[1] < cost[2] < 13


def test_the_straighter_of_two_likely_paths_costs_less(path):
    prior, used, margin = DriftPrior.of(path), np.ones(12, bool), np.ones(12)
    hopped = path.copy()
    hopped[7:] += (0, CELL)
    assert path_cost(margin, path, used, prior) < path_cost(margin, hopped, used, prior) - 5
    # Pixels that speak clearly outweigh it.
    margin[7:] = -5
    assert path_cost(margin, path, used, prior) > path_cost(np.ones(12), hopped, used, prior)
    assert path_cost(margin, path, np.arange(12) < 7, prior) < 7 * np.log(2) + 15


def test_even_odds_move_no_frame_of_a_smooth_path(path):
    used = np.ones(12, bool)
    for odds in (0.0, 3.0):
        moves = likely_moves(checked(path, odds), path, used, DriftPrior.of(path))
        assert not moves.any()


def test_even_odds_bring_a_hopped_frame_back(path):
    hopped = path.copy()
    hopped[4] += (0, CELL)
    moves = likely_moves(checked(hopped), hopped, np.ones(12, bool), DriftPrior.of(hopped))
    assert np.flatnonzero(moves.any(1)).tolist() == [4]
    assert moves[4].tolist() == [0, -CELL]


def test_clear_odds_move_frames_and_at_most_a_quarter_at_a_time(path):
    used = np.arange(12) != 3
    moves = likely_moves(checked(path, 40.0), path, used, DriftPrior.of(path))
    assert np.count_nonzero(moves.any(1)) == 2
    assert not moves[3].any()


def test_frames_without_another_place_stay(path):
    nowhere = checked(path)
    nowhere.places[:] = np.nan
    nowhere.odds[:] = -np.inf
    assert not likely_moves(nowhere, path, np.ones(12, bool), DriftPrior.of(path)).any()
