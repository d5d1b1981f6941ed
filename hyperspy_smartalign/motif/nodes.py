"""Base vectors of the lattice that matches make up, told from their neighbours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from hyperspy_smartalign.quality.indexing import reduced
from hyperspy_smartalign.resampling.options import DoubleArray

# Two differences of neighbours are the same vector within this share of the shortest.
_SAME = 0.15
_NEIGHBOURS = 8
# Share of the best supported vector's support that another one needs.
_SUPPORT = 0.4
_PARALLEL = 0.2
# So many differences are tried as vectors, supported by so many.
_SAMPLE = 500
_MOST = 5_000


def shared_vectors(
    places: DoubleArray, member: npt.NDArray[np.intp], *, share: float = 0.0
) -> DoubleArray:
    """The two shortest vectors that many pairs of neighbours share.

    Parameters
    ----------
    places : (n, 2) float64
        (y, x), px.
    member : (n,) int
        Frame of each, from 0.
    share : float
        Smallest share of the places from which the same vector leads to another one.

    Returns
    -------
    (2, 2) float64
        Rows (y, x), px.

    Raises
    ------
    ValueError
        If there are too few neighbours, or all lie along one line.
    """
    parts = []
    for k in range(int(member.max()) + 1):
        own = places[member == k]
        if len(own) < 3:
            continue
        neighbours = cKDTree(own).query(own, k=min(_NEIGHBOURS + 1, len(own)))[1][:, 1:]
        parts.append((own[neighbours] - own[:, None]).reshape(-1, 2))
    differences = np.concatenate(parts) if parts else np.empty((0, 2))
    if len(differences) < 4:
        raise ValueError("The positions have too few neighbours to show a lattice; give vectors.")
    lengths = np.hypot(*differences.T)
    reach = _SAME * float(np.median(lengths[lengths <= np.percentile(lengths, 25)]))
    # At random, as neighbours come in the order of their distance.
    mixed = np.random.default_rng(0).permutation(differences)
    tree, some = cKDTree(mixed[:_MOST]), mixed[:_SAMPLE]
    support = tree.query_ball_point(some, reach, return_length=True)
    least = max(_SUPPORT * support.max(), share * len(places) * min(1.0, _MOST / len(mixed)))
    order = np.argsort(np.hypot(*some.T), kind="stable")
    chosen: list[DoubleArray] = []
    for i in order:
        if support[i] < least:
            continue
        # The first vector again, or its opposite.
        if any(np.hypot(*(some[i] - sign * v)) < reach for v in chosen for sign in (1, -1)):
            continue
        vector = np.median(mixed[tree.query_ball_point(some[i], reach)], axis=0)
        if not chosen:
            chosen.append(vector)
            continue
        area = abs(chosen[0][0] * vector[1] - chosen[0][1] * vector[0])
        if area > _PARALLEL * float(np.hypot(*chosen[0]) * np.hypot(*vector)):
            chosen.append(vector)
            return reduced(np.array(chosen))
    raise ValueError("The positions lie along one line; a lattice needs two directions.")
