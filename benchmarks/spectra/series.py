"""The series that are measured on."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.settings import Shape
from benchmarks.spectra.settings import SeriesSize
from hyperspy_smartalign.transforms import Field, ScanLine, Transform, Translation

# Px, rms: displacements of frames, and of lines and pixels in a frame.
DRIFT = 1.0
JITTER = 0.5
# Px over which the displacements in a frame are alike, and between the nodes of a field.
CORRELATION = 6.0
SPACING = 8
# Counts a pixel and frame of the continuum, where the specimen is 1.
DOSE = 50.0

FloatArray = npt.NDArray[np.float64]


def counts(size: SeriesSize, dtype: str) -> npt.NDArray[Any]:
    """Small whole numbers (n, h, w, e); the work does not depend on them."""
    return np.random.default_rng(0).integers(0, 4, size.sizes, dtype=np.uint16).astype(dtype)


def motions(frames: int, shape: Shape) -> dict[str, list[Transform]]:
    """Displacements of each frame, of each of its lines, and of each of its pixels."""
    rng = np.random.default_rng(1)
    shifts = rng.normal(scale=DRIFT, size=(frames, 2))
    lines = [_smooth(rng, (2, shape[0])).T + shift for shift in shifts]
    nodes = tuple(math.ceil((size - 1) / SPACING) + 1 for size in shape)
    fields = [_smooth(rng, (2, *nodes), CORRELATION / SPACING) for _ in shifts]
    return {
        "shifts": [Translation(shift) for shift in shifts],
        "scan lines": [ScanLine(offsets) for offsets in lines],
        "fields": [
            Field(field + shift[:, np.newaxis, np.newaxis], spacing=SPACING)
            for field, shift in zip(fields, shifts, strict=True)
        ],
    }


def _smooth(
    rng: np.random.Generator, shape: tuple[int, ...], width: float = CORRELATION
) -> FloatArray:
    """Random numbers (2, ...) that are alike over `width` steps."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), (0, *[width] * (len(shape) - 1)))
    return np.asarray(JITTER * noise / noise.std())


@dataclass(frozen=True, eq=False)
class FileSeries:
    """A series of spectrum images in a file.

    Attributes
    ----------
    path : Path
        The file (.zspy), one chunk a frame, float32.
    shifts : (n, 2) float64
        True mean shift (y, x) of each frame, px.
    """

    path: Path
    shifts: FloatArray

    @property
    def gigabytes_on_disk(self) -> float:
        """Size as it is compressed, GB."""
        files = [self.path, *self.path.rglob("*")]
        return sum(file.stat().st_size for file in files if file.is_file()) / 1e9


def write_series(folder: Path, size: SeriesSize) -> FileSeries:
    """Simulate a drifting EDS series frame by frame, and write it as HyperSpy does."""
    from hyperspy_smartalign.data import simulate_series

    path = folder / "series.zspy"
    with warnings.catch_warnings():
        # Of exspy and zarr, about what will be removed from HyperSpy and from them.
        warnings.filterwarnings("ignore", message=".*(deprecated|removed)")
        simulated = simulate_series(
            shape=size.shape,
            frames=size.frames,
            channels=size.channels,
            crystal="interface",
            spectrum_image="EDS",
            spectrum_dose=DOSE,
            drift=(0.0, 0.0),
            lazy=True,
        )
        signal = simulated.spectrum_image
        signal.change_dtype("float32")
        signal.save(path, show_progressbar=False)
    return FileSeries(path, np.asarray(simulated.truth.shifts, dtype=np.float64))
