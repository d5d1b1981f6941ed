"""What the parameters of the verb say to the correlation."""

from __future__ import annotations

import numpy as np

from hyperspy_smartalign.parameters import RigidParameters

from .spectra import FourierOptions

__all__ = ["fourier_options", "largest_shift"]


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
