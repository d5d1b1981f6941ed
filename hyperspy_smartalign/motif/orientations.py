"""Motifs turned and mirrored, for grains of other orientations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling import warp_frame
from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray
from hyperspy_smartalign.transforms.canvas import Canvas


@dataclass(frozen=True)
class Orientation:
    """How a motif lies in a frame: first mirrored, if at all, then turned about its centre.

    Attributes
    ----------
    angle : float
        Degrees, counter-clockwise on the screen.
    mirror : bool
        Left and right exchanged before the turn.
    """

    angle: float = 0.0
    mirror: bool = False

    @property
    def is_upright(self) -> bool:
        """Neither turned nor mirrored."""
        return self.angle % 360 == 0 and not self.mirror

    @property
    def matrix(self) -> DoubleArray:
        """(2, 2): a place p = (y, x) of the motif, from its centre, lies at ``matrix @ p``."""
        turn = math.radians(self.angle % 360)
        cosine, sine = math.cos(turn), math.sin(turn)
        if self.angle % 90 == 0:
            cosine, sine = float(round(cosine)), float(round(sine))
        matrix = np.array([[cosine, -sine], [sine, cosine]])
        return matrix @ np.diag([1.0, -1.0]) if self.mirror else matrix


def orientations(
    angles: float | Sequence[float] = 0.0, *, mirror: bool = False
) -> tuple[Orientation, ...]:
    """All orientations to search, each once: every angle, and mirrored too if `mirror`.

    Raises
    ------
    ValueError
        If there is no angle, or one is not finite.
    """
    listed = np.atleast_1d(np.asarray(angles, np.float64))
    if listed.size == 0 or not np.isfinite(listed).all():
        raise ValueError(f"angles is {angles!r}; give one or more finite numbers, in degrees.")
    turned = dict.fromkeys(float(angle % 360) for angle in listed)
    return tuple(
        Orientation(angle, flip) for flip in (False, True)[: 1 + mirror] for angle in turned
    )


def oriented(motif: FloatArray, orientation: Orientation) -> FloatArray:
    """The motif as it lies in a frame.

    Parameters
    ----------
    motif : (h, w) float32 array
        NaN where it says nothing.
    orientation : Orientation

    Returns
    -------
    (H, W) float32 array
        The smallest upright rectangle, with the same centre, that holds the motif; NaN where the
        motif does not reach. Quarter turns copy pixels, others are splines.
    """
    if orientation.is_upright:
        return motif
    quarters, rest = divmod(orientation.angle % 360, 90)
    flipped = motif[:, ::-1] if orientation.mirror else motif
    if rest == 0:
        return np.ascontiguousarray(np.rot90(flipped, int(quarters)))
    matrix = orientation.matrix
    half = (np.array(motif.shape) - 1) / 2
    height, width = (math.floor(2 * reach + 1 + 1e-6) for reach in np.abs(matrix) @ half)
    grid = np.indices((height, width), np.float64)
    offset = grid - np.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    inside = np.einsum("ab,bij->aij", np.linalg.inv(matrix), offset) + half[:, None, None]
    turned: npt.NDArray[np.float32] = warp_frame(
        motif, inside - grid, Canvas(0, 0, height, width)
    ).pixels
    return turned
