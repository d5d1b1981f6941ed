"""From frames of spectra and their alignment to aligned spectra, by one interpolation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.parameters import ApplyParameters, ParameterError
from hyperspy_smartalign.resampling.options import fill_number
from hyperspy_smartalign.signals.progressing import Progress
from hyperspy_smartalign.signals.spectra.checkpoints import Checkpoint
from hyperspy_smartalign.signals.spectra.frames import SpectrumFrames, in_memory
from hyperspy_smartalign.signals.spectra.lazily import lazy_series, lazy_sum
from hyperspy_smartalign.signals.spectra.partial_sums import Finished, Summing, aligned_frames
from hyperspy_smartalign.signals.spectra.storing import SeriesStore
from hyperspy_smartalign.signals.spectra.summing import sum_series
from hyperspy_smartalign.transforms import Alignment, Canvas, Transform


def drawing_of(
    frames: SpectrumFrames,
    canvas: Canvas,
    parameters: ApplyParameters,
    output: str,
    *,
    tiles: bool = False,
) -> Summing:
    """How aligned spectra are to be made.

    Parameters
    ----------
    frames : SpectrumFrames
        The raw frames.
    canvas : Canvas
        That of the result.
    parameters : ApplyParameters
        What the user asked for.
    output : {"series", "average", "sum"}
        What that means for these frames.
    tiles : bool
        Whether the canvas sees small parts of the frames.

    Raises
    ------
    ParameterError
        A parameter is for images only, or for another output.
    TypeError
        The values are not real numbers.
    ValueError
        Integers cannot hold the fill value.
    """
    if frames.dtype.kind not in "biuf":
        raise TypeError(
            f"The values are {frames.dtype}, and only real numbers can be aligned. Take "
            "signal.real, signal.amplitude or signal.phase of complex data."
        )
    where = "for spectra" if frames.layout.channel_shape else "with counts=, variance= or file="
    if parameters.interpolation == "fourier":
        raise ParameterError(
            f"interpolation='fourier' cannot be used {where}: it rings far around every count. "
            "Use 'spline', which is as sharp, or 'linear'."
        )
    if parameters.fill == "mean":
        raise ParameterError(
            f"fill='mean' cannot be used {where}, as frames are worked on one after the other. "
            "Give 'nan', 'zero' or a number, or crop=True."
        )
    if output == "series" and parameters.variance != "none":
        raise ParameterError(
            "variance belongs to an average or sum: give output='sum' or output='average' too."
        )
    how = Summing(
        frame_shape=frames.layout.frame_shape,
        canvas=canvas,
        dtype=frames.dtype.newbyteorder("="),
        interpolation=parameters.interpolation,
        counts=parameters.counts,
        variance=parameters.variance,
        output=output,
        fill=0.0,
        tiles=tiles,
    )
    fill = parameters.fill
    if fill == "nan" and parameters.counts == "whole" and how.result_dtype.kind != "f":
        # What nobody looked at has no counts.
        fill = "zero"
    return replace(how, fill=fill_number(fill, how.result_dtype))


def draw(
    frames: SpectrumFrames,
    alignment: Alignment,
    how: Summing,
    *,
    lazy: bool,
    num_workers: int | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Finished:
    """Aligned spectra on the canvas of the alignment.

    Frames that the alignment excluded stay in a series, but take no part in sums.

    Parameters
    ----------
    frames, alignment, how
        See `drawing_of`.
    lazy : bool
        Give dask arrays, to be computed later.
    num_workers : int or None
        Threads of what is computed now.
    progress : callable or None
        Told about what is computed now.
    checkpoint : Checkpoint or None
        Keeps what is done. A series is then written to the disk, and its values are lazy.

    Returns
    -------
    Finished
        Values (*series_shape, height, width, *channel_shape), or without the series axes.
    """
    if how.output == "series":
        values = _series(
            frames,
            alignment.transforms,
            how,
            lazy=lazy,
            num_workers=num_workers,
            progress=progress,
            checkpoint=checkpoint,
        )
        shape = (*frames.layout.series_shape, *how.canvas.shape, *frames.layout.channel_shape)
        return Finished(values.reshape(shape), None)
    moves = [
        () if out else (transform,)
        for transform, out in zip(alignment.transforms, alignment.excluded, strict=True)
    ]
    if lazy:
        summed = lazy_sum(frames, moves, how)
    else:
        summed = sum_series(
            frames,
            moves,
            how,
            num_workers=num_workers,
            progress=progress,
            checkpoint=checkpoint,
        )
    shape = (*how.canvas.shape, *frames.layout.channel_shape)
    variance = None if summed.variance is None else summed.variance.reshape(shape)
    return Finished(summed.values.reshape(shape), variance)


def _series(
    frames: SpectrumFrames,
    transforms: tuple[Transform, ...],
    how: Summing,
    *,
    lazy: bool,
    num_workers: int | None,
    progress: Progress | None,
    checkpoint: Checkpoint | None,
) -> Any:
    """All frames aligned, with one or more leading axes for the series."""
    if checkpoint is None and lazy:
        return lazy_series(frames, transforms, how)
    shape = (*how.canvas.shape, *frames.channel_shape)
    if checkpoint is None:
        result = np.empty((len(frames), *shape), how.result_dtype)
        written: frozenset[int] = frozenset()
        write: Callable[[int, npt.NDArray[Any]], None] = result.__setitem__
    else:
        store = SeriesStore(checkpoint, len(frames), frame_shape=shape, dtype=how.result_dtype)
        written, write = frozenset(store.finished), store.write
    for portion in frames.whole_frames():
        if not written.issuperset(portion.frames):
            part = in_memory(frames.part(portion))
            moves = [(transforms[i],) for i in portion.frames]
            aligned = aligned_frames(part, moves, how, num_workers=num_workers)
            for number, frame in zip(portion.frames, aligned, strict=True):
                write(number, frame.reshape(shape))
        if progress is not None:
            progress("aligning frames", portion.frames[-1] + 1, len(frames))
    return result if checkpoint is None else store.as_dask()
