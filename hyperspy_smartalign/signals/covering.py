"""Which part of the common frame was seen by the frames, whatever their transforms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.transforms import Canvas, ScanLine, Transform

BoolArray = npt.NDArray[np.bool_]

# Less than the tolerance of resampling (1e-6 px), so that what is called seen is never filled.
_TOLERANCE = 5e-7
# Pixels beyond the frame in which transforms may still move content.
_MARGIN = 2


def common_canvas(transforms: Sequence[Transform], frame_shape: tuple[int, int]) -> Canvas:
    """A rectangle that every frame has seen, and that cannot be made larger.

    Parameters
    ----------
    transforms : sequence of Transform
        One a frame.
    frame_shape : (height, width)
        Shape of the frames in pixels.

    Returns
    -------
    Canvas
        The largest of the rectangles around the middle of what all frames saw.

    Raises
    ------
    ValueError
        No pixel is common to all frames; the message names frames to exclude.
    """
    window = _shared(_reaches(transforms, frame_shape))
    if window is None:
        raise ValueError(_nothing_in_common(transforms, frame_shape))
    seen = np.ones(window.shape, bool)
    for transform in transforms:
        seen &= seen_by(transform, frame_shape, window)
    if not seen.any():
        raise ValueError(_nothing_in_common(transforms, frame_shape))
    return largest_rectangle(seen).moved(window.origin)


def union_canvas(transforms: Sequence[Transform], frame_shape: tuple[int, int]) -> Canvas:
    """The smallest rectangle that holds every pixel seen by any frame; arguments as above.

    Raises
    ------
    ValueError
        No whole pixel was seen.
    """
    found: list[tuple[int, int, int, int]] = []
    for transform, window in zip(transforms, _reaches(transforms, frame_shape), strict=True):
        seen = seen_by(transform, frame_shape, window)
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        if rows.size:
            found.append(
                (
                    window.left + int(columns[0]),
                    window.left + int(columns[-1]) + 1,
                    window.top + int(rows[0]),
                    window.top + int(rows[-1]) + 1,
                )
            )
    if not found:
        raise ValueError("the frames see no whole pixel of the common frame; check the transforms")
    left, right, top, bottom = np.array(found).T
    return Canvas.from_roi(int(left.min()), int(right.max()), int(top.min()), int(bottom.max()))


def seen_by(transform: Transform, frame_shape: tuple[int, int], window: Canvas) -> BoolArray:
    """Pixels of a window of the common frame that a frame saw, as a mask (height, width)."""
    last = np.subtract(frame_shape, 1)
    if isinstance(transform, ScanLine):
        return _seen_by_lines(transform, last, window)
    places = transform.displacement(window.shape, origin=window.origin)
    places[0] += (window.top + np.arange(window.height))[:, None]
    places[1] += window.left + np.arange(window.width)
    inside = (places >= -_TOLERANCE) & (places <= last[:, None, None] + _TOLERANCE)
    return np.asarray(inside.all(axis=0))


def _seen_by_lines(transform: ScanLine, last: npt.NDArray[np.intp], window: Canvas) -> BoolArray:
    """The same for scan lines, whose offsets are read once a line."""
    slow, fast = transform.axis, 1 - transform.axis
    lines = window.origin[slow] + np.arange(window.shape[slow])
    along = window.origin[fast] + np.arange(window.shape[fast])
    offsets, slope = transform.offsets_at(lines), transform.rotation_at(lines)
    seen = np.ones((1, 1), bool)
    for axis, places in ((slow, lines[:, None]), (fast, along)):
        there = places + offsets[:, axis, None]
        if slope[:, axis].any():
            there = there + slope[:, axis, None] * (along - transform.line_centre)
        seen = seen & (there >= -_TOLERANCE) & (there <= last[axis] + _TOLERANCE)
    return seen if slow == 0 else np.ascontiguousarray(seen.T)


def _reaches(transforms: Iterable[Transform], frame_shape: tuple[int, int]) -> list[Canvas]:
    """For each frame, a window outside which it saw nothing."""
    return [_reach(transform, frame_shape) for transform in transforms]


def _reach(transform: Transform, frame_shape: tuple[int, int]) -> Canvas:
    middle = np.rint(transform.mean(frame_shape)).astype(int)
    home = Canvas.of_frame(frame_shape).moved((-int(middle[0]), -int(middle[1])))
    low, high = _extremes(transform, home)
    # Content of the edges lies where p + d(p) is 0 or the last pixel; d changes little beyond.
    margin = math.ceil(float((high - low).max())) + _MARGIN
    low, high = _extremes(transform, _grown(home, margin))
    top, left = np.floor(-high).astype(int) - 1
    bottom, right = np.ceil(np.subtract(frame_shape, low)).astype(int) + 1
    return Canvas.from_roi(int(left), int(right), int(top), int(bottom))


def _extremes(
    transform: Transform, window: Canvas
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Least and greatest displacement (y, x) in a window."""
    if isinstance(transform, ScanLine):
        # Linear along a line, so extreme at its ends.
        slow, fast = transform.axis, 1 - transform.axis
        lines = window.origin[slow] + np.arange(window.shape[slow])
        ends = window.origin[fast] + np.array([0, window.shape[fast] - 1]) - transform.line_centre
        moves = transform.offsets_at(lines)[None] + (
            transform.rotation_at(lines)[None] * ends[:, None, None]
        )
        return moves.min(axis=(0, 1)), moves.max(axis=(0, 1))
    field = transform.displacement(window.shape, origin=window.origin)
    return field.min(axis=(1, 2)), field.max(axis=(1, 2))


def _grown(canvas: Canvas, margin: int) -> Canvas:
    return Canvas(
        canvas.top - margin,
        canvas.left - margin,
        canvas.height + 2 * margin,
        canvas.width + 2 * margin,
    )


def _shared(windows: Sequence[Canvas]) -> Canvas | None:
    """The part that all windows cover, None where there is none."""
    shared = windows[0]
    try:
        for window in windows[1:]:
            shared = shared.intersect(window)
    except ValueError:
        return None
    return shared


def largest_rectangle(seen: BoolArray) -> Canvas:
    """The largest rectangle of True that holds the middle of a mask, or the True nearest to it."""
    places = np.argwhere(seen)
    row, column = places[np.abs(places - np.median(places, axis=0)).max(axis=1).argmin()]
    starts, ends = _runs(seen, int(column))
    rows = np.flatnonzero(~seen[:, column])
    first = int(rows[rows < row].max(initial=-1)) + 1
    stop = int(rows[rows > row].min(initial=len(seen)))
    best, canvas = 0, Canvas(int(row), int(column), 1, 1)
    for top in range(first, int(row) + 1):
        left = np.maximum.accumulate(starts[top:stop])
        right = np.minimum.accumulate(ends[top:stop])
        # Rectangles from this row down to each row at or below the middle.
        heights = np.arange(1, stop - top + 1)
        areas = ((right - left) * heights)[row - top :]
        widest = int(areas.argmax())
        if areas[widest] > best:
            best, end = int(areas[widest]), int(row) - top + widest
            canvas = Canvas(top, int(left[end]), end + 1, int(right[end] - left[end]))
    return canvas


def _runs(seen: BoolArray, column: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First column and end of the run of True through a column, for each row."""
    before = ~seen[:, column::-1]
    after = ~seen[:, column:]
    width = seen.shape[1]
    start = np.where(before.any(axis=1), column + 1 - before.argmax(axis=1), 0)
    end = np.where(after.any(axis=1), column + after.argmax(axis=1), width)
    return start, end


def _nothing_in_common(transforms: Sequence[Transform], frame_shape: tuple[int, int]) -> str:
    """What to say where no pixel is common; that of the mean shifts, if they tell."""
    means = np.array([transform.mean(frame_shape) for transform in transforms])
    try:
        Canvas.common(means, frame_shape)
    except ValueError as error:
        return str(error)
    return (
        f"no area is common to all {len(transforms)} frames of {frame_shape[0]} x "
        f"{frame_shape[1]} px, as their distortions are too large; exclude frames or use crop=False"
    )
