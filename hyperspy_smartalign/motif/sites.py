"""Sites of a lattice that look like the motif and are others, such as those of another atom.

With noise, the score of one tile does not tell the sites apart, but those of all tiles do.
Candidates of both kinds make up a lattice finer than the crystal's, whose nodes fall into classes:
those with one remainder of ``f . (h, k)`` divided by 2 or 3. A class whose scores are lower on the
average is another site.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from hyperspy_smartalign.motif.nodes import shared_vectors
from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.options import DoubleArray

IndexArray = npt.NDArray[np.intp]

# Two candidates are neighbours on the lattice within this share of the shorter vector.
_NEAR = 0.25
# A lattice is one where this share of the candidates has the same neighbour.
_SUPPORT = 0.25
# Remainders that divide a lattice in two or in three.
_CLASSES = (
    *((2, f) for f in ((1, 0), (0, 1), (1, 1))),
    *((3, f) for f in ((1, 0), (0, 1), (1, 1), (1, 2))),
)
# A class is another site if its mean is lower by so many standard errors, by this share of how much
# its scores scatter, and to this share of the best: noise lowers all scores by the same factor, so
# the ratio tells how alike the sites are without it.
_ERRORS = 6.0
_EFFECT = 0.5
ALIKE = 0.95
# Fewest members of a class that has a mean.
_FEWEST = 5


@dataclass(frozen=True, eq=False)
class Sites:
    """What the places of candidates tell about them.

    Attributes
    ----------
    other : (n,) bool
        Which are on sites that only look like the motif.
    repeat : float or None
        Shortest vector of the lattice of the others, px; None where there is no lattice.
    """

    other: npt.NDArray[np.bool_]
    repeat: float | None


def other_sites(
    positions: npt.ArrayLike, scores: npt.ArrayLike, *, frame: npt.ArrayLike | None = None
) -> Sites:
    """Find the candidates on sites that only look like the motif.

    Parameters
    ----------
    positions : (n, 2) array-like
        (y, x), px.
    scores : (n,) array-like
        Of each, -1 to 1.
    frame : (n,) array-like of int, optional
        Frame of each; one frame by default.

    Returns
    -------
    Sites
        Without other sites where the candidates show no lattice, or all its nodes are alike.

    Notes
    -----
    Nodes are numbered from neighbour to neighbour, so that slow distortions do not matter; each
    connected part has a numbering of its own. Of three classes two may be the motif, as in
    graphene. What is left is numbered and divided again, until all is alike. Where there are other
    sites, candidates off the nodes count as such below the middle between the mean scores.
    """
    places, score = np.asarray(positions, np.float64), np.asarray(scores, np.float64)
    frames = np.zeros(len(places), np.intp) if frame is None else np.asarray(frame, np.intp)
    other = np.zeros(len(places), np.bool_)
    while True:
        rows = np.flatnonzero(~other)
        # One that was cut out of the frame scores 1 whatever it is.
        own = score[rows] > 1 - 1e-5
        member = np.unique(frames[rows], return_inverse=True)[1]
        try:
            basis = shared_vectors(places[rows], member, share=_SUPPORT)
        except ValueError:
            return Sites(other, None)
        index, part = _numbered(places[rows], frames[rows], basis)
        used = np.flatnonzero((part >= 0) & ~own)
        found = [_lower_class(score[rows[used]], index[used], part[used], *c) for c in _CLASSES]
        lower = max(found, key=lambda one: one[0])[1]
        if not lower.any():
            off = rows[part < 0]
            if other.any() and used.size:
                # Off the nodes, or in small parts: judged by the scores alone.
                limit = (float(score[other].mean()) + float(score[rows[used]].mean())) / 2
                other[off] = score[off] < limit
            return Sites(other, float(np.linalg.norm(basis, axis=1).min()))
        other[rows[used[lower]]] = True


def _numbered(
    places: DoubleArray, frames: IndexArray, basis: DoubleArray
) -> tuple[DoubleArray, IndexArray]:
    """Node (n, 2) of each place, and the connected part it belongs to; -1 for small ones."""
    n = len(places)
    inverse = np.linalg.inv(basis)
    lengths = np.linalg.norm(basis, axis=1)
    near = _NEAR * float(lengths.min())
    pairs = []
    for k in np.unique(frames):
        rows = np.flatnonzero(frames == k)
        within = cKDTree(places[rows]).query_pairs(
            float(lengths.max()) + near, output_type="ndarray"
        )
        pairs.append(rows[within])
    first, second = np.concatenate(pairs).T
    away = places[second] - places[first]
    step = np.rint(away @ inverse)
    fits = (np.abs(step).sum(axis=1) == 1) & (np.hypot(*(away - step @ basis).T) < near)
    first, second, step = first[fits], second[fits], step[fits]
    index, part = _spread(first, second, step, n)
    sizes = np.bincount(part)
    return index, np.where(sizes[part] >= 2 * _FEWEST, part, -1).astype(np.intp)


@compiled
def _spread(
    first: IndexArray, second: IndexArray, step: DoubleArray, n: int
) -> tuple[DoubleArray, IndexArray]:
    """Number nodes from neighbour to neighbour, breadth first: node and connected part of each."""
    # Pairs of each node in a row, in both directions.
    start = np.zeros(n + 1, np.int64)
    for e in range(len(first)):
        start[first[e] + 1] += 1
        start[second[e] + 1] += 1
    start = np.cumsum(start)
    place, pair = start[:-1].copy(), np.empty(2 * len(first), np.int64)
    for e in range(len(first)):
        pair[place[first[e]]] = e
        place[first[e]] += 1
        pair[place[second[e]]] = e
        place[second[e]] += 1
    index, part, queue = np.zeros((n, 2)), np.full(n, -1, np.int64), np.empty(n, np.int64)
    parts = 0
    for seed in range(n):
        if part[seed] >= 0:
            continue
        part[seed] = parts
        queue[0], done, waiting = seed, 0, 1
        while done < waiting:
            node = queue[done]
            done += 1
            for k in range(start[node], start[node + 1]):
                e = pair[k]
                other = first[e] + second[e] - node
                if part[other] >= 0:
                    continue
                sign = 1.0 if first[e] == node else -1.0
                part[other] = parts
                index[other, 0] = index[node, 0] + sign * step[e, 0]
                index[other, 1] = index[node, 1] + sign * step[e, 1]
                queue[waiting] = other
                waiting += 1
        parts += 1
    return index, part


def _lower_class(
    score: DoubleArray, index: DoubleArray, part: IndexArray, divisor: int, factors: tuple[int, int]
) -> tuple[float, npt.NDArray[np.bool_]]:
    """How sure it is that classes of nodes are other sites, and which nodes these are."""
    # On Fisher's scale noise spreads all scores alike.
    z = np.arctanh(np.clip(score, -1 + 1e-6, 1 - 1e-6))
    members = np.unique(part, return_inverse=True)[1]
    remainder = (index @ np.array(factors)).astype(np.intp) % divisor
    label = members * divisor + remainder
    size = (int(members.max(initial=-1)) + 1) * divisor
    number = np.bincount(label, minlength=size).reshape(-1, divisor)
    total = np.bincount(label, weights=z, minlength=size).reshape(-1, divisor)
    mean = np.where(number >= _FEWEST, total / np.maximum(number, 1), -np.inf)
    # Each part is turned so that its best class is the first.
    remainder = (remainder - mean.argmax(axis=1)[members]) % divisor
    best = remainder == 0
    surest, lower = 0.0, np.zeros(len(z), np.bool_)
    for r in range(1, divisor):
        group = remainder == r
        if min(best.sum(), group.sum()) < _FEWEST:
            continue
        scatter = math.sqrt((float(z[best].var()) + float(z[group].var())) / 2)
        below = float(z[best].mean() - z[group].mean())
        errors = below / max(scatter * math.sqrt(1 / best.sum() + 1 / group.sum()), 1e-12)
        most = max(int(best.sum()), int(group.sum()))
        alike = _middle(score[group], most) >= ALIKE * _middle(score[best], most)
        if errors > _ERRORS and below > _EFFECT * scatter and not alike:
            surest = max(surest, errors)
            lower |= group
    return surest, lower


def _middle(score: DoubleArray, number: int) -> float:
    """Median of as many scores, where those that are missing were below the noise."""
    ordered = np.sort(score)[::-1]
    return float(ordered[min(number // 2, len(ordered) - 1)])
