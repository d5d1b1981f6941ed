"""Drift within a frame, from a lattice whose shape is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.lattice import Lattice
from hyperspy_smartalign.quality.propagation import propagate

FloatArray = npt.NDArray[np.float64]

# Largest distortion that is believed to be drift.
LARGEST_DISTORTION = 0.2
# The same for a centred cell: there are more of them to choose from, so that one fits by chance.
_LARGEST_CENTRED = 0.1
# Largest number of base vectors added up in a vector of the known cell.
_MOST_VECTORS = 2


class NoDriftError(ValueError):
    """The lattice does not fit the known cell with any believable drift."""


@dataclass(frozen=True)
class Cell:
    """What is known of a unit cell in the plane of the image.

    Parameters
    ----------
    angle : float
        Angle between its vectors in degrees, above 0 and below 180.
    ratio : float
        Length of the second over that of the first.
    length : float, optional
        Length of the first, in the unit of the lattice. With it the size of the pixels is checked
        too.
    """

    angle: float
    ratio: float
    length: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.angle) and 0 < self.angle < 180):
            raise ValueError(f"angle is {self.angle}; give degrees between 0 and 180.")
        for name in ("ratio", "length"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; give a number above 0.")

    @classmethod
    def of_lengths(cls, a: float, b: float, angle: float) -> Cell:
        """Cell of two lengths and the angle between them."""
        for name, value in (("a", a), ("b", b)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"length {name} of the cell is {value}; give a number above 0.")
        return cls(angle, b / a, a)


@dataclass(frozen=True, eq=False)
class LatticeDrift:
    """Constant drift within the frame that makes a known cell look as it was measured.

    Attributes
    ----------
    per_line : (2,) float64
        Velocity (y, x) of the content in pixels per scan line.
    covariance : (2, 2) float64
        Of `per_line`.
    matrix : (2, 2) float64
        A, in the order (y, x): the content at p of the undistorted frame is found at
        ``centre + A (p - centre)`` in the image.
    lines : (2,) float64
        Scan lines that pass from one pixel to the next along (y, x).
    measured : Lattice
        The lattice as measured, on the vectors of the known cell.
    cell : Cell
        What was known.
    magnification : float or None
        Length of the first vector, drift taken off, over its known length: the size of the pixels
        divided by this is the true one. None where no length is known.
    magnification_error : float or None
        Its standard error.
    distortion : float
        Largest change of length by the drift, as a part of the length.
    next_distortion : float
        That of the next best choice of vectors for the known cell; infinite where there is none.
    line_time : float or None
        Seconds a scan line.
    """

    per_line: FloatArray
    covariance: FloatArray
    matrix: FloatArray
    lines: FloatArray
    measured: Lattice
    cell: Cell
    magnification: float | None
    magnification_error: float | None
    distortion: float
    next_distortion: float
    line_time: float | None = None

    def __repr__(self) -> str:
        (y, x), (dy, dx) = self.per_line, self.per_line_error
        text = f"LatticeDrift(y {y:+.3g} ± {dy:.1g}, x {x:+.3g} ± {dx:.1g} px per line"
        if self.rate is not None:
            text += f"; y {self.rate[0]:+.3g}, x {self.rate[1]:+.3g} {self.measured.units}/s"
        if self.magnification is not None:
            text += f"; magnification {self.magnification:.5g} ± {self.magnification_error:.1g}"
        return text + ")"

    @property
    def per_line_error(self) -> FloatArray:
        """(2,) standard errors of `per_line`, px per line."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def per_second(self) -> FloatArray | None:
        """(2,) velocity (y, x) in pixels per second; None where the line time is not known."""
        return None if self.line_time is None else self.per_line / self.line_time

    @property
    def per_second_error(self) -> FloatArray | None:
        """(2,) standard errors of `per_second`."""
        return None if self.line_time is None else self.per_line_error / self.line_time

    @property
    def rate(self) -> FloatArray | None:
        """(2,) velocity (y, x) in units of the lattice per second."""
        speed = self.per_second
        return None if speed is None else speed * np.asarray(self.measured.scale)

    @property
    def rate_error(self) -> FloatArray | None:
        """(2,) standard errors of `rate`."""
        error = self.per_second_error
        return None if error is None else error * np.asarray(self.measured.scale)

    @property
    def significance(self) -> float:
        """Size of the drift in standard errors: square root of v C^-1 v."""
        return math.sqrt(
            max(float(self.per_line @ np.linalg.pinv(self.covariance) @ self.per_line), 0)
        )

    @property
    def vectors(self) -> FloatArray:
        """(2, 2) base vectors of the known cell with the drift taken off, rows (y, x) in px."""
        return np.asarray(self.measured.vectors @ np.linalg.inv(self.matrix).T, np.float64)


def drift_from_cell(
    lattice: Lattice,
    cell: Cell,
    *,
    lines: Sequence[float] = (1.0, 0.0),
    line_time: float | None = None,
) -> LatticeDrift:
    """Velocity of a constant drift, from a measured lattice and the known shape of its cell.

    Parameters
    ----------
    lattice : Lattice
        Measured in one image, or in the average of rigidly aligned frames that were scanned along
        the same direction.
    cell : Cell
        Its known angle and ratio, or lengths and angle. Any cell of the lattice will do, such as
        60 or 120 degrees for a hexagonal one: the choice of vectors that takes the smallest
        distortion is made. A lattice whose vectors were given keeps them.
    lines : (float, float)
        Scan lines that pass from one pixel to the next along (y, x). Lines along x that follow each
        other along +y: (1, dwell time / line time), or nearly (1, 0).
    line_time : float, optional
        Seconds from one line to the next.

    Returns
    -------
    LatticeDrift

    Raises
    ------
    NoDriftError
        No choice of vectors fits with a distortion below 20 %, nor one for a centred cell, of twice
        the area, with one below 10 %.

    Notes
    -----
    With m a measured vector, t the true one, and n the scan lines between its ends, content that
    moves by v a line gives t = m - v n(m). Angle and ratio say t_b = J t_a, with J a turn by the
    angle times the ratio, so that (J n(m_a) - n(m_b)) v = J m_a - m_b: two linear equations for
    v, one solution for each sense of the turn. A drift along the slow axis and a wrong ratio of the
    two pixel sizes look the same.
    """
    passed = np.asarray(lines, np.float64)
    if passed.shape != (2,) or not np.isfinite(passed).all() or not passed.any():
        raise ValueError(f"lines is {lines!r}; give scan lines per pixel along (y, x).")
    fits = _fits(lattice, cell, passed)
    distortion, matrix, sense = fits[0]
    if distortion > LARGEST_DISTORTION:
        raise NoDriftError(
            f"The lattice (angle {lattice.angle:.2f} degrees, ratio {lattice.ratio:.4f}) does not "
            f"fit a cell of angle {cell.angle:g} degrees and ratio {cell.ratio:.4g}: drift would "
            f"have to distort it by {100 * distortion:.0f} %, and up to "
            f"{100 * LARGEST_DISTORTION:.0f} % are believed. Check angle and ratio |b|/|a|, or "
            "find the lattice with the vectors of the cell that you mean, vectors=."
        )
    measured = lattice.combined(matrix)
    per_line = _velocity(measured.vectors, cell, passed, measured.scale, sense)
    inverse = np.eye(2) - np.outer(per_line, passed)

    def figures(vectors: FloatArray) -> FloatArray:
        pair = vectors.reshape(2, 2)
        velocity = _velocity(pair, cell, passed, measured.scale, sense)
        true = pair[0] - velocity * (passed @ pair[0])
        length = math.hypot(*(true * measured.scale))
        return np.array([*velocity, length])

    values = figures(measured.vectors.ravel())
    covariance = propagate(figures, measured.vectors.ravel(), measured.covariance)
    known = cell.length
    return LatticeDrift(
        per_line=per_line,
        covariance=covariance[:2, :2],
        matrix=np.asarray(np.linalg.inv(inverse), np.float64),
        lines=passed,
        measured=measured,
        cell=cell,
        magnification=None if known is None else float(values[2] / known),
        magnification_error=None if known is None else math.sqrt(covariance[2, 2]) / known,
        distortion=distortion,
        next_distortion=_next(fits),
        line_time=line_time,
    )


def _fits(
    lattice: Lattice, cell: Cell, lines: FloatArray
) -> list[tuple[float, npt.NDArray[np.intp], int]]:
    """Distortion, vectors as whole numbers of those measured, and sense; best first.

    Vectors that span twice the measured cell, as those of a centred cell do, are tried where no
    others fit.
    """
    if lattice.given:
        return _sorted_fits(lattice, cell, lines, [np.eye(2, dtype=np.intp)])
    numbers = range(-_MOST_VECTORS, _MOST_VECTORS + 1)
    every = [np.array(m, np.intp).reshape(2, 2) for m in product(numbers, repeat=4)]
    area = [round(abs(float(np.linalg.det(m)))) for m in every]
    primitive, centred = (
        [m for m, cells in zip(every, area, strict=True) if cells == wanted] for wanted in (1, 2)
    )
    fits = _sorted_fits(lattice, cell, lines, primitive)
    if fits[0][0] <= LARGEST_DISTORTION:
        return fits
    others = _sorted_fits(lattice, cell, lines, centred)
    return others if others[0][0] <= _LARGEST_CENTRED else fits


def _sorted_fits(
    lattice: Lattice, cell: Cell, lines: FloatArray, choices: list[npt.NDArray[np.intp]]
) -> list[tuple[float, npt.NDArray[np.intp], int]]:
    scale = np.asarray(lattice.scale)
    fits = []
    for matrix in choices:
        vectors = matrix @ lattice.vectors
        # Drift of a believable size does not turn the cell inside out.
        sense = 1 if vectors[0, 1] * vectors[1, 0] > vectors[0, 0] * vectors[1, 1] else -1
        velocity = _velocity(vectors, cell, lines, lattice.scale, sense)
        strain = float(np.linalg.norm(velocity * scale) * np.linalg.norm(lines / scale))
        # Of equal choices, the one with the fewest vectors and signs.
        fits.append((strain, matrix, sense, int(np.abs(matrix).sum()), int((matrix < 0).sum())))
    fits.sort(key=lambda fit: (round(fit[0], 9), fit[3], fit[4]))
    return [fit[:3] for fit in fits]


def _next(fits: list[tuple[float, npt.NDArray[np.intp], int]]) -> float:
    """Distortion of the second best choice; those that differ by a symmetry are one."""
    best = fits[0][0]
    others = [fit[0] for fit in fits if fit[0] > best + 1e-6]
    return min(others, default=math.inf)


def _velocity(
    vectors: FloatArray,
    cell: Cell,
    lines: FloatArray,
    scale: tuple[float, float],
    sense: int,
) -> FloatArray:
    """Velocity (y, x) in pixels a line that gives the vectors the angle and ratio of the cell."""
    # As complex numbers x + iy, a turn from +x towards +y is a product.
    a, b = (complex(x * scale[1], y * scale[0]) for y, x in vectors)
    turn = cell.ratio * np.exp(1j * sense * math.radians(cell.angle))
    passed_a, passed_b = vectors @ lines
    speed = (turn * a - b) / (turn * passed_a - passed_b)
    return np.array([speed.imag / scale[0], speed.real / scale[1]])
