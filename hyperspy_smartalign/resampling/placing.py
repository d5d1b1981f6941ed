"""Where the pixels of a raw frame belong on the common frame: the way back of a transform.

A transform says where to look up what belongs at a pixel. Counts are sent the other way: each pixel
of the frame to the point p with p + d(p) = pixel. Frames where content folds over itself have
pixels without such a point, or with several; they get a near one, because no count may be lost.
"""

from __future__ import annotations

import numpy as np

from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.options import DoubleArray
from hyperspy_smartalign.transforms import Affine, ScanLine, Transform, Translation

_ITERATIONS = 60
_ACCURACY = 1e-7


def places_of(transform: Transform, shape: tuple[int, int]) -> DoubleArray:
    """Points of the common frame to which the pixels of a frame belong.

    Parameters
    ----------
    transform : Transform
        Of the frame.
    shape : (h, w)
        Shape of the frame.

    Returns
    -------
    (2, h, w) float64 array
        Coordinates (y, x) in pixels of the common frame, finite for every pixel. Exact for
        `Translation`, `Affine`, and `ScanLine` without rotation whose lines stay in order; for
        others to within 1e-7 px on displacements interpolated linearly between pixels.
    """
    if isinstance(transform, Translation | Affine):
        pixels = np.indices(shape, dtype=np.float64)
        return pixels + transform.inverse().at(pixels)
    if isinstance(transform, ScanLine) and not transform.has_rotation:
        return _places_of_lines(transform, shape)
    return _places_of_field(transform, shape)


def _places_of_lines(transform: ScanLine, shape: tuple[int, int]) -> DoubleArray:
    """Each line of the frame as a whole, to where it was recorded."""
    axis = transform.axis
    lines = np.arange(shape[axis], dtype=np.float64)
    own = transform.first_row + np.arange(transform.rows, dtype=np.float64)
    # Before the first and after the last line their offsets go on: two lines far away say so.
    far = np.abs(transform.offsets[:, axis]).max() + sum(shape) + 1.0
    slow = np.concatenate(([own[0] - far], own, [own[-1] + far]))
    slow[0] = min(slow[0], -far)
    slow[-1] = max(slow[-1], shape[axis] + far)
    arrive = slow + transform.offsets_at(slow)[:, axis]
    # Lines out of order: halfway between the two nearest orders that do not decrease.
    ordered = np.maximum.accumulate(arrive) + np.minimum.accumulate(arrive[::-1])[::-1]
    place = np.interp(lines, ordered / 2, slow)
    along = -transform.offsets_at(place)[:, 1 - axis]
    points = np.indices(shape, dtype=np.float64)
    points[axis] = place[:, None] if axis == 0 else place
    points[1 - axis] += along[:, None] if axis == 0 else along
    return points


def _places_of_field(transform: Transform, shape: tuple[int, int]) -> DoubleArray:
    """By fixed-point iteration on the displacement at every pixel around the frame."""
    reach = np.abs(transform.displacement(shape)).max()
    # Beyond this margin the displacement at the edge goes on.
    margin = min(int(np.ceil(reach)) + 2, sum(shape))
    grid = (shape[0] + 2 * margin, shape[1] + 2 * margin)
    field = transform.displacement(grid, origin=(-margin, -margin))
    points = np.empty((2, *shape))
    solve_places(np.ascontiguousarray(field), float(margin), points)
    return points


@compiled
def read_field(field: DoubleArray, y: float, x: float) -> tuple[float, float]:
    """Displacement at a point in grid coordinates, linear between nodes, held beyond the edges."""
    rows, columns = field.shape[1:]
    y, x = min(max(y, 0.0), rows - 1.0), min(max(x, 0.0), columns - 1.0)
    j, k = min(int(y), max(rows - 2, 0)), min(int(x), max(columns - 2, 0))
    fy, fx = y - j, x - k
    j1, k1 = min(j + 1, rows - 1), min(k + 1, columns - 1)
    g = (1.0 - fy) * (1.0 - fx), (1.0 - fy) * fx, fy * (1.0 - fx), fy * fx
    dy = g[0] * field[0, j, k] + g[1] * field[0, j, k1]
    dx = g[0] * field[1, j, k] + g[1] * field[1, j, k1]
    dy += g[2] * field[0, j1, k] + g[3] * field[0, j1, k1]
    dx += g[2] * field[1, j1, k] + g[3] * field[1, j1, k1]
    return dy, dx


@compiled
def solve_places(field: DoubleArray, margin: float, points: DoubleArray) -> None:
    """Points p with p + d(p) = pixel, for every pixel; the nearest found where there is none.

    A step that does not bring the point closer is halved, from the best point so far.
    """
    for r in range(points.shape[1]):
        for s in range(points.shape[2]):
            dy, dx = read_field(field, r + margin, s + margin)
            y, x = r - dy, s - dx
            best_y, best_x, best = y, x, np.inf
            move_y, move_x = 0.0, 0.0
            for _ in range(_ITERATIONS):
                dy, dx = read_field(field, y + margin, x + margin)
                miss_y, miss_x = r - dy - y, s - dx - x
                miss = max(abs(miss_y), abs(miss_x))
                if miss < best:
                    best_y, best_x, best = y, x, miss
                    move_y, move_x = miss_y, miss_x
                else:
                    move_y, move_x = move_y / 2, move_x / 2
                if best < _ACCURACY:
                    break
                y, x = best_y + move_y, best_x + move_x
            points[0, r, s], points[1, r, s] = best_y, best_x
