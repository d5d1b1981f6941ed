"""Positions against a lattice: how far each is off, and the unit cell as a motif."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.averages import average_tiles
from hyperspy_smartalign.motif.matches import Matches
from hyperspy_smartalign.motif.nodes import shared_vectors
from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray

# A position belongs to a node of the lattice within this share of the shorter vector.
_NEAR = 0.3
_PASSES = 50


@dataclass(frozen=True, eq=False)
class LatticeFit:
    """Positions as nodes of a lattice, ``origin[frame] + index @ vectors + deviation``.

    Attributes
    ----------
    vectors : (2, 2) float64
        Rows a and b, (y, x) px.
    covariance : (4, 4) float64
        Of a_y, a_x, b_y, b_x, px^2, from the scatter of the positions.
    origins : (k, 2) float64
        Node (0, 0) of each frame, (y, x) px; NaN where a frame has no position on the lattice.
    frames : (k,) int
        Numbers of these frames.
    index : (n, 2) int
        Node of each position; 0 where it has none.
    deviation : (n, 2) float64
        Position minus node, (y, x) px; NaN where it has none.
    """

    vectors: DoubleArray
    covariance: DoubleArray
    origins: DoubleArray
    frames: npt.NDArray[np.intp]
    index: npt.NDArray[np.intp]
    deviation: DoubleArray

    @property
    def on_lattice(self) -> npt.NDArray[np.bool_]:
        """(n,) whether a position is near a node."""
        return np.isfinite(self.deviation[:, 0])

    @property
    def rms(self) -> DoubleArray:
        """(2,) root mean square of the deviations along (y, x), px."""
        used = self.deviation[self.on_lattice]
        return np.asarray(np.sqrt(np.mean(used**2, axis=0)), np.float64)


def fit_to_lattice(
    positions: npt.ArrayLike,
    *,
    vectors: npt.ArrayLike | None = None,
    frame: npt.ArrayLike | None = None,
) -> LatticeFit:
    """Fit a lattice to positions.

    Parameters
    ----------
    positions : (n, 2) array-like
        (y, x), px, such as `Matches.centres`.
    vectors : (2, 2) array-like, optional
        Approximate base vectors, rows (y, x) in pixels, such as those of `find_lattice`. By default
        the two shortest that neighbours share.
    frame : (n,) array-like of int, optional
        Frame of each position. Frames share the vectors, and each has its own origin. One frame by
        default.

    Returns
    -------
    LatticeFit

    Raises
    ------
    ValueError
        If there are fewer than 4 positions, or they show no lattice.

    Notes
    -----
    Nodes are numbered outwards from the middle, with the vectors fitted again at each radius, so
    that an error of the first vectors never adds up to half a cell. What is off by more than 0.3
    of the shorter vector belongs to no node.
    """
    places = np.asarray(positions, np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all():
        raise ValueError(f"positions has shape {places.shape}; give finite pairs (n, 2), (y, x).")
    groups = np.zeros(len(places), np.intp) if frame is None else np.asarray(frame, np.intp)
    if groups.shape != (len(places),):
        raise ValueError(
            f"frame has shape {groups.shape}; give one number for each of the {len(places)} "
            "positions."
        )
    if len(places) < 4:
        raise ValueError(
            f"A lattice needs 4 positions or more, not {len(places)}; lower the threshold."
        )
    frames, member = np.unique(groups, return_inverse=True)
    basis = shared_vectors(places, member) if vectors is None else _checked(vectors)
    origins, seeds = _seeds(places, member, len(frames))
    distance = np.hypot(*(places - seeds[member]).T)
    near = _NEAR * float(np.linalg.norm(basis, axis=1).min())
    index = np.zeros(places.shape, np.float64)
    used = distance == 0
    radius = 1.6 * float(np.linalg.norm(basis, axis=1).max())
    for _ in range(_PASSES):
        before = used, index
        nodes = (places - origins[member]) @ np.linalg.inv(basis)
        index = np.rint(nodes)
        missed = np.hypot(*(places - origins[member] - index @ basis).T)
        used = (missed < near) & (distance <= radius)
        basis, origins, covariance = _least_squares(places, member, index, used, basis, origins)
        settled = np.array_equal(used, before[0]) and np.array_equal(index[used], before[1][used])
        if settled and radius >= distance.max():
            break
        radius *= 1.5
    if used.sum() < 4:
        raise ValueError(
            f"Only {int(used.sum())} of {len(places)} positions lie on one lattice; give its "
            "vectors, or choose the positions of one grain."
        )
    deviation = places - origins[member] - index @ basis
    deviation[~used] = np.nan
    index[~used] = 0
    return LatticeFit(basis, covariance, origins, frames, index.astype(np.intp), deviation)


def unit_cell_motif(image: npt.ArrayLike, vectors: npt.ArrayLike) -> FloatArray:
    """The unit cell of a crystal as a motif, averaged over the whole image.

    Parameters
    ----------
    image : (h, w) array
        With one grain; NaN where nothing was observed.
    vectors : (2, 2) array-like
        Base vectors, rows (y, x) in pixels, as `find_lattice` gives them.

    Returns
    -------
    (th, tw) float32 array
        The smallest upright rectangle of whole pixels that holds the cell. What differs most from
        the median intensity, usually the strongest column, is in its centre.

    Raises
    ------
    ValueError
        If the image does not hold two cells.
    """
    pixels = np.asarray(image)
    basis = _checked(vectors)
    extent = np.abs(basis).sum(axis=0)
    height, width = (max(3, math.ceil(side - 1e-6)) for side in extent)
    middle = (np.array(pixels.shape) - 1) / 2
    first = _folded(pixels, basis, middle, (height, width))
    contrast = np.abs(first - np.nanmedian(first))
    place = np.unravel_index(int(np.nanargmax(contrast)), contrast.shape)
    centre = middle + np.array(place) - (np.array(first.shape) - 1) / 2
    return _folded(pixels, basis, centre, (height, width))


def _folded(
    pixels: npt.NDArray[np.generic],
    basis: DoubleArray,
    centre: DoubleArray,
    shape: tuple[int, int],
) -> FloatArray:
    """Average of the tiles at all nodes about a centre that lie wholly inside the image."""
    size = np.array(pixels.shape)
    corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)]) * (size - 1) - centre
    reach = np.abs(corners @ np.linalg.inv(basis)).max(axis=0)
    h, k = (np.arange(-math.ceil(r), math.ceil(r) + 1) for r in reach)
    index = np.stack(np.meshgrid(h, k, indexing="ij"), axis=-1).reshape(-1, 2)
    nodes = centre + index @ basis
    half = (np.array(shape) - 1) / 2
    inside = np.all((nodes >= half) & (nodes <= size - 1 - half), axis=1)
    if inside.sum() < 2:
        raise ValueError(
            f"The image of {size[0]} x {size[1]} px holds fewer than two cells of {shape[0]} x "
            f"{shape[1]} px; give a larger image or shorter vectors."
        )
    return average_tiles(pixels, Matches.at(nodes[inside], tile_shape=shape)).mean


def _seeds(
    places: DoubleArray, member: npt.NDArray[np.intp], count: int
) -> tuple[DoubleArray, DoubleArray]:
    """Where each frame's numbering begins: its position nearest to the middle, twice."""
    seeds = np.empty((count, 2))
    for k in range(count):
        own = places[member == k]
        seeds[k] = own[int(np.argmin(np.hypot(*(own - own.mean(axis=0)).T)))]
    return seeds.copy(), seeds


def _least_squares(
    places: DoubleArray,
    member: npt.NDArray[np.intp],
    index: DoubleArray,
    used: npt.NDArray[np.bool_],
    basis: DoubleArray,
    origins: DoubleArray,
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Vectors common to all frames, an origin for each, and the covariance of the vectors."""
    count = np.bincount(member[used], minlength=len(origins)).astype(np.float64)
    safe = np.where(count > 0, count, np.nan)

    def centred(values: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        sums = [
            np.bincount(member[used], weights=values[used, c], minlength=len(origins))
            for c in (0, 1)
        ]
        mean = np.stack(sums, axis=1) / safe[:, None]
        return values[used] - mean[member[used]], mean

    design, index_mean = centred(index)
    target, place_mean = centred(places)
    covariance = np.full((4, 4), np.nan)
    if np.linalg.matrix_rank(design) < 2:
        return basis, origins, covariance
    normal = np.linalg.inv(design.T @ design)
    found = normal @ (design.T @ target)
    left = target - design @ found
    freedom = len(target) - int((count > 0).sum()) - 2
    if freedom > 0:
        covariance = np.kron(normal, left.T @ left / freedom)
    moved = place_mean - index_mean @ found
    return found, np.where(np.isfinite(moved), moved, origins), covariance


def _checked(vectors: npt.ArrayLike) -> DoubleArray:
    basis = np.array(vectors, np.float64)
    if basis.shape != (2, 2) or not np.isfinite(basis).all():
        raise ValueError(f"vectors has shape {basis.shape}; give two finite rows (y, x) in pixels.")
    lengths = np.linalg.norm(basis, axis=1)
    if abs(float(np.linalg.det(basis))) <= 0.05 * float(lengths.prod()):
        raise ValueError(f"vectors {basis.tolist()} are parallel; give two directions.")
    return basis
