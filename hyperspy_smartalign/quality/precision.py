"""How precise an alignment is, how precise it could be, and what stands in the way of more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .line_motion import LeftMotion

__all__ = ["Limit", "Precision", "resolved_frequency", "what_limits"]

DoubleArray = npt.NDArray[np.float64]
Limit = Literal["dose", "instability", "unknown"]
Model = Literal["rigid", "lines", "fields"]

#: More is left than the errors explain, if it certainly is by this factor;
MORE = 1.25
#: the same on interpolated pixels, whose noise is correlated, so that errors seem smaller;
MORE_INTERPOLATED = 3.0
#: and no more than they explain, if it certainly is less than by this one.
NO_MORE = 2.0
#: Motion and errors below this are those of interpolation and of finite steps, px.
NEGLIGIBLE = 0.02
#: No errors are this much smaller than the best possible ones, but by a noise that is not white.
BELOW_BOUND = 0.8


@dataclass(frozen=True, eq=False)
class Precision:
    """Errors of an alignment against the best possible ones, and motion left against both.

    Attributes
    ----------
    model : {"rigid", "lines", "fields"}
        What the alignment moves: frames, their scan lines, or every place by itself.
    errors : (n, 2) float64
        Standard errors (y, x) that the alignment reports, px: of the shift of each frame, or rms
        over its lines; NaN for frames that took no part.
    bound : (2,) float64
        Cramer-Rao bound on the shift of a frame, px; NaN where not known.
    line_error, line_bound : (2,) float64
        Rms over all lines of the reported errors, and the bound on them, px; NaN for "rigid".
    motion : LeftMotion or None
        Motion of lines that is left; None where frames could not be compared.
    corrected : (2,) float64
        Rms of the offsets of lines that the alignment takes out of the frames, px.
    jitter : (3,) float64
        Rms motion of lines about the drift of their frame, corrected or not: 2.5, 50 and 97.5 %
        of its probability, px; NaN where not known.
    resolved : float
        Frequency, cycles a line, up to which that motion stands above the errors of single lines.
    line_time : float
        Seconds from line to line; NaN where not known.
    interpolated : bool
        Whether motion was measured on pixels that were aligned before, as the recorded ones were
        not at hand.
    """

    model: Model
    errors: DoubleArray
    bound: DoubleArray
    line_error: DoubleArray
    line_bound: DoubleArray
    motion: LeftMotion | None
    corrected: DoubleArray
    jitter: DoubleArray
    resolved: float = math.nan
    line_time: float = math.nan
    interpolated: bool = False

    @property
    def error(self) -> DoubleArray:
        """Rms (2,) over the frames of the reported errors, px."""
        known = self.errors[np.isfinite(self.errors).all(1)]
        return np.sqrt(np.mean(known**2, axis=0)) if len(known) else np.full(2, np.nan)

    @property
    def ratio(self) -> float:
        """Reported error over bound, rms over both axes: 1 is the best possible."""
        error, bound = (
            (self.error, self.bound)
            if self.model == "rigid"
            else (self.line_error, self.line_bound)
        )
        return float(np.sqrt(np.sum(error**2) / np.sum(bound**2)))

    @property
    def too_small(self) -> bool:
        """Whether the errors are smaller than they can be, so that they or the bound are wrong."""
        return self.ratio < BELOW_BOUND

    def ratio_in_words(self) -> str:
        """Half a sentence: how the errors compare with the best possible ones."""
        if self.too_small:
            return (
                f"{self.ratio:.2g} times the least that white noise of the size seen allows: the "
                "noise is correlated, or frames differ by more than noise, and neither figure can "
                "be relied on"
            )
        ratio = f"{self.ratio:.0f}" if self.ratio >= 10 else f"{self.ratio:.2g}"
        return f"{ratio} times the best possible"

    @property
    def limit(self) -> Limit:
        """What stands in the way of a sharper average."""
        if self.motion is None:
            return "unknown"
        return what_limits(self.motion, more=MORE_INTERPOLATED if self.interpolated else MORE)

    @property
    def words(self) -> str:
        """What it says, in two or three sentences."""
        return " ".join(part for part in (self.errors_in_words(), self.limit_in_words()) if part)

    def errors_in_words(self) -> str:
        """A sentence about the errors."""
        lines = self.model != "rigid" and np.isfinite(self.line_error).all()
        error = self.line_error if lines else self.error
        if not np.isfinite(error).all():
            return "The alignment reports no errors."
        what = "scan lines" if lines else "shifts"
        text = f"Standard error of the {what}: {error[0]:.2g} px along y, {error[1]:.2g} px along x"
        if np.isfinite(self.ratio):
            text += f", {self.ratio_in_words()}"
        text += "."
        if lines and self.resolved > 0:
            text += f" Motion of lines is resolved up to {self.resolved:.2g} cycles a line"
            if self.line_time > 0:
                text += f", {self.resolved / self.line_time:.3g} Hz"
            text += "."
        return text

    def limit_in_words(self) -> str:
        """A sentence or two about what is left and why."""
        motion = self.motion
        if motion is None:
            return "How much motion is left in the frames could not be measured."
        left = f"{motion.left:.2g} px ({motion.low:.2g} to {motion.high:.2g})"
        if self.limit == "instability":
            advice = (
                "Correct the lines with align_nonrigid(), or scan faster."
                if self.model == "rigid"
                else "A steadier microscope helps more than dose."
            )
            return (
                f"Instability-limited: rms motion of {left} is left in the frames, more than the "
                f"{motion.explained:.2g} px that the errors explain. {advice}"
            )
        if self.limit == "dose" and motion.high >= NO_MORE * motion.explained:
            return (
                f"Rms motion of {left} is left in the frames, no more than interpolation makes. "
                "More dose or more frames help."
            )
        if self.limit == "dose":
            return (
                f"Dose-limited: rms motion of {left} is left in the frames, and the errors explain "
                f"{motion.explained:.2g} px. More dose or more frames help."
            )
        if self.interpolated:
            return (
                f"Rms motion of {left} is left in the frames, and the errors explain "
                f"{motion.explained:.2g} px: only the frames as they were recorded tell noise and "
                "instability apart."
            )
        return (
            f"Rms motion of {left} is left in the frames, and the errors explain "
            f"{motion.explained:.2g} px: noise and instability cannot be told apart at this dose."
        )

    def to_dict(self) -> dict[str, Any]:
        """Figures as plain types."""
        motion = self.motion
        return {
            "model": self.model,
            "error": self.error.tolist(),
            "errors": self.errors.tolist(),
            "bound": self.bound.tolist(),
            "line_error": self.line_error.tolist(),
            "line_bound": self.line_bound.tolist(),
            "ratio": self.ratio,
            "limit": self.limit,
            "left": None if motion is None else motion.left,
            "left_interval": None if motion is None else [motion.low, motion.high],
            "explained": None if motion is None else motion.explained,
            "corrected": self.corrected.tolist(),
            "jitter": self.jitter.tolist(),
            "resolved": self.resolved,
            "line_time": self.line_time,
        }


def what_limits(motion: LeftMotion, *, more: float = MORE) -> Limit:
    """Whether noise explains the motion that is left.

    Parameters
    ----------
    motion : LeftMotion
    more : float
        See `MORE`.

    Returns
    -------
    {"dose", "instability", "unknown"}
        "instability" where even the low end of what is left is above `more` times what the errors
        explain, "dose" where even the high end is below `NO_MORE` times it, "unknown" between.
        Errors count as `NEGLIGIBLE` at least.
    """
    explained = max(motion.explained, NEGLIGIBLE)
    if motion.low > more * explained:
        return "instability"
    if motion.high < NO_MORE * explained:
        return "dose"
    return "unknown"


def resolved_frequency(rms: float, length: float, smoothness: float, line_variance: float) -> float:
    """Frequency up to which the jitter of lines stands above the noise of single lines.

    Parameters
    ----------
    rms, length, smoothness
        Of the Matern process that the lines follow: px, lines, and its smoothness.
    line_variance : float
        Variance of the offset of a line measured by itself, px^2.

    Returns
    -------
    float
        Cycles a line, 0.5 at most; 0 where it never does.

    Notes
    -----
    Spectral density of Rasmussen & Williams, Gaussian Processes for Machine Learning (2006),
    eq. 4.15, in one dimension, against white noise of the variance given.
    """
    if not (rms > 0 and length > 0 and line_variance > 0):
        return 0.0
    if math.isinf(smoothness):
        top = rms**2 * length * math.sqrt(2 * math.pi)
        if top <= line_variance:
            return 0.0
        return min(math.sqrt(0.5 * math.log(top / line_variance)) / (math.pi * length), 0.5)
    nu = smoothness
    log_scale = (
        2 * math.log(rms)
        + math.log(2 * math.sqrt(math.pi))
        + math.lgamma(nu + 0.5)
        - math.lgamma(nu)
        + nu * math.log(2 * nu)
        - 2 * nu * math.log(length)
    )
    # (2 nu / length^2 + 4 pi^2 f^2)^-(nu + 1/2) * scale = variance, solved for f.
    base = math.exp((log_scale - math.log(line_variance)) / (nu + 0.5))
    square = (base - 2 * nu / length**2) / (4 * math.pi**2)
    return min(math.sqrt(max(square, 0.0)), 0.5)
