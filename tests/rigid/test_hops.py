from __future__ import annotations

import importlib

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, lattice_recipe, simulate_stack
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.rigid.hops import CERTAIN, check_hops, repeat_distance, search_radius
from hyperspy_smartalign.rigid.refinement import refine_shifts
from hyperspy_smartalign.rigid.store import FrameStore

COUNTS = NoiseModel(offset=0.0, gain=1.0, floor=1e-3)


@pytest.fixture(scope="module")
def checked(source):
    """A lattice series, its store and true shifts, and how far the hop check looks."""
    simulated = lattice_recipe(2.0, frames=12, shape=(192, 176), seed=0)
    store = FrameStore(source(simulated.stack))
    shifts = simulated.truth.shifts - simulated.truth.shifts.mean(0)
    used = np.ones(12, bool)
    radius = search_radius(refine_shifts(store, shifts, used, COUNTS).reference)
    return simulated, store, shifts, used, radius


def test_the_radius_reaches_the_next_cells(checked):
    # The cell of 16.3 px holds two columns, 11.5 px apart.
    assert 17 <= checked[4] <= 44


def test_right_shifts_are_sure(checked):
    _, store, shifts, used, radius = checked
    found = check_hops(store, shifts, used, COUNTS, radius)
    assert found.margin.min() > 10
    assert found.margin.max() <= CERTAIN
    assert (found.better == 0).all()
    assert 0 < found.scale <= 1


@pytest.mark.parametrize("frame", [0, 6])
def test_a_planted_hop_is_found(checked, frame):
    simulated, store, shifts, used, radius = checked
    # Lattice vectors: 16.3 px, turned by 10 degrees.
    vector = 16.3 * np.array([np.cos(np.radians(10)), np.sin(np.radians(10))])
    image = simulated.truth.image()
    vectors = [vector, vector * (1, -1), vector[::-1], vector[::-1] * (-1, 1)]
    # The sense of the turn is the simulator's: the vector that maps the image best to itself.
    vector = max(vectors, key=lambda v: _repeat(image, v))
    hopped = shifts.copy()
    hopped[frame] += vector
    found = check_hops(store, hopped, used, COUNTS, radius)
    assert found.margin[frame] < -10
    np.testing.assert_allclose(found.better[frame], -vector, atol=0.5)
    others = np.arange(12) != frame
    assert (found.margin[others] > 0).all()
    assert (found.better[others] == 0).all()


def _repeat(image, vector):
    dy, dx = np.round(vector).astype(int)
    moved = np.roll(image, (dy, dx), (0, 1))
    return np.corrcoef(image[20:-20, 20:-20].ravel(), moved[20:-20, 20:-20].ravel())[0, 1]


def test_the_series_is_put_right_after_a_hop(checked, align, monkeypatch):
    """The registration as a whole moves a frame back that its pairs put a cell off."""
    module = importlib.import_module("hyperspy_smartalign.rigid.align")
    simulated, _, shifts, _, _ = checked
    vector = 16.3 * np.array([np.cos(np.radians(10)), np.sin(np.radians(10))])
    image = simulated.truth.image()
    vectors = [vector, vector * (1, -1), vector[::-1], vector[::-1] * (-1, 1)]
    vector = max(vectors, key=lambda v: _repeat(image, v))
    estimate = module._estimate

    def spoilt(*args, **keywords):
        found = estimate(*args, **keywords)
        moved = found.shifts.copy()
        moved[5] += vector
        return type(found)(**{**vars(found), "shifts": moved})

    monkeypatch.setattr(module, "_estimate", spoilt)
    result = align(simulated.stack)
    error = result.shifts - shifts
    assert np.abs(error - np.median(error, axis=0)).max() < 0.5
    assert result.hop_margin[5] > 3
    unrefined = align(simulated.stack, refinements=0)
    error = unrefined.shifts - shifts
    assert np.abs(error - np.median(error, axis=0))[5].max() > 10
    assert unrefined.hop_margin[5] < -3


def test_less_dose_less_certainty(source, checked):
    margins = []
    for dose in (2.0, 0.25):
        simulated = lattice_recipe(dose, frames=12, shape=(192, 176), seed=0)
        store = FrameStore(source(simulated.stack))
        shifts = simulated.truth.shifts - simulated.truth.shifts.mean(0)
        found = check_hops(store, shifts, np.ones(12, bool), COUNTS, 27)
        margins.append(np.median(found.margin))
    assert margins[1] < 0.6 * margins[0]


def test_margins_do_not_depend_on_the_units(source, checked):
    simulated, store, shifts, used, radius = checked
    scaled = FrameStore(source(simulated.stack * np.float32(50) + np.float32(300)))
    noise = NoiseModel(offset=-50.0 * 300, gain=50.0, floor=1.0)
    plain = check_hops(store, shifts, used, COUNTS, radius)
    found = check_hops(scaled, shifts, used, noise, radius)
    np.testing.assert_allclose(found.margin, plain.margin, rtol=0.02, atol=1.0)


def test_a_perfect_lattice_is_a_toss_up(align, source):
    crystal = lattice("square", spacing=16, angle=0, field=(112, 96), margin=96)
    simulated = simulate_stack(
        shape=(112, 96), frames=8, crystal=crystal, drift=(0.5, -0.5), drift_walk=0, seed=0
    )
    result = align(simulated.stack)
    assert np.median(result.hop_margin) < 3
    assert any("doubtful" in text for text in result.messages)
    # Nothing beyond the noise of a dozen places, whose odds differ by chance.
    assert result.hop_margin.min() > -30


def test_small_frames_do_not_hop_on_even_odds(align, errors):
    """Too little is judged to tell cells apart; the pairs, which saw all, are not overruled."""
    for seed in range(3):
        simulated = simulate_stack(shape=(64, 56), frames=10, dose=20, seed=seed, drift=(0.3, -0.3))
        result = align(simulated.stack)
        assert np.abs(errors(result.shifts, simulated.truth.shifts)).max() < 0.5


def test_progress_and_workers(checked):
    _, store, shifts, used, radius = checked
    told = []
    one = check_hops(
        store, shifts, used, COUNTS, radius, num_workers=1,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    two = check_hops(store, shifts, used, COUNTS, radius, num_workers=2)
    np.testing.assert_allclose(one.margin, two.margin, rtol=1e-3)
    assert told[-1] == (12, 12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("dose", [0.5, 0.25])
def test_no_hop_at_half_and_a_quarter_of_a_count(align, errors, dose, seed):
    """The target of the project: 40 frames of 256 x 256, 57 px of drift, cells of 16.3 px."""
    simulated = lattice_recipe(dose, seed=seed)
    result = align(simulated.stack)
    hopped = np.hypot(*errors(result.shifts, simulated.truth.shifts).T) > 4
    assert hopped.sum() == 0


def test_other_places_and_their_odds(checked):
    _, store, shifts, used, radius = checked
    found = check_hops(store, shifts, used, COUNTS, radius)
    known = np.isfinite(found.odds)
    assert (known == np.isfinite(found.places[..., 0])).all()
    assert known.any(1).all()
    distance = np.hypot(*np.moveaxis(found.places[known], -1, 0))
    assert ((distance > 3) & (distance <= radius + 1)).all()
    # The margin is against all other places together, so below the odds against the best of them.
    best = -found.odds.max(1)
    assert (found.margin <= best + 1e-9).all()
    np.testing.assert_allclose(found.margin, best, atol=2.0)


def test_scatter_is_believed_unless_bold(checked):
    """Where most frames would rather be elsewhere: the noise model or the scatter."""
    _, store, shifts, used, radius = checked
    spoilt = shifts + np.random.default_rng(0).choice([0, 16.3], (12, 2))
    bold = check_hops(store, spoilt, used, COUNTS, radius)
    careful = check_hops(store, spoilt, used, COUNTS, radius, bold=False)
    assert bold.scale == 1.0
    assert careful.scale < 0.5
    assert np.ptp(careful.margin) < np.ptp(bold.margin)


def test_the_distance_at_which_an_image_repeats():
    y, x = np.mgrid[:96, :120]
    lattice = np.cos(2 * np.pi * y / 12) + np.cos(2 * np.pi * x / 15)
    np.testing.assert_allclose(repeat_distance(lattice), 12.0, atol=0.3)
    blob = np.exp(-((y - 48) ** 2 + (x - 60) ** 2) / 200)
    assert np.isnan(repeat_distance(blob - blob.mean()))
    assert np.isnan(repeat_distance(np.zeros((32, 32))))
