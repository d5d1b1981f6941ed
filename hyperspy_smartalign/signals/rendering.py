"""From frames and their alignment to aligned pixels, by one interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.parameters import Parameters
from hyperspy_smartalign.resampling import (
    Accumulated,
    Accumulator,
    Fill,
    Interpolation,
    accumulate,
    resample_frame,
)
from hyperspy_smartalign.resampling.options import fill_number, output_dtype
from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.signals.progressing import Progress
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import Frames
from hyperspy_smartalign.transforms import Alignment, Canvas, Transform

FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rendering:
    """How aligned pixels are made.

    Attributes
    ----------
    interpolation : {"spline", "linear", "nearest", "fourier"}
        Kernel of the one interpolation.
    fill : "nan", "zero", "mean" or float
        Value of pixels that a frame did not see.
    output : {"series", "average", "sum"}
        All frames, or one.
    """

    interpolation: Interpolation
    fill: Fill
    output: str

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        """What the parameters of a verb say about images."""
        values = parameters.keywords()
        output = "series" if values["output"] == "auto" else values["output"]
        return cls(values["interpolation"], values["fill"], output)

    def dtype_of(self, frames: Frames) -> np.dtype[Any]:
        """Type of the pixels of the output: sums are float64, averages float32."""
        if self.output == "series":
            return output_dtype(frames.dtype, self.interpolation)
        return np.dtype(np.float64 if self.output == "sum" else np.float32)

    def check(self, frames: Frames) -> None:
        """Refuse pixels that cannot be interpolated or filled, before any work is done.

        Raises
        ------
        TypeError
            The pixels are not real numbers.
        ValueError
            Integers cannot hold the fill value.
        """
        if frames.dtype.kind not in "biuf":
            raise TypeError(
                f"The pixels are {frames.dtype}, and only real numbers can be aligned. Take one "
                "channel, or signal.real, signal.amplitude or signal.phase of complex images."
            )
        if self.fill != "mean":
            fill_number(self.fill, self.dtype_of(frames))


def render(
    frames: Frames,
    alignment: Alignment,
    rendering: Rendering,
    *,
    lazy: bool,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> Any:
    """Aligned pixels of a series on the canvas of its alignment.

    Frames that the alignment excluded stay in the series, but take no part in averages and sums,
    nor in the mean that fills.

    Parameters
    ----------
    frames : Frames
        The raw frames.
    alignment : Alignment
        Where their content is.
    rendering : Rendering
        Kernel, fill and output.
    lazy : bool
        Give a dask array with one frame a chunk, to be computed later. The mean of the series
        is computed now where it is needed to fill.
    num_workers : int or None
        Threads of what is computed now.
    progress : callable or None
        Told about what is computed now.

    Returns
    -------
    numpy or dask array
        (*series_shape, height, width), or (height, width) of an average or sum.

    Raises
    ------
    ValueError
        No frame saw a pixel of the canvas, and the fill is to be their mean.
    """
    if rendering.output != "series":
        return _one_frame(
            frames, alignment, rendering, lazy=lazy, num_workers=num_workers, progress=progress
        )
    stream = FrameStream(frames)
    kernel = rendering.interpolation
    mean, value = None, 0.0
    if rendering.fill == "mean":
        # Frames of floats may have gaps anywhere.
        if frames.dtype.kind == "f" or not _sees_everything(alignment):
            mean = _mean_of(stream, alignment, kernel, num_workers, progress)
    else:
        value = fill_number(rendering.fill, rendering.dtype_of(frames))
    canvas = alignment.canvas
    draw = partial(_draw, canvas=canvas, kernel=kernel, value=value, mean=mean)
    dtype = rendering.dtype_of(frames)
    if lazy:
        return _map_lazily(frames, alignment, draw, canvas.shape, dtype)
    result = np.empty((len(frames), *canvas.shape), dtype)

    def task(index: int) -> None:
        result[index] = draw(stream[index], alignment.transforms[index])

    run_tasks(
        task,
        len(frames),
        num_workers=num_workers,
        progress=None if progress is None else partial(progress, "resampling"),
    )
    return result.reshape(*frames.layout.series_shape, *canvas.shape)


def _draw(
    pixels: npt.NDArray[Any],
    motion: Transform,
    *,
    canvas: Canvas,
    kernel: Interpolation,
    value: float,
    mean: FloatImage | None,
) -> npt.NDArray[Any]:
    """One aligned frame; what it did not see is `mean` where that is given, else `value`."""
    drawn = resample_frame(pixels, motion, canvas, interpolation=kernel, fill=value)
    if mean is None or drawn.covered.all():
        return drawn.pixels
    filling = mean if drawn.pixels.dtype.kind == "f" else np.rint(mean)
    return np.where(drawn.covered, drawn.pixels, filling.astype(drawn.pixels.dtype))


def _sees_everything(alignment: Alignment) -> bool:
    """Whether every frame covers the whole canvas; False where that is not easily told."""
    if not alignment.is_rigid:
        return False
    try:
        common = Canvas.common(alignment.shifts, alignment.frame_shape)
        return common.intersect(alignment.canvas) == alignment.canvas
    except ValueError:
        return False


def _mean_of(
    stream: FrameStream,
    alignment: Alignment,
    kernel: Interpolation,
    num_workers: int | None,
    progress: Progress | None,
) -> FloatImage:
    """Mean of the frames that saw each pixel; where none did, the mean over the canvas."""
    gathered = _sum_of(stream, alignment, kernel, num_workers, progress)
    return _filled(gathered, "mean", "average").astype(np.float32)


def _sum_of(
    stream: FrameStream,
    alignment: Alignment,
    kernel: Interpolation,
    num_workers: int | None,
    progress: Progress | None,
) -> Accumulated:
    return accumulate(
        stream,  # type: ignore[arg-type]
        alignment.transforms,
        alignment.canvas,
        interpolation=kernel,
        weights=_weights(alignment),
        num_workers=num_workers,
        progress=None if progress is None else partial(progress, "adding up"),
    )


def _weights(alignment: Alignment) -> npt.NDArray[np.float64]:
    """1 for frames that take part, 0 for the others."""
    if alignment.excluded.all():
        raise ValueError("Every frame is excluded, so there is no average. Exclude fewer frames.")
    return np.where(alignment.excluded, 0.0, 1.0)


def _filled(gathered: Accumulated, fill: Fill, output: str) -> npt.NDArray[np.float64]:
    """Mean or sum, with the fill where no frame saw the pixel."""
    if fill == "mean":
        weight = gathered.coverage.sum()
        if weight == 0:
            raise ValueError(
                "No frame has a finite pixel on the canvas, so there is no mean to fill with; "
                'check the shifts and the area, or use fill="zero".'
            )
        value = float(gathered.total.sum() / weight)
        if output == "sum":
            value *= gathered.weight
    else:
        value = fill_number(fill, np.dtype(np.float64))
    if output == "sum":
        return gathered.sum(fill=value)
    result = np.full(gathered.total.shape, value)
    np.divide(gathered.total, gathered.coverage, out=result, where=gathered.coverage > 0)
    return result


def _one_frame(
    frames: Frames,
    alignment: Alignment,
    rendering: Rendering,
    *,
    lazy: bool,
    num_workers: int | None,
    progress: Progress | None,
) -> Any:
    """Average or sum over the frames that saw each pixel."""
    dtype = rendering.dtype_of(frames)
    if not lazy:
        stream = FrameStream(frames)
        gathered = _sum_of(stream, alignment, rendering.interpolation, num_workers, progress)
        return _filled(gathered, rendering.fill, rendering.output).astype(dtype)
    import dask.array as da

    height, width = alignment.canvas.shape
    weights = _weights(alignment)
    gather = partial(_gather, canvas=alignment.canvas, kernel=rendering.interpolation)
    parts = _map_lazily(
        frames, alignment, gather, (2 * height, width), np.dtype(np.float64), weights
    )
    whole = parts.sum(axis=tuple(range(parts.ndim - 2)))
    finish = partial(_finish, weight=float(weights.sum()), rendering=rendering, dtype=dtype)
    return da.map_blocks(
        finish, whole, chunks=((height,), (width,)), dtype=dtype, meta=np.empty((0, 0), dtype)
    )


def _gather(
    pixels: npt.NDArray[Any], motion: Transform, *, canvas: Canvas, kernel: Interpolation
) -> npt.NDArray[np.float64]:
    """Pixels of a frame and, below them, where it saw them, so that one sum does for both."""
    accumulator = Accumulator(canvas.shape)
    accumulator.add(resample_frame(pixels, motion, canvas, interpolation=kernel, fill="zero"))
    gathered = accumulator.result()
    return np.concatenate([gathered.total, gathered.coverage])


def _finish(
    whole: npt.NDArray[np.float64], *, weight: float, rendering: Rendering, dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    total, coverage = np.split(whole, 2)
    gathered = Accumulated(total, coverage, weight)
    return _filled(gathered, rendering.fill, rendering.output).astype(dtype)


def _map_lazily(
    frames: Frames,
    alignment: Alignment,
    function: Any,
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    weights: npt.NDArray[np.float64] | None = None,
) -> Any:
    """Dask array (*series_shape, *shape) with one frame a chunk, each made from its own frame."""
    import dask.array as da

    series_shape = frames.layout.series_shape
    ones = tuple((1,) * length for length in series_shape)
    sizes = tuple((length,) for length in frames.layout.frame_shape)
    if frames.lazy:
        data = frames.data.rechunk((*ones, *sizes))
    else:
        data = da.from_array(frames.data, chunks=(*ones, *sizes), name=False)
    numbers = np.arange(len(frames)).reshape(*series_shape, 1, 1)
    return da.map_blocks(
        _map_block,
        data,
        da.from_array(numbers, chunks=(*ones, (1,), (1,))),
        function=function,
        transforms=alignment.transforms,
        weights=weights,
        shape=shape,
        out_dtype=dtype,
        chunks=(*ones, *((length,) for length in shape)),
        dtype=dtype,
        meta=np.empty((0,) * data.ndim, dtype),
    )


def _map_block(
    block: npt.NDArray[Any],
    number: npt.NDArray[np.intp],
    *,
    function: Any,
    transforms: Sequence[Transform],
    weights: npt.NDArray[np.float64] | None,
    shape: tuple[int, int],
    out_dtype: np.dtype[Any],
) -> npt.NDArray[Any]:
    """The function of a block of one frame; zeros where its weight is 0."""
    index = int(number.flat[0])
    leading = block.shape[:-2]
    if weights is not None and weights[index] == 0:
        return np.zeros((*leading, *shape), out_dtype)
    pixels = block.reshape(block.shape[-2:])
    return np.asarray(function(pixels, transforms[index]), out_dtype).reshape(*leading, *shape)
