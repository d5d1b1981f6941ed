"""What a non-rigid registration found."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.transforms import Transform

__all__ = ["Cycle", "CycleDone", "NonrigidResult", "ScanPrior"]

DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ScanPrior:
    """How scan lines are displaced, as estimated from the series itself.

    Attributes
    ----------
    rms : (2,) float64
        Standard deviation of a line's offset (slow, fast) about the drift of its frame, or of a
        free displacement (y, x) about its mean, px.
    length : (2,) float64
        Distance over which these are correlated: lines, or px of a free field.
    smoothness : float
        Of the Matern process: 0.5 rough (electronic noise) to 3.5 smooth (vibrations), infinite
        for a Gaussian one.
    """

    rms: DoubleArray
    length: DoubleArray
    smoothness: float


@dataclass(frozen=True)
class Cycle:
    """One cycle: every frame fitted to one reference.

    Attributes
    ----------
    model : {"affine", "scan_locked", "row_fitting", "free"}
    mean_shifts : tuple of float
        Mean over pixels and frames of the change of the displacement, px, one an iteration.
    gain : float
        By how much the fit of held-out data rose, as log-likelihood a frame; NaN where not scored.
    similarity : (n,) float64
        Correlation of each frame with the reference at the start of the cycle, noise included.
    kept : bool
        False for a cycle that made held-out data fit worse, and whose result was dropped.
    """

    model: str
    mean_shifts: tuple[float, ...]
    gain: float
    similarity: DoubleArray
    kept: bool

    def scaled(self, step: float) -> Cycle:
        """The cycle in pixels of which `step` make one."""
        if step == 1.0:
            return self
        return replace(self, mean_shifts=tuple(step * shift for shift in self.mean_shifts))


@dataclass(frozen=True)
class CycleDone:
    """How far the cycles are, told before the registration ends.

    Attributes
    ----------
    number : int
        Of the cycle that was just done, from 1; 0 before the first. Cycles that are not needed
        are passed over.
    total : int
        Number of cycles that were asked for.
    cycle : Cycle or None
        How it went; None before the first.
    average : (h, w) float32 or None
        Average of the frames as they are placed by now, in pixels of the frame (of the region of
        interest); NaN where no frame saw the pixel.
    """

    number: int
    total: int
    cycle: Cycle | None
    average: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class NonrigidResult:
    """Transforms of a series with all that is known about them.

    Attributes
    ----------
    transforms : tuple of Transform
        One a frame, from the common frame to the frames that were given: the start, improved.
    precision : (n, 2) float64
        Root mean square over the lines of a frame of the standard errors (y, x), px; NaN where
        unknown.
    line_errors : (n, lines, 2) float64 or None
        Standard error (y, x) of the offset of every scan line, px, in the order of the frame's
        rows (columns, where lines are columns); NaN where a frame has fewer lines. None for free
        transforms.
    excluded : (n,) bool
        Frames that took no part.
    similarity_before, similarity : (n,) float64
        Correlation of each frame with the mean of the others, before and after.
    cycles : tuple of Cycle
    prior : ScanPrior or None
    undetermined : str
        What the series cannot tell, in plain words; empty if nothing.
    noise : NoiseModel
        Variance of a pixel against its intensity.
    messages : tuple of str
        What the user should know, in plain words.
    cancelled : bool
        Whether the work was stopped by the user and this is the best result until then.
    """

    transforms: tuple[Transform, ...]
    precision: DoubleArray
    line_errors: DoubleArray | None
    excluded: npt.NDArray[np.bool_]
    similarity_before: DoubleArray
    similarity: DoubleArray
    cycles: tuple[Cycle, ...]
    prior: ScanPrior | None
    undetermined: str
    noise: NoiseModel
    messages: tuple[str, ...] = ()
    cancelled: bool = False
