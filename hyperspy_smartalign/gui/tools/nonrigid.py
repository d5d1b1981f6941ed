"""The tool of align_nonrigid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import traits.api as t
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.gui.pictures.cycles import ConvergencePicture, RunningAveragePicture
from hyperspy_smartalign.gui.pictures.distortion import DisplacementPicture
from hyperspy_smartalign.gui.pictures.matrices import ShiftPicture
from hyperspy_smartalign.gui.pictures.reference import ReferencePicture
from hyperspy_smartalign.gui.previews.images import calibration_of
from hyperspy_smartalign.gui.tools.aligning import AligningTool
from hyperspy_smartalign.gui.tools.tool import in_words
from hyperspy_smartalign.gui.working import Outcome, silently
from hyperspy_smartalign.nonrigid.preview import ReferencePreview, preview_reference
from hyperspy_smartalign.nonrigid.record import NonrigidRecord
from hyperspy_smartalign.nonrigid.result import CycleDone
from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.rigid.result import PairsMeasured
from hyperspy_smartalign.signals import picturing, picturing_nonrigid, recording
from hyperspy_smartalign.signals.matching import alignment_carried
from hyperspy_smartalign.signals.validating import frames_of
from hyperspy_smartalign.transforms import Alignment, Field


class NonrigidTool(AligningTool):
    """Non-rigid registration with a dialogue: references, cycles as they end, distortions."""

    method = "align_nonrigid"
    heading = "Non-rigid registration"
    parameters_class = NonrigidParameters

    parameters = t.Instance(NonrigidParameters, allow_none=False)

    preview = t.Instance(ReferencePicture, (), allow_none=False)
    shifts = t.Instance(ShiftPicture, (), allow_none=False)
    convergence = t.Instance(ConvergencePicture, (), allow_none=False)
    average = t.Instance(RunningAveragePicture, (), allow_none=False)
    displacement = t.Instance(DisplacementPicture, (), allow_none=False)

    #: Alignment and record of the result, and the average of its frames once it is known.
    _found_out = t.Any()
    _image = t.Any()
    #: Images, and why they need no rigid stage.
    _looked_at = t.Any()

    def _pictures_default(self) -> list[Any]:
        pictures = [self.preview, self.shifts, self.convergence, self.average, self.displacement]
        if self._lying():
            # No rigid stage measures pairs.
            pictures.remove(self.shifts)
        return pictures

    def is_idle(self) -> dict[str, str]:
        """Parameters and options that nothing would use now, and why."""
        idle = super().is_idle()
        reason = self._lying()
        if reason:
            idle["rigid"] = reason
        return idle

    def start(self, function: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run a function in the background, and hand what it returns to `then`."""
        self.shifts.begin()
        self.convergence.begin(self.parameters.convergence_limit)
        self.average.begin()
        super().start(function, then)

    def show_found(self, event: object) -> None:
        """Draw what was found before the end."""
        if isinstance(event, PairsMeasured):
            self.shifts.add(event)
        elif isinstance(event, CycleDone):
            if event.cycle is not None:
                self.convergence.add(event.cycle)
            self.average.add(event, *calibration_of(self.plotted.image_axes))

    def show_result(self, result: Any) -> None:
        """Draw what the result says; it is plotted already."""
        alignment, record = recording.alignment_of(result), recording.nonrigid_of(result)
        self._found_out, self._image = (alignment, record), None
        self.convergence.set_cycles(record.cycles, picturing_nonrigid.target_of(result))
        if self.shifts in self.pictures and recording.has_pairs(result):
            self.shifts.set_result(alignment, recording.pairs_of(result))
        if record.cancelled:
            words = "Cancelled. The best result until then was kept."
            self.say("\n".join(filter(None, (words, self.message))), "warning")
        self._show_displacement()

    def show_preview(self) -> None:
        """Draw what the frame and the parameters lead to."""
        self._show_displacement()
        if self.preview.seen:
            if self.problem:
                self.preview.say(self.problem)
            else:
                self.previews.ask(self._preview_of(self.frame), self._previewed)

    def _lying(self) -> str:
        """Why no rigid stage comes first; empty if one does."""
        images = self.images()
        if self._looked_at is None or self._looked_at[0] is not images:
            self._looked_at = images, _lying(images)
        reason: str = self._looked_at[1]
        return reason

    def _preview_of(self, frame: int) -> Callable[[], tuple[int, ReferencePreview]]:
        parameters = cast(NonrigidParameters, self.used_parameters())
        stream, region = self.frames(), self.region_in_pixels()
        shifts = self._shifts(parameters, len(stream))

        def make() -> tuple[int, ReferencePreview]:
            preview = preview_reference(
                stream,
                frame,
                parameters,
                shifts=shifts,
                excluded=parameters.exclude,
                region=region,
            )
            return frame, preview

        return make

    def _shifts(self, parameters: NonrigidParameters, count: int) -> npt.NDArray[np.float64] | None:
        """Where the frames are before the cycles; None where a preview has to measure that."""
        if "rigid" in self.idle or parameters.rigid is False:
            return np.zeros((count, 2))
        # What an earlier run found is as good, whatever was changed since.
        return None if self._found_out is None else self._found_out[0].shifts

    def _previewed(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self.preview.say(in_words(outcome.error))
            return
        frame, preview = outcome.value
        self.preview.set_preview(preview, frame, *calibration_of(self.plotted.image_axes))

    def _show_displacement(self) -> None:
        if self._found_out is None or not self.displacement.seen:
            return
        alignment, record = self._found_out
        needs_image = isinstance(alignment.transforms[self.frame], Field) and self._image is None
        if needs_image and self.plotted.holds_images and not self.result._lazy:
            result = self.result
            self.slow_previews.ask(lambda: picturing.average_of(result, alignment), self._averaged)
        else:
            self._draw_displacement(alignment, record)

    def _averaged(self, outcome: Outcome) -> None:
        # Without the image, the arrows are drawn on grey.
        self._image = outcome.value
        self._draw_displacement(*self._found_out)

    def _draw_displacement(self, alignment: Alignment, record: NonrigidRecord) -> None:
        self.displacement.set_frame(alignment, record, self.frame, self._image)


def _lying(images: BaseSignal) -> str:
    """Why a series lies on itself already; empty if it does not."""
    if recording.has_matches(images):
        return "tiles lie on each other as they were cut out"
    with silently():
        carried = alignment_carried(images, frames_of(images).layout, stacklevel=1)
    return "" if carried is None else "the series is aligned already"
