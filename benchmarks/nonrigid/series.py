"""The simulated series that contestants are tried on, and where they start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.contestants import Frames
from hyperspy_smartalign.data import SimulatedStack, scan_recipe, simulate_stack
from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.rigid import align_frames
from hyperspy_smartalign.series.geometry import ScanGeometry

FloatArray = npt.NDArray[np.float64]

# Of `scan_recipe`: spacing of the lattice, px; jitter of the rows, px; rows it is correlated over.
SPACING = 16.3
ROW_JITTER = 0.5
ROW_CORRELATION = 6.0
# Counts a pixel of the series in which there is nothing to find.
STILL_DOSE = 20.0


@dataclass(frozen=True, eq=False)
class Series:
    """Frames (n, h, w), the shifts (n, 2) that all methods start from, px, and the scan."""

    stack: npt.NDArray[Any]
    shifts: FloatArray
    scan: ScanGeometry | None = None

    @classmethod
    def rigid_start(cls, simulated: SimulatedStack) -> Series:
        """Start from the shifts of this package's rigid registration."""
        found = align_frames(Frames(simulated.stack), RigidParameters())
        return cls(simulated.stack, found.shifts, simulated.truth.path.geometry)


def scan_series(
    dose: float, *, frames: int, shape: tuple[int, int], seed: int, pairs: bool = False
) -> SimulatedStack:
    """Rows off by 0.5 px rms, drift of 1 px a frame; `pairs` are scanned at 0 and 90 degrees."""
    rotation: Any = "pairs" if pairs else 0
    return scan_recipe(dose, frames=frames, shape=shape, scan_rotation=rotation, seed=seed)


def still_series(frames: int, shape: tuple[int, int]) -> dict[str, Series]:
    """Series in which there is no distortion to find, by what they show."""
    start = np.zeros((frames, 2))
    counts = np.random.default_rng(0).poisson(STILL_DOSE, (frames, *shape))
    crystal = simulate_stack(
        shape=shape, frames=frames, dose=STILL_DOSE, drift=(0.0, 0.0), drift_walk=0.0
    )
    return {
        "noise alone": Series(counts.astype(np.float32), start),
        "one frame repeated": Series(np.repeat(crystal.stack[:1], frames, axis=0), start),
        "lattice without distortion": Series(crystal.stack, start),
    }
