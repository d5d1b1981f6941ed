"""Series with a known answer for the tests of the rigid registration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from hyperspy_smartalign.data import SimulatedStack, simulate_stack
from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.rigid import RigidResult, align_frames
from hyperspy_smartalign.rigid.spectra import FourierOptions, Spectra, series_spectra


class ArraySource:
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
def source() -> type[ArraySource]:
    return ArraySource


@pytest.fixture(scope="session")
def align() -> Callable[..., RigidResult]:
    """``align(stack, num_workers=, region=, progress=, **parameters)``."""

    def run(
        stack: npt.NDArray[Any],
        *,
        region: tuple[int, int, int, int] | None = None,
        num_workers: int | None = None,
        progress: Callable[[str, int, int], None] | None = None,
        lazy: bool = False,
        **parameters: Any,
    ) -> RigidResult:
        return align_frames(
            ArraySource(stack, lazy=lazy),
            RigidParameters(**parameters),
            region=region,
            num_workers=num_workers,
            progress=progress,
        )

    return run


@pytest.fixture(scope="session")
def errors() -> Callable[..., npt.NDArray[np.float64]]:
    """Error of each frame's shift, (n, 2) px; what is common to all frames is free."""

    def compare(
        found: npt.NDArray[np.float64], true: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        difference = found - true
        return difference - np.median(difference, axis=0)

    return compare


@pytest.fixture(scope="session")
def spectra_of() -> Callable[..., Spectra]:
    """``spectra_of(stack, **options)``, for the steps that come before shifts."""

    def transform(stack: npt.NDArray[Any], **options: Any) -> Spectra:
        frames = np.asarray(stack, np.float32)
        return series_spectra(
            lambda index: frames[index], len(frames), frames.shape[1:], FourierOptions(**options)
        )

    return transform


@pytest.fixture(scope="session")
def crystal_series() -> SimulatedStack:
    """10 frames of 112 x 96 pixels, 20 counts, drifting 5 and 9 px: an easy series.

    The standard error of a shift is 0.025 px at the Cramer-Rao bound.
    """
    simulated = simulate_stack(shape=(112, 96), frames=10, dose=20, seed=0)
    simulated.stack.setflags(write=False)
    return simulated


@pytest.fixture(scope="session")
def particle_series() -> SimulatedStack:
    """12 frames of 96 x 112 pixels of a nanoparticle, 20 counts: features no vector repeats."""
    simulated = simulate_stack(
        shape=(96, 112), frames=12, crystal="nanoparticle", dose=20, seed=1, drift=(0.8, -0.6)
    )
    simulated.stack.setflags(write=False)
    return simulated
