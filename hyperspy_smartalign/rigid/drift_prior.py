"""Which of equally likely unit cells a frame is in: the one its neighbours in time lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .hops import HopCheck

__all__ = ["DriftPrior", "likely_moves", "path_cost"]

DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Steps that differ from the common drift by less than this (px) are as good as equal.
LEAST_STEP = 2.0
#: From fewer steps no common drift is told: none is expected.
LEAST_STEPS = 4


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

    def cost_on_path(self, path: DoubleArray) -> Callable[[DoubleArray], DoubleArray]:
        """What it costs to put frames elsewhere, their neighbours in time staying.

        Parameters
        ----------
        path : (n, 2) array
            Where the frames are, px (y, x).

        Returns
        -------
        callable
            From places (n, k, 2) to the cost (n, k) of the steps to and from them.
        """
        ends = np.pad(path, ((1, 1), (0, 0)), constant_values=np.nan)
        before, after = ends[:-2, None], ends[2:, None]
        return lambda places: self.cost(places - before) + self.cost(after - places)


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
    here, cost = shifts[members, None], prior.cost_on_path(shifts[members])
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
