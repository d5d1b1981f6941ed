"""Unit cells of the lattices that the simulator draws."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import FloatArray, above_zero, frozen_array, one_of

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class UnitCell:
    """Repeat of a projected lattice.

    Parameters
    ----------
    vectors : (2, 2) array
        The two lattice vectors, one a row, (y, x) in pixels.
    basis : (m, 2) array
        Columns of the cell as fractions of the two vectors.
    heights : (m,) array
        Peak of each column.
    widths : (m,) array
        Gaussian sigma of each column in pixels.
    species : (m,) array of int
        Kind of atom of each column, from 0.
    """

    vectors: FloatArray
    basis: FloatArray
    heights: FloatArray
    widths: FloatArray
    species: IntArray

    def rotated(self, angle: float) -> UnitCell:
        """The cell turned by `angle` degrees, counter-clockwise on the screen."""
        vectors = self.vectors @ rotation_matrix(angle)
        return replace(self, vectors=frozen_array(vectors, name="vectors", shape=(2, 2)))

    @property
    def nearest_distance(self) -> float:
        """Smallest distance between two columns of the lattice, in pixels."""
        reach = 2 * np.abs(self.vectors).sum(axis=0)
        high = (float(reach[0]), float(reach[1]))
        around, _ = self.fill((-high[0], -high[1]), high, origin=(0.0, 0.0))
        in_cell = self.basis @ self.vectors
        apart = np.linalg.norm(around[:, np.newaxis] - in_cell, axis=-1)
        # Each column finds itself, at a distance of nothing but rounding.
        return float(np.sort(apart, axis=0)[1].min())

    def fill(
        self, low: tuple[float, float], high: tuple[float, float], *, origin: tuple[float, float]
    ) -> tuple[FloatArray, IntArray]:
        """Columns in the rectangle between `low` and `high`, a cell's corner at `origin`.

        Returns
        -------
        positions : (k, 2) array
            Where the columns are, (y, x) px.
        members : (k,) array of int
            Which column of the basis each of them is.
        """
        corners = np.array(
            [(y, x) for y in (low[0], high[0]) for x in (low[1], high[1])], dtype=np.float64
        )
        cells = (corners - origin) @ np.linalg.inv(self.vectors)
        # One cell more on each side: the basis reaches beyond the corner of its cell.
        first = np.floor(cells.min(axis=0)).astype(int) - 1
        last = np.ceil(cells.max(axis=0)).astype(int) + 1
        ranges = (np.arange(start, stop + 1) for start, stop in zip(first, last, strict=True))
        index = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 1, 2)
        positions = ((index + self.basis) @ self.vectors).reshape(-1, 2) + origin
        members = np.tile(np.arange(len(self.basis)), index.shape[0])
        inside = np.all((positions >= low) & (positions <= high), axis=1)
        return positions[inside], members[inside]


def rotation_matrix(angle: float) -> FloatArray:
    """Matrix that turns (y, x) row vectors by `angle` degrees, counter-clockwise on the screen."""
    theta = np.deg2rad(angle)
    cos, sin = np.cos(theta), np.sin(theta)
    return np.array([[cos, sin], [-sin, cos]])


@dataclass(frozen=True)
class _Design:
    """A lattice in units of its spacing."""

    vectors: tuple[tuple[float, float], tuple[float, float]]
    basis: tuple[tuple[float, float], ...]
    heights: tuple[float, ...]
    width: float
    species: tuple[int, ...]


_DESIGNS = {
    "square": _Design(((1, 0), (0, 1)), ((0, 0),), (1.0,), 0.16, (0,)),
    "perovskite": _Design(((1, 0), (0, 1)), ((0, 0), (0.5, 0.5)), (1.0, 0.5), 0.16, (0, 1)),
    "hexagonal": _Design(
        ((3**0.5 / 2, 0.5), (0, 1)), ((0, 0), (1 / 3, 1 / 3)), (1.0, 0.45), 0.12, (0, 1)
    ),
    "dumbbell": _Design(
        ((1, 0), (0, 0.5**0.5)),
        ((0, 0), (0.25, 0), (0.5, 0.5), (0.75, 0.5)),
        (1.0, 0.8, 1.0, 0.8),
        0.075,
        (0, 1, 0, 1),
    ),
}

LATTICE_KINDS = tuple(_DESIGNS)


def unit_cell(
    kind: str = "square", *, spacing: float = 16.0, angle: float = 0.0, width: float | None = None
) -> UnitCell:
    """Unit cell of a projected crystal.

    Parameters
    ----------
    kind : {"square", "perovskite", "hexagonal", "dumbbell"}
        "square": one column a cell. "perovskite": strong columns with a half as strong one in the
        middle of each square. "hexagonal": a honeycomb of two species. "dumbbell": pairs a quarter
        of the spacing apart, as of silicon or gallium arsenide along [110].
    spacing : float
        Length of the (longer) lattice vector in pixels; need not be whole.
    angle : float
        Degrees, counter-clockwise on the screen. At 0 the second vector lies along x.
    width : float, optional
        Gaussian sigma of the columns in pixels. By default a share of the spacing that keeps the
        columns apart.

    Raises
    ------
    ValueError
        If the kind is unknown, or spacing or width are not above zero.
    """
    design = _DESIGNS[one_of(kind, LATTICE_KINDS, name="kind")]
    spacing = above_zero(spacing, name="spacing")
    sigma = above_zero(design.width * spacing if width is None else width, name="width")
    members = len(design.basis)
    species = np.array(design.species, dtype=np.int64)
    species.setflags(write=False)
    cell = UnitCell(
        vectors=frozen_array(np.multiply(design.vectors, spacing), name="vectors", shape=(2, 2)),
        basis=frozen_array(design.basis, name="basis", shape=(members, 2)),
        heights=frozen_array(design.heights, name="heights", shape=(members,)),
        widths=frozen_array(np.full(members, sigma), name="widths", shape=(members,)),
        species=species,
    )
    return cell.rotated(angle)
