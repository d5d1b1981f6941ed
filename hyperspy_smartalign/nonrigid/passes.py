"""One pass of the scan-line models: reference, equations, prior, displacements, gauge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.noise import NoiseModel, ResidualBins, fit_noise
from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.rigid.store import FrameStore

from .equations import NOISE_BINS, Brightness, LineEquations, line_equations
from .gauge import anchor
from .held_out import line_gain
from .lines import LinePath
from .prior import estimate_prior
from .process import LineProcess, matern
from .reference import Model, Reference, build_reference
from .result import ScanPrior
from .settings import Settings
from .smoother import smooth_lines

__all__ = ["Evaluated", "LineState", "evaluate", "gain_of", "improve"]

DoubleArray = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]

#: The prior is estimated anew until the lines move by less than this share of their error.
SETTLED = 0.3
#: A pass that asks for more than this share of the change before shortens the steps,
SWINGING = 0.8
#: by this factor, but not below the least.
SHORTER, SHORTEST = 0.6, 0.2
#: Change of a line in one pass, px, beyond which the fit is no longer linear.
LONGEST_STEP = 2.0


@dataclass(frozen=True)
class LineState:
    """Where the lines of all frames are, and what else has been learned.

    Attributes
    ----------
    paths : tuple of LinePath
    brightness : tuple of Brightness
    noise : NoiseModel
    prior : ScanPrior or None
    errors : tuple of ((lines, 2) float64)
        Standard error (slow, fast) of the offset of each line, px; NaN before the first pass.
    change : float
        Mean change of the displacement that the last pass asked for, px.
    damping : float
        Share of it that was taken. Below 1 where passes swing to and fro: what frames of several
        directions say of each other is taken up in all of them at once.
    """

    paths: tuple[LinePath, ...]
    brightness: tuple[Brightness, ...]
    noise: NoiseModel
    prior: ScanPrior | None = None
    errors: tuple[DoubleArray, ...] = ()
    change: float = np.inf
    damping: float = 1.0

    @property
    def shifts(self) -> DoubleArray:
        """Mean displacement (n, 2) (y, x) of each frame, px."""
        return np.array([path.image_order(path.mean) for path in self.paths])

    @property
    def error(self) -> float:
        """Root mean square of the standard errors of the lines, px."""
        known = [error for error in self.errors if np.isfinite(error).all()]
        if not known:
            return np.inf
        return float(np.sqrt(np.mean([np.mean(error**2) for error in known])))


@dataclass(frozen=True)
class Evaluated:
    """What the frames say of a state.

    Attributes
    ----------
    equations : tuple of LineEquations or None
        None for a frame that is not compared.
    brightness : tuple of Brightness
    noise : NoiseModel
    similarity : (n,) float64
        Correlation of each frame with the mean of the others; NaN where not compared.
    """

    equations: tuple[LineEquations | None, ...]
    brightness: tuple[Brightness, ...]
    noise: NoiseModel
    similarity: DoubleArray


def reference_of(store: FrameStore, state: LineState, settings: Settings) -> Reference:
    """The reference that the present state makes."""
    return build_reference(
        store,
        [path.transform() for path in state.paths],
        settings.weights,
        shifts=state.shifts,
        reach_of_motion=max(path.reach for path in state.paths),
        variance=float(state.noise.variance(settings.level)),
        level=settings.level,
        reach=settings.reach,
        fixed=settings.fixed,
        smoothing=settings.smoothing,
        num_workers=settings.num_workers,
    )


def intensity_range(reference: Reference) -> tuple[float, float]:
    """Range of the intensities of the mean, but for a few outlying pixels."""
    seen = reference.coverage > 0.5 * reference.coverage.max()
    low, high = np.quantile(reference.total[seen] / reference.coverage[seen], (0.001, 0.999))
    return float(low), float(high)


def noise_of(
    bins: Sequence[npt.NDArray[np.float64]], intensities: tuple[float, float], before: NoiseModel
) -> NoiseModel:
    """Noise from the residuals of all frames; as before where there are none."""
    gathered = np.sum(bins, axis=0) if len(bins) else np.zeros((3, NOISE_BINS))
    if not gathered[0].sum() > 0 or not gathered[2].sum() > 0:
        return before
    edges = np.linspace(*intensities, NOISE_BINS + 1)
    return fit_noise(ResidualBins(edges, gathered[0], gathered[1], gathered[2]))


def turned(array: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """An image with its scan lines as rows."""
    return array if axis == 0 else np.ascontiguousarray(array.T)


def evaluate(
    store: FrameStore,
    state: LineState,
    settings: Settings,
    *,
    progress: Progress | None = None,
) -> Evaluated:
    """Compare every frame with the mean of the others.

    Parameters
    ----------
    store : FrameStore
    state : LineState
    settings : Settings
    progress : callable, optional

    Returns
    -------
    Evaluated
    """
    n = len(store)
    reference = reference_of(store, state, settings)
    intensities = intensity_range(reference)
    equations: list[LineEquations | None] = [None] * n

    def task(index: int) -> None:
        if not settings.used[index] or index == settings.fixed:
            return
        path = state.paths[index]
        model = reference.model(index, path.image_order(path.mean))
        if model is None:
            return
        gain = reference.gain(reference.weight_of_others(index)).astype(np.float64)
        equations[index] = _equations(
            store.frame(index), model, path, reference.level, state.brightness[index], state.noise,
            float((gain**2).mean()), settings, intensities,
        )  # fmt: skip

    run_tasks(task, n, num_workers=settings.num_workers, progress=progress)
    known = [each for each in equations if each is not None]
    return Evaluated(
        equations=tuple(equations),
        brightness=tuple(
            before if each is None else each.brightness()
            for before, each in zip(state.brightness, equations, strict=True)
        ),
        noise=noise_of([each.bins for each in known], intensities, state.noise),
        similarity=np.array(
            [np.nan if each is None else each.similarity for each in equations], np.float64
        ),
    )


def _equations(
    frame: npt.NDArray[np.float32],
    model: Model,
    path: LinePath,
    level: float,
    brightness: Brightness,
    noise: NoiseModel,
    denoised: float,
    settings: Settings,
    intensities: tuple[float, float],
) -> LineEquations:
    axis = path.axis
    return line_equations(
        turned(frame, axis),
        turned(model.coefficients, axis),
        turned(model.count, axis),
        origin=model.origin if axis == 0 else model.origin[::-1],
        offsets=path.offsets,
        slopes=path.slopes,
        tilted=True,
        level=level,
        brightness=brightness,
        noise=noise,
        denoised=denoised,
        robustness=settings.robustness,
        saturation=settings.saturation,
        intensities=intensities,
    ).scaled(settings.information)


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


def _prepared(
    path: LinePath, equations: LineEquations, line_noise: float, model: str, about_drift: bool
) -> _Prepared:
    present = np.zeros(equations.vector.shape[1:])
    if about_drift:
        place = np.stack([np.ones(path.lines), path.place()], axis=1)
        base = place @ np.linalg.lstsq(place, path.offsets, rcond=None)[0]
    else:
        base = np.tile(path.mean, (path.lines, 1))
        present[:, 2:] = path.slopes * (path.length - 1) / 2
    present[:, :2] = path.offsets - base
    corrected = equations.with_line_noise(line_noise)
    if model == "scan_locked":
        corrected, present = corrected.offsets_only(), present[:, :2]
    return _Prepared(base, present, corrected)


def _prepare_all(
    state: LineState,
    evaluated: Evaluated,
    settings: Settings,
    model: str,
    *,
    about_drift: bool = True,
) -> dict[int, _Prepared]:
    known = {i: each for i, each in enumerate(evaluated.equations) if each is not None}
    line_noise = 0.0
    if settings.line_noise and known:
        line_noise = float(np.median([each.line_noise() for each in known.values()]))
    return {
        i: _prepared(state.paths[i], each, line_noise, model, about_drift)
        for i, each in known.items()
    }


def _process(prior: ScanPrior | None) -> tuple[LineProcess, DoubleArray]:
    """The process of a prior, and its standard deviations (slow, fast)."""
    if prior is None or not prior.rms.any():
        return LineProcess.none(), np.zeros(2)
    weights = prior.rms**2
    length = float(np.exp((weights * np.log(prior.length)).sum() / weights.sum()))
    return matern(prior.smoothness, length), prior.rms


def improve(
    state: LineState,
    evaluated: Evaluated,
    settings: Settings,
    *,
    model: str,
) -> LineState:
    """The state after one Gauss-Newton step with the prior of the lines.

    Parameters
    ----------
    state : LineState
    evaluated : Evaluated
        Of that state.
    settings : Settings
    model : {"affine", "scan_locked", "row_fitting"}

    Returns
    -------
    LineState
    """
    prepared = _prepare_all(state, evaluated, settings, model)
    prior = state.prior
    if model != "affine" and (prior is None or state.change > SETTLED * state.error):
        prior = estimate_prior(
            [each.quadratic() for each in prepared.values()],
            length=settings.length,
            previous=prior if prior is not None and prior.rms.any() else None,
            num_workers=settings.num_workers,
        )
    process, rms = _process(None if model == "affine" else prior)
    paths = list(state.paths)
    errors = [np.full((path.lines, 2), np.nan) for path in paths]
    order = list(prepared)

    def solve(position: int) -> None:
        index = order[position]
        each, path = prepared[index], state.paths[index]
        smoothed = smooth_lines(*each.quadratic(), process, rms)
        change = each.base + smoothed.values[:, :2] - path.offsets
        change = np.clip(change, -LONGEST_STEP, LONGEST_STEP)
        slopes = path.slopes
        if smoothed.values.shape[1] == 4:
            slopes = slopes + smoothed.values[:, 2:] / max((path.length - 1) / 2, 1.0)
        if settings.constrain_edges:
            change = change * _fade(path.lines)[:, None]
        paths[index] = replace(path, offsets=path.offsets + change, slopes=slopes)
        spread = np.diagonal(smoothed.covariance, axis1=1, axis2=2)[:, :2]
        errors[index] = np.sqrt(np.maximum(spread, 0.0))

    run_tasks(solve, len(order), num_workers=settings.num_workers)
    moving = settings.used & (settings.weights > 0)
    if settings.fixed is None and settings.reach is None and moving.sum() > 1:
        anchored = anchor(
            state.paths, paths, moving, rates=settings.rates, tilted=model != "scan_locked"
        )
    else:
        anchored = tuple(paths)
    change = _mean_change(state.paths, anchored, settings.used)
    damping = state.damping
    if change > SWINGING * state.change:
        damping = max(SHORTER * damping, SHORTEST)
    if damping < 1.0:
        anchored = tuple(
            replace(
                old,
                offsets=old.offsets + damping * (new.offsets - old.offsets),
                slopes=old.slopes + damping * (new.slopes - old.slopes),
            )
            for old, new in zip(state.paths, anchored, strict=True)
        )
    return replace(
        state,
        paths=anchored,
        brightness=evaluated.brightness,
        noise=evaluated.noise,
        prior=prior,
        errors=tuple(errors),
        change=change,
        damping=damping,
    )


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


def gain_of(
    state: LineState,
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
    process, rms = _process(None if model == "affine" else state.prior)
    axes = [state.paths[index].axis for index in everything]
    groups: list[list[int]] = []
    if len(set(axes)) == 1 and settings.fixed is None and settings.reach is None:
        groups = [list(range(len(axes)))]
    gains = line_gain(
        [(each.quadratic(0), each.quadratic(1)) for each in everything.values()],
        process,
        rms,
        groups=groups,
        against_drift=about_drift,
        num_workers=settings.num_workers,
    )
    return float(gains.mean())
