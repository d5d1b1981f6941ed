"""What stands where nothing was seen, so that a Fourier filter does not ring there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.compiled import compiled

__all__ = ["fill_periodic"]

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@compiled
def _neighbours(seen: BoolArray, before: npt.NDArray[np.int64]) -> bool:
    """For every place of a line that closes on itself, the last one seen at or before it.

    Counted without closing, so that it may be negative; False if nothing was seen.
    """
    n = seen.size
    last = -1
    for i in range(n - 1, -1, -1):
        if seen[i]:
            last = i - n
            break
    if last == -1 and not seen[n - 1]:
        return False
    for i in range(n):
        if seen[i]:
            last = i
        before[i] = last
    return True


@compiled
def fill_periodic(image: FloatArray, seen: BoolArray) -> None:
    """Fill what was not seen, in place, continuous on a window that closes on itself.

    Straight lines bridge the gaps of every row, and then rows that saw nothing.

    Parameters
    ----------
    image : (h, w) float32
        Left as it is if nothing was seen at all.
    seen : (h, w) bool
    """
    h, w = image.shape
    known = np.zeros(h, np.bool_)
    before = np.empty(max(h, w), np.int64)
    for y in range(h):
        row, mask = image[y], seen[y]
        known[y] = _neighbours(mask, before)
        if not known[y]:
            continue
        after = w
        for back in range(w):
            x = w - 1 - back
            if mask[x]:
                after = x
                continue
            if x == w - 1:
                # The first place seen in the next round.
                after = w
                while not mask[after - w]:
                    after += 1
            start, end = row[before[x] % w], row[after % w]
            row[x] = start + (end - start) * (x - before[x]) / (after - before[x])
    if not _neighbours(known, before):
        return
    for y in range(h):
        if known[y]:
            continue
        after = y + 1
        while not known[after % h]:
            after += 1
        first, last = image[before[y] % h], image[after % h]
        share = np.float32((y - before[y]) / (after - before[y]))
        row = image[y]
        for x in range(w):
            row[x] = first[x] + (last[x] - first[x]) * share
