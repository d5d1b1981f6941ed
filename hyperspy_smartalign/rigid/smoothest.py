"""The smoothest of the paths on which the frames of a series agree.

On a lattice every vector of it gives nearly the same agreement. This module knows no more than
that, and so serves where a consensus of the pixels leaves doubt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .consensus import Ballot, pair_links
from .pairs import PairCandidates
from .spectra import Spectra

__all__ = ["smoothest_path"]

#: Places with at least this share of the best vote count as equal: lattice vectors differ by less,
#: the columns within a cell by more.
EVEN_SHARE = 0.7
#: Rounds in which each frame is placed again between its neighbours in time.
SMOOTHING_SWEEPS = 3


def smoothest_path(
    spectra: Spectra,
    measured: PairCandidates,
    *,
    max_shift: tuple[float, float] | None = None,
    progress: Callable[[int], None] | None = None,
) -> npt.NDArray[np.float64]:
    """Shifts on which frames agree nearly as well as they can, and that change least in time.

    Where unit cells look alike, or row jitter blurs what tells them apart, the highest maximum of a
    vote is in a random cell, and the frames placed after it follow. Here each frame takes, of all
    places nearly as good as the best, the one nearest to where the drift so far leads; first frame
    after frame, then each between its neighbours in time. Where cells do differ the result is worse
    than that of `find_consensus`: a later comparison of the two with the pixels tells.

    Parameters
    ----------
    spectra, measured, max_shift, progress
        As in `find_consensus`.

    Returns
    -------
    (n, 2) float64
        Frame pixels, mean zero; NaN for frames that no chain of pairs links to most others.
    """
    n = len(spectra.frames)
    links = pair_links(measured, n)
    shifts = np.full((n, 2), np.nan)
    _, label = connected_components(coo_array(links), directed=False)
    joined = np.flatnonzero((label == np.argmax(np.bincount(label))) & links.any(1))
    if not len(joined):
        return shifts
    # Unlike a consensus this wants the Bragg spots to dominate, which are equal for every lattice
    # vector: what tells cells apart is what jitter and changes of the sample drown.
    spectra = replace(spectra, automatic=spectra.automatic or spectra.whiten, model_error=0.0)
    ballot = Ballot(spectra, links, max_shift)
    placed = np.zeros(n, bool)
    shifts[joined] = 0.0
    aligned = np.zeros_like(spectra.frames)
    phases = np.zeros((n, *spectra.overlap.shape), np.complex64)

    def put(index: int, guess: npt.NDArray[np.float64]) -> float:
        """Place a frame near `guess`; by how many map pixels it moved."""
        voters = np.flatnonzero(links[index] & placed)
        near = np.abs(shifts[voters] - guess) < 0.5 * ballot.size
        voters = voters[near.all(axis=1) & (voters != index)]
        place = guess
        if len(voters):
            total, phase = aligned[voters].sum(0), phases[voters].sum(0)
            bounds = ballot.bounds(shifts, voters)
            place = ballot.nearest(
                index, total, phase, len(voters), guess, bounds, share=EVEN_SHARE
            )
        change = place - shifts[index]
        shifts[index], placed[index] = place, True
        phases[index] = spectra.phases(place)
        aligned[index] = spectra.frames[index] * phases[index]
        return float(np.abs(change / ballot.step).max())

    for k, index in enumerate(map(int, joined)):
        before = shifts[joined[:k]]
        # After a few frames their drift is known; before, none is the best guess.
        drift = np.median(np.diff(before, axis=0), axis=0) if k > 2 else np.zeros(2)
        put(index, before[-1] + drift if k else np.zeros(2))
        if progress is not None:
            progress(1)
    for _ in range(SMOOTHING_SWEEPS if len(joined) > 2 else 0):
        moved = 0.0
        for k, index in enumerate(map(int, joined)):
            path = shifts[joined]
            if 0 < k < len(joined) - 1:
                guess = 0.5 * (path[k - 1] + path[k + 1])
            else:
                drift = np.median(np.diff(path, axis=0), axis=0)
                guess = path[1] - drift if k == 0 else path[-2] + drift
            moved = max(moved, put(index, guess))
        if moved <= 1.0:
            break
    shifts[joined] -= shifts[joined].mean(0)
    return shifts
