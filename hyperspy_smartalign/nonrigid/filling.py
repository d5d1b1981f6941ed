"""What stands where nothing was seen, so that a Fourier filter does not ring there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.compiled import compiled

__all__ = ["fill_periodic"]

FloatArray = npt.NDArray[np.float32]


@compiled
def _bridge(line: FloatArray, seen: npt.NDArray[np.bool_]) -> bool:
    """Straight lines over the gaps of a line that closes on itself; False if it is all gap."""
    n = line.size
    first = -1
    for i in range(n):
        if seen[i]:
            first = i
            break
    if first < 0:
        return False
    before = first
    for step in range(1, n + 1):
        i = (first + step) % n
        if not seen[i]:
            continue
        gap = first + step - before
        start = line[before % n]
        slope = (line[i] - start) / gap
        for k in range(1, gap):
            line[(before + k) % n] = start + slope * k
        before = first + step
    return True


@compiled
def fill_periodic(image: FloatArray, seen: npt.NDArray[np.bool_]) -> None:
    """Fill what was not seen, in place, continuous on a window that closes on itself.

    Parameters
    ----------
    image : (h, w) float32
        Zero is kept if nothing was seen at all.
    seen : (h, w) bool
    """
    h, w = image.shape
    rows = np.zeros(h, np.bool_)
    for y in range(h):
        rows[y] = _bridge(image[y], seen[y])
    column = np.empty(h, np.float32)
    if rows.all():
        return
    for x in range(w):
        for y in range(h):
            column[y] = image[y, x]
        if not _bridge(column, rows):
            return
        for y in range(h):
            image[y, x] = column[y]
