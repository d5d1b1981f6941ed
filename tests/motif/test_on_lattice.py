from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, render_image
from hyperspy_smartalign.motif import fit_to_lattice, unit_cell_motif
from hyperspy_smartalign.quality.lattice import find_lattice

BASIS = np.array([[2.1, 15.9], [14.2, -3.3]])


def nodes(size: int = 400) -> tuple[np.ndarray, np.ndarray]:
    index = np.stack(np.meshgrid(np.arange(-40, 41), np.arange(-40, 41)), -1).reshape(-1, 2)
    places = index @ BASIS + (201.3, 198.8)
    inside = ((places > 0) & (places < size)).all(axis=1)
    return places[inside], index[inside]


@pytest.mark.parametrize("given", [False, True])
def test_vectors_and_deviations_are_recovered(given):
    places, _ = nodes()
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.2, places.shape)
    # Two per cent wrong over 14 cells would be a quarter of a cell.
    start = BASIS * 1.02 if given else None
    fit = fit_to_lattice(places + noise, vectors=start)
    assert fit.on_lattice.all()
    expected = BASIS if given else fit.vectors
    turned = fit.vectors @ np.linalg.inv(BASIS)
    np.testing.assert_allclose(turned, np.rint(turned), atol=2e-3)
    assert abs(np.linalg.det(np.rint(turned))) == 1
    # The mean error of 700 positions, and little that four vectors' numbers take up.
    np.testing.assert_allclose(fit.rms, noise.std(axis=0), rtol=0.03)
    np.testing.assert_allclose(fit.deviation, noise, atol=0.06)
    sigma = np.sqrt(np.diag(fit.covariance)).reshape(2, 2)
    np.testing.assert_array_less(np.abs(fit.vectors - expected), 4 * sigma + 1e-12)
    rebuilt = fit.origins[0] + fit.index @ fit.vectors + fit.deviation
    np.testing.assert_allclose(rebuilt, places + noise)


def test_intruders_belong_to_no_node():
    places, _ = nodes()
    wrong = places[::50] + np.array([7.0, 7.5])
    fit = fit_to_lattice(np.concatenate([places, wrong]))
    assert fit.on_lattice[: len(places)].all()
    assert not fit.on_lattice[len(places) :].any()
    assert fit.rms.max() < 1e-6


def test_frames_share_vectors_but_no_origin():
    places, _ = nodes()
    shifts = np.array([(0.0, 0.0), (3.3, -5.1), (-6.0, 4.4)])
    frame = np.repeat([0, 2, 5], len(places))
    fit = fit_to_lattice(np.concatenate([places + shift for shift in shifts]), frame=frame)
    assert fit.frames.tolist() == [0, 2, 5]
    assert fit.rms.max() < 1e-6
    away = (fit.origins - fit.origins[0] - shifts) @ np.linalg.inv(fit.vectors)
    np.testing.assert_allclose(away, np.rint(away), atol=1e-6)


def test_a_strained_column_shows_as_its_deviation():
    places, _ = nodes()
    moved = places.copy()
    moved[100] += (0.8, -1.1)
    fit = fit_to_lattice(moved, vectors=BASIS)
    np.testing.assert_allclose(fit.deviation[100], (0.8, -1.1), atol=0.02)


@pytest.mark.parametrize(
    ("positions", "keywords", "message"),
    [
        (np.zeros((3, 2)), {}, "4 positions or more"),
        (np.zeros((5, 3)), {}, "finite pairs"),
        (np.stack([np.arange(9.0), 2 * np.arange(9.0)], 1), {}, "one line"),
        (nodes()[0], {"vectors": [[1, 1], [2, 2]]}, "parallel"),
        (nodes()[0], {"frame": [1, 2]}, "one number for each"),
        (
            np.random.default_rng(0).uniform(0, 900, (9, 2)),
            {"vectors": BASIS},
            "lie on one lattice",
        ),
    ],
)
def test_errors_say_what_is_wrong(positions, keywords, message):
    with pytest.raises(ValueError, match=message):
        fit_to_lattice(positions, **keywords)


def test_the_unit_cell_of_an_image_is_a_motif():
    crystal = lattice("perovskite", spacing=16.3, angle=10.0, field=(200, 210))
    image = np.random.default_rng(0).poisson(5 * render_image(crystal))
    motif = unit_cell_motif(image, find_lattice(image).vectors)
    assert motif.shape == (19, 19)
    middle = crystal.positions[np.argmin(np.linalg.norm(crystal.positions - 100, axis=1))]
    assert crystal.species[np.argmin(np.linalg.norm(crystal.positions - 100, axis=1))] in (0, 1)
    strong = crystal.positions[crystal.species == 0]
    middle = strong[np.argmin(np.linalg.norm(strong - 100, axis=1))]
    clean = render_image(crystal, (19, 19), origin=tuple(middle - 9.0))
    # Whole pixels in the place of the strongest column.
    assert np.corrcoef(clean.ravel(), motif.ravel())[0, 1] > 0.97
    assert np.unravel_index(np.argmax(motif), motif.shape) == (9, 9)
    with pytest.raises(ValueError, match="fewer than two cells"):
        unit_cell_motif(image[:20, :20], find_lattice(image).vectors)
