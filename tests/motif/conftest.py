"""A crystal whose repeats are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial import cKDTree

from hyperspy_smartalign.data import image_gradient, lattice, render_image
from hyperspy_smartalign.motif import Matches


@dataclass(frozen=True, eq=False)
class Repeats:
    """Frames of a perfect crystal, a motif cut out of the first, and where it repeats."""

    frames: npt.NDArray[np.float32]
    clean: npt.NDArray[np.float64]
    corner: tuple[int, int]
    shape: tuple[int, int]
    centres: npt.NDArray[np.float64]
    bound: npt.NDArray[np.float64]

    @property
    def window(self) -> tuple[slice, slice]:
        (y, x), (h, w) = self.corner, self.shape
        return slice(y, y + h), slice(x, x + w)

    @property
    def motif(self) -> npt.NDArray[np.float32]:
        return self.frames[(0, *self.window)]

    def judged(self, matches: Matches) -> tuple[float, int, npt.NDArray[np.float64]]:
        """Recall of tiles a pixel inside the frame, false matches, and errors (n, 2), px."""
        half = (np.array(self.shape) - 1) / 2
        size = self.frames.shape[1:]
        sure = ((self.centres >= half + 1) & (self.centres <= size - half - 2)).all(axis=1)
        tree = cKDTree(self.centres)
        found, false, errors = 0, 0, []
        for i in range(len(self.frames)):
            places = matches.in_frame(i).centres
            distance, nearest = tree.query(places)
            near = distance < 3
            false += int((~near).sum())
            found += len(np.intersect1d(nearest[near], np.flatnonzero(sure)))
            errors.append((places - self.centres[nearest])[near])
        return found / (len(self.frames) * sure.sum()), false, np.concatenate(errors)


@pytest.fixture(scope="session")
def repeats():
    """Function that makes repeats at a dose (counts at intensity 1)."""

    def make(
        dose: float,
        *,
        frames: int = 2,
        size: tuple[int, int] = (251, 300),
        shape: tuple[int, int] = (32, 33),
        seed: int = 0,
    ) -> Repeats:
        crystal = lattice("perovskite", spacing=16.3, angle=10.0, field=size, margin=64)
        clean = render_image(crystal)
        strong = crystal.positions[crystal.species == 0]
        half = (np.array(shape) - 1) / 2
        middle = strong[np.argmin(np.linalg.norm(strong - crystal.centre, axis=1))]
        top, left = (int(n) for n in np.rint(middle - half))
        gradient = image_gradient(crystal, shape, origin=(float(top), float(left)))
        intensity = clean[top : top + shape[0], left : left + shape[1]]
        fisher = np.einsum("aij,bij->ab", gradient, gradient * dose / intensity)
        rng = np.random.default_rng(seed)
        return Repeats(
            frames=rng.poisson(dose * clean, (frames, *size)).astype(np.float32),
            clean=clean,
            corner=(top, left),
            shape=shape,
            centres=strong + (np.add((top, left), half) - middle),
            bound=np.sqrt(np.diag(np.linalg.inv(fisher))),
        )

    return make
