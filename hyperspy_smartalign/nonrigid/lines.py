"""Displacement of a frame line by line, as the scan made it.

The estimate lives on the frame: line k, as it was scanned, is displaced by e(k). Transforms live on
the common frame. The two are inverse to each other: what lies at pixel q of the frame belongs at
p = q - e(q), so that d(p) = e(q).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.transforms import Affine, ScanLine, Transform, Translation

__all__ = ["LinePath", "lines_of"]

DoubleArray = npt.NDArray[np.float64]

#: Lines closer than this in the common frame are taken apart, px: an inverse needs their order.
CLOSEST = 0.05
#: Lines off a straight drift by less than this are taken as straight, px.
STRAIGHT = 1e-9
#: Passes that find the point of the common frame that a frame pixel shows.
INVERSIONS = 12


@dataclass(frozen=True)
class LinePath:
    """Displacement of every scan line of one frame.

    Attributes
    ----------
    offsets : (lines, 2) float64
        Displacement (slow, fast) of the content at the middle of each line, px.
    slopes : (lines, 2) float64
        Its change from one pixel of the line to the next, px per px.
    length : int
        Pixels a line.
    axis : {0, 1}
        Array axis of the slow scan.
    """

    offsets: DoubleArray
    slopes: DoubleArray
    length: int
    axis: int

    @property
    def lines(self) -> int:
        """Number of scan lines."""
        return len(self.offsets)

    @cached_property
    def mean(self) -> DoubleArray:
        """Mean displacement (slow, fast), px."""
        return np.asarray(self.offsets.mean(0))

    @property
    def reach(self) -> float:
        """Largest displacement of a pixel from the mean, px."""
        along = np.abs(self.slopes).max(initial=0.0) * self.length / 2
        return float(np.abs(self.offsets - self.mean).max(initial=0.0) + along)

    def place(self) -> DoubleArray:
        """Position of each line from -1 (first) to 1 (last)."""
        return np.linspace(-1.0, 1.0, self.lines)

    def image_order(self, pairs: DoubleArray) -> DoubleArray:
        """Pairs (slow, fast) as (y, x), and the other way round."""
        return pairs if self.axis == 0 else pairs[..., ::-1]

    def transform(self) -> Transform:
        """The transform that undoes the displacement."""
        if np.ptp(self.offsets, axis=0).max() == 0 and not self.slopes.any():
            return Translation(self.image_order(self.offsets[0]))
        affine = self._affine()
        if affine is not None:
            return affine
        offsets = _in_order(self.offsets, self.slopes)
        forward = ScanLine(
            -self.image_order(offsets),
            rotation=-self.image_order(self.slopes),
            axis=self.axis,
            line_centre=(self.length - 1) / 2,
        )
        return forward.inverse()

    def _affine(self) -> Affine | None:
        """The transform where lines drift evenly and alike; None elsewhere."""
        if self.lines > 2:
            first, second, third = self.offsets[:3]
            if np.abs(first - 2 * second + third).max() > 4 * STRAIGHT:
                return None
        place = np.arange(self.lines) - (self.lines - 1) / 2
        drift = place @ (self.offsets - self.mean) / max(float(place @ place), 1.0)
        bent = np.abs(self.offsets - self.mean - place[:, None] * drift).max()
        if max(bent, np.ptp(self.slopes, axis=0).max()) > STRAIGHT:
            return None
        change = np.stack([drift, self.slopes.mean(0)], axis=1)
        if self.axis == 1:
            change = change[::-1, ::-1]
        middle = self.image_order(np.array([(self.lines - 1) / 2, (self.length - 1) / 2]))
        return Affine(np.eye(2) - change, -self.image_order(self.mean), middle).inverse()


def _in_order(offsets: DoubleArray, slopes: DoubleArray) -> DoubleArray:
    """Offsets whose lines arrive in the order in which they were scanned.

    Lines that jitter past each other share the place between them.
    """
    lines = np.arange(len(offsets))
    # Where each line crosses the middle of the common frame.
    crossing = slopes[:, 0] / np.maximum(1.0 - slopes[:, 1], 0.1) * offsets[:, 1]
    arrive = lines - offsets[:, 0] - crossing
    if len(arrive) < 2 or np.diff(arrive).min() >= CLOSEST:
        return offsets
    ordered = np.maximum.accumulate(np.sort(arrive) - CLOSEST * lines) + CLOSEST * lines
    mended = offsets.copy()
    mended[:, 0] = lines - ordered - crossing
    return mended


def lines_of(transform: Transform, shape: tuple[int, int], axis: int) -> LinePath:
    """Line by line displacement of a frame whose transform is known.

    Parameters
    ----------
    transform : Transform
        From the common frame to the frame.
    shape : (h, w)
        Of the frame.
    axis : {0, 1}
        Array axis of the slow scan.

    Returns
    -------
    LinePath
        Exact for a `Translation`, an `Affine` and a `ScanLine` of that axis without rotation.
        What a transform does across a line other than linearly is lost.
    """
    lines, length = shape[axis], shape[1 - axis]
    if isinstance(transform, Translation):
        shift = np.asarray(transform.shift, np.float64)[[axis, 1 - axis]]
        return LinePath(np.tile(shift, (lines, 1)), np.zeros((lines, 2)), length, axis)
    middle = (length - 1) / 2
    fast = np.array([-0.5, 0.5]) * middle + middle
    frame = np.empty((2, lines, 2))
    frame[axis] = np.arange(lines)[:, None]
    frame[1 - axis] = fast
    displacement = np.zeros_like(frame)
    for _ in range(INVERSIONS):
        displacement = transform.at(frame - displacement)
    pairs = displacement[[axis, 1 - axis]]
    slopes = (pairs[:, :, 1] - pairs[:, :, 0]).T / max(middle, 1.0)
    slopes[np.abs(slopes) < 1e-9] = 0.0
    return LinePath(pairs.mean(2).T.copy(), slopes, length, axis)
