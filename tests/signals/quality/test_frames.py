"""Pairs and weights of frames."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.signals.quality.frames import closure_of, frame_weights

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
