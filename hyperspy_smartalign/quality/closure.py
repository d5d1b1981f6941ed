"""Do the shifts of pairs of frames add up? Closure of triangles of frames.

``r_ij + r_jk - r_ik`` is zero for a perfect measurement whatever the frames did, so that what is
left is error of the pairs alone, and needs no solution to be compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MOST_TRIANGLES", "Closure", "closure_of_pairs"]

DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

#: More triangles than this are sampled at random, always in the same way.
MOST_TRIANGLES = 50_000
#: Triangles that are named.
WORST = 10
#: A triangle is open where it fails to close by this many robust standard deviations.
OPEN = 6.0
#: No triangle is called open below this, px.
LEAST_OPEN = 0.5
#: Where most triangles are open their own size says little: beyond so many times what the noise
#: makes, triangles are open from so many px on.
USUAL, JUMP = 10.0, 3.0


@dataclass(frozen=True, eq=False)
class Closure:
    """What is left of the shifts of pairs around triangles of frames.

    Attributes
    ----------
    triangles : (t, 3) int
        Frames i < j < k of the triangles that were looked at.
    residual : (t, 2) float64
        ``r_ij + r_jk - r_ik``, px (y, x).
    total : int
        Triangles that there are; more than t where they were sampled.
    rms, robust : float
        Root mean square over triangles and axes, and 1.4826 times the median absolute value, px.
    per_frame : (n,) float64
        Median length of the residuals of a frame's triangles, px; NaN for frames without.
    open_share : float
        Share of the triangles that stand out: one of their pairs saw another maximum.
    open_pairs : (q, 2) int
        Pairs most of whose triangles are open.
    elsewhere : int
        Pairs that were left out, as their highest maximum is not where frames agree.
    expected : float
        Robust size to be expected from the noise of the frames alone, px; NaN where not known.
    """

    triangles: IntArray
    residual: DoubleArray
    total: int
    rms: float
    robust: float
    per_frame: DoubleArray
    open_share: float
    open_pairs: IntArray
    elsewhere: int
    expected: float = float("nan")

    @property
    def worst(self) -> IntArray:
        """(10, 3) triangles that close worst, the worst first."""
        order = np.argsort(-np.hypot(*self.residual.T), kind="stable")[:WORST]
        return self.triangles[order]

    @property
    def pair_error(self) -> float:
        """Standard error of a pair's shift per axis, px, if those of its pairs are independent."""
        return self.robust / float(np.sqrt(3.0))

    @property
    def words(self) -> str:
        """What it says, in a sentence."""
        text = (
            f"Shifts of pairs close around triangles of frames to {self.robust:.2g} px "
            f"(robust; rms {self.rms:.2g} px)"
        )
        if np.isfinite(self.expected):
            text += f", where the noise alone makes at least {self.expected:.2g} px"
        text += "."
        if self.open_share > 0:
            text += f" {_percent(self.open_share)} % of the triangles do not close"
            if len(self.open_pairs):
                pairs = ", ".join(f"{i} and {j}" for i, j in self.open_pairs[:3].tolist())
                more = len(self.open_pairs) - 3
                text += f": frames {pairs}" + (f" and {more} more pairs" if more > 0 else "")
                text += " were seen a jump apart"
            text += "."
        if self.elsewhere:
            text += (
                f" {self.elsewhere} pairs are left out, as the highest maximum of their "
                "correlation is not where frames agree."
            )
        return text

    def to_dict(self) -> dict[str, Any]:
        """Figures as plain types; triangles only the worst."""
        return {
            "triangles": len(self.triangles),
            "total": int(self.total),
            "rms": float(self.rms),
            "robust": float(self.robust),
            "expected": float(self.expected),
            "pair_error": float(self.pair_error),
            "per_frame": self.per_frame.tolist(),
            "open_share": float(self.open_share),
            "open_pairs": self.open_pairs.tolist(),
            "elsewhere": int(self.elsewhere),
            "worst": self.worst.tolist(),
        }


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.1 else f"{100 * share:.2g}"


def closure_of_pairs(
    pairs: npt.ArrayLike,
    shifts: npt.ArrayLike,
    frames: int,
    *,
    elsewhere: int = 0,
    expected: float = float("nan"),
    most: int = MOST_TRIANGLES,
) -> Closure | None:
    """Go around the triangles of frames whose three pairs were measured.

    Parameters
    ----------
    pairs : (p, 2) int
        Frames i < j.
    shifts : (p, 2) float
        ``shift[i] - shift[j]`` as measured, px (y, x).
    frames : int
        Number of frames of the series.
    elsewhere, expected
        As in `Closure`.
    most : int
        Triangles that are looked at, at most.

    Returns
    -------
    Closure or None
        None where no three pairs make a triangle.
    """
    ends = np.asarray(pairs, np.intp).reshape(-1, 2)
    measured = np.asarray(shifts, np.float64).reshape(-1, 2)
    number = np.full((frames, frames), -1, np.intp)
    number[ends[:, 0], ends[:, 1]] = np.arange(len(ends))
    sides, total = _triangles(number, ends, most)
    if not total:
        return None
    residual = measured[sides[:, 0]] + measured[sides[:, 1]] - measured[sides[:, 2]]
    corners = np.concatenate([ends[sides[:, 0]], ends[sides[:, 1], 1:]], axis=1)
    size = np.hypot(*residual.T)
    robust = 1.4826 * float(np.median(np.abs(residual)))
    limit = OPEN * robust
    if robust > USUAL * expected:
        limit = min(limit, max(OPEN * USUAL * expected, JUMP))
    is_open = size > max(limit, LEAST_OPEN)
    per_frame = np.full(frames, np.nan)
    for frame in range(frames):
        own = (corners == frame).any(1)
        if own.any():
            per_frame[frame] = np.median(size[own])
    seen = np.bincount(sides.ravel(), minlength=len(ends))
    bad = np.bincount(sides[is_open].ravel(), minlength=len(ends))
    return Closure(
        triangles=corners,
        residual=residual,
        total=total,
        rms=float(np.sqrt(np.mean(residual**2))),
        robust=robust,
        per_frame=per_frame,
        open_share=float(is_open.mean()),
        open_pairs=ends[(seen > 0) & (bad > 0.5 * seen)],
        elsewhere=int(elsewhere),
        expected=float(expected),
    )


def _triangles(number: IntArray, ends: IntArray, most: int) -> tuple[IntArray, int]:
    """Pairs (t, 3) of the triangles: ij, jk, ik; and how many triangles there are."""
    linked = number >= 0
    # Third frames above j of each pair (i, j).
    counts = np.array(
        [int((linked[i, j + 1 :] & linked[j, j + 1 :]).sum()) for i, j in ends], np.intp
    )
    total = int(counts.sum())
    if total <= most:
        chosen = np.arange(total)
    else:
        chosen = np.sort(np.random.default_rng(0).choice(total, most, replace=False))
    first = np.concatenate([[0], np.cumsum(counts)])
    sides = np.empty((len(chosen), 3), np.intp)
    for pair in np.unique(np.searchsorted(first, chosen, side="right") - 1):
        i, j = ends[pair]
        low, high = np.searchsorted(chosen, first[pair : pair + 2])
        thirds = np.flatnonzero(linked[i, j + 1 :] & linked[j, j + 1 :]) + j + 1
        k = thirds[chosen[low:high] - first[pair]]
        sides[low:high, 0] = pair
        sides[low:high, 1] = number[j, k]
        sides[low:high, 2] = number[i, k]
    return sides, total
