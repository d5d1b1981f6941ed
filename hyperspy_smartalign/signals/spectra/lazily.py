"""Aligned spectra as dask arrays, which are computed when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling import SpectrumSum
from hyperspy_smartalign.signals.spectra.channels import by_frames
from hyperspy_smartalign.signals.spectra.frames import Portion, SpectrumFrames, in_memory
from hyperspy_smartalign.signals.spectra.partial_sums import (
    Arrays,
    Finished,
    Moves,
    Summing,
    aligned_frames,
    merged,
    partial_sum,
)
from hyperspy_smartalign.transforms import Transform

# Partial sums that are added in one go; more take more memory.
MERGED_AT_ONCE = 4


def lazy_series(frames: SpectrumFrames, transforms: Sequence[Transform], how: Summing) -> Any:
    """All frames aligned, as a dask array (*series_shape, height, width, channels...).

    Chunks along the series and the channels stay as they are.

    Parameters
    ----------
    frames : SpectrumFrames
        The series.
    transforms : sequence of Transform
        One a frame.
    how : Summing
        Kernel, canvas and fill.
    """
    import dask.array as da

    series_shape = frames.layout.series_shape
    first = len(series_shape)
    data = by_frames(frames.data, len(frames.channel_shape)).rechunk({first: -1, first + 1: -1})
    numbers = np.arange(len(frames)).reshape(*series_shape, *(1,) * (data.ndim - first))
    chunks = (*data.chunks[:first], *((1,),) * (data.ndim - first))
    sizes = ((size,) for size in how.canvas.shape)
    return da.map_blocks(
        _aligned_block,
        data,
        da.from_array(numbers, chunks=chunks),
        transforms=tuple(transforms),
        how=how,
        series_dimension=first,
        chunks=(*data.chunks[:first], *sizes, *data.chunks[first + 2 :]),
        dtype=how.result_dtype,
        meta=np.empty((0,) * data.ndim, how.result_dtype),
    )


def _aligned_block(
    block: Any,
    numbers: npt.NDArray[np.intp],
    *,
    transforms: Sequence[Transform],
    how: Summing,
    series_dimension: int,
) -> npt.NDArray[Any]:
    """Whole frames of a dask array, aligned; `numbers` holds the number of each."""
    moves = [(transforms[number],) for number in numbers.ravel().tolist()]
    aligned = np.stack(list(aligned_frames(in_memory(block), moves, how, num_workers=1)))
    sizes = block.shape
    return aligned.reshape(
        *sizes[:series_dimension], *how.canvas.shape, *sizes[series_dimension + 2 :]
    )


def lazy_sum(frames: SpectrumFrames, moves: Sequence[Moves], how: Summing) -> Finished:
    """Sum or average of a series as dask arrays (height, width, channels).

    Parameters
    ----------
    frames : SpectrumFrames
        The series.
    moves : sequence of collections of Transform
        One a frame.
    how : Summing
        Kernel, canvas and output.
    """
    import dask.array as da
    from dask.delayed import delayed

    found: dict[str, list[Any]] = {}
    for group in frames.groups():
        width = frames.width_of(group.channels)
        portions = with_moves(group.portions, moves)
        parts = [frames.part(portion) for portion in portions]
        theirs = [[moves[i] for i in portion.frames] for portion in portions]
        whole = delayed(partial(_finished, how=how), pure=False)(tree_sum(parts, theirs, how))
        dtypes = {"values": how.result_dtype}
        if how.variance != "none":
            dtypes["variance"] = np.dtype(np.float32)
        for name, dtype in dtypes.items():
            piece = da.from_delayed(whole[name], (*how.canvas.shape, width), dtype)
            found.setdefault(name, []).append(piece)
    arrays = {name: da.concatenate(pieces, axis=-1) for name, pieces in found.items()}
    return Finished(arrays["values"], arrays.get("variance"))


def tree_sum(parts: Sequence[Any], moves: Sequence[Sequence[Moves]], how: Summing) -> Any:
    """The sum over portions as one delayed object; each portion is added up where it is read.

    Parameters
    ----------
    parts : sequence of arrays
        Values of the portions.
    moves : sequence of sequences of collections of Transform
        Those of the frames of each portion.
    how : Summing
    """
    from dask.delayed import delayed

    sums = [
        delayed(partial(partial_sum, moves=theirs, how=how), pure=False)(part)
        for part, theirs in zip(parts, moves, strict=True)
    ]
    merge = delayed(merged, pure=False)
    while len(sums) > 1:
        starts = range(0, len(sums), MERGED_AT_ONCE)
        sums = [merge(sums[start : start + MERGED_AT_ONCE]) for start in starts]
    return sums[0]


def with_moves(portions: Sequence[Portion], moves: Sequence[Moves]) -> list[Portion]:
    """The portions that enter a sum, or the first one where none does."""
    kept = [portion for portion in portions if any(len(moves[i]) for i in portion.frames)]
    return kept or [portions[0]]


def _finished(arrays: Arrays, how: Summing) -> Arrays:
    return how.finished(SpectrumSum.from_arrays(arrays))
