"""The base vectors of a crystal in an image, with their standard errors."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.harmonics import fit_harmonics
from hyperspy_smartalign.quality.indexing import choose_basis, fit_given, reduced
from hyperspy_smartalign.quality.propagation import propagate
from hyperspy_smartalign.quality.spots import find_spots

FloatArray = npt.NDArray[np.float64]

# Standard errors of a reciprocal vector above this many frequency steps say that no wave goes
# through the whole image; so do corrections of the start above the other number.
_LARGEST_ERROR = 0.25
_LARGEST_CORRECTION = 2.0

# Fewest pixels along each axis; smaller images hold too few periods.
SMALLEST_IMAGE = 24


class NoLatticeError(ValueError):
    """No lattice stands above the noise of the image."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """Base vectors of a lattice in an image.

    Vectors are in pixels. Lengths, angle and ratio are in physical space: they take the size of the
    pixels into account, which need not be square.

    Attributes
    ----------
    vectors : (2, 2) float64
        Rows a and b, each (y, x) in pixels. The two shortest vectors of the lattice, a the one
        nearest to +x; the turn from a to b leads from +x towards +y (clockwise on the screen). As
        they were given where they were given.
    covariance : (4, 4) float64
        Of a_y, a_x, b_y, b_x, in px^2.
    spots : (m, 2) int
        Indices (h, k) of the spots that were fitted, one of each pair: a spot lies at
        ``h * reciprocal[0] + k * reciprocal[1]``.
    strength : (m,) float64
        Power of these spots over that of the noise.
    given : bool
        True where the user gave the vectors, so that they are not to be exchanged for others of
        the same lattice.
    scale : (y, x)
        Size of a pixel in `units`; positive.
    units : str
        Unit of lengths, "px" where there is none.
    """

    vectors: FloatArray
    covariance: FloatArray
    spots: npt.NDArray[np.intp]
    strength: FloatArray
    given: bool = False
    scale: tuple[float, float] = field(default=(1.0, 1.0))
    units: str = "px"

    def __repr__(self) -> str:
        (a, b), (da, db) = self.lengths, self.length_errors
        return (
            f"Lattice(a = {a:.5g} ± {da:.1g} {self.units}, b = {b:.5g} ± {db:.1g} {self.units}, "
            f"angle = {self.angle:.4f} ± {self.angle_error:.1g} degrees, "
            f"|b|/|a| = {self.ratio:.5f} ± {self.ratio_error:.1g}, {len(self.spots)} spots)"
        )

    @property
    def errors(self) -> FloatArray:
        """(2, 2) standard errors of `vectors`, px."""
        return np.asarray(np.sqrt(np.diag(self.covariance)).reshape(2, 2), np.float64)

    @property
    def reciprocal(self) -> FloatArray:
        """(2, 2) reciprocal vectors, rows (y, x) in periods per pixel: a . g1 = 1, a . g2 = 0."""
        return _dual(self.vectors)

    @property
    def physical_vectors(self) -> FloatArray:
        """(2, 2) rows a and b, each (y, x) in `units`."""
        return np.asarray(self.vectors * np.asarray(self.scale), np.float64)

    @property
    def lengths(self) -> FloatArray:
        """(2,) lengths of a and b in `units`."""
        return self._figures(self.vectors.ravel())[:2]

    @property
    def length_errors(self) -> FloatArray:
        """(2,) standard errors of `lengths`."""
        return self._figure_errors()[:2]

    @property
    def angle(self) -> float:
        """Angle between a and b in degrees, 0 to 180."""
        return float(self._figures(self.vectors.ravel())[2])

    @property
    def angle_error(self) -> float:
        """Standard error of `angle`, degrees."""
        return float(self._figure_errors()[2])

    @property
    def ratio(self) -> float:
        """Ratio of the lengths, ``|b| / |a|``."""
        return float(self._figures(self.vectors.ravel())[3])

    @property
    def ratio_error(self) -> float:
        """Standard error of `ratio`."""
        return float(self._figure_errors()[3])

    @property
    def significance(self) -> float:
        """Power of all spots together over that of the noise in as many places."""
        return float(self.strength.mean())

    def calibrated(self, scale: tuple[float, float], units: str) -> Lattice:
        """The same lattice with another size of the pixels (y, x); its sign is left out."""
        size = abs(float(scale[0])), abs(float(scale[1]))
        if not all(math.isfinite(s) and s > 0 for s in size):
            raise ValueError(f"scale is {scale}; give two sizes of a pixel (y, x) other than 0.")
        return replace(self, scale=size, units=units)

    def combined(self, matrix: npt.ArrayLike) -> Lattice:
        """The lattice on other base vectors.

        Parameters
        ----------
        matrix : (2, 2) array-like of int
            New vectors are ``matrix @ vectors``: row 0 holds the a's and b's in the new a.
        """
        whole = np.asarray(matrix, np.float64)
        if whole.shape != (2, 2) or (whole != np.rint(whole)).any() or np.linalg.det(whole) == 0:
            raise ValueError(f"matrix is {matrix!r}; give 2 x 2 whole numbers, not singular.")
        both = np.kron(whole, np.eye(2))
        return replace(
            self,
            vectors=whole @ self.vectors,
            covariance=both @ self.covariance @ both.T,
            spots=np.rint(self.spots @ whole.T).astype(np.intp),
        )

    def _figures(self, vectors: FloatArray) -> FloatArray:
        """Lengths, angle in degrees, and ratio."""
        a, b = vectors.reshape(2, 2) * np.asarray(self.scale)
        lengths = math.hypot(*a), math.hypot(*b)
        turn = math.atan2(abs(a[1] * b[0] - a[0] * b[1]), a @ b)
        return np.array([*lengths, math.degrees(turn), lengths[1] / lengths[0]])

    def _figure_errors(self) -> FloatArray:
        return np.sqrt(np.diag(propagate(self._figures, self.vectors.ravel(), self.covariance)))


def find_lattice(image: npt.ArrayLike, *, vectors: npt.ArrayLike | None = None) -> Lattice:
    """Find the base vectors of the crystal in an image, between the pixels.

    Parameters
    ----------
    image : (h, w) array-like
        One image; NaN where there is none. At least 24 px and three periods along each axis.
    vectors : (2, 2) array-like, optional
        Approximate base vectors, rows (y, x) in pixels, right to a tenth or so; they are refined
        and keep their order and sense. Found from the image unless given.

    Returns
    -------
    Lattice

    Raises
    ------
    NoLatticeError
        No lattice stands above the noise: amorphous, blank, too noisy, or with fewer than three
        periods; or none near the vectors that were given.
    ValueError
        The image or the vectors are not what they should be.

    Notes
    -----
    Spots of the windowed power spectrum give the start: the base vectors that index the most of
    them with the fewest places (`hyperspy_smartalign.quality.indexing`). All harmonics above the
    noise are then fitted to the pixels together, weighted by their noise, which reaches the
    Cramer-Rao bound (`hyperspy_smartalign.quality.harmonics`). The vectors found are primitive: of
    a centred cell, such as silicon along [110], they are the two shortest. Give `vectors` for
    others.

    Examples
    --------
    >>> from hyperspy_smartalign.data import lattice, render_image
    >>> from hyperspy_smartalign.quality.lattice import find_lattice
    >>> found = find_lattice(render_image(lattice("square", spacing=12.5, angle=4)))
    >>> found.lengths.round(3).tolist(), round(found.angle, 2)
    ([12.5, 12.5], 90.0)
    """
    pixels, seen = _checked_image(image)
    start = None if vectors is None else _checked_vectors(vectors)
    shape = pixels.shape[0], pixels.shape[1]
    spots = find_spots(pixels, seen)
    basis: FloatArray | None = None
    if start is not None:
        basis = fit_given(spots, _dual(start), shape)
        if basis is None:
            raise NoLatticeError(
                f"No lattice near the vectors {np.round(start, 2).tolist()} px (y, x): the power "
                f"spectrum has {len(spots)} spots, and none or only one direction of them belongs "
                "to these vectors. Leave vectors out to have them found, or give others."
            )
    elif len(spots) > 1:
        basis = choose_basis(spots, shape)
    if basis is None:
        raise NoLatticeError(
            f"No lattice found: the power spectrum of the {shape[0]} x {shape[1]} px image has "
            f"{len(spots)} spot(s) above the noise, and two of different directions are needed. "
            "Average more frames, choose a region with the crystal, or take an image with at least "
            "three periods along each axis."
        )
    if start is None:
        basis = _dual(reduced(_dual(basis)))
    fit = fit_harmonics(pixels, seen, basis)
    moved = np.abs(fit.basis - basis) * shape
    errors = np.sqrt(np.diag(fit.covariance)).reshape(2, 2) * shape
    if not (moved.max() < _LARGEST_CORRECTION and errors.max() < _LARGEST_ERROR):
        raise NoLatticeError(
            "No lattice found: the spots of the power spectrum do not fit one lattice over the "
            "whole image. Choose a region with a single crystal."
        )
    found = _dual(fit.basis)
    covariance = propagate(
        lambda g: _dual(g.reshape(2, 2)).ravel(), fit.basis.ravel(), fit.covariance
    )
    return Lattice(found, covariance, fit.index, fit.strength, given=start is not None)


def _dual(vectors: FloatArray) -> FloatArray:
    """Reciprocal vectors of real ones, and the other way round, as rows."""
    return np.asarray(np.linalg.inv(vectors).T, np.float64)


def _checked_image(image: npt.ArrayLike) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    pixels = np.asarray(image)
    if pixels.ndim != 2:
        raise ValueError(f"the image has shape {pixels.shape}; give one image (height, width).")
    if pixels.dtype.kind not in "biuf":
        raise ValueError(f"the pixels are {pixels.dtype}; give real numbers, such as abs(image).")
    if min(pixels.shape) < SMALLEST_IMAGE:
        raise ValueError(
            f"the image has {pixels.shape[0]} x {pixels.shape[1]} px; a lattice needs "
            f"{SMALLEST_IMAGE} x {SMALLEST_IMAGE} px or more."
        )
    pixels = pixels.astype(np.float64)
    seen = np.isfinite(pixels)
    if not seen.any():
        raise ValueError("the image has no finite pixel; give one with data.")
    if np.ptp(pixels[seen]) == 0:
        raise NoLatticeError("No lattice found: all pixels of the image are equal.")
    return pixels, seen


def _checked_vectors(vectors: npt.ArrayLike) -> FloatArray:
    given = np.asarray(vectors, np.float64)
    if given.shape != (2, 2) or not np.isfinite(given).all():
        raise ValueError(
            f"vectors has shape {given.shape}; give two finite rows (y, x) in pixels, one a vector."
        )
    area = abs(float(np.linalg.det(given)))
    if area < 0.05 * float(np.linalg.norm(given, axis=1).prod()) or area == 0:
        raise ValueError(f"vectors {given.tolist()} are parallel; give two directions.")
    return given
