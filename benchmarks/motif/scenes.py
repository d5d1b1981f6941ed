"""The simulated series that motifs are searched in, and what is true of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.motif.settings import Motif
from benchmarks.settings import Shape
from hyperspy_smartalign.data import Crystal, image_gradient, lattice, render_image

FloatArray = npt.NDArray[np.float64]
# Pixels beyond the frame in which there are columns too.
BEYOND = 64.0


@dataclass(frozen=True, eq=False)
class Scene:
    """Frames of a perfect lattice, a region of the first as motif, and where it repeats.

    Attributes
    ----------
    frames : (n, h, w) float32
        Counts.
    corner : (int, int)
        Row and column of the first pixel of the motif.
    shape : (int, int)
        Rows and columns of the motif.
    spacing : float
        Of the lattice, px.
    centres : (m, 2) float64
        (y, x) of the centres of all repeats, those beyond the frame too, px.
    bound : (2,) float64
        Cramér-Rao bound on the position of one tile, px, the motif being known.
    """

    frames: npt.NDArray[np.float32]
    corner: tuple[int, int]
    shape: Shape
    spacing: float
    centres: FloatArray
    bound: FloatArray

    @property
    def motif(self) -> npt.NDArray[np.float32]:
        """(th, tw) region of the first frame, with its noise."""
        (top, left), (height, width) = self.corner, self.shape
        return self.frames[0, top : top + height, left : left + width]

    def first(self, frames: int) -> Scene:
        """The same with the first frames only."""
        return Scene(
            self.frames[:frames], self.corner, self.shape, self.spacing, self.centres, self.bound
        )


def scene(motif: Motif, *, dose: float, frames: int, shape: Shape, seed: int) -> Scene:
    """Simulate a series without distortions."""
    crystal = perfect(motif, shape)
    corner, centres = repeats(crystal, motif.shape)
    rng = np.random.default_rng(seed)
    intensity = render_image(crystal, shape)
    counts = np.empty((frames, *shape), np.float32)
    for frame in counts:
        frame[:] = rng.poisson(dose * intensity)
    information = row_information(crystal, corner, motif.shape, dose=dose).sum(axis=0)
    bound = np.sqrt(np.diag(np.linalg.inv(information)))
    return Scene(counts, corner, motif.shape, motif.spacing, centres, bound)


def perfect(motif: Motif, shape: Shape) -> Crystal:
    """The lattice without flaws, over a frame and around it."""
    return lattice(motif.crystal, spacing=motif.spacing, angle=10.0, field=shape, margin=BEYOND)


def repeats(crystal: Crystal, shape: Shape) -> tuple[tuple[int, int], FloatArray]:
    """Corner (row, column) of a motif about the middle column, and centres of all its repeats."""
    strong: FloatArray = crystal.positions[crystal.species == 0]
    half = (np.array(shape) - 1) / 2
    middle = strong[np.argmin(np.linalg.norm(strong - crystal.centre, axis=1))]
    top, left = (int(n) for n in np.rint(middle - half))
    return (top, left), strong + (np.add((top, left), half) - middle)


def row_information(crystal: Crystal, corner: tuple[int, int], shape: Shape, *, dose: float) -> Any:
    """(rows, 2, 2) Fisher information on the place (y, x) of each row of a motif, px^-2."""
    origin = (float(corner[0]), float(corner[1]))
    gradient = image_gradient(crystal, shape, origin=origin)
    weight = dose / render_image(crystal, shape, origin=origin)
    return np.einsum("ayx,byx->yab", gradient, gradient * weight)
