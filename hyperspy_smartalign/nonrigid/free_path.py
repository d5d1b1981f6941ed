"""Displacement of a frame pixel by pixel, from the nodes of a control grid.

As in `lines`, the estimate lives on the frame: what lies at pixel q of the frame is displaced by
e(q) and belongs at p = q - e(q) of the common frame. Transforms live on the common frame:
d(p) = e(q), the inverse of the frame's displacement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.transforms import Field, Transform, Translation

__all__ = ["FreePath", "grid_shape"]

DoubleArray = npt.NDArray[np.float64]

#: Steepest change of the displacement of a transform, px per px: at 1 neighbouring pixels would
#: change places, and no inverse exists.
STEEPEST = 0.9
#: Nodes by which a field goes on beyond the frame before it is inverted: what a spline does at
#: their far end is not seen in the frame.
BEYOND = 3
#: Passes that find the point of the common frame that a frame pixel shows.
INVERSIONS = 12


def grid_shape(shape: tuple[int, int], spacing: float) -> tuple[int, int]:
    """Number of nodes (rows, columns) that span a frame, first and last pixel included."""
    rows, columns = (int(np.ceil((size - 1) / spacing - 1e-9)) + 1 for size in shape)
    return max(rows, 2), max(columns, 2)


@dataclass(frozen=True)
class FreePath:
    """Displacement of every pixel of one frame.

    Between the nodes the displacement is the cubic spline through their values, that of
    `transforms.Field`.

    Attributes
    ----------
    values : (2, rows, columns) float64
        Displacement (y, x) of the content at the nodes, px.
    spacing : float
        Distance between nodes, px.
    shape : (h, w)
        Of the frame. The grid is centred on it and reaches over its edges by less than a node.
    """

    values: DoubleArray
    spacing: float
    shape: tuple[int, int]

    @property
    def grid(self) -> tuple[int, int]:
        """Number of nodes (rows, columns)."""
        return self.values.shape[1], self.values.shape[2]

    @property
    def origin(self) -> tuple[float, float]:
        """Position (y, x) of the first node in the frame, px; 0 or just outside."""
        (rows, columns), (height, width) = self.grid, self.shape
        return (
            0.5 * (height - 1 - (rows - 1) * self.spacing),
            0.5 * (width - 1 - (columns - 1) * self.spacing),
        )

    @property
    def nodes(self) -> DoubleArray:
        """Coordinates (2, rows, columns) of the nodes in the frame, px."""
        return np.asarray(self._field(self.values).nodes)

    @property
    def mean(self) -> DoubleArray:
        """Mean displacement (y, x), px."""
        return np.asarray(self.values.mean(axis=(1, 2)))

    @property
    def deviation(self) -> DoubleArray:
        """Displacement of the nodes from the mean, px."""
        return self.values - self.mean[:, None, None]

    @property
    def reach(self) -> float:
        """Largest displacement of a node from the mean, px."""
        return float(np.abs(self.deviation).max(initial=0.0))

    @property
    def steepness(self) -> float:
        """Largest change of the displacement from one node to the next, px per px."""
        down, across = np.diff(self.values, axis=1), np.diff(self.values, axis=2)
        steepest = max(np.abs(down).max(initial=0.0), np.abs(across).max(initial=0.0))
        return float(steepest / self.spacing)

    def displacement(self) -> DoubleArray:
        """Displacement e (2, h, w) at every pixel of the frame, px."""
        if self.reach == 0:
            return np.broadcast_to(self.values[:, :1, :1], (2, *self.shape)).copy()
        return np.asarray(self._field(self.values).displacement(self.shape))

    def transform(self) -> Transform:
        """The transform that undoes the displacement.

        A `Translation` where the displacement is the same everywhere, or else a `Field` on a grid
        of the same spacing. It is exact (1e-9 px) at its nodes; between them the cubic spline
        through an inverse is not the inverse of a cubic spline, which costs
        about ``spacing**4 / 300`` times the fourth derivative of the displacement. For 1 px rms of
        40 px correlation length that is 2e-4 px rms and 0.0025 px at worst on nodes 8 px apart,
        0.0013 and 0.008 px on nodes 16 px apart. A field that folds, so that no inverse exists, is
        flattened until it does not.
        """
        mean = self.mean
        if self.reach == 0:
            return Translation(mean)
        deviation = self.deviation * min(1.0, STEEPEST / max(self.steepness, 1e-30))
        for _ in range(8):
            try:
                # The mean is added after: a grid that follows it would grow by its length.
                return self._beyond(-deviation).inverse().moved(mean).plus(mean)
            except ValueError:
                deviation = 0.7 * deviation
        return Translation(mean)

    def moved_by(self, change: npt.ArrayLike) -> FreePath:
        """The path with a change (2, rows, columns) or (2, 1, 1) of its values, px."""
        return replace(self, values=self.values + np.asarray(change, np.float64))

    @classmethod
    def of(cls, transform: Transform, shape: tuple[int, int], spacing: float) -> FreePath:
        """Displacement of a frame whose transform is known.

        Parameters
        ----------
        transform : Transform
            From the common frame to the frame.
        shape : (h, w)
            Of the frame.
        spacing : float
            Distance between nodes, px.

        Returns
        -------
        FreePath
            Exact for a `Translation` and an `Affine`, and at the nodes for any other. What a
            `ScanLine` or a denser `Field` does between the nodes is lost.
        """
        empty = cls(np.zeros((2, *grid_shape(shape, spacing))), float(spacing), shape)
        if isinstance(transform, Translation):
            return empty.moved_by(np.asarray(transform.shift, np.float64)[:, None, None])
        nodes = empty.nodes
        displacement = np.zeros_like(nodes)
        for _ in range(INVERSIONS):
            displacement = transform.at(nodes - displacement)
        return replace(empty, values=displacement)

    def _beyond(self, values: DoubleArray) -> Field:
        """The same field continued smoothly, so that its inverse has no kink at the border."""
        more = BEYOND + int(np.ceil(self.reach / self.spacing))
        sides = [min(more, size - 1) for size in values.shape[1:]]
        pad = (0, 0), (sides[0], sides[0]), (sides[1], sides[1])
        origin = np.array(self.origin) - self.spacing * np.array(sides)
        continued = np.pad(values, pad, mode="reflect", reflect_type="odd")
        return Field(continued, origin=origin, spacing=np.full(2, self.spacing))

    def _field(self, values: DoubleArray) -> Field:
        return Field(values, origin=np.array(self.origin), spacing=np.full(2, self.spacing))
