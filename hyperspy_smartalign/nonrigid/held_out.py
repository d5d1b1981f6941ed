"""Whether a distortion is real: fitted on one half of every line, tried on the other half.

The halves are interleaved blocks of pixels. They share the displacement of their line but not their
noise, so that noise which a fit followed does not come back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .process import LineProcess
from .smoother import smooth_lines

__all__ = ["line_gain"]

DoubleArray = npt.NDArray[np.float64]
Quadratic = tuple[DoubleArray, DoubleArray]

#: Standard deviation of a drift or slope that is as good as none, px.
NONE = 1e-6


def _fitted(data: Quadratic, process: LineProcess | None, rms: DoubleArray) -> DoubleArray:
    """Parameters of the lines; only a shift of the frame where there is no process."""
    if process is None:
        return smooth_lines(
            *data, LineProcess.none(), np.zeros(2), drift_error=NONE, slope_error=NONE
        ).values
    return smooth_lines(*data, process, rms).values


def _score(data: Quadratic, values: DoubleArray) -> float:
    """Log-likelihood of displacements, relative to none."""
    information, vector = data
    quadratic = np.einsum("ki,kij,kj->", values, information, values)
    return float((vector * values).sum() - 0.5 * quadratic)


def line_gain(
    halves: tuple[Quadratic, Quadratic],
    process: LineProcess,
    rms: DoubleArray,
    *,
    against_drift: bool,
) -> float:
    """Rise of the log-likelihood of held-out pixels by the displacements of the lines.

    Parameters
    ----------
    halves : two of ((lines, m, m) array, (lines, m) array)
        A and b of each half of the lines, about no displacement.
    process, rms
        Prior of the lines; no process fits drift, and slopes where m = 4.
    against_drift : bool
        Compare with lines that only drift; otherwise with a frame that only shifts.

    Returns
    -------
    float
        Below 0: the displacements make pixels that were not fitted worse.
    """
    simple = LineProcess.none() if against_drift else None
    gain = 0.0
    for fitted, tried in (halves, halves[::-1]):
        gain += _score(tried, _fitted(fitted, process, rms))
        gain -= _score(tried, _fitted(fitted, simple, np.zeros(2)))
    return gain
