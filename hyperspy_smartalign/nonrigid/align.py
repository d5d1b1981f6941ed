"""The whole non-rigid registration: from frames and where they start to transforms with errors.

Cycles of passes. Each pass compares every frame with the mean of the others as they are placed by
now, and takes one Gauss-Newton step; a cycle ends when the steps are small enough.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.rigid.spectra import white_noise_variance
from hyperspy_smartalign.rigid.store import FrameSource, FrameStore
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms import Transform

from .equations import Brightness
from .gauge import undetermined
from .lines import lines_of
from .passes import Evaluated, LineState, evaluate, gain_of, improve
from .result import Cycle, NonrigidResult
from .settings import Settings
from .sources import ComparedFrames
from .timing import drift_rates

__all__ = ["align_frames_nonrigid"]

BoolArray = npt.NDArray[np.bool_]
DoubleArray = npt.NDArray[np.float64]
Progress = Callable[[str, int, int], None]

logger = logging.getLogger("hyperspy_smartalign")

#: A first cycle ends when the mean change is below this, px; the last at the user's limit.
FIRST_LIMIT = 0.03
#: Without a limit the last cycle ends when the change is below this share of the standard error,
SHARE_OF_ERROR = 0.1
#: and the first when it is below this one.
FIRST_SHARE = 1.0
#: Held-out gain a frame below which a distortion is not believed. Frames pull each other's noise
#: together a little, so that it is not below 0 for noise alone.
LEAST_GAIN = 2.0
#: Standard deviations of the noise by which frames must resemble their mean to be compared at all.
LEAST_SIMILARITY = 5.0
#: Fall of the held-out gain that is taken for noise: this share of it, and as much a frame.
GAIN_SHARE, GAIN_NOISE = 0.05, 2.0


@dataclass(frozen=True)
class _Plan:
    """The models of the cycles, in order, and when each ends."""

    models: tuple[str, ...]
    limit: float | None
    iterations: int

    @classmethod
    def of(cls, parameters: NonrigidParameters) -> _Plan:
        models = ("affine",) * parameters.affine_cycles + parameters.models
        return cls(models, parameters.convergence_limit, parameters.iteration_limit)

    def ends(self, cycle: int, state: LineState) -> bool:
        """Whether the changes are small enough to end a cycle.

        The limit is tightened evenly, on a logarithmic scale, to that of the last cycle.
        """
        part = 1.0 if len(self.models) == 1 else cycle / (len(self.models) - 1)
        if self.limit is None:
            share = FIRST_SHARE * (SHARE_OF_ERROR / FIRST_SHARE) ** part
            return bool(state.change < share * state.error)
        first = max(FIRST_LIMIT, self.limit)
        return bool(state.change < first * (self.limit / first) ** part)


def align_frames_nonrigid(
    frames: FrameSource,
    start: Sequence[Transform],
    parameters: NonrigidParameters,
    *,
    excluded: BoolArray,
    scan: ScanGeometry | None = None,
    region: tuple[int, int, int, int] | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> NonrigidResult:
    """Measure the distortion of every frame of a series.

    Parameters
    ----------
    frames : FrameSource
        ``len(frames)`` frames read by ``frames.frame(i)``, (h, w).
    start : sequence of Transform
        From the common frame to each frame, right within a pixel or two.
    parameters : NonrigidParameters
        Those of estimation; output parameters are not used here.
    excluded : (n,) bool
        Frames that take no part; they keep their start.
    scan : ScanGeometry, optional
        Directions and times of the scan lines; rows without times by default.
    region : (left, right, top, bottom), optional
        Pixels of the frame that are used, right and bottom excluded.
    num_workers : int, optional
        Threads; one per processor by default.
    progress : callable, optional
        ``progress(stage, done, total)``.

    Returns
    -------
    NonrigidResult
    """
    n = len(frames)
    if len(start) != n or excluded.shape != (n,):
        raise ValueError(
            f"{n} frames need as many transforms and exclusions, not {len(start)} and "
            f"{len(excluded)}."
        )
    if n - int(excluded.sum()) < 2:
        raise ValueError("fewer than two frames are left to compare; exclude fewer.")
    work = _Work.of(frames, parameters, excluded, region=region, num_workers=num_workers)
    origin = (0, 0) if region is None else (region[2], region[0])
    moved = [transform.moved(origin) for transform in start]
    axes = _axes(scan, n, parameters)
    state = LineState(
        paths=tuple(
            lines_of(transform, work.store.shape, int(axis))
            for transform, axis in zip(moved, axes, strict=True)
        ),
        brightness=(Brightness(),) * n,
        noise=work.noise,
    )
    rates = None
    if parameters.continuous is not False:
        rates = drift_rates(scan, state.shifts, work.store.shape)
        if rates is None and parameters.continuous:
            raise ValueError(
                "continuous=True needs the times of the scan lines: give them with "
                "signal.smartalign.prepare(line_time=...)."
            )
    settings = replace(work.settings, axes=axes, rates=rates)
    run = _run(work.store, state, settings, parameters, progress or _silent)
    return _result(run, moved, origin, settings)


def _silent(stage: str, done: int, total: int) -> None:
    pass


def _axes(
    scan: ScanGeometry | None, n: int, parameters: NonrigidParameters
) -> npt.NDArray[np.intp]:
    """Array axis of the slow scan of each frame; rows where no model needs scan lines."""
    if scan is None or set(parameters.models) <= {"free"}:
        return np.zeros(n, np.intp)
    return np.array([scan.slow_axis(i) for i in range(n)], np.intp)


@dataclass(frozen=True)
class _Work:
    """The frames as they are compared, and the settings that hold throughout."""

    store: FrameStore
    settings: Settings
    noise: NoiseModel

    @classmethod
    def of(
        cls,
        frames: FrameSource,
        parameters: NonrigidParameters,
        excluded: BoolArray,
        *,
        region: tuple[int, int, int, int] | None,
        num_workers: int | None,
    ) -> _Work:
        width = float(parameters.smooth_frames)
        first = np.asarray(frames.frame(0))
        source = ComparedFrames(frames, width)
        store = FrameStore(source, region=region, keep=not source.lazy, num_workers=num_workers)
        used = ~excluded
        means = np.array([_mean(store.frame(i)) if used[i] else np.nan for i in range(len(store))])
        saturation = np.inf
        if first.dtype.kind in "iu" and width == 0:
            saturation = float(np.iinfo(first.dtype).max)
        fixed = parameters.reference if isinstance(parameters.reference, int) else None
        if fixed is not None and (fixed >= len(frames) or excluded[fixed]):
            raise ValueError(
                f"reference={fixed} is no frame that takes part: there are {len(frames)} frames, "
                "counted from 0, and excluded ones cannot be the reference."
            )
        members = np.flatnonzero(used)
        sample = members[np.unique(np.linspace(0, len(members) - 1, 8).astype(int))]
        variance = white_noise_variance(
            lambda index: np.nan_to_num(store.frame(index), nan=means[index]), sample, store.shape
        )
        # A smoothed frame shows its noise at low frequencies only.
        spread = 1.0 if width == 0 else max(1.0, 4 * np.pi * width**2)
        level = float(np.nanmean(means))
        variance = max(variance, 1e-12 * max(level**2, 1e-30))
        settings = Settings(
            used=used,
            axes=np.zeros(len(frames), np.intp),
            weights=_weights(parameters, used, means),
            level=level,
            fixed=fixed,
            smoothing=parameters.smooth_reference,
            length=parameters.smoothing,
            robustness=float(parameters.noise_constant),
            line_noise=bool(parameters.line_noise),
            information=1.0 / spread,
            saturation=saturation,
            constrain_edges=bool(parameters.constrain_edges),
            num_workers=num_workers,
        )
        return cls(store, settings, NoiseModel(variance, 0.0, 0.1 * variance))


def _mean(pixels: npt.NDArray[np.float32]) -> float:
    finite = pixels[np.isfinite(pixels)]
    return float(finite.mean(dtype=np.float64)) if finite.size else 0.0


def _weights(parameters: NonrigidParameters, used: BoolArray, means: DoubleArray) -> DoubleArray:
    """Weight of each frame in the reference, one on average."""
    given = parameters.weights
    if given == "dose":
        weights = np.where(used, np.maximum(np.nan_to_num(means), 0.0), 0.0)
    elif isinstance(given, str):
        weights = np.where(used, 1.0, 0.0)
    else:
        weights = np.where(used, np.asarray(given, np.float64), 0.0)
    if (weights > 0).sum() < 2:
        raise ValueError("fewer than two frames have a weight above 0, so that there is no mean.")
    return np.asarray(weights / weights[weights > 0].mean())


@dataclass(frozen=True)
class _Run:
    """Where the cycles led."""

    state: LineState
    cycles: tuple[Cycle, ...]
    before: Evaluated
    after: Evaluated
    messages: tuple[str, ...]
    cancelled: bool


def _run(
    store: FrameStore,
    state: LineState,
    settings: Settings,
    parameters: NonrigidParameters,
    progress: Progress,
) -> _Run:
    plan = _Plan.of(parameters)
    total = len(plan.models)
    cycles: list[Cycle] = []
    messages: list[str] = []

    def settings_of(cycle: int, similarity: DoubleArray) -> Settings:
        chosen = settings
        if cycle < parameters.local_cycle_count:
            chosen = replace(chosen, reach=int(parameters.reference_width))
        if parameters.weights == "quality":
            chosen = replace(chosen, weights=_quality(similarity, settings.used))
        return chosen

    def measured(state: LineState, chosen: Settings, stage: str) -> Evaluated:
        return evaluate(
            store, state, chosen, progress=lambda done, count: progress(stage, done, count)
        )

    settings_now = settings_of(0, np.ones(len(store)))
    evaluated = measured(state, settings_now, "comparing frames")
    if _brightness_differs(evaluated):
        state = replace(state, brightness=evaluated.brightness, noise=evaluated.noise)
        evaluated = measured(state, settings_now, "comparing frames")
    first = evaluated
    if not _alike(evaluated, store.shape):
        message = "the frames show nothing in common above their noise, so that none is corrected"
        return _Run(state, (), first, first, (message,), False)
    # The best state of the affine and of the non-linear cycles, with its held-out gain.
    best: tuple[float, LineState, Evaluated] = (0.0, state, evaluated)
    family, stopped, cancelled, drifts = "", False, False, False
    try:
        for number, model in enumerate(plan.models):
            if family != _family(model):
                # Affine cycles that show nothing do not keep the lines from being tried.
                family, stopped = _family(model), False
                state = replace(state, change=np.inf, damping=1.0)
                best = (0.0, state, evaluated)
            if stopped:
                continue
            settings_now = settings_of(number, evaluated.similarity)
            similarity = evaluated.similarity
            changes: list[float] = []
            for _ in range(plan.iterations):
                state = improve(state, evaluated, settings_now, model=model)
                changes.append(state.change)
                stage = f"cycle {number + 1} of {total}, {model}: {state.change:.4f} px"
                evaluated = measured(state, settings_now, stage)
                if plan.ends(number, state):
                    break
            gain = gain_of(state, evaluated, settings_now, model=model, against_drift=drifts)
            kept = not parameters.guard or (
                gain >= max((1 - GAIN_SHARE) * best[0] - GAIN_NOISE, LEAST_GAIN)
            )
            cycles.append(Cycle(model, tuple(changes), gain, similarity, kept))
            logger.info(
                "cycle %d of %d, %s: %d iterations, mean shift %.2g px, held-out gain %.3g%s",
                number + 1, total, model, len(changes), changes[-1], gain,
                "" if kept else ", dropped",
            )  # fmt: skip
            if kept:
                best = (max(gain, best[0]), state, evaluated)
                drifts = drifts or model == "affine"
            else:
                # The errors tell how well it is known that there is nothing.
                errors = best[1].errors or state.errors
                state, evaluated, stopped = replace(best[1], errors=errors), best[2], True
                if best[0] > 0:
                    messages.append(_dropped(number, model, gain, best[0]))
    except KeyboardInterrupt:
        if not parameters.keep_on_cancel:
            raise
        cancelled = True
        state, evaluated = best[1], best[2]
        messages.append(f"cancelled after {len(cycles)} of {total} cycles: the best until then")
    if cycles and not any(cycle.kept for cycle in cycles):
        messages.append(
            "the series shows no distortion of its frames above the noise, so that none is "
            "corrected (pixels held out of the fit got no better)"
        )
    return _Run(state, tuple(cycles), first, evaluated, tuple(messages), cancelled)


def _family(model: str) -> str:
    return "affine" if model == "affine" else "non-linear"


def _dropped(number: int, model: str, gain: float, best: float) -> str:
    return (
        f"cycle {number + 1} ({model}) was dropped: pixels held out of the fit got worse "
        f"(gain {gain:.3g} a frame, {best:.3g} before)"
    )


def _alike(evaluated: Evaluated, shape: tuple[int, int]) -> bool:
    """Whether frames have more in common with the mean of the others than by chance."""
    known = evaluated.similarity[np.isfinite(evaluated.similarity)]
    if not len(known):
        return False
    return bool(known.mean() * np.sqrt(shape[0] * shape[1]) > LEAST_SIMILARITY)


def _brightness_differs(evaluated: Evaluated) -> bool:
    spread = np.sqrt(10 * evaluated.noise.floor)
    return any(
        abs(each.contrast - 1.0) > 0.05 or abs(each.offset) > 0.3 * spread
        for each in evaluated.brightness
    )


def _quality(similarity: DoubleArray, used: BoolArray) -> DoubleArray:
    """Weights that grow with how well a frame fits: the inverse variance of its noise."""
    known = np.clip(np.nan_to_num(similarity, nan=0.0), 0.01, 0.99)
    weights = np.where(used, known**2 / (1 - known**2), 0.0)
    return np.asarray(weights / weights[used].mean())


def _result(
    run: _Run, start: Sequence[Transform], origin: tuple[int, int], settings: Settings
) -> NonrigidResult:
    state = run.state
    back = (-origin[0], -origin[1])
    moved = [
        (path.transform() if use else transform).moved(back)
        for path, transform, use in zip(state.paths, start, settings.used, strict=True)
    ]
    n, lines = len(state.paths), max(path.lines for path in state.paths)
    errors = np.full((n, lines, 2), np.nan)
    for index, (path, error) in enumerate(zip(state.paths, state.errors, strict=False)):
        errors[index, : path.lines] = path.image_order(error)
    with np.errstate(invalid="ignore"):
        known = np.isfinite(errors)
        precision = np.sqrt(
            np.where(known, errors, 0.0).__pow__(2).sum(1)
            / np.where(known.any(1), known.sum(1), np.nan)
        )
    return NonrigidResult(
        transforms=tuple(moved),
        precision=precision,
        line_errors=errors,
        excluded=~settings.used,
        similarity_before=run.before.similarity,
        similarity=run.after.similarity,
        cycles=run.cycles,
        prior=state.prior,
        undetermined=undetermined(state.paths, settings.rates),
        noise=run.after.noise,
        messages=run.messages,
        cancelled=run.cancelled,
    )
