"""Standard errors of what is computed from uncertain numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def propagate(
    function: Callable[[FloatArray], npt.ArrayLike], values: FloatArray, covariance: FloatArray
) -> FloatArray:
    """Covariance of a function of uncertain values, to first order.

    Parameters
    ----------
    function : callable
        From (n,) values to m numbers.
    values : (n,) float64
        Where its slopes are taken, by central differences of a tenth of a standard error.
    covariance : (n, n) float64
        Of the values.

    Returns
    -------
    (m, m) float64
    """
    steps = 0.1 * np.sqrt(np.maximum(np.diag(covariance), 0))
    # Errors of nothing, or nearly, still need a step that rounding does not drown.
    steps = np.maximum(steps, 1e-6 * max(float(np.abs(values).max()), 1e-30))
    columns = []
    for i, step in enumerate(steps):
        ahead, behind = values.copy(), values.copy()
        ahead[i] += step
        behind[i] -= step
        difference = np.subtract(function(ahead), function(behind))
        columns.append(np.atleast_1d(difference) / (2 * step))
    slopes = np.stack(columns, axis=1)
    return np.asarray(slopes @ covariance @ slopes.T, np.float64)
