"""Sums over some frames, as functions of arrays that run in any thread, process or machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    """

    frame_shape: tuple[int, int]
    canvas: Canvas
    dtype: np.dtype[Any]
    interpolation: Sampling
    counts: Counts
    variance: Variance
    output: str
    fill: float

    @property
    def result_dtype(self) -> np.dtype[Any]:
        """Type of the values of the result."""
        if self.output == "average":
            return np.dtype(np.float32)
        if self.counts == "whole" or self.output == "sum":
            return sum_dtype(self.dtype, self.counts)
        return output_dtype(self.dtype, self.interpolation)

    def map_of(self, transform: Transform) -> PixelMap:
        """Which pixels of a frame make which pixels of the canvas."""
        return pixel_map(
            transform,
            self.frame_shape,
            self.canvas,
            interpolation=self.interpolation,
            counts=self.counts,
        )

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
    transforms: Sequence[Transform | None],
    how: Summing,
    *,
    num_workers: int | None = None,
) -> None:
    """Add the frames of a portion to a sum.

    Parameters
    ----------
    running : SpectrumSum
        The sum; it is changed.
    part : array
        Values (*places, height, width, channels...) of the frames.
    transforms : sequence of Transform or None
        One a frame; None leaves the frame out.
    how : Summing
    num_workers : int or None
        Threads.
    """
    for frame, transform in zip(_flat(part, len(transforms), how), transforms, strict=True):
        if transform is not None:
            running.add(frame, how.map_of(transform), num_workers=num_workers)


def aligned_frames(
    part: npt.NDArray[Any],
    transforms: Sequence[Transform],
    how: Summing,
    *,
    num_workers: int | None = None,
) -> Iterator[npt.NDArray[Any]]:
    """The frames of a portion, each aligned: (height, width, channels).

    Parameters are those of `add_frames`.
    """
    for frame, transform in zip(_flat(part, len(transforms), how), transforms, strict=True):
        yield warp_spectra(frame, how.map_of(transform), fill=how.fill, num_workers=num_workers)


def partial_sum(part: Any, transforms: Sequence[Transform | None], how: Summing) -> Arrays:
    """The sum over the frames of a portion, in one thread; as arrays, which travel."""
    values = _flat(in_memory(part), len(transforms), how)
    running = how.empty(values.shape[-1])
    add_frames(running, values, transforms, how, num_workers=1)
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
