"""From a signal to what is said of it: a series whose lines jitter, aligned in two ways."""

from __future__ import annotations

import json

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.signals.quality import judging
from hyperspy_smartalign.signals.quality.gathering import gather

# So small a lattice has no flaw that tells one cell from the next.
pytestmark = pytest.mark.filterwarnings("ignore:the shift of frame")


@pytest.fixture(scope="module")
def raw():
    return simulate_series(
        shape=(80, 72),
        frames=8,
        dose=20.0,
        row_jitter=0.5,
        drift=(0.4, -0.5),
        drift_walk=0.0,
        seed=2,
    ).series


@pytest.fixture(scope="module")
def rigid(raw):
    return raw.align_rigid(show_progressbar=False)


@pytest.fixture(scope="module")
def nonrigid(rigid, raw):
    return rigid.align_nonrigid(show_progressbar=False)


@pytest.fixture(scope="module")
def rigid_evidence(rigid, raw):
    return gather(rigid, source=raw)[0]


@pytest.fixture(scope="module")
def evidence(nonrigid, raw):
    return gather(nonrigid, source=raw)[0]


def test_shifts_alone_are_limited_by_instability(rigid_evidence):
    precision = judging.precision_of(rigid_evidence)
    assert precision.model == "rigid"
    assert precision.limit == "instability"
    assert 0.9 < precision.ratio < 1.4
    assert 0.35 < precision.motion.left < 0.7
    assert np.isnan(precision.resolved)
    json.dumps(precision.to_dict())
    assert judging.held_out_of(rigid_evidence) is None


def test_corrected_lines_are_limited_by_dose(evidence):
    precision = judging.precision_of(evidence)
    assert precision.model == "lines"
    assert precision.limit == "dose"
    assert 0.8 < precision.ratio < 1.3
    assert precision.motion.left < 0.25
    assert precision.corrected.min() > 0.25
    assert 0.03 < precision.resolved < 0.5
    held = judging.held_out_of(evidence)
    assert held.outcome == "helped"
    assert held.recorded > 10
    assert held.after < 0.5 * held.before


def test_one_pass_serves_all(evidence, monkeypatch):
    first = judging.precision_of(evidence)
    monkeypatch.setattr(judging, "examine_lines", None)
    assert judging.precision_of(evidence).ratio == first.ratio
    assert judging.held_out_of(evidence) is not None


def test_closure_of_the_pairs(rigid_evidence):
    closure = judging.closure_of(rigid_evidence)
    assert closure.total > 10
    assert closure.robust > closure.expected / 2
    assert len(closure.per_frame) == 8


def test_verdicts(evidence):
    verdicts = judging.verdicts_of(
        evidence,
        rings={},
        precision=judging.precision_of(evidence),
        closure=judging.closure_of(evidence),
        frames=judging.frames_of_quality(evidence),
        held_out=judging.held_out_of(evidence),
    )
    levels = {verdict.topic: verdict.level for verdict in verdicts}
    assert levels["limit"] == "good"
    assert levels["errors"] == "good"
    assert levels["non-rigid correction"] == "good"
    assert levels["undetermined"] == "unknown"
    assert len(verdicts) <= 8


def test_weights_follow_the_noise(raw):
    series = raw.deepcopy()
    random = np.random.default_rng(0)
    series.data[5] += 8 * random.normal(size=series.data[5].shape).astype(series.data.dtype)
    aligned = series.align_rigid(exclude=[2], show_progressbar=False)
    weights = judging.frame_weights(aligned, source=series)
    assert weights.shape == (8,)
    assert weights[2] == 0
    kept = np.delete(weights, [2, 5])
    assert weights[5] < 0.5 * kept.min()
    np.testing.assert_allclose(weights[weights > 0].mean(), 1.0)


def test_a_part_of_the_frame(raw):
    aligned = raw.align_nonrigid(roi=(6, 66, 8, 76), show_progressbar=False, max_iterations=5)
    evidence = gather(aligned, source=raw)[0]
    precision = judging.precision_of(evidence)
    # The lines of the region are those that errors are known of.
    assert np.isfinite(precision.line_error).all()
    assert precision.limit == "dose"


def test_pixels_of_the_signal_alone(rigid, nonrigid, raw):
    aligned = rigid.deepcopy()
    evidence = gather(aligned)[0]
    assert evidence.frames is None
    precision = judging.precision_of(evidence)
    assert precision.limit == "instability"
    moved = gather(nonrigid.deepcopy())[0]
    assert judging.held_out_of(moved) is None


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
    precision = judging.precision_of(evidence)
    assert precision.model == "fields"
    found = judging.verdicts_of(evidence, rings={}, precision=precision)
    (verdict,) = [each for each in found if each.topic == "non-rigid correction"]
    assert verdict.level == level


def test_a_series_that_was_not_aligned(raw):
    evidence = gather(raw)[0]
    assert judging.precision_of(evidence) is None
    assert judging.closure_of(evidence) is None
    assert judging.held_out_of(evidence) is None
    assert np.isnan(judging.frames_of_quality(evidence).hop_probability).all()


@pytest.mark.slow
def test_lines_of_a_tunnelling_microscope(shared_data):
    series = hs.load(shared_data("faststm-movies/F20190424_1_uf.hspy")).inav[:8]
    series = series.isig[40:136, 40:136]
    rigid = series.align_rigid(show_progressbar=False)
    assert judging.precision_of(gather(rigid, source=series)[0]).limit == "instability"
    aligned = rigid.align_nonrigid(source=series, show_progressbar=False)
    evidence = gather(aligned, source=series)[0]
    assert judging.precision_of(evidence).limit == "dose"
    assert judging.held_out_of(evidence).outcome == "helped"
