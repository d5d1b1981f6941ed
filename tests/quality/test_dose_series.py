"""What a dose series says in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_smartalign.quality.change_point import ChangePoint
from hyperspy_smartalign.quality.damage import Fading
from hyperspy_smartalign.quality.dose_series import DoseCurves
from hyperspy_smartalign.quality.ring_correlation import RingCorrelation

FRAMES = 10


def curves(rates, *, change: ChangePoint, expected=None, dose=None) -> DoseCurves:
    """A series of ten frames whose bands fade at the given rates."""
    rates = np.asarray(rates, float)
    exposure = np.arange(FRAMES) + 0.5
    bands = len(rates)
    frequency = 0.05 * (np.arange(bands) + 1)
    amplitude = np.exp(-exposure[:, None] * rates)
    fading = Fading(
        edges=0.05 * np.arange(bands + 1) + 0.02,
        frequency=frequency,
        exposure=exposure,
        overlap=amplitude,
        amplitude=amplitude,
        error=np.full(amplitude.shape, 0.01),
        rate=rates,
        rate_error=np.full(bands, 0.001),
        misfit=np.ones(bands),
    )
    rings = RingCorrelation(np.array([0.1, 0.2]), np.array([0.9, 0.0]), np.array([1e4, 1e4]))
    return DoseCurves(
        counts=np.array([2, 10]),
        rings=(rings, rings),
        information=np.array([1.0, 2.0]),
        expected=np.linspace(1, 2, FRAMES) if expected is None else np.asarray(expected, float),
        frames=np.arange(FRAMES),
        fading=fading,
        change=change,
        similarity=np.ones(FRAMES),
        brightness=np.ones(FRAMES),
        dose=dose,
        scale=0.5,
        units="nm",
        messages=(),
    )


def change(first, *, falls=True, row=1) -> ChangePoint:
    return ChangePoint(0.001 if first is not None else 0.4, 0.01, first, falls, row)


def test_resolution_is_in_units():
    series = curves([0.0], change=change(None))
    period = series.rings[0].resolution("1/7")
    np.testing.assert_allclose(series.resolution(), 0.5 * period)
    with pytest.raises(ValueError, match="criterion"):
        series.resolution("0.5")


def test_growing_contrast_is_no_damage():
    series = curves([0.0, -0.05], change=change(4, falls=False))
    said = series.verdicts[0]
    assert said.level == "caution"
    assert said.words.startswith("Contrast grows")
    # exp(0.05 * 9) - 1
    assert "57 %" in said.words
    assert not series.fades
    assert series.onset is None
    assert np.isinf(series.law().frames).all()


def test_a_small_change_does_no_harm():
    said = curves([0.0, 0.001], change=change(4)).verdicts[0]
    assert said.level == "good"
    assert "0.9 %" in said.words


def test_fading_is_told_with_the_dose():
    series = curves([0.0, 0.1], change=change(3), dose=np.full(FRAMES, 20.0))
    words = series.verdicts[0].words
    assert "detail of 10 nm does not fade" in words
    assert "detail of 5 nm is down to 1/e after 10 frames (200 e/Å²)" in words
    assert series.verdicts[0].level == "caution"
    assert series.onset == 3
    np.testing.assert_allclose(series.critical_dose, [np.inf, 200])


def test_detail_that_is_clearest_in_fewer_frames_is_told():
    words = curves([0.0, 0.3], change=change(3)).verdicts[1].words
    # 1.2564 / 0.3
    assert "detail of 5 nm is clearest in the first 4" in words


def test_the_number_of_frames():
    best = curves([0.0, 0.1], change=change(3), expected=[1, 2, 3, 4, 4, 3, 3, 3, 3, 3])
    assert best.best_count == 4
    assert best.verdicts[1].level == "bad"
    assert "25 % less" in best.verdicts[1].words
    slight = curves([0.0, 0.1], change=change(3), expected=[*[4] * 5, *[3.9] * 5])
    assert slight.verdicts[1].level == "caution"
    nothing = curves([np.nan], change=change(None), expected=np.zeros(FRAMES))
    assert nothing.best_count == nothing.enough_count == FRAMES
    assert [said.level for said in nothing.verdicts] == ["unknown", "unknown"]


def test_too_few_frames_tell_nothing():
    none = replace(change(None), chance=float("nan"))
    assert curves([0.1], change=none).verdicts[0].level == "unknown"
    assert curves([0.1], change=none).to_dict()["chance"] is None
