"""The methods that are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.contestants import OWN, Frames
from benchmarks.nonrigid import flow
from benchmarks.nonrigid.series import FloatArray, Series
from hyperspy_smartalign.nonrigid import align_frames_nonrigid
from hyperspy_smartalign.nonrigid.lines import LinePath, lines_of
from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.transforms import Translation

RIGID = "rigid only"
LAZY = f"{OWN}, lazy input"


class Estimate(Protocol):
    """Displacements of the content of each frame, and their standard errors if known."""

    @property
    def line_errors(self) -> FloatArray | None:
        """(n, lines, 2) predicted standard errors (y, x), px."""

    @property
    def values(self) -> npt.NDArray[Any]:
        """All that was found, one item a frame."""

    def displacement(self, frame: int) -> FloatArray:
        """(2, h, w) displacement (y, x) at every pixel of a frame, px."""


@dataclass(frozen=True, eq=False)
class LineEstimate:
    """A displacement for every scan line.

    Attributes
    ----------
    paths : tuple of LinePath
    line_errors : (n, lines, 2) float64, optional
        Predicted standard errors (y, x), px.
    """

    paths: tuple[LinePath, ...]
    line_errors: FloatArray | None = None

    @property
    def values(self) -> npt.NDArray[Any]:
        """(n, lines, 2) offsets."""
        return np.stack([path.offsets for path in self.paths])

    def displacement(self, frame: int) -> FloatArray:
        """(2, h, w) displacement (y, x) at every pixel of a frame, px."""
        path = self.paths[frame]
        along = np.arange(path.length) - (path.length - 1) / 2
        pairs = path.offsets[:, np.newaxis] + along[:, np.newaxis] * path.slopes[:, np.newaxis]
        field = path.image_order(pairs).transpose(2, 0, 1)
        return field if path.axis == 0 else field.transpose(0, 2, 1)


@dataclass(frozen=True, eq=False)
class DenseEstimate:
    """A displacement (n, 2, h, w) for every pixel."""

    values: npt.NDArray[Any]
    line_errors: FloatArray | None = None

    def displacement(self, frame: int) -> FloatArray:
        """(2, h, w) displacement (y, x) at every pixel of a frame, px."""
        return np.asarray(self.values[frame], dtype=np.float64)


@dataclass(frozen=True)
class Contestant:
    """A method.

    Attributes
    ----------
    name : str
        Name in tables.
    module : str
        What must be importable.
    estimate : callable
        From a series to an estimate.
    rival : bool
        Of another package.
    """

    name: str
    module: str
    estimate: Callable[[Series], Estimate]
    rival: bool = False

    def run(self, stack: npt.NDArray[Any], shifts: FloatArray) -> npt.NDArray[Any]:
        """What it finds in a stack (n, h, w) that starts at shifts (n, 2)."""
        return self.estimate(Series(stack, shifts)).values


@dataclass(frozen=True, eq=False)
class _FramesOnDisk:
    """A memory map read frame by frame: pages that are mapped would count as memory."""

    stack: np.memmap[Any, Any]
    lazy: bool = True

    def __len__(self) -> int:
        return len(self.stack)

    def frame(self, index: int) -> npt.NDArray[Any]:
        size = self.stack[0].size
        start = self.stack.offset + index * size * self.stack.dtype.itemsize
        pixels = np.fromfile(str(self.stack.filename), self.stack.dtype, size, offset=start)
        return pixels.reshape(self.stack.shape[1:])


def _smartalign(series: Series, **options: Any) -> LineEstimate:
    stack = series.stack
    result = align_frames_nonrigid(
        _FramesOnDisk(stack) if isinstance(stack, np.memmap) else Frames(stack),
        [Translation(shift) for shift in series.shifts],
        NonrigidParameters(**options),
        excluded=np.zeros(len(stack), dtype=bool),
        scan=series.scan,
    )
    paths = tuple(map(partial(_path, series), result.transforms, range(len(stack))))
    return LineEstimate(paths, result.line_errors)


def _path(series: Series, transform: Any, frame: int) -> LinePath:
    axis = 0 if series.scan is None else series.scan.slow_axis(frame)
    return lines_of(transform, series.stack.shape[1:], axis)


def _rigid(series: Series) -> LineEstimate:
    shifts = map(Translation, series.shifts)
    return LineEstimate(tuple(map(partial(_path, series), shifts, range(len(series.stack)))))


def _dense(method: flow.Flow) -> Callable[[Series], DenseEstimate]:
    def estimate(series: Series) -> DenseEstimate:
        return DenseEstimate(flow.register(series.stack, series.shifts, method))

    return estimate


CONTESTANTS = (
    Contestant(OWN, "hyperspy_smartalign.nonrigid", _smartalign),
    Contestant(
        f"{OWN}, solver='gradient'",
        "hyperspy_smartalign.nonrigid",
        partial(_smartalign, solver="gradient"),
    ),
    Contestant(RIGID, "hyperspy_smartalign.nonrigid", _rigid),
    Contestant("scikit-image TV-L1", "skimage.registration", _dense(flow.tv_l1), rival=True),
    Contestant("scikit-image ILK", "skimage.registration", _dense(flow.ilk), rival=True),
    Contestant("SimpleITK demons", "SimpleITK", _dense(flow.demons), rival=True),
)


def runner(name: str) -> Callable[[npt.NDArray[Any], FloatArray], npt.NDArray[Any]]:
    """The function of a contestant by its name; our own for lazy input is a name too.

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    runs = {contestant.name: contestant.run for contestant in CONTESTANTS}
    return {**runs, LAZY: runs[OWN]}[name]
