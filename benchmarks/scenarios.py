"""The simulated series that contestants are tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data import SimulatedStack, lattice_recipe, tilt_boundary_recipe


@dataclass(frozen=True)
class Recipe:
    """A kind of series: how to make it, and the spacing of its lattice in pixels."""

    make: Callable[..., SimulatedStack]
    spacing: float


RECIPES = {
    "lattice": Recipe(lattice_recipe, 16.3),
    "tilt boundary": Recipe(tilt_boundary_recipe, 16.0),
}


@dataclass(frozen=True)
class Scenario:
    """One simulated series.

    Attributes
    ----------
    recipe : str
        A key of `RECIPES`.
    dose : float
        Counts a pixel at the peak of the strongest column.
    frames : int
        How many.
    shape : (int, int)
        Rows and columns of a frame.
    seed : int
        Seed of specimen, drift and noise.
    """

    recipe: str
    dose: float
    frames: int
    shape: tuple[int, int]
    seed: int

    @property
    def spacing(self) -> float:
        """Lattice spacing, px."""
        return RECIPES[self.recipe].spacing

    def simulate(self) -> SimulatedStack:
        """Make the series."""
        make = RECIPES[self.recipe].make
        return make(self.dose, frames=self.frames, shape=self.shape, seed=self.seed)


def cramer_rao_bound(simulated: SimulatedStack) -> npt.NDArray[np.float64]:
    """(2,) smallest standard error (y, x) of a shift, px: rms over first, middle and last frame."""
    count = len(simulated.stack)
    bounds = [simulated.truth.cramer_rao_shift(frame=index) for index in {0, count // 2, count - 1}]
    return np.asarray(np.sqrt(np.mean(np.square(bounds), axis=0)))
