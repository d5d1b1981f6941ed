"""Dose series of signals, and what they are good for, against the truth of simulated ones."""

from __future__ import annotations

import json

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import Alignment
from hyperspy_smartalign.data import Damage, lattice, simulate_series
from hyperspy_smartalign.quality.ring_correlation import ring_correlation
from hyperspy_smartalign.signals import recording

DAMAGE = Damage(blur=0.4, loss=0.02)


@pytest.fixture(autouse=True)
def _no_progress_bars():
    before = hs.preferences.General.show_progressbar
    hs.preferences.General.show_progressbar = False
    yield
    hs.preferences.General.show_progressbar = before


def simulated(damage: Damage | None = DAMAGE, *, frames=16, seed=0, lazy=False, **scan):
    specimen = lattice(
        "perovskite", spacing=10.0, angle=7.0, field=(96, 96), margin=48, width=1.5, background=0.2
    ).with_vacancies(0.05, depth=0.5, seed=3)
    still = {"drift": (0, 0), "drift_walk": 0.0}
    return simulate_series(
        shape=(96, 96),
        frames=frames,
        crystal=specimen,
        dose=5.0,
        damage=damage,
        seed=seed,
        lazy=lazy,
        **{**still, **scan},
    )


def held(image, truth):
    """Bits a pixel that an image tells about the truth, ring by ring."""
    rings = ring_correlation(truth, image)
    square = np.clip(rings.correlation, 0, 1 - 1e-9) ** 2
    share = 2 * np.pi * rings.frequency * rings.frequency[0]
    return float((share * np.log2(1 + square / (1 - square))).sum() / 2)


@pytest.fixture(scope="module")
def damaged():
    made = simulated()
    return made, made.series.smartalign.dose_series(dose=50.0, show_progressbar=False)


def test_damage_is_found_and_measured(damaged):
    _, found = damaged
    assert found.fades
    assert found.onset is not None
    assert 2 <= found.onset <= 8
    assert found.change.chance <= 0.01
    shown = np.flatnonzero(found.fading.shown & (found.fading.frequency > 0.05))
    truth = DAMAGE.rate(found.fading.frequency[shown])
    error = np.hypot(found.fading.rate_error[shown], 0.1 * truth)
    assert (np.abs(found.fading.rate[shown] - truth) < 4 * error).all()
    np.testing.assert_allclose(found.critical_dose[shown], 50 / found.fading.rate[shown])
    # Theory: 1.26 critical doses are best, at each frequency.
    law = found.law().rate(found.fading.frequency[shown])
    best = np.clip(np.rint(1.2564 / law), 1, 16)
    assert (np.abs(found.best_counts[shown] - best) <= 1).all()
    assert found.enough_count < found.best_count < 16
    # What was measured of the averages is what fading and noise lead to be expected.
    np.testing.assert_allclose(
        found.information, found.expected[found.counts - 1], atol=0.08 * found.expected.max()
    )


def test_words_say_it(damaged):
    _, found = damaged
    fading, count = found.verdicts
    assert (fading.level, count.level) == ("bad", "bad")
    assert f"significant by frame {found.onset}" in fading.words
    assert "e/Å²" in fading.words
    assert f"first {found.best_count} frames" in count.words
    assert str(found) == found.summary()
    assert "no alignment" in str(found)
    assert "fading by frame" in repr(found)
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["best_count"] == found.best_count
    assert content["critical_dose"][-1] == pytest.approx(found.critical_dose[-1])


def test_weights_against_damage_are_nearer_to_the_truth(damaged):
    made, found = damaged
    series, truth = made.series.smartalign, made.truth.image()
    weighted = series.average(weights=found).data
    plain = series.average().data
    first = made.series.inav[: found.best_count].smartalign.average().data
    # Found 0.131 bits a pixel weighted, 0.109 and 0.104 otherwise.
    assert held(weighted, truth) > 1.1 * max(held(plain, truth), held(first, truth))
    # At no frequency is it worse than the better of the two, but by chance.
    of = [ring_correlation(truth, image) for image in (weighted, plain, first)]
    better = np.fmax(of[1].correlation, of[2].correlation)
    clear = better > of[0].significance
    assert (of[0].correlation - better > -2 * of[0].error)[clear].all()
    assert weighted.mean() == pytest.approx(plain.mean(), rel=1e-6)
    step = recording.steps_of(series.average(weights="damage"))[-1]
    assert step["parameters"]["weights"] == "damage"
    np.testing.assert_array_equal(step["parameters"]["critical_dose"]["frames"], found.law().frames)


def test_what_does_not_fade_is_left_alone():
    made = simulated(None, seed=4)
    found = made.series.smartalign.dose_series()
    assert not found.fades
    assert found.onset is None
    assert found.critical_dose is None
    assert found.best_count == 16
    assert [verdict.level for verdict in found.verdicts] == ["good", "good"]
    assert np.isinf(found.law().frames).all()
    with pytest.warns(UserWarning, match="No fading was found"):
        weighted = made.series.smartalign.average(weights="damage")
    plain = made.series.smartalign.average()
    np.testing.assert_allclose(weighted.data, plain.data, rtol=1e-5)


def test_lazy_turned_and_reversed_series_give_the_same(damaged):
    made, found = damaged
    lazy = simulated(lazy=True).series
    assert lazy._lazy
    np.testing.assert_allclose(
        lazy.smartalign.dose_series().fading.rate, found.fading.rate, rtol=1e-6
    )
    data = made.series.data
    folded = hs.signals.Signal2D(data.reshape(4, 4, *data.shape[1:]))
    np.testing.assert_array_equal(folded.smartalign.dose_series().fading.rate, found.fading.rate)
    backwards = made.series.smartalign.prepare(reverse=True).smartalign.dose_series()
    np.testing.assert_array_equal(backwards.frames, np.arange(16)[::-1])
    assert backwards.onset == 15 - found.onset
    np.testing.assert_allclose(backwards.fading.rate, found.fading.rate, rtol=1e-6)
    weighted = lazy.smartalign.average(weights=found)
    assert weighted._lazy
    np.testing.assert_allclose(
        np.asarray(weighted.data), made.series.smartalign.average(weights=found).data, rtol=1e-5
    )


def test_excluded_frames_count_as_exposure(damaged):
    made, _ = damaged
    out = [1, 2]
    alignment = Alignment.from_shifts(
        np.zeros((16, 2)), frame_shape=(96, 96), excluded=np.isin(np.arange(16), out)
    )
    series = made.series.deepcopy()
    recording.write_alignment(series, alignment)
    found = series.smartalign.dose_series()
    assert found.frames.tolist() == [0, *range(3, 16)]
    np.testing.assert_array_equal(found.fading.exposure[:3], [0.5, 3.5, 4.5])
    assert not found.messages
    series.smartalign.average(weights=found)
    with pytest.raises(ValueError, match="one of 14 frames"):
        made.series.smartalign.average(weights=found)


def test_gaps_at_the_edges_are_cut_off():
    made = simulated(seed=1)
    data = made.series.data.copy()
    data[3, :9] = np.nan
    data[5, :, 70:] = np.nan
    found = hs.signals.Signal2D(data).smartalign.dose_series()
    cut = hs.signals.Signal2D(made.series.data[:, 9:, :70]).smartalign.dose_series()
    np.testing.assert_allclose(found.fading.rate, cut.fading.rate, rtol=1e-6)
    weighted = hs.signals.Signal2D(data).smartalign.average(weights=found.law())
    assert np.isfinite(weighted.data).all()


def test_the_average_of_a_series_needs_its_source():
    made = simulated(frames=8, drift=(1.0, -1.0))
    shifts = made.truth.shifts - made.truth.shifts.mean(axis=0)
    alignment = Alignment.from_shifts(
        shifts, frame_shape=(96, 96), frame_scale=(0.024, 0.024), frame_units=("nm", "nm")
    )
    aligned = made.series.apply_alignment(alignment)
    of_series = aligned.smartalign.dose_series()
    average = aligned.smartalign.average()
    with pytest.raises(ValueError, match="source=series"):
        average.smartalign.dose_series()
    of_average = average.smartalign.dose_series(made.series)
    np.testing.assert_allclose(of_average.fading.rate, of_series.fading.rate, rtol=1e-4)
    assert of_average.scale == pytest.approx(0.024)
    assert of_average.units == "nm"
    with pytest.raises(ValueError, match="aligned series"):
        average.smartalign.dose_series(aligned)


def test_scan_directions_share_both_halves():
    made = simulated(None, frames=8, scan_rotation="pairs")
    found = made.series.smartalign.dose_series()
    assert found.counts.tolist() == [4, 8]


def test_doses_of_frames_stretch_the_exposure(damaged):
    made, _ = damaged
    doses = np.where(np.arange(16) < 8, 10.0, 30.0)
    found = made.series.smartalign.dose_series(dose=doses)
    np.testing.assert_allclose(found.fading.exposure[[0, 8]], [0.25, (80 + 15) / 20])
    result = made.series.smartalign.average(weights=found)
    recorded = recording.steps_of(result)[-1]["parameters"]["weights"]
    np.testing.assert_array_equal(recorded["exposure"], found.fading.exposure)
    again = made.series.smartalign.average(weights=recorded)
    np.testing.assert_array_equal(again.data, result.data)
    with pytest.raises(ValueError, match="16 finite numbers"):
        made.series.smartalign.average(weights={**recorded, "exposure": [1.0]})
    for wrong in (0, -1, [1, 2], np.nan):
        with pytest.raises(ValueError, match="dose must be"):
            made.series.smartalign.dose_series(dose=wrong)


def test_what_cannot_be_measured_is_said():
    noise = np.random.default_rng(0).normal(50, 5, (8, 48, 48)).astype(np.float32)
    found = hs.signals.Signal2D(noise).smartalign.dose_series()
    assert [verdict.level for verdict in found.verdicts] == ["unknown", "unknown"]
    assert np.isnan(found.resolution()).all()
    few = simulated(frames=4).series.smartalign.dose_series()
    assert few.verdicts[0].level == "unknown"
    assert "6 frames or more" in str(few)
    for data, words in (
        (noise[:3], "4 or more"),
        (noise[:, :20], "20 x 48"),
        (np.where(np.arange(8)[:, None, None] % 2, np.nan, noise), "no pixel"),
    ):
        with pytest.raises(ValueError, match=words):
            hs.signals.Signal2D(data).smartalign.dose_series()
    with pytest.raises(TypeError, match="complex64"):
        hs.signals.Signal2D(noise.astype(np.complex64)).smartalign.dose_series()
    tiles = hs.signals.Signal2D(noise)
    recording.write_record(tiles, {"matches": {}})
    with pytest.raises(ValueError, match="tiles"):
        tiles.smartalign.dose_series()


def test_a_dimming_beam_is_told():
    made = simulated(None, frames=12)
    dimming = np.exp(-0.05 * np.arange(12))[:, None, None]
    found = hs.signals.Signal2D(made.series.data * dimming).smartalign.dose_series()
    assert found.fades
    assert any("beam current" in message for message in found.messages)


def test_weights_of_quality_pass_over_noisy_frames():
    made = simulated(None, frames=8)
    data = made.series.data.copy()
    data[3] += np.random.default_rng(0).normal(0, 10, data[3].shape)
    series = hs.signals.Signal2D(data).smartalign
    weighted = series.average(weights="quality", variance=True)
    values = recording.steps_of(weighted)[-1]["parameters"]["values"]
    assert values[3] < 0.2 * np.delete(values, 3).min()
    truth = made.truth.dose * made.truth.image()
    actual = ((weighted.data - truth) ** 2).mean()
    # Found 0.23 with these weights, and 1.8 without.
    assert actual < 0.3 * ((series.average().data - truth) ** 2).mean()
    assert weighted.get_noise_variance().data.mean() == pytest.approx(actual, rel=0.1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the shift of frame:UserWarning")
def test_aligned_series_that_do_not_fade_raise_few_alarms():
    # Of 24 series 2.4 are expected, with a standard deviation of 1.5.
    alarms = 0
    for seed in range(24):
        made = simulate_series(shape=(80, 80), frames=12, dose=4, seed=seed)
        aligned = made.series.align_rigid()
        alarms += aligned.smartalign.dose_series(false_alarm=0.1).change.first is not None
    assert alarms <= 8


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the shift of frame:UserWarning")
def test_weights_against_damage_help_a_drifting_series_that_was_aligned():
    made = simulated(Damage(blur=0.12, loss=0.005), frames=24, drift=(0.5, -0.6), seed=1)
    aligned = made.series.align_rigid()
    alignment = Alignment.from_signal(aligned)
    offset = (alignment.shifts - made.truth.shifts).mean(axis=0)
    truth = made.truth.image(alignment.canvas.shape, origin=alignment.canvas.origin + offset)
    found = aligned.smartalign.dose_series()
    assert found.fades
    weighted = aligned.smartalign.average(weights=found).data
    best_first = max(
        held(aligned.inav[:count].smartalign.average().data, truth) for count in range(2, 25, 2)
    )
    assert held(weighted, truth) > 1.02 * best_first


@pytest.mark.parametrize("shape", [(5, 48, 48), (8, 40, 56)])
def test_constant_frames_have_no_dose_series_to_speak_of(shape):
    found = hs.signals.Signal2D(np.full(shape, 7.0, np.float32)).smartalign.dose_series()
    assert not found.fades
    assert (found.information == 0).all()
    assert "nothing in common" in str(found)
