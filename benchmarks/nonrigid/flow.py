"""Dense registration by other packages, each set up as well as we could.

All follow one plan. Frames are placed by their fields and averaged; each frame is then registered
with the average of all, moved to where the frame is by its rigid shift; and so on for some rounds.
The frame is the fixed image: so fields are those of its own pixels, in which its lines are rows.
Optical flow takes its gradients from the moving image then, the less noisy one.

Options were chosen on 8 frames of 192 x 192 of `scan_series`, seed 0. A Gaussian of 1.5 px on both
images helped the row means of all methods at 10 counts, and one of 3 px was worse for them than 1.5
at 1 and 50 counts. Fields made of row means in the first round left the row means of the second
within 4 % of what they were (10 counts).
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
    """scikit-image, as it comes.

    A larger attachment, 50, follows the rows better at 10 and 50 counts, and at 1 count worse; its
    fields are worse at all three.
    """
    from skimage.registration import optical_flow_tvl1

    return np.asarray(optical_flow_tvl1(fixed, moving))


def ilk(fixed: Pixels, moving: Pixels) -> npt.NDArray[Any]:
    """scikit-image; its own radius, and a Gaussian window, better than a flat one at 10 counts."""
    from skimage.registration import optical_flow_ilk

    return np.asarray(optical_flow_ilk(fixed, moving, radius=7, gaussian=True))


def demons(fixed: Pixels, moving: Pixels) -> npt.NDArray[Any]:
    """SimpleITK.

    Wider smoothing of the field, 4 px, follows the rows less well at 10 counts (0.21 px for 0.16),
    with less noise in the field (0.41 px for 0.56).
    """
    import SimpleITK

    method = SimpleITK.DemonsRegistrationFilter()
    method.SetNumberOfIterations(50)
    method.SetStandardDeviations(2.0)
    # Frames are registered in threads already.
    method.SetNumberOfThreads(1)
    images = (SimpleITK.GetImageFromArray(np.asarray(image)) for image in (fixed, moving))
    return np.moveaxis(SimpleITK.GetArrayFromImage(method.Execute(*images)), -1, 0)[::-1]
