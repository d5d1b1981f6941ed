"""The verb apply_alignment: the alignment of one series, applied to another of the same scan."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import ApplyParameters
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import recording, wrapping
from hyperspy_smartalign.signals.compacting import on_control_grid
from hyperspy_smartalign.signals.cropping import Window, canvas_to_apply
from hyperspy_smartalign.signals.matching import (
    alignment_carried,
    check_fits,
    warn_of_other_preparation,
)
from hyperspy_smartalign.signals.progressing import progress_bar
from hyperspy_smartalign.signals.rendering import Rendering, render
from hyperspy_smartalign.signals.validating import Layout, frames_of
from hyperspy_smartalign.transforms import Alignment, same_values

# From apply_alignment here, up to the caller of the verb in _verbs.py.
_USER = 3


def apply_alignment(
    signal: BaseSignal,
    alignment: Alignment | BaseSignal | npt.ArrayLike,
    *,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    **keywords: Any,
) -> BaseSignal:
    """Apply an alignment that was found on another signal with the same probe path.

    The parameters are those of `hyperspy_smartalign.apply_alignment`.
    """
    parameters = ApplyParameters(**keywords)
    rendering = Rendering.of(parameters)
    if signal.axes_manager.signal_dimension == 1:
        raise NotImplementedError(
            f"{signal!r} holds spectra. This version applies alignments to image series only "
            "(signal dimension 2)."
        )
    frames = frames_of(signal)
    rendering.check(frames)
    carried = alignment_carried(signal, frames.layout, stacklevel=_USER)
    given = _as_alignment(alignment, signal, frames.layout)
    check_fits(given, frames.layout)
    own_steps = recording.steps_of(signal)
    if not _is_table(alignment):
        if carried is not None and np.array_equal(carried.shifts, given.shifts):
            raise ValueError(
                f"{signal!r} has been aligned by these shifts already. Apply the alignment to "
                "the series as it was before."
            )
        warn_of_other_preparation(given.steps, own_steps, stacklevel=_USER)
    if carried is not None:
        warnings.warn(
            "The pixels of this series were interpolated when it was aligned before, and now a "
            "second time. To interpolate once, apply both to the raw series: "
            "raw.apply_alignment(signal.smartalign.alignment.compose(alignment)).",
            SeriesWarning,
            stacklevel=_USER,
        )

    crop = Window.of_steps(given.steps).crop if parameters.crop is None else parameters.crop
    step = recording.step("apply_alignment", ApplyParameters(**{**keywords, "crop": crop}))
    stage = replace(
        given,
        canvas=canvas_to_apply(given, area=parameters.area, crop=parameters.crop),
        frame_scale=frames.layout.scale,
        frame_offset=frames.layout.offset,
        frame_units=frames.layout.units,
        steps=(*given.steps, *_new_steps(own_steps, given.steps), step),
    )
    with progress_bar(show_progressbar) as progress:
        data = render(
            frames,
            stage,
            rendering,
            lazy=frames.lazy if lazy_output is None else lazy_output,
            num_workers=num_workers,
            progress=progress,
        )
    kept, _ = on_control_grid(stage if carried is None else _composed(carried, stage))
    return wrapping.aligned_signal(
        signal,
        data,
        canvas=stage.canvas,
        alignment=kept,
        title="aligned" if rendering.output == "series" else rendering.output,
    )


def _new_steps(
    own: Sequence[Mapping[str, Any]], given: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Steps of the series that the alignment does not hold already."""
    return [entry for entry in own if not any(same_values(entry, other) for other in given)]


def _composed(carried: Alignment, stage: Alignment) -> Alignment:
    """Both alignments in one; the steps of `stage` hold those of `carried` already."""
    return replace(carried.compose(stage), steps=stage.steps)


def _is_table(alignment: Any) -> bool:
    return not isinstance(alignment, Alignment | BaseSignal)


def _as_alignment(
    alignment: Alignment | BaseSignal | npt.ArrayLike, signal: BaseSignal, layout: Layout
) -> Alignment:
    """The alignment that was given in one of three forms."""
    if isinstance(alignment, Alignment):
        return alignment
    if isinstance(alignment, BaseSignal):
        return recording.alignment_of(alignment)
    try:
        table = np.asarray(alignment, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"{type(alignment).__name__} is no alignment. Give an Alignment, an aligned signal, "
            "or shifts as an array (n, 2) of y and x in pixels."
        ) from None
    step = recording.step("shift_table", {"shifts": table})
    return Alignment.from_shifts(
        table,
        frame_shape=layout.frame_shape,
        navigation_shape=layout.series_shape,
        frame_scale=layout.scale,
        frame_offset=layout.offset,
        frame_units=layout.units,
        scan=recording.scan_geometry_of(signal),
        steps=(step,),
    )
