"""The strength and the correlation length of the scan's instability, from the series itself.

Empirical Bayes: of the processes that could have displaced the lines, that one is taken under which
what all lines show is most likely, their displacements themselves being integrated out (type-II
maximum likelihood; Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006, chapter 5).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from hyperspy_smartalign.resampling.workers import run_tasks

from .likelihood import line_likelihood
from .process import SMOOTHNESSES, LineProcess, matern
from .result import ScanPrior

__all__ = ["estimate_prior"]

DoubleArray = npt.NDArray[np.float64]

#: At most this many lines tell the prior: enough for two numbers.
MOST_LINES = 2500
#: Rise of the log-likelihood that a process must earn to be believed.
LEAST_RISE = 3.0
LENGTHS = (0.3, 1.0, 3.0, 8.0, 20.0, 60.0)
DEVIATIONS = (0.03, 0.1, 0.3, 1.0)
SHORTEST, LONGEST = 0.1, 500.0
SMALLEST, LARGEST = 1e-4, 20.0


class _Lines:
    """Log-likelihood of a process along one axis."""

    def __init__(self, data: Sequence[tuple[DoubleArray, DoubleArray]], axis: int) -> None:
        self._data = [
            (
                np.ascontiguousarray(information[:, axis]),
                np.ascontiguousarray(vector[:, axis]),
            )
            for information, vector in data
        ]
        self.none = self._sum(LineProcess.none(), 0.0)

    def _sum(self, process: LineProcess, rms: float) -> float:
        return sum(
            line_likelihood(information, vector, process, rms) for information, vector in self._data
        )

    def rise(self, smoothness: float, length: float, rms: float) -> float:
        """Rise of the log-likelihood over lines that only drift."""
        return self._sum(matern(smoothness, length), rms) - self.none


def estimate_prior(
    data: Sequence[tuple[DoubleArray, DoubleArray]],
    *,
    length: float | None = None,
    previous: ScanPrior | None = None,
    num_workers: int | None = None,
) -> ScanPrior:
    """Process under which what the lines show is most likely.

    Parameters
    ----------
    data : sequence of ((lines, 2) array, (lines, 2) array)
        A and b of the offset (slow, fast) of each line, each by itself, about no displacement but
        mean and drift.
    length : float, optional
        Correlation length in lines, where the user gave it.
    previous : ScanPrior, optional
        An earlier estimate to start from, of the same smoothness.
    num_workers : int, optional

    Returns
    -------
    ScanPrior
        In the order (slow, fast); rms 0 where nothing but drift is seen.
    """
    lines = max((len(vector) for _, vector in data), default=1)
    frames = np.unique(
        np.linspace(0, len(data) - 1, max(2, min(len(data), MOST_LINES // lines))).astype(int)
    )
    likelihoods = [_Lines([data[i] for i in frames], axis) for axis in range(2)]
    smoothnesses = SMOOTHNESSES if previous is None else (previous.smoothness,)
    found: dict[tuple[int, float], tuple[float, float, float]] = {}
    tasks = [(axis, smoothness) for axis in range(2) for smoothness in smoothnesses]
    starts = [
        _coarse(likelihoods[axis], length) if previous is None else
        (float(previous.rms[axis]), float(previous.length[axis]))
        for axis in range(2)
    ]  # fmt: skip

    def task(position: int) -> None:
        axis, smoothness = tasks[position]
        found[axis, smoothness] = _climb(likelihoods[axis], smoothness, starts[axis], length)

    run_tasks(task, len(tasks), num_workers=num_workers)
    best = max(smoothnesses, key=lambda s: sum(found[axis, s][0] for axis in range(2)))
    rises, deviations, lengths = zip(*(found[axis, best] for axis in range(2)), strict=True)
    rms = np.where(np.array(rises) > LEAST_RISE, deviations, 0.0)
    return ScanPrior(rms=rms, length=np.array(lengths), smoothness=best)


def _coarse(lines: _Lines, length: float | None) -> tuple[float, float]:
    """Best of a few combinations."""
    lengths = LENGTHS if length is None else (length,)
    return max(
        ((rms, each) for each in lengths for rms in DEVIATIONS),
        key=lambda pair: lines.rise(1.5, pair[1], pair[0]),
    )


def _climb(
    lines: _Lines, smoothness: float, start: tuple[float, float], length: float | None
) -> tuple[float, float, float]:
    """Rise, standard deviation and length at the maximum of the likelihood."""

    def unpack(point: DoubleArray) -> tuple[float, float]:
        rms = float(np.clip(np.exp(point[0]), SMALLEST, LARGEST))
        free = float(np.clip(np.exp(point[-1]), SHORTEST, LONGEST))
        return rms, free if length is None else length

    def fall(point: DoubleArray) -> float:
        rms, each = unpack(point)
        return -lines.rise(smoothness, each, rms)

    begin = [np.log(max(start[0], 0.02))]
    if length is None:
        begin.append(np.log(start[1]))
    simplex = np.array([begin] + [[v + 0.4 * (i == j) for j, v in enumerate(begin)]
                                  for i in range(len(begin))])  # fmt: skip
    answer = minimize(
        fall,
        begin,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": 0.03, "fatol": 0.05, "maxfev": 30},
    )
    rms, each = unpack(answer.x)
    return -float(answer.fun), rms, each
