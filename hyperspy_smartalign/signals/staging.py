"""What the verbs that estimate an alignment share: checks before, wrapping up after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.series.checks import StackError
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.cropping import Region
from hyperspy_smartalign.signals.matching import check_fits, warn_of_other_preparation
from hyperspy_smartalign.signals.progressing import Progress
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.telling import tell
from hyperspy_smartalign.signals.validating import (
    SMALLEST_REGION,
    Layout,
    layout_of,
    region_in_pixels,
)
from hyperspy_smartalign.transforms import Alignment, AlignmentMismatchError


def region_of(
    signal: BaseSignal, roi: Sequence[int | float] | None, layout: Layout
) -> Region | None:
    """Region of interest in pixels of the signal, None for the whole frame.

    Raises
    ------
    StackError
        The frames are too small.
    ValueError
        The region lies partly outside the frame, or is too small.
    """
    height, width = layout.frame_shape
    if min(height, width) < SMALLEST_REGION:
        raise StackError(
            f"The frames have {height} x {width} px, too few for a correlation: "
            f"{SMALLEST_REGION} x {SMALLEST_REGION} px or more are needed."
        )
    if roi is None:
        return None
    left, right, top, bottom = region_in_pixels(signal, roi)
    return left, right, top, bottom


def excluded_frames(
    exclude: Iterable[int],
    n: int,
    earlier: Alignment | None,
    *,
    pairs: Iterable[tuple[int, int]] = (),
) -> tuple[int, ...]:
    """Frames that the user or an earlier alignment took out.

    Raises
    ------
    ParameterError
        There are no such frames, or fewer than two are left.
    """
    named = [*exclude, *(i for pair in pairs for i in pair)]
    unknown = sorted({i for i in named if i >= n})
    if unknown:
        raise ParameterError(
            f"exclude or exclude_pairs names frames {unknown}, and the series has {n}: frames "
            f"count from 0, so that the last is {n - 1}."
        )
    excluded = set(exclude)
    if earlier is not None:
        excluded |= set(np.flatnonzero(earlier.excluded).tolist())
    if n - len(excluded) < 2:
        raise ParameterError(
            f"{len(excluded)} of {n} frames are excluded, and two or more must be left. Exclude "
            "fewer frames."
        )
    return tuple(sorted(excluded))


def check_source(
    source: BaseSignal, signal: BaseSignal, earlier: Alignment | None, *, stacklevel: int
) -> None:
    """Refuse a source that is not the series from which the signal was made.

    Parameters
    ----------
    source, signal : Signal2D
        The series before, and the series that the verb was called with.
    earlier : Alignment or None
        What the signal was aligned by.
    stacklevel : int
        As in `warnings.warn`, counted from the caller of this function.

    Raises
    ------
    ValueError
        The source is aligned already, or does not fit.
    """
    if recording.has_alignment(source):
        raise ValueError(
            "source is an aligned series, so its pixels are interpolated already. Give the "
            "series as it was before the first alignment."
        )
    layout = layout_of(signal)
    wanted = earlier if earlier is not None else unmoved(layout)
    try:
        check_fits(wanted, layout_of(source))
    except AlignmentMismatchError as error:
        raise AlignmentMismatchError(f"source does not belong to the signal: {error}") from error
    warn_of_other_preparation(
        recording.steps_of(signal), recording.steps_of(source), stacklevel=stacklevel + 1
    )


def unmoved(layout: Layout) -> Alignment:
    """The alignment of frames that are where they should be."""
    return Alignment.from_shifts(
        np.zeros((layout.n_frames, 2)),
        frame_shape=layout.frame_shape,
        navigation_shape=layout.series_shape,
        frame_scale=layout.scale,
        frame_offset=layout.offset,
        frame_units=layout.units,
    )


def announced(stream: FrameStream, progress: Progress | None) -> Iterator[npt.NDArray[np.generic]]:
    """The frames, each reported as checked."""
    for index, frame in enumerate(stream):
        yield frame
        if progress is not None:
            progress("checking frames", index + 1, len(stream))


def moved_region(region: Region, earlier: Alignment | None) -> Region:
    """A region of the signal in pixels of the frames that the earlier alignment was made for."""
    if earlier is None:
        return region
    top, left = earlier.canvas.origin
    return region[0] + left, region[1] + left, region[2] + top, region[3] + top


def equal_frames(n: int) -> str:
    """What to say about a series of equal frames."""
    return f"All {n} frames are equal, pixel by pixel."


def interpolated_twice(verb: str) -> str:
    """What to say when an aligned series is aligned again."""
    return (
        "The pixels of this series were interpolated when it was aligned before, and now a "
        "second time. Give the series as it was before, to interpolate once: "
        f"signal.{verb}(..., source=raw_series)."
    )


def warn(messages: Iterable[str], *, stacklevel: int) -> None:
    """Tell the user; `stacklevel` is counted from the caller of this function."""
    for message in messages:
        tell(message, stacklevel=stacklevel + 1)
