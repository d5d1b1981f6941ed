"""The verb align_nonrigid: from a series to the series without what the scan did to its frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.nonrigid import NonrigidResult, align_frames_nonrigid
from hyperspy_smartalign.nonrigid.record import NonrigidRecord
from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.series.checks import check_stack
from hyperspy_smartalign.signals import origins, recording, wrapping
from hyperspy_smartalign.signals.beginning import Beginning, rigid_start
from hyperspy_smartalign.signals.compacting import on_control_grid, without_distortions
from hyperspy_smartalign.signals.motif.redrawing import CUT_TWICE, redrawn
from hyperspy_smartalign.signals.progressing import Progress, progress_bar, watch
from hyperspy_smartalign.signals.provenance.noting import laziness, note
from hyperspy_smartalign.signals.rendering import Rendering, render
from hyperspy_smartalign.signals.staging import announced, equal_frames, interpolated_twice, warn
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.transforms import Alignment

_logger = logging.getLogger("hyperspy_smartalign")

# From a function that align_nonrigid calls here, up to the caller of the verb in _verbs.py.
_USER = 4


def align_nonrigid(
    signal: BaseSignal,
    *,
    source: BaseSignal | None = None,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    **keywords: Any,
) -> BaseSignal:
    """Find what the scan did inside each frame, and return the series without it.

    The parameters are those of `hyperspy_smartalign.align_nonrigid`.
    """
    parameters = NonrigidParameters(**keywords)
    rendering = Rendering.of(parameters)
    beginning = Beginning.of(signal, source, parameters, stacklevel=_USER)
    rendering.check(beginning.drawn)

    stream = FrameStream(beginning.measured, excluded=np.flatnonzero(beginning.excluded).tolist())
    with progress_bar(show_progressbar) as progress:
        frames = announced(stream, progress)
        report = check_stack(frames if beginning.needs_rigid else _without_gaps(frames))
        if beginning.needs_rigid:
            beginning = rigid_start(beginning, stream, num_workers=num_workers, progress=progress)
        result = _estimate(beginning, stream, num_workers=num_workers, progress=progress)
        stage = beginning.alignment(result)
        recorded = stage if beginning.composed is None else beginning.composed.compose(stage)
        lazy = beginning.drawn.lazy if lazy_output is None else lazy_output
        options: dict[str, Any] = {"num_workers": num_workers, "progress": progress}
        messages = [*beginning.messages, *result.messages]
        data, parent = None, None
        if beginning.raw is not None and recording.has_matches(beginning.raw):
            parent = origins.living_parent(beginning.raw)
            data = redrawn(beginning.raw, stage, rendering, lazy=lazy, **options)
            messages += [CUT_TWICE] if data is None else []
        if data is None:
            data = render(beginning.drawn, stage, rendering, lazy=lazy, **options)
    aligned = wrapping.aligned_signal(
        beginning.base,
        data,
        canvas=stage.canvas,
        title="aligned" if rendering.output == "series" else rendering.output,
    )
    messages += _record(aligned, recorded, beginning, result)
    known = source is None and beginning.raw is not signal
    note(
        aligned,
        "align_nonrigid",
        {
            "signal": signal,
            "source": source,
            "raw": beginning.raw if known else None,
            "parent": parent,
        },
        {**parameters.keywords(), **laziness(lazy_output)},
        # Of a series that was aligned, the raw frames are looked at.
        unseen=() if beginning.measured_is(signal) else ("signal",),
    )
    if report.identical:
        messages.append(equal_frames(len(stream)))
    if beginning.composed is not None:
        messages.append(interpolated_twice("align_nonrigid"))
    warn(messages, stacklevel=_USER - 1)
    return aligned


def _without_gaps(
    frames: Iterator[npt.NDArray[Any]],
) -> Iterator[npt.NDArray[Any]]:
    """Frames with 0 for what is NaN or infinite: such pixels do not pull, and are allowed."""
    for frame in frames:
        if frame.dtype.kind == "f" and not np.isfinite(frame).all():
            yield np.nan_to_num(frame, nan=0.0, posinf=0.0, neginf=0.0)
        else:
            yield frame


def _estimate(
    beginning: Beginning,
    stream: FrameStream,
    *,
    num_workers: int | None,
    progress: Progress | None,
) -> NonrigidResult:
    result = align_frames_nonrigid(
        stream,
        beginning.start,
        beginning.parameters,
        excluded=beginning.excluded,
        scan=beginning.scan,
        region=beginning.region,
        num_workers=num_workers,
        progress=progress,
        watch=watch(),
    )
    if result.undetermined:
        _logger.info("undetermined: %s", result.undetermined)
    return result


def _record(
    aligned: BaseSignal, alignment: Alignment, beginning: Beginning, result: NonrigidResult
) -> Sequence[str]:
    """Write all that is kept into the result; returns what the user should know."""
    parameters, message = beginning.parameters, ""
    if not parameters.keep_transforms:
        alignment = without_distortions(alignment)
    elif not parameters.keep_fields:
        alignment, message = on_control_grid(alignment)
    recording.write_alignment(aligned, alignment, keep_fields=True)
    recording.write_measurements(aligned, beginning.pairs, result.noise)
    recording.write_nonrigid(aligned, NonrigidRecord.of(result))
    origins.remember(aligned, beginning.raw)
    return [message] if message else []
