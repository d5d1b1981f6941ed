from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, lattice_recipe, simulate_stack
from hyperspy_smartalign.rigid.consensus import find_consensus
from hyperspy_smartalign.rigid.pairs import choose_pairs, measure_pairs


def agree(spectra, neighbours="all", *, max_shift=None, exclude_pairs=(), progress=None):
    pairs = choose_pairs(len(spectra.frames), neighbours, exclude_pairs=exclude_pairs)
    measured = measure_pairs(spectra, pairs, max_shift=max_shift)
    found = find_consensus(spectra, measured, max_shift=max_shift, progress=progress)
    return found, measured


@pytest.mark.parametrize("neighbours", ["all", 1, 3])
def test_an_easy_series(spectra_of, crystal_series, errors, neighbours):
    found, _ = agree(spectra_of(crystal_series.stack), neighbours)
    true = crystal_series.truth.shifts
    # A map pixel at the most; the refinement does the rest.
    assert np.abs(errors(found.shifts, true)).max() < 0.5
    np.testing.assert_allclose(found.shifts.mean(0), 0, atol=1e-9)
    assert np.ptp(true, axis=0).min() > 3


def test_right_where_many_single_pairs_hop(spectra_of, errors):
    """A quarter of a count: a fifth of the pairs are a unit cell or more off, and no frame is."""
    simulated = lattice_recipe(0.25, seed=0)
    true = simulated.truth.shifts
    found, measured = agree(spectra_of(simulated.stack))
    expected = true[measured.pairs[:, 0]] - true[measured.pairs[:, 1]]
    wrong = np.hypot(*(measured.shifts[:, 0] - expected).T) > 4
    assert wrong.mean() > 0.1
    assert np.abs(errors(found.shifts, true)).max() < 4


def test_a_perfect_lattice_takes_the_nearest_place(spectra_of, errors):
    """Nothing tells its cells apart: a drift of less than a cell is kept, not made larger."""
    crystal = lattice("square", spacing=16, angle=0, field=(112, 96), margin=96)
    simulated = simulate_stack(
        shape=(112, 96), frames=8, crystal=crystal, drift=(0.5, -0.5), drift_walk=0, seed=0
    )
    found, _ = agree(spectra_of(simulated.stack))
    assert np.abs(errors(found.shifts, simulated.truth.shifts)).max() < 0.5


def test_max_shift_is_respected_by_every_pair(spectra_of, crystal_series):
    spectra = spectra_of(crystal_series.stack)
    limit = (7.0, 10.0)
    found, measured = agree(spectra, max_shift=limit)
    apart = found.shifts[measured.pairs[:, 0]] - found.shifts[measured.pairs[:, 1]]
    assert (np.abs(apart).max(0) <= np.array(limit) + np.array(spectra.step)).all()


def test_max_shift_forbids_a_hop(spectra_of, errors):
    """The lattice vector is out of reach, so no frame can be a cell off."""
    simulated = simulate_stack(shape=(96, 96), frames=8, dose=1, drift=(0.2, -0.3), seed=2)
    found, _ = agree(spectra_of(simulated.stack), max_shift=(8.0, 8.0))
    assert np.abs(errors(found.shifts, simulated.truth.shifts)).max() < 4


def test_frames_that_no_pair_links(spectra_of, crystal_series, errors):
    """The larger part is placed; of the frames beyond nothing is said."""
    split = [(i, j) for i in range(4) for j in range(4, 10)]
    found, _ = agree(spectra_of(crystal_series.stack), exclude_pairs=split)
    placed = np.isfinite(found.shifts[:, 0])
    assert placed.tolist() == [False] * 4 + [True] * 6
    true = crystal_series.truth.shifts[placed]
    assert np.abs(errors(found.shifts[placed], true)).max() < 0.5
    np.testing.assert_allclose(found.shifts[placed].mean(0), 0, atol=1e-9)
    assert (found.lead[~placed] == 0).all()


def test_no_pair_at_all(spectra_of, crystal_series):
    spectra = spectra_of(crystal_series.stack[:2])
    found, _ = agree(spectra, exclude_pairs=[(0, 1)])
    assert np.isnan(found.shifts).all()


@pytest.mark.parametrize("count", [2, 3])
def test_two_and_three_frames(spectra_of, crystal_series, errors, count):
    found, _ = agree(spectra_of(crystal_series.stack[:count]))
    assert np.abs(errors(found.shifts, crystal_series.truth.shifts[:count])).max() < 0.5


def test_a_long_series_by_near_and_far_pairs(spectra_of, errors):
    simulated = simulate_stack(
        shape=(64, 64), frames=80, crystal="nanoparticle", drift=(0.1, -0.15), seed=0
    )
    found, measured = agree(spectra_of(simulated.stack), "auto")
    assert len(measured.pairs) < 80 * 79 / 4
    assert np.abs(errors(found.shifts, simulated.truth.shifts)).max() < 0.7


def test_the_lead_tells_clear_from_doubtful(spectra_of, crystal_series, particle_series):
    clear, _ = agree(spectra_of(particle_series.stack))
    noise = np.random.default_rng(0).poisson(20, (8, 64, 64))
    doubtful, _ = agree(spectra_of(noise))
    assert np.median(clear.lead) > 3 * np.median(doubtful.lead)
    assert (doubtful.lead >= 0).all()


def test_progress_counts_frames(spectra_of, particle_series):
    placed = []
    agree(spectra_of(np.random.default_rng(0).poisson(20, (6, 48, 48))), progress=placed.append)
    assert sum(placed) == 6
