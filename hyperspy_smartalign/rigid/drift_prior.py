"""Which of equally likely unit cells a frame is in: the one its neighbours in time lead to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .hops import HopCheck

__all__ = ["DriftPrior", "likely_moves", "margin_on_path", "path_cost"]

DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Steps that differ from the common drift by less than this (px) are as good as equal.
LEAST_STEP = 2.0
#: From fewer steps no common drift is told: none is expected.
LEAST_STEPS = 4
#: Directions in which the repeats of an image may lie, as far as the drift is asked.
DIRECTIONS = 36
#: From the log-odds by the pixels and by the drift, and the share of the pairs that agree, to the
#: log-odds of all together: logistic regression on what happened to 1,440 frames of 93 simulated
#: series of 96 to 192 px near the lowest dose that works. Pixels and drift do not count in full:
#: frames hop together, and the consensus has looked at both before.
BY_PIXELS, BY_DRIFT, BY_PAIRS, START = 0.11, 0.25, 31.0, -1.6
#: Share of pairs beyond which more of them say no more.
MOST_AGREEMENT = 0.2
#: The same where pairs are not known.
BY_PIXELS_ALONE, BY_DRIFT_ALONE, START_ALONE = 0.38, 0.33, -0.94


@dataclass(frozen=True)
class DriftPrior:
    """What is known of the drift before a frame is looked at: it goes on much as it did.

    Attributes
    ----------
    drift : (2,) float64
        Common step from frame to frame, px (y, x).
    scale : float
        By how much steps differ from it, px.
    """

    drift: DoubleArray
    scale: float

    @classmethod
    def of(cls, shifts: DoubleArray) -> DriftPrior:
        """From the shifts, px (n, 2): medians, so that a few hops change little."""
        steps = np.diff(shifts, axis=0)
        drift = np.median(steps, axis=0) if len(steps) >= LEAST_STEPS else np.zeros(2)
        typical = float(np.median(np.hypot(*(steps - drift).T))) if len(steps) else 0.0
        return cls(drift=np.asarray(drift, np.float64), scale=max(LEAST_STEP, 2.0 * typical))

    def cost(self, steps: DoubleArray) -> DoubleArray:
        """Minus the log-probability of each step, up to a constant.

        Parameters
        ----------
        steps : (..., 2) array
            From one frame to the next, px (y, x); NaN where there is none, at no cost.

        Returns
        -------
        (...) float64
            ``3/2 log(1 + (difference / scale)**2)``, Cauchy's law in the plane: a jump is dear, not
            impossible, and pixels that speak clearly outweigh it whatever its length.
        """
        squares = ((steps - self.drift) ** 2).sum(-1) / self.scale**2
        return np.asarray(1.5 * np.log1p(np.nan_to_num(squares)))


def path_cost(
    margin: DoubleArray, shifts: DoubleArray, used: BoolArray, prior: DriftPrior
) -> float:
    """Minus the log-probability that all shifts are right, drift from frame to frame included.

    Parameters
    ----------
    margin : (n,) array
        Log-odds of each shift by the pixels, from `check_hops`.
    shifts : (n, 2) array
        px (y, x).
    used : (n,) bool
        Frames that count.
    prior : DriftPrior

    Returns
    -------
    float
        Up to a constant: of two paths with the same prior that of less cost is more likely.
    """
    evidence = np.logaddexp(0.0, -margin[used]).sum()
    return float(evidence + prior.cost(np.diff(shifts[used], axis=0)).sum())


def likely_moves(
    hops: HopCheck, shifts: DoubleArray, used: BoolArray, prior: DriftPrior
) -> DoubleArray:
    """Displacements (px, (n, 2)) of the frames most likely in the wrong place; zero for the rest.

    Odds are those of the pixels times those of the steps from and to the neighbours in time: where
    the pixels cannot tell, a frame goes to the place nearest to its neighbours, or stays there.
    Frames judge each other: at most a quarter of them move at a time, and no two neighbours, each
    of which would go where the other was.
    """
    members = np.flatnonzero(used)
    path = np.pad(shifts[members], ((1, 1), (0, 0)), constant_values=np.nan)
    here, before, after = path[1:-1, None], path[:-2, None], path[2:, None]

    def cost(places: DoubleArray) -> DoubleArray:
        return prior.cost(places - before) + prior.cost(after - places)

    places = hops.places[members]
    known = np.isfinite(places[..., 0])
    gain = np.where(known, hops.odds[members] + cost(here) - cost(here + places), -np.inf)
    best = gain.argmax(1)
    highest = gain[np.arange(len(members)), best]
    moves = np.zeros_like(shifts)
    left = max(1, len(members) // 4)
    free = highest > 0
    for index in np.argsort(-highest):
        if left and free[index]:
            moves[members[index]] = places[index, best[index]]
            left -= 1
            free[max(index - 1, 0) : index + 2] = False
    return moves


def margin_on_path(
    margin: npt.ArrayLike,
    shifts: npt.ArrayLike,
    used: BoolArray,
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
        At which the image repeats, px: of the nearest other place of a frame.
    agreement : float, optional
        Share of all measured pairs whose highest maximum is where the shifts put it.

    Returns
    -------
    (n,) float64
        The other place is taken to lie where the drift speaks for it most, so that odds are rather
        too low than too high.

    Notes
    -----
    The prior of `DriftPrior` on the steps to and from a frame tells the odds d of the present place
    against the other one. With the margin m of the pixels and the share a of the pairs, of which
    0.2 count at most, ``0.11 m + 0.25 d + 31 a - 1.6``; where no pairs are known,
    ``0.38 m + 0.33 d - 0.94``.
    """
    points = np.asarray(shifts, np.float64)
    result = np.array(margin, np.float64)
    members = np.flatnonzero(used)
    if len(members) < 2:
        return result
    prior = DriftPrior.of(points[members])
    path = np.pad(points[members], ((1, 1), (0, 0)), constant_values=np.nan)
    here, before, after = path[1:-1, None], path[:-2, None], path[2:, None]
    angles = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    around = distance * np.stack([np.sin(angles), np.cos(angles)], axis=1)

    def cost(places: DoubleArray) -> DoubleArray:
        return prior.cost(places - before) + prior.cost(after - places)

    drift = cost(here + around).min(1) - cost(here)[:, 0]
    if agreement is None:
        result[members] = BY_PIXELS_ALONE * result[members] + BY_DRIFT_ALONE * drift + START_ALONE
    else:
        pairs = BY_PAIRS * min(agreement, MOST_AGREEMENT)
        result[members] = BY_PIXELS * result[members] + BY_DRIFT * drift + pairs + START
    return result
