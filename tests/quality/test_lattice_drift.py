"""Drift within the frame: the velocity that the simulator was told, found from the lattice."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, simulate_stack
from hyperspy_smartalign.quality.lattice import Lattice, find_lattice
from hyperspy_smartalign.quality.lattice_drift import Cell, NoDriftError, drift_from_cell

CELLS = {
    "perovskite": [Cell(90, 1)],
    "hexagonal": [Cell(60, 1), Cell(120, 1), Cell(90, 3**0.5)],
    "dumbbell": [Cell(90, 0.5**0.5), Cell(90, 2**0.5), Cell(109.4712, 1)],
}


def scanned(kind, *, drift, rotation=0, dose=10.0, seed=0):
    """A frame with drift going on in it, its scan lines per pixel, and the truth."""
    shape = (224, 192)
    crystal = lattice(kind, spacing=16.3, angle=10, field=shape)
    simulated = simulate_stack(
        shape=shape,
        frames=1,
        crystal=crystal,
        dose=dose,
        drift=drift,
        drift_walk=0,
        in_frame_drift=True,
        scan_rotation=rotation,
        seed=seed,
    )
    geometry = simulated.truth.path.geometry
    slow = geometry.slow_axis(0)
    towards, within = geometry.scan_direction(0)
    lines = np.zeros(2)
    lines[slow], lines[1 - slow] = towards, within * geometry.dwell_time / geometry.line_time
    return simulated.stack[0], lines, geometry, np.array(drift) / shape[slow]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("kind", list(CELLS))
def test_known_drift_is_found(kind, rotation) -> None:
    frame, lines, geometry, truth = scanned(kind, drift=(-3.0, 5.0), rotation=rotation)
    measured = find_lattice(frame)
    for cell in CELLS[kind]:
        drift = drift_from_cell(measured, cell, lines=lines, line_time=geometry.line_time)
        assert np.all(np.abs(drift.per_line - truth) < 3.5 * drift.per_line_error)
        assert drift.significance > 20
        assert drift.distortion < 0.04
        assert drift.next_distortion > 5 * drift.distortion
        np.testing.assert_allclose(drift.per_second, drift.per_line / geometry.line_time)
        # Distortion taken off, the cell is the known one.
        straight = Lattice(
            drift.vectors, drift.measured.covariance, measured.spots, measured.strength
        )
        assert straight.angle == pytest.approx(cell.angle, abs=1e-6)
        assert straight.ratio == pytest.approx(cell.ratio, rel=1e-9)


def test_no_drift_is_none_within_the_error() -> None:
    scores = []
    for seed in range(8):
        frame, lines, _, _ = scanned("perovskite", drift=(0.0, 0.0), dose=2.0, seed=seed)
        drift = drift_from_cell(find_lattice(frame), Cell(90, 1), lines=lines)
        scores.append(drift.per_line / drift.per_line_error)
        assert drift.per_second is None
    # 16 numbers scatter about their spread by 18 %.
    assert 0.5 < np.sqrt(np.mean(np.square(scores))) < 1.6


def exact(vectors, *, scale=(1.0, 1.0), given=False) -> Lattice:
    return Lattice(
        np.array(vectors, float),
        1e-8 * np.eye(4),
        np.array([(1, 0), (0, 1)]),
        np.ones(2),
        given=given,
        scale=scale,
        units="nm",
    )


def test_lengths_tell_the_magnification_too() -> None:
    true = np.array([[2.0, 18.0], [18.0, -2.0]])
    velocity, lines = np.array([0.01, -0.03]), np.array([1.0, 0.002])
    matrix = np.linalg.inv(np.eye(2) - np.outer(velocity, lines))
    # Pixels that are not square, and 3 % larger than the calibration says.
    scale = np.array([0.02, 0.025])
    in_pixels = (true * 0.02 / scale) @ matrix.T
    length = np.hypot(2.0, 18.0) * 0.02
    drift = drift_from_cell(
        exact(in_pixels, scale=tuple(scale)),
        Cell.of_lengths(length / 1.03, length / 1.03, 90),
        lines=lines,
        line_time=0.5,
    )
    np.testing.assert_allclose(drift.per_line, velocity, rtol=1e-9)
    np.testing.assert_allclose(drift.matrix, matrix, rtol=1e-9)
    np.testing.assert_allclose(drift.rate, velocity * scale / 0.5)
    assert drift.magnification == pytest.approx(1.03)
    assert drift.magnification_error > 0
    assert np.all(drift.rate_error > 0)
    assert "magnification" in repr(drift)
    assert "nm/s" in repr(drift)


def test_given_vectors_are_those_of_the_cell() -> None:
    vectors = [[0.0, 10.0], [12.0, 0.5]]
    taken = drift_from_cell(exact(vectors, given=True), Cell(90, 1.2))
    np.testing.assert_array_equal(taken.measured.vectors, vectors)
    assert taken.next_distortion == np.inf
    with pytest.raises(NoDriftError, match="20 %"):
        drift_from_cell(exact(vectors, given=True), Cell(90, 1 / 1.2))
    assert drift_from_cell(exact(vectors), Cell(90, 1 / 1.2)).distortion < 0.06


def test_what_does_not_fit_is_refused() -> None:
    square = exact([[0, 10], [10, 0]])
    with pytest.raises(NoDriftError, match="does not fit a cell of angle 60"):
        drift_from_cell(square, Cell(60, 1.9))
    for wrong in ((0, 1), (180, 1), (np.nan, 1)):
        with pytest.raises(ValueError, match="angle"):
            Cell(*wrong)
    with pytest.raises(ValueError, match="ratio"):
        Cell(90, -1)
    with pytest.raises(ValueError, match="length b"):
        Cell.of_lengths(1, 0, 90)
    with pytest.raises(ValueError, match="scan lines per pixel"):
        drift_from_cell(square, Cell(90, 1), lines=(0, 0))
