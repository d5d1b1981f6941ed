from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice_recipe, scan_recipe, tilt_boundary_recipe


def test_lattice_recipe_has_the_stated_bound_and_drift():
    simulated = lattice_recipe(20.0, frames=2)
    # 0.013 px; which columns are weak moves it by some per cent from seed to seed.
    np.testing.assert_allclose(simulated.truth.cramer_rao_shift(), 0.013, rtol=0.05)
    drift = lattice_recipe(20.0, frames=40, shape=(16, 16)).truth.shifts
    # The walk of 0.6 px a frame adds about 0.6 sqrt(40) = 4 px to the 57 px.
    assert np.linalg.norm(drift[-1] - drift[0]) == pytest.approx(57, abs=12)


def test_lattice_recipe_differs_from_cell_to_cell():
    truth = lattice_recipe(20.0, frames=2).truth
    image = truth.image()
    vector = truth.crystal.cell.vectors[0]
    moved = truth.image(origin=tuple(vector))
    # Poisson discriminability of one unit cell at 0.5 counts: several sigma, so that a hop can
    # be told in one frame, if barely.
    information = 2 * 0.5 * np.sum(image * np.log(image / moved) - image + moved)
    assert 10 < np.sqrt(information) < 30


@pytest.mark.parametrize("seed", [0, 5])
def test_scan_recipe_has_the_stated_bound(seed):
    truth = scan_recipe(frames=2, seed=seed).truth
    for dose, stated in ((50.0, 0.046), (10.0, 0.093)):
        bound = truth.cramer_rao_rows(0, dose, rms=0.5, correlation=6.0)
        assert np.sqrt(np.mean(bound**2)) == pytest.approx(stated, rel=0.06)


def test_scan_recipe_drifts_within_frames_and_between_them():
    truth = scan_recipe(frames=4, shape=(64, 48)).truth
    np.testing.assert_allclose(np.diff(truth.shifts, axis=0), [(0.6, -0.8)] * 3)
    assert np.all(truth.path.line_slopes[:, 0] > 0)
    jitter = truth.row_offsets[:, :, 0]
    assert 0.2 < jitter.std() < 0.8


def test_scan_recipe_with_pairs_turns_the_lines():
    assert scan_recipe(frames=4, shape=(32, 32), scan_rotation="pairs").truth.path.rotation == (
        0,
        90,
        0,
        90,
    )


def test_tilt_boundary_recipe_has_two_grains_and_blobs():
    truth = tilt_boundary_recipe(2.0, frames=2).truth
    assert len(truth.crystal.patches) == 6
    np.testing.assert_allclose(truth.cramer_rao_shift(), 0.022, rtol=0.1)


def test_long_drift_stays_on_the_specimen():
    for recipe in (lattice_recipe, tilt_boundary_recipe):
        truth = recipe(1.0, frames=40, shape=(16, 16)).truth
        assert truth.path.reach + 20 < truth.crystal.margin


@pytest.mark.parametrize("recipe", [lattice_recipe, tilt_boundary_recipe])
def test_one_frame_is_not_a_series(recipe):
    with pytest.raises(ValueError, match="frames is 1"):
        recipe(1.0, frames=1)
