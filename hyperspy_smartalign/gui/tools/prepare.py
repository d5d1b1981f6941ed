"""The tool of smartalign.prepare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import traits.api as t
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.gui.pictures.prepared import (
    BeforeAfterPicture,
    ScanPicture,
    ShownFrame,
)
from hyperspy_smartalign.gui.tools.options import NoOptions
from hyperspy_smartalign.gui.tools.tool import Tool, in_words
from hyperspy_smartalign.gui.working import Outcome, silently
from hyperspy_smartalign.parameters import PrepareParameters
from hyperspy_smartalign.series.frames import frame_indices
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.series.rescan import prepared_geometry, slow_axes
from hyperspy_smartalign.signals.copying import with_data
from hyperspy_smartalign.signals.preparing import prepare
from hyperspy_smartalign.signals.rebuilding import SeriesLayout
from hyperspy_smartalign.signals.spectra.channels import by_frames
from hyperspy_smartalign.signals.spectra.integrating import sum_of_channels
from hyperspy_smartalign.signals.validating import units_of

_CHOOSING = ("first", "last", "skip", "reverse")
_OF_IMAGES = ("normalise", "resample", "equalise")


@dataclass(frozen=True)
class _Preview:
    """What the pictures show: a frame before and after, or words why there is none after."""

    before: ShownFrame
    after: ShownFrame | None
    words: str


class PrepareTool(Tool):
    """Choosing, turning, resampling and equalising frames with a dialogue."""

    method = "smartalign.prepare"
    heading = "Prepare a series"
    result_name = "prepared"
    parameters_class = PrepareParameters
    options_class = NoOptions

    before_and_after = t.Instance(BeforeAfterPicture, (), allow_none=False)
    scan = t.Instance(ScanPicture, (), allow_none=False)

    #: The signal, lazy: a preview computes one frame.
    _lazy = t.Any()

    def _pictures_default(self) -> list[Any]:
        return [self.before_and_after, self.scan]

    @classmethod
    def check_signal(
        cls, signal: BaseSignal, given: Mapping[str, Any], options: Mapping[str, Any]
    ) -> None:
        """Raise what the verb would raise for any values."""
        SeriesLayout.of(signal)

    def check_values(self, parameters: Any) -> None:
        """Raise ValueError or TypeError if the signal cannot have these values."""
        series = SeriesLayout.of(self.signal)
        computed = [name for name in _OF_IMAGES if name in parameters.changed()]
        if computed:
            series.check_images(computed)
        geometry = _geometry(series, parameters)
        if parameters.equalise is not None:
            kept = len(_kept(series, parameters))
            # Raises where scan lines are neither rows nor columns.
            slow_axes(geometry, (kept,))

    def work(self) -> Callable[[], Any]:
        """The work of `apply`."""
        accessor, keywords = self.signal.smartalign, self.keywords()
        return lambda: accessor.prepare(**keywords)

    def is_idle(self) -> dict[str, str]:
        """Parameters that nothing would use now, and why."""
        idle = super().is_idle()
        series = SeriesLayout.of(self.signal)
        if series.series_dimensions != 1:
            axes = "one frame" if series.n_frames == 1 else "several series axes"
            idle |= dict.fromkeys(_CHOOSING, f"the signal has {axes}")
        if not series.is_image:
            idle |= dict.fromkeys(_OF_IMAGES, "the signal holds spectra, not images")
        return idle

    def show_preview(self) -> None:
        """Draw what the frame and the parameters lead to."""
        picture = self.before_and_after
        if self.problem:
            self.previews.drop()
            for shown in self.pictures:
                if shown.seen:
                    shown.say(self.problem)
            return
        parameters = self.used_parameters()
        if picture.seen:
            self.previews.ask(self._preview_of(parameters, self.frame), self._previewed)
        if self.scan.seen:
            series = SeriesLayout.of(self.signal)
            self.scan.set_scan(
                _kept(series, parameters),
                series.n_frames,
                _geometry(series, parameters),
                self.frame,
            )

    def _preview_of(self, parameters: Any, frame: int) -> Callable[[], _Preview]:
        def make() -> _Preview:
            with silently():
                return self._made(parameters, frame)

        return make

    def _made(self, parameters: Any, frame: int) -> _Preview:
        if self._lazy is None:
            self._lazy = _lazily(self.signal)
        series = SeriesLayout.of(self.signal)
        before = _shown(self._lazy, frame, f"frame {frame}")
        place = np.flatnonzero(_kept(series, parameters) == frame)
        if not place.size:
            return _Preview(before, None, f"Frame {frame} is left out.")
        keywords = parameters.keywords()
        # The grey levels look the same, and finding their range reads the whole series.
        words = "The grey levels become 0 to 1." if keywords.pop("normalise") else ""
        prepared = prepare(self._lazy, **keywords)
        return _Preview(
            before, _shown(prepared, int(place[0]), f"prepared, frame {place[0]}"), words
        )

    def _previewed(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self.before_and_after.say(in_words(outcome.error))
        else:
            made: _Preview = outcome.value
            self.before_and_after.set_frames(made.before, made.after, made.words)


def _kept(series: SeriesLayout, parameters: Any) -> npt.NDArray[np.intp]:
    return frame_indices(
        series.n_frames,
        first=parameters.first,
        last=parameters.last,
        skip=parameters.skip,
        reverse=parameters.reverse,
    )


def _geometry(series: SeriesLayout, parameters: Any) -> ScanGeometry | None:
    return prepared_geometry(
        series.geometry,
        series.n_frames,
        indices=_kept(series, parameters),
        transpose=parameters.transpose,
        scan_rotation=parameters.scan_rotation,
        fast_direction=parameters.fast_direction,
        line_time=parameters.line_time,
    )


def _lazily(signal: BaseSignal) -> BaseSignal:
    """The signal with a frame in each chunk; nothing is copied but metadata."""
    if signal._lazy:
        return signal
    channels = 0 if len(signal.axes_manager.signal_axes) == 2 else 1
    lazy = with_data(signal, by_frames(signal.data, channels))
    lazy._lazy = True
    lazy._assign_subclass()
    return lazy


def _shown(signal: BaseSignal, frame: int, title: str) -> ShownFrame:
    """A frame of a lazy signal as an image; spectra are added over their channels."""
    series = SeriesLayout.of(signal)
    data = signal.data[np.unravel_index(frame, signal.data.shape[: series.series_dimensions])]
    if not series.is_image:
        data = sum_of_channels(data, 1)
    axes = [signal.axes_manager._axes[place] for place in series.image_axes]
    (dy, dx), (uy, ux) = ((float(axis.scale) for axis in axes), (units_of(axis) for axis in axes))
    return ShownFrame(np.asarray(data, np.float64), title, (dy, dx), (uy, ux))
