"""From shifts between pairs of frames to shifts of frames: least squares and outliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = [
    "PairSolution",
    "agreeing_pairs",
    "smoothness_scores",
    "solve_pairs",
    "transitivity_scores",
]

DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]

#: Residuals (in robust standard deviations) up to which least squares counts in full.
HUBER = 1.5
ROBUST_ROUNDS = 20


@dataclass(frozen=True)
class PairSolution:
    """Least-squares shifts.

    Attributes
    ----------
    shifts : (n, 2) float64
        px (y, x), mean of the linked frames zero; NaN for frames not linked.
    linked : (n,) bool
        Frames that accepted pairs link to the largest group.
    """

    shifts: DoubleArray
    linked: BoolArray


def solve_pairs(
    pairs: IntArray, shifts: DoubleArray, accepted: BoolArray, count: int
) -> PairSolution:
    """Robust least squares ``shift[i] - shift[j] = r_ij`` over the accepted pairs.

    Parameters
    ----------
    pairs : (p, 2) int array
    shifts : (p, 2) array
        Measured ``shift[i] - shift[j]``, px (y, x).
    accepted : (p,) bool
    count : int
        Number of frames n.

    Returns
    -------
    PairSolution

    Notes
    -----
    Iteratively reweighted (Huber, Robust Statistics, 1981, chapter 7) for a fixed number of rounds
    at the most, so it always ends.
    """
    # The graph routines of older scipy take 32-bit indices only.
    i, j = pairs[accepted].T.astype(np.int32)
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    linked = label == np.argmax(np.bincount(label))
    result = np.full((count, 2), np.nan)
    if linked.sum() < 2:
        return PairSolution(shifts=result, linked=np.zeros(count, bool))
    inside = accepted.copy()
    inside[accepted] = linked[i]
    i, j = pairs[inside].T
    measured = shifts[inside]
    index = np.cumsum(linked) - 1
    i, j = index[i], index[j]
    n = int(linked.sum())
    weight = np.ones(len(i))
    solution = np.zeros((n, 2))
    for _ in range(ROBUST_ROUNDS):
        matrix = np.zeros((n, n))
        np.add.at(matrix, (i, i), weight)
        np.add.at(matrix, (j, j), weight)
        np.add.at(matrix, (i, j), -weight)
        np.add.at(matrix, (j, i), -weight)
        right = np.zeros((n, 2))
        np.add.at(right, i, weight[:, None] * measured)
        np.add.at(right, j, -weight[:, None] * measured)
        # The common shift of all frames is free: its row of ones fixes the mean to zero.
        previous = solution
        solution = np.asarray(np.linalg.solve(matrix + 1.0 / n, right), np.float64)
        residual = np.hypot(*(measured - solution[i] + solution[j]).T)
        spread = max(1.4826 * float(np.median(residual)), 1e-9)
        weight = np.minimum(1.0, HUBER * spread / np.maximum(residual, 1e-12))
        if np.abs(solution - previous).max() < 1e-6:
            break
    result[linked] = solution - solution.mean(0)
    return PairSolution(shifts=result, linked=linked)


def agreeing_pairs(
    pairs: IntArray,
    candidates: DoubleArray,
    shifts: DoubleArray,
    *,
    threshold: float | None = None,
    least: float = 1.0,
) -> tuple[BoolArray, DoubleArray]:
    """Pairs one of whose candidates agrees with a common solution.

    Parameters
    ----------
    pairs : (p, 2) int array
    candidates : (p, k, 2) array
        Candidate values of ``shift[i] - shift[j]``, NaN where fewer exist.
    shifts : (n, 2) array
        Common solution; NaN for frames that have none.
    threshold : float, optional
        Largest deviation accepted, px; by default four robust standard deviations of the agreeing
        ones, from `least` to 4 px.
    least : float
        Lower limit of the automatic threshold, px.

    Returns
    -------
    accepted : (p,) bool
    chosen : (p, 2) array
        The candidate nearest to the solution.
    """
    expected = shifts[pairs[:, 0]] - shifts[pairs[:, 1]]
    distance = np.hypot(*np.moveaxis(candidates - expected[:, None], -1, 0))
    distance = np.where(np.isfinite(distance), distance, np.inf)
    best = distance.argmin(1)
    rows = np.arange(len(pairs))
    nearest = distance[rows, best]
    if threshold is None:
        near = nearest[nearest < 4.0]
        spread = 1.4826 * float(np.median(near)) if len(near) else 1.0
        threshold = float(np.clip(4.0 * spread, least, 4.0))
    return nearest <= threshold, candidates[rows, best]


def transitivity_scores(pairs: IntArray, shifts: DoubleArray, count: int) -> DoubleArray:
    """How badly the triangles of each pair close.

    Parameters
    ----------
    pairs : (p, 2) int array
    shifts : (p, 2) array
    count : int

    Returns
    -------
    (p,) float64
        Median over all third frames k of ``|r_ij - (r_ik + r_kj)|``, px; infinite where a pair has
        no triangle. The idea is that of Savitzky et al., Ultramicroscopy 191, 56 (2018).
    """
    table = np.full((count, count, 2), np.nan)
    table[pairs[:, 0], pairs[:, 1]] = shifts
    table[pairs[:, 1], pairs[:, 0]] = -shifts
    scores = np.full(len(pairs), np.inf)
    for index, (i, j) in enumerate(pairs):
        error = np.hypot(*(table[i, j] - (table[i] + table[:, j])).T)
        error = error[np.isfinite(error)]
        if len(error):
            scores[index] = float(np.median(error))
    return scores


def smoothness_scores(pairs: IntArray, shifts: DoubleArray, count: int) -> DoubleArray:
    """How far each pair's shift lies from that of neighbouring pairs.

    Parameters
    ----------
    pairs : (p, 2) int array
    shifts : (p, 2) array
    count : int

    Returns
    -------
    (p,) float64
        Distance (px) from the median of the pairs ``(i + a, j + b)`` with a and b up to 2, each
        scaled to the same number of frames apart; infinite where there are fewer than three.
    """
    table = np.full((count, count, 2), np.nan)
    table[pairs[:, 0], pairs[:, 1]] = shifts
    table[pairs[:, 1], pairs[:, 0]] = -shifts
    scores = np.full(len(pairs), np.inf)
    for index, (i, j) in enumerate(pairs):
        found = []
        for a in range(max(i - 2, 0), min(i + 3, count)):
            for b in range(max(j - 2, 0), min(j + 3, count)):
                if (a, b) != (i, j) and a != b and np.isfinite(table[a, b, 0]):
                    found.append(table[a, b] * ((j - i) / (b - a)))
        if len(found) >= 3:
            scores[index] = float(np.hypot(*(shifts[index] - np.median(found, axis=0))))
    return scores


def scores_below(scores: DoubleArray, threshold: float | None, *, least: float = 1.0) -> BoolArray:
    """Pairs whose score is below a threshold, by default four robust deviations above the median.

    The automatic threshold is at least `least` px, so that a perfect series loses no pair.
    """
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return np.zeros(len(scores), bool)
    if threshold is None:
        middle = float(np.median(finite))
        spread = 1.4826 * float(np.median(np.abs(finite - middle)))
        threshold = max(middle + 4.0 * spread, least)
    return np.asarray(scores <= threshold)
