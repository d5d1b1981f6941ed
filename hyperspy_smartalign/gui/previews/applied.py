"""What an alignment makes of one frame of a signal, before it is applied to all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.gui.previews.images import previewed_images
from hyperspy_smartalign.gui.working import silently
from hyperspy_smartalign.parameters import ApplyParameters
from hyperspy_smartalign.resampling import Fill, resample_frame
from hyperspy_smartalign.signals.applying import Staged, cuts_tiles, layout_and_alignment
from hyperspy_smartalign.signals.cropping import Window
from hyperspy_smartalign.signals.motif.applying import TileWork
from hyperspy_smartalign.signals.motif.belonging import layout_of_target
from hyperspy_smartalign.signals.motif.cutting import cut_frame
from hyperspy_smartalign.signals.motif.selecting import table_of_tiles
from hyperspy_smartalign.signals.spectra.drawing import drawing_of
from hyperspy_smartalign.signals.spectra.frames import SpectrumFrames
from hyperspy_smartalign.signals.spectra.partial_sums import aligned_frames
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import (
    Frames,
    Layout,
    check_uniform,
    layout_of,
    layout_of_axes,
)

Pixels = npt.NDArray[Any]

# What says what becomes of all frames, and which channels: images have none.
_OF_THE_WHOLE = ("output", "variance", "signal_range", "binning")
# How tiles are cut for a preview where counts are sent to pixels.
_LIKE_COUNTS = {"share": "linear", "whole": "nearest"}


@dataclass(frozen=True)
class AppliedPreview:
    """One frame before and after.

    Attributes
    ----------
    frame : int
    before, after : (h, w) arrays
        The frame as it is, and aligned; or the mean of the tiles that are cut out of it.
    places : (m, 2) float64
        Where pixel (0, 0) of `after` lies in `before` (y, x), px; or the middles of the tiles.
    tiles : bool
        Whether tiles are cut out.
    """

    frame: int
    before: Pixels
    after: Pixels
    places: npt.NDArray[np.float64]
    tiles: bool


class Previewer:
    """Makes previews of a signal; frames are read when they are asked for.

    Parameters
    ----------
    signal : BaseSignal
        What is to be aligned.
    alignment : Alignment, signal or array
        As that of `apply_alignment`.
    """

    def __init__(self, signal: BaseSignal, alignment: Any) -> None:
        self._signal, self._alignment = signal, alignment
        self._read: tuple[Any, BaseSignal, FrameStream] | None = None

    @property
    def cuts_tiles(self) -> bool:
        """Whether the signal is cut into tiles."""
        return cuts_tiles(self._signal, self._alignment)

    def check(self) -> None:
        """Raise what the verb would raise for any values.

        Raises
        ------
        ValueError, TypeError, NotImplementedError
            As the verb.
        """
        if self.cuts_tiles:
            TileWork.of(self._signal, self._alignment, ApplyParameters())
        else:
            Staged.of(self._signal, self._alignment, ApplyParameters(), stacklevel=1)

    @property
    def has_region(self) -> bool:
        """Whether the alignment was found on a region of the frames; True for tiles."""
        if self.cuts_tiles:
            return True
        steps = layout_and_alignment(self._signal, self._alignment)[1].steps
        return Window.of_steps(steps).region is not None

    def layout(self) -> Layout:
        """Where frames and channels are in the signal.

        Raises
        ------
        ValueError, TypeError, NotImplementedError
            The alignment is none, or is for other signals.
        """
        if self.cuts_tiles:
            return layout_of_target(self._signal, table_of_tiles(self._alignment).parent)
        return layout_and_alignment(self._signal, self._alignment)[0]

    def of_frame(self, frame: int, parameters: ApplyParameters) -> AppliedPreview:
        """A frame before and after.

        Parameters
        ----------
        frame : int
            Its number.
        parameters : ApplyParameters
            Values as they are now; each frame is shown, whatever the output is.

        Raises
        ------
        ValueError, TypeError, NotImplementedError
            As the verb.
        """
        with silently():
            if self.cuts_tiles:
                return self._tiles(frame, parameters)
            return self._aligned(frame, parameters)

    def _images(self, signal_range: Any, series_dimension: int) -> tuple[BaseSignal, FrameStream]:
        """The signal as images, and their frames."""
        if self._read is None or self._read[0] != signal_range:
            images = previewed_images(self._signal, signal_range, series_dimension=series_dimension)
            layout = _layout_of_images(images)
            data = images.data.reshape(*layout.series_shape, *layout.frame_shape)
            self._read = signal_range, images, FrameStream(Frames(layout, data))
        return self._read[1:]

    def _aligned(self, frame: int, parameters: ApplyParameters) -> AppliedPreview:
        whole = Staged.of(self._signal, self._alignment, parameters, stacklevel=1)
        dimension = len(whole.layout.series_shape)
        images, stream = self._images(parameters.signal_range, dimension)
        before, transform = stream.frame(frame), whole.stage.transforms[frame]
        if whole.by_frames:
            frames = SpectrumFrames.of(images, layout_of(images, series_dimension=dimension))
            how = drawing_of(frames, whole.stage.canvas, _of_series(parameters), "series")
            after = next(aligned_frames(before[None], [(transform,)], how))[..., 0]
        else:
            fill: Fill = "nan" if parameters.fill == "mean" else parameters.fill
            after = resample_frame(
                before,
                transform,
                whole.stage.canvas,
                interpolation=parameters.interpolation,
                fill=fill,
            ).pixels
        place = np.add(whole.stage.canvas.origin, whole.stage.shifts[frame])
        return AppliedPreview(frame, before, after, place[None], False)

    def _tiles(self, frame: int, parameters: ApplyParameters) -> AppliedPreview:
        dimension = len(self.layout().series_shape)
        images, stream = self._images(parameters.signal_range, dimension)
        work = TileWork.of(images, self._alignment, _of_series(parameters))
        moves = work.moves()[frame]
        if not len(moves):
            raise ValueError(f"No tile lies in frame {frame}.")
        how = _LIKE_COUNTS.get(parameters.counts, parameters.interpolation)
        before = stream.frame(frame)
        cut, covered = cut_frame(before, moves, interpolation=how, fill=parameters.fill)
        seen = covered.sum(0)
        after = np.full(seen.shape, np.nan, np.float32)
        np.divide(np.where(covered, cut, 0).sum(0), seen, out=after, where=seen > 0)
        places = moves.centres + moves.parent.at(moves.centres.T).T
        return AppliedPreview(frame, before, after, places, True)


def _layout_of_images(images: BaseSignal) -> Layout:
    """Layout of images, of which there may be one only."""
    manager = images.axes_manager
    x, y = manager.signal_axes
    check_uniform((y, x))
    shape = tuple(int(axis.size) for axis in reversed(manager.navigation_axes))
    return layout_of_axes(shape or (1,), y, x)


def _of_series(parameters: ApplyParameters) -> ApplyParameters:
    """The parameters that say how a frame is drawn."""
    ours = {k: v for k, v in parameters.changed().items() if k not in _OF_THE_WHOLE}
    return ApplyParameters(**ours)
