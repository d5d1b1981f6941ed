"""Comparison of every frame with its reference, whatever the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.noise import NoiseModel, ResidualBins, fit_noise
from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.rigid.store import FrameStore

from .equations import NOISE_BINS, LineEquations, line_equations
from .free_equations import FreeEquations, free_equations
from .lines import LinePath
from .reference import Model, Reference, build_reference
from .settings import Settings
from .state import Evaluated, State, shift_of

__all__ = ["evaluate", "reference_of", "turned"]

FloatArray = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]


def reference_of(store: FrameStore, state: State, settings: Settings) -> Reference:
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
        uneven=state.line_noise / max(float(state.noise.variance(settings.level)), 1e-300),
        num_workers=settings.num_workers,
    )


def turned(array: FloatArray, axis: int) -> FloatArray:
    """An image with its scan lines as rows."""
    return array if axis == 0 else np.ascontiguousarray(array.T)


def evaluate(
    store: FrameStore,
    state: State,
    settings: Settings,
    *,
    progress: Progress | None = None,
) -> Evaluated:
    """Compare every frame with the mean of the others.

    Parameters
    ----------
    store : FrameStore
    state : State
    settings : Settings
    progress : callable, optional
        ``progress(done, total)``.

    Returns
    -------
    Evaluated
    """
    n = len(store)
    reference = reference_of(store, state, settings)
    intensities = _intensity_range(reference)
    equations: list[LineEquations | FreeEquations | None] = [None] * n

    def task(index: int) -> None:
        if not settings.used[index] or index == settings.fixed:
            return
        model = reference.model(index, shift_of(state.paths[index]))
        if model is not None:
            equations[index] = _equations(
                store.frame(index), index, model, reference, state, settings, intensities
            )

    run_tasks(task, n, num_workers=settings.num_workers, progress=progress)
    heard = [
        each
        for each, weight in zip(equations, settings.weights, strict=True)
        if each is not None and weight > 0
    ]
    lines = [each for each in equations if isinstance(each, LineEquations)]
    line_noise = 0.0
    if settings.line_noise and lines:
        line_noise = float(np.median([each.line_noise() for each in lines]))
    return Evaluated(
        equations=tuple(equations),
        brightness=tuple(
            before if each is None else each.brightness()
            for before, each in zip(state.brightness, equations, strict=True)
        ),
        noise=_noise([each.bins for each in heard], intensities, state.noise),
        similarity=np.array(
            [np.nan if each is None else each.similarity for each in equations], np.float64
        ),
        line_noise=line_noise,
    )


def _equations(
    frame: FloatArray,
    index: int,
    model: Model,
    reference: Reference,
    state: State,
    settings: Settings,
    intensities: tuple[float, float],
) -> LineEquations | FreeEquations:
    path = state.paths[index]
    axis = path.axis if isinstance(path, LinePath) else 0
    options = {
        "origin": model.origin if axis == 0 else model.origin[::-1],
        "level": reference.level,
        "brightness": state.brightness[index],
        "noise": state.noise,
        "denoised": model.denoised,
        "robustness": settings.robustness,
        "saturation": settings.saturation,
        "intensities": intensities,
    }
    if not isinstance(path, LinePath):
        found = free_equations(
            frame,
            model.coefficients,
            model.count,
            path=path,
            **options,  # type: ignore[arg-type]
        )
        return found.scaled(settings.information)
    lines = line_equations(
        turned(frame, axis),
        turned(model.coefficients, axis),
        turned(model.count, axis),
        offsets=path.offsets,
        slopes=path.slopes,
        tilted=True,
        line_noise=settings.line_noise,
        **options,  # type: ignore[arg-type]
    )
    return lines.scaled(settings.information)


def _intensity_range(reference: Reference) -> tuple[float, float]:
    """Range of the intensities of the mean, but for a few outlying pixels."""
    seen = reference.coverage > 0.5 * reference.coverage.max()
    low, high = np.quantile(reference.total[seen] / reference.coverage[seen], (0.001, 0.999))
    return float(low), float(high)


def _noise(
    bins: Sequence[npt.NDArray[np.float64]], intensities: tuple[float, float], before: NoiseModel
) -> NoiseModel:
    """Noise from the residuals of all frames; as before where there are none."""
    gathered = np.sum(bins, axis=0) if len(bins) else np.zeros((3, NOISE_BINS))
    if not gathered[0].sum() > 0 or not gathered[2].sum() > 0:
        return before
    edges = np.linspace(*intensities, NOISE_BINS + 1)
    return fit_noise(ResidualBins(edges, gathered[0], gathered[1], gathered[2]))
