"""What a rigid registration found."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from hyperspy_smartalign.quality.noise import NoiseModel

__all__ = ["PairTable", "PairsMeasured", "RigidResult"]

# A maximum nearer than this is the same one, px.
_AGREES = 3.0


@dataclass(frozen=True)
class PairTable:
    """Shifts measured between pairs of frames.

    Attributes
    ----------
    indices : (p, 2) int
        Frames i < j.
    shifts : (p, 2) float64
        Highest maximum of each pair's correlation: ``shift[i] - shift[j]``, px (y, x).
    similarity : (p,) float64
        Correlation coefficient of the weighted frames at that maximum.
    accepted : (p,) bool
        Whether the pair, with one of its candidates, agrees with the common solution.
    """

    indices: npt.NDArray[np.intp]
    shifts: npt.NDArray[np.float64]
    similarity: npt.NDArray[np.float64]
    accepted: npt.NDArray[np.bool_]

    def agreement(
        self, shifts: npt.NDArray[np.float64], used: npt.NDArray[np.bool_]
    ) -> float | None:
        """Share of the pairs whose highest maximum is where the shifts (n, 2) put it, to 3 px.

        Of pairs of used frames; None where there are none.
        """
        taking = used[self.indices].all(1)
        if not taking.any():
            return None
        first, second = self.indices[taking].T
        away = self.shifts[taking] - (shifts[first] - shifts[second])
        return float((np.hypot(*away.T) < _AGREES).mean())

    def matrix(self, values: npt.NDArray[np.generic], count: int) -> npt.NDArray[np.float64]:
        """One value a pair as an (n, n) matrix, row i, column j > i; NaN where not measured."""
        result = np.full((count, count), np.nan)
        result[self.indices[:, 0], self.indices[:, 1]] = values
        return result


@dataclass(frozen=True)
class PairsMeasured:
    """Some pairs of frames that were just measured, told before the registration ends.

    Where the registration is tried again in another way, all pairs are told again; what was told
    last counts.

    Attributes
    ----------
    indices : (p, 2) int
        Frames i < j of the series. Of grouped frames the first of each group.
    shifts : (p, 2) float64
        Highest maximum of each pair's correlation: ``shift[i] - shift[j]``, px (y, x).
    similarity : (p,) float64
        Correlation coefficient of the weighted frames at that maximum.
    count : int
        Number of frames of the series.
    total : int
        Number of pairs that are measured in all.
    """

    indices: npt.NDArray[np.intp]
    shifts: npt.NDArray[np.float64]
    similarity: npt.NDArray[np.float64]
    count: int
    total: int


@dataclass(frozen=True)
class RigidResult:
    """Shifts of a series with all that is known about them.

    Attributes
    ----------
    shifts : (n, 2) float64
        Measured displacement of each frame's content, px (y, x); mean over the used frames zero.
    precision : (n, 2) float64
        Standard errors, px; NaN where unknown (excluded frames, no refinement).
    hop_margin : (n,) float64
        Natural logarithm of the odds that the chosen shift and not another maximum is right;
        0 is a coin toss, 5 about 1 in 150. NaN for excluded frames.
    excluded : (n,) bool
        Frames that took no part; their shifts are interpolated between their neighbours.
    reasons : tuple of str
        Why each frame was excluded; empty for the others.
    pairs : PairTable
    noise : NoiseModel
        Variance of a pixel against its intensity. Of frames that were smoothed or resampled, that
        of white noise which has their density at low frequencies.
    messages : tuple of str
        What the user should know, in plain words.
    """

    shifts: npt.NDArray[np.float64]
    precision: npt.NDArray[np.float64]
    hop_margin: npt.NDArray[np.float64]
    excluded: npt.NDArray[np.bool_]
    reasons: tuple[str, ...]
    pairs: PairTable
    noise: NoiseModel
    messages: tuple[str, ...] = ()

    @property
    def hop_probability(self) -> npt.NDArray[np.float64]:
        """Probability (n,) that a frame's shift is another maximum than the right one."""
        return np.asarray(expit(-self.hop_margin))

    def on_frames(self, step: tuple[float, float], filled: float = 1.0) -> RigidResult:
        """What was found on a coarser grid, in pixels of the frames.

        Parameters
        ----------
        step : (y, x)
            Pixels of the frame that a pixel of the grid stands for.
        filled : float
            Share of the grid's frequencies in which there is noise.
        """
        area = step[0] * step[1] / filled
        return replace(
            self,
            shifts=self.shifts * step,
            precision=self.precision * step / np.sqrt(filled),
            pairs=replace(self.pairs, shifts=self.pairs.shifts * step),
            noise=self.noise.scaled(area),
        )
