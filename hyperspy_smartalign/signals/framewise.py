"""Work on a series frame by frame, whether numpy holds it or dask does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.series.equalise import equalise_frame
from hyperspy_smartalign.series.frames import GreyScale, result_dtype
from hyperspy_smartalign.series.ramp import remove_ramp
from hyperspy_smartalign.series.resample import resample_frame
from hyperspy_smartalign.signals.computing import compute_options
from hyperspy_smartalign.signals.progressing import Progress

Pixels = npt.NDArray[Any]


class EqualiseFrame:
    """Equalise a frame; the slow axis comes with each frame."""

    def __init__(self, mode: Any) -> None:
        self.mode = mode

    def __call__(self, frame: Pixels, slow_axis: int) -> Pixels:
        return equalise_frame(frame, self.mode, slow_axis=slow_axis)


class ResampleFrame:
    """Resample a frame."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, frame: Pixels, _: int) -> Pixels:
        return resample_frame(frame, self.factor)


class RemoveRampFrame:
    """Remove the ramp of a frame and hand its coefficients on."""

    def __init__(
        self, order: int, keep: Callable[[npt.NDArray[np.float64]], None] | None = None
    ) -> None:
        self.order = order
        self.keep = keep

    def __call__(self, frame: Pixels, _: int) -> Pixels:
        flat, ramp = remove_ramp(frame, self.order)
        if self.keep is not None:
            self.keep(ramp.coefficients)
        return flat


def map_frames(
    data: Any,
    function: Callable[[Pixels, int], Pixels],
    shape: tuple[int, int],
    *,
    per_frame: npt.NDArray[np.intp] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Any:
    """Apply a function to every frame of a numpy or dask array (*series, h, w).

    Frames are whole in every chunk of a dask array; chunks along the series stay as they are.
    What is computed now is told as ``progress(done, total)``.
    """
    series_shape = data.shape[:-2]
    dtype = result_dtype(data.dtype)
    extra = np.zeros(series_shape, np.intp) if per_frame is None else per_frame
    if not hasattr(data, "dask"):
        extra = extra[..., np.newaxis, np.newaxis]
        return _map_block(data, extra, function, shape, dtype, progress)
    import dask.array as da

    whole = data.rechunk({data.ndim - 2: -1, data.ndim - 1: -1})
    chunks = whole.chunks[:-2]
    extra = da.from_array(extra[..., np.newaxis, np.newaxis], chunks=(*chunks, (1,), (1,)))
    return da.map_blocks(
        _map_block,
        whole,
        extra,
        function=function,
        shape=shape,
        dtype_out=dtype,
        chunks=(*chunks, (shape[0],), (shape[1],)),
        dtype=dtype,
        meta=np.empty((0,) * data.ndim, dtype),
    )


def _map_block(
    block: Pixels,
    extra: npt.NDArray[np.intp],
    function: Callable[[Pixels, int], Pixels],
    shape: tuple[int, int],
    dtype_out: np.dtype[Any],
    progress: Callable[[int, int], None] | None = None,
) -> Pixels:
    result = np.empty((*block.shape[:-2], *shape), dtype_out)
    places = list(np.ndindex(block.shape[:-2]))
    for done, place in enumerate(places, start=1):
        result[place] = function(block[place], int(extra[place][0, 0]))
        if progress is not None:
            progress(done, len(places))
    return result


def normalised(data: Any, progress: Progress | None = None) -> tuple[Any, GreyScale]:
    """Grey levels from 0 to 1, by one linear map of the whole series, and that map."""
    if not hasattr(data, "dask"):
        greys = GreyScale.of_range(float(data.min()), float(data.max()))
        result = np.empty(data.shape, result_dtype(data.dtype))
        places = list(np.ndindex(data.shape[:-2]))
        for done, place in enumerate(places, start=1):
            result[place] = greys.apply(data[place])
            if progress is not None:
                progress("normalising", done, len(places))
        return result, greys
    import dask

    minimum, maximum = dask.compute(  # type: ignore[attr-defined]
        data.min(), data.max(), **compute_options("reading the grey levels", progress)
    )
    greys = GreyScale.of_range(float(minimum), float(maximum))
    dtype = result_dtype(data.dtype)
    return data.map_blocks(greys.apply, dtype=dtype, meta=np.empty((0,) * data.ndim, dtype)), greys
