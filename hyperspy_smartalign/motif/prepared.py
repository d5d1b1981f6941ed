"""Frames made ready to be searched, and what is kept of them between the stages of a search."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.scores import ScoreMap, SearchedFrame, plain_scores
from hyperspy_smartalign.motif.searched_motif import SearchedMotif
from hyperspy_smartalign.resampling import spline_coefficients
from hyperspy_smartalign.resampling.options import FloatArray
from hyperspy_smartalign.rigid.store import FrameSource

MOST_BYTES = 256 * 2**20
"""So much is kept of all frames of a search together, beside one frame."""


class Kept:
    """Arrays that are kept as long as there is room for them.

    Parameters
    ----------
    most_bytes : int
        What does not fit is not kept, so that the first arrays stay.
    """

    def __init__(self, most_bytes: int) -> None:
        self._free = most_bytes
        self._arrays: dict[Hashable, npt.NDArray[Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """The array of this name, made if it is not there."""
        with self._lock:
            found = self._arrays.get(key)
        if found is None:
            found = make()
            with self._lock:
                if key not in self._arrays and found.nbytes <= self._free:
                    self._arrays[key] = found
                    self._free -= found.nbytes
        return found

    def has(self, key: Hashable) -> bool:
        """Whether it is kept."""
        with self._lock:
            return key in self._arrays


class PreparedFrames:
    """The frames of a search, made ready.

    Of a frame without gaps its spectrum and the scale of its tiles are kept, of any frame its
    spline coefficients: 12 bytes a pixel. What is kept and what is computed again are the same to
    the last bit.

    Parameters
    ----------
    source : FrameSource
    most_bytes : int, optional
        Of what is kept; `MOST_BYTES` by default.
    """

    def __init__(self, source: FrameSource, *, most_bytes: int | None = None) -> None:
        self.source = source
        self.first = np.asarray(source.frame(0))
        self._kept = Kept(MOST_BYTES if most_bytes is None else most_bytes)

    def __len__(self) -> int:
        return len(self.source)

    def frame(self, number: int) -> PreparedFrame:
        """One frame, read when something is asked that is not kept."""
        return PreparedFrame(self, number, self._kept)

    def first_frame(self) -> PreparedFrame:
        """The first frame, which is held and not read again."""
        return PreparedFrame(self, 0, self._kept, given=self.first)

    def coefficients(self, number: int) -> FloatArray:
        """Spline coefficients of one frame."""
        return self.frame(number).coefficients


class PreparedFrame:
    """One frame for as long as it is searched."""

    def __init__(
        self,
        frames: PreparedFrames,
        number: int,
        kept: Kept,
        *,
        given: npt.NDArray[Any] | None = None,
    ) -> None:
        self._frames = frames
        self._number = number
        self._kept = kept
        self._given = given

    @cached_property
    def pixels(self) -> npt.NDArray[Any]:
        """The frame itself, (h, w)."""
        if self._given is not None:
            return self._given
        return np.asarray(self._frames.source.frame(self._number))

    @cached_property
    def _searched(self) -> SearchedFrame:
        pixels = self.pixels
        if len(self._frames) > 1 and pixels.dtype.kind == "f" and not np.isfinite(pixels).any():
            raise ValueError(
                f"Frame {self._number} of those that are searched has no finite pixel. Leave it "
                "out with frames=[...]."
            )
        return SearchedFrame(pixels)

    @property
    def coefficients(self) -> FloatArray:
        """(h, w) spline coefficients."""
        key = "coefficients", self._number
        return self._kept.get(key, lambda: spline_coefficients(self.pixels))

    def scores(self, motif: SearchedMotif, *, coverage: float) -> ScoreMap:
        """Scores of all tiles; as `SearchedFrame.scores`."""
        spectrum, scale = ("spectrum", self._number), ("scale", self._number, motif.shape)
        known = motif.known is None and self._kept.has(spectrum) and self._kept.has(scale)
        if not known and (motif.known is not None or not self._fits(motif)):
            return self._searched.scores(motif, coverage=coverage)
        return plain_scores(
            motif,
            self._kept.get(spectrum, lambda: self._searched.spectrum),
            self._kept.get(scale, lambda: self._searched.scale(motif.shape)),
            self._frames.first.shape,
        )

    def _fits(self, motif: SearchedMotif) -> bool:
        """Whether the frame has no gaps, and is not smaller than the motif."""
        larger = all(a >= b for a, b in zip(self._searched.shape, motif.shape, strict=True))
        return larger and self._searched.complete
