"""What the passes need to know, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Choices that hold during a cycle.

    Attributes
    ----------
    used : (n,) bool
        Frames that take part.
    axes : (n,) int
        Array axis of the slow scan of each frame.
    weights : (n,) float64
        Weight of each frame in the reference.
    level : float
        Mean intensity of the frames.
    reach, fixed, smoothing
        See `Reference`.
    length : float or None
        Correlation length in lines (nodes' distance in px) that the user chose.
    robustness : float
    line_noise : bool
        Let every line have a brightness of its own.
    information : float
        Share of the information of a pixel that is its own: 1 for white noise.
    step : float
        Pixels of the frames as they were given that a pixel of what is compared stands for.
    saturation : float
        Pixels at this value or above are not compared.
    constrain_edges : bool
    rates : (n, 2) float64 or None
        Drift (y, x) of each frame in px a line, where the scan times tell it.
    num_workers : int or None
    """

    used: npt.NDArray[np.bool_]
    axes: npt.NDArray[np.intp]
    weights: npt.NDArray[np.float64]
    level: float
    reach: int | None = None
    fixed: int | None = None
    smoothing: float | None = None
    length: float | None = None
    robustness: float = 1.0
    line_noise: bool = True
    information: float = 1.0
    step: float = 1.0
    saturation: float = np.inf
    constrain_edges: bool = False
    rates: npt.NDArray[np.float64] | None = None
    num_workers: int | None = None
