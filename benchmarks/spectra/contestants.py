"""The ways to align and add spectra in memory: one function each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.contestants import OWN
from hyperspy_smartalign.transforms import Alignment, Canvas, Transform, Translation

Stack = npt.NDArray[Any]

PLAIN = "plain addition, nothing aligned"
SPLINE = f"{OWN}, spline"
LINEAR = f"{OWN}, linear"
SHARED = f"{OWN}, counts shared out"
SCIPY_SPLINE = "scipy.ndimage a channel, spline"
SCIPY_LINEAR = "scipy.ndimage a channel, linear"


@dataclass(frozen=True)
class Contestant:
    """A way to align and add.

    Attributes
    ----------
    name : str
        Name in tables.
    module : str
        What must be importable.
    add : callable
        From a stack (n, h, w, e) and one transform a frame to the sum (h, w, e).
    by_channels : bool
        Works channel by channel, so that some channels tell how long all would take.
    shifts_only : bool
        Knows no displacement inside a frame.
    """

    name: str
    module: str
    add: Callable[[Stack, Sequence[Transform]], Stack]
    by_channels: bool = False
    shifts_only: bool = False

    def takes(self, transforms: Sequence[Transform]) -> bool:
        """Whether it can do what the transforms say."""
        return not self.shifts_only or all(isinstance(each, Translation) for each in transforms)


def _plain(stack: Stack, transforms: Sequence[Transform]) -> Stack:
    total = np.zeros(stack.shape[1:], np.float32)
    for frame in stack:
        total += frame
    return total


def _smartalign(stack: Stack, transforms: Sequence[Transform], **options: Any) -> Stack:
    from hyperspy.signals import Signal1D

    from hyperspy_smartalign import apply_alignment

    shape = stack.shape[1:3]
    alignment = Alignment(tuple(transforms), (len(stack),), shape, Canvas.of_frame(shape))
    result = apply_alignment(alignment, Signal1D(stack), show_progressbar=False, **options)
    return np.asarray(result.data)


def _scipy(stack: Stack, transforms: Sequence[Transform], *, order: int) -> Stack:
    height, width, channels = stack.shape[1:]
    total = np.zeros((channels, height, width), np.float32)
    for frame, transform in zip(stack, transforms, strict=True):
        if isinstance(transform, Translation):
            resample = partial(ndimage.shift, shift=-transform.shift)
        else:
            places = np.indices((height, width)) + transform.displacement((height, width))
            resample = partial(ndimage.map_coordinates, coordinates=places)
        # Images whose pixels lie next to each other are faster, the copy included.
        images = np.ascontiguousarray(np.moveaxis(frame, -1, 0))
        for image, added in zip(images, total, strict=True):
            added += resample(image, order=order, output=np.float32)
    return np.moveaxis(total, 0, -1)


def _align2d(stack: Stack, transforms: Sequence[Transform], *, order: int) -> Stack:
    from hyperspy.signals import Signal2D

    # It works in place, on an image of each channel, in a type that can hold its result.
    signal = Signal2D(np.array(np.moveaxis(stack, -1, 1), dtype=np.float32, order="C"))
    shifts = np.array([transform.displacement((1, 1))[:, 0, 0] for transform in transforms])
    shifts = np.repeat(shifts[:, np.newaxis], stack.shape[-1], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal.align2D(
            shifts=shifts,
            crop=False,
            fill_value=0.0,
            interpolation_order=order,
            show_progressbar=False,
        )
    return np.moveaxis(signal.data.sum(axis=0), 0, -1)


_OWN_MODULE = "hyperspy_smartalign.signals.applying"

CONTESTANTS = (
    Contestant(SPLINE, _OWN_MODULE, _smartalign),
    Contestant(LINEAR, _OWN_MODULE, partial(_smartalign, interpolation="linear")),
    Contestant(SHARED, _OWN_MODULE, partial(_smartalign, counts="share")),
    Contestant(PLAIN, "numpy", _plain),
    Contestant(SCIPY_SPLINE, "scipy.ndimage", partial(_scipy, order=3), by_channels=True),
    Contestant(SCIPY_LINEAR, "scipy.ndimage", partial(_scipy, order=1), by_channels=True),
    Contestant(
        "HyperSpy align2D() a channel, spline",
        "hyperspy.signals",
        partial(_align2d, order=3),
        by_channels=True,
        shifts_only=True,
    ),
    Contestant(
        "HyperSpy align2D() a channel, linear",
        "hyperspy.signals",
        partial(_align2d, order=1),
        by_channels=True,
        shifts_only=True,
    ),
)
