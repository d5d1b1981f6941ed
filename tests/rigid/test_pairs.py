from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hyperspy_smartalign.rigid.pairs import (
    ALL_PAIRS_LIMIT,
    LEAST_OVERLAP,
    choose_pairs,
    measure_pairs,
    overlap_gain,
)


def parts(pairs, count):
    return connected_components(
        coo_array((np.ones(len(pairs)), pairs.T), shape=(count, count)), directed=False
    )[0]


@pytest.mark.parametrize("count", [2, 3, 4, 17, ALL_PAIRS_LIMIT])
@pytest.mark.parametrize("neighbours", ["auto", "all"])
def test_short_series_compare_all_pairs(count, neighbours):
    pairs = choose_pairs(count, neighbours)
    assert len(pairs) == count * (count - 1) // 2
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_long_series_grow_as_n_log_n():
    pairs = choose_pairs(1000, "auto")
    assert len(pairs) <= 1000 * (4 + np.log2(1000))
    assert len(choose_pairs(2000, "auto")) < 2.3 * len(pairs)
    assert parts(pairs, 1000) == 1
    # From end to end in few steps, or errors would add up along the series.
    assert (pairs[:, 1] - pairs[:, 0]).max() >= 500
    assert len(choose_pairs(1000, "all")) == 499_500


@pytest.mark.parametrize("neighbours", [1, 3, 500])
def test_a_number_of_neighbours(neighbours):
    pairs = choose_pairs(12, neighbours)
    distance = pairs[:, 1] - pairs[:, 0]
    assert distance.max() == min(neighbours, 11)
    assert len(pairs) == sum(12 - d for d in range(1, min(neighbours, 11) + 1))
    assert parts(pairs, 12) == 1


def test_exclusions():
    pairs = choose_pairs(6, "all", exclude=[2], exclude_pairs=[(4, 1), (0, 5)])
    listed = {tuple(pair) for pair in pairs.tolist()}
    assert not any(2 in pair for pair in listed)
    assert (1, 4) not in listed
    assert (0, 5) not in listed
    assert len(listed) == 10 - 2
    assert choose_pairs(3, "all", exclude=[0, 1]).shape == (0, 2)


def test_no_gain_where_too_little_overlaps():
    gain = overlap_gain(np.array([1.0, 0.5, LEAST_OVERLAP, 0.9 * LEAST_OVERLAP, 0.0, -0.1]))
    np.testing.assert_allclose(gain, [1, 2, 1 / LEAST_OVERLAP, 0, 0, 0], rtol=1e-6)


@pytest.mark.parametrize("peak", ["candidates", "gaussian", "centre_of_mass", "pixel"])
def test_a_pair_measures_shift_i_less_shift_j(spectra_of, particle_series, peak):
    spectra = spectra_of(particle_series.stack)
    pairs = choose_pairs(12, "all")
    measured = measure_pairs(spectra, pairs, peak=peak)
    true = particle_series.truth.shifts
    expected = true[pairs[:, 0]] - true[pairs[:, 1]]
    assert np.abs(expected).max() > 5
    tolerance = 0.51 * max(spectra.step) + 0.3 if peak == "pixel" else 0.4
    assert np.abs(measured.shifts[:, 0] - expected).max() < tolerance
    assert measured.shifts.shape[1] == (8 if peak == "candidates" else 1)
    np.testing.assert_array_equal(measured.pairs, pairs)


def test_pixel_peaks_lie_on_pixels(spectra_of, particle_series):
    spectra = spectra_of(particle_series.stack)
    measured = measure_pairs(spectra, choose_pairs(12, 2), peak="pixel")
    in_map = measured.shifts[:, 0] / np.array(spectra.step)
    np.testing.assert_allclose(in_map, np.round(in_map), atol=1e-9)


def test_scores_are_correlation_coefficients(spectra_of, particle_series):
    stack = particle_series.stack[[0, 0, 5, 9]]
    spectra = spectra_of(stack)
    measured = measure_pairs(spectra, choose_pairs(4, "all"))
    # A frame with itself is 1; pairs with noise of their own are less.
    assert measured.scores[0, 0] == pytest.approx(1.0, abs=0.02)
    assert (measured.scores[1:, 0] < 0.98).all()
    known = np.isfinite(measured.scores)
    assert (np.diff(np.where(known, measured.scores, -9), axis=1) <= 1e-9).all()


def test_max_shift_is_searched_no_further(spectra_of, crystal_series):
    spectra = spectra_of(crystal_series.stack)
    measured = measure_pairs(spectra, choose_pairs(10, "all"), max_shift=(3.0, 5.0))
    found = measured.shifts[np.isfinite(measured.shifts[..., 0])]
    # The maximum of a pixel within the limit may lie half a pixel beyond it.
    assert np.abs(found[:, 0]).max() <= 3.0 + 0.5 * spectra.step[0]
    assert np.abs(found[:, 1]).max() <= 5.0 + 0.5 * spectra.step[1]


def test_overlap_keeps_a_lattice_from_being_pulled_to_zero(spectra_of):
    """Two views of a wave, 0.4 periods apart: the window alone would draw them together."""
    y, x = np.mgrid[:96, :80]

    def wave(shift):
        return np.cos(2 * np.pi * (y - shift[0]) / 20) + np.cos(2 * np.pi * (x - shift[1]) / 20)

    rng = np.random.default_rng(0)
    stack = np.array([wave((0, 0)), wave((-8, 8))]) + rng.normal(0, 0.05, (2, 96, 80))
    spectra = spectra_of(stack, weighting="none", exponent=0)
    measured = measure_pairs(spectra, np.array([[1, 0]]), candidates=1)
    in_cell = (measured.shifts[0, 0] - (-8, 8) + 10) % 20 - 10
    assert np.abs(in_cell).max() < 0.3


def test_progress_and_workers(spectra_of, crystal_series):
    spectra = spectra_of(crystal_series.stack)
    pairs = choose_pairs(10, "all")
    counted = []
    one = measure_pairs(spectra, pairs, num_workers=1, progress=counted.append)
    two = measure_pairs(spectra, pairs, num_workers=2)
    assert sum(counted) == len(pairs)
    np.testing.assert_array_equal(one.shifts, two.shifts)
    np.testing.assert_array_equal(one.scores, two.scores)
