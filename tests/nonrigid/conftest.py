"""Series with a known answer for the tests of the non-rigid registration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from hyperspy_smartalign.data import SimulatedStack
from hyperspy_smartalign.nonrigid import NonrigidResult, align_frames_nonrigid
from hyperspy_smartalign.nonrigid.lines import lines_of
from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms import Transform, Translation

DoubleArray = npt.NDArray[np.float64]


class Frames:
    """A stack as a source of frames, which counts how often each is read."""

    def __init__(self, stack: npt.NDArray[Any], *, lazy: bool = False) -> None:
        self.stack = stack
        self.lazy = lazy
        self.reads = np.zeros(len(stack), int)

    def __len__(self) -> int:
        return len(self.stack)

    def frame(self, index: int) -> npt.NDArray[Any]:
        self.reads[index] += 1
        return self.stack[index]


@pytest.fixture(scope="session")
def frames_of() -> type[Frames]:
    return Frames


@pytest.fixture(scope="session")
def align() -> Callable[..., NonrigidResult]:
    """``align(stack, start, excluded=, scan=, region=, num_workers=, progress=, **parameters)``.

    `start` is a shift (y, x) a frame, or a transform a frame; none by default.
    """

    def run(
        stack: npt.NDArray[Any],
        start: Sequence[Any] | npt.NDArray[Any] | None = None,
        *,
        excluded: Sequence[int] = (),
        scan: ScanGeometry | None = None,
        region: tuple[int, int, int, int] | None = None,
        num_workers: int | None = None,
        progress: Callable[[str, int, int], None] | None = None,
        lazy: bool = False,
        **parameters: Any,
    ) -> NonrigidResult:
        n = len(stack)
        given = np.zeros((n, 2)) if start is None else start
        left_out = np.zeros(n, bool)
        left_out[list(excluded)] = True
        return align_frames_nonrigid(
            Frames(stack, lazy=lazy),
            [each if isinstance(each, Transform) else Translation(each) for each in given],
            NonrigidParameters(**parameters),
            excluded=left_out,
            scan=scan,
            region=region,
            num_workers=num_workers,
            progress=progress,
        )

    return run


@pytest.fixture(scope="session")
def line_errors() -> Callable[..., tuple[DoubleArray, DoubleArray]]:
    """``line_errors(transforms, simulated, margin=12)``: rms errors (y, x) of the lines, px.

    The first is of what differs between the frames of a direction, scaled for the freedom that
    their mean takes; the second of what is common to them. A shift of all frames is free.
    """

    def compare(
        transforms: Sequence[Transform], simulated: SimulatedStack, margin: int = 12
    ) -> tuple[DoubleArray, DoubleArray]:
        truth = simulated.truth
        axes = [angle % 180 // 90 for angle in truth.path.rotation]
        errors, places = [], []
        for index, (transform, axis) in enumerate(zip(transforms, axes, strict=True)):
            path = lines_of(transform, truth.path.shape, axis)
            true = truth.shifts[index] + truth.row_offsets[index, : path.lines]
            errors.append(path.image_order(path.offsets) - true)
            places.append(np.sort(np.arange(path.lines) - true[:, axis]))
        free = np.mean([error.mean(0) for error in errors], axis=0)
        relative, common = [], []
        for axis in sorted(set(axes)):
            group = [i for i, each in enumerate(axes) if each == axis]
            grid = np.arange(margin, len(errors[group[0]]) - margin)
            at_grid = (
                np.array(
                    [
                        [np.interp(grid, places[i], errors[i][:, column]) for column in (0, 1)]
                        for i in group
                    ]
                )
                - free[None, :, None]
            )
            shared = at_grid.mean(0)
            common.append(np.mean(shared**2, axis=1))
            freedom = len(group) / max(len(group) - 1, 1)
            relative.append(np.mean((at_grid - shared) ** 2, axis=(0, 2)) * freedom)
        return np.sqrt(np.mean(relative, axis=0)), np.sqrt(np.mean(common, axis=0))

    return compare
