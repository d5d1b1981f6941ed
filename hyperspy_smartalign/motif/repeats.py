"""The distance of repeats, from where the scores of a frame have their maxima."""

from __future__ import annotations

import numpy as np

from hyperspy_smartalign.motif.nodes import shared_vectors
from hyperspy_smartalign.motif.peaks import find_peaks, keep_best, smallest_distance
from hyperspy_smartalign.motif.scores import ScoreMap
from hyperspy_smartalign.resampling.options import FloatArray

# Maxima nearer than this share of the motif's shorter side are those of one repeat and of noise.
_NEAREST = 0.3
NEAREST_REPEAT = 0.75
"""Two matches are taken for one at this share of the distance of two repeats."""
# A lattice is one with so many maxima, where this share of them has the same neighbour.
_FEWEST = 20
_SUPPORT = 0.25


def repeat_distance(scores: ScoreMap, motif: FloatArray, *, floor: float) -> float:
    """Distance below which two matches are taken for one.

    Three quarters of the shortest vector of the lattice that the maxima of the scores make up; so a
    motif need not be so large that it repeats within itself. `smallest_distance` where they make up
    none.

    Parameters
    ----------
    scores : ScoreMap
        Of one frame.
    motif : (h, w) float32
        What was searched; NaN where it says nothing.
    floor : float
        Score that noise does not reach.

    Returns
    -------
    float
        Pixels, at least 1.
    """
    alone = smallest_distance(motif)
    nearest = min(_NEAREST * min(motif.shape), alone)
    peaks = find_peaks(scores, threshold=floor)
    kept = keep_best(peaks.centres, peaks.scores, tile_shape=scores.tile_shape, distance=nearest)
    places = peaks.centres[kept]
    if len(places) < _FEWEST:
        return alone
    try:
        basis = shared_vectors(places, np.zeros(len(places), np.intp), share=_SUPPORT)
    except ValueError:
        return alone
    return max(1.0, NEAREST_REPEAT * float(np.linalg.norm(basis, axis=1).min()))
