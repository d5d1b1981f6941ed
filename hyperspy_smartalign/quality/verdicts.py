"""Plain sentences about an alignment, each with its figures and how much they matter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .closure import Closure
from .frame_quality import LITTLE, FrameQuality
from .held_out import HeldOut
from .precision import NEGLIGIBLE, Precision

__all__ = [
    "Level",
    "Resolution",
    "Verdict",
    "verdict_on_closure",
    "verdict_on_errors",
    "verdict_on_fields",
    "verdict_on_frames",
    "verdict_on_help",
    "verdict_on_hops",
    "verdict_on_limit",
    "verdict_on_resolution",
]

Level = Literal["good", "caution", "bad", "unknown"]

#: Errors up to this many times the best possible ones are good.
FAR_FROM_BOUND = 1.5
#: Motion above this share of the resolution blurs what would be resolved.
BLURRING = 0.25
#: A hop more probable than this is told.
DOUBTFUL = 0.05
#: Expected number of hopped frames that is none, and that is too many.
NO_HOP, MANY_HOPS = 0.05, 1.0
#: Nor are fewer than this share of the frames.
MANY_SHARE = 0.05
#: Share of open triangles that is too many.
MANY_OPEN = 0.2
#: Share of frames that show something else than the others, above which that is the series.
MANY_UNRELATED = 0.2


@dataclass(frozen=True)
class Verdict:
    """One thing that can be said of an alignment.

    Attributes
    ----------
    topic : str
        A word or two, such as "resolution".
    level : {"good", "caution", "bad", "unknown"}
    words : str
        A sentence or two, with figures.
    """

    topic: str
    level: Level
    words: str

    def to_dict(self) -> dict[str, str]:
        """As plain types."""
        return {"topic": self.topic, "level": self.level, "words": self.words}


@dataclass(frozen=True)
class Resolution:
    """Resolution of the average, and of the stage before, px a period.

    Attributes
    ----------
    value, low, high : float
        Resolution and the interval that holds it; NaN where nothing is resolved.
    before : float
        That of the stage before; NaN where there was none, or where it resolved nothing.
    stage : str
        Name of the stage before; empty where there was none.
    at_pixel : bool
        Whether everything that the pixels allow is resolved.
    """

    value: float
    low: float
    high: float
    before: float = math.nan
    stage: str = ""
    at_pixel: bool = False


def _length(px: float, scale: float, units: str) -> str:
    if units == "px":
        return f"{px:.3g} px"
    return f"{px * scale:.3g} {units} ({px:.3g} px)"


def verdict_on_resolution(
    resolution: Resolution, *, scale: float = 1.0, units: str = "px"
) -> Verdict:
    """Finest period that independent halves of the series agree on."""
    if not math.isfinite(resolution.value):
        if resolution.at_pixel:
            return Verdict(
                "resolution", "good", "Halves of the series agree at all frequencies of the pixels."
            )
        return Verdict(
            "resolution",
            "bad",
            "Halves of the series have nothing in common above their noise: there is no detail to "
            "believe.",
        )
    text = f"Halves of the series agree down to {_length(resolution.value, scale, units)} a period"
    if math.isfinite(resolution.low) and math.isfinite(resolution.high):
        text += f" ({resolution.low * scale:.3g} to {resolution.high * scale:.3g})"
    if math.isfinite(resolution.before):
        text += f"; {_length(resolution.before, scale, units)} when {_STAGES[resolution.stage]}"
        if resolution.before < 0.95 * resolution.low:
            return Verdict("resolution", "caution", text + ", which was better.")
    return Verdict("resolution", "good", text + ".")


_STAGES = {"": "it was not aligned", "raw": "not aligned", "rigid": "aligned by shifts alone"}


def verdict_on_limit(precision: Precision, *, resolution: float = math.nan) -> Verdict:
    """What stands in the way of a sharper average."""
    motion = precision.motion
    words = precision.limit_in_words()
    level: Level
    match precision.limit:
        case "dose":
            level = "good"
        case "instability":
            assert motion is not None
            level = "bad" if motion.low > BLURRING * resolution else "caution"
        case _:
            level = "unknown"
    return Verdict("limit", level, words)


def verdict_on_errors(precision: Precision, *, scale: float = 1.0, units: str = "px") -> Verdict:
    """How well the shifts or the lines are known."""
    words = precision.errors_in_words()
    error = precision.error if precision.model == "rigid" else precision.line_error
    if not np.isfinite(error).all():
        return Verdict("errors", "unknown", words)
    size = float(np.sqrt(np.mean(error**2)))
    if units != "px":
        first, *rest = words.split(". ", 1)
        words = ". ".join([f"{first.removesuffix('.')} ({size * scale:.2g} {units} rms)", *rest])
        words = words if words.endswith(".") else words + "."
    ratio = precision.ratio
    far = ratio > FAR_FROM_BOUND and size > NEGLIGIBLE
    level: Level = "caution" if far or precision.too_small else "good"
    if not math.isfinite(ratio):
        level = "unknown"
        words += " How good they could be is not known here."
    return Verdict("errors", level, words)


def _small(number: float) -> str:
    return "below 1e-6" if number < 1e-6 else f"{number:.1g}"


def verdict_on_hops(frames: FrameQuality) -> Verdict:
    """Whether frames may lie a unit cell off."""
    known = frames.hop_probability[np.isfinite(frames.hop_probability)]
    if not len(known):
        return Verdict("hops", "unknown", "Whether frames lie a unit cell off is not known.")
    expected = float(known.sum())
    if expected < NO_HOP:
        return Verdict(
            "hops",
            "good",
            f"No frame lies a unit cell off (expected number {_small(expected)} of {len(known)}).",
        )
    text = f"By pixels, drift and pairs, {expected:.2g} of {len(known)} frames may lie a unit "
    text += "cell off"
    doubtful = np.flatnonzero(np.nan_to_num(frames.hop_probability) > DOUBTFUL)
    if len(doubtful):
        worst = doubtful[np.argsort(-frames.hop_probability[doubtful], kind="stable")][:5]
        text += ", most likely " + ", ".join(
            f"{i} ({100 * frames.hop_probability[i]:.0f} %)" for i in worst
        )
    certain = bool((known > 0.5).any())
    many = expected >= max(MANY_HOPS, MANY_SHARE * len(known))
    level: Level = "bad" if many or certain else "caution"
    return Verdict(
        "hops", level, f"{text}. Exclude them, or average groups of frames first (group=)."
    )


def verdict_on_closure(closure: Closure) -> Verdict:
    """Whether shifts of pairs add up."""
    level: Level = "good"
    if closure.open_share > 0:
        level = "bad" if closure.open_share > MANY_OPEN else "caution"
    return Verdict("closure", level, closure.words)


def verdict_on_frames(frames: FrameQuality, *, aligned: bool = True) -> Verdict:
    """Whether some frames are unlike the others.

    Parameters
    ----------
    frames : FrameQuality
    aligned : bool
        Frames that are not aligned may well show the opposite of each other.
    """
    words = frames.words
    if not (frames.known or frames.opposed or frames.shared < LITTLE):
        return Verdict("frames", "unknown", words)
    if frames.equal:
        return Verdict("frames", "bad", words)
    if frames.opposed or frames.shared < LITTLE:
        if not aligned:
            return Verdict("frames", "caution", f"{words} They were not aligned.")
        return Verdict(
            "frames",
            "bad",
            f"{words} Look at them, then exclude them, or align and average them by themselves.",
        )
    if len(frames.unrelated) > MANY_UNRELATED * np.count_nonzero(~frames.excluded):
        return Verdict("frames", "bad" if aligned else "caution", words)
    gain = frames.gain_of_weights
    if math.isfinite(gain) and gain > 1.02:
        words += (
            f" Weights by quality raise the signal-to-noise ratio by {100 * (gain - 1):.0f} %: "
            'average(weights="quality").'
        )
    unlike = bool(frames.outliers or frames.unrelated)
    return Verdict("frames", "caution" if unlike else "good", words)


def verdict_on_help(held_out: HeldOut) -> Verdict:
    """Whether the non-rigid alignment helped."""
    levels: dict[str, Level] = {"helped": "good", "worse": "bad", "none": "good"}
    return Verdict("non-rigid correction", levels.get(held_out.outcome, "unknown"), held_out.words)


def verdict_on_fields(gain: float) -> Verdict:
    """Whether displacement fields helped.

    Parameters
    ----------
    gain : float
        Rise of the log-likelihood of pixels that were held out of the fit, a frame, as a guarded
        alignment measured it; NaN where none did.
    """
    topic = "non-rigid correction"
    if not math.isfinite(gain):
        return Verdict(
            topic,
            "unknown",
            "Whether displacement fields helped is not known: only align_nonrigid() with "
            "guard=True asks pixels that were held out of the fit before it keeps them.",
        )
    return Verdict(
        topic,
        "good",
        "Displacement fields helped pixels that were held out of their fit: their log-likelihood "
        f"rose by {gain:.3g} a frame.",
    )
