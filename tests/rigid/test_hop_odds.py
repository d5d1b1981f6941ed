"""Log-odds of a frame's place by its pixels, the drift and the pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from hyperspy_smartalign.data import lattice_recipe
from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.rigid import align_frames
from hyperspy_smartalign.rigid.hop_odds import (
    BY_DRIFT_ALONE,
    BY_PAIRS,
    BY_PIXELS_ALONE,
    MOST_AGREEMENT,
    NO_REPEATS,
    START_ALONE,
    hop_odds,
)

STEADY = np.outer(np.arange(12), [1.5, -0.7])
USED = np.ones(12, bool)


def test_a_steady_drift_speaks_for_all_places():
    margin = hop_odds(np.zeros(12), STEADY, USED, 16.0)
    # Two steps that a hop would spoil, and one at the ends.
    step = 1.5 * np.log1p(64.0)
    np.testing.assert_allclose(margin[1:-1], START_ALONE + BY_DRIFT_ALONE * 2 * step, rtol=1e-6)
    np.testing.assert_allclose(margin[[0, -1]], START_ALONE + BY_DRIFT_ALONE * step, rtol=1e-6)


def test_a_frame_that_hopped_is_found():
    path = STEADY.copy()
    path[5] += [0.0, 16.0]
    margin = hop_odds(np.full(12, 3.0), path, USED, 16.0)
    assert margin[5] < -2.5
    assert (np.delete(margin, 5) > 0).all()


def test_pairs_that_agree_speak_for_all_frames():
    odds = [
        hop_odds(np.zeros(12), STEADY, USED, 16.0, agreement=share)[5]
        for share in (0.0, 0.1, 0.2, 0.9)
    ]
    assert odds[0] < odds[1] < odds[2] == odds[3]
    np.testing.assert_allclose(odds[2] - odds[0], BY_PAIRS * MOST_AGREEMENT)


def test_a_frame_that_hopped_is_found_where_others_agree():
    path = STEADY.copy()
    path[5] += [0.0, 16.0]
    margin = np.full(12, 40.0)
    margin[5] = -40.0
    odds = hop_odds(margin, path, USED, 16.0, agreement=0.8)
    assert odds[5] < -1
    assert (np.delete(odds, 5) > 5).all()


def test_of_a_wild_drift_nothing_is_known():
    wild = np.random.default_rng(0).normal(scale=40.0, size=(12, 2)).cumsum(axis=0)
    margin = hop_odds(np.full(12, 3.0), wild, USED, 16.0)
    assert (np.abs(margin - START_ALONE - BY_PIXELS_ALONE * 3.0) < 0.5).all()


def test_frames_that_take_no_part_stay_unknown():
    used = USED.copy()
    used[4] = False
    margin = hop_odds(np.where(used, 1.0, np.nan), STEADY, used, 16.0)
    assert np.isnan(margin[4])
    assert (margin[used] > 0.5).all()


def test_noise_that_hides_the_repeats_leaves_a_usual_distance():
    np.testing.assert_array_equal(
        hop_odds(np.zeros(12), STEADY, USED, np.nan),
        hop_odds(np.zeros(12), STEADY, USED, NO_REPEATS),
    )


def test_one_frame_has_no_path():
    margin = hop_odds([2.0], [[0.0, 0.0]], np.ones(1, bool), 16.0)
    np.testing.assert_array_equal(margin, [2.0])


@pytest.mark.slow
def test_as_many_frames_hop_as_are_expected(source):
    expected, found, frames = 0.0, 0, 0
    for seed in range(24):
        # From a dose at which none hops to one at which the frames are lost.
        dose = 0.6 * 0.86**seed
        simulated = lattice_recipe(dose, frames=12, shape=(96, 96), seed=500 + seed)
        result = align_frames(source(simulated.stack), RigidParameters(), num_workers=1)
        used = ~result.excluded
        errors = (result.shifts - simulated.truth.shifts)[used]
        near = np.linalg.norm(errors[:, None] - errors, axis=-1) < 8
        hopped = ~near[near.sum(axis=1).argmax()]
        agreement = result.pairs.agreement(result.shifts, used)
        odds = hop_odds(result.hop_margin, result.shifts, used, np.nan, agreement=agreement)
        expected, found = expected + float(expit(-odds[used]).sum()), found + int(hopped.sum())
        frames += len(hopped)
    # A quarter of the frames or so; they hop together, so that the number varies much.
    assert 0.05 * frames < found < 0.7 * frames
    assert 0.6 < expected / found < 1.6
