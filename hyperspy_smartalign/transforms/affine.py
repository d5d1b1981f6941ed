"""Shift, rotation, magnification and shear of a whole frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ._base import Transform, as_columns, as_points
from ._regrid import as_grid
from ._validation import FloatArray, as_floats, as_pair

# Below this area ratio a frame would collapse onto a line within rounding errors.
_SMALLEST_DETERMINANT = 1e-9


@dataclass(frozen=True, eq=False)
class Affine(Transform):
    """Six parameters: d(p) = (A - I)(p - centre) + shift.

    Parameters
    ----------
    matrix : (2, 2) array-like
        A, in the order (y, x): ``[[yy, yx], [xy, xx]]``. The identity leaves a pure shift.
    shift : (y, x)
        Displacement of the content at `centre`, in pixels.
    centre : (y, x)
        The fixed point of the linear part, in pixels of the common frame; usually the middle
        of the frame, so that `shift` is the mean displacement.

    Raises
    ------
    ValueError
        If the matrix is singular, or a value is not finite.

    Notes
    -----
    Composition and inversion are exact.
    """

    kind: ClassVar[str] = "Affine"

    matrix: FloatArray
    shift: FloatArray = (0.0, 0.0)  # type: ignore[assignment]
    centre: FloatArray = (0.0, 0.0)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", as_floats("matrix", self.matrix, (2, 2)))
        object.__setattr__(self, "shift", as_pair("shift", self.shift))
        object.__setattr__(self, "centre", as_pair("centre", self.centre))
        determinant = float(np.linalg.det(self.matrix))
        if abs(determinant) < _SMALLEST_DETERMINANT:
            raise ValueError(
                f"matrix is singular (determinant {determinant:.3g}): it maps the frame onto a "
                "line. Leave the frame out with exclude="
            )

    def at(self, points: npt.ArrayLike) -> FloatArray:
        points = as_points(points)
        away = points - as_columns(self.centre, points.ndim)
        linear = self.matrix - np.eye(2)
        return np.tensordot(linear, away, axes=1) + as_columns(self.shift, points.ndim)

    def mean(self, shape: tuple[int, int], *, origin: tuple[float, float] = (0, 0)) -> FloatArray:
        # A linear field takes its mean at the middle of the window.
        return self.at(np.asarray(origin) + (np.asarray(shape) - 1) / 2)

    def inverse(self) -> Affine:
        """Exact inverse, about the same centre."""
        inverse = np.linalg.inv(self.matrix).astype(np.float64)
        return Affine(inverse, shift=-inverse @ self.shift, centre=self.centre)

    def moved(self, offset: npt.ArrayLike) -> Self:
        return type(self)(self.matrix, self.shift, self.centre - as_pair("offset", offset))

    def plus(self, shift: npt.ArrayLike) -> Self:
        return type(self)(self.matrix, self.shift + as_pair("shift", shift), self.centre)

    def regridded(self, step: npt.ArrayLike, start: npt.ArrayLike) -> Self:
        step, start = as_grid(step, start)
        return type(self)(
            self.matrix * step / step[:, None],
            shift=self.shift / step,
            centre=(self.centre - start) / step,
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "matrix": self.matrix.copy(),
            "shift": self.shift.copy(),
            "centre": self.centre.copy(),
        }
