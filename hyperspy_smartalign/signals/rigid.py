"""The verb align_rigid: from a series to the aligned series."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.rigid import RigidResult, align_frames
from hyperspy_smartalign.series.checks import check_stack
from hyperspy_smartalign.signals import origins, recording, wrapping
from hyperspy_smartalign.signals.cropping import Region, choose_canvas
from hyperspy_smartalign.signals.matching import alignment_carried
from hyperspy_smartalign.signals.progressing import progress_bar, watch
from hyperspy_smartalign.signals.provenance.noting import laziness, note
from hyperspy_smartalign.signals.rendering import Rendering, render
from hyperspy_smartalign.signals.staging import (
    announced,
    check_source,
    equal_frames,
    excluded_frames,
    interpolated_twice,
    moved_region,
    region_of,
    warn,
)
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import Layout, frames_of
from hyperspy_smartalign.transforms import Alignment, Translation

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
    region = region_of(signal, parameters.roi, frames.layout)
    earlier = alignment_carried(signal, frames.layout, stacklevel=_USER - 1)
    if source is not None:
        check_source(source, signal, earlier, stacklevel=_USER - 1)
    excluded = excluded_frames(
        parameters.exclude, len(frames), earlier, pairs=parameters.exclude_pairs
    )

    stream = FrameStream(frames, excluded=excluded)
    with progress_bar(show_progressbar) as progress:
        report = check_stack(announced(stream, progress))
        result = align_frames(
            stream,
            RigidParameters(**{**parameters.keywords(), "exclude": excluded}),
            region=region,
            num_workers=num_workers,
            progress=progress,
            watch=watch(),
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
    origins.remember(aligned, origins.raw_of(signal, source, earlier))
    note(
        aligned,
        "align_rigid",
        {"signal": signal, "source": source},
        {**parameters.keywords(), **laziness(lazy_output)},
    )
    messages = list(result.messages)
    if report.identical:
        messages.append(equal_frames(len(frames)))
    if earlier is not None and source is None:
        messages.append(interpolated_twice("align_rigid"))
    warn(messages, stacklevel=_USER - 1)
    return aligned


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
    results = {} if region is None else {"region": list(moved_region(region, earlier))}
    return Alignment.from_shifts(
        result.shifts,
        frame_shape=layout.frame_shape,
        navigation_shape=layout.series_shape,
        canvas=choose_canvas(
            [Translation(shift) for shift in result.shifts],
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


def _on_frames_of_source(
    recorded: Alignment,
    parameters: RigidParameters,
    region: Region | None,
    earlier: Alignment | None,
) -> Alignment:
    """The alignment with the canvas that the frames of the source allow.

    They reach beyond those of the signal, where that was cropped.
    """
    wanted = None
    if region is not None and parameters.area == "roi":
        wanted = moved_region(region, earlier)
    canvas = choose_canvas(
        recorded.transforms,
        recorded.excluded,
        recorded.frame_shape,
        crop=parameters.crop,
        region=wanted,
    )
    return replace(recorded, canvas=canvas)
