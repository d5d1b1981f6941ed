"""What template_match searches, and which frames its tiles are cut out of."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.motif import Matches, Stage
from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.rigid.store import FrameSource
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.signals import averaging, origins, recording
from hyperspy_smartalign.signals.compacting import on_control_grid
from hyperspy_smartalign.signals.computing import computed
from hyperspy_smartalign.signals.copying import sliced
from hyperspy_smartalign.signals.cropping import Region
from hyperspy_smartalign.signals.matching import alignment_carried, check_fits
from hyperspy_smartalign.signals.staging import check_source, unmoved
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import (
    Frames,
    Layout,
    NotASeriesError,
    frames_of,
    layout_of,
    layout_of_axes,
)
from hyperspy_smartalign.transforms import (
    Alignment,
    AlignmentMismatchError,
    Transform,
    Translation,
)

MOST_REJECTED = 20_000
"""So many candidates that are no matches are kept."""

Search = Literal["auto", "frames", "average"]
SEARCHES = ("auto", "frames", "average")

_TWICE = (
    "The pixels of this series were interpolated when it was aligned, and those of the tiles now a "
    "second time. Give the series as it was before, to interpolate once: "
    "signal.template_match(..., source=raw_series)."
)


_UNALIGNED = (
    "The series carries no alignment, so its frames are averaged as they are. Unless they lie on "
    "each other already, align them first: signal.align_rigid().template_match(...)."
)


@dataclass(frozen=True, eq=False)
class ChosenFrames:
    """Some of the frames of a series, counted anew.

    Attributes
    ----------
    frames : FrameStream
        All of them.
    kept : (m,) int
        Numbers of those that take part.
    """

    frames: FrameStream
    kept: npt.NDArray[np.intp]

    @property
    def lazy(self) -> bool:
        """Whether frames are computed when asked for."""
        return self.frames.lazy

    def __len__(self) -> int:
        return len(self.kept)

    def frame(self, index: int) -> npt.NDArray[Any]:
        """Frame `index` of those that take part, (height, width)."""
        return self.frames.frame(int(self.kept[index]))


@dataclass(frozen=True, eq=False)
class Plan:
    """What is searched, and what the tiles are cut out of.

    Attributes
    ----------
    signal : Signal2D
        The image or series that the verb was called with.
    source : Signal2D or None
        What the user gave to cut the tiles out of.
    frames, drawn : Frames
        Its frames, and those that the tiles are cut out of.
    search : {"frames", "average"}
        Whether each frame is searched, or one image whose matches are in all frames.
    kept : (m,) int
        Numbers of the frames, of those that are drawn, that take part.
    known : Alignment or None
        That of an aligned series, or of the series that an image is the average of.
    transforms : tuple of Transform or None
        Displacement of the frames that are drawn, where matches lie in the common frame.
    origin : (y, x) of int
        Pixel of the common frame where the signal has its first one.
    scan : ScanGeometry or None
        How the frames that are drawn were scanned.
    messages : tuple of str
        What the user should know.
    raw : Signal2D or None
        The raw series that an aligned one still knew, where the tiles are cut out of that.
    """

    signal: BaseSignal
    source: BaseSignal | None
    frames: Frames
    drawn: Frames
    search: str
    kept: npt.NDArray[np.intp]
    known: Alignment | None = None
    transforms: tuple[Transform, ...] | None = None
    origin: tuple[int, int] = (0, 0)
    scan: ScanGeometry | None = None
    messages: tuple[str, ...] = ()
    raw: BaseSignal | None = None

    @classmethod
    def of(
        cls, signal: BaseSignal, search: str, source: BaseSignal | None, *, stacklevel: int
    ) -> Self:
        """Find out what there is.

        Parameters
        ----------
        signal : Signal2D
            Image or series that is searched.
        search : {"auto", "frames", "average"}
            What the user asked for.
        source : Signal2D or None
            What the tiles are to be cut out of, where the user gave it.
        stacklevel : int
            As in `warnings.warn`, counted from this function.

        Raises
        ------
        ValueError
            The signal holds no images, the source does not fit, or `search` is another word or
            is given for one image.
        """
        if search not in SEARCHES:
            words = ", ".join(f'"{word}"' for word in SEARCHES)
            raise ParameterError(f"search={search!r} is not allowed: give one of {words}.")
        frames = images_of(signal)
        if len(frames) == 1:
            if search != "auto":
                raise ParameterError(
                    f"search={search!r} is for series, and this is one image: leave search out."
                )
            return cls._of_image(signal, frames, source)
        known = alignment_carried(signal, frames.layout, stacklevel=stacklevel)
        if source is not None:
            check_source(source, signal, known, stacklevel=stacklevel)
        raw = source
        if raw is None and known is not None:
            raw = origins.living_source(signal, known)
        n = len(frames)
        kept = np.arange(n) if known is None else np.flatnonzero(~known.excluded)
        if search == "auto":
            search = "frames" if known is None else "average"
        transforms: tuple[Transform, ...] | None = None
        if known is not None and raw is not None:
            transforms = known.transforms
        elif search == "average":
            transforms = tuple(Translation(np.zeros(2)) for _ in range(n))
        scan = recording.scan_geometry_of(signal)
        return cls(
            signal=signal,
            source=source,
            frames=frames,
            drawn=frames if raw is None else frames_of(raw),
            search=search,
            kept=kept,
            known=known,
            transforms=transforms,
            origin=(0, 0) if known is None or raw is None else known.canvas.origin,
            scan=known.scan if scan is None and known is not None else scan,
            messages=_messages(known, raw, search),
            raw=raw if source is None else None,
        )

    @classmethod
    def _of_image(cls, signal: BaseSignal, frames: Frames, source: BaseSignal | None) -> Self:
        known = _average_of(signal, frames.layout)
        if source is None:
            # The average of frames has no scan lines of its own.
            scan = recording.scan_geometry_of(signal) if known is None else None
            return cls(signal, None, frames, frames, "frames", np.arange(1), scan=scan)
        drawn = images_of(source)
        if known is None or len(drawn) == 1:
            if (len(drawn), drawn.layout.frame_shape) != (1, frames.layout.frame_shape):
                raise AlignmentMismatchError(
                    f"source does not belong to the image: it has {len(drawn)} frame(s) of "
                    f"{drawn.layout.frame_shape} px, and the image {frames.layout.frame_shape} px "
                    "(y, x). Give an image of the same scan; or search an aligned series or its "
                    "average, with the raw series as source"
                )
            return cls(
                signal,
                source,
                frames,
                drawn,
                "frames",
                np.arange(1),
                scan=recording.scan_geometry_of(source),
            )
        if recording.has_alignment(source):
            raise AlignmentMismatchError(
                "source is an aligned series, so its pixels are interpolated already. Give the "
                "series as it was before the first alignment"
            )
        check_fits(known, layout_of(source))
        return cls(
            signal=signal,
            source=source,
            frames=frames,
            drawn=drawn,
            search="average",
            kept=np.flatnonzero(~known.excluded),
            known=known,
            transforms=known.transforms,
            origin=known.canvas.origin,
            scan=known.scan,
        )

    def with_frames(self, frames: Sequence[int] | int | None) -> Self:
        """The plan for some of the frames only, given by their numbers; None: all.

        Frames that the alignment excluded take no part in any case.

        Raises
        ------
        ParameterError
            They are no numbers of frames, or none of them takes part.
        """
        if frames is None:
            return self
        n = len(self.drawn)
        numbers = np.atleast_1d(np.asarray(frames))
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise ParameterError(
                f"frames={reprlib.repr(frames)} is not allowed: give a list of frame numbers, "
                "counted from 0, or None for all."
            )
        wrong = numbers[(numbers < 0) | (numbers >= n)]
        if wrong.size:
            raise ParameterError(
                f"frames holds {wrong[0]}, and there are {n} frames, counted from 0: the last is "
                f"{n - 1}."
            )
        kept = np.intersect1d(self.kept, numbers).astype(np.intp)
        if not kept.size:
            reason = "the alignment excluded all of them" if numbers.size else "it is empty"
            raise ParameterError(
                f"frames={reprlib.repr(frames)} leaves nothing to search: {reason}."
            )
        return replace(self, kept=kept)

    @property
    def parent(self) -> Alignment:
        """The frames that matches belong to, displaced where these lie in the common frame."""
        if self.known is not None:
            return on_control_grid(self.known)[0]
        return replace(
            unmoved(self.drawn.layout), scan=self.scan, steps=recording.steps_of(self.signal)
        )

    def searched(self) -> FrameSource | npt.NDArray[Any]:
        """The frames that are searched, or the one image."""
        if self.search == "frames":
            return ChosenFrames(FrameStream(self.frames), self.kept)
        return self.image()

    @property
    def numbers(self) -> npt.NDArray[np.intp] | None:
        """Numbers of the frames that are searched; None where it is an average."""
        return self.kept if self.search == "frames" else None

    def image(self) -> npt.NDArray[Any]:
        """The image itself, or the average of an aligned series, (height, width)."""
        if len(self.frames) == 1:
            return self.frames.frame(0)
        return computed(averaging.average(self.signal).data)

    def region(self, region: Region, searched: FrameSource | npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Pixels of a region: of the image that is searched; else of the average, where the
        series is aligned, or of the first frame that takes part.
        """
        left, right, top, bottom = region
        window = slice(top, bottom), slice(left, right)
        if isinstance(searched, np.ndarray):
            return np.asarray(searched[window])
        if self.known is not None:
            part = sliced(self.signal, (slice(left, right), slice(top, bottom)))
            return computed(averaging.average(part).data)
        return np.asarray(searched.frame(0)[window])

    def rejected(self, stage: Stage) -> dict[str, npt.NDArray[Any]]:
        """The best candidates that are no matches, for the table."""
        rows = np.flatnonzero(~stage.accepted)
        best = rows[np.argsort(-stage.candidates.score[rows], kind="stable")[:MOST_REJECTED]]
        found = stage.candidates.chosen(best)
        frame = self.kept[found.frame] if self.search == "frames" else np.full(len(best), -1)
        return {"frame": frame, "y": found.y, "x": found.x, "score": found.score}

    def located(self, matches: Matches) -> dict[int, Matches]:
        """Frame number -> the matches that are cut out of that frame."""
        if self.search == "average":
            return dict.fromkeys(map(int, self.kept), matches)
        return {int(number): matches.in_frame(k) for k, number in enumerate(self.kept)}


def _messages(known: Alignment | None, raw: BaseSignal | None, search: str) -> tuple[str, ...]:
    """What the user should know of a series."""
    if known is not None:
        return (_TWICE,) if raw is None else ()
    return (_UNALIGNED,) if search == "average" else ()


def images_of(signal: BaseSignal) -> Frames:
    """The frames of an image series, or one image as a series of one.

    Raises
    ------
    NotASeriesError
        The signal does not hold images.
    NotImplementedError
        An axis of the image is not uniform.
    """
    manager = signal.axes_manager
    # HyperSpy's signal_dimension is 0 where there is but one channel.
    if len(manager.signal_axes) != 2:
        raise NotASeriesError(
            f"{signal!r} holds no images, and motifs are searched in images: its signal dimension "
            f"is {manager.signal_dimension}. Search the image that was taken at the same time, or "
            "that of all counts of a spectrum image: signal.smartalign.integrate() of a series, "
            "signal.T.sum() of one."
        )
    if manager.navigation_size > 1:
        return frames_of(signal)
    x, y = manager.signal_axes
    for axis in (y, x):
        if not axis.is_uniform:
            raise NotImplementedError(
                f"Axis {axis.name} is not uniform. Make it uniform first with "
                f"signal.interpolate_on_axis('uniform', '{axis.name}')."
            )
    layout = layout_of_axes((1,), y, x)
    return Frames(layout, signal.data.reshape(1, *layout.frame_shape))


def _average_of(signal: BaseSignal, layout: Layout) -> Alignment | None:
    """The alignment of the frames that an image is the average of, None where it is none."""
    if not recording.has_alignment(signal):
        return None
    alignment = recording.alignment_of(signal)
    return alignment if alignment.canvas.shape == layout.frame_shape else None
