"""What a frame would be compared with, before anything is computed: a look at one frame."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hyperspy_smartalign.parameters import NonrigidParameters, ParameterError, RigidParameters
from hyperspy_smartalign.rigid.preview import preview_pair
from hyperspy_smartalign.rigid.spectra import white_noise_variance
from hyperspy_smartalign.rigid.store import FrameSource, FrameStore
from hyperspy_smartalign.transforms import Translation

from .reference import Model, build_reference
from .sources import ComparedFrames

__all__ = ["ReferencePreview", "preview_reference"]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
Region = tuple[int, int, int, int]

#: Frames that the average of a preview is made of, at the most: those nearest in the series.
MOST = 8


@dataclass(frozen=True)
class ReferencePreview:
    """One frame as the estimation sees it, beside what it is compared with.

    Attributes
    ----------
    frame : (h, w) float32
        The frame, without spikes (NaN) and smoothed where that was asked for.
    reference : (h, w) float32
        The reference where the frame has its pixels; NaN where it is not trusted.
    members : tuple of int
        Frames that the reference is made of.
    others : int
        Number of frames that it will be made of.
    similarity : float
        Correlation of the two, noise included; NaN where there is nothing to compare.
    """

    frame: FloatArray
    reference: FloatArray
    members: tuple[int, ...]
    others: int
    similarity: float


def preview_reference(
    frames: FrameSource,
    index: int,
    parameters: NonrigidParameters,
    *,
    shifts: DoubleArray | None = None,
    excluded: Collection[int] = (),
    region: Region | None = None,
    most: int = MOST,
) -> ReferencePreview:
    """The reference of the first cycle for one frame.

    Parameters
    ----------
    frames : FrameSource
    index : int
        Number of the frame.
    parameters : NonrigidParameters
        Reference, weights and smoothing are used.
    shifts : (n, 2) array, optional
        Displacement (y, x) of each frame, px. By default they are measured, frame by frame.
    excluded : collection of int
        Frames that take no part.
    region : (left, right, top, bottom), optional
        Pixels of the frame that are used.
    most : int
        Frames of the reference that are read.

    Returns
    -------
    ReferencePreview

    Raises
    ------
    ValueError
        The frame is the reference itself, or there is no frame to compare it with, or a parameter
        does not fit the series.
    """
    chosen = _members(len(frames), index, parameters, excluded)
    members = sorted(sorted(chosen, key=lambda i: (abs(i - index), i))[:most])
    numbers = sorted({*members, index})
    place = numbers.index(index)
    compared = ComparedFrames(_Some(frames, numbers), float(parameters.smooth_frames))
    store = FrameStore(compared, region=region)
    means = np.array([_mean(store.frame(i)) for i in range(len(store))])
    level = float(means.mean())
    moved = _shifts(store, place, means) if shifts is None else np.asarray(shifts)[numbers]
    noise = white_noise_variance(
        lambda i: np.nan_to_num(store.frame(i), nan=means[i]), np.arange(len(store)), store.shape
    )
    model = build_reference(
        store,
        [Translation(shift) for shift in moved],
        _weights(parameters, numbers, means, place),
        shifts=moved,
        reach_of_motion=0.0,
        variance=max(noise, 1e-12 * max(level**2, 1e-30)),
        level=level,
        smoothing=parameters.smooth_reference,
    ).model(place, moved[place])
    frame = store.frame(place)
    if model is None:
        reference = np.full(frame.shape, np.nan, np.float32)
    else:
        reference = _drawn(model, frame.shape, moved[place]) + np.float32(level)
    return ReferencePreview(
        frame, reference, tuple(members), len(chosen), _similarity(frame, reference)
    )


class _Some:
    """Some frames of a source."""

    def __init__(self, frames: FrameSource, numbers: list[int]) -> None:
        self._frames, self._numbers = frames, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def frame(self, index: int) -> npt.NDArray[np.generic]:
        return self._frames.frame(self._numbers[index])


def _members(
    n: int, index: int, parameters: NonrigidParameters, excluded: Collection[int]
) -> list[int]:
    """Frames that a frame is compared with in the first cycle."""
    reference = parameters.reference
    if isinstance(reference, int):
        if reference >= n or reference in excluded:
            raise ParameterError(
                f"reference={reference} is no frame that takes part: there are {n} frames, "
                "counted from 0, and excluded ones cannot be the reference."
            )
        if reference == index:
            raise ValueError(f"Frame {index} is the reference itself.")
        return [reference]
    near = range(n)
    if parameters.local_cycle_count > 0:
        width = int(parameters.reference_width)
        near = range(max(0, index - width), min(n, index + width + 1))
    weights = parameters.weights
    if not isinstance(weights, str) and len(weights) != n:
        raise ParameterError(f"weights has {len(weights)} numbers, and there are {n} frames.")
    members = [
        i
        for i in near
        if i != index and i not in excluded and (isinstance(weights, str) or weights[i] > 0)
    ]
    if not members:
        raise ValueError(f"There is no frame to compare frame {index} with: exclude fewer.")
    return members


def _weights(
    parameters: NonrigidParameters, numbers: list[int], means: DoubleArray, place: int
) -> DoubleArray:
    """Weight of each frame, 0 for the one that is compared."""
    if parameters.weights == "dose":
        weights = np.maximum(means, 0.0)
    elif isinstance(parameters.weights, str) or isinstance(parameters.reference, int):
        weights = np.ones(len(numbers))
    else:
        weights = np.array([parameters.weights[i] for i in numbers], np.float64)
    weights[place] = 0.0
    if not (weights > 0).any():
        weights = np.where(np.arange(len(numbers)) == place, 0.0, 1.0)
    return np.asarray(weights / weights[weights > 0].mean())


def _shifts(store: FrameStore, place: int, means: DoubleArray) -> DoubleArray:
    """Shifts (n, 2) of the frames against one of them."""
    parameters = RigidParameters()
    filled = [np.nan_to_num(store.frame(i), nan=means[i]) for i in range(len(store))]
    shifts = np.zeros((len(store), 2))
    for i, frame in enumerate(filled):
        if i != place:
            shifts[i] = preview_pair(frame, filled[place], parameters).shift
    return shifts


def _drawn(model: Model, shape: tuple[int, int], shift: DoubleArray) -> FloatArray:
    """The reference, less its level, at the pixels of a frame that is shifted."""
    places = np.indices(shape, np.float64)
    places -= np.reshape(np.asarray(shift) + model.origin, (2, 1, 1))
    values = ndimage.map_coordinates(model.coefficients, places, order=3, prefilter=False)
    seen = ndimage.map_coordinates(model.count, places, order=0, cval=0.0) > 0
    return np.where(seen, values, np.float32(np.nan)).astype(np.float32)


def _mean(pixels: FloatArray) -> float:
    finite = pixels[np.isfinite(pixels)]
    return float(finite.mean(dtype=np.float64)) if finite.size else 0.0


def _similarity(frame: FloatArray, reference: FloatArray) -> float:
    both = np.isfinite(frame) & np.isfinite(reference)
    if both.sum() < 2:
        return float("nan")
    first, second = frame[both].astype(np.float64), reference[both].astype(np.float64)
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / size if size > 0 else float("nan")
