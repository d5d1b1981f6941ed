"""One shift for the whole frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ._base import Transform, as_columns, as_points
from ._regrid import as_grid
from ._validation import FloatArray, as_pair, as_shape


@dataclass(frozen=True, eq=False)
class Translation(Transform):
    """Rigid shift of a frame: d(p) = shift.

    Parameters
    ----------
    shift : (y, x)
        Measured displacement of the frame's content in pixels.

    Notes
    -----
    Composition and inversion are exact.
    """

    kind: ClassVar[str] = "Translation"

    shift: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "shift", as_pair("shift", self.shift))

    def at(self, points: npt.ArrayLike) -> FloatArray:
        points = as_points(points)
        return np.broadcast_to(as_columns(self.shift, points.ndim), points.shape).copy()

    def displacement(
        self, shape: tuple[int, int], *, origin: tuple[float, float] = (0, 0)
    ) -> FloatArray:
        height, width = as_shape("shape", shape, 2)
        return np.broadcast_to(self.shift[:, None, None], (2, height, width)).copy()

    def mean(self, shape: tuple[int, int], *, origin: tuple[float, float] = (0, 0)) -> FloatArray:
        return self.shift.copy()

    def inverse(self) -> Translation:
        return Translation(-self.shift)

    def moved(self, offset: npt.ArrayLike) -> Self:
        as_pair("offset", offset)
        return self

    def plus(self, shift: npt.ArrayLike) -> Self:
        return type(self)(self.shift + as_pair("shift", shift))

    def regridded(self, step: npt.ArrayLike, start: npt.ArrayLike) -> Self:
        step, _ = as_grid(step, start)
        return type(self)(self.shift / step)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "shift": self.shift.copy()}

    def __repr__(self) -> str:
        return f"Translation(shift=({self.shift[0]:.6g}, {self.shift[1]:.6g}))"
