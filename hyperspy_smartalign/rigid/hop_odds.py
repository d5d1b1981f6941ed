"""How probable it is that frames lie in a wrong unit cell, by all that is known of a series."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .drift_prior import DriftPrior

__all__ = ["hop_odds"]

DoubleArray = npt.NDArray[np.float64]

#: Directions in which the repeats of an image may lie, as far as the drift is asked.
DIRECTIONS = 36
#: A frame that is wrong lies at least so far off (px) where no repeats of the image are known.
NO_REPEATS = 12.0
#: From the log-odds by the pixels and by the drift, and the share of the pairs that agree, to the
#: log-odds of all together: logistic regression on what happened to 4,920 frames of 280
#: simulated series of three lattices, smooth and rough drift, 8 to 30 frames of 96 to 192 px, from
#: a tenth of the lowest dose that works. Pixels and drift do not count in full: frames hop
#: together, and the consensus has looked at both before.
BY_PIXELS, BY_DRIFT, BY_PAIRS, START = 0.20, 0.28, 18.0, -1.43
#: Share of pairs beyond which more of them say no more.
MOST_AGREEMENT = 0.2
#: The same where pairs are not known.
BY_PIXELS_ALONE, BY_DRIFT_ALONE, START_ALONE = 0.42, 0.34, -0.84


def hop_odds(
    margin: npt.ArrayLike,
    shifts: npt.ArrayLike,
    used: npt.NDArray[np.bool_],
    distance: float,
    *,
    agreement: float | None = None,
) -> DoubleArray:
    """Log-odds of each frame's place, by its pixels, by the drift, and by all pairs of frames.

    Parameters
    ----------
    margin : (n,) array-like
        Log-odds by the pixels alone, from `check_hops`; NaN stays.
    shifts : (n, 2) array-like
        px (y, x).
    used : (n,) bool
        Frames that count.
    distance : float
        At which the image repeats, px: of the nearest other place of a frame. NaN where it does
        not, or where noise hides it.
    agreement : float, optional
        Share of all measured pairs whose highest maximum is where the shifts put it.

    Returns
    -------
    (n,) float64
        The probability of a hop is ``expit(-odds)``.

    Notes
    -----
    The prior of `DriftPrior` on the steps to and from a frame tells the odds d of the present place
    against the other one, which is taken to lie where the drift speaks for it most. With the margin
    m of the pixels and the share a of the pairs, of which 0.2 count at most, the odds are
    ``0.20 m + 0.28 d + 18 a - 1.43``; where no pairs are known, ``0.42 m + 0.34 d - 0.84``.
    """
    points = np.asarray(shifts, np.float64)
    result = np.array(margin, np.float64)
    members = np.flatnonzero(used)
    if len(members) < 2:
        return result
    here = points[members, None]
    cost = DriftPrior.of(points[members]).cost_on_path(points[members])
    angles = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    radius = NO_REPEATS if math.isnan(distance) else distance
    around = radius * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    drift = cost(here + around).min(1) - cost(here)[:, 0]
    if agreement is None:
        result[members] = BY_PIXELS_ALONE * result[members] + BY_DRIFT_ALONE * drift + START_ALONE
    else:
        pairs = BY_PAIRS * min(agreement, MOST_AGREEMENT)
        result[members] = BY_PIXELS * result[members] + BY_DRIFT * drift + pairs + START
    return result
