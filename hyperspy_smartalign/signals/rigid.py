"""The verb align_rigid: from a series to the aligned series."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import ParameterError, RigidParameters
from hyperspy_smartalign.rigid import RigidResult, align_frames
from hyperspy_smartalign.series.checks import SeriesWarning, StackError, check_stack
from hyperspy_smartalign.signals import recording, wrapping
from hyperspy_smartalign.signals.cropping import Region, choose_canvas
from hyperspy_smartalign.signals.matching import (
    alignment_carried,
    check_fits,
    warn_of_other_preparation,
)
from hyperspy_smartalign.signals.progressing import Progress, progress_bar
from hyperspy_smartalign.signals.rendering import Rendering, render
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import (
    SMALLEST_REGION,
    Layout,
    frames_of,
    layout_of,
    region_in_pixels,
)
from hyperspy_smartalign.transforms import Alignment, AlignmentMismatchError

# From a function that align_rigid calls here, up to the caller of the verb in _verbs.py.
_USER = 4


def align_rigid(
    signal: BaseSignal,
    *,
    source: BaseSignal | None = None,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    **keywords: Any,
) -> BaseSignal:
    """Find the shift of every frame of an image series, and return the aligned series.

    The parameters are those of `hyperspy_smartalign.align_rigid`.
    """
    parameters = RigidParameters(**keywords)
    rendering = Rendering.of(parameters)
    frames = frames_of(signal)
    drawn_frames = frames if source is None else frames_of(source)
    rendering.check(drawn_frames)
    region = _region(signal, parameters, frames.layout)
    earlier = alignment_carried(signal, frames.layout, stacklevel=_USER - 1)
    if source is not None:
        _check_source(source, signal, earlier)
    excluded = _excluded(parameters, len(frames), earlier)

    stream = FrameStream(frames, excluded=excluded)
    with progress_bar(show_progressbar) as progress:
        report = check_stack(_announced(stream, progress))
        result = align_frames(
            stream,
            RigidParameters(**{**parameters.keywords(), "exclude": excluded}),
            region=region,
            num_workers=num_workers,
            progress=progress,
        )
        stage = _stage(signal, frames.layout, result, parameters, region=region, earlier=earlier)
        recorded = stage if earlier is None else earlier.compose(stage)
        if source is not None:
            recorded = _on_frames_of_source(recorded, parameters, region, earlier)
        drawn = stage if source is None else recorded
        data = render(
            drawn_frames,
            drawn,
            rendering,
            lazy=drawn_frames.lazy if lazy_output is None else lazy_output,
            num_workers=num_workers,
            progress=progress,
        )
    aligned = wrapping.aligned_signal(
        signal if source is None else source,
        data,
        canvas=drawn.canvas,
        alignment=recorded,
        title="aligned" if rendering.output == "series" else rendering.output,
    )
    recording.write_measurements(aligned, result.pairs, result.noise)
    messages = list(result.messages)
    if report.identical:
        messages.append(f"All {len(frames)} frames are equal, pixel by pixel.")
    if earlier is not None and source is None:
        messages.append(
            "The pixels of this series were interpolated when it was aligned before, and now a "
            "second time. Give the series as it was before, to interpolate once: "
            "signal.align_rigid(..., source=raw_series)."
        )
    _warn(messages)
    return aligned


def _region(signal: BaseSignal, parameters: RigidParameters, layout: Layout) -> Region | None:
    """Region of interest in pixels, None for the whole frame."""
    height, width = layout.frame_shape
    if min(height, width) < SMALLEST_REGION:
        raise StackError(
            f"The frames have {height} x {width} px, too few for a correlation: "
            f"{SMALLEST_REGION} x {SMALLEST_REGION} px or more are needed."
        )
    if parameters.roi is None:
        return None
    left, right, top, bottom = region_in_pixels(signal, parameters.roi)
    return left, right, top, bottom


def _excluded(parameters: RigidParameters, n: int, earlier: Alignment | None) -> tuple[int, ...]:
    """Frames that the user or an earlier alignment took out."""
    named = [*parameters.exclude, *(i for pair in parameters.exclude_pairs for i in pair)]
    unknown = sorted({i for i in named if i >= n})
    if unknown:
        raise ParameterError(
            f"exclude or exclude_pairs names frames {unknown}, and the series has {n}: frames "
            f"count from 0, so that the last is {n - 1}."
        )
    excluded = set(parameters.exclude)
    if earlier is not None:
        excluded |= set(np.flatnonzero(earlier.excluded).tolist())
    if n - len(excluded) < 2:
        raise ParameterError(
            f"{len(excluded)} of {n} frames are excluded, and two or more must be left. Exclude "
            "fewer frames."
        )
    return tuple(sorted(excluded))


def _check_source(source: BaseSignal, signal: BaseSignal, earlier: Alignment | None) -> None:
    """Refuse a source that is not the series from which the signal was made."""
    if recording.has_alignment(source):
        raise ValueError(
            "source is an aligned series, so its pixels are interpolated already. Give the "
            "series as it was before the first alignment."
        )
    layout = layout_of(signal)
    wanted = earlier if earlier is not None else _unmoved(layout)
    try:
        check_fits(wanted, layout_of(source))
    except AlignmentMismatchError as error:
        raise AlignmentMismatchError(f"source does not belong to the signal: {error}") from error
    warn_of_other_preparation(
        recording.steps_of(signal), recording.steps_of(source), stacklevel=_USER
    )


def _unmoved(layout: Layout) -> Alignment:
    """The alignment of frames that are where they should be."""
    return Alignment.from_shifts(
        np.zeros((layout.n_frames, 2)),
        frame_shape=layout.frame_shape,
        navigation_shape=layout.series_shape,
        frame_scale=layout.scale,
        frame_offset=layout.offset,
        frame_units=layout.units,
    )


def _announced(stream: FrameStream, progress: Progress | None) -> Iterator[npt.NDArray[Any]]:
    for index, frame in enumerate(stream):
        yield frame
        if progress is not None:
            progress("checking frames", index + 1, len(stream))


def _stage(
    signal: BaseSignal,
    layout: Layout,
    result: RigidResult,
    parameters: RigidParameters,
    *,
    region: Region | None,
    earlier: Alignment | None,
) -> Alignment:
    """The alignment of the frames that were measured."""
    steps = recording.steps_of(signal)
    if earlier is not None:
        steps = steps[len(earlier.steps) :]
    results = {} if region is None else {"region": list(_moved(region, earlier))}
    return Alignment.from_shifts(
        result.shifts,
        frame_shape=layout.frame_shape,
        navigation_shape=layout.series_shape,
        canvas=choose_canvas(
            result.shifts,
            result.excluded,
            layout.frame_shape,
            crop=parameters.crop,
            region=region if parameters.area == "roi" else None,
        ),
        frame_scale=layout.scale,
        frame_offset=layout.offset,
        frame_units=layout.units,
        precision=result.precision,
        hop_margin=result.hop_margin,
        excluded=result.excluded,
        exclusion_reasons=result.reasons,
        scan=recording.scan_geometry_of(signal),
        steps=(*steps, recording.step("align_rigid", parameters, results)),
    )


def _moved(region: Region, earlier: Alignment | None) -> Region:
    """A region of the signal in pixels of the frames that the earlier alignment was made for."""
    if earlier is None:
        return region
    top, left = earlier.canvas.origin
    return region[0] + left, region[1] + left, region[2] + top, region[3] + top


def _on_frames_of_source(
    recorded: Alignment,
    parameters: RigidParameters,
    region: Region | None,
    earlier: Alignment | None,
) -> Alignment:
    """The alignment with the canvas that the frames of the source allow.

    They reach beyond those of the signal, where that was cropped.
    """
    if not recorded.is_rigid:
        return recorded
    wanted = _moved(region, earlier) if region is not None and parameters.area == "roi" else None
    canvas = choose_canvas(
        recorded.shifts,
        recorded.excluded,
        recorded.frame_shape,
        crop=parameters.crop,
        region=wanted,
    )
    return replace(recorded, canvas=canvas)


def _warn(messages: list[str]) -> None:
    for message in messages:
        warnings.warn(message, SeriesWarning, stacklevel=_USER)
