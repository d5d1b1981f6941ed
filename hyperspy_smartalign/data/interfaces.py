"""A chemical interface: one element gives way to another across a plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import FloatArray, at_least, frozen_array


@dataclass(frozen=True, eq=False)
class Interface:
    """Plane across which the share of an element rises as an error function.

    At a signed distance d from the plane the share is Phi(d / sigma), with Phi the cumulative
    normal distribution: 0 on the first side, 1/2 on the plane, 1 on the second side. It holds at
    every point, within a column too, so that a map of one element over the sum of both shows the
    error function itself, wherever the columns are. Where images are blurred, sigma grows in
    squares, to a few per cent if columns lie as dense as one in sigma along the way across.

    Parameters
    ----------
    point : (float, float)
        A point (y, x) on the interface, in pixels of the common frame.
    angle : float
        Direction of the interface in degrees, counter-clockwise from x on the screen. At 90 it runs
        up, and the second side lies on its right.
    sigma : float
        Width of the error function in pixels; 0 for an abrupt interface. From 10 to 90 % it takes
        2.563 sigma.
    species : (int, int)
        Species that the columns are on the first side, and the one that they become.

    Raises
    ------
    ValueError
        If the point or the angle is not finite, or sigma is negative.
    """

    point: FloatArray
    angle: float = 90.0
    sigma: float = 3.0
    species: tuple[int, int] = (1, 2)

    def __post_init__(self) -> None:
        angle = float(frozen_array(self.angle, name="angle", shape=()))
        object.__setattr__(self, "point", frozen_array(self.point, name="point", shape=(2,)))
        object.__setattr__(self, "angle", angle)
        sigma = at_least(self.sigma, 0.0, name="sigma")
        object.__setattr__(self, "sigma", sigma)

    @property
    def normal(self) -> FloatArray:
        """(2,) unit vector (y, x) across the interface, towards the second side."""
        theta = np.deg2rad(self.angle)
        return np.array([np.cos(theta), np.sin(theta)])

    def distance(self, points: npt.ArrayLike) -> FloatArray:
        """Signed distance of points (2, ...) from the plane in pixels, above 0 on its far side."""
        where = np.asarray(points, dtype=np.float64)
        if where.ndim < 1 or where.shape[0] != 2:
            raise ValueError(f"points has shape {where.shape}; give (2, ...): y first, then x.")
        offset = float(self.normal @ self.point)
        return np.asarray(np.tensordot(self.normal, where, axes=1) - offset)

    def columns(self, species: int) -> int:
        """Species of the crystal's columns that carry a species on either side."""
        return self.species[0] if species == self.species[1] else species

    def part(self, species: int, points: npt.ArrayLike) -> FloatArray:
        """By what the intensity of those columns is multiplied at points (2, ...)."""
        share = self.share(points)
        if species == self.species[1]:
            return share
        return 1 - share if species == self.species[0] else np.ones_like(share)

    def share(self, points: npt.ArrayLike) -> FloatArray:
        """Share of the second species at points (2, ...), from 0 to 1."""
        distance = self.distance(points)
        if self.sigma == 0:
            return np.where(distance == 0, 0.5, distance > 0)
        from scipy.special import ndtr

        return np.asarray(ndtr(distance / self.sigma), dtype=np.float64)
