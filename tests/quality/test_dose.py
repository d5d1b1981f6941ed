"""Information in averages of the first frames, and weights against fading."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.quality.damage import CriticalDose
from hyperspy_smartalign.quality.dose import (
    FadingSum,
    best_counts,
    expected_information,
    frame_counts,
    information,
    undamaged,
)


@pytest.mark.parametrize("frames", [2, 3, 4, 7, 40, 1001])
@pytest.mark.parametrize("step", [2, 4])
def test_counts_are_multiples_and_end_with_all(frames, step):
    counts = frame_counts(frames, step=step)
    assert counts[-1] == frames
    assert (np.diff(counts) > 0).all()
    assert (counts[:-1] % step == 0).all()
    assert len(counts) <= 21


def test_information_of_white_signal():
    # Rings to the Nyquist frequency hold pi / 4 of all frequencies.
    frequency = np.arange(1, 101) * 0.005
    assert information(np.full(100, 3.0), frequency, 0.005) == pytest.approx(np.pi / 4, rel=0.02)
    assert information(np.full(100, -1.0), frequency, 0.005) == 0


def test_best_counts_of_exponential_fading():
    exposure = np.arange(100)[:, None] + 0.5
    # 1.2564 solves 2 x = exp(x) - 1.
    rate = np.array([0.0, 0.05, 0.1])
    np.testing.assert_array_equal(best_counts(np.exp(-exposure * rate)), [100, 25, 13])


def test_undamaged_power_and_noise_come_back():
    rng = np.random.default_rng(0)
    signal, noise = np.array([4.0, 0.5, 0.0]), np.array([1.0, 1.0, 2.0])
    amplitude = np.exp(-np.arange(12)[:, None] * np.array([0.1, 0.2, 0.0]))
    others = (amplitude.sum(axis=0) - amplitude) / 11
    cross = signal * amplitude * others
    power = signal * amplitude**2 + noise * rng.normal(1, 1e-9, (12, 3))
    found = undamaged(cross, power, amplitude)
    np.testing.assert_allclose(found[0], signal, atol=1e-12)
    np.testing.assert_allclose(found[1], noise, rtol=1e-8)


def test_expected_information_has_its_best_where_fading_wins():
    frequency = np.arange(1, 51) * 0.01
    flat = np.ones(50)
    fading = np.exp(-0.1 * np.arange(40)[:, None] * flat)
    found = expected_information(flat, flat, fading, frequency, 0.01)
    assert found.argmax() + 1 == best_counts(fading)[0]
    still = expected_information(flat, flat, np.ones((40, 50)), frequency, 0.01)
    assert (np.diff(still) > 0).all()


def test_weights_are_those_of_least_noise():
    law = CriticalDose([0.0, 0.5], [np.inf, 4.0])
    fading = FadingSum((32, 48), law, np.arange(10) + 0.5)
    weights = fading.weights([0.1, 0.5])
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    amplitude = law.amplitude([[0.1, 0.5]], (np.arange(10) + 0.5)[:, None])
    np.testing.assert_allclose(weights, amplitude / amplitude.sum(axis=0), rtol=1e-12)


def test_fading_so_fast_that_nothing_is_left_is_no_division_by_zero():
    fading = FadingSum((32, 32), CriticalDose([0.1], [1e-4]), np.arange(50) + 0.5)
    np.testing.assert_array_equal(fading.weights([0.1])[:, 0], np.eye(50)[0])


def plain_sum(fading, frames):
    seen = np.isfinite(frames)
    mean = np.where(seen, frames, 0).sum(axis=0) / np.where(
        seen.any(axis=0), seen.sum(axis=0), np.nan
    )
    parts = sum(fading.part(place, frame - mean) for place, frame in enumerate(frames))
    return fading.result(mean, parts), mean


def test_frequencies_are_weighted_one_by_one():
    # Cosines that the transform knows exactly, of another amplitude in each frame.
    y, x = np.indices((40, 24))
    waves = [
        np.cos(np.pi * 8 * (y + 0.5) / 40),  # 0.1 periods per px
        np.cos(np.pi * 12 * (x + 0.5) / 24),  # 0.25
    ]
    rng = np.random.default_rng(1)
    amplitudes = rng.normal(size=(6, 2))
    levels = rng.normal(10, 1, 6)
    frames = levels[:, None, None] + np.einsum("nk,kyx->nyx", amplitudes, waves)
    law = CriticalDose([0.0, 0.5], [np.inf, 2.0])
    fading = FadingSum((40, 24), law, np.arange(6) + 0.5)
    result, _ = plain_sum(fading, frames)
    weights = fading.weights([0.1, 0.25])
    expected = levels.mean() + sum(
        (weights[:, k] * amplitudes[:, k]).sum() * waves[k] for k in range(2)
    )
    # Weights come from a table.
    np.testing.assert_allclose(result, expected, atol=1e-4)
    # The same on pixels that are twice as high: 0.1 periods a pixel along y are 0.1 / sqrt(2).
    tall = FadingSum((40, 24), law, np.arange(6) + 0.5, (2.0, 1.0))
    part = tall.part(3, waves[0])
    assert part[8, 0] / fading.part(3, waves[0])[8, 0] == pytest.approx(
        tall.weights(0.1 / np.sqrt(2))[3, 0] / fading.weights(0.1)[3, 0], rel=1e-3
    )


def test_gaps_leave_no_trace():
    rng = np.random.default_rng(2)
    frames = rng.normal(5, 1, (4, 32, 32))
    frames[0, :4] = np.nan
    frames[1:, 0] = np.nan
    frames[:, 0, 0] = np.nan
    never = FadingSum((32, 32), CriticalDose([0.0], [np.inf]), np.arange(4) + 0.5)
    result, mean = plain_sum(never, frames)
    assert np.isnan(result[0, 0])
    # Without fading it is the mean of those that saw each pixel, edges and all.
    np.testing.assert_allclose(result, mean, rtol=1e-6)
