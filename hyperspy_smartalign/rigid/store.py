"""The frames of a series as the rigid registration reads them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling import spline_coefficients
from hyperspy_smartalign.resampling.workers import run_tasks

__all__ = ["FrameSource", "FrameStore"]

FloatArray = npt.NDArray[np.float32]


class FrameSource(Protocol):
    """Frames that are read one at a time.

    One that has an attribute `lazy`, and it is true, is read again for every pass.
    """

    def __len__(self) -> int: ...

    def frame(self, index: int) -> npt.NDArray[Any]:
        """The i-th frame, (h, w)."""


class FrameStore:
    """Frames as float32, cut to a region, with their spline coefficients.

    Parameters
    ----------
    source : FrameSource
    region : (left, right, top, bottom), optional
        Pixels of the frame that are used; all by default.
    keep : bool
        Hold all frames and coefficients in memory: two float32 copies of the series at the most,
        one where the series is float32 itself. Otherwise each is read and computed again when
        asked for, a few at a time.
    num_workers : int, optional
    """

    def __init__(
        self,
        source: FrameSource,
        *,
        region: tuple[int, int, int, int] | None = None,
        keep: bool = True,
        num_workers: int | None = None,
    ) -> None:
        self._source = source
        if region is None:
            self._cut: tuple[slice, slice] = (slice(None), slice(None))
        else:
            left, right, top, bottom = region
            self._cut = (slice(top, bottom), slice(left, right))
        self._num_workers = num_workers
        first = self._read(0)
        self.shape: tuple[int, int] = (first.shape[0], first.shape[1])
        self._coefficients: FloatArray | None = None
        # Frames that are float32 already are not copied.
        self._frames = [self._read(index) for index in range(len(source))] if keep else None

    def __len__(self) -> int:
        return len(self._source)

    def _read(self, index: int) -> FloatArray:
        return np.ascontiguousarray(self._source.frame(index)[self._cut], np.float32)

    @property
    def keeps(self) -> bool:
        """Whether all frames are held in memory."""
        return self._frames is not None

    def frame(self, index: int) -> FloatArray:
        """Pixels of one frame, (h, w) float32."""
        return self._read(index) if self._frames is None else self._frames[index]

    def coefficients(self, index: int) -> FloatArray:
        """Cubic B-spline coefficients of one frame, (h, w) float32."""
        if self._frames is None:
            return spline_coefficients(self._read(index))
        coefficients: FloatArray = self.all_coefficients()[index]
        return coefficients

    def all_coefficients(self) -> FloatArray:
        """Coefficients of all frames, (n, h, w); only where the frames are held in memory."""
        if self._frames is None:
            raise RuntimeError("the frames are not held in memory")
        if self._coefficients is None:
            frames = self._frames
            coefficients = np.empty((len(frames), *self.shape), np.float32)

            def transform(index: int) -> None:
                coefficients[index] = spline_coefficients(frames[index])

            run_tasks(transform, len(frames), num_workers=self._num_workers)
            self._coefficients = coefficients
        return self._coefficients
