"""Verdicts: their level and their figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_smartalign.quality.closure import Closure
from hyperspy_smartalign.quality.frame_quality import FrameQuality, Outlier
from hyperspy_smartalign.quality.held_out import HeldOut
from hyperspy_smartalign.quality.line_motion import LeftMotion
from hyperspy_smartalign.quality.precision import Precision
from hyperspy_smartalign.quality.verdicts import (
    Resolution,
    verdict_on_closure,
    verdict_on_errors,
    verdict_on_fields,
    verdict_on_frames,
    verdict_on_help,
    verdict_on_hops,
    verdict_on_limit,
    verdict_on_resolution,
)

NAN = float("nan")


def frames(hops=(0.0,) * 4, outliers=()):
    ones = np.ones(4)
    return FrameQuality(
        similarity=ones,
        noise=ones,
        transfer=ones,
        transfer_error=0.01 * ones,
        sharpness=ones,
        hop_probability=np.array(hops, float),
        weight=ones,
        excluded=np.zeros(4, bool),
        reasons=("",) * 4,
        outliers=outliers,
    )


def precision(*, error=0.05, low=0.4, left=0.5, high=0.6, explained=0.05):
    motion = LeftMotion(
        left=left,
        low=low,
        high=high,
        explained=explained,
        left_axes=np.full(2, left),
        explained_axes=np.full(2, explained),
        misfit=0.0,
        misfit_error=0.0,
    )
    return Precision(
        model="rigid",
        errors=np.full((4, 2), error),
        bound=np.full(2, 0.05),
        line_error=np.full(2, NAN),
        line_bound=np.full(2, NAN),
        motion=motion,
        corrected=np.zeros(2),
        jitter=np.full(3, NAN),
    )


def test_resolution_in_units_of_the_pixels():
    found = verdict_on_resolution(
        Resolution(5.0, 4.8, 5.3, before=9.0, stage="rigid"), scale=0.02, units="nm"
    )
    assert found.level == "good"
    assert "0.1 nm (5 px)" in found.words
    assert "0.18 nm (9 px) when aligned by shifts alone" in found.words
    worse = verdict_on_resolution(Resolution(9.0, 8.8, 9.3, before=5.0, stage="rigid"))
    assert worse.level == "caution"
    assert "which was better" in worse.words


def test_nothing_resolved_is_bad_and_all_resolved_is_good():
    assert verdict_on_resolution(Resolution(NAN, NAN, NAN)).level == "bad"
    assert verdict_on_resolution(Resolution(NAN, NAN, NAN, at_pixel=True)).level == "good"


@pytest.mark.parametrize(
    ("resolution", "level"), [(1.0, "bad"), (8.0, "caution"), (NAN, "caution")]
)
def test_instability_matters_against_the_resolution(resolution, level):
    assert verdict_on_limit(precision(), resolution=resolution).level == level


def test_dose_and_unknown_limits():
    assert verdict_on_limit(precision(low=0.05, left=0.06, high=0.07)).level == "good"
    assert verdict_on_limit(precision(low=0.0, left=0.1, high=0.4)).level == "unknown"


def test_errors_against_the_bound():
    near = verdict_on_errors(precision(), scale=0.1, units="nm")
    assert near.level == "good"
    assert "0.005 nm rms" in near.words
    assert verdict_on_errors(precision(error=0.2)).level == "caution"
    tiny = replace(precision(error=0.01), bound=np.full(2, 1e-4))
    assert verdict_on_errors(tiny).level == "good"
    nothing = verdict_on_errors(replace(precision(), bound=np.full(2, NAN)))
    assert nothing.level == "unknown"
    assert "not known here" in nothing.words
    assert verdict_on_errors(precision(error=NAN)).level == "unknown"


def test_hops():
    none = verdict_on_hops(frames())
    assert none.level == "good"
    assert "below 1e-6 of 4" in none.words
    assert verdict_on_hops(frames((0.0, 0.0, 0.0, 0.2))).level == "caution"
    bad = verdict_on_hops(frames((0.0, 0.6, 0.0, 0.5)))
    assert bad.level == "bad"
    assert "most likely 1 (60 %), 3 (50 %)" in bad.words
    assert verdict_on_hops(frames((NAN,) * 4)).level == "unknown"


@pytest.mark.parametrize(("share", "level"), [(0.0, "good"), (0.1, "caution"), (0.5, "bad")])
def test_closure(share, level):
    closure = Closure(
        triangles=np.array([[0, 1, 2]]),
        residual=np.zeros((1, 2)),
        total=1,
        rms=0.1,
        robust=0.1,
        per_frame=np.full(3, 0.1),
        open_share=share,
        open_pairs=np.zeros((0, 2), int),
        elsewhere=2,
    )
    found = verdict_on_closure(closure)
    assert found.level == level
    assert "2 pairs are left out" in found.words


def test_frames():
    assert verdict_on_frames(frames()).level == "good"
    odd = verdict_on_frames(frames(outliers=(Outlier(2, "is noisier (2.00 times as usual)"),)))
    assert odd.level == "caution"
    assert "frame 2 is noisier" in odd.words


@pytest.mark.parametrize(
    ("probability", "moved", "outcome", "level"),
    [
        (0.99, 0.3, "helped", "good"),
        (0.5, 0.3, "none", "good"),
        (0.01, 0.3, "worse", "bad"),
        (NAN, 0.3, "unknown", "unknown"),
        (NAN, 0.0, "none", "good"),
    ],
)
def test_help(probability, moved, outcome, level):
    found = HeldOut(
        gain=np.array([3.0, 5.0]),
        recorded=4.0,
        before=0.4,
        after=0.2,
        probability=probability,
        moved=moved,
    )
    assert found.outcome == outcome
    verdict = verdict_on_help(found)
    assert verdict.level == level
    assert verdict.to_dict()["topic"] == "non-rigid correction"
    if moved:
        assert outcome == "unknown" or "0.2 px rms" in verdict.words


@pytest.mark.parametrize(("gain", "level"), [(40.0, "good"), (NAN, "unknown")])
def test_fields_are_judged_by_pixels_held_out(gain, level):
    verdict = verdict_on_fields(gain)
    assert verdict.level == level
    assert (f"{gain:.3g} a frame" in verdict.words) == np.isfinite(gain)


def test_errors_below_their_bound_are_no_good_sign():
    found = verdict_on_errors(replace(precision(), bound=np.full(2, 0.3)))
    assert found.level == "caution"
    assert "correlated" in found.words
