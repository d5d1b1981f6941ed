"""Frames handed to the core one at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.signals.validating import Frames

CACHE_BYTES = 2**28
"""Computed chunks of a lazy series that are kept at most."""


class FrameStream:
    """The frames of a series, as the core reads them.

    A lazy series is computed chunk by chunk, and the last chunks are kept: its frames are
    often asked for in turn, and a frame costs as much to compute as its chunk. Chunks that are
    too large for that are computed frame by frame.

    Parameters
    ----------
    frames : Frames
        The frames. They may be read from several threads.
    excluded : collection of int
        Frames that take no part. Their pixels that are not finite are given as 0.
    """

    ndim = 3

    def __init__(self, frames: Frames, *, excluded: Collection[int] = ()) -> None:
        self._frames = frames
        self._excluded = frozenset(excluded)
        self._blocks: OrderedDict[int, npt.NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()
        self._starts = _block_starts(frames)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self._frames.dtype

    @property
    def lazy(self) -> bool:
        """Whether frames are computed when asked for, so that not all should be held at once."""
        return self._frames.lazy

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, height, width)."""
        return (len(self), *self._frames.layout.frame_shape)

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> npt.NDArray[Any]:
        return self.frame(index)

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        return (self.frame(index) for index in range(len(self)))

    def frame(self, index: int) -> npt.NDArray[Any]:
        """Frame `index` as a read-only array (height, width)."""
        if self._starts is None:
            frame = self._frames.frame(index)
        else:
            number = int(np.searchsorted(self._starts, index, side="right")) - 1
            frame = self._block(number)[index - self._starts[number]]
        if index in self._excluded and frame.dtype.kind == "f" and not np.isfinite(frame).all():
            return np.asarray(np.nan_to_num(frame, nan=0.0, posinf=0.0, neginf=0.0))
        return frame

    def _block(self, number: int) -> npt.NDArray[Any]:
        with self._lock:
            if number not in self._blocks:
                self._blocks[number] = _computed_block(self._frames, number)
                while sum(block.nbytes for block in self._blocks.values()) > CACHE_BYTES:
                    self._blocks.popitem(last=False)
            self._blocks.move_to_end(number)
            return self._blocks[number]


def _computed_block(frames: Frames, number: int) -> npt.NDArray[Any]:
    """Frames (m, height, width) of a chunk along the first axis, read-only."""
    sizes = frames.data.chunks[0]
    return frames.chunk(sum(sizes[:number]), sizes[number])


def _block_starts(frames: Frames) -> npt.NDArray[np.intp] | None:
    """First frame of each chunk of a lazy series, None where chunks are not kept."""
    if not frames.lazy:
        return None
    per_step = frames.layout.n_frames // len(frames.data)
    sizes = np.array(frames.data.chunks[0]) * per_step
    frame_bytes = int(np.prod(frames.layout.frame_shape)) * frames.dtype.itemsize
    if int(sizes.max()) * frame_bytes > CACHE_BYTES:
        return None
    return np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
