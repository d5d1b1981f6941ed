"""Steps down a misfit that shorten themselves where they make things worse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["FULL_STEP", "Descent", "Problem", "View", "descend"]

DoubleArray = npt.NDArray[np.float64]

#: Acceleration of a full step: along each axis a pixel sees but half of its gradient energy.
FULL_STEP = 2.0
#: Share of the acceleration that is left when a step made things worse, and how often it may.
HEALING = 0.9
MOST_HEALINGS = 50
#: Rise of the misfit, relative, that is not yet a divergence while steps get smaller: the rule of
#: the pixels is not the exact slope of the misfit. Steps that turn back must get smaller by more.
SLACK = 1e-3
SHRINKING = 0.95


@dataclass(frozen=True)
class View:
    """A frame seen at one displacement.

    Attributes
    ----------
    misfit : float
        Mean squared residual, outliers limited.
    seen : float
        Number of pixels compared.
    similarity : float
        Correlation of frame and model.
    update : array of float64
        Full step that the pixels ask for.
    """

    misfit: float
    seen: float
    similarity: float
    update: DoubleArray


class Problem(Protocol):
    """What is moved, and what a frame says of it."""

    def view(self, values: DoubleArray) -> View: ...

    def advance(self, values: DoubleArray, update: DoubleArray, step: float) -> DoubleArray: ...

    def penalty(self, values: DoubleArray) -> float: ...

    def mean_shift(self, change: DoubleArray) -> float: ...


@dataclass(frozen=True)
class Descent:
    """Where the steps led; see `GradientFit`."""

    values: DoubleArray
    mean_shifts: tuple[float, ...]
    healed: int
    acceleration: float
    diverged: bool
    similarity: float


def descend(
    problem: Problem,
    start: DoubleArray,
    *,
    acceleration: float,
    tolerance: float,
    max_iterations: int,
) -> Descent:
    """Steps until they are small; those that make things worse are undone and shortened."""
    values, view = start, problem.view(start)
    first, first_cost = view, view.misfit + problem.penalty(start)
    cost, healed, diverged = first_cost, 0, False
    proposed = problem.advance(values, view.update, acceleration / FULL_STEP)
    shift = problem.mean_shift(proposed - values)
    shifts: list[float] = []
    while len(shifts) < max_iterations:
        tried = problem.view(proposed)
        tried_cost = tried.misfit + problem.penalty(proposed)
        following = problem.advance(proposed, tried.update, acceleration / FULL_STEP)
        next_shift = problem.mean_shift(following - proposed)
        turned = float(((following - proposed) * (proposed - values)).sum()) < 0
        settling = next_shift < (SHRINKING * shift if turned else shift)
        limit = cost * (1 + SLACK) if settling else cost
        if tried.seen >= 0.5 * first.seen and tried_cost <= limit:
            values, view, cost = proposed, tried, tried_cost
            shifts.append(shift)
            if shift < tolerance:
                break
            proposed, shift = following, next_shift
            continue
        if shift < tolerance:
            shifts.append(shift)
            break
        if healed == MOST_HEALINGS:
            diverged = True
            break
        healed += 1
        acceleration *= HEALING
        proposed = problem.advance(values, view.update, acceleration / FULL_STEP)
        shift = problem.mean_shift(proposed - values)
    if cost > first_cost * (1 + SLACK):
        values, view, diverged = start, first, True
    return Descent(values, tuple(shifts), healed, acceleration, diverged, view.similarity)
