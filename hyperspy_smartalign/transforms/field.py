"""A free displacement at every pixel, or at the nodes of a control grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ._base import Transform, as_columns, as_points, pixel_grid
from ._regrid import as_grid
from ._validation import FloatArray, as_floats, as_pair, as_shape, frozen

# The influence of a value beyond the edge falls by 0.27 a node: 1e-9 after 16.
_SPLINE_PADDING = 16
_INVERSE_ITERATIONS = 200
_INVERSE_TOLERANCE = 1e-9  # px, far below any error bar


@dataclass(frozen=True, eq=False)
class Field(Transform):
    """Displacement field, dense or on a control grid.

    Node (i, j) lies at ``origin + (i, j) * spacing`` of the common frame. Between nodes the
    displacement is a cubic spline through the values; beyond the grid the value at its edge
    goes on.

    Parameters
    ----------
    values : (2, rows, columns) array-like
        Displacement (y, x) of the content at the nodes, in pixels.
    origin : (y, x)
        Position of node (0, 0) in pixels of the common frame.
    spacing : float or (y, x)
        Distance between nodes in pixels. 1 is a dense field.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or the spacing is not positive.

    Notes
    -----
    The spline is continued beyond the edge by point reflection, so a linear field is reproduced
    everywhere inside the grid. In the outermost cell of the grid a curved field is missed by up
    to ``spacing**2 / 20`` times its second derivative, and by a quarter of that in each cell
    further in.

    Composition with a `Translation` is exact. Any other composition is sampled on a grid (that
    of the later stage where it has one, refined to one node a line along the slow scan of a
    `ScanLine`) and is exact at its nodes. Between nodes the error is that of cubic interpolation
    of the composed field, about ``spacing**4 / 300`` times its fourth derivative: 4e-4 px for a
    field of 1 px amplitude and 100 px period on nodes 8 px apart. Dense fields read at whole
    pixels are exact. Beyond the grid the edge value goes on, also where the stages would not.

    The inverse is found at the nodes to 1e-9 px; between them the same error applies.
    """

    kind: ClassVar[str] = "Field"

    values: FloatArray
    origin: FloatArray = (0.0, 0.0)  # type: ignore[assignment]
    spacing: FloatArray = (1.0, 1.0)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        spacing = self.spacing
        if np.ndim(spacing) == 0:
            spacing = np.full(2, spacing)
        object.__setattr__(self, "values", as_floats("values", self.values, (2, None, None)))
        object.__setattr__(self, "origin", as_pair("origin", self.origin))
        object.__setattr__(self, "spacing", as_pair("spacing", spacing))
        if self.spacing.min() <= 0:
            raise ValueError(f"spacing must be positive, not {tuple(self.spacing.tolist())}")

    @property
    def is_dense(self) -> bool:
        """Whether nodes are a pixel or less apart along an axis."""
        return bool(self.spacing.min() <= 1)

    @property
    def nodes(self) -> FloatArray:
        """Coordinates (2, rows, columns) of the nodes in pixels of the common frame."""
        indices = pixel_grid((self.values.shape[1], self.values.shape[2]))
        return as_columns(self.origin, 3) + indices * as_columns(self.spacing, 3)

    def at(self, points: npt.ArrayLike) -> FloatArray:
        return self._read(_spline_coefficients(self.values), as_points(points))

    def displacement(
        self, shape: tuple[int, int], *, origin: tuple[float, float] = (0, 0)
    ) -> FloatArray:
        height, width = as_shape("shape", shape, 2)
        top, left = as_pair("origin", origin)
        rows = self._indices(top + np.arange(height), 0)
        columns = self._indices(left + np.arange(width), 1)
        if _are_whole(rows) and _are_whole(columns):
            # Pixels are nodes: no spline needed, and the values come back bit for bit.
            return self.values[:, rows.astype(np.intp)[:, None], columns.astype(np.intp)]
        # On a regular grid the spline is separable: two small matrix products.
        coefficients = _spline_coefficients(self.values)
        down = _spline_basis(rows + _SPLINE_PADDING, coefficients.shape[1])
        across = _spline_basis(columns + _SPLINE_PADDING, coefficients.shape[2])
        return np.asarray(down @ coefficients @ across.T)

    def inverse(self) -> Field:
        """Inverse on nodes of the same spacing that cover where the grid went.

        Raises
        ------
        ValueError
            If the fixed point iteration does not settle, because the field folds.
        """
        low = self.values.min(axis=(1, 2))
        high = self.values.max(axis=(1, 2))
        before = np.maximum(0, np.ceil(-low / self.spacing)).astype(int)
        after = np.maximum(0, np.ceil(high / self.spacing)).astype(int)
        size = np.asarray(self.values.shape[1:]) + before + after
        origin = self.origin - before * self.spacing
        target = as_columns(origin, 3) + pixel_grid(tuple(size)) * as_columns(self.spacing, 3)
        coefficients = _spline_coefficients(self.values)
        inverse = -self._read(coefficients, target)
        for _ in range(_INVERSE_ITERATIONS):
            update = -self._read(coefficients, target + inverse)
            change = float(np.abs(update - inverse).max())
            inverse = update
            if change < _INVERSE_TOLERANCE:
                return Field(inverse, origin, self.spacing)
        raise ValueError(
            f"no inverse: still changing by {change:.3g} px after {_INVERSE_ITERATIONS} "
            "iterations, so the field folds (neighbouring pixels change places). Use more "
            "smoothing= or a wider control grid"
        )

    def moved(self, offset: npt.ArrayLike) -> Self:
        return type(self)(self.values, self.origin - as_pair("offset", offset), self.spacing)

    def plus(self, shift: npt.ArrayLike) -> Self:
        added = self.values + as_columns(as_pair("shift", shift), 3)
        return type(self)(added, self.origin, self.spacing)

    def regridded(self, step: npt.ArrayLike, start: npt.ArrayLike) -> Self:
        step, start = as_grid(step, start)
        return type(self)(
            self.values / as_columns(step, 3),
            origin=(self.origin - start) / step,
            spacing=self.spacing / step,
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "values": self.values.copy(),
            "origin": self.origin.copy(),
            "spacing": self.spacing.copy(),
        }

    def __repr__(self) -> str:
        rows, columns = self.values.shape[1:]
        rms = np.sqrt(np.mean(self.values.var(axis=(1, 2))))
        return (
            f"<Field: {rows} x {columns} nodes {self.spacing[0]:.6g} x {self.spacing[1]:.6g} px "
            f"apart from ({self.origin[0]:.6g}, {self.origin[1]:.6g}), {rms:.3g} px rms about "
            "the mean>"
        )

    def _read(self, coefficients: FloatArray, points: FloatArray) -> FloatArray:
        """Spline values at `points` (2, ...), held beyond the grid."""
        from scipy import ndimage

        index = [self._indices(points[a], a).ravel() + _SPLINE_PADDING for a in (0, 1)]
        result = [
            ndimage.map_coordinates(c, index, order=3, mode="mirror", prefilter=False)
            for c in coefficients
        ]
        return np.stack(result).reshape(points.shape)

    def _indices(self, coordinates: FloatArray, axis: int) -> FloatArray:
        """Fractional node numbers of coordinates along an axis, held at the edges."""
        index = (coordinates - self.origin[axis]) / self.spacing[axis]
        return np.asarray(np.clip(index, 0, self.values.shape[axis + 1] - 1))


def _spline_coefficients(values: FloatArray) -> FloatArray:
    """Cubic B-spline coefficients of each component, with the padding on all sides."""
    from scipy import ndimage

    pad = (0, 0), (_SPLINE_PADDING, _SPLINE_PADDING), (_SPLINE_PADDING, _SPLINE_PADDING)
    padded = np.pad(values, pad, mode="reflect", reflect_type="odd")
    coefficients = [ndimage.spline_filter(c, order=3, mode="mirror") for c in padded]
    return frozen(np.stack(coefficients))


def _spline_basis(index: FloatArray, count: int) -> FloatArray:
    """Matrix (len(index), count) that turns coefficients along an axis into spline values."""
    lower = np.floor(index).astype(np.intp)
    t = index - lower
    weights = (
        (1 - t) ** 3 / 6,
        (4 - 6 * t**2 + 3 * t**3) / 6,
        (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6,
        t**3 / 6,
    )
    basis = np.zeros((len(index), count))
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        basis[np.arange(len(index)), lower + offset] = weight
    return basis


def _are_whole(index: FloatArray) -> bool:
    return bool(np.all(index == np.rint(index)))
