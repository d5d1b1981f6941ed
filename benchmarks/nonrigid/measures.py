"""How wrong displacements are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.contestants import Estimate as RigidEstimate
from benchmarks.measures import judge
from benchmarks.nonrigid.contestants import Estimate
from benchmarks.nonrigid.series import FloatArray
from hyperspy_smartalign.data import Truth

# Pixels at the edges that are left out: not all frames see them.
MARGIN = 16


@dataclass(frozen=True, eq=False)
class Residual:
    """Errors of one estimate in the interior of the frames.

    What is common to all frames of one scan direction distorts their mean only, so that no
    comparison of frames with it can see it. It is kept apart.

    Attributes
    ----------
    relative : (2,) float64
        Error (y, x) of the lines less what is common to all frames, rms, px. One degree of freedom
        is lost to the common part: without this, a perfect method would come out below the bound.
    common : (2,) float64
        Error (y, x) common to all frames of one scan direction, rms, px.
    normalised : float
        Rms of relative error / predicted standard error; 1 is honest, NaN where none is predicted.
    predicted : float
        Predicted standard error of the same lines, rms over both axes, px.
    hops : int
        Frames in a wrong unit cell from the start, which count in none of the above.
    """

    relative: FloatArray
    common: FloatArray
    normalised: float
    predicted: float
    hops: int


@dataclass(frozen=True, eq=False)
class _Lines:
    """Error (lines, 2), predicted error, and place in the common frame of one frame's lines."""

    error: FloatArray
    predicted: FloatArray
    place: FloatArray


def line_residual(
    estimate: Estimate, truth: Truth, *, spacing: float, margin: int = MARGIN
) -> Residual:
    """Errors of the lines; of a dense field, of its means over the lines.

    Parameters
    ----------
    estimate : Estimate
    truth : Truth
    spacing : float
        Lattice spacing, px: a frame off by more than half of it is in a wrong cell.
    margin : int
        Lines and pixels left out at each edge.
    """
    axes = [angle % 180 // 90 for angle in truth.path.rotation]
    lines = [_lines(estimate, truth, i, axis=axis, margin=margin) for i, axis in enumerate(axes)]
    means = np.array([line.error.mean(axis=0) for line in lines])
    right = judge(RigidEstimate(means), np.zeros_like(means), spacing=spacing).right
    origin = means[right].mean(axis=0)
    relative, normalised, predicted, common = [], [], [], []
    for axis in sorted(set(axes)):
        group = [lines[i] for i in np.flatnonzero(right) if axes[i] == axis]
        if len(group) < 2:
            continue
        # Half a line off at most: what is common is known there, without looking beyond the edge.
        grid = np.arange(margin, truth.path.shape[axis] - margin, dtype=np.float64)
        mean = np.mean([_at(grid, line.place, line.error - origin) for line in group], axis=0)
        common.append(mean)
        for line in group:
            inside = (line.place >= grid[0]) & (line.place <= grid[-1])
            shared = _at(line.place[inside], grid, mean)
            error = (line.error[inside] - origin - shared) * math.sqrt(
                len(group) / (len(group) - 1)
            )
            relative.append(error)
            predicted.append(line.predicted[inside])
            normalised.append(error / line.predicted[inside])
    return Residual(
        relative=rms(relative),
        common=rms(common),
        normalised=pooled(rms(normalised)),
        predicted=pooled(rms(predicted)),
        hops=int((~right).sum()),
    )


def _lines(estimate: Estimate, truth: Truth, frame: int, *, axis: int, margin: int) -> _Lines:
    error = estimate.displacement(frame) - truth.frame_displacement(frame)
    # Edges left out symmetrically: the mean is still that of the middle of the line.
    inner = (slice(None), slice(None), slice(margin, -margin))
    means = (error if axis == 0 else error.transpose(0, 2, 1))[inner].mean(axis=2).T
    count = len(means)
    known = estimate.line_errors
    predicted = np.full((count, 2), np.nan) if known is None else known[frame, :count]
    offsets = truth.shifts[frame] + truth.row_offsets[frame, :count]
    return _Lines(means, predicted, np.arange(count) - offsets[:, axis])


def _at(places: FloatArray, known: FloatArray, values: FloatArray) -> FloatArray:
    """Values (k, 2), linearly between where they are known."""
    order = np.argsort(known)
    return np.stack([np.interp(places, known[order], column) for column in values[order].T], axis=1)


def field_residual(estimate: Estimate, truth: Truth, *, margin: int = MARGIN) -> float:
    """Error of the whole field less what is common to all frames: rms px an axis."""
    total, squares, seen = (np.zeros((2, *truth.path.shape)) for _ in range(3))
    grid = np.indices(truth.path.shape, dtype=np.float64)
    for frame in range(len(truth.path)):
        error = estimate.displacement(frame) - truth.frame_displacement(frame)
        at = grid + truth.displacement(frame)
        sampled = np.stack(
            [ndimage.map_coordinates(part, at, order=1, cval=np.nan) for part in error]
        )
        known = np.isfinite(sampled)
        seen += known
        total += np.where(known, sampled, 0.0)
        squares += np.where(known, sampled, 0.0) ** 2
    inside = (slice(None), slice(margin, -margin), slice(margin, -margin))
    total, squares, seen = total[inside], squares[inside], seen[inside]
    enough = seen > 1
    variance = (squares - total**2 / np.maximum(seen, 1))[enough] / (seen[enough] - 1)
    return math.sqrt(variance.mean())


def rms(parts: Sequence[npt.NDArray[np.float64]]) -> FloatArray:
    """Root mean square (y, x) over finite values of arrays (k, 2); NaN where there are none."""
    values = np.concatenate([*parts, np.full((1, 2), np.nan)])
    finite = np.isfinite(values)
    count = np.where(finite.any(axis=0), finite.sum(axis=0), np.nan)
    return np.asarray(np.sqrt((np.where(finite, values, 0.0) ** 2).sum(axis=0) / count))


def pooled(pair: npt.ArrayLike) -> float:
    """Root mean square over both axes."""
    return float(np.sqrt(np.mean(np.square(pair))))
