"""A specimen whose intensity is known everywhere: Gaussian columns over a slow background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import (
    FloatArray,
    above_zero,
    at_least,
    fraction,
    frozen_array,
    image_shape,
    one_of,
    whole,
)
from hyperspy_smartalign.data.cells import IntArray, UnitCell
from hyperspy_smartalign.data.interfaces import Interface

DEFECT_KINDS = ("bright", "dim", "interstitial")


@dataclass(frozen=True, eq=False)
class Crystal:
    """A specimen of Gaussian columns, slow patches and a constant background.

    The intensity at a point p of the common frame is

        background + sum_k heights[k] exp(-norm(p - positions[k])^2 / (2 widths[k]^2)) + patches,

    so it is known at any point, between pixels too. Nothing is ever interpolated.

    Parameters
    ----------
    positions : (m, 2) array
        Columns, (y, x) in pixels of the common frame. The frame's first pixel is at (0, 0).
    heights : (m,) array
        Peak of each column; 1 is the strongest of the perfect lattice. May be negative.
    widths : (m,) array
        Gaussian sigma of each column in pixels.
    species : (m,) array of int
        Kind of atom of each column, from 0.
    background : float
        Constant background, in the unit of the heights.
    patches : (k, 4) array, optional
        Broad Gaussians such as contamination, one a row: y, x, height, sigma (px).
    field : (int, int)
        Rows and columns of the area of interest; the crystal may reach beyond it.
    margin : float
        How far, in pixels, the columns reach beyond the field.
    cell : UnitCell, optional
        What the columns repeat, where they come from a lattice.
    interface : Interface, optional
        Where one species gives way to another; `with_interface` sets it.

    Raises
    ------
    ValueError
        If shapes do not match, values are not finite, or a width is not above zero.

    See Also
    --------
    lattice : the usual way to make one.
    """

    positions: FloatArray
    heights: FloatArray
    widths: FloatArray
    species: IntArray
    background: float = 0.0
    patches: FloatArray = dataclass_field(default_factory=lambda: np.empty((0, 4)))
    field: tuple[int, int] = (256, 256)
    margin: float = 0.0
    cell: UnitCell | None = None
    interface: Interface | None = None

    def __post_init__(self) -> None:
        positions = frozen_array(self.positions, name="positions", shape=(None, 2))
        columns = len(positions)
        widths = frozen_array(self.widths, name="widths", shape=(columns,))
        patches = frozen_array(self.patches, name="patches", shape=(None, 4))
        if (widths <= 0).any() or (patches[:, 3] <= 0).any():
            raise ValueError("a width is zero or negative; give Gaussian sigmas above 0 px.")
        species = np.asarray(self.species)
        if species.shape != (columns,) or (species != np.floor(species)).any():
            raise ValueError(
                f"species has shape {species.shape}; give one whole number for each of the "
                f"{columns} columns."
            )
        kinds = species.astype(np.int64)
        kinds.setflags(write=False)
        heights = frozen_array(self.heights, name="heights", shape=(columns,))
        checked = {
            "positions": positions,
            "heights": heights,
            "widths": widths,
            "species": kinds,
            "background": float(frozen_array(self.background, name="background", shape=())),
            "patches": patches,
            "field": image_shape(self.field, name="field"),
            "margin": at_least(self.margin, 0.0, name="margin"),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return (
            f"Crystal({len(self.positions)} columns, {len(self.patches)} patches, "
            f"background {self.background:g}, field {self.field})"
        )

    @property
    def centre(self) -> FloatArray:
        """(2,) middle of the field, (y, x) px."""
        return (np.array(self.field, dtype=np.float64) - 1) / 2

    def gaussians(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Centres (k, 2), heights (k,) and sigmas (k,) of all columns and patches together."""
        slow = self.patches
        return (
            np.concatenate([self.positions, slow[:, :2]]),
            np.concatenate([self.heights, slow[:, 2]]),
            np.concatenate([self.widths, slow[:, 3]]),
        )

    def intensity(self, points: npt.ArrayLike) -> FloatArray:
        """Intensity at any points, by the plain sum with nothing left out.

        Parameters
        ----------
        points : (2, ...) array
            (y, x) of the points in pixels of the common frame.

        Returns
        -------
        (...) array of float64

        Notes
        -----
        Costs points times columns; `render_image` and `render_frame` are the fast way.
        """
        where = np.asarray(points, dtype=np.float64)
        if where.ndim < 1 or where.shape[0] != 2:
            raise ValueError(f"points has shape {where.shape}; give (2, ...): y first, then x.")
        y, x = where.reshape(2, -1)
        total = np.full(y.shape, self.background)
        for (row, column), height, width in zip(*self.gaussians(), strict=True):
            total += height * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width**2))
        return total.reshape(where.shape[1:])

    def with_background(self, background: float) -> Crystal:
        """The same crystal over another constant background."""
        return replace(self, background=background)

    def with_vacancies(self, share: float, *, seed: int = 0, depth: float = 1.0) -> Crystal:
        """Take atoms out of columns chosen at random.

        Parameters
        ----------
        share : float
            Chance of each column to be chosen, 0 to 1.
        seed : int
            Seed of the choice.
        depth : float
            Share of the column's height that is lost, 0 to 1. A column that loses all is removed.
        """
        share = fraction(share, name="share")
        depth = fraction(depth, name="depth")
        chosen = np.random.default_rng(seed).random(len(self.positions)) < share
        if depth == 1.0:
            return self._selected(~chosen)
        return replace(self, heights=np.where(chosen, (1 - depth) * self.heights, self.heights))

    def with_defects(
        self,
        n: int,
        *,
        seed: int = 0,
        strength: float = 0.4,
        kinds: Sequence[str] = DEFECT_KINDS,
    ) -> Crystal:
        """Change `n` columns of the field, chosen at random.

        Parameters
        ----------
        n : int
            How many defects; they take the kinds in turn.
        seed : int
            Seed of the choice.
        strength : float
            Share of the column's height that a defect adds, takes away or puts beside it.
        kinds : sequence of {"bright", "dim", "interstitial"}
            "bright" and "dim" change the chosen column. "interstitial" adds a weaker column half
            way between it and its nearest neighbour.

        Raises
        ------
        ValueError
            If the field holds fewer than `n` columns or a kind is unknown.
        """
        n = whole(n, 0, name="n")
        strength = fraction(strength, name="strength")
        names = [one_of(kind, DEFECT_KINDS, name="kinds") for kind in kinds]
        if not names:
            raise ValueError(f"kinds is empty; choose from {', '.join(DEFECT_KINDS)}.")
        inside = np.flatnonzero(
            np.all((self.positions >= 0) & (self.positions < self.field), axis=1)
        )
        if n > len(inside):
            raise ValueError(
                f"n is {n} but the field {self.field} holds {len(inside)} columns; ask for fewer."
            )
        chosen = np.random.default_rng(seed).choice(inside, size=n, replace=False)
        heights = self.heights.copy()
        added: list[int] = []
        places: list[FloatArray] = []
        for turn, column in enumerate(chosen):
            kind = names[turn % len(names)]
            if kind == "interstitial":
                distances = np.linalg.norm(self.positions - self.positions[column], axis=1)
                distances[column] = np.inf
                neighbour = int(np.argmin(distances))
                added.append(int(column))
                places.append((self.positions[column] + self.positions[neighbour]) / 2)
            else:
                heights[column] *= 1 + strength if kind == "bright" else 1 - strength
        return replace(
            self,
            positions=np.concatenate([self.positions, np.reshape(places, (-1, 2))]),
            heights=np.concatenate([heights, strength * self.heights[added]]),
            widths=np.concatenate([self.widths, self.widths[added]]),
            species=np.concatenate([self.species, self.species[added]]),
        )

    def with_grain_boundary(
        self,
        misorientation: float,
        *,
        position: tuple[float, float] | None = None,
        angle: float = 90.0,
        closest: float = 0.6,
    ) -> Crystal:
        """Replace one half by a grain of the same lattice, turned in the plane.

        Parameters
        ----------
        misorientation : float
            Degrees by which the second grain is turned, counter-clockwise on the screen.
        position : (float, float), optional
            A point (y, x) on the boundary; the middle of the field by default.
        angle : float
            Direction of the boundary in degrees, counter-clockwise from x on the screen. At 90 it
            runs up, and the second grain lies on its right.
        closest : float
            Columns of the second grain nearer to one of the first than this share of the nearest
            neighbours' distance are left out.

        Raises
        ------
        ValueError
            If the crystal was not made by `lattice`, so that there is no cell to repeat.
        """
        if self.cell is None:
            raise ValueError(
                "this crystal has no unit cell to turn; start from lattice(...) and add the grain "
                "boundary first."
            )
        closest = at_least(closest, 0.0, name="closest")
        point = self.centre if position is None else np.asarray(position, dtype=np.float64)
        if point.shape != (2,):
            raise ValueError(f"position is {position!r}; give (y, x) in pixels.")
        theta = np.deg2rad(angle)
        # Normal of the boundary towards the second grain: at 90 degrees it points along +x.
        normal = np.array([np.cos(theta), np.sin(theta)])
        first = self._selected((self.positions - point) @ normal <= 0)
        turned = self.cell.rotated(misorientation)
        low = (-self.margin, -self.margin)
        high = (self.field[0] - 1 + self.margin, self.field[1] - 1 + self.margin)
        places, members = turned.fill(low, high, origin=(float(point[0]), float(point[1])))
        keep = (places - point) @ normal > 0
        if len(first.positions):
            from scipy.spatial import cKDTree

            apart = cKDTree(first.positions).query(places)[0]
            keep &= apart >= closest * turned.nearest_distance
        places, members = places[keep], members[keep]
        return replace(
            self,
            positions=np.concatenate([first.positions, places]),
            heights=np.concatenate([first.heights, self.cell.heights[members]]),
            widths=np.concatenate([first.widths, self.cell.widths[members]]),
            species=np.concatenate([first.species, self.cell.species[members]]),
        )

    def with_interface(
        self,
        sigma: float = 3.0,
        *,
        position: tuple[float, float] | None = None,
        angle: float = 90.0,
        species: int = 1,
    ) -> Crystal:
        """Let one element give way to another across a plane, the lattice going on.

        Spectra show it; images stay as they are.

        Parameters
        ----------
        sigma : float
            Width of the error function in pixels; 0 for an abrupt interface.
        position : (float, float), optional
            A point (y, x) on the interface; the middle of the field by default.
        angle : float
            Direction of the interface in degrees, counter-clockwise from x on the screen. At 90 it
            runs up, and the new element lies on its right.
        species : int
            Columns that change. What they become gets the first number that is not taken.

        Returns
        -------
        Crystal
            Its `interface` tells the exact share of the new element at any point.

        Raises
        ------
        ValueError
            If there is no column of the species.
        """
        known = np.unique(self.species).tolist()
        if species not in known:
            raise ValueError(f"no column is of species {species}; choose from {known}.")
        point = self.centre if position is None else np.asarray(position, dtype=np.float64)
        pair = (int(species), known[-1] + 1)
        return replace(self, interface=Interface(point, angle=angle, sigma=sigma, species=pair))

    def with_blobs(
        self,
        n: int,
        *,
        height: float = 0.12,
        width: tuple[float, float] = (20.0, 40.0),
        seed: int = 0,
    ) -> Crystal:
        """Add `n` slow bright patches at random places of the field, as of contamination.

        Parameters
        ----------
        n : int
            How many.
        height : float
            Peak of the brightest; the others reach at least half of it.
        width : (float, float)
            Smallest and largest Gaussian sigma in pixels.
        seed : int
            Seed of places, heights and widths.
        """
        n = whole(n, 0, name="n")
        narrow, broad = (above_zero(w, name="width") for w in width)
        if broad < narrow:
            raise ValueError(f"width is {width}; give the smaller sigma first.")
        rng = np.random.default_rng(seed)
        patches = np.column_stack(
            [
                rng.uniform(0, self.field[0], n),
                rng.uniform(0, self.field[1], n),
                height * rng.uniform(0.5, 1.0, n),
                rng.uniform(narrow, broad, n),
            ]
        )
        return replace(self, patches=np.concatenate([self.patches, patches]))

    def nanoparticle(self, radius: float, *, centre: tuple[float, float] | None = None) -> Crystal:
        """Keep the columns within `radius` px of `centre` (the middle of the field by default)."""
        radius = above_zero(radius, name="radius")
        middle = self.centre if centre is None else np.asarray(centre, dtype=np.float64)
        return self._selected(np.linalg.norm(self.positions - middle, axis=1) <= radius)

    def featureless(self) -> Crystal:
        """Only the constant background: no columns and no patches."""
        return replace(
            self._selected(np.zeros(len(self.positions), dtype=bool)), patches=np.empty((0, 4))
        )

    def only_species(self, species: int) -> Crystal:
        """Columns of one kind over nothing: background and patches are left out.

        An interface makes no difference; see `Truth.species_image`.
        """
        return replace(
            self._selected(self.species == species), background=0.0, patches=np.empty((0, 4))
        )

    def inverted(self, *, depth: float = 0.5) -> Crystal:
        """Dark columns on a bright ground, as a bright-field detector sees them.

        The intensity I becomes 1 - depth * I / I_max, with I_max the highest value at a column.
        """
        depth = fraction(depth, name="depth")
        heights = self.heights
        peak = self.background
        if len(heights):
            strongest = self.positions[np.argsort(-np.abs(heights), kind="stable")[:256]]
            peak = float(self.intensity(strongest.T).max())
        if peak <= 0:
            raise ValueError("the crystal has no positive intensity; give it a background above 0.")
        scale = -depth / peak
        slow = self.patches * np.array([1.0, 1.0, scale, 1.0])
        return replace(
            self, heights=scale * heights, background=1 + scale * self.background, patches=slow
        )

    def _selected(self, keep: npt.NDArray[np.bool_]) -> Crystal:
        changes: dict[str, Any] = {
            "positions": self.positions[keep],
            "heights": self.heights[keep],
            "widths": self.widths[keep],
            "species": self.species[keep],
        }
        return replace(self, **changes)
