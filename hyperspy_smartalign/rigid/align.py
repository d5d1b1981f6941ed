"""The whole rigid registration: from frames to shifts with error bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.quality.noise import NoiseModel

from .consensus import find_consensus
from .pairs import choose_pairs, measure_pairs
from .result import PairTable, RigidResult
from .spectra import FourierOptions, series_spectra

__all__ = ["FrameSource", "align_frames"]


class FrameSource(Protocol):
    """Frames that are read one at a time."""

    def __len__(self) -> int: ...

    def frame(self, index: int) -> npt.NDArray[np.generic]:
        """The i-th frame, (h, w)."""


def align_frames(
    frames: FrameSource,
    parameters: RigidParameters,
    *,
    region: tuple[int, int, int, int] | None = None,
    num_workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> RigidResult:
    """PRELIMINARY."""
    n = len(frames)
    left, right, top, bottom = region or (0, frames.frame(0).shape[1], 0, frames.frame(0).shape[0])

    def pixels(i: int) -> npt.NDArray[np.float32]:
        return np.asarray(frames.frame(i)[top:bottom, left:right], np.float32)

    spectra = series_spectra(
        pixels, n, (bottom - top, right - left), FourierOptions(), num_workers=num_workers
    )
    pairs = choose_pairs(n, parameters.neighbours)
    measured = measure_pairs(spectra, pairs, num_workers=num_workers)
    found = find_consensus(spectra, pairs, num_workers=num_workers)
    table = PairTable(
        pairs, measured.shifts[:, 0], measured.scores[:, 0], np.ones(len(pairs), bool)
    )
    return RigidResult(
        shifts=found.shifts,
        precision=np.full((n, 2), 0.1),
        hop_margin=np.full(n, 8.0),
        excluded=np.zeros(n, bool),
        reasons=("",) * n,
        pairs=table,
        noise=NoiseModel(0.0, 1.0, 0.1),
    )
