"""Whether a distortion is real: fitted on one half of every line, tried on the other half.

The halves are interleaved blocks of pixels. They share the displacement of their line but not their
noise, so that noise which a fit followed does not come back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.workers import run_tasks

from .gauge import common_part
from .lines import LinePath
from .process import LineProcess
from .smoother import smooth_lines

__all__ = ["dispersion", "line_gain"]

DoubleArray = npt.NDArray[np.float64]
Quadratic = tuple[DoubleArray, DoubleArray]

#: Standard deviation of a drift or slope that is as good as none, px.
NONE = 1e-6


def dispersion(disagreements: Sequence[DoubleArray]) -> float:
    """How much more the halves of the lines disagree than the noise of their pixels explains.

    1 for white noise. More where noise is correlated along the lines, or where frames differ in
    other ways than by the displacement of their lines: then pixels say less than they seem to.

    Parameters
    ----------
    disagreements : sequence of (k,) array
        Of each frame: `LineEquations.disagreement`.

    Returns
    -------
    float
        At least 1.
    """
    squares = np.concatenate([*disagreements, np.empty(0)])
    if len(squares) < 8:
        return 1.0
    # The median of a chi-square with 2 degrees of freedom: lines where things moved do not count.
    return float(max(np.median(squares) / (2 * np.log(2)), 1.0))


def _fitted(data: Quadratic, process: LineProcess | None, rms: DoubleArray) -> DoubleArray:
    """Parameters of the lines; only a shift of the frame where there is no process."""
    if process is None:
        return smooth_lines(
            *data, LineProcess.none(), np.zeros(2), drift_error=NONE, slope_error=NONE
        ).values
    return smooth_lines(*data, process, rms).values


def _score(data: Quadratic, values: DoubleArray) -> float:
    """Log-likelihood of displacements, relative to none."""
    information, vector = data
    quadratic = np.einsum("ki,kij,kj->", values, information, values)
    return float((vector * values).sum() - 0.5 * quadratic)


def _common(paths: Sequence[LinePath], values: Sequence[DoubleArray]) -> list[DoubleArray]:
    """What is common to all frames in lines of the common frame, at the lines of each frame."""
    mean = np.mean([value.mean(0) for value in values], axis=0)
    columns = []
    for first in range(0, values[0].shape[1], 2):
        rows, part = common_part(paths, [value[:, first : first + 2] for value in values])
        columns.append(part - part.mean(0))
    common = np.concatenate(columns, axis=1) + mean
    places = [np.arange(path.lines) - path.offsets[:, 0] for path in paths]
    return [
        np.stack([np.interp(place, rows, column) for column in common.T], axis=1)
        for place in places
    ]


def line_gain(
    halves: Sequence[tuple[Quadratic, Quadratic]],
    process: LineProcess,
    rms: DoubleArray,
    *,
    paths: Sequence[LinePath],
    groups: Sequence[Sequence[int]],
    against_drift: bool,
    num_workers: int | None = None,
) -> DoubleArray:
    """Rise of the log-likelihood of held-out pixels by the displacements of the lines.

    Parameters
    ----------
    halves : sequence of two ((lines, m, m) array, (lines, m) array)
        A and b of each half of the lines of each frame, about no displacement.
    process, rms
        Prior of the lines; no process fits drift, and slopes where m = 4.
    paths : sequence of LinePath
        Where the lines of each frame are.
    groups : sequence of sequence of int
        Frames whose common displacement is undetermined, and does not count.
    against_drift : bool
        Compare with lines that only drift; otherwise with a frame that only shifts.
    num_workers : int, optional

    Returns
    -------
    (n,) array
        Of each frame. Below 0: the displacements make pixels that were not fitted worse.
    """
    simple = LineProcess.none() if against_drift else None
    n = len(halves)
    gains = np.zeros(n)
    for fitted, tried in ((0, 1), (1, 0)):
        values: list[DoubleArray] = [np.empty(0)] * n
        plain: list[DoubleArray] = [np.empty(0)] * n

        def task(
            index: int, fitted: int = fitted, values: Any = values, plain: Any = plain
        ) -> None:
            values[index] = _fitted(halves[index][fitted], process, rms)
            plain[index] = _fitted(halves[index][fitted], simple, np.zeros(2))

        run_tasks(task, n, num_workers=num_workers)
        for group in groups:
            members = [paths[i] for i in group]
            for i, common in zip(
                group, _common(members, [values[i] - plain[i] for i in group]), strict=True
            ):
                values[i] = values[i] - common
        for index in range(n):
            data = halves[index][tried]
            gains[index] += _score(data, values[index]) - _score(data, plain[index])
    return gains
