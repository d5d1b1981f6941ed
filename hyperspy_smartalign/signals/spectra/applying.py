"""An alignment applied to spectra, frame by frame: in memory, lazily, or into a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import hyperspy.api as hs
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import ApplyParameters, ParameterError
from hyperspy_smartalign.signals import wrapping
from hyperspy_smartalign.signals.progressing import progress_bar
from hyperspy_smartalign.signals.saving import save_signal
from hyperspy_smartalign.signals.spectra.channels import selected
from hyperspy_smartalign.signals.spectra.checkpoints import Checkpoint
from hyperspy_smartalign.signals.spectra.drawing import draw, drawing_of
from hyperspy_smartalign.signals.spectra.exposures import frames_of_times, scale_exposures
from hyperspy_smartalign.signals.spectra.frames import SpectrumFrames
from hyperspy_smartalign.signals.spectra.navigators import attach_navigator
from hyperspy_smartalign.signals.spectra.partial_sums import Finished
from hyperspy_smartalign.signals.validating import Layout, layout_of
from hyperspy_smartalign.signals.writing import check_outputs, signal_path
from hyperspy_smartalign.transforms import Alignment

# From applied_to_spectra, up to the caller of the verb in _verbs.py.
_USER = 4


def applied_to_spectra(
    signal: BaseSignal,
    stage: Alignment,
    kept: Alignment,
    parameters: ApplyParameters,
    *,
    file: str | os.PathLike[str] | None,
    resume: bool,
    overwrite: bool,
    show_progressbar: bool | None,
    num_workers: int | None,
    lazy_output: bool | None,
    inputs: Sequence[Path] = (),
    noted: Callable[[BaseSignal], None],
) -> BaseSignal:
    """Aligned spectra, diffraction patterns or images, or their sum or average.

    Parameters
    ----------
    signal : BaseSignal
        The series.
    stage : Alignment
        From its frames to the canvas of the result.
    kept : Alignment
        What the result records.
    parameters : ApplyParameters
        What the user asked for.
    file : path or None
        File to write the result to.
    resume : bool
        Go on with what an earlier call for that file has done.
    overwrite : bool
        Replace the file.
    show_progressbar, num_workers, lazy_output
        As in the verb.
    inputs : sequence of Path
        Files that the series was put together from, where they are known.
    noted : callable
        Records in the result how it was made.

    Raises
    ------
    ParameterError
        Parameters do not fit the signal or each other.
    """
    dimension = len(stage.navigation_shape)
    layout = layout_of(signal, series_dimension=dimension)
    output = parameters.output
    if output == "auto":
        output = "sum" if layout.channel_shape else "series"
    chosen = signal
    if layout.channel_shape:
        chosen = selected(signal, signal_range=parameters.signal_range, binning=parameters.binning)
        layout = layout_of(chosen, series_dimension=dimension)
    frames = SpectrumFrames.of(chosen, layout)
    if output != "series" and stage.excluded.all():
        raise ValueError(
            "Every frame is excluded, so there is nothing to add up. Exclude fewer frames."
        )
    how = drawing_of(frames, stage.canvas, parameters, output)
    lazy = is_lazy(signal, layout, output, lazy_output)

    def drawn(checkpoint: Checkpoint | None) -> BaseSignal:
        with progress_bar(show_progressbar) as progress:
            found = draw(
                frames,
                stage,
                how,
                lazy=lazy and file is None,
                num_workers=num_workers,
                progress=progress,
                checkpoint=checkpoint,
            )
        return _as_signal(chosen, found, stage, kept, output)

    return made(
        drawn,
        signal,
        {"alignment": kept.to_dict(), "parameters": parameters.to_dict(), "files": list(inputs)},
        file=file,
        resume=resume,
        overwrite=overwrite,
        lazy=lazy,
        noted=noted,
        stacklevel=_USER,
    )


def is_work_on_spectra(
    layout: Layout, parameters: ApplyParameters, file: str | os.PathLike[str] | None
) -> bool:
    """Whether frames are worked on one after the other, as those of spectra are.

    Images are too, where counts or a variance are asked for, or a file.

    Raises
    ------
    ParameterError
        A parameter is for spectra, and these are images.
    """
    if layout.channel_shape:
        return True
    for name in ("signal_range", "binning"):
        if name in parameters.changed():
            raise ParameterError(
                f"{name}={getattr(parameters, name)!r} is for spectra and diffraction patterns, "
                f"and these are images; leave {name} out."
            )
    asked = {"counts", "variance"} & parameters.changed().keys()
    return bool(asked) or file is not None


def is_lazy(signal: BaseSignal, layout: Layout, output: str, lazy_output: bool | None) -> bool:
    """Whether the result is to be lazy; `lazy_output` None does as the signal is.

    But sums of spectra are made at once: they need all the series, and little memory.
    """
    if lazy_output is None:
        return bool(signal._lazy and (output == "series" or not layout.channel_shape))
    return lazy_output


def made(
    make: Callable[[Checkpoint | None], BaseSignal],
    signal: BaseSignal,
    parts: Mapping[str, Any],
    *,
    file: str | os.PathLike[str] | None,
    resume: bool,
    overwrite: bool,
    lazy: bool,
    noted: Callable[[BaseSignal], None],
    stacklevel: int,
) -> BaseSignal:
    """What `make` makes of a signal, in memory or in a file.

    Parameters
    ----------
    make : callable
        Makes the result. For a file, it is given what keeps its work.
    signal : BaseSignal
        What it is made of.
    parts : mapping
        All else that the result depends on; see `fingerprints.fingerprint_of`.
    file, resume, overwrite
        As in the verb.
    lazy : bool
        Whether what is in a file stays there.
    noted : callable
        Records in the result how it was made.
    stacklevel : int
        As in `warnings.warn`, counted from the caller of this function.

    Raises
    ------
    ParameterError
        The work is to go on, and there is no file.
    """
    if file is None:
        if resume:
            raise ParameterError(
                "resume=True goes on with a file that an earlier call began, so it needs file=."
            )
        result = make(None)
        noted(result)
        return result
    path = _output_path(file, signal, overwrite)
    parts = {**parts, "series": _source(signal)}
    with Checkpoint.open(path, parts, resume=resume, stacklevel=stacklevel + 1) as checkpoint:
        result = make(checkpoint)
        noted(result)
        checkpoint.publish(partial(_save, result), overwrite=overwrite)
    # HyperSpy remembers where it saved, which was beside the final place.
    result.tmp_parameters.add_dictionary(
        {"folder": str(path.parent), "filename": path.stem, "extension": path.suffix[1:]}
    )
    return hs.load(path, lazy=True) if result._lazy or lazy else result


def _as_signal(
    chosen: BaseSignal, found: Finished, stage: Alignment, kept: Alignment, output: str
) -> BaseSignal:
    """The result as a signal that looks like the input."""
    dimension = len(stage.navigation_shape)
    result = wrapping.aligned_signal(
        chosen,
        found.values,
        canvas=stage.canvas,
        alignment=kept,
        title="aligned" if output == "series" else output,
        series_dimension=dimension,
    )
    if layout_of(chosen, series_dimension=dimension).channel_shape:
        attach_navigator(result)
    if output != "series":
        added = int((~stage.excluded).sum())
        scale_exposures(result, added, output, recorded=frames_of_times(chosen))
    if found.variance is not None:
        variance = wrapping.variance_signal(result, found.variance)
        result.metadata.set_item("Signal.Noise_properties.variance", variance)
    return result


def _output_path(file: str | os.PathLike[str], signal: BaseSignal, overwrite: bool) -> Path:
    """The file to write, which may not be one that the signal is read from."""
    path = signal_path(file)
    origin = file_of(signal)
    check_outputs([path], overwrite=overwrite, inputs=[] if origin is None else [origin])
    return path


def file_of(signal: BaseSignal) -> Path | None:
    """The file that a signal was loaded from, where HyperSpy knows it and it is still there."""
    found = signal.tmp_parameters.as_dictionary()
    if "filename" not in found:
        return None
    suffix = str(found.get("extension", "")).lstrip(".")
    name = f"{found['filename']}.{suffix}" if suffix else str(found["filename"])
    path = Path(str(found.get("folder", "")), name)
    return path if path.exists() else None


def _source(signal: BaseSignal) -> dict[str, Any]:
    """What tells one series from another without reading it."""
    axes = [
        {name: axis.get(name) for name in ("name", "size", "scale", "offset", "units")}
        for axis in signal.axes_manager.as_dictionary().values()
    ]
    parts = {
        "title": signal.metadata.General.title,
        "axes": axes,
        "dtype": str(signal.data.dtype),
        "file": file_of(signal),
    }
    return parts if signal._lazy else {**parts, "first frame": signal.data[0]}


def _save(signal: BaseSignal, path: Path) -> None:
    save_signal(signal, path, **({"show_progressbar": False} if signal._lazy else {}))
