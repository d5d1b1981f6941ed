"""What is common to all frames: what the scan directions leave undetermined, and what they tell.

Frames are compared with their own mean. With one scan direction, displacements of lines that are
the same in all frames only distort the mean: they cannot be seen, and are kept out. Frames of
another direction see them: across their lines they are differences from pixel to pixel. Then they
are solved too, but a group of frames shares its error with the part of the mean that it makes up,
so that its common part moves too little in each pass, by a known factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .lines import LinePath

__all__ = ["anchor", "common_part", "undetermined"]

DoubleArray = npt.NDArray[np.float64]

#: Share of the frames of a group that must have seen a line for its common part to be known.
LEAST_SEEN = 0.5


def _in_order(path: LinePath, values: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Place of each line in the common frame, in order, and what belongs to each."""
    place = np.arange(path.lines) - path.offsets[:, 0]
    order = np.argsort(place, kind="stable")
    return place[order], values[order]


def common_part(
    paths: Sequence[LinePath], values: Sequence[DoubleArray]
) -> tuple[DoubleArray, DoubleArray]:
    """Mean over frames of a value a line, at whole lines of the common frame.

    Parameters
    ----------
    paths : sequence of LinePath
        Where the lines are, all of one slow axis.
    values : sequence of (lines, 2) array

    Returns
    -------
    rows : (r,) array
        Lines of the common frame that half of the frames or more have seen.
    mean : (r, 2) array
    """
    arrivals = [_in_order(path, value) for path, value in zip(paths, values, strict=True)]
    first = int(np.floor(min(place[0] for place, _ in arrivals)))
    last = int(np.ceil(max(place[-1] for place, _ in arrivals)))
    rows = np.arange(first, last + 1, dtype=np.float64)
    # Summed from row to row: frames that end where others go on then leave no step behind.
    total, seen = np.zeros((len(rows) - 1, 2)), np.zeros(len(rows) - 1)
    for place, value in arrivals:
        inside = (rows[:-1] >= place[0]) & (rows[1:] <= place[-1])
        for column in range(2):
            total[inside, column] += np.diff(np.interp(rows, place, value[:, column]))[inside]
        seen += inside
    known = seen >= min(len(paths), max(2.0, LEAST_SEEN * len(paths)))
    steps = np.where(known[:, None], total / np.maximum(seen, 1.0)[:, None], 0.0)
    part = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    # Beyond the rows that are known the part stays as it is at their ends.
    ends = np.flatnonzero(known)
    if not len(ends):
        return rows[:1], part[:1]
    return rows[ends[0] : ends[-1] + 2], part[ends[0] : ends[-1] + 2]


def _with_common(
    path: LinePath, rows: DoubleArray, wobble: DoubleArray, slope: DoubleArray
) -> LinePath:
    """A path with a function of the common frame's lines added: a wobble and a straight part."""
    place = np.arange(path.lines) - path.offsets[:, 0]
    added = (place - rows.mean())[:, None] * slope
    if wobble.any():
        held = [np.interp(place, rows, wobble[:, column]) for column in range(2)]
        added = added + np.stack(held, axis=1)
    return replace(path, offsets=path.offsets + added)


def _parted(rows: DoubleArray, part: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """A function of the lines as a wobble of mean zero, and the slope (2,) of its straight part."""
    centred = rows - rows.mean()
    slope = np.asarray(centred @ part / max(float(centred @ centred), 1e-30))
    return part - part.mean(0) - centred[:, None] * slope, slope


def anchor(
    before: Sequence[LinePath],
    after: Sequence[LinePath],
    used: npt.NDArray[np.bool_],
    *,
    rates: DoubleArray | None,
    model: str,
) -> tuple[LinePath, ...]:
    """Paths after a pass, with their common part where it belongs.

    Parameters
    ----------
    before, after : sequence of LinePath
        Before and after the pass.
    used : (n,) bool
        Frames that make the mean.
    rates : (n, 2) array or None
        Expected drift (y, x) of each frame in px a line, where the scan times tell it.
    model : {"affine", "scan_locked", "row_fitting"}
        What the pass was free to change.

    Returns
    -------
    tuple of LinePath
        With the mean displacement of all frames as it was; with no common slope along the lines;
        for one scan direction, with no common part of the lines but the mean drift that `rates`
        tell; for several, with their common parts moved as far as the pass meant to.
    """
    paths = _without_common_slope(list(after), used)
    members = [int(i) for i in np.flatnonzero(used)]
    axes = sorted({paths[i].axis for i in members})
    if len(axes) == 1:
        paths = _without_common_part(paths, members, rates, model)
    else:
        for axis in axes:
            group = [i for i in members if paths[i].axis == axis]
            share = max(len(group) - 1, 0) / max(len(members) - 1, 1)
            moved = [paths[i].offsets - before[i].offsets for i in group]
            rows, part = common_part([paths[i] for i in group], moved)
            wobble, slope = _parted(rows, part)
            # Between 1 / (1 - share), right where data decide, and 1, right where the prior does.
            lacking = share / (2.0 - share)
            # Slopes along the other frames' lines have moved the straight part already.
            slope = lacking * slope if model == "scan_locked" else np.zeros(2)
            wobble = np.zeros_like(wobble) if model == "affine" else lacking * wobble
            for i in group:
                paths[i] = _with_common(paths[i], rows, wobble, slope)
    change = np.mean(
        [paths[i].image_order(paths[i].mean - before[i].mean) for i in members], axis=0
    )
    return tuple(replace(path, offsets=path.offsets - path.image_order(change)) for path in paths)


def _without_common_slope(paths: list[LinePath], used: npt.NDArray[np.bool_]) -> list[LinePath]:
    """Take the mean slope along the lines off, as a distortion of the whole common frame."""
    for axis in (0, 1):
        group = [path for path, use in zip(paths, used, strict=True) if use and path.axis == axis]
        if not group:
            continue
        slope = np.mean([path.slopes.mean(0) for path in group], axis=0)
        if not slope.any():
            continue
        for i, path in enumerate(paths):
            if path.axis == axis:
                paths[i] = replace(path, slopes=path.slopes - slope)
            else:
                # Along the other frames' slow axis the same distortion is a drift.
                ramp = path.place()[:, None] * (path.lines - 1) / 2 * slope[None, ::-1]
                paths[i] = replace(path, offsets=path.offsets - ramp)
    return paths


def _without_common_part(
    paths: list[LinePath], members: list[int], rates: DoubleArray | None, model: str
) -> list[LinePath]:
    group = [paths[i] for i in members]
    rows, part = common_part(group, [path.offsets - path.mean for path in group])
    wobble, slope = _parted(rows, part)
    if model == "affine":
        wobble = np.zeros_like(wobble)
    target = np.zeros(2)
    if rates is not None:
        target = group[0].image_order(rates[members].mean(0))
    return [_with_common(path, rows, -wobble, target - slope) for path in paths]


def undetermined(paths: Sequence[LinePath], rates: DoubleArray | None) -> str:
    """What the scan directions leave open, in plain words."""
    if len({path.axis for path in paths}) > 1:
        return (
            "Only a shift common to all frames is undetermined: frames of several scan "
            "directions determine the rest."
        )
    wobble = (
        "With one scan direction, displacements of scan lines that are common to all frames "
        "cannot be seen; they are taken as zero"
    )
    if rates is None:
        return (
            f"{wobble}, and so is the mean drift within a frame (a shear and a stretch along the "
            "slow scan). Record pairs at 0 and 90 degrees, tell the scan times, or compare with "
            "a known lattice."
        )
    return (
        f"{wobble}. The mean drift within a frame follows from the drift between frames and the "
        "scan times."
    )
