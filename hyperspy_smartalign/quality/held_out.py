"""Did the non-rigid alignment help? Asked of pixels that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from .line_motion import FrameLines

__all__ = ["HeldOut", "Outcome", "held_out"]

DoubleArray = npt.NDArray[np.float64]
Outcome = Literal["helped", "worse", "none", "unknown"]

#: Probability that calls for a verdict.
SURE = 0.95
#: Offsets below this are none, px.
NOTHING = 1e-4


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What moving the lines of the frames did to them.

    Attributes
    ----------
    gain : (m,) float64
        Of each frame: rise of the log-likelihood of pixels that were held out of a fit, by
        displacing lines at all. Below 0 the lines of this series tell nothing.
    recorded : float
        The gain a frame that the alignment measured itself; NaN where it did not.
    before, after : float
        Rms error of the places of lines to be expected without and with the correction, px per
        axis.
    probability : float
        That the correction made the errors smaller.
    moved : float
        Rms of the offsets that were corrected, px per axis.
    """

    gain: DoubleArray
    recorded: float
    before: float
    after: float
    probability: float
    moved: float

    @property
    def gain_error(self) -> float:
        """Standard error of the mean gain."""
        count = len(self.gain)
        return float(self.gain.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan

    @property
    def outcome(self) -> Outcome:
        """Whether the correction helped, made the series worse, or cannot be seen."""
        if self.moved < NOTHING:
            return "none"
        if not math.isfinite(self.probability):
            return "unknown"
        if self.probability > SURE:
            # Where no fit helps pixels that it has not seen, this one has not either.
            return "none" if len(self.gain) and self.gain.mean() < 0 else "helped"
        return "worse" if self.probability < 1 - SURE else "none"

    @property
    def words(self) -> str:
        """What it says, in a sentence or two."""
        if self.moved < NOTHING:
            return "Nothing was moved inside the frames: they show no distortion above their noise."
        figures = (
            f"lines are off by {self.after:.2g} px rms, and would be by {self.before:.2g} px "
            "without the correction"
        )
        held = (
            f" (held-out pixels: gain {_plain(float(self.gain.mean()))} +- "
            f"{_plain(self.gain_error)} a frame)"
            if len(self.gain) > 1
            else ""
        )
        match self.outcome:
            case "helped":
                return f"The non-rigid correction helped: {figures}{held}."
            case "worse":
                return (
                    f"The non-rigid correction made the frames worse: {figures}{held}. Use the "
                    "rigid alignment, or align_nonrigid() with guard=True and stronger smoothing."
                )
            case "none":
                return f"No difference to be seen by the non-rigid correction: {figures}{held}."
        return "Whether the non-rigid correction helped cannot be said."

    def to_dict(self) -> dict[str, Any]:
        """Figures as plain types."""
        return {
            "outcome": self.outcome,
            "probability": self.probability,
            "before": self.before,
            "after": self.after,
            "moved": self.moved,
            "gain": float(self.gain.mean()) if len(self.gain) else math.nan,
            "gain_error": self.gain_error,
            "recorded_gain": self.recorded,
        }


def _plain(value: float) -> str:
    """Three figures, without powers of ten where the number has more digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def held_out(
    lines: Sequence[FrameLines], gain: npt.ArrayLike, *, recorded: float = math.nan
) -> HeldOut | None:
    """Compare the offsets that were corrected with those that all lines together call for.

    Parameters
    ----------
    lines : sequence of FrameLines
        Of the frames that took part.
    gain : (m,) array-like
        Held-out gain of each frame.
    recorded : float
        As in `HeldOut`.

    Returns
    -------
    HeldOut or None
        None where fewer than two frames could be compared.

    Notes
    -----
    Given the data, the true offset x of a line has mean m and variance v (`FrameLines.expected`,
    `FrameLines.variance`), and the offset d that was corrected is a number, however it was found.
    The expected square of the error is ``m**2 + v`` before and ``(m - d)**2 + v`` after. The
    frames' differences, as far as they scatter, tell how certain the mean is.
    """
    if len(lines) < 2:
        return None
    before, after, moved = [], [], []
    for frame in lines:
        weight = frame.weight
        total = max(float(weight.sum()), 1e-300)
        offset = frame.expected - (frame.expected - frame.found).mean(0)
        # The shift of the frame is not in question.
        before.append(float((weight * (offset**2 + frame.variance)).sum()) / total)
        after.append(float((weight * ((offset - frame.found) ** 2 + frame.variance)).sum()) / total)
        moved.append(float(np.mean(frame.found**2)))
    change = np.array(after) - np.array(before)
    error = float(change.std(ddof=1) / math.sqrt(len(change)))
    if error > 0:
        probability = float(stats.t.cdf(-change.mean() / error, len(change) - 1))
    else:
        probability = math.nan
    return HeldOut(
        gain=np.asarray(gain, np.float64),
        recorded=recorded,
        before=math.sqrt(float(np.mean(before))),
        after=math.sqrt(float(np.mean(after))),
        probability=probability,
        moved=math.sqrt(float(np.mean(moved))),
    )
