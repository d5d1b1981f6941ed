"""What a series of frames gains and loses with the dose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.change_point import ChangePoint
from hyperspy_smartalign.quality.damage import CriticalDose, Fading
from hyperspy_smartalign.quality.dose import best_counts
from hyperspy_smartalign.quality.ring_correlation import Criterion, RingCorrelation
from hyperspy_smartalign.quality.verdicts import Level, Verdict

__all__ = ["DoseCurves"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

# Part of the most information at which more frames are hardly worth their dose.
_ENOUGH = 0.95
# Change over the series that does no harm.
_SMALL = 0.05


@dataclass(frozen=True, eq=False)
class DoseCurves:
    """Quality of the average of the first frames, and fading of each frame, against the dose.

    Frames are those that take part, in the order of recording.

    Attributes
    ----------
    counts : (c,) int
        Numbers of first frames that were averaged.
    rings : tuple of RingCorrelation
        Of the averages of every second one of the first frames, for each of `counts`.
    information : (c,) float64
        Bits a pixel in the average of the first frames, as measured.
    expected : (m,) float64
        The same for every number of frames from 1 to m, from the signal, noise and fading of the
        whole series.
    frames : (m,) int
        Their numbers in the series.
    fading : Fading
        Amplitude of every frame, in bands of spatial frequency, and how fast it falls.
    change : ChangePoint
        Whether and when these amplitudes changed.
    similarity : (m,) float64
        Correlation of every frame with the mean of the others, noise included.
    brightness : (m,) float64
        Mean intensity of every frame over that of all.
    dose : (m,) float64 or None
        Electrons per square ångström of every frame, if known.
    scale : float
        Size of a pixel, in `units`.
    units : str
        "px" where the axes have none.
    messages : tuple of str
        What to know about how this was measured.
    """

    counts: IntArray
    rings: tuple[RingCorrelation, ...]
    information: FloatArray
    expected: FloatArray
    frames: IntArray
    fading: Fading
    change: ChangePoint
    similarity: FloatArray
    brightness: FloatArray
    dose: FloatArray | None
    scale: float
    units: str
    messages: tuple[str, ...]

    def resolution(self, criterion: Criterion = "1/7") -> FloatArray:
        """(c,) resolution of the average of the first frames, in `units`; NaN where there is none.

        Parameters
        ----------
        criterion : {"1/7", "half_bit"}
            See `RingCorrelation.resolution`.
        """
        return self.scale * np.array([rings.resolution(criterion) for rings in self.rings])

    @property
    def fades(self) -> bool:
        """Whether the amplitudes fall, as far as the test of a change can tell."""
        return self.change.first is not None and self.change.falls

    @property
    def onset(self) -> int | None:
        """Number in the series of the frame by which the fading is significant, None: it is not."""
        if not self.fades or self.change.first is None:
            return None
        return int(self.frames[self.change.first])

    @property
    def best_count(self) -> int:
        """Number of first frames whose plain average holds the most information.

        That of all where they show nothing.
        """
        if not self.expected.max() > 0:
            return len(self.frames)
        return int(self.expected.argmax()) + 1

    @property
    def enough_count(self) -> int:
        """Number of first frames whose plain average holds 95 % of the most information."""
        if not self.expected.max() > 0:
            return len(self.frames)
        return int(np.argmax(self.expected >= _ENOUGH * self.expected.max())) + 1

    @property
    def best_counts(self) -> IntArray:
        """(b,) number of first frames with the best signal to noise in each band of `fading`."""
        amplitude = self.law().amplitude(self.fading.frequency[None], self.fading.exposure[:, None])
        return best_counts(amplitude)

    @property
    def critical_dose(self) -> FloatArray | None:
        """(b,) e/Å² after which the amplitude in a band is 1/e; None where no dose was given."""
        if self.dose is None:
            return None
        return self.fading.critical_frames * float(self.dose.mean())

    def law(self) -> CriticalDose:
        """Critical number of frames at every frequency; infinite where no fading was found."""
        if self.fades and self.fading.shown.any():
            return self.fading.law()
        return CriticalDose(np.array([0.0]), np.array([math.inf]))

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What this means, in words: about fading, and about the number of frames."""
        return (self._of_fading(), self._of_count())

    def summary(self) -> str:
        """All of it, in words."""
        lines = [f"{len(self.frames)} frames in the order of recording"]
        lines += [f"{verdict.topic}: {verdict.words}" for verdict in self.verdicts]
        return "\n".join([*lines, *self.messages])

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        onset = "no fading" if self.onset is None else f"fading by frame {self.onset}"
        return (
            f"{type(self).__name__}({len(self.frames)} frames, {onset}, best_count "
            f"{self.best_count})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Numbers, lists and words that JSON can hold; None for what is not known."""
        dose = self.critical_dose
        content: dict[str, Any] = {
            "counts": self.counts.tolist(),
            "resolution_one_seventh": self.resolution("1/7").tolist(),
            "resolution_half_bit": self.resolution("half_bit").tolist(),
            "information": self.information.tolist(),
            "expected_information": self.expected.tolist(),
            "frames": self.frames.tolist(),
            "similarity": self.similarity.tolist(),
            "brightness": self.brightness.tolist(),
            "fading": self.fading.to_dict(),
            "chance": self.change.chance,
            "false_alarm": self.change.false_alarm,
            "onset": self.onset,
            "best_count": self.best_count,
            "enough_count": self.enough_count,
            "critical_frames": self.fading.critical_frames.tolist(),
            "critical_dose": None if dose is None else dose.tolist(),
            "scale": self.scale,
            "units": self.units,
            "verdicts": [said.to_dict() for said in self.verdicts],
            "messages": list(self.messages),
        }
        finite: dict[str, Any] = _finite(content)
        return finite

    def _of_fading(self) -> Verdict:
        topic, change = "fading", self.change
        if not self.fading.shown.any():
            return Verdict(
                topic, "unknown", "The frames show nothing in common, so nothing can fade."
            )
        if math.isnan(change.chance):
            return Verdict(
                topic, "unknown", f"{len(self.frames)} frames are too few to tell a change."
            )
        if change.first is None or change.row is None:
            return Verdict(
                topic,
                "good",
                f"No change with the dose is seen: frames in random order look as changed in "
                f"{100 * change.chance:.2g} % of all cases.",
            )
        when = int(self.frames[change.first])
        band = np.flatnonzero(self.fading.shown)[change.row]
        detail = self._period(float(self.fading.frequency[band]))
        exposure = self.fading.exposure
        size = abs(math.expm1(-float(self.fading.rate[band]) * float(np.ptp(exposure))))
        how = (
            f"by {100 * size:.2g} % over the series, significant by frame {when} at a rate of "
            f"false alarms of {change.false_alarm:.2g}"
        )
        level: Level = "good" if size < _SMALL else "caution"
        if not change.falls:
            return Verdict(
                topic,
                level,
                f"Contrast grows, first seen at {detail} ({how}). Contamination, focus, and "
                "changes of the beam or of a tip can do that.",
            )
        if self.best_count < len(self.frames):
            level = "bad"
        return Verdict(
            topic,
            level,
            f"What the frames show fades, first seen at {detail} ({how}). {self._rates()} Damage, "
            "contamination, a drifting focus and worsening alignment look alike.",
        )

    def _rates(self) -> str:
        """Critical dose of the coarsest and finest detail."""
        law = self.law()
        said = []
        for place in dict.fromkeys((0, -1)):
            count = float(law.frames[place])
            detail = self._period(float(law.frequency[place]))
            if not math.isfinite(count):
                said.append(f"detail of {detail} does not fade")
                continue
            text = f"detail of {detail} is down to 1/e after {count:.3g} frames"
            if self.dose is not None:
                text += f" ({count * float(self.dose.mean()):.3g} e/Å²)"
            said.append(text)
        return "With the dose, " + " and ".join(said) + "."

    def _of_count(self) -> Verdict:
        topic, count, best = "number of frames", len(self.frames), self.best_count
        most, whole = float(self.expected.max()), float(self.expected[-1])
        if not most > 0:
            return Verdict(topic, "unknown", "The frames show nothing in common.")
        if best < count:
            return Verdict(
                topic,
                "bad" if whole < _ENOUGH * most else "caution",
                f"The plain average of the first {best} frames holds the most information; that of "
                f"all {count} holds {100 * (1 - whole / most):.2g} % less. Average the first ones "
                'only, or all with weights="damage".',
            )
        shown = np.flatnonzero(self.fading.shown)
        finest = int(self.best_counts[shown[-1]]) if shown.size else count
        instead = ""
        if finest < count:
            detail = self._period(float(self.fading.frequency[shown[-1]]))
            instead = (
                f" But detail of {detail} is clearest in the first {finest}: "
                'weights="damage" makes the best of both.'
            )
        half = float(self.expected[max(count // 2, 1) - 1])
        return Verdict(
            topic,
            "caution" if finest < count else "good",
            f"Every frame helps: the second half of the {count} frames added "
            f"{100 * (most - half) / most:.2g} % of the information. The first "
            f"{self.enough_count} hold 95 % of it.{instead}",
        )

    def _period(self, frequency: float) -> str:
        return f"{self.scale / frequency:.3g} {self.units}"


def _finite(content: Any) -> Any:
    """The same with None for numbers that are not finite."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
