"""The methods that are compared: one function each.

An estimate is the measured displacement (y, x) of the content of each frame in pixels, whatever
sign or order of axes the package itself uses.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Stack = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]

UPSAMPLING = 20
OWN = "smartalign"


@dataclass(frozen=True, eq=False)
class Estimate:
    """Shifts (n, 2) in pixels, and what a method knows about them.

    Attributes
    ----------
    shifts : (n, 2) float64
    precision : (n, 2) float64, optional
        Predicted standard errors, px.
    hop_probability : (n,) float64, optional
        Predicted probability that a shift is grossly wrong.
    excluded : (n,) bool, optional
        Frames that the method itself says it could not place.
    """

    shifts: FloatArray
    precision: FloatArray | None = None
    hop_probability: FloatArray | None = None
    excluded: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Contestant:
    """A method that finds shifts.

    Attributes
    ----------
    name : str
        Name in tables.
    module : str
        What must be importable.
    estimate : callable
        From a stack (n, h, w) to an `Estimate`.
    sweep : bool
        Whether it takes part in the measurements of seconds and memory.
    """

    name: str
    module: str
    estimate: Callable[[Stack], Estimate]
    sweep: bool = False

    def run(self, stack: Stack) -> npt.NDArray[Any]:
        """The shifts alone."""
        return self.estimate(stack).shifts


@dataclass(frozen=True)
class Aligner:
    """A verb of HyperSpy's signals that finds shifts and resamples the series.

    `run` goes from a stack (n, h, w) to the aligned series; the stack stays as it is.
    """

    name: str
    module: str
    run: Callable[[Stack], npt.NDArray[Any]]


@dataclass(frozen=True)
class Frames:
    """A stack as the core reads it."""

    stack: Stack

    def __len__(self) -> int:
        return len(self.stack)

    def frame(self, index: int) -> Stack:
        pixels: Stack = self.stack[index]
        return pixels


def _smartalign(stack: Stack) -> Estimate:
    from hyperspy_smartalign.parameters import RigidParameters
    from hyperspy_smartalign.rigid import align_frames

    result = align_frames(Frames(stack), RigidParameters())
    return Estimate(result.shifts, result.precision, result.hop_probability, result.excluded)


def _skimage_shift(reference: Stack, frame: Stack, normalization: str | None) -> FloatArray:
    from skimage.registration import phase_cross_correlation

    moved, _, _ = phase_cross_correlation(
        reference, frame, upsample_factor=UPSAMPLING, normalization=normalization
    )
    return -np.asarray(moved, dtype=np.float64)


def _skimage_first(normalization: str | None) -> Callable[[Stack], Estimate]:
    def estimate(stack: Stack) -> Estimate:
        return Estimate(
            np.array([_skimage_shift(stack[0], frame, normalization) for frame in stack])
        )

    return estimate


def _skimage_chained(normalization: str | None) -> Callable[[Stack], Estimate]:
    def estimate(stack: Stack) -> Estimate:
        steps = [_skimage_shift(before, after, normalization) for before, after in pairwise(stack)]
        return Estimate(np.cumsum([np.zeros(2), *steps], axis=0))

    return estimate


def _pystackreg(reference: str) -> Callable[[Stack], Estimate]:
    def estimate(stack: Stack) -> Estimate:
        from pystackreg import StackReg

        matrices = StackReg(StackReg.TRANSLATION).register_stack(stack, reference=reference)
        # They take (x, y) of the result to (x, y) of the frame: our shift, axes swapped.
        return Estimate(np.asarray(matrices[:, [1, 0], 2], dtype=np.float64))

    return estimate


def _hyperspy_estimate(reference: str) -> Callable[[Stack], Estimate]:
    def estimate(stack: Stack) -> Estimate:
        from hyperspy.signals import Signal2D

        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            shifts = Signal2D(stack).estimate_shift2D(
                reference=reference, sub_pixel_factor=UPSAMPLING, show_progressbar=False
            )
        return Estimate(np.asarray(shifts, dtype=np.float64))

    return estimate


def _align2d(stack: Stack) -> npt.NDArray[Any]:
    from hyperspy.signals import Signal2D

    signal = Signal2D(stack.copy())  # it works in place
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        # In two steps, as align2D itself does, but without the progress bar of the first.
        shifts = signal.estimate_shift2D(sub_pixel_factor=UPSAMPLING, show_progressbar=False)
        signal.align2D(shifts=shifts, show_progressbar=False)
    return np.asarray(signal.data)


def _align_rigid(stack: Stack) -> npt.NDArray[Any]:
    from hyperspy.signals import Signal2D

    from hyperspy_smartalign import align_rigid

    return np.asarray(align_rigid(Signal2D(stack), show_progressbar=False).data)


CONTESTANTS = (
    Contestant(OWN, "hyperspy_smartalign.rigid", _smartalign, sweep=True),
    Contestant(
        "HyperSpy estimate_shift2D", "hyperspy.signals", _hyperspy_estimate("current"), sweep=True
    ),
    Contestant(
        "HyperSpy estimate_shift2D, cascade", "hyperspy.signals", _hyperspy_estimate("cascade")
    ),
    Contestant(
        "scikit-image phase, to frame 0",
        "skimage.registration",
        _skimage_first("phase"),
        sweep=True,
    ),
    Contestant("scikit-image phase, chained", "skimage.registration", _skimage_chained("phase")),
    Contestant(
        "scikit-image unnormalised, to frame 0", "skimage.registration", _skimage_first(None)
    ),
    Contestant(
        "scikit-image unnormalised, chained", "skimage.registration", _skimage_chained(None)
    ),
    Contestant("pystackreg, to the previous", "pystackreg", _pystackreg("previous"), sweep=True),
    Contestant("pystackreg, to frame 0", "pystackreg", _pystackreg("first")),
)

ALIGNERS = (
    Aligner("smartalign: align_rigid()", "hyperspy_smartalign.signals.rigid", _align_rigid),
    Aligner("HyperSpy: align2D()", "hyperspy.signals", _align2d),
)


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def module(self) -> str: ...


Method = TypeVar("Method", bound=_Named)


def present(methods: Sequence[Method]) -> tuple[list[Method], dict[str, str]]:
    """Those of the methods that are installed, and why each of the others is not there."""
    found: list[Method] = []
    absent: dict[str, str] = {}
    for method in methods:
        try:
            importlib.import_module(method.module)
        except ImportError as error:
            absent[method.name] = str(error)
        else:
            found.append(method)
    return found, absent


def runner(name: str) -> Callable[[Stack], npt.NDArray[Any]]:
    """The function of a contestant or aligner by its name.

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    return {method.name: method.run for method in (*CONTESTANTS, *ALIGNERS)}[name]
