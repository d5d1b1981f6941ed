"""The strain-free check on simulated crystals, and the unit cell as a motif."""

from __future__ import annotations

from dataclasses import replace

import hyperspy.api as hs
import matplotlib
import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, render_image, simulate_series
from hyperspy_smartalign.signals.motif.straining import LatticeDeviations

matplotlib.use("Agg")

import matplotlib.pyplot as plt

SIDE = 16
SCALE = 0.024
SHAPE = (120, 131)


def image_of(crystal, seed=0, dose=30):
    pixels = np.random.default_rng(seed).poisson(dose * render_image(crystal))
    image = hs.signals.Signal2D(pixels.astype(np.float32))
    for axis in image.axes_manager.signal_axes:
        axis.scale, axis.units = SCALE, "nm"
    return image


def tiles_of(image, crystal, **keywords):
    middle = crystal.positions[
        np.argmin(np.linalg.norm(crystal.positions - crystal.centre, axis=1))
    ]
    top, left = (int(n) for n in np.rint(middle - (SIDE - 1) / 2))
    roi = (left, left + SIDE, top, top + SIDE)
    return image.template_match(roi, show_progressbar=False, **keywords)


@pytest.fixture(scope="module")
def crystal():
    return lattice("square", spacing=16.3, angle=10, field=SHAPE, margin=40)


@pytest.fixture(scope="module")
def strained(crystal):
    """Rows bend by half a pixel, which no lattice follows."""
    bend = 0.5 * np.sin(crystal.positions[:, 0] / SHAPE[0] * 2 * np.pi)
    return replace(crystal, positions=crystal.positions + bend[:, None] * (0.0, 1.0))


@pytest.fixture(scope="module")
def perfect_tiles(crystal):
    return tiles_of(image_of(crystal), crystal)


def test_perfect_crystals_are_strain_free(crystal) -> None:
    found = [
        tiles_of(image_of(crystal, seed), crystal, refine=1).smartalign.lattice_deviations()
        for seed in range(40)
    ]
    assert np.mean([one.strain_free for one in found]) >= 0.95
    # A motif of 45 tiles has noise of its own, which makes the errors a tenth too small.
    assert np.mean([one.ratio for one in found]) == pytest.approx(1.1, abs=0.1)
    assert "strain-free" in found[0].verdict


def test_a_bend_is_mapped(crystal, strained) -> None:
    tiles = tiles_of(image_of(strained), strained)
    found = tiles.smartalign.lattice_deviations()
    assert isinstance(found, LatticeDeviations)
    assert found.strain_free is False
    assert "strained" in found.verdict
    away = np.hypot(*(found.positions[:, None] - strained.positions).T).argmin(axis=0)
    # What is true, less its own best lattice.
    moved = strained.positions[away]
    index = np.column_stack([found.index, np.ones(len(moved))])
    truth = moved - index @ np.linalg.lstsq(index, moved, rcond=None)[0]
    normal = (found.deviations - truth) / found.errors
    np.testing.assert_allclose(np.sqrt(np.mean(normal**2, axis=0)), 1, atol=0.25)
    np.testing.assert_allclose(found.excess[1], np.sqrt(np.mean(truth[:, 1] ** 2)), rtol=0.15)
    np.testing.assert_allclose(found.physical, found.deviations * SCALE)
    np.testing.assert_allclose(found.physical_errors, found.errors * SCALE)
    assert found.units == "nm"


def test_the_vectors_are_those_of_the_crystal(crystal, perfect_tiles) -> None:
    found = perfect_tiles.smartalign.lattice_deviations()
    lengths = np.linalg.norm(found.vectors, axis=1)
    assert (np.abs(lengths - 16.3) < 4 * found.vector_errors.max()).all()
    assert found.shape == SHAPE
    given = perfect_tiles.smartalign.lattice_deviations(vectors=found.vectors * 1.02)
    np.testing.assert_allclose(given.vectors, found.vectors)
    np.testing.assert_allclose(given.rms, found.rms)


def test_without_errors_there_is_no_verdict(crystal) -> None:
    tiles = tiles_of(image_of(crystal), crystal, subpixel="parabola")
    found = tiles.smartalign.lattice_deviations()
    assert found.strain_free is None
    assert "not known" in found.verdict


@pytest.fixture(scope="module")
def series():
    return simulate_series(shape=(96, 111), frames=4, dose=30, scale=SCALE, seed=3)


@pytest.fixture(scope="module")
def roi(series):
    columns = series.crystal.positions[series.crystal.species == 0]
    found = columns + series.truth.shifts[0]
    middle = found[np.argmin(np.linalg.norm(found - (48, 55), axis=1))]
    top, left = (int(n) for n in np.rint(middle - 11.5))
    return left, left + 24, top, top + 24


def test_raw_frames_have_origins_of_their_own(series, roi) -> None:
    tiles = series.series.template_match(roi, show_progressbar=False)
    every = tiles.smartalign.lattice_deviations()
    assert set(every.frame) == {0, 1, 2, 3}
    one = tiles.smartalign.lattice_deviations(frame=2)
    assert set(one.frame) == {2}
    assert len(one.positions) == (every.frame == 2).sum()
    with pytest.raises(ValueError, match="No tile comes from frame 9"):
        tiles.smartalign.lattice_deviations(frame=9)


def test_aligned_frames_are_combined(series, roi) -> None:
    aligned = series.series.align_rigid(show_progressbar=False)
    tiles = aligned.template_match(roi, search="frames", show_progressbar=False)
    found = tiles.smartalign.lattice_deviations()
    assert set(found.frame) == {-1}
    inner = found.fit.count == 4
    assert inner.mean() > 0.6
    single = tiles.smartalign.lattice_deviations(frame=1)
    # Four frames halve the errors.
    assert np.median(found.errors[inner]) < 0.6 * np.median(single.errors)
    assert found.rms.max() < 0.75 * single.rms.max()


def test_one_average_was_measured_once(series, roi) -> None:
    aligned = series.series.align_rigid(show_progressbar=False)
    tiles = aligned.template_match(roi, search="average", show_progressbar=False)
    table = tiles.smartalign.matches
    found = tiles.smartalign.lattice_deviations()
    assert len(found.positions) == (table.frame == 0).sum()
    np.testing.assert_allclose(
        np.sort(found.errors[:, 0]), np.sort(table.y_error[table.frame == 0])
    )


def test_the_plot_shows_every_position(perfect_tiles) -> None:
    found = perfect_tiles.smartalign.lattice_deviations()
    left, right = found.plot()
    try:
        for marks in left.collections:
            np.testing.assert_allclose(marks.get_offsets(), found.positions[:, ::-1])
        assert len(left.collections) == 2
        assert left.figure.get_suptitle() == found.verdict
        assert right.get_xlabel() == "deviation / standard error"
        left.figure.canvas.draw()
    finally:
        plt.close(left.figure)


def test_the_unit_cell_is_a_calibrated_motif(crystal) -> None:
    image = image_of(crystal)
    cell = image.smartalign.unit_cell()
    # 16.3 px turned by 10 degrees: 16.3 (cos 10 + sin 10) = 18.9 px.
    assert cell.data.shape == (19, 19)
    assert [axis.scale for axis in cell.axes_manager.signal_axes] == [SCALE, SCALE]
    assert cell.axes_manager.signal_axes[0].units == "nm"
    assert np.unravel_index(np.argmax(cell.data), cell.data.shape) == (9, 9)
    tiles = image.template_match(cell, show_progressbar=False)
    named = image.template_match("unit cell", show_progressbar=False)
    np.testing.assert_array_equal(tiles.data, named.data)
    table = tiles.smartalign.matches
    away = np.hypot(
        table.y[:, None] - crystal.positions[:, 0], table.x[:, None] - crystal.positions[:, 1]
    )
    assert np.median(away.min(axis=1)) < 1
    inside = ((crystal.positions > 10) & (crystal.positions < np.subtract(SHAPE, 11))).all(axis=1)
    assert len(np.unique(away.argmin(axis=1))) == len(table)
    assert len(np.intersect1d(away.argmin(axis=1), np.flatnonzero(inside))) >= 0.99 * inside.sum()


def test_the_unit_cell_of_a_series(series) -> None:
    raw = series.series.smartalign.unit_cell()
    np.testing.assert_array_equal(raw.data, series.series.inav[0].smartalign.unit_cell().data)
    aligned = series.series.align_rigid(show_progressbar=False)
    average = aligned.smartalign.average()
    np.testing.assert_allclose(
        aligned.smartalign.unit_cell().data, average.smartalign.unit_cell().data, rtol=1e-4
    )


def test_other_words_are_no_motif(crystal) -> None:
    with pytest.raises(TypeError, match=r"str is no motif.*unit cell"):
        image_of(crystal).template_match("motif")
