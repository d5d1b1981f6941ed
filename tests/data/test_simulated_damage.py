"""Damage of the simulated specimen."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import Damage, lattice, simulate_series, simulate_stack

SPECIMEN = lattice(
    "square", spacing=12.0, angle=0.0, field=(96, 96), margin=24, width=1.6, background=0.0
)


def still(damage: Damage | None, *, frames: int = 5):
    """A series without noise or motion."""
    return simulate_stack(
        shape=(96, 96),
        frames=frames,
        crystal=SPECIMEN,
        dose=np.inf,
        drift=(0, 0),
        drift_walk=0,
        damage=damage,
    )


def test_every_frequency_fades_as_the_law_says():
    damage = Damage(blur=0.3, loss=0.02)
    simulated = still(damage)
    # The lattice has whole periods in the frame, so that its spots are single samples.
    before = np.abs(np.fft.fft2(simulated.truth.image()))
    for order in ((0, 8), (8, 8), (0, 16)):
        frequency = np.hypot(*order) / 96
        for frame in (0, 4):
            after = np.abs(np.fft.fft2(simulated.stack[frame]))
            # Tails of the columns are cut at 1e-6 of their peaks.
            assert after[order] / before[order] == pytest.approx(
                float(damage.amplitude(frequency, frame)), rel=1e-3
            )
    assert damage.rate(0.1) == pytest.approx(2 * np.pi**2 * 0.01 * 0.3 + 0.02)


def test_blur_keeps_the_intensity_and_contamination_adds_to_it():
    simulated = still(Damage(blur=0.5, contamination=0.1))
    means = simulated.stack.mean(axis=(1, 2))
    np.testing.assert_allclose(np.diff(means), 0.1, rtol=1e-3)
    for frame in range(2):
        np.testing.assert_allclose(
            simulated.stack[frame], simulated.truth.noise_free(frame), atol=1e-6
        )


def test_without_damage_nothing_changes():
    np.testing.assert_array_equal(still(None).stack, still(Damage()).stack)
    assert still(None).truth.crystal_at(3) is SPECIMEN


def test_series_are_damaged_and_combinations_that_are_not_simulated_refused():
    damage = Damage(blur=0.5)
    common = {"shape": (32, 32), "frames": 3, "seed": 2}
    series = simulate_series(damage=damage, **common)
    np.testing.assert_array_equal(series.series.data, simulate_stack(damage=damage, **common).stack)
    assert series.truth.damage is damage
    for extra in ({"second_detector": True}, {"spectrum_image": "EELS"}):
        with pytest.raises(ValueError, match="one detector"):
            simulate_series(damage=damage, **common, **extra)
    with pytest.raises(TypeError, match="Damage"):
        simulate_stack(damage=0.5, **common)
    with pytest.raises(ValueError, match=r"damage\.blur"):
        Damage(blur=-1)
