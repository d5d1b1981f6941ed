"""The spectrum of what frames differ by from what they should look like: their noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.rigid.store import FrameStore
from hyperspy_smartalign.rigid.windows import window_2d

from .comparing import reference_of
from .reference import Model
from .settings import Settings
from .state import State

__all__ = ["residual_power"]

DoubleArray = npt.NDArray[np.float64]


def residual_power(store: FrameStore, state: State, settings: Settings) -> DoubleArray | None:
    """Mean power spectrum of the frames less the mean of the others, where they are by now.

    Parameters
    ----------
    store : FrameStore
    state : State
        With scan lines.
    settings : Settings

    Returns
    -------
    (h, w // 2 + 1) float64 array or None
        Variance a Fourier pixel, of white noise that of a pixel; None where nothing is compared.
    """
    reference = reference_of(store, state, settings)
    window = window_2d(store.shape, "hann").astype(np.float64)
    powers: list[DoubleArray | None] = [None] * len(store)

    def task(index: int) -> None:
        if not settings.used[index] or index == settings.fixed:
            return
        path = state.lines[index]
        model = reference.model(index, path.image_order(path.mean))
        if model is None:
            return
        offsets = path.image_order(path.offsets)
        displacement = offsets[:, None] if path.axis == 0 else offsets[None, :]
        expected, seen = _seen_on_frame(model, displacement, store.shape)
        pixels = store.frame(index)
        known = seen & np.isfinite(pixels)
        if known.mean() < 0.25:
            return
        brightness = state.brightness[index]
        residual = np.where(known, pixels, 0.0) - settings.level - brightness.offset
        residual -= brightness.contrast * expected
        weight = np.where(known, window, 0.0)
        residual -= (weight * residual).sum() / weight.sum()
        powers[index] = np.abs(fft.rfft2(weight * residual, workers=1)) ** 2 / (weight**2).sum()

    run_tasks(task, len(store), num_workers=settings.num_workers)
    known = [power for power in powers if power is not None]
    return np.mean(known, axis=0) if known else None


def _seen_on_frame(
    model: Model, displacement: DoubleArray, shape: tuple[int, int]
) -> tuple[DoubleArray, npt.NDArray[np.bool_]]:
    """What a frame should look like at its own pixels, less the level, and where that is known."""
    rows, columns = np.indices(shape, np.float64)
    place = [
        rows - displacement[..., 0] - model.origin[0],
        columns - displacement[..., 1] - model.origin[1],
    ]
    expected = ndimage.map_coordinates(
        model.coefficients.astype(np.float64), place, order=3, prefilter=False
    )
    counted = (model.count > 0).astype(np.float64)
    return expected, ndimage.map_coordinates(counted, place, order=0) > 0
