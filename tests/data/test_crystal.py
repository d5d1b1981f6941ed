from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import Crystal, lattice


@pytest.fixture
def square() -> Crystal:
    return lattice("square", spacing=11.0, angle=7.0, field=(97, 61), margin=20.0)


def one_column(**changes) -> Crystal:
    given = {"positions": [(3.0, 4.0)], "heights": [2.0], "widths": [1.5], "species": [0]}
    return Crystal(**{**given, **changes})


def test_intensity_is_the_stated_formula():
    crystal = one_column(background=0.5, patches=[(0.0, 0.0, 0.25, 30.0)])
    point = np.array([4.0, 6.0])
    expected = 0.5 + 2 * np.exp(-5 / (2 * 1.5**2)) + 0.25 * np.exp(-52 / (2 * 30.0**2))
    assert crystal.intensity(point) == pytest.approx(expected, rel=1e-12)
    assert crystal.intensity(np.zeros((2, 3, 4))).shape == (3, 4)


def test_a_perfect_lattice_repeats_itself_exactly(square):
    points = np.random.default_rng(0).uniform(0, 60, (2, 50))
    for vector in square.cell.vectors:
        np.testing.assert_allclose(
            square.intensity(points), square.intensity(points + vector[:, None]), atol=1e-6
        )


def test_a_column_stands_in_the_middle_of_the_field(square):
    assert np.linalg.norm(square.positions - (48.0, 30.0), axis=1).min() == pytest.approx(0)


def test_arrays_are_copies_that_cannot_be_written(square):
    given = np.array([(1.0, 2.0)])
    crystal = one_column(positions=given)
    given[0] = 9
    assert crystal.positions[0, 0] == 1.0
    for array in (square.positions, square.heights, square.widths, square.species, square.patches):
        assert not array.flags.writeable


def test_vacancies_are_taken_out(square):
    rest = square.with_vacancies(0.2, seed=3)
    removed = len(square.positions) - len(rest.positions)
    # Binomial: 5 standard deviations.
    expected = 0.2 * len(square.positions)
    assert abs(removed - expected) < 5 * np.sqrt(0.8 * expected)
    assert len(square.with_vacancies(1.0).positions) == 0
    assert len(square.with_vacancies(0.0).positions) == len(square.positions)


def test_half_empty_columns_stay(square):
    weaker = square.with_vacancies(0.2, depth=0.7, seed=3)
    assert len(weaker.positions) == len(square.positions)
    assert set(np.round(weaker.heights, 12)) == {1.0, 0.3}
    assert set(square.heights) == {1.0}


def test_defects_are_as_many_and_of_the_kinds_asked_for(square):
    changed = square.with_defects(9, strength=0.4, seed=1)
    levels, counts = np.unique(np.round(changed.heights, 12), return_counts=True)
    found = dict(zip(levels.tolist(), counts.tolist(), strict=True))
    # Three bright (1.4), three dim (0.6), three interstitials (0.4 of a column).
    assert found == {0.4: 3, 0.6: 3, 1.0: len(square.positions) - 6, 1.4: 3}
    added = changed.positions[len(square.positions) :]
    distances = np.linalg.norm(added[:, None] - square.positions, axis=-1)
    np.testing.assert_allclose(np.sort(distances, axis=1)[:, :2], 11.0 / 2)


def test_the_second_grain_lies_right_of_an_upright_boundary(square):
    grains = square.with_grain_boundary(20.0, position=(48.0, 30.0), angle=90.0)
    left = grains.positions[grains.positions[:, 1] <= 30]
    assert {tuple(p) for p in left} == {
        tuple(p) for p in square.positions[square.positions[:, 1] <= 30]
    }
    turned = square.cell.rotated(20.0).vectors
    right = grains.positions[grains.positions[:, 1] > 30]
    steps = (right - (48.0, 30.0)) @ np.linalg.inv(turned)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)


def test_no_two_columns_come_too_close_at_a_grain_boundary(square):
    grains = square.with_grain_boundary(30.0, angle=40.0, closest=0.6)
    apart = np.linalg.norm(grains.positions[:, None] - grains.positions, axis=-1)
    apart[np.eye(len(apart), dtype=bool)] = np.inf
    assert apart.min() >= 0.6 * 11.0 - 1e-9


def test_a_grain_boundary_covers_field_and_margin():
    grains = lattice("square", spacing=8.0, field=(64, 64), margin=32.0).with_grain_boundary(25.0)
    cell_area = 64.0
    assert len(grains.positions) * cell_area == pytest.approx(127**2, rel=0.05)


def test_a_nanoparticle_is_a_disc(square):
    particle = square.nanoparticle(25.0)
    distances = np.linalg.norm(particle.positions - square.centre, axis=1)
    assert distances.max() <= 25.0
    # Points of a square lattice within 25 / 11 spacings of one of them.
    assert len(particle.positions) == 21


def test_blobs_add_slow_patches_only(square):
    blobs = square.with_blobs(3, height=0.2, width=(15.0, 20.0), seed=2)
    assert blobs.patches.shape == (3, 4)
    assert np.all((blobs.patches[:, 2] >= 0.1) & (blobs.patches[:, 2] <= 0.2))
    assert np.all((blobs.patches[:, 3] >= 15) & (blobs.patches[:, 3] <= 20))
    assert blobs.positions is square.positions or np.array_equal(blobs.positions, square.positions)
    assert len(blobs.with_blobs(2).patches) == 5


def test_featureless_is_flat(square):
    flat = square.with_blobs(3).featureless()
    np.testing.assert_array_equal(flat.intensity(np.indices((5, 7))), 0.25)


def test_species_split_the_columns_and_add_up():
    crystal = lattice("perovskite", spacing=10.0, field=(40, 40), margin=10, background=0.3)
    points = np.indices((40, 40))
    parts = [crystal.only_species(k).intensity(points) for k in (0, 1)]
    np.testing.assert_allclose(0.3 + parts[0] + parts[1], crystal.intensity(points), atol=1e-12)
    first = crystal.positions[crystal.species == 0][0]
    assert crystal.only_species(0).intensity(first) == pytest.approx(1.0, abs=1e-6)


def test_inversion_makes_columns_dark_and_keeps_intensities_positive():
    crystal = lattice("perovskite", field=(64, 64)).with_blobs(3, height=0.5)
    points = np.indices((64, 64))
    bright, dark = crystal.intensity(points), crystal.inverted(depth=0.5).intensity(points)
    # I -> 1 - depth I / I_max is a straight line.
    slope = np.polyfit(bright.ravel(), dark.ravel(), 1)
    np.testing.assert_allclose(dark, np.polyval(slope, bright), atol=1e-9)
    assert slope[0] < 0
    assert 0.4 < dark.min() < 0.6


@pytest.mark.parametrize("modify", ["with_vacancies", "with_defects", "with_blobs"])
def test_the_seed_decides(square, modify):
    amount = 0.3 if modify == "with_vacancies" else 5
    first, again, other = (getattr(square, modify)(amount, seed=s) for s in (1, 1, 2))
    points = np.indices((97, 61))[:, ::6, ::6]
    np.testing.assert_array_equal(first.intensity(points), again.intensity(points))
    assert not np.array_equal(first.intensity(points), other.intensity(points))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: one_column(positions=[(1.0, 2.0, 3.0)]), r"shape \(1, 3\)"),
        (lambda: one_column(positions=[(1.0, np.nan)]), "NaN"),
        (lambda: one_column(widths=[0.0]), "above 0 px"),
        (lambda: one_column(heights=[1.0, 2.0]), r"shape \(2,\)"),
        (lambda: one_column(species=[0.5]), "one whole number"),
        (lambda: one_column(background=np.inf), "background holds"),
        (lambda: one_column(field=(0, 4)), "1 or more"),
        (lambda: one_column().intensity(np.zeros((3, 4))), "y first"),
        (lambda: one_column().with_grain_boundary(10.0), "start from lattice"),
        (lambda: one_column().with_vacancies(1.5), "between 0 and 1"),
        (lambda: one_column().with_defects(7), "holds 1 columns"),
        (lambda: one_column().with_defects(1, kinds=["odd"]), "'bright', 'dim'"),
        (lambda: one_column().with_defects(1, kinds=[]), "kinds is empty"),
        (lambda: one_column().with_blobs(1, width=(9.0, 3.0)), "smaller sigma first"),
        (lambda: one_column().nanoparticle(0), "radius is 0"),
        (lambda: one_column(heights=[0.0]).inverted(), "no positive intensity"),
        (lambda: lattice(field=(3, 4, 5)), "two whole numbers"),
        (lambda: lattice(margin=-1.0), "margin is -1"),
    ],
)
def test_bad_input_is_refused_with_the_reason(make, message):
    with pytest.raises(ValueError, match=message):
        make()
