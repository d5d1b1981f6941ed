"""Two stages in one transform: total(p) = second(p) + first(p + second(p))."""

from __future__ import annotations

import math

import numpy as np

from ._base import Transform, as_columns, pixel_grid
from ._validation import FloatArray
from .affine import Affine
from .field import Field
from .scan_line import ScanLine
from .translation import Translation


def compose_pair(first: Transform, second: Transform) -> Transform:
    """The simplest transform that does `first` (found on raw frames) and then `second`."""
    if not isinstance(second, Transform):
        raise TypeError(f"second must be a transform, not {type(second).__name__}")
    if isinstance(second, Translation):
        return first.moved(second.shift).plus(second.shift)
    if isinstance(first, Translation):
        return second.plus(first.shift)
    if isinstance(first, Affine) and isinstance(second, Affine):
        return _affines(first, second)
    if isinstance(first, Affine) and isinstance(second, ScanLine):
        return _affine_then_lines(first, second)
    if isinstance(first, ScanLine) and isinstance(second, Affine):
        return _lines_then_affine(first, second)
    if isinstance(first, ScanLine) and isinstance(second, ScanLine) and first.axis == second.axis:
        return _lines_then_lines(first, second)
    return _on_grid(first, second)


def _affines(first: Affine, second: Affine) -> Affine:
    arrives = second.centre + second.shift
    return Affine(
        first.matrix @ second.matrix,
        shift=arrives + first.at(arrives) - second.centre,
        centre=second.centre,
    )


def _affine_then_lines(first: Affine, second: ScanLine) -> ScanLine:
    # An affine map of lines is linear along them, so lines stay lines.
    lines = second.first_row + np.arange(second.rows)
    centres = np.empty((2, second.rows))
    centres[second.axis], centres[1 - second.axis] = lines, second.line_centre
    along = first.matrix[:, 1 - second.axis] - np.eye(2)[1 - second.axis]
    return ScanLine(
        second.offsets + first.at(centres + second.offsets.T).T,
        rotation=second.rotation @ first.matrix.T + along,
        axis=second.axis,
        first_row=second.first_row,
        line_centre=second.line_centre,
    )


def _lines_then_affine(first: ScanLine, second: Affine) -> ScanLine:
    slow, fast = first.axis, 1 - first.axis
    # Whole pixels that cover where the lines come from, at the affine's own centre.
    ends = first.first_row + np.array([0, first.rows - 1])
    away = (ends - second.centre[slow] - second.shift[slow]) / second.matrix[slow, slow]
    start, stop = np.sort(second.centre[slow] + away)
    lines = np.arange(math.floor(start), math.ceil(stop) + 1, dtype=np.float64)
    centres = np.empty((2, lines.size))
    centres[slow], centres[fast] = lines, second.centre[fast]
    slope = np.tile(second.matrix[:, fast] - np.eye(2)[fast], (lines.size, 1))
    return _read_along(
        first,
        lines=lines,
        offsets=second.at(centres).T,
        rotation=slope,
        line_centre=float(second.centre[fast]),
    )


def _lines_then_lines(first: ScanLine, second: ScanLine) -> ScanLine:
    slow = first.axis
    first_end = first.first_row + first.rows - 1
    second_end = second.first_row + second.rows - 1
    # The first stage's lines may be asked for beyond those of the second.
    before = second.first_row - (first.first_row - second.offsets[0, slow])
    after = (first_end - second.offsets[-1, slow]) - second_end
    start = second.first_row - max(0, math.ceil(before))
    count = max(0, math.ceil(before)) + second.rows + max(0, math.ceil(after))
    lines = start + np.arange(count)
    return _read_along(
        first,
        lines=lines,
        offsets=second.offsets_at(lines),
        rotation=second.rotation_at(lines),
        line_centre=second.line_centre,
    )


def _read_along(
    first: ScanLine,
    *,
    lines: FloatArray,
    offsets: FloatArray,
    rotation: FloatArray,
    line_centre: float,
) -> ScanLine:
    """Compose with a second stage given by its offsets and slopes (lines, 2) on `lines`."""
    slow, fast = first.axis, 1 - first.axis
    source = lines + offsets[:, slow]
    slope = first.rotation_at(source)
    along = line_centre + offsets[:, fast] - first.line_centre
    return ScanLine(
        offsets + first.offsets_at(source) + slope * along[:, None],
        rotation=rotation + slope * (1 + rotation[:, fast, None]),
        axis=first.axis,
        first_row=float(lines[0]),
        line_centre=line_centre,
    )


def _on_grid(first: Transform, second: Transform) -> Field:
    """Sample the composition on a grid that resolves and covers both stages."""
    axes = [_grid_along(axis, first, second) for axis in (0, 1)]
    origin = np.array([start for start, _, _ in axes])
    spacing = np.array([step for _, step, _ in axes])
    shape = axes[0][2], axes[1][2]
    nodes = as_columns(origin, 3) + pixel_grid(shape) * as_columns(spacing, 3)
    later = second.at(nodes)
    return Field(later + first.at(nodes + later), origin, spacing)


def _grid_along(axis: int, first: Transform, second: Transform) -> tuple[float, float, int]:
    """First node, spacing and number of nodes along one axis."""
    ours, theirs = _extent(first, axis), _extent(second, axis)
    if ours is not None:
        # Where the first stage's nodes lie before the second stage moves them.
        low, high = _range(second, axis, first)
        ours = ours[0] - high, ours[1] - low, ours[2]
    if theirs is None:
        if ours is None:
            raise TypeError(f"cannot compose {type(first).__name__} and {type(second).__name__}")
        theirs = ours
    ours = ours or theirs
    step = theirs[2] / max(1, math.ceil(theirs[2] / ours[2] - 1e-9))
    before = max(0, math.ceil((theirs[0] - ours[0]) / step - 1e-9))
    last = max(theirs[1], ours[1])
    count = before + math.ceil((last - theirs[0]) / step - 1e-9) + 1
    return theirs[0] - before * step, step, count


def _extent(transform: Transform, axis: int) -> tuple[float, float, float] | None:
    """First and last node and their distance along an axis; None where there are no nodes."""
    if isinstance(transform, Field):
        start, step = float(transform.origin[axis]), float(transform.spacing[axis])
        return start, start + (transform.values.shape[axis + 1] - 1) * step, step
    if isinstance(transform, ScanLine) and transform.axis == axis:
        return transform.first_row, transform.first_row + transform.rows - 1, 1.0
    return None


def _range(second: Transform, axis: int, first: Transform) -> tuple[float, float]:
    """Least and greatest displacement of the second stage along an axis."""
    if isinstance(second, Field):
        moves = second.values[axis]
    elif isinstance(first, Field):
        moves = second.at(first.nodes)[axis]
    elif isinstance(second, ScanLine):
        moves = second.offsets[:, axis]
    else:
        raise TypeError(f"cannot compose {type(first).__name__} and {type(second).__name__}")
    return float(moves.min()), float(moves.max())
