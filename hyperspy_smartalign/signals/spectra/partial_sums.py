"""Sums over some frames, as functions of arrays that run in any thread, process or machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling import (
    Counts,
    PixelMap,
    Sampling,
    SpectrumSum,
    Variance,
    pixel_map,
    sum_dtype,
    warp_spectra,
)
from hyperspy_smartalign.resampling.options import output_dtype
from hyperspy_smartalign.signals.spectra.frames import in_memory
from hyperspy_smartalign.transforms import Canvas, Transform

Arrays = Mapping[str, npt.NDArray[Any]]
Told = Callable[[int, int, int], None]
"""Called as ``told(frame, done, total)`` with the number of tiles of a frame that are added."""

# Pixels around those that a tile is made of: farther ones weigh less than float32 sees.
_AROUND_SPLINE = 14
_AROUND = 2
_WHOLE = (slice(None), slice(None))


class Moves(Protocol):
    """The transforms by which one frame enters a result: none, one, or one for each tile."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Transform]: ...


class TileMoves(Moves, Protocol):
    """The same for tiles."""

    def batches(self) -> Iterator[tuple[slice, npt.NDArray[np.float64]]]:
        """Numbers of tiles, and where their pixels lie in the frame, (2, m, H, W)."""


@dataclass(frozen=True)
class Summing:
    """How frames of spectra become one.

    Attributes
    ----------
    frame_shape : (height, width)
        Shape of the frames in pixels.
    canvas : Canvas
        Window of the common frame that the result covers.
    dtype : numpy.dtype
        Type of the values of the frames.
    interpolation, counts, variance : str
        See `hyperspy_smartalign.apply_alignment`.
    output : {"series", "average", "sum"}
        What is wanted.
    fill : float
        Value of pixels that no frame saw.
    tiles : bool
        Whether the canvas sees small parts of each frame.
    """

    frame_shape: tuple[int, int]
    canvas: Canvas
    dtype: np.dtype[Any]
    interpolation: Sampling
    counts: Counts
    variance: Variance
    output: str
    fill: float
    tiles: bool = False

    @property
    def result_dtype(self) -> np.dtype[Any]:
        """Type of the values of the result."""
        if self.output == "average":
            return np.dtype(np.float32)
        if self.counts == "whole" or self.output == "sum":
            return sum_dtype(self.dtype, self.counts)
        return output_dtype(self.dtype, self.interpolation)

    def part_and_map(self, transform: Transform) -> tuple[tuple[slice, slice], PixelMap]:
        """The part of a frame to read, and which of its pixels make which pixels of the canvas."""
        part, shape = _WHOLE, self.frame_shape
        if self.tiles:
            part, shape = self._part(transform)
            transform = transform.plus((-part[0].start, -part[1].start))
        return part, pixel_map(
            transform,
            shape,
            self.canvas,
            interpolation=self.interpolation,
            counts=self.counts,
        )

    def _part(self, transform: Transform) -> tuple[tuple[slice, slice], tuple[int, int]]:
        """The pixels of a frame that a tile is made of, and their number along y and x."""
        canvas = self.canvas
        spline = self.counts == "interpolate" and self.interpolation == "spline"
        margin = _AROUND_SPLINE if spline else _AROUND
        field = transform.displacement(canvas.shape, origin=canvas.origin)
        ends = []
        for axis, size in enumerate(self.frame_shape):
            places = canvas.origin[axis] + np.arange(canvas.shape[axis])
            places = field[axis] + (places[:, None] if axis == 0 else places)
            first = int(np.clip(np.floor(places.min()) - margin, 0, size - 1))
            last = int(np.clip(np.ceil(places.max()) + margin, first, size - 1))
            ends.append(slice(first, last + 1))
        rows, columns = ends
        return (rows, columns), (rows.stop - rows.start, columns.stop - columns.start)

    def empty(self, n_channels: int) -> SpectrumSum:
        """A sum over no frame."""
        return SpectrumSum(
            (*self.canvas.shape, n_channels),
            dtype=self.dtype,
            counts=self.counts,
            variance=self.variance,
        )

    def finished(self, running: SpectrumSum) -> dict[str, npt.NDArray[Any]]:
        """Sum or average "values" (height, width, channels), and "variance" where wanted.

        The running sum is spent afterwards.
        """
        average = self.output == "average"
        found = {}
        if self.variance != "none":
            found["variance"] = running.variance_of_mean() if average else running.variance_of_sum()
        divided = running.mean if average else running.sum
        return {"values": divided(fill=self.fill, in_place=True), **found}


@dataclass(frozen=True, eq=False)
class Finished:
    """Frames of spectra that became one.

    Attributes
    ----------
    values : (height, width, channels) array
        Sum or average.
    variance : array of that shape, or None
        Variance of the values.
    """

    values: npt.NDArray[Any]
    variance: npt.NDArray[Any] | None


def add_frames(
    running: SpectrumSum,
    part: npt.NDArray[Any],
    moves: Sequence[Moves],
    how: Summing,
    *,
    num_workers: int | None = None,
    told: Told | None = None,
) -> None:
    """Add the frames of a portion to a sum.

    Parameters
    ----------
    running : SpectrumSum
        The sum; it is changed.
    part : array
        Values (*places, height, width, channels...) of the frames.
    moves : sequence of collections of Transform
        One collection a frame; the frame is added once for each transform in it.
    how : Summing
    num_workers : int or None
        Threads.
    told : callable or None
        Told after each transform which frame of the portion is in work.
    """
    for number, (frame, transforms) in enumerate(
        zip(_flat(part, len(moves), how), moves, strict=True)
    ):
        if how.tiles and how.counts == "interpolate":
            for rows, places in cast(TileMoves, transforms).batches():
                running.add_tiles(
                    frame, places, interpolation=how.interpolation, num_workers=num_workers
                )
                if told is not None:
                    told(number, rows.stop, len(transforms))
            continue
        for done, transform in enumerate(transforms, start=1):
            window, pixels = how.part_and_map(transform)
            running.add(frame[window], pixels, num_workers=num_workers)
            if told is not None:
                told(number, done, len(transforms))


def aligned_frames(
    part: npt.NDArray[Any],
    moves: Sequence[Moves],
    how: Summing,
    *,
    num_workers: int | None = None,
) -> Iterator[npt.NDArray[Any]]:
    """The frames of a portion, each aligned by each of its transforms: (height, width, channels).

    Parameters are those of `add_frames`.
    """
    for frame, transforms in zip(_flat(part, len(moves), how), moves, strict=True):
        for transform in transforms:
            window, pixels = how.part_and_map(transform)
            yield warp_spectra(frame[window], pixels, fill=how.fill, num_workers=num_workers)


def partial_sum(part: Any, moves: Sequence[Moves], how: Summing) -> Arrays:
    """The sum over the frames of a portion, in one thread; as arrays, which travel."""
    values = _flat(in_memory(part), len(moves), how)
    running = how.empty(values.shape[-1])
    add_frames(running, values, moves, how, num_workers=1)
    return running.arrays()


def merged(parts: Sequence[Arrays]) -> Arrays:
    """One sum of several."""
    first, *others = (SpectrumSum.from_arrays(part) for part in parts)
    for other in others:
        first.merge(other)
    return first.arrays()


def _flat(part: npt.NDArray[Any], n_frames: int, how: Summing) -> npt.NDArray[Any]:
    """A portion as an array (frames, height, width, channels)."""
    return part.reshape(n_frames, *how.frame_shape, -1)
