from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.rigid.pairs import choose_pairs
from hyperspy_smartalign.rigid.solving import (
    agreeing_pairs,
    scores_below,
    smoothness_scores,
    solve_pairs,
    transitivity_scores,
)


def drifting(count, seed=0, noise=0.0, neighbours="all"):
    """True shifts (mean zero), pairs and what they measure."""
    rng = np.random.default_rng(seed)
    true = np.cumsum(rng.normal((0.5, -0.3), 0.2, (count, 2)), axis=0)
    true -= true.mean(0)
    pairs = choose_pairs(count, neighbours)
    measured = true[pairs[:, 0]] - true[pairs[:, 1]]
    return true, pairs, measured + rng.normal(0, noise, measured.shape)


@given(st.integers(2, 30), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_exact_pairs_give_exact_shifts(count, seed):
    true, pairs, measured = drifting(count, seed)
    solved = solve_pairs(pairs, measured, np.ones(len(pairs), bool), count)
    np.testing.assert_allclose(solved.shifts, true, atol=1e-8)
    assert solved.linked.all()


def test_noise_averages_out():
    """All pairs of 20 frames: the error of a shift falls to noise / sqrt(20)."""
    found = []
    for seed in range(20):
        true, pairs, measured = drifting(20, seed, noise=0.5)
        found.append(solve_pairs(pairs, measured, np.ones(len(pairs), bool), 20).shifts - true)
    # Huber's weights cost a few per cent of efficiency.
    assert np.std(found) == pytest.approx(0.5 / np.sqrt(20), rel=0.12)


def test_outliers_hardly_pull():
    true, pairs, measured = drifting(20, 1, noise=0.05)
    rng = np.random.default_rng(2)
    wrong = rng.random(len(pairs)) < 0.25
    measured[wrong] += rng.choice([-16.0, 16.0], (wrong.sum(), 2))
    everything = np.ones(len(pairs), bool)
    robust = solve_pairs(pairs, measured, everything, 20).shifts
    design = np.zeros((len(pairs), 20))
    design[np.arange(len(pairs)), pairs[:, 0]] = 1
    design[np.arange(len(pairs)), pairs[:, 1]] = -1
    plain = np.linalg.lstsq(design, measured, rcond=None)[0]
    assert np.abs(plain - true).max() > 2
    assert np.abs(robust - true).max() < 0.3


def test_refused_pairs_are_not_used():
    true, pairs, measured = drifting(8)
    accepted = np.ones(len(pairs), bool)
    accepted[::3] = False
    measured[::3] = 1e6
    np.testing.assert_allclose(solve_pairs(pairs, measured, accepted, 8).shifts, true, atol=1e-8)


def test_the_largest_linked_group_is_solved():
    true, pairs, measured = drifting(9)
    accepted = (pairs < 5).all(1) | (pairs >= 5).all(1)
    solved = solve_pairs(pairs, measured, accepted, 9)
    assert solved.linked.tolist() == [True] * 5 + [False] * 4
    np.testing.assert_allclose(solved.shifts[:5], true[:5] - true[:5].mean(0), atol=1e-8)
    assert np.isnan(solved.shifts[5:]).all()


def test_nothing_accepted():
    _, pairs, measured = drifting(5)
    solved = solve_pairs(pairs, measured, np.zeros(len(pairs), bool), 5)
    assert not solved.linked.any()
    assert np.isnan(solved.shifts).all()


def test_it_ends_with_one_per_cent_of_good_pairs():
    """Outlier repair of others never ends here; ours has a fixed number of rounds."""
    _, pairs, measured = drifting(30)
    rng = np.random.default_rng(0)
    bad = rng.random(len(pairs)) > 0.01
    measured[bad] = rng.uniform(-60, 60, (bad.sum(), 2))
    for rule in (transitivity_scores, smoothness_scores):
        scores = rule(pairs, measured, 30)
        solved = solve_pairs(pairs, measured, scores_below(scores, None), 30)
        assert np.isfinite(solved.shifts[solved.linked]).all()
    accepted, _ = agreeing_pairs(pairs, measured[:, None], np.zeros((30, 2)))
    assert not accepted.all()


@pytest.mark.parametrize("rule", [transitivity_scores, smoothness_scores])
def test_planted_outliers_are_found(rule):
    _, pairs, measured = drifting(16, 3, noise=0.05)
    rng = np.random.default_rng(1)
    wrong = np.zeros(len(pairs), bool)
    wrong[rng.choice(len(pairs), 12, replace=False)] = True
    measured[wrong] += (16.0, -11.0)
    scores = rule(pairs, measured, 16)
    assert scores[wrong].min() > 10
    # Smoothness tolerates less of a drift that is not straight.
    kept = scores_below(scores, 4.0)
    assert not kept[wrong].any()
    assert kept[~wrong].mean() > 0.95
    automatic = scores_below(scores, None)
    assert not automatic[wrong].any()
    assert automatic[~wrong].mean() > 0.9


def test_closed_triangles_score_zero():
    _, pairs, measured = drifting(10)
    np.testing.assert_allclose(transitivity_scores(pairs, measured, 10), 0, atol=1e-9)


def test_a_straight_drift_scores_zero():
    pairs = choose_pairs(10, "all")
    measured = (pairs[:, 0] - pairs[:, 1])[:, None] * np.array([0.7, -1.2])
    np.testing.assert_allclose(smoothness_scores(pairs, measured, 10), 0, atol=1e-9)


def test_pairs_that_cannot_be_judged():
    pairs = choose_pairs(8, 1)
    measured = np.tile([1.0, 2.0], (len(pairs), 1))
    # No triangle in a chain.
    assert np.isinf(transitivity_scores(pairs, measured, 8)).all()
    assert not scores_below(np.full(3, np.inf), None).any()


def test_thresholds():
    scores = np.array([0.0, 0.1, 0.2, 0.9, 3.0, np.inf])
    assert scores_below(scores, 0.15).tolist() == [True, True, False, False, False, False]
    # The automatic one is a pixel at least, so that good series lose no pair.
    assert scores_below(np.array([0.0, 0.0, 0.0, 0.9]), None).all()
    assert not scores_below(np.array([0.0, 0.0, 0.0, 5.0]), None)[3]


def test_the_agreeing_candidate_is_chosen():
    true, pairs, measured = drifting(8)
    candidates = np.full((len(pairs), 3, 2), np.nan)
    candidates[:, 0] = measured + 16.0
    candidates[:, 1] = measured + 0.1
    candidates[0] = np.nan
    candidates[1, 1] = np.nan
    accepted, chosen = agreeing_pairs(pairs, candidates, true)
    assert not accepted[:2].any()
    assert accepted[2:].all()
    np.testing.assert_allclose(chosen[2:], measured[2:] + 0.1)
    strict, _ = agreeing_pairs(pairs, candidates, true, threshold=0.05)
    assert not strict.any()


def test_pairs_of_unplaced_frames_do_not_agree():
    true, pairs, measured = drifting(6)
    true[3] = np.nan
    accepted, _ = agreeing_pairs(pairs, measured[:, None], true)
    assert (accepted == (pairs != 3).all(1)).all()
