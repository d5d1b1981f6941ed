"""One pass of the scan-line models: prior, displacements of the lines, gauge; and its worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.workers import run_tasks

from .equations import LineEquations
from .gauge import anchor
from .held_out import dispersion, line_gain
from .lines import LinePath
from .prior import estimate_prior
from .process import LineProcess, matern
from .result import ScanPrior
from .settings import Settings
from .smoother import smooth_lines
from .state import Evaluated, State

__all__ = ["gain_of_lines", "improve_lines", "process_of", "settle_lines"]

DoubleArray = npt.NDArray[np.float64]

#: Mean square of the slopes along lines, in units of their variance, below which there are none.
LEAST_SLOPE = 3.0
#: Change of a line in one pass, px, beyond which the fit is no longer linear.
LONGEST_STEP = 2.0


@dataclass(frozen=True)
class _Prepared:
    """Equations of a frame about its own mean, or its mean and drift."""

    base: DoubleArray
    present: DoubleArray
    equations: LineEquations

    def quadratic(self, half: int | None = None) -> tuple[DoubleArray, DoubleArray]:
        """A and b about no displacement but the base."""
        information, vector = self.equations.joined(half)
        return information, vector + np.einsum("kij,kj->ki", information, self.present)

    def apart(self) -> tuple[DoubleArray, DoubleArray]:
        """A and b (lines, 2) of each offset by itself, the other being where it is.

        Where structure has a direction, what one component does would pass for the other.
        """
        information, vector = self.equations.joined()
        own = np.diagonal(information, axis1=1, axis2=2)[:, :2]
        return own, vector[:, :2] + own * self.present[:, :2]


def _prepared(path: LinePath, equations: LineEquations, model: str, about_drift: bool) -> _Prepared:
    present = np.zeros(equations.vector.shape[1:])
    if about_drift and model == "affine":
        # What lines do already stays as it is.
        base = path.offsets
    elif about_drift:
        place = np.stack([np.ones(path.lines), path.place()], axis=1)
        base = place @ np.linalg.lstsq(place, path.offsets, rcond=None)[0]
    else:
        base = np.tile(path.mean, (path.lines, 1))
        present[:, 2:] = path.slopes * (path.length - 1) / 2
    present[:, :2] = path.offsets - base
    if model == "scan_locked":
        equations, present = equations.offsets_only(), present[:, :2]
    return _Prepared(base, present, equations)


def _prepare_all(
    state: State,
    evaluated: Evaluated,
    settings: Settings,
    model: str,
    *,
    about_drift: bool = True,
) -> dict[int, _Prepared]:
    known, paths = evaluated.lines, state.lines
    corrected = {i: each.with_line_noise(evaluated.line_noise) for i, each in known.items()}
    share = 1.0 / dispersion([each.disagreement() for each in corrected.values()])
    return {
        i: _prepared(paths[i], each.scaled(share), model, about_drift)
        for i, each in corrected.items()
    }


def process_of(prior: ScanPrior | None) -> tuple[LineProcess, DoubleArray]:
    """The process of a prior, and its standard deviations (slow, fast)."""
    if prior is None or not prior.rms.any():
        return LineProcess.none(), np.zeros(2)
    weights = prior.rms**2
    length = float(np.exp((weights * np.log(prior.length)).sum() / weights.sum()))
    return matern(prior.smoothness, length), prior.rms


def improve_lines(
    state: State,
    evaluated: Evaluated,
    settings: Settings,
    *,
    model: str,
) -> State:
    """The state after one Gauss-Newton step with the prior of the lines.

    Parameters
    ----------
    state : State
    evaluated : Evaluated
        Of that state.
    settings : Settings
    model : {"affine", "scan_locked", "row_fitting"}

    Returns
    -------
    State
    """
    prepared = _prepare_all(state, evaluated, settings, model)
    prior = state.prior
    if model != "affine" and state.wants_prior:
        prior = estimate_prior(
            [each.apart() for index, each in prepared.items() if settings.weights[index] > 0],
            length=settings.length,
            previous=prior if prior is not None and prior.rms.any() else None,
            num_workers=settings.num_workers,
        )
    process, rms = process_of(None if model == "affine" else prior)
    before = state.lines
    paths = list(before)
    errors = [np.full((path.lines, 2), np.nan) for path in paths]
    order = list(prepared)
    significance = np.zeros((len(order), 2))

    def solve(position: int) -> None:
        index = order[position]
        each, path = prepared[index], before[index]
        smoothed = smooth_lines(*each.quadratic(), process, rms)
        change = each.base + smoothed.values[:, :2] - path.offsets
        change = np.clip(change, -LONGEST_STEP, LONGEST_STEP)
        slopes = path.slopes
        if smoothed.values.shape[1] == 4:
            slopes = slopes + smoothed.values[:, 2:] / max((path.length - 1) / 2, 1.0)
            total = slopes[0] * (path.length - 1) / 2
            spread = np.diagonal(smoothed.covariance[0])[2:]
            significance[position] = total**2 / np.maximum(spread, 1e-30)
        if settings.constrain_edges:
            change = change * _fade(path.lines)[:, None]
        paths[index] = replace(path, offsets=path.offsets + change, slopes=slopes)
        spread = np.diagonal(smoothed.covariance, axis1=1, axis2=2)[:, :2]
        errors[index] = np.sqrt(np.maximum(spread, 0.0))

    run_tasks(solve, len(order), num_workers=settings.num_workers)
    if model == "affine" and significance.size and significance.mean() < LEAST_SLOPE:
        # Lines that are straight by all that is known are drawn faster, and add no noise.
        paths = [replace(path, slopes=np.zeros_like(path.slopes)) for path in paths]
    settled = settle_lines(state, paths, settings, model=model)
    return replace(
        settled,
        brightness=evaluated.brightness,
        noise=evaluated.noise,
        line_noise=evaluated.line_noise,
        prior=prior,
        errors=tuple(errors),
    )


def settle_lines(
    state: State, paths: Sequence[LinePath], settings: Settings, *, model: str
) -> State:
    """The state with new paths, their common part where it belongs, and not swinging.

    Parameters
    ----------
    state : State
        Before the pass.
    paths : sequence of LinePath
        After it.
    settings : Settings
    model : {"affine", "scan_locked", "row_fitting"}

    Returns
    -------
    State
    """
    before = state.lines
    moving = settings.used & (settings.weights > 0)
    anchored = tuple(paths)
    if settings.fixed is None and settings.reach is None and moving.sum() > 1:
        anchored = anchor(before, paths, moving, rates=settings.rates, model=model)
    change = _mean_change(before, anchored, settings.used)
    damping = state.damping_after(change)
    if damping < 1.0:
        anchored = tuple(
            replace(
                old,
                offsets=old.offsets + damping * (new.offsets - old.offsets),
                slopes=old.slopes + damping * (new.slopes - old.slopes),
            )
            for old, new in zip(before, anchored, strict=True)
        )
    return replace(state, paths=anchored, change=change, damping=damping)


def _mean_change(
    before: Sequence[LinePath], after: Sequence[LinePath], used: npt.NDArray[np.bool_]
) -> float:
    """Mean change of the displacement of a pixel, px."""
    changes = [
        np.abs(new.offsets - old.offsets).mean()
        + np.abs(new.slopes - old.slopes).mean() * new.length / 4
        for new, old, use in zip(after, before, used, strict=True)
        if use
    ]
    return float(np.mean(changes))


def _fade(lines: int) -> DoubleArray:
    """From 0 at the first and last line to 1 within a twentieth of the frame."""
    ramp = np.minimum(np.arange(lines), np.arange(lines)[::-1]) / max(lines / 20, 1.0)
    return np.asarray(np.minimum(ramp, 1.0))


def gain_of_lines(
    state: State,
    evaluated: Evaluated,
    settings: Settings,
    *,
    model: str,
    against_drift: bool,
) -> float:
    """Rise of the log-likelihood a frame of held-out pixels by what the model adds.

    Over frames that only drift, or only shift: see `line_gain`.
    """
    about_drift = against_drift and model != "affine"
    everything = _prepare_all(state, evaluated, settings, model, about_drift=about_drift)
    if not everything:
        return 0.0
    process, rms = process_of(None if model == "affine" else state.prior)
    paths = state.lines
    axes = [paths[index].axis for index in everything]
    groups: list[list[int]] = []
    if len(set(axes)) == 1 and settings.fixed is None and settings.reach is None:
        groups = [list(range(len(axes)))]
    gains = line_gain(
        [(each.quadratic(0), each.quadratic(1)) for each in everything.values()],
        process,
        rms,
        paths=[paths[index] for index in everything],
        groups=groups,
        against_drift=about_drift,
        num_workers=settings.num_workers,
    )
    return float(gains.mean())
