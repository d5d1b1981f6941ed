"""One shift for every scan line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ._base import Transform, as_points
from ._regrid import as_grid, lines_on_grid
from ._validation import (
    FloatArray,
    as_float,
    as_floats,
    as_int,
    as_pair,
    as_shape,
    frozen,
    real_array,
)


@dataclass(frozen=True, eq=False)
class ScanLine(Transform):
    """An offset for every scan line, and optionally a term linear along the line.

    At a pixel with coordinate l along the slow scan and f along the fast scan,
    d(p) = offsets(l) + rotation(l) * (f - line_centre).

    Parameters
    ----------
    offsets : (lines, 2) array-like
        Displacement (y, x) of the content of each line, in pixels. Always in image order
        (y, x), whatever the scan direction.
    rotation : float, or array-like of shape (lines,) or (lines, 2)
        Change of the displacement along the line, in pixels per pixel. A number, or one a
        line, turns the lines: it changes the displacement along the slow scan, by an angle in
        radians while small. Two numbers a line are the changes of the (y, x) displacement. Kept
        as (lines, 2).
    axis : {0, 1}
        Array axis along which the slow scan runs: 0 when scan lines are image rows, 1 when they
        are columns (frames scanned at 90 degrees).
    first_row : float
        Coordinate of the first line along `axis` of the common frame. Need not be whole: a
        composition with a shift of a part of a line moves the lines by that part.
    line_centre : float
        Coordinate along the line at which `rotation` adds nothing.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or `axis` is not 0 or 1.

    Notes
    -----
    Between two lines the offset is interpolated linearly; before the first and after the last
    line that line's offset goes on.

    Composition is exact with a `Translation` on either side. Composed with a `ScanLine` of the
    same axis or an `Affine`, it is exact on whole lines (those of the later `ScanLine`, or the
    pixel rows) unless the *later* stage moves content along the slow scan by an amount that
    changes along the line (a rotation). Then the earlier offsets are read at the line's centre,
    and the error at distance x from that centre is at most ``|slope| * x`` times the largest
    difference between neighbouring offsets: 0.02 px for a slope of 0.001, x = 128 px and
    differences of 0.15 px. Outside the lines, where offsets are held, an affine part is held
    too. With scan lines along the other axis, or with a `Field`, the result is a `Field`.

    The inverse is exact on whole lines without `rotation`; with it, the same bound holds.

    On a coarser grid each line takes the mean over the lines that it covers, as its pixels do;
    on a finer one the offsets are those between the lines, exact on whole lines of that grid.
    """

    kind: ClassVar[str] = "ScanLine"

    offsets: FloatArray
    rotation: FloatArray = 0.0  # type: ignore[assignment]
    axis: int = 0
    first_row: float = 0.0
    line_centre: float = 0.0

    def __post_init__(self) -> None:
        offsets = as_floats("offsets", self.offsets, (None, 2))
        axis = as_int("axis", self.axis)
        if axis not in (0, 1):
            raise ValueError(
                f"axis must be 0 (lines are rows) or 1 (lines are columns), not {axis}"
            )
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "rotation", _rotation_per_line(self.rotation, len(offsets), axis))
        object.__setattr__(self, "axis", axis)
        object.__setattr__(self, "first_row", as_float("first_row", self.first_row))
        object.__setattr__(self, "line_centre", as_float("line_centre", self.line_centre))

    @property
    def rows(self) -> int:
        """Number of scan lines."""
        return len(self.offsets)

    @property
    def has_rotation(self) -> bool:
        """Whether the displacement changes along a line."""
        return bool(np.any(self.rotation))

    def offsets_at(self, lines: npt.ArrayLike) -> FloatArray:
        """Offsets at given lines.

        Parameters
        ----------
        lines : (m,) array-like
            Coordinates along the slow scan, in pixels of the common frame.

        Returns
        -------
        numpy.ndarray of float64, shape (m, 2)
            (y, x) displacement in pixels at `line_centre`; it holds for the whole line when
            `has_rotation` is False.
        """
        return self._read(self.offsets, lines)

    def rotation_at(self, lines: npt.ArrayLike) -> FloatArray:
        """Change of the (y, x) displacement along each line, (m, 2), in pixels per pixel."""
        return self._read(self.rotation, lines)

    def at(self, points: npt.ArrayLike) -> FloatArray:
        points = as_points(points)
        slow, fast = points[self.axis], points[1 - self.axis]
        result = np.moveaxis(self.offsets_at(slow), -1, 0)
        if self.has_rotation:
            slope = np.moveaxis(self.rotation_at(slow), -1, 0)
            result = result + slope * (fast - self.line_centre)
        return np.ascontiguousarray(result)

    def displacement(
        self, shape: tuple[int, int], *, origin: tuple[float, float] = (0, 0)
    ) -> FloatArray:
        height, width = as_shape("shape", shape, 2)
        first = as_pair("origin", origin)
        size = (height, width)
        lines = first[self.axis] + np.arange(size[self.axis])
        # Every line is read once, whatever the number of pixels in it.
        result = np.broadcast_to(self.offsets_at(lines).T[:, :, None], (2, len(lines), 1))
        if self.has_rotation:
            along = first[1 - self.axis] + np.arange(size[1 - self.axis]) - self.line_centre
            result = result + self.rotation_at(lines).T[:, :, None] * along
        if self.axis == 1:
            result = result.transpose(0, 2, 1)
        return np.ascontiguousarray(np.broadcast_to(result, (2, height, width)))

    def mean(self, shape: tuple[int, int], *, origin: tuple[float, float] = (0, 0)) -> FloatArray:
        # Linear along the line, so the middle of every line stands for it.
        lines = origin[self.axis] + np.arange(shape[self.axis])
        middle = origin[1 - self.axis] + (shape[1 - self.axis] - 1) / 2
        along = self.rotation_at(lines) * (middle - self.line_centre)
        return np.asarray((self.offsets_at(lines) + along).mean(axis=0))

    def inverse(self) -> ScanLine:
        """Inverse, on lines one pixel apart that cover where the lines went.

        Raises
        ------
        ValueError
            If the offsets bring scan lines out of order, so that no inverse exists.
        """
        slow, fast = self.axis, 1 - self.axis
        stretch = 1 + self.rotation[:, fast]
        if stretch.min() <= 0:
            raise ValueError(
                f"no inverse: the rotation term turns scan line {int(stretch.argmin())} around"
            )
        # Solve q = p + d(p) on each line for the point that arrives at the line's centre.
        slope = self.rotation / stretch[:, None]
        moved = self.offsets - slope * self.offsets[:, fast, None]
        moved[:, fast] = self.offsets[:, fast] / stretch
        lines = self.first_row + np.arange(self.rows)
        arrive = lines + moved[:, slow]
        steps = np.diff(arrive)
        if steps.size and steps.min() <= 0:
            row = int(steps.argmin())
            raise ValueError(
                f"no inverse: scan lines {row} and {row + 1} are out of order, offset by "
                f"{self.offsets[row, slow]:.3g} and {self.offsets[row + 1, slow]:.3g} px along "
                "the slow scan. Smooth the offsets (smoothing=) first"
            )
        before = max(0, int(np.ceil(lines[0] - arrive[0])))
        after = max(0, int(np.ceil(arrive[-1] - lines[-1])))
        first_row = self.first_row - before
        targets = first_row + np.arange(before + self.rows + after)
        sources = np.interp(targets, arrive, lines)
        return ScanLine(
            -self._read(moved, sources),
            rotation=-self._read(slope, sources),
            axis=self.axis,
            first_row=first_row,
            line_centre=self.line_centre,
        )

    def moved(self, offset: npt.ArrayLike) -> Self:
        offset = as_pair("offset", offset)
        return type(self)(
            self.offsets,
            rotation=self.rotation,
            axis=self.axis,
            first_row=self.first_row - float(offset[self.axis]),
            line_centre=self.line_centre - float(offset[1 - self.axis]),
        )

    def plus(self, shift: npt.ArrayLike) -> Self:
        return type(self)(
            self.offsets + as_pair("shift", shift),
            rotation=self.rotation,
            axis=self.axis,
            first_row=self.first_row,
            line_centre=self.line_centre,
        )

    def regridded(self, step: npt.ArrayLike, start: npt.ArrayLike) -> Self:
        step, start = as_grid(step, start)
        slow, fast = self.axis, 1 - self.axis
        both, first_row = lines_on_grid(
            np.hstack([self.offsets, self.rotation]),
            first_row=self.first_row,
            step=float(step[slow]),
            start=float(start[slow]),
        )
        return type(self)(
            both[:, :2] / step,
            rotation=both[:, 2:] * step[fast] / step,
            axis=slow,
            first_row=first_row,
            line_centre=float((self.line_centre - start[fast]) / step[fast]),
        )

    def to_dict(self) -> dict[str, Any]:
        content: dict[str, Any] = {
            "kind": self.kind,
            "offsets": self.offsets.copy(),
            "axis": self.axis,
            "first_row": self.first_row,
            "line_centre": self.line_centre,
        }
        if self.has_rotation:
            content["rotation"] = self.rotation.copy()
        return content

    def __repr__(self) -> str:
        rms = np.sqrt(np.mean(self.offsets.var(axis=0)))
        lines = "rows" if self.axis == 0 else "columns"
        turned = ", with rotation" if self.has_rotation else ""
        return (
            f"<ScanLine: {self.rows} {lines} from {self.first_row:.6g}, "
            f"{rms:.3g} px rms about the mean{turned}>"
        )

    def _read(self, per_line: FloatArray, lines: npt.ArrayLike) -> FloatArray:
        """Values (lines, 2) at fractional line coordinates, linear between, held outside."""
        position = np.clip(np.asarray(lines, np.float64) - self.first_row, 0, self.rows - 1)
        lower = np.minimum(position.astype(np.intp), max(self.rows - 2, 0))
        upper = np.minimum(lower + 1, self.rows - 1)
        weight = (position - lower)[..., None]
        # This form is exact at the lines themselves, where the weight is 0 or 1.
        return np.asarray((1 - weight) * per_line[lower] + weight * per_line[upper])


def _rotation_per_line(rotation: npt.ArrayLike, lines: int, axis: int) -> FloatArray:
    """Rotation term as (lines, 2), from a number, one a line, or two a line."""
    array = real_array("rotation", rotation)
    if array.ndim == 2:
        return as_floats("rotation", array, (lines, 2))
    along_slow = as_floats("rotation", array, (lines,) if array.ndim else ())
    result = np.zeros((lines, 2))
    result[:, axis] = along_slow
    return frozen(result)
