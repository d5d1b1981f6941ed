"""How wrong an estimate is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.contestants import Estimate

FloatArray = npt.NDArray[np.float64]

# Edges of the bins of reported hop probability; those near 1 are wide as few frames get there.
PROBABILITY_EDGES = (0.0, 1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5, 0.8, 1.0)


@dataclass(frozen=True, eq=False)
class Judgement:
    """Errors of one series.

    Attributes
    ----------
    errors : (n, 2) float64
        Found minus true shift (y, x), px, less the mean of the frames that are right.
    hopped : (n,) bool
        Frames off by more than half a lattice spacing from most frames.
    excluded : (n,) bool
        Frames that the method itself left out; neither right nor hopped.
    """

    errors: FloatArray
    hopped: npt.NDArray[np.bool_]
    excluded: npt.NDArray[np.bool_]

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Frames (n,) that were placed in the right cell."""
        return ~(self.hopped | self.excluded)

    @property
    def variance(self) -> FloatArray:
        """Mean square error (y, x) of the right frames, px^2; NaN for fewer than 2.

        One degree of freedom is lost to the unknown origin: without this, a perfect method would
        come out below the bound.
        """
        right = self.errors[self.right]
        if len(right) < 2:
            return np.full(2, np.nan)
        return np.asarray((right**2).sum(axis=0) / (len(right) - 1))


def judge(estimate: Estimate, true_shifts: FloatArray, *, spacing: float) -> Judgement:
    """Compare an estimate with the truth.

    The origin is free. It is taken where most frames agree within half a lattice spacing: the
    median fails when about half of the frames hopped.

    Parameters
    ----------
    estimate : Estimate
    true_shifts : (n, 2) float64
        True displacements (y, x) of the content, px.
    spacing : float
        Lattice spacing, px.
    """
    errors = estimate.shifts - true_shifts
    excluded = estimate.excluded
    excluded = np.zeros(len(errors), dtype=bool) if excluded is None else excluded
    used = errors[~excluded]
    if not len(used):
        return Judgement(np.full(errors.shape, np.nan), np.zeros(len(errors), bool), excluded)
    near = np.linalg.norm(used[:, np.newaxis] - used, axis=-1) <= spacing / 2
    centre = used[near[near.sum(axis=1).argmax()]].mean(axis=0)
    hopped = (np.linalg.norm(errors - centre, axis=1) > spacing / 2) & ~excluded
    right = ~(hopped | excluded)
    if right.any():
        centre = errors[right].mean(axis=0)
    return Judgement(errors - centre, hopped, excluded)


@dataclass(frozen=True)
class CalibrationBin:
    """Frames whose reported hop probability lies in [low, high).

    Attributes
    ----------
    low, high : float
        Bounds of the bin.
    frames, hops : int
        Frames in it, and how many of them hopped.
    reported : float
        Their mean reported probability.
    rate_low, rate_high : float
        95 % interval (Wilson) of the observed rate ``hops / frames``.
    """

    low: float
    high: float
    frames: int
    hops: int
    reported: float
    rate_low: float
    rate_high: float


def calibration(
    probability: npt.ArrayLike,
    hopped: npt.ArrayLike,
    *,
    edges: Sequence[float] = PROBABILITY_EDGES,
) -> list[CalibrationBin]:
    """Reported hop probabilities against what happened, in bins; empty bins are left out."""
    reported = np.asarray(probability, dtype=np.float64)
    happened = np.asarray(hopped, dtype=bool)
    which = np.clip(np.searchsorted(edges, reported, side="right") - 1, 0, len(edges) - 2)
    bins = []
    for index in np.unique(which):
        members = which == index
        frames, hops = int(members.sum()), int(happened[members].sum())
        low, high = wilson_interval(hops, frames)
        bins.append(
            CalibrationBin(
                low=float(edges[index]),
                high=float(edges[index + 1]),
                frames=frames,
                hops=hops,
                reported=float(reported[members].mean()),
                rate_low=low,
                rate_high=high,
            )
        )
    return bins


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """95 % interval of a rate, after Wilson (J. Am. Stat. Assoc. 22, 209, 1927)."""
    z = 1.96
    rate = hits / trials
    centre = (rate + z**2 / (2 * trials)) / (1 + z**2 / trials)
    spread = rate * (1 - rate) / trials + z**2 / (4 * trials**2)
    half = z * math.sqrt(spread) / (1 + z**2 / trials)
    # The ends are exact there, but for rounding.
    return (centre - half if hits else 0.0), (centre + half if hits < trials else 1.0)
