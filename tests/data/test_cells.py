from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data.cells import LATTICE_KINDS, unit_cell


def nearest_distance(positions: np.ndarray) -> float:
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    return float(apart[~np.eye(len(positions), dtype=bool)].min())


@pytest.mark.parametrize(
    ("kind", "nearest"),
    [("square", 1.0), ("perovskite", 0.5**0.5), ("hexagonal", 3**-0.5), ("dumbbell", 0.25)],
)
def test_neighbours_are_as_far_apart_as_the_lattice_says(kind, nearest):
    cell = unit_cell(kind, spacing=12.3, angle=31.0)
    assert cell.nearest_distance == pytest.approx(12.3 * nearest, rel=1e-9)
    positions, _ = cell.fill((-30, -30), (30, 30), origin=(0.0, 0.0))
    assert nearest_distance(positions) == pytest.approx(12.3 * nearest, rel=1e-9)


@pytest.mark.parametrize("kind", LATTICE_KINDS)
@pytest.mark.parametrize("angle", [0.0, 10.0, 77.0])
def test_a_rectangle_is_filled_without_holes(kind, angle):
    cell = unit_cell(kind, spacing=10.0, angle=angle)
    positions, members = cell.fill((-50, -20), (49, 119), origin=(3.0, 4.0))
    area = 99 * 139 / abs(np.linalg.det(cell.vectors))
    # Cells cut by the rim may be in or out: the count differs by a share of the perimeter.
    assert len(positions) / len(cell.basis) == pytest.approx(area, rel=0.05)
    assert np.all((positions >= (-50, -20)) & (positions <= (49, 119)))
    assert set(members) == set(range(len(cell.basis)))


def test_a_positive_angle_turns_counter_clockwise_on_the_screen():
    along_x = unit_cell("square", spacing=10.0, angle=30.0).vectors[1]
    # y points down on the screen, so counter-clockwise from x is towards negative y.
    np.testing.assert_allclose(along_x, [-5.0, 10 * np.cos(np.pi / 6)])


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"kind": "cubic"}, "use one of 'square'"),
        ({"spacing": 0.0}, "spacing is 0"),
        ({"spacing": -3.0}, "spacing is -3"),
        ({"width": float("nan")}, "width is nan"),
    ],
)
def test_bad_cells_are_refused(keywords, message):
    with pytest.raises(ValueError, match=message):
        unit_cell(**keywords)
