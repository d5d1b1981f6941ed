"""The running average: what the frames look like together, before the registration ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.rigid.store import FrameStore
from hyperspy_smartalign.transforms import Canvas, Transform

from .reference import sum_frames
from .settings import Settings
from .state import State

__all__ = ["RunningAverage"]

FloatArray = npt.NDArray[np.float32]


class RunningAverage:
    """The average of the frames, always on the same place of the common frame.

    Parameters
    ----------
    store : FrameStore
    shifts : (n, 2) array
        Where the frames lie (y, x), px; the average covers about what the middle one does.
    used : (n,) bool
        Frames that take part.
    to_frames : callable, optional
        What makes the transforms of a state those of the frames, where the state is in other
        pixels.
    """

    def __init__(
        self,
        store: FrameStore,
        shifts: npt.NDArray[np.float64],
        used: npt.NDArray[np.bool_],
        *,
        to_frames: Callable[[Transform], Transform] = lambda transform: transform,
    ) -> None:
        self._store, self._to_frames = store, to_frames
        top, left = np.round(-np.median(shifts[used], axis=0)).astype(int).tolist()
        self._canvas = Canvas(top, left, *store.shape)
        self._latest: tuple[State, FloatArray] | None = None

    def of(self, state: State, settings: Settings) -> FloatArray:
        """The average (h, w) at a state, NaN where no frame saw the pixel."""
        if self._latest is None or self._latest[0].paths is not state.paths:
            self._latest = state, self._made(state, settings)
        return self._latest[1].copy()

    def _made(self, state: State, settings: Settings) -> FloatArray:
        summed = sum_frames(
            self._store,
            [self._to_frames(path.transform()) for path in state.paths],
            settings.weights,
            self._canvas,
            settings.num_workers,
        )
        average = np.full(self._canvas.shape, np.nan, np.float32)
        np.divide(
            summed.total, summed.coverage, out=average, where=summed.coverage > 0, casting="unsafe"
        )
        return average
