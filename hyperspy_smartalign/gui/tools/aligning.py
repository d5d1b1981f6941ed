"""What the tools of the verbs that find an alignment have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.gui.previews.images import previewed_images
from hyperspy_smartalign.gui.tools.options import ChannelOptions, WorkOptions
from hyperspy_smartalign.gui.tools.tool import Tool
from hyperspy_smartalign.gui.working import silently
from hyperspy_smartalign.parameters import Parameters
from hyperspy_smartalign.signals.cropping import Region
from hyperspy_smartalign.signals.matching import alignment_carried
from hyperspy_smartalign.signals.rendering import Rendering
from hyperspy_smartalign.signals.spectra.aligning import check_no_source, has_channels
from hyperspy_smartalign.signals.spectra.integrating import integrate
from hyperspy_smartalign.signals.staging import check_source, excluded_frames, region_of
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import Frames, frames_of


class AligningTool(Tool):
    """Finds an alignment of images, or of spectra and patterns by images of their counts."""

    @classmethod
    def options_for(cls, signal: BaseSignal, keywords: Mapping[str, Any]) -> type[Parameters]:
        """Channels can be chosen of spectra, and of what may be a series of 4D scans."""
        manager = signal.axes_manager
        images = len(manager.signal_axes) == 2 and manager.navigation_dimension < 3
        # Channels of images are refused by `check_signal`, in the words of the verb.
        return WorkOptions if images and "signal_range" not in keywords else ChannelOptions

    @classmethod
    def check_signal(
        cls, signal: BaseSignal, given: Mapping[str, Any], options: Mapping[str, Any]
    ) -> None:
        """Raise what the verb would raise for any values."""
        signal_range, source = options.get("signal_range"), given.get("source")
        with silently():
            if has_channels(signal, signal_range):
                check_no_source(source)
            images = images_of(signal, signal_range)
            frames = frames_of(images)
            drawn = frames if source is None else frames_of(source)
            Rendering.of(cls.parameters_class()).check(drawn)
            region_of(images, None, frames.layout)
            if source is not None:
                earlier = alignment_carried(signal, frames.layout, stacklevel=1)
                check_source(source, signal, earlier, stacklevel=1)

    def check_values(self, parameters: Any) -> None:
        """Raise ValueError or TypeError if the signal cannot have these values."""
        images = self.images()
        frames = frames_of(images)
        source = self.given.get("source")
        Rendering.of(parameters).check(frames if source is None else frames_of(source))
        region_of(images, parameters.roi, frames.layout)
        pairs = getattr(parameters, "exclude_pairs", ())
        excluded_frames(parameters.exclude, len(frames), None, pairs=pairs)

    def holds_patterns(self) -> bool:
        """With channels chosen, a Signal2D holds diffraction patterns."""
        return len(self.signal.axes_manager.signal_axes) == 2 and self.signal_range is not None

    @property
    def signal_range(self) -> Any:
        """The channels that are added to images; None for all, and for images."""
        return getattr(self.options, "signal_range", None)

    def images(self) -> BaseSignal:
        """The series of images that the alignment is found on; none is read yet."""
        return self._read()[1]

    def frames(self) -> FrameStream:
        """The frames of `images`, read when they are asked for, from any thread."""
        stream: FrameStream = self._read()[2]
        return stream

    def region_in_pixels(self) -> Region | None:
        """The region of interest in pixels, (left, right, top, bottom); None for all."""
        images = self.images()
        return region_of(images, self.region(), frames_of(images).layout)

    def _read(self) -> tuple[Any, BaseSignal, FrameStream]:
        kept: tuple[Any, BaseSignal, FrameStream] | None = getattr(self, "_kept", None)
        if kept is None or kept[0] != self.signal_range:
            images = images_of(self.signal, self.signal_range)
            frames: Frames = frames_of(images)
            kept = self._kept = self.signal_range, images, FrameStream(frames)
        return kept

    def _value_changed(self, event: Any) -> None:
        if event.name == "signal_range" and self.state != "closed":
            self._take_channels()
        super()._value_changed(event)

    def _take_channels(self) -> None:
        """Patterns become images, or images patterns: frames and region are others then."""
        patterns = self.holds_patterns()
        if patterns == self.plotted.takes_patterns:
            return
        if self.drawing_region:
            self.clear_region()
        self.plotted.takes_patterns = patterns
        self.trait_set(n_frames=self.plotted.n_frames, frame=self.plotted.frame)


def images_of(signal: BaseSignal, signal_range: Any) -> BaseSignal:
    """The images that an alignment of a signal is found on; none is read yet.

    Raises
    ------
    ValueError, TypeError, NotImplementedError
        What the verbs raise for such a signal.
    """
    if not has_channels(signal, signal_range):
        return signal
    dimension = max(signal.axes_manager.navigation_dimension - 2, 0) or None
    if dimension is None:
        # Raises, as there is no series or there are no channels.
        return integrate(signal, signal_range)
    return previewed_images(signal, signal_range, series_dimension=dimension)
