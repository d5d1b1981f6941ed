"""The strength and the correlation length of displacement fields, from the series itself.

Empirical Bayes as in `prior`: of the fields that could have displaced the frames, those are taken
under which what all frames show is most likely, the fields themselves being integrated out. In the
modes of the grid the likelihood is exact but for modes too weak to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from hyperspy_smartalign.resampling.workers import run_tasks

from .free_process import SMOOTHNESSES, axis_modes
from .result import ScanPrior
from .smoother import UNKNOWN

__all__ = ["estimate_free_prior"]

DoubleArray = npt.NDArray[np.float64]

#: At most this many nodes tell the prior, in windows of at most so many on a side.
MOST_NODES, WINDOW = 3500, 34
#: Modes with less signal than this share of their noise are left out, and so are all beyond a
#: number that is fast to solve.
UNSEEN, MOST_MODES = 0.02, 400
#: Correlation lengths at which fields of these smoothnesses look most alike, as ratios.
ALIKE = dict(zip(SMOOTHNESSES, (1.8, 1.35, 1.0), strict=True))
MIDDLE = 2.5
#: Rise of the log-likelihood that a field must earn to be believed. Four numbers are fitted to it,
#: and the filtered noise of the reference is not quite white: real fields earn hundreds.
LEAST_RISE = 8.0
#: Shortest correlation length in nodes: what is shorter the grid cannot hold.
SHORTEST = 1.5
LENGTHS = (2.0, 4.0, 8.0, 16.0)
DEVIATIONS = (0.03, 0.1, 0.3, 1.0)
SMALLEST, LARGEST = 1e-4, 20.0

Quadratic = tuple[DoubleArray, DoubleArray]


class _Nodes:
    """Log-likelihood of fields along one axis, of windows of the grids."""

    def __init__(self, windows: Sequence[Quadratic]) -> None:
        # A window without information knows nothing, and adds nothing to the likelihood.
        self._windows = [(a, b) for a, b in windows if a.sum() > 0]
        self._modes: dict[tuple[int, float, float], tuple[DoubleArray, DoubleArray]] = {}

    def rise(self, smoothness: float, length: float, rms: float) -> float:
        """Rise of the log-likelihood over frames that only shift; length in nodes."""
        return sum(self._rise(a, b, smoothness, length, rms) for a, b in self._windows)

    def _side(
        self, count: int, length: float, smoothness: float
    ) -> tuple[DoubleArray, DoubleArray]:
        key = (count, length, smoothness)
        if key not in self._modes:
            self._modes[key] = axis_modes(count, length, smoothness)
        return self._modes[key]

    def _rise(
        self, a: DoubleArray, b: DoubleArray, smoothness: float, length: float, rms: float
    ) -> float:
        down_powers, down = self._side(a.shape[0], length, smoothness)
        across_powers, across = self._side(a.shape[1], length, smoothness)
        # Modes of a side that are unseen with the strongest of the other are unseen with all.
        strongest = rms**2 * a.mean() * down_powers[0] * across_powers[0]
        seen_down = strongest * down_powers > UNSEEN * down_powers[0]
        seen_across = strongest * across_powers > UNSEEN * across_powers[0]
        down_powers, down = down_powers[seen_down], down[:, seen_down]
        across_powers, across = across_powers[seen_across], across[:, seen_across]
        powers = rms**2 * np.outer(down_powers, across_powers)
        signal = powers.ravel() * a.mean()
        kept = np.flatnonzero(signal > UNSEEN)
        if len(kept) > MOST_MODES:
            kept = kept[np.argsort(signal[kept])[::-1][:MOST_MODES]]
        known = a.sum() + 1.0 / UNKNOWN**2
        if not len(kept):
            return 0.0
        r, s = len(down_powers), len(across_powers)
        scale = np.sqrt(powers.ravel()[kept])
        # L^T A L from products of modes along y and along x, one side after the other.
        pairs_down = (down[:, :, None] * down[:, None, :]).reshape(len(down), -1)
        pairs_across = (across[:, :, None] * across[:, None, :]).reshape(len(across), -1)
        inner = (pairs_down.T @ a @ pairs_across).reshape(r, r, s, s).swapaxes(1, 2)
        inner = inner.reshape(r * s, r * s)[np.ix_(kept, kept)] * np.outer(scale, scale)
        # The shift of the frame is integrated out as well: only what differs from it counts.
        lever = (down.T @ a @ across).ravel()[kept] * scale
        force = (down.T @ b @ across).ravel()[kept] * scale - lever * b.sum() / known
        inner -= np.outer(lever, lever) / known
        inner[np.diag_indices_from(inner)] += 1.0
        factor = cho_factor(inner, lower=True, overwrite_a=True, check_finite=False)
        gain = 0.5 * force @ cho_solve(factor, force, check_finite=False)
        return float(gain - np.log(np.diagonal(factor[0])).sum())


def estimate_free_prior(
    data: Sequence[Quadratic],
    *,
    spacing: float,
    length: float | None = None,
    previous: ScanPrior | None = None,
    num_workers: int | None = None,
) -> ScanPrior:
    """Fields under which what the frames show is most likely.

    Parameters
    ----------
    data : sequence of ((2, rows, columns) array, (2, rows, columns) array)
        A and b of each component (y, x) of the displacement of each frame:
        `FreeEquations.apart`.
    spacing : float
        Distance between nodes, px.
    length : float, optional
        Correlation length in px, where the user gave it.
    previous : ScanPrior, optional
        An earlier estimate to start from.
    num_workers : int, optional

    Returns
    -------
    ScanPrior
        Deviation (y, x) from the mean of the frame, and correlation lengths in px; rms 0 where
        nothing but a shift is seen.
    """
    windows = _windows(data)
    nodes = [_Nodes([(a[axis], b[axis]) for a, b in windows]) for axis in range(2)]
    longest = 2.0 * max((max(b.shape[1:]) for _, b in data), default=2)
    given = None if length is None else max(length / spacing, SHORTEST)
    starts: list[tuple[float, float]] = [(0.0, 0.0)] * 2

    def begin(axis: int) -> None:
        if previous is not None and previous.rms[axis] > 0:
            alike = ALIKE[MIDDLE] / ALIKE[previous.smoothness]
            starts[axis] = (
                float(previous.rms[axis]), alike * float(previous.length[axis]) / spacing,
            )  # fmt: skip
        else:
            coarse = _coarse(nodes[axis], given, longest)
            starts[axis] = _climb(nodes[axis], MIDDLE, coarse, given, longest)[1:]

    run_tasks(begin, 2, num_workers=num_workers)

    def start(axis: int, smoothness: float) -> tuple[float, float]:
        rms, each = starts[axis]
        return rms, given or max(each * ALIKE[smoothness] / ALIKE[MIDDLE], SHORTEST)

    def rise_at_start(smoothness: float) -> float:
        pairs = [start(axis, smoothness)[::-1] for axis in range(2)]
        return sum(
            max(each.rise(smoothness, *pair), 0.0) for each, pair in zip(nodes, pairs, strict=True)
        )

    best = max(SMOOTHNESSES, key=rise_at_start)
    found = [(0.0, 0.0, 0.0)] * 2

    def climb(axis: int) -> None:
        found[axis] = _climb(nodes[axis], best, start(axis, best), given, longest)

    run_tasks(climb, 2, num_workers=num_workers)
    rises, deviations, lengths = zip(*found, strict=True)
    rms = np.where(np.array(rises) > LEAST_RISE, deviations, 0.0)
    return ScanPrior(rms=rms, length=np.array(lengths) * spacing, smoothness=best)


def _windows(data: Sequence[Quadratic]) -> list[Quadratic]:
    """Windows of the grids, evenly taken from the frames, that tell the prior."""
    windows: list[Quadratic] = []
    for information, vector in data:
        rows, columns = (_cut(size) for size in vector.shape[1:])
        windows += [(information[:, r, c], vector[:, r, c]) for r in rows for c in columns]
    nodes = max((b[0].size for _, b in windows), default=1)
    most = max(2, MOST_NODES // nodes)
    if len(windows) <= most:
        return windows
    return [windows[i] for i in np.linspace(0, len(windows) - 1, most).round().astype(int)]


def _cut(size: int) -> list[slice]:
    """Parts of a side, equal to within one node."""
    parts = -(-size // WINDOW)
    edges = [size * k // parts for k in range(parts + 1)]
    return [slice(first, last) for first, last in pairwise(edges)]


def _coarse(nodes: _Nodes, length: float | None, longest: float) -> tuple[float, float]:
    """Best of a few combinations of deviation and length, in the middle of the smoothnesses."""
    lengths = [each for each in LENGTHS if each <= longest] if length is None else [length]
    return max(
        ((rms, each) for each in lengths for rms in DEVIATIONS),
        key=lambda pair: nodes.rise(MIDDLE, pair[1], pair[0]),
    )


def _climb(
    nodes: _Nodes,
    smoothness: float,
    start: tuple[float, float],
    length: float | None,
    longest: float,
) -> tuple[float, float, float]:
    """Rise, standard deviation and length at the maximum of the likelihood."""

    def unpack(point: DoubleArray) -> tuple[float, float]:
        rms = float(np.clip(np.exp(point[0]), SMALLEST, LARGEST))
        free = float(np.clip(np.exp(point[-1]), SHORTEST, longest))
        return rms, free if length is None else length

    def fall(point: DoubleArray) -> float:
        rms, each = unpack(point)
        return -nodes.rise(smoothness, each, rms)

    begin = np.log(start if length is None else start[:1])
    simplex = begin + np.concatenate([np.zeros((1, len(begin))), 0.4 * np.eye(len(begin))])
    answer = minimize(
        fall,
        begin,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": 0.05, "fatol": 0.1, "maxfev": 24},
    )
    rms, each = unpack(answer.x)
    return -float(answer.fun), rms, each
