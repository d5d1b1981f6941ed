"""Dense registration by other packages, each set up as well as we could.

All follow one plan. Frames are placed by their fields and averaged; each frame is then registered
with the average, moved to where the frame is by its rigid shift; and so on for some rounds. The
frame is the fixed image and the average the moving one: so fields are those of the frame's own
pixels, in which its lines are rows, and it is the less noisy image whose gradient is taken. Both
are smoothed a little, which makes all methods better at all doses.

Fields of row means instead of whole ones make the average sharper, but the row means that follow
from it are not better (tried at 10 counts: 0.19 px either way for all three).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.nonrigid.series import FloatArray

Pixels = npt.NDArray[np.float32]
# From a fixed and a moving image to the displacement (2, h, w): fixed[q] = moving[q + v(q)].
Flow = Callable[[Pixels, Pixels], npt.NDArray[Any]]

ROUNDS = 2
# Standard deviation of the Gaussian that both images are smoothed with, px.
PREFILTER = 1.5
# Passes that find where in a frame a point of the common frame is.
INVERSIONS = 4


def register(stack: npt.NDArray[Any], shifts: FloatArray, flow: Flow) -> Pixels:
    """Displacements (n, 2, h, w) of the content at the pixels of each frame, px."""
    frames = np.asarray(stack, dtype=np.float32)
    fields = np.broadcast_to(
        np.asarray(shifts, dtype=np.float32)[..., np.newaxis, np.newaxis],
        (len(frames), 2, *frames.shape[1:]),
    )
    for _ in range(ROUNDS):
        total = np.zeros(frames.shape[1:], dtype=np.float64)
        for placed in _threaded(lambda i, now=fields: _place(frames[i], now[i]), len(frames)):
            total += placed
        average = (total / len(frames)).astype(np.float32)
        found = _threaded(
            lambda i, mean=average: _field(frames[i], mean, shifts[i], flow), len(frames)
        )
        fields = np.stack(list(found))
    return np.asarray(fields)


def _threaded(task: Callable[[int], Pixels], count: int) -> Iterable[Pixels]:
    # A few results ahead at the most, as they come.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(task, range(count))


def _place(frame: Pixels, field: Pixels) -> Pixels:
    """The frame resampled on the common frame."""
    grid = np.indices(frame.shape, dtype=np.float32)
    inverse = np.asarray(field)
    for _ in range(INVERSIONS):
        at = grid + inverse
        inverse = np.stack(
            [ndimage.map_coordinates(part, at, order=1, mode="nearest") for part in field]
        )
    return np.asarray(
        ndimage.map_coordinates(frame, grid + inverse, order=3, mode="nearest", output=np.float32)
    )


def _field(frame: Pixels, average: Pixels, shift: FloatArray, flow: Flow) -> Pixels:
    # Between 0 and 1: the options of optical flow are made for such images.
    low, high = np.percentile(average, (1, 99))
    scale = max(float(high - low), 1e-6)
    moved = ndimage.shift(average, shift, order=3, mode="nearest", output=np.float32)
    fixed, moving = (
        (ndimage.gaussian_filter(image, PREFILTER) - np.float32(low)) / np.float32(scale)
        for image in (frame, moved)
    )
    displacement = shift[:, np.newaxis, np.newaxis] - flow(fixed, moving)
    return np.asarray(displacement, dtype=np.float32)


def tv_l1(fixed: Pixels, moving: Pixels) -> npt.NDArray[Any]:
    """scikit-image, as it comes."""
    from skimage.registration import optical_flow_tvl1

    return np.asarray(optical_flow_tvl1(fixed, moving))


def ilk(fixed: Pixels, moving: Pixels) -> npt.NDArray[Any]:
    """scikit-image; its own radius, and a Gaussian window, which is better than the flat one."""
    from skimage.registration import optical_flow_ilk

    return np.asarray(optical_flow_ilk(fixed, moving, radius=7, gaussian=True))


def demons(fixed: Pixels, moving: Pixels) -> npt.NDArray[Any]:
    """SimpleITK; wider smoothing of the field follows the rows less well at all doses."""
    import SimpleITK

    method = SimpleITK.DemonsRegistrationFilter()
    method.SetNumberOfIterations(50)
    method.SetStandardDeviations(2.0)
    # Frames are registered in threads already.
    method.SetNumberOfThreads(1)
    images = (SimpleITK.GetImageFromArray(np.asarray(image)) for image in (fixed, moving))
    return np.moveaxis(SimpleITK.GetArrayFromImage(method.Execute(*images)), -1, 0)[::-1]
