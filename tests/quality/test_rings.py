"""Rings of equal frequency: how many samples they hold, and what noise is in them."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.quality.rings import Rings, soft_window, spectrum


@pytest.mark.parametrize("shape", [(64, 64), (61, 96)])
def test_independent_samples_are_those_that_noise_shows(shape) -> None:
    rng = np.random.default_rng(0)
    rings, window = Rings.of(shape), soft_window(shape)
    correlations = []
    for _ in range(150):
        a, b = (spectrum(rng.normal(size=shape), window) for _ in range(2))
        common = rings.mean((a * b.conj()).real)
        correlations.append(
            common / np.sqrt(rings.mean(np.abs(a) ** 2) * rings.mean(np.abs(b) ** 2))
        )
    found = 1 / (2 * np.var(correlations, axis=0))
    # The scatter of 150 has an error of 6 %, that of 25 rings together of 2 %.
    ratio = np.sqrt(found / rings.independent)[4:]
    assert np.abs(ratio - 1).max() < 0.25
    assert np.median(ratio) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("shape", [(64, 64), (45, 80)])
def test_white_noise_has_its_variance_in_every_ring(shape) -> None:
    rng = np.random.default_rng(1)
    rings, window = Rings.of(shape), soft_window(shape)
    power = [
        rings.mean(np.abs(spectrum(3 * rng.normal(size=shape) + 7, window)) ** 2) for _ in range(40)
    ]
    np.testing.assert_allclose(np.mean(power, axis=0)[3:], 9, rtol=0.15)


def test_a_wave_lies_in_its_ring() -> None:
    y, x = np.indices((60, 84))
    wave = np.cos(2 * np.pi * (0.1 * y + 0.2 * x))
    rings = Rings.of((60, 84))
    power = rings.mean(np.abs(spectrum(wave, soft_window((60, 84)))) ** 2)
    assert rings.frequency[power.argmax()] == pytest.approx(np.hypot(0.1, 0.2), abs=rings.width)
    assert power[rings.frequency > 0.3].max() < 1e-4 * power.max()


def test_rings_are_round_where_pixels_are_not_square() -> None:
    """The same wave in physical space, along each axis, lies in one ring."""
    y, x = np.indices((64, 128))
    size = np.array([2.0, 1.0])
    rings = Rings.of((64, 128), pixel=(-2.0, 1.0))
    window = soft_window((64, 128))
    found = [
        rings.frequency[
            rings.mean(np.abs(spectrum(np.cos(2 * np.pi * 0.15 * place), window)) ** 2).argmax()
        ]
        for place in (y * size[0], x * size[1])
    ]
    assert found[0] == pytest.approx(found[1], abs=rings.width)
    # The pixel is one of the same area, of side sqrt(2).
    assert found[0] == pytest.approx(0.15 * np.sqrt(2), abs=rings.width)
    # The limit is that of the coarser axis.
    assert rings.frequency[-1] <= 0.5 / np.sqrt(2) + 1e-9


def test_large_images_have_wide_rings() -> None:
    assert len(Rings.of((512, 512))) == 100
    assert len(Rings.of((33, 64))) == 16


@pytest.mark.parametrize("pixel", [(0.0, 1.0), (np.nan, 1.0), (1.0, np.inf)])
def test_wrong_pixels_are_refused(pixel) -> None:
    with pytest.raises(ValueError, match="two relative sizes"):
        Rings.of((32, 32), pixel=pixel)


def test_small_images_are_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        Rings.of((7, 64))
