"""The verb apply_alignment: the alignment of one series, applied to another of the same scan."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import ApplyParameters
from hyperspy_smartalign.signals import recording, wrapping
from hyperspy_smartalign.signals.compacting import on_control_grid
from hyperspy_smartalign.signals.cropping import Window, canvas_to_apply
from hyperspy_smartalign.signals.matching import (
    alignment_carried,
    check_fits,
    check_order,
    warn_of_other_preparation,
)
from hyperspy_smartalign.signals.motif.applying import applied_to_tiles
from hyperspy_smartalign.signals.progressing import progress_bar
from hyperspy_smartalign.signals.provenance.noting import begins_with_files, laziness, note
from hyperspy_smartalign.signals.regridding import carried_to
from hyperspy_smartalign.signals.rendering import Rendering, render
from hyperspy_smartalign.signals.spectra.applying import applied_to_spectra, is_work_on_spectra
from hyperspy_smartalign.signals.spectra.reaching import widened
from hyperspy_smartalign.signals.telling import tell
from hyperspy_smartalign.signals.validating import Layout, frames_of, layout_of
from hyperspy_smartalign.transforms import Alignment, Canvas, same_values

# From apply_alignment here, up to the caller of the verb in _verbs.py.
_USER = 3


def apply_alignment(
    signal: BaseSignal,
    alignment: Alignment | BaseSignal | npt.ArrayLike,
    *,
    file: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    inputs: Sequence[Path] = (),
    by_frames: bool = False,
    **keywords: Any,
) -> BaseSignal:
    """Apply an alignment that was found on another signal with the same probe path.

    The parameters are those of `hyperspy_smartalign.apply_alignment`, the files that the signal was
    put together from, where they are known, and whether images are worked on one after the other,
    as for a file.
    """
    parameters = ApplyParameters(**keywords)
    # An alignment whose own series is not on file is recorded as it is.
    from_signal = isinstance(alignment, BaseSignal) and (
        recording.has_matches(alignment) or begins_with_files(alignment)
    )
    noted = partial(
        note,
        call="apply_alignment",
        inputs={"signal": signal, "alignment": alignment if from_signal else None},
        parameters={
            **parameters.keywords(),
            **laziness(lazy_output),
            **({"by_frames": True} if by_frames or file is not None else {}),
            **({} if from_signal else {"alignment": _recordable(alignment)}),
        },
        # Its pixels do not matter.
        unseen=("alignment",),
    )
    if cuts_tiles(signal, alignment):
        return applied_to_tiles(
            signal,
            alignment,
            file=file,
            resume=resume,
            overwrite=overwrite,
            show_progressbar=show_progressbar,
            num_workers=num_workers,
            lazy_output=lazy_output,
            inputs=inputs,
            by_frames=by_frames,
            noted=noted,
            **keywords,
        )
    staged = Staged.of(signal, alignment, parameters, file=file, stacklevel=_USER)
    kept, _ = on_control_grid(staged.composed)
    if by_frames or staged.by_frames:
        return applied_to_spectra(
            signal,
            staged.stage,
            kept,
            parameters,
            file=file,
            resume=resume,
            overwrite=overwrite,
            show_progressbar=show_progressbar,
            num_workers=num_workers,
            lazy_output=lazy_output,
            inputs=inputs,
            noted=noted,
        )
    result = _applied_to_images(
        signal,
        staged.stage,
        kept,
        parameters,
        show_progressbar=show_progressbar,
        num_workers=num_workers,
        lazy_output=lazy_output,
    )
    noted(result)
    return result


@dataclass(frozen=True)
class Staged:
    """An alignment made to fit the signal that it is to be applied to.

    Attributes
    ----------
    layout : Layout
        Of the signal.
    carried : Alignment or None
        What the signal was aligned by before.
    stage : Alignment
        From the frames of the signal to the canvas of the result.
    by_frames : bool
        Whether frames are worked on one after the other, as those of spectra are.
    """

    layout: Layout
    carried: Alignment | None
    stage: Alignment
    by_frames: bool

    @classmethod
    def of(
        cls,
        signal: BaseSignal,
        alignment: Alignment | BaseSignal | npt.ArrayLike,
        parameters: ApplyParameters,
        *,
        file: str | os.PathLike[str] | None = None,
        stacklevel: int,
    ) -> Self:
        """Check that everything fits, before any work is done.

        Parameters
        ----------
        signal : BaseSignal
        alignment : Alignment, signal or array
            As that of the verb, but no stack of tiles.
        parameters : ApplyParameters
        file : path or None
            File that the result is to be written to.
        stacklevel : int
            As in `warnings.warn`, counted from the caller of this function.

        Raises
        ------
        ValueError, TypeError, NotImplementedError
            As the verb.
        """
        layout, given = layout_and_alignment(signal, alignment)
        by_frames = is_work_on_spectra(layout, parameters, file)
        if not by_frames:
            Rendering.of(parameters).check(frames_of(signal))
        carried = alignment_carried(signal, layout, stacklevel=stacklevel + 1)
        found_on = given.steps
        if carried is None:
            given = carried_to(given, layout)
        check_fits(given, layout)
        own_steps = recording.steps_of(signal)
        if not _is_table(alignment):
            check_order(found_on, own_steps)
            if carried is not None and np.array_equal(carried.shifts, given.shifts):
                raise ValueError(
                    f"{signal!r} has been aligned by these shifts already. Apply the alignment to "
                    "the series as it was before."
                )
            warn_of_other_preparation(
                found_on,
                own_steps,
                regridded=len(given.steps) > len(found_on),
                stacklevel=stacklevel + 1,
            )
        if carried is not None:
            tell(
                "The pixels of this series were interpolated when it was aligned before, and now "
                "a second time. To interpolate once, apply both to the raw series: "
                "raw.apply_alignment(signal.smartalign.alignment.compose(alignment)).",
                stacklevel=stacklevel + 1,
            )
        crop = Window.of_steps(given.steps).crop if parameters.crop is None else parameters.crop
        step = recording.step(
            "apply_alignment", ApplyParameters(**{**parameters.changed(), "crop": crop})
        )
        stage = replace(
            given,
            canvas=_canvas(given, parameters, crop),
            frame_scale=layout.scale,
            frame_offset=layout.offset,
            frame_units=layout.units,
            steps=(*given.steps, *_new_steps(own_steps, given.steps), step),
        )
        return cls(layout, carried, stage, by_frames)

    @property
    def composed(self) -> Alignment:
        """From the raw frames: both alignments, where the signal was aligned before."""
        return self.stage if self.carried is None else _composed(self.carried, self.stage)


def cuts_tiles(signal: BaseSignal, alignment: Any) -> bool:
    """Whether what is given is a stack of tiles, and the signal is to be cut into the same."""
    return (
        isinstance(alignment, BaseSignal)
        and recording.has_matches(alignment)
        and not recording.has_matches(signal)
    )


def layout_and_alignment(
    signal: BaseSignal, alignment: Alignment | BaseSignal | npt.ArrayLike
) -> tuple[Layout, Alignment]:
    """Where series, image and channels are in a signal, and the alignment, from its three forms."""
    if isinstance(alignment, BaseSignal):
        alignment = recording.alignment_of(alignment)
    if isinstance(alignment, Alignment):
        dimension = len(alignment.navigation_shape)
        return layout_of(signal, series_dimension=dimension), alignment
    try:
        table = np.asarray(alignment, dtype=np.float64)
        if table.ndim == 0:
            raise TypeError("one number, or None")
    except (TypeError, ValueError):
        raise TypeError(
            f"{type(alignment).__name__} is no alignment. Give an Alignment, an aligned signal, "
            "or shifts as an array (n, 2) of y and x in pixels."
        ) from None
    layout = layout_of(signal)
    if layout.n_frames != table.size // 2 and signal.axes_manager.signal_dimension == 2:
        # Not images of that number: diffraction patterns, if there are axes enough.
        patterns = table.ndim - 1
        if signal.axes_manager.navigation_dimension == patterns + 2:
            layout = layout_of(signal, series_dimension=patterns)
    return layout, Alignment.from_shifts(
        table,
        frame_shape=layout.frame_shape,
        navigation_shape=layout.series_shape,
        frame_scale=layout.scale,
        frame_offset=layout.offset,
        frame_units=layout.units,
        scan=recording.scan_geometry_of(signal),
        steps=(recording.step("shift_table", {"shifts": table}),),
    )


def _canvas(given: Alignment, parameters: ApplyParameters, crop: bool | None) -> Canvas:
    """The area of the result; where nothing is cropped, all counts lie in it."""
    canvas = canvas_to_apply(given, area=parameters.area, crop=parameters.crop)
    if parameters.counts == "interpolate" or parameters.area == "roi" or crop is not False:
        return canvas
    return widened(canvas, given, parameters.counts)


def _applied_to_images(
    signal: BaseSignal,
    stage: Alignment,
    kept: Alignment,
    parameters: ApplyParameters,
    *,
    show_progressbar: bool | None,
    num_workers: int | None,
    lazy_output: bool | None,
) -> BaseSignal:
    """A series of images, or its average or sum."""
    frames, rendering = frames_of(signal), Rendering.of(parameters)
    with progress_bar(show_progressbar) as progress:
        data = render(
            frames,
            stage,
            rendering,
            lazy=frames.lazy if lazy_output is None else lazy_output,
            num_workers=num_workers,
            progress=progress,
        )
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


def _recordable(alignment: Any) -> Any:
    """An alignment, or a table of shifts as an array."""
    if isinstance(alignment, BaseSignal):
        return recording.alignment_of(alignment)
    if not _is_table(alignment):
        return alignment
    try:
        return np.asarray(alignment, np.float64)
    except (TypeError, ValueError):  # no alignment, as is found out later
        return None


def _is_table(alignment: Any) -> bool:
    return not isinstance(alignment, Alignment | BaseSignal)
