from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.motif import deviations_from_lattice

BASIS = np.array([[2.1, 15.9], [14.2, -3.3]])
SIGMA = np.array([0.12, 0.08])


def nodes(size: int = 300) -> np.ndarray:
    index = np.stack(np.meshgrid(np.arange(-30, 31), np.arange(-30, 31)), -1).reshape(-1, 2)
    places = index @ BASIS + (151.3, 148.8)
    return places[((places > 0) & (places < size)).all(axis=1)]


def noisy(places: np.ndarray, seed: int) -> np.ndarray:
    return places + np.random.default_rng(seed).normal(0, SIGMA, places.shape)


def errors_of(places: np.ndarray) -> np.ndarray:
    return np.broadcast_to(SIGMA, places.shape)


def test_a_perfect_lattice_is_strain_free_in_95_of_100():
    places = nodes()
    verdicts, ratios = [], []
    for seed in range(100):
        found = deviations_from_lattice(noisy(places, seed), errors=errors_of(places))
        verdicts.append(found.strain_free)
        ratios.append(found.ratio)
    assert np.mean(verdicts) >= 0.95
    # Errors are right, so is their ratio: to 1 / sqrt(4 n) = 2.4 % each, 0.3 % on the average.
    assert np.mean(ratios) == pytest.approx(1, abs=0.01)
    assert np.std(ratios) == pytest.approx(1 / np.sqrt(4 * len(places)), rel=0.3)


def test_strain_is_recovered_within_the_errors():
    places = nodes()
    # A dislocation-like bend that no lattice follows.
    bend = 0.6 * np.sin((places[:, :1] / 300) * 2 * np.pi) * np.array([0.0, 1.0])
    found = deviations_from_lattice(noisy(places + bend, 0), errors=errors_of(places))
    assert found.strain_free is False
    assert len(found) == len(places)
    plain = deviations_from_lattice(places + bend)
    np.testing.assert_allclose(
        np.std(found.deviations - plain.deviations, axis=0), SIGMA, rtol=0.15
    )
    # Along y there is noise only; along x the bend is left, but for its uniform part.
    assert found.excess[0] < 0.05
    np.testing.assert_allclose(found.excess[1], plain.rms[1], rtol=0.1)
    assert plain.strain_free is None
    assert np.isnan(plain.expected).all()


def test_aligned_frames_are_averaged():
    places = nodes()
    shifts = np.array([(0.0, 0.0), (0.3, -0.2), (-0.1, 0.4), (0.0, 0.1)])
    # Each frame has lost some nodes, and the rest lie in another order.
    rng = np.random.default_rng(1)
    rows = [rng.permutation(len(places))[:-20] for _ in shifts]
    measured = [
        noisy(places[own] + shift, k)
        for k, (own, shift) in enumerate(zip(rows, shifts, strict=True))
    ]
    frame = np.repeat([0, 1, 3, 7], [len(own) for own in rows])
    every = np.concatenate(measured)
    found = deviations_from_lattice(every, errors=errors_of(every), frame=frame, common=True)
    assert len(found) == len(places)
    assert set(found.frame) == {-1}
    assert found.count.sum() == len(every)
    np.testing.assert_allclose(found.errors, SIGMA / np.sqrt(found.count)[:, None])
    # The mean of four is twice as exact.
    np.testing.assert_allclose(found.rms, found.expected, rtol=0.1)
    assert found.rms[0] < 0.55 * SIGMA[0] * 1.1
    apart = deviations_from_lattice(every, errors=errors_of(every), frame=frame)
    assert len(apart) == len(every)
    assert set(apart.frame) == {0, 1, 3, 7}
    np.testing.assert_allclose(apart.rms, SIGMA, rtol=0.1)


def test_strays_are_told():
    places = nodes()
    wrong = places[::40] + np.array([7.0, 7.5])
    both = np.concatenate([places, wrong])
    found = deviations_from_lattice(both, errors=errors_of(both))
    np.testing.assert_array_equal(found.strays, wrong)
    np.testing.assert_array_equal(found.positions, places)


def test_unknown_errors_weigh_alike():
    places = nodes()
    sigma = errors_of(places).copy()
    sigma[3] = np.nan
    twice = np.concatenate([noisy(places, 0), noisy(places, 1)])
    frame = np.repeat([0, 1], len(places))
    found = deviations_from_lattice(twice, errors=np.tile(sigma, (2, 1)), frame=frame, common=True)
    assert np.isnan(found.errors).all()
    assert found.strain_free is None
    with pytest.raises(ValueError, match="for each of the"):
        deviations_from_lattice(places, errors=SIGMA)
