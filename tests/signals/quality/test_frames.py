"""Pairs and weights of frames."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.signals.quality.frames import closure_of, frame_weights
from hyperspy_smartalign.signals.quality.gathering import gather

# So small a lattice has no flaw that tells one cell from the next.
pytestmark = pytest.mark.filterwarnings("ignore:the shift of frame")


def test_closure_of_the_pairs(rigid_evidence):
    closure = closure_of(rigid_evidence)
    assert closure.total > 10
    assert closure.robust > closure.expected / 2
    assert len(closure.per_frame) == 8


def test_weights_follow_the_noise(raw):
    series = raw.deepcopy()
    random = np.random.default_rng(0)
    series.data[5] += 8 * random.normal(size=series.data[5].shape).astype(series.data.dtype)
    aligned = series.align_rigid(exclude=[2], show_progressbar=False)
    weights = frame_weights(aligned, source=series)
    assert weights.shape == (8,)
    assert weights[2] == 0
    kept = np.delete(weights, [2, 5])
    assert weights[5] < 0.5 * kept.min()
    np.testing.assert_allclose(weights[weights > 0].mean(), 1.0)


def test_pairs_that_saw_another_maximum_are_left_out_though_they_are_many():
    # Of most pairs the highest maximum was a cell off, and their scatter was taken for noise.
    raw = simulate_series(shape=(128, 128), frames=12, dose=1.0, seed=0).series
    aligned = raw.align_rigid(show_progressbar=False)
    evidence = gather(aligned, source=raw)[0]
    agreement = evidence.pairs.agreement(aligned.smartalign.alignment.shifts, np.ones(12, bool))
    assert agreement < 0.5
    closure = closure_of(evidence)
    assert closure.elsewhere > 20
    assert closure.open_share == 0
    assert closure.robust < 2 * closure.expected
