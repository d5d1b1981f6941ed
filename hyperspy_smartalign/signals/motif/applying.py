"""The verb apply_alignment for tiles: another signal of the same scan, cut into the same tiles."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import ApplyParameters, ParameterError
from hyperspy_smartalign.signals.cropping import canvas_to_apply
from hyperspy_smartalign.signals.motif.belonging import Belonging
from hyperspy_smartalign.signals.motif.cutting import cut_images
from hyperspy_smartalign.signals.motif.placing import FrameTiles
from hyperspy_smartalign.signals.motif.wrapping import tiles_like
from hyperspy_smartalign.signals.progressing import progress_bar
from hyperspy_smartalign.signals.spectra.applying import is_lazy, is_work_on_spectra, made
from hyperspy_smartalign.signals.spectra.channels import selected
from hyperspy_smartalign.signals.spectra.checkpoints import Checkpoint
from hyperspy_smartalign.signals.spectra.drawing import drawing_of
from hyperspy_smartalign.signals.spectra.exposures import frames_of_times, scale_exposures
from hyperspy_smartalign.signals.spectra.frames import SpectrumFrames, in_memory
from hyperspy_smartalign.signals.spectra.lazily import lazy_sum
from hyperspy_smartalign.signals.spectra.navigators import attach_navigator
from hyperspy_smartalign.signals.spectra.partial_sums import Finished, Summing, aligned_frames
from hyperspy_smartalign.signals.spectra.summing import sum_series
from hyperspy_smartalign.signals.validating import Frames
from hyperspy_smartalign.signals.wrapping import variance_signal
from hyperspy_smartalign.transforms import Alignment, Canvas

# From applied_to_tiles, up to the caller of the verb in _verbs.py.
_USER = 4
# A stack of tiles of spectra may take so much memory; it is larger than the series it comes from.
_LARGEST_STACK = 2**33


@dataclass(frozen=True, eq=False)
class TileWork:
    """What is to be cut out of a signal, and how.

    Attributes
    ----------
    signal : BaseSignal
        What is cut into tiles.
    belonging : Belonging
        The tiles, and where they lie in it.
    parameters : ApplyParameters
        What the user asked for.
    canvas : Canvas
        The pixels of the tiles that are wanted.
    output : {"series", "average", "sum"}
        What that means for the signal.
    """

    signal: BaseSignal
    belonging: Belonging
    parameters: ApplyParameters
    canvas: Canvas
    output: str

    @classmethod
    def of(cls, signal: BaseSignal, tiles: BaseSignal, parameters: ApplyParameters) -> Self:
        """Check that everything fits.

        Raises
        ------
        ParameterError
            A parameter does not fit the tiles.
        AlignmentMismatchError, NotASeriesError, ValueError
            The tiles do not fit the signal; see `Belonging.of`.
        """
        belonging = Belonging.of(signal, tiles, stacklevel=_USER + 1)
        output = parameters.output
        if output == "auto":
            output = "sum" if belonging.layout.channel_shape else "series"
        canvas = belonging.tiles.alignment.canvas
        if {"area", "crop"} & parameters.changed().keys():
            canvas = canvas_to_apply(
                belonging.tiles.alignment, area=parameters.area, crop=parameters.crop
            )
        work = cls(signal, belonging, parameters, canvas, output)
        work._check()
        return work

    def _check(self) -> None:
        parameters, placing = self.parameters, self.belonging.placing
        if parameters.interpolation == "fourier":
            raise ParameterError(
                "interpolation='fourier' cannot be used for tiles: it needs whole frames. Use "
                "'spline', which is as sharp, or 'linear'."
            )
        if parameters.fill == "mean":
            raise ParameterError(
                "fill='mean' cannot be used for tiles, which are cut out one after the other. "
                "Give 'nan', 'zero' or a number."
            )
        if parameters.counts != "interpolate" and not placing.same_scale:
            raise ParameterError(
                f"counts={parameters.counts!r} sends each count to one pixel of a tile or four, "
                "and the pixels of these tiles have another size than those of the signal, so "
                "that some would get none. Use counts='interpolate', or cut the tiles with "
                "upsample=1 from a signal with the same pixels."
            )
        if parameters.counts != "interpolate" and not placing.sends_counts:
            raise ParameterError(
                f"counts={parameters.counts!r} cannot be used for tiles that are turned or "
                "mirrored and corrected for distortions too. Use counts='interpolate'."
            )
        if parameters.counts == "whole" and not placing.along_axes:
            raise ParameterError(
                "counts='whole' sends each count to the nearest pixel of a tile, and these tiles "
                "are turned, so that some pixels would get none. Use counts='share' or "
                "'interpolate'."
            )
        if self.output != "series" and not self.taken.any():
            raise ValueError(
                "Every tile is excluded, so there is nothing to add up. Exclude fewer tiles."
            )

    @property
    def taken(self) -> npt.NDArray[np.bool_]:
        """(n,) tiles that take part; a series holds the excluded ones too."""
        excluded = self.belonging.tiles.alignment.excluded
        return np.ones_like(excluded) if self.output == "series" else ~excluded

    def rows(self) -> list[npt.NDArray[np.intp]]:
        """For each frame, the numbers of the tiles that are cut out of it."""
        frame, taken = self.belonging.placing.frame, self.taken
        order = np.flatnonzero(taken)
        order = order[np.argsort(frame[order], kind="stable")]
        ends = np.searchsorted(frame[order], np.arange(self.belonging.layout.n_frames + 1))
        return np.split(order, ends[1:-1])

    def moves(self) -> list[FrameTiles]:
        """For each frame, the transforms of its tiles."""
        placing = self.belonging.placing
        # Counts come from around a tile too.
        margin = 0 if self.parameters.counts == "interpolate" else 2
        return [
            placing.of_frame(frame, rows, self.canvas).around(margin)
            for frame, rows in enumerate(self.rows())
        ]

    def fingerprint(self, inputs: Sequence[Path]) -> dict[str, Any]:
        """All that the result depends on, but for the signal."""
        placing, tiles = self.belonging.placing, self.belonging.tiles
        own = _numbers_of(tiles.alignment) if tiles.aligned else None
        return {
            "tiles": {
                "frame": placing.frame,
                "centres": placing.centres,
                "matrices": placing.matrices,
                "taken": self.taken,
            },
            "alignment": own,
            "parent": _numbers_of(self.belonging.parent),
            "canvas": self.canvas,
            "parameters": self.parameters.to_dict(),
            "files": list(inputs),
        }

    def result(self, chosen: BaseSignal, found: Finished) -> BaseSignal:
        """What was made of some channels of the signal, as a signal."""
        result = tiles_like(
            chosen, found.values, self.belonging, self.canvas, self.output, self.parameters
        )
        if found.variance is not None:
            variance = variance_signal(result, found.variance)
            result.metadata.set_item("Signal.Noise_properties.variance", variance)
        return result


def _numbers_of(alignment: Alignment) -> dict[str, Any]:
    """An alignment without the words on how it was made, which a trip through a file changes."""
    content = replace(alignment, steps=()).to_dict(keep_fields=True)
    return {name: part for name, part in content.items() if name != "steps"}


def applied_to_tiles(
    signal: BaseSignal,
    tiles: BaseSignal,
    *,
    file: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    inputs: Sequence[Path] = (),
    by_frames: bool = False,
    noted: Callable[[BaseSignal], None],
    **keywords: Any,
) -> BaseSignal:
    """Cut a signal into the tiles that were cut out of another one of the same scan.

    The parameters are those of `hyperspy_smartalign.apply_alignment`, and the files that the
    signal was put together from, where they are known. `by_frames` works as for a file, and
    `noted` records in the result how it was made.
    """
    work = TileWork.of(signal, tiles, ApplyParameters(**keywords))
    layout = work.belonging.layout
    lazy = is_lazy(signal, layout, work.output, lazy_output)
    if by_frames or is_work_on_spectra(layout, work.parameters, file):
        return _of_spectra(
            work,
            file=file,
            resume=resume,
            overwrite=overwrite,
            show_progressbar=show_progressbar,
            num_workers=num_workers,
            lazy=lazy,
            inputs=inputs,
            noted=noted,
        )
    frames = Frames(layout, signal.data.reshape(*layout.series_shape, *layout.frame_shape))
    with progress_bar(show_progressbar) as progress:
        values = cut_images(
            frames,
            work.moves(),
            work.rows(),
            interpolation=work.parameters.interpolation,
            fill=work.parameters.fill,
            output=work.output,
            lazy=lazy,
            num_workers=num_workers,
            progress=progress,
        )
    result = work.result(signal, Finished(values, None))
    noted(result)
    return result


def _of_spectra(
    work: TileWork,
    *,
    file: str | os.PathLike[str] | None,
    resume: bool,
    overwrite: bool,
    show_progressbar: bool | None,
    num_workers: int | None,
    lazy: bool,
    inputs: Sequence[Path],
    noted: Callable[[BaseSignal], None],
) -> BaseSignal:
    """The running sum of the tiles of spectra, or their stack."""
    parameters, chosen = work.parameters, work.signal
    layout = work.belonging.layout
    if layout.channel_shape:
        chosen = selected(chosen, signal_range=parameters.signal_range, binning=parameters.binning)
    sizes = tuple(int(axis.size) for axis in reversed(chosen.axes_manager.signal_axes))
    channels = sizes if layout.channel_shape else ()
    shape = (*layout.series_shape, *layout.frame_shape, *(channels or (1,)))
    frames = SpectrumFrames(replace(layout, channel_shape=channels), chosen.data.reshape(shape))
    how = drawing_of(frames, work.canvas, parameters, work.output, tiles=True)
    if work.output == "series" and (lazy or file is not None):
        raise ParameterError(
            "A stack of tiles of spectra is made in memory only: leave file and lazy_output out, "
            "or ask for output='sum'."
        )

    def make(checkpoint: Checkpoint | None) -> BaseSignal:
        with progress_bar(show_progressbar) as progress:
            if work.output == "series":
                values = _stack(work, frames, how, num_workers=num_workers)
                found = Finished(values, None)
            elif lazy and file is None:
                found = lazy_sum(frames, work.moves(), how)
            else:
                found = sum_series(
                    frames,
                    work.moves(),
                    how,
                    num_workers=num_workers,
                    progress=progress,
                    checkpoint=checkpoint,
                )
        leading = found.values.shape[:1] if work.output == "series" else ()
        whole = (*leading, *work.canvas.shape, *channels)
        variance = None if found.variance is None else found.variance.reshape(whole)
        result = work.result(chosen, Finished(found.values.reshape(whole), variance))
        if channels:
            attach_navigator(result)
        if work.output != "series":
            scale_exposures(
                result,
                int(work.taken.sum()),
                work.output,
                recorded=frames_of_times(chosen),
                scans=sum(len(rows) > 0 for rows in work.rows()),
            )
        return result

    return made(
        make,
        work.signal,
        work.fingerprint(inputs),
        file=file,
        resume=resume,
        overwrite=overwrite,
        lazy=lazy,
        noted=noted,
        stacklevel=_USER + 1,
    )


def _stack(
    work: TileWork, frames: SpectrumFrames, how: Summing, *, num_workers: int | None
) -> npt.NDArray[Any]:
    """All tiles of spectra, (n, H, W, channels), in the order of the table."""
    rows, moves = work.rows(), work.moves()
    shape = (len(work.taken), *how.canvas.shape, frames.n_channels)
    size = int(np.prod(shape, dtype=np.int64)) * how.result_dtype.itemsize
    if size > _LARGEST_STACK:
        raise ParameterError(
            f"The stack of {shape[0]} tiles of spectra needs {size / 1e9:.3g} GB. Ask for "
            "output='sum', for fewer channels with signal_range or binning, or take some of the "
            "tiles with tiles.smartalign.select_tiles(...)."
        )
    result = np.empty(shape, how.result_dtype)
    for portion in frames.whole_frames():
        if any(len(rows[i]) for i in portion.frames):
            part = in_memory(frames.part(portion))
            numbers = np.concatenate([rows[i] for i in portion.frames])
            cut = aligned_frames(
                part, [moves[i] for i in portion.frames], how, num_workers=num_workers
            )
            for number, tile in zip(numbers.tolist(), cut, strict=True):
                result[number] = tile
    return result
