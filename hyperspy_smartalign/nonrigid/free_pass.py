"""One pass of the free model: prior, displacement fields, common part; and its worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.workers import run_tasks

from .free_path import FreePath
from .free_prior import estimate_free_prior
from .free_solve import free_gain, solve_free
from .settings import Settings
from .state import Evaluated, State

__all__ = ["free_state", "gain_of_fields", "improve_fields", "settle_fields"]

DoubleArray = npt.NDArray[np.float64]

#: Nodes across the shorter side of a frame, and the distances between which they are kept, px.
NODES, CLOSEST, FARTHEST = 24, 6.0, 16.0


def free_state(state: State, settings: Settings, shape: tuple[int, int]) -> State:
    """The state with a free displacement field for every frame, the same as its lines."""
    if all(isinstance(path, FreePath) for path in state.paths):
        return state
    spacing = float(np.clip(min(shape) / NODES, CLOSEST, FARTHEST))
    if settings.length is not None:
        spacing = max(min(spacing, settings.length / 2), 2.0)
    paths = tuple(FreePath.of(path.transform(), shape, spacing) for path in state.paths)
    return replace(state, paths=paths, prior=None, errors=(), change=np.inf, damping=1.0)


def _fields(state: State) -> list[FreePath]:
    return [path for path in state.paths if isinstance(path, FreePath)]


def improve_fields(state: State, evaluated: Evaluated, settings: Settings) -> State:
    """The state after one Gauss-Newton step with the prior of the fields.

    Parameters
    ----------
    state : State
        Of free paths.
    evaluated : Evaluated
        Of that state.
    settings : Settings

    Returns
    -------
    State
    """
    before, nodes = _fields(state), evaluated.nodes
    prior = state.prior
    if prior is None or state.wants_prior:
        prior = estimate_free_prior(
            [
                each.apart(before[index])
                for index, each in nodes.items()
                if settings.weights[index] > 0
            ],
            spacing=before[0].spacing,
            length=settings.length,
            previous=prior if prior is not None and prior.rms.any() else None,
            num_workers=settings.num_workers,
        )
    paths = list(before)
    errors = [np.full(path.values.shape, np.nan) for path in before]
    order = list(nodes)
    known = prior

    def solve(position: int) -> None:
        index = order[position]
        paths[index], errors[index] = solve_free(
            nodes[index], before[index], known, constrain_edges=settings.constrain_edges
        )

    run_tasks(solve, len(order), num_workers=settings.num_workers)
    settled = settle_fields(state, paths, settings)
    return replace(
        settled,
        brightness=evaluated.brightness,
        noise=evaluated.noise,
        prior=prior,
        errors=tuple(errors),
    )


def settle_fields(state: State, paths: Sequence[FreePath], settings: Settings) -> State:
    """The state with new fields, without a motion common to all frames.

    Such a motion only distorts their mean, and cannot be seen.
    """
    before = _fields(state)
    changes = [new.values - old.values for new, old in zip(paths, before, strict=True)]
    moving = np.flatnonzero(settings.used & (settings.weights > 0))
    if settings.fixed is None and settings.reach is None and len(moving) > 1:
        common = np.mean([changes[i] for i in moving], axis=0)
        changes = [each - common for each in changes]
    change = float(np.mean([np.abs(changes[i]).mean() for i in np.flatnonzero(settings.used)]))
    damping = state.damping_after(change)
    moved = tuple(old.moved_by(damping * each) for old, each in zip(before, changes, strict=True))
    return replace(state, paths=moved, change=change, damping=damping)


def gain_of_fields(state: State, evaluated: Evaluated, settings: Settings) -> float:
    """Rise of the log-likelihood a frame of held-out pixels by the fields."""
    before, nodes = _fields(state), evaluated.nodes
    prior = state.prior
    if not nodes or prior is None:
        return 0.0
    gains, order = np.zeros(len(nodes)), list(nodes)

    def task(position: int) -> None:
        index = order[position]
        gains[position] = free_gain(nodes[index], before[index], prior)

    run_tasks(task, len(order), num_workers=settings.num_workers)
    return float(gains.mean())
