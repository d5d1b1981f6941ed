"""Two base vectors that index the spots of a spectrum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.spots import Spots

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

# Spots may miss their place by this many frequency steps along each axis.
_TOLERANCE = 1.0
# Base vectors nearer in direction than this sine are taken as parallel, and so are those of which
# one lies within this many frequency steps of the line along the other.
_PARALLEL = 0.2
_ON_LINE = 2.5
# Strongest spots, and spots nearest to zero, among which the base vectors are looked for.
_STRONGEST = 10
_NEAREST = 8
# A spot belongs to vectors that were given if its index is a whole number to this fraction.
_NEAR_GIVEN = 0.2


def choose_basis(spots: Spots, shape: tuple[int, int]) -> FloatArray | None:
    """Reciprocal base vectors that index the most of the spots with the fewest places.

    Each pair among some of the spots and their differences is tried. Its merit is the weight
    of the spots that it indexes, less what a lattice as dense would index by chance, so that a
    denser lattice must find spots which the coarser one lacks.

    Parameters
    ----------
    spots : Spots
        Strongest first.
    shape : (height, width)
        Of the image in pixels, which sets the frequency step.

    Returns
    -------
    (2, 2) float64 or None
        Rows g1 and g2 (y, x) in periods per pixel, fitted to the spots that they index; None where
        no two spots have different directions.
    """
    vectors = _candidates(spots.frequency, shape)
    weight = 1 + np.log(spots.strength)
    best, best_merit = None, -np.inf
    for i in range(len(vectors)):
        for j in range(i + 1, len(vectors)):
            basis = vectors[[i, j]]
            if not _independent(basis, shape):
                continue
            hit = _indexed(spots.frequency, basis, shape)[1]
            share = (2 * _TOLERANCE) ** 2 / (abs(np.linalg.det(basis)) * shape[0] * shape[1])
            merit = weight[hit].sum() - min(share, 1.0) * weight.sum()
            if merit > best_merit * (1 + 1e-9):
                best, best_merit = basis, merit
    if best is None:
        return None
    return _fitted(spots, best, shape)


def fit_given(spots: Spots, basis: FloatArray, shape: tuple[int, int]) -> FloatArray | None:
    """Reciprocal base vectors near given ones, fitted to spots of lower, then of higher order.

    Returns
    -------
    (2, 2) float64 or None
        None where the spots near the given lattice do not fix two directions.
    """
    fitted: FloatArray | None = None
    current = basis
    for highest in (1, 2, 3, 5, 100):
        fraction = spots.frequency @ np.linalg.inv(current)
        index = np.rint(fraction)
        near = (np.abs(fraction - index) < _NEAR_GIVEN).all(axis=1) & index.any(axis=1)
        near &= np.abs(index).max(axis=1, initial=0) <= highest
        if near.any() and np.linalg.matrix_rank(index[near]) == 2:
            current = fitted = _least_squares(spots, index, near)
    return None if fitted is None else _fitted(spots, fitted, shape)


def reduced(vectors: FloatArray) -> FloatArray:
    """The two shortest vectors (Gauss, Lagrange) of a lattice, in the order of `Lattice`.

    a is the one nearest to +x, b the other with the sense that the turn from a to b leads from
    +x towards +y.
    """
    a, b = vectors
    while True:
        if a @ a > b @ b:
            a, b = b, a
        times = np.rint((a @ b) / (a @ a))
        if times == 0:
            break
        b = b - times * a
    pair = np.array([a, b])
    along_x = pair[:, 1] / np.linalg.norm(pair, axis=1)
    first = int(np.argmax(np.abs(along_x)))
    a = pair[first] * (1 if along_x[first] > 0 else -1)
    b = pair[1 - first]
    return np.array([a, b if a[1] * b[0] - a[0] * b[1] > 0 else -b])


def _candidates(frequency: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """The strongest spots, those nearest to zero, and differences among the strongest."""
    nearest = np.argsort(np.linalg.norm(frequency, axis=1), kind="stable")[:_NEAREST]
    some = frequency[np.union1d(np.arange(min(_STRONGEST, len(frequency))), nearest)]
    first = frequency[:_NEAREST]
    differences = [
        a - sign * b for i, a in enumerate(first) for b in first[i + 1 :] for sign in (1, -1)
    ]
    vectors = np.array([*some, *differences]).reshape(-1, 2)
    # Nothing shorter than two steps of the spectrum can be told from zero.
    long_enough = np.hypot(*(vectors * shape).T) > 2 * _TOLERANCE
    return np.asarray(vectors[long_enough], np.float64)


def _independent(basis: FloatArray, shape: tuple[int, int]) -> bool:
    lengths = np.linalg.norm(basis, axis=1)
    if abs(np.linalg.det(basis)) < _PARALLEL * lengths.prod():
        return False
    in_steps = basis * shape
    longest = np.linalg.norm(in_steps, axis=1).max()
    return bool(abs(np.linalg.det(in_steps)) > _ON_LINE * longest)


def _indexed(
    frequency: FloatArray, basis: FloatArray, shape: tuple[int, int]
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Nearest whole indices (n, 2) of spots, and whether they fit."""
    index = np.rint(frequency @ np.linalg.inv(basis))
    missed = np.abs(frequency - index @ basis) * shape
    fits = np.all(missed <= _TOLERANCE, axis=1) & np.any(index, axis=1)
    return np.asarray(index, np.float64), np.asarray(fits, np.bool_)


def _fitted(spots: Spots, basis: FloatArray, shape: tuple[int, int]) -> FloatArray | None:
    """Least squares over all spots that are indexed, until these stay the same."""
    for _ in range(4):
        index, hit = _indexed(spots.frequency, basis, shape)
        if not hit.any() or np.linalg.matrix_rank(index[hit]) < 2:
            return None
        basis = _least_squares(spots, index, hit)
    return basis


def _least_squares(spots: Spots, index: FloatArray, used: npt.NDArray[np.bool_]) -> FloatArray:
    root = np.sqrt(np.minimum(spots.strength[used], 1e4))[:, None]
    found = np.linalg.lstsq(root * index[used], root * spots.frequency[used], rcond=None)[0]
    return np.asarray(found, np.float64)
