"""What is said in words."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.signals.quality.frames import closure_of, frames_of_quality
from hyperspy_smartalign.signals.quality.gathering import gather
from hyperspy_smartalign.signals.quality.judging import held_out_of, verdicts_of
from hyperspy_smartalign.signals.quality.precision import precision_of

# So small a lattice has no flaw that tells one cell from the next.
pytestmark = pytest.mark.filterwarnings("ignore:the shift of frame")


def test_verdicts(evidence):
    verdicts = verdicts_of(
        evidence,
        rings={},
        precision=precision_of(evidence),
        closure=closure_of(evidence),
        frames=frames_of_quality(evidence),
        held_out=held_out_of(evidence),
    )
    levels = {verdict.topic: verdict.level for verdict in verdicts}
    assert levels["limit"] == "good"
    assert levels["errors"] == "good"
    assert levels["non-rigid correction"] == "good"
    assert levels["undetermined"] == "unknown"
    assert len(verdicts) <= 8


@pytest.mark.slow
@pytest.mark.parametrize(("guard", "level"), [(True, "good"), (False, "unknown")])
def test_free_fields(guard, level):
    raw = simulate_series(
        shape=(80, 72),
        frames=8,
        dose=20.0,
        row_jitter=0.5,
        row_correlation=20.0,
        drift=(0.4, -0.5),
        drift_walk=0.0,
        seed=2,
    ).series
    aligned = raw.align_nonrigid(
        model="free", show_progressbar=False, max_iterations=5, guard=guard
    )
    evidence = gather(aligned, source=raw)[0]
    precision = precision_of(evidence)
    assert precision.model == "fields"
    found = verdicts_of(evidence, rings={}, precision=precision)
    (verdict,) = [each for each in found if each.topic == "non-rigid correction"]
    assert verdict.level == level


def test_a_series_that_was_not_aligned(raw):
    evidence = gather(raw)[0]
    assert precision_of(evidence) is None
    assert closure_of(evidence) is None
    assert held_out_of(evidence) is None
    assert np.isnan(frames_of_quality(evidence).hop_probability).all()
