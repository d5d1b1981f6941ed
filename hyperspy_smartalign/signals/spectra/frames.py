"""The spectra of a series, in portions that fit into memory, and no chunk read twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals.computing import compute_options
from hyperspy_smartalign.signals.spectra.channels import as_dense
from hyperspy_smartalign.signals.validating import Layout, SeriesData

PORTION_BYTES = 2**28
"""Up to this size, chunks of channels of a lazy series are read together."""
LARGEST_PORTION = 2**30
"""Chunks of a lazy series that are larger are cut along their channels."""

Ends = tuple[int, int]
Sizes = tuple[int, ...]
Cell = tuple[slice, ...]


@dataclass(frozen=True)
class Portion:
    """Some frames of a series, and some of their channels.

    Attributes
    ----------
    frames : tuple of int
        Numbers of the frames, in the order in which they lie in the portion.
    cell : tuple of slice
        Where they are along the series axes.
    channels : slice
        Channels along the first channel axis.
    """

    frames: tuple[int, ...]
    cell: Cell
    channels: slice


@dataclass(frozen=True)
class Group:
    """Channels that are worked on together, frame after frame.

    Attributes
    ----------
    channels : slice
        Channels along the first channel axis.
    portions : tuple of Portion
        All frames.
    """

    channels: slice
    portions: tuple[Portion, ...]


@dataclass(frozen=True)
class SpectrumFrames(SeriesData):
    """Frames whose pixels hold spectra, diffraction patterns, or single values (images).

    Attributes
    ----------
    layout : Layout
        Shapes and calibration.
    data : numpy or dask array
        (*series_shape, height, width, *channel_shape).
    """

    @classmethod
    def of(cls, signal: BaseSignal, layout: Layout) -> SpectrumFrames:
        """The frames of a signal. Images get one channel."""
        return cls(layout, signal.data if layout.channel_shape else signal.data[..., np.newaxis])

    @property
    def channel_shape(self) -> tuple[int, ...]:
        """Shape of what each pixel holds; (1,) for images."""
        return self.layout.channel_shape or (1,)

    @property
    def n_channels(self) -> int:
        """Number of values of a pixel."""
        return math.prod(self.channel_shape)

    def width_of(self, channels: slice) -> int:
        """Number of values of a pixel in some channels along the first channel axis."""
        length: int = channels.stop - channels.start
        return length * math.prod(self.channel_shape[1:])

    def groups(self) -> tuple[Group, ...]:
        """The order of work.

        Portions follow the chunks of a lazy series: each chunk lies in one portion, unless it
        is larger than a portion may be. Then it is cut along its channels, and read anew for
        each piece. In memory there is one group, with a portion a frame.
        """
        numbers = np.arange(len(self)).reshape(self.layout.series_shape)
        along_series, along_channels = self._chunks()
        cells = _cells(along_series)
        all_bytes = max(numbers[cell].size for cell in cells) * self._frame_bytes
        together, most = (
            max(1, size * self.channel_shape[0] // all_bytes)
            for size in (PORTION_BYTES, LARGEST_PORTION)
        )
        groups = _grouped(along_channels, together, most) if self.lazy else _edges(along_channels)
        return tuple(
            Group(slice(*ends), tuple(_portion(numbers, cell, slice(*ends)) for cell in cells))
            for ends in groups
        )

    def whole_frames(self) -> tuple[Portion, ...]:
        """All channels of some frames at a time, by chunks unless these are too large."""
        numbers = np.arange(len(self)).reshape(self.layout.series_shape)
        cells = _cells(self._chunks()[0])
        if max(numbers[cell].size for cell in cells) * self._frame_bytes > PORTION_BYTES:
            cells = _cells([(1,) * size for size in numbers.shape])
        return tuple(_portion(numbers, cell, slice(0, self.channel_shape[0])) for cell in cells)

    def part(self, portion: Portion) -> Any:
        """Values (*cell, height, width, channels...) of a portion; lazy if the series is."""
        return self.data[(*portion.cell, slice(None), slice(None), portion.channels)]

    def _chunks(self) -> tuple[tuple[Sizes, ...], Sizes]:
        """Sizes of the chunks along the series axes, and along the first channel axis."""
        first = len(self.layout.series_shape)
        if self.lazy:
            return self.data.chunks[:first], self.data.chunks[first + 2]
        return tuple((1,) * size for size in self.layout.series_shape), self.channel_shape[:1]

    @property
    def _frame_bytes(self) -> int:
        pixels = math.prod(self.layout.frame_shape) * math.prod(self.channel_shape)
        return pixels * self.dtype.itemsize


def in_memory(part: Any) -> npt.NDArray[Any]:
    """A part of a series as a read-only numpy array.

    Streams of events are dask arrays of sparse blocks, which become dense here.
    """
    if hasattr(part, "dask"):
        part = part.compute(**compute_options())
    values: npt.NDArray[Any] = as_dense(part).view()
    values.flags.writeable = False
    return values


def _portion(numbers: npt.NDArray[np.intp], cell: Cell, channels: slice) -> Portion:
    return Portion(tuple(numbers[cell].ravel().tolist()), cell, channels)


def _cells(chunks: Sequence[Sizes]) -> list[Cell]:
    """Where the chunks of the series axes are."""
    along = [[slice(*ends) for ends in _edges(sizes)] for sizes in chunks]
    return list(product(*along))


def _edges(sizes: Sequence[int]) -> list[Ends]:
    return list(pairwise(accumulate(sizes, initial=0)))


def _grouped(sizes: Sequence[int], together: int, most: int) -> list[Ends]:
    """Neighbouring chunks in groups of up to `together`; chunks above `most` cut into pieces."""
    groups: list[Ends] = []
    for start, stop in _edges(sizes):
        if groups and stop - groups[-1][0] <= together:
            groups[-1] = (groups[-1][0], stop)
        else:
            groups += [(a, min(a + most, stop)) for a in range(start, stop, most)]
    return groups
