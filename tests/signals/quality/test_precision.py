"""Errors of a series whose lines jitter, and what limits it."""

from __future__ import annotations

import json

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.signals.quality import examining
from hyperspy_smartalign.signals.quality.gathering import gather
from hyperspy_smartalign.signals.quality.judging import held_out_of
from hyperspy_smartalign.signals.quality.precision import precision_of

# So small a lattice has no flaw that tells one cell from the next.
pytestmark = pytest.mark.filterwarnings("ignore:the shift of frame")


def test_shifts_alone_are_limited_by_instability(rigid_evidence):
    precision = precision_of(rigid_evidence)
    assert precision.model == "rigid"
    assert precision.limit == "instability"
    assert 0.9 < precision.ratio < 1.4
    assert 0.35 < precision.motion.left < 0.7
    assert np.isnan(precision.resolved)
    json.dumps(precision.to_dict())
    assert held_out_of(rigid_evidence) is None


def test_corrected_lines_are_limited_by_dose(evidence):
    precision = precision_of(evidence)
    assert precision.model == "lines"
    assert precision.limit == "dose"
    assert 0.8 < precision.ratio < 1.3
    assert precision.motion.left < 0.25
    assert precision.corrected.min() > 0.25
    assert 0.03 < precision.resolved < 0.5
    held = held_out_of(evidence)
    assert held.outcome == "helped"
    assert held.recorded > 10
    assert held.after < 0.5 * held.before


def test_one_pass_serves_all(evidence, monkeypatch):
    first = precision_of(evidence)
    monkeypatch.setattr(examining, "examine_lines", None)
    assert precision_of(evidence).ratio == first.ratio
    assert held_out_of(evidence) is not None


def test_a_part_of_the_frame(raw):
    aligned = raw.align_nonrigid(roi=(6, 66, 8, 76), show_progressbar=False, max_iterations=5)
    evidence = gather(aligned, source=raw)[0]
    precision = precision_of(evidence)
    # The lines of the region are those that errors are known of.
    assert np.isfinite(precision.line_error).all()
    assert precision.limit == "dose"


def test_pixels_of_the_signal_alone(rigid, nonrigid, raw):
    aligned = rigid.deepcopy()
    evidence = gather(aligned)[0]
    assert evidence.frames is None
    precision = precision_of(evidence)
    assert precision.limit == "instability"
    moved = gather(nonrigid.deepcopy())[0]
    assert held_out_of(moved) is None


@pytest.mark.slow
def test_lines_of_a_tunnelling_microscope(shared_data):
    series = hs.load(shared_data("faststm-movies/F20190424_1_uf.hspy")).inav[:8]
    series = series.isig[40:136, 40:136]
    rigid = series.align_rigid(show_progressbar=False)
    assert precision_of(gather(rigid, source=series)[0]).limit == "instability"
    aligned = rigid.align_nonrigid(source=series, show_progressbar=False)
    evidence = gather(aligned, source=series)[0]
    assert precision_of(evidence).limit == "dose"
    assert held_out_of(evidence).outcome == "helped"
