"""The tool of align_rigid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import traits.api as t

from hyperspy_smartalign.gui.pictures.cycles import RunningAveragePicture
from hyperspy_smartalign.gui.pictures.matrices import ShiftPicture
from hyperspy_smartalign.gui.pictures.pairs import PairPicture, ShownPair
from hyperspy_smartalign.gui.pictures.path import DriftPicture
from hyperspy_smartalign.gui.previews.averages import Averages, averages_of
from hyperspy_smartalign.gui.previews.images import calibration_of
from hyperspy_smartalign.gui.tools.aligning import AligningTool
from hyperspy_smartalign.gui.tools.tool import in_words
from hyperspy_smartalign.gui.working import Outcome, silently
from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.rigid.preview import preview_pair
from hyperspy_smartalign.rigid.result import PairsMeasured
from hyperspy_smartalign.signals import recording


class RigidTool(AligningTool):
    """Rigid registration with a dialogue: correlations, shift matrices, drift and average."""

    method = "align_rigid"
    heading = "Rigid registration"
    parameters_class = RigidParameters

    preview = t.Instance(PairPicture, (), allow_none=False)
    shifts = t.Instance(ShiftPicture, (), allow_none=False)
    drift = t.Instance(DriftPicture, (), allow_none=False)
    average = t.Instance(RunningAveragePicture, (), allow_none=False)

    #: Whether the averages belong to an earlier result than the present one.
    _average_wanted = t.Bool(False)

    def _pictures_default(self) -> list[Any]:
        return [self.preview, self.shifts, self.drift, self.average]

    def start(self, function: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run a function in the background, and hand what it returns to `then`."""
        self.shifts.begin()
        super().start(function, then)

    def show_found(self, event: object) -> None:
        """Draw what was found before the end."""
        if isinstance(event, PairsMeasured):
            self.shifts.add(event)

    def show_result(self, result: Any) -> None:
        """Draw what the result says; it is plotted already."""
        alignment = recording.alignment_of(result)
        self.shifts.set_result(alignment, recording.pairs_of(result))
        self.drift.set_alignment(alignment)
        self._average_wanted = True
        self.average.say("The average is being computed.")
        self._show_average()

    def show_preview(self) -> None:
        """Draw what the frame and the parameters lead to."""
        self._show_average()
        if self.preview.seen:
            if self.problem:
                self.previews.drop()
                self.preview.say(self.problem)
            else:
                self.previews.ask(self._pair_of(self.frame), self._previewed)

    def _pair_of(self, first: int) -> Callable[[], ShownPair]:
        parameters = self.used_parameters()
        stream, region = self.frames(), self.region_in_pixels()
        second = _next_frame(first, len(stream), parameters.exclude)
        scale, units = calibration_of(self.plotted.image_axes)

        def make() -> ShownPair:
            image = stream.frame(first)
            parts = [image, stream.frame(second)]
            if region is not None:
                left, right, top, bottom = region
                parts = [part[top:bottom, left:right] for part in parts]
            preview = preview_pair(parts[0], parts[1], parameters)
            return ShownPair(first, second, image, region, preview, scale, units)

        return make

    def _previewed(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self.preview.say(in_words(outcome.error))
        else:
            self.preview.set_pair(outcome.value)

    def _show_average(self) -> None:
        if not self._average_wanted or not self.average.seen:
            return
        self._average_wanted = False
        stream, result, signal_range = self.frames(), self.result, self.signal_range
        channels = 0 if self.plotted.holds_images else len(self.signal.axes_manager.signal_axes)

        def make() -> Averages:
            with silently():
                return averages_of(stream, result, channels, signal_range)

        self.slow_previews.ask(make, self._averaged)

    def _averaged(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self.average.say(in_words(outcome.error))
            return
        made: Averages = outcome.value
        self.average.set_averages(
            made.before,
            made.after,
            made.alignment.canvas.origin,
            made.alignment.frame_scale,
            made.alignment.frame_units,
        )


def _next_frame(first: int, count: int, excluded: tuple[int, ...]) -> int:
    """The frame after the first one that takes part, or the last one before it."""
    others = np.setdiff1d(np.arange(count), [first, *excluded])
    if not others.size:
        return first
    later = others[others > first]
    return int(later[0] if later.size else others[-1])
