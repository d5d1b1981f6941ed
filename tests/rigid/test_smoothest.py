from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, simulate_stack
from hyperspy_smartalign.rigid.consensus import find_consensus
from hyperspy_smartalign.rigid.pairs import choose_pairs, measure_pairs
from hyperspy_smartalign.rigid.smoothest import smoothest_path


def found(spectra, neighbours="all", *, max_shift=None, exclude_pairs=(), progress=None):
    pairs = choose_pairs(len(spectra.frames), neighbours, exclude_pairs=exclude_pairs)
    measured = measure_pairs(spectra, pairs, max_shift=max_shift)
    return smoothest_path(spectra, measured, max_shift=max_shift, progress=progress), measured


@pytest.mark.parametrize("neighbours", ["all", 1, 3])
def test_an_easy_series(spectra_of, crystal_series, errors, neighbours):
    shifts, _ = found(spectra_of(crystal_series.stack), neighbours)
    assert np.abs(errors(shifts, crystal_series.truth.shifts)).max() < 0.7
    np.testing.assert_allclose(shifts.mean(0), 0, atol=1e-9)


def test_row_jitter_that_blurs_the_difference_of_cells(spectra_of, errors):
    """The consensus puts every frame in a cell of its own; the smooth path keeps them together."""
    simulated = simulate_stack(
        shape=(192, 192), frames=12, dose=15, drift=(0.8, -1.1), row_jitter=0.8,
        row_correlation=4, in_frame_drift=True, seed=0,
    )  # fmt: skip
    spectra = spectra_of(simulated.stack)
    shifts, measured = found(spectra)
    true = simulated.truth.shifts
    assert np.abs(errors(shifts, true)).max() < 1.0
    assert np.abs(errors(find_consensus(spectra, measured).shifts, true)).max() > 10


def test_a_drift_of_many_cells_over_a_perfect_lattice(spectra_of, errors):
    """Each step is less than half a cell, all together are three cells."""
    crystal = lattice("perovskite", spacing=16, angle=10, field=(128, 128), margin=96)
    simulated = simulate_stack(
        shape=(128, 128), frames=12, crystal=crystal, dose=15, drift=(3, -3), seed=0
    )
    shifts, _ = found(spectra_of(simulated.stack))
    assert np.ptp(simulated.truth.shifts, axis=0).min() > 30
    assert np.abs(errors(shifts, simulated.truth.shifts)).max() < 0.7


def test_frames_that_no_pair_links(spectra_of, crystal_series, errors):
    split = [(i, j) for i in range(4) for j in range(4, 10)]
    shifts, _ = found(spectra_of(crystal_series.stack), exclude_pairs=split)
    placed = np.isfinite(shifts[:, 0])
    assert placed.tolist() == [False] * 4 + [True] * 6
    assert np.abs(errors(shifts[placed], crystal_series.truth.shifts[placed])).max() < 0.7
    lone, _ = found(spectra_of(crystal_series.stack[:2]), exclude_pairs=[(0, 1)])
    assert np.isnan(lone).all()


@pytest.mark.parametrize("count", [2, 3])
def test_two_and_three_frames(spectra_of, crystal_series, errors, count):
    shifts, _ = found(spectra_of(crystal_series.stack[:count]))
    assert np.abs(errors(shifts, crystal_series.truth.shifts[:count])).max() < 0.7


def test_max_shift_and_progress(spectra_of, crystal_series):
    spectra, placed = spectra_of(crystal_series.stack), []
    limit = (4.0, 6.0)
    shifts, measured = found(spectra, max_shift=limit, progress=placed.append)
    assert sum(placed) == 10
    # No frame is further from any frame it is compared with; the true drift is 5 and 9 px.
    apart = shifts[measured.pairs[:, 0]] - shifts[measured.pairs[:, 1]]
    assert (np.abs(apart).max(0) <= np.array(limit) + np.array(spectra.step)).all()
