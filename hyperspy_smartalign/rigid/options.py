"""What the parameters of the verb say to the correlation."""

from __future__ import annotations

from typing import Any

import numpy as np

from hyperspy_smartalign.parameters import RigidParameters

from .spectra import FourierOptions, half_plane_of_mask
from .whitening import Whitening

__all__ = ["fourier_options", "largest_shift", "parameters_on_grid"]

#: Cut-offs beyond all frequencies of the grid, which reach 0.71 cycles per pixel.
_ALL, _NEARLY_ALL = 1.0, 0.99


def fourier_options(parameters: RigidParameters, model_error: float) -> FourierOptions:
    """How frames are windowed and their transforms weighted."""
    return FourierOptions(
        model_error=model_error,
        window=parameters.window,
        exponent=parameters.exponent,
        weighting=parameters.weighting,
        band=parameters.band,
        butterworth=parameters.butterworth,
        butterworth_order=parameters.butterworth_order,
    )


def largest_shift(parameters: RigidParameters) -> tuple[float, float] | None:
    """Largest shift (y, x) between two frames that is searched, px."""
    if parameters.max_shift is None:
        return None
    y, x = np.broadcast_to(np.asarray(parameters.max_shift, np.float64), (2,))
    return float(y), float(x)


def parameters_on_grid(parameters: RigidParameters, whitening: Whitening) -> RigidParameters:
    """The parameters with lengths and frequencies in pixels of a whitening's grid.

    Raises
    ------
    ValueError
        A mask given as weighting has not the shape of the frames.
    """
    step = whitening.step
    mean = float(np.sqrt(step[0] * step[1]))
    changed: dict[str, Any] = {}
    limit = largest_shift(parameters)
    if limit is not None:
        changed["max_shift"] = (limit[0] / step[0], limit[1] / step[1])
    if parameters.outlier_threshold is not None:
        changed["outlier_threshold"] = parameters.outlier_threshold / mean
    if parameters.butterworth is not None:
        changed["butterworth"] = min(parameters.butterworth * mean, _ALL)
    if isinstance(parameters.weighting, np.ndarray):
        half_plane_of_mask(parameters.weighting, whitening.shape)
        sizes = tuple(zip(whitening.shape, whitening.grid, strict=True))
        # Zero frequency stays in the middle.
        rows, columns = (
            slice(size // 2 - kept // 2, size // 2 - kept // 2 + kept) for size, kept in sizes
        )
        changed["weighting"] = parameters.weighting[rows, columns]
    elif isinstance(parameters.band, tuple):
        factors = (mean, mean) if parameters.weighting == "band_pass" else step
        low, high = (value * factor for value, factor in zip(parameters.band, factors, strict=True))
        changed["band"] = (min(low, _NEARLY_ALL), min(high, _ALL))
    elif parameters.band is not None:
        changed["band"] = min(parameters.band * mean, _ALL)
    return RigidParameters(**{**parameters.keywords(), **changed})
