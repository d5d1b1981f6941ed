"""What the scan times tell of the drift within a frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.series.geometry import ScanGeometry

__all__ = ["drift_rates"]

DoubleArray = npt.NDArray[np.float64]


def drift_rates(
    scan: ScanGeometry | None, shifts: DoubleArray, shape: tuple[int, int]
) -> DoubleArray | None:
    """Drift of each frame, from the shifts of its neighbours and the times of the scan lines.

    Parameters
    ----------
    scan : ScanGeometry or None
    shifts : (n, 2) array
        Mean displacement (y, x) of each frame, px.
    shape : (h, w)
        Of a frame.

    Returns
    -------
    (n, 2) array or None
        px (y, x) from one line to the next in the order of the array; None where the times are
        not known or there is one frame.
    """
    n = len(shifts)
    if scan is None or scan.line_time is None or n < 2:
        return None
    times = [scan.row_times(i, shape[scan.slow_axis(i)]) for i in range(n)]
    middle = np.array([each.mean() for each in times])
    order = np.argsort(middle, kind="stable")
    if not (np.diff(middle[order]) > 0).all():
        return None
    velocity = np.empty((n, 2))
    velocity[order] = np.gradient(shifts[order], middle[order], axis=0)
    steps = np.array([(each[-1] - each[0]) / max(len(each) - 1, 1) for each in times])
    return np.asarray(velocity * steps[:, None])
