"""The tool of apply_alignment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import traits.api as t
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.gui.pictures.applied import AppliedPicture, AppliedResultPicture
from hyperspy_smartalign.gui.previews.applied import AppliedPreview, Previewer
from hyperspy_smartalign.gui.previews.applied_result import AppliedResult, applied_result
from hyperspy_smartalign.gui.previews.images import calibration_of
from hyperspy_smartalign.gui.tools.options import WorkOptions
from hyperspy_smartalign.gui.tools.tool import Tool, in_words
from hyperspy_smartalign.gui.working import Outcome, silently
from hyperspy_smartalign.parameters import ApplyParameters
from hyperspy_smartalign.parameters._kinds import FilePath, Flag
from hyperspy_smartalign.signals.spectra.channels import selected
from hyperspy_smartalign.signals.validating import Layout


class ApplyOptions(WorkOptions):
    """Where the result goes, and how the work is done."""

    file = FilePath(
        None,
        label="File",
        desc=(
            "File (.hspy or .zspy) that the result is written to. It appears when it is complete. "
            "A series is written frame by frame, and is never in memory as a whole."
        ),
        group="file",
    )
    resume = Flag(
        False,
        label="Resume",
        desc="Go on where an earlier call for the same file was broken off.",
        group="file",
    )
    overwrite = Flag(False, label="Overwrite", desc="Replace the file.", group="file")


class ApplyTool(Tool):
    """An alignment applied to another signal, with a preview of the frames."""

    method = "apply_alignment"
    heading = "Apply alignment"
    parameters_class = ApplyParameters
    options_class = ApplyOptions
    positional = ("alignment",)

    parameters = t.Instance(ApplyParameters, allow_none=False)
    options = t.Instance(ApplyOptions, allow_none=False)

    preview = t.Instance(AppliedPicture, (), allow_none=False)
    outcome = t.Instance(AppliedResultPicture, (), allow_none=False)

    #: Reads the frames for previews.
    _previewer = t.Any()
    #: How the signal fits the alignment, once it was looked at.
    _known_fit = t.Any()
    #: The parameters of the work that was begun last, and those of a result not drawn yet.
    _asked_for = t.Any()
    _not_drawn = t.Any()

    def _pictures_default(self) -> list[Any]:
        return [self.preview, self.outcome]

    @classmethod
    def check_signal(
        cls, signal: BaseSignal, given: Mapping[str, Any], options: Mapping[str, Any]
    ) -> None:
        """Raise what the verb would raise for any values."""
        with silently():
            Previewer(signal, given.get("alignment")).check()

    def check_values(self, parameters: Any) -> None:
        """Raise ValueError or TypeError if the signal has no such channels."""
        if parameters.signal_range is not None or parameters.binning > 1:
            selected(self.signal, signal_range=parameters.signal_range, binning=parameters.binning)

    def holds_patterns(self) -> bool:
        """Whether a Signal2D holds diffraction patterns, and its navigation axes are x and y."""
        return len(self._fit()[0].channel_shape) == 2

    def is_idle(self) -> dict[str, str]:
        """Parameters and options that nothing would use now, and why."""
        idle = super().is_idle()
        if self.options.file is None:
            idle.update(dict.fromkeys(("resume", "overwrite"), "no file is written"))
        layout, has_region = self._fit()
        if not layout.channel_shape:
            reason = "these are images, without channels"
            idle.update(dict.fromkeys(("signal_range", "binning"), reason))
            if self.parameters.output == "auto":
                idle["variance"] = "it belongs to an average or sum, and the output is a series"
        if not has_region and self.parameters.area == "image":
            idle["area"] = "the alignment was found on whole frames"
        return idle

    def show_result(self, result: Any) -> None:
        """Draw what the result says; it is plotted already."""
        self._not_drawn = self._asked_for
        self.outcome.say("The pictures of the result are being computed.")
        self._show_outcome()

    def show_preview(self) -> None:
        """Draw what the frame and the parameters lead to."""
        self._show_outcome()
        if not self.preview.seen:
            return
        if self.problem:
            self.preview.say(self.problem)
            return
        frame, previewer = self.frame, self._reader()
        parameters = cast(ApplyParameters, self.used_parameters())
        self.previews.ask(lambda: previewer.of_frame(frame, parameters), self._previewed)

    def work(self) -> Callable[[], Any]:
        """The work of `apply`."""
        self._asked_for = self.used_parameters()
        return super().work()

    def _previewed(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self.preview.say(in_words(outcome.error))
            return
        preview: AppliedPreview = outcome.value
        self.preview.set_preview(preview, *calibration_of(self.plotted.image_axes))

    def _show_outcome(self) -> None:
        if self._not_drawn is None or not self.outcome.seen:
            return
        parameters, self._not_drawn = self._not_drawn, None
        signal, result, previewer = self.signal, self.result, self._reader()

        def make() -> AppliedResult:
            with silently():
                channels = len(previewer.layout().channel_shape)
                return applied_result(
                    signal, result, parameters, channels=channels, tiles=previewer.cuts_tiles
                )

        self.slow_previews.ask(make, self._looked_at)

    def _looked_at(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self.outcome.say(in_words(outcome.error))
        else:
            self.outcome.set_result(outcome.value)

    def _reader(self) -> Previewer:
        if self._previewer is None:
            self._previewer = Previewer(self.signal, self.given["alignment"])
        previewer: Previewer = self._previewer
        return previewer

    def _fit(self) -> tuple[Layout, bool]:
        """Layout of the signal, and whether the alignment has a region."""
        if self._known_fit is None:
            previewer = self._reader()
            with silently():
                self._known_fit = previewer.layout(), previewer.has_region
        fit: tuple[Layout, bool] = self._known_fit
        return fit
