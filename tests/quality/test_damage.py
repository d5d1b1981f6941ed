"""Fading of a series, against the truth of a simulated one."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import Damage, lattice, simulate_stack
from hyperspy_smartalign.quality.damage import CriticalDose, measure_fading
from hyperspy_smartalign.quality.rings import Rings, soft_window, spectrum

FRAMES = 20
SPECIMEN = lattice(
    "perovskite", spacing=10.0, angle=7.0, field=(96, 96), margin=24, width=1.5, background=0.2
).with_vacancies(0.05, depth=0.5, seed=3)


def sums(damage: Damage | None, *, seed: int, dose: float = 6.0):
    """Ring sums of a series that needs no alignment."""
    stack = simulate_stack(
        shape=(96, 96),
        frames=FRAMES,
        crystal=SPECIMEN,
        dose=dose,
        drift=(0, 0),
        drift_walk=0,
        damage=damage,
        seed=seed,
    ).stack
    return ring_sums(stack)


def ring_sums(stack):
    rings, window = Rings.of(stack.shape[1:]), soft_window(stack.shape[1:])
    spectra = np.array([spectrum(frame, window) for frame in stack])
    whole = spectra.sum(axis=0)
    return {
        "cross": np.array([rings.mean((own * (whole - own).conj()).real) for own in spectra])
        / (len(stack) - 1),
        "power": np.array([rings.mean(np.abs(own) ** 2) for own in spectra]),
        "frequency": rings.frequency,
        "independent": rings.independent,
        "exposure": np.arange(len(stack)) + 0.5,
    }


@pytest.mark.parametrize("damage", [None, Damage(blur=0.15), Damage(blur=0.1, loss=0.03)])
def test_rates_are_the_true_ones_within_their_errors(damage):
    ratios = []
    for seed in range(3):
        fading = measure_fading(**sums(damage, seed=seed))
        shown = fading.shown
        assert shown.sum() >= 5
        # Where neighbours lie far below a spot the middle of what is seen is not quite that of the
        # band; the specimen's own blobs do not fade.
        clear = shown & (fading.frequency > 0.05)
        truth = (damage or Damage()).rate(fading.frequency)
        error = np.hypot(fading.rate_error, 0.05 * truth)
        ratios.append((fading.rate - truth)[clear] / error[clear])
    ratios = np.concatenate(ratios)
    assert np.abs(ratios).max() < 4.5
    assert 0.5 < np.sqrt((ratios**2).mean()) < 1.6


def test_amplitudes_follow_the_fading():
    damage = Damage(blur=0.15)
    fading = measure_fading(**sums(damage, seed=5))
    band = int(np.nanargmin(fading.rate_error))
    truth = np.exp(-fading.exposure * damage.rate(fading.frequency[band]))
    ratio = (fading.amplitude[:, band] - truth) / fading.error[:, band]
    assert np.sqrt((ratio**2).mean()) < 2
    assert fading.critical_frames[band] == pytest.approx(1 / fading.rate[band])
    assert 0.5 < fading.misfit[band] < 2


def test_the_law_never_falls_and_keeps_to_the_bands():
    fading = measure_fading(**sums(Damage(blur=0.15), seed=6))
    law = fading.law()
    rates = law.rate(np.linspace(0, 0.5, 50))
    assert (np.diff(rates) >= 0).all()
    assert rates[0] >= 0
    finest = float(law.frequency[-1])
    assert law.rate(finest) == pytest.approx(float(Damage(blur=0.15).rate(finest)), rel=0.2)
    assert law.amplitude(finest, 0.0) == 1


def test_noise_alone_shows_nothing():
    noise = np.random.default_rng(0).normal(100, 10, (12, 64, 64))
    fading = measure_fading(**ring_sums(noise))
    assert not fading.shown.any()
    assert np.isnan(fading.amplitude).all()
    with pytest.raises(ValueError, match="no band"):
        fading.law()


def test_without_noise_the_rate_is_exact():
    # All frames show the same, ever less of it, and nothing else.
    image = np.random.default_rng(1).normal(size=(64, 64))
    stack = image * np.exp(-0.05 * (np.arange(10) + 0.5))[:, None, None]
    fading = measure_fading(**ring_sums(stack))
    np.testing.assert_allclose(fading.rate, 0.05, rtol=1e-3)
    np.testing.assert_allclose(fading.amplitude[:, 0], np.exp(-0.05 * fading.exposure), rtol=1e-2)


def test_wrong_input_is_refused():
    good = ring_sums(np.random.default_rng(2).normal(size=(6, 32, 32)))
    with pytest.raises(ValueError, match="3 frames are too few"):
        measure_fading(
            **{**good, **{name: good[name][:3] for name in ("cross", "power", "exposure")}}
        )
    with pytest.raises(ValueError, match="do not fit"):
        measure_fading(**{**good, "exposure": np.zeros(5)})
    with pytest.raises(ValueError, match="each ring"):
        measure_fading(**{**good, "frequency": np.zeros(3)})
    with pytest.raises(ValueError, match="bands"):
        measure_fading(**good, bands=0)


def test_a_critical_dose_is_checked_and_read_only():
    law = CriticalDose([0.1, 0.2], [np.inf, 5.0])
    np.testing.assert_allclose(law.rate([0.0, 0.1, 0.15, 0.2, 0.4]), [0, 0, 0.1, 0.2, 0.2])
    with pytest.raises(ValueError, match="read-only"):
        law.frames[0] = 1
    assert law.to_dict() == {"frequency": [0.1, 0.2], "frames": [None, 5.0]}
    for frequency, frames, word in (
        ([0.1], [1.0, 2.0], "as many"),
        ([], [], "as many"),
        ([0.2, 0.1], [1.0, 2.0], "ascending"),
        ([0.1, 0.2], [1.0, 0.0], "above 0"),
        ([0.1, 0.2], [1.0, np.nan], "above 0"),
    ):
        with pytest.raises(ValueError, match=word):
            CriticalDose(frequency, frames)
