"""The whole non-rigid registration: from frames and where they start to transforms with errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.rigid.spectra import white_noise_variance
from hyperspy_smartalign.rigid.store import FrameSource, FrameStore
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms import Transform

from .cycles import Progress, Run, Watch, run_cycles
from .frame_fit import Brightness
from .gauge import undetermined
from .lines import LinePath, lines_of
from .result import NonrigidResult
from .settings import Settings
from .sources import ComparedFrames
from .state import State
from .timing import drift_rates

__all__ = ["align_frames_nonrigid"]

BoolArray = npt.NDArray[np.bool_]
DoubleArray = npt.NDArray[np.float64]


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
    watch: Watch | None = None,
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
    watch : callable, optional
        Told what is found before the end: a `CycleDone` before the first cycle and after each.

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
    state = State(
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
    run = run_cycles(work.store, state, settings, parameters, progress or _silent, watch)
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


def _result(
    run: Run, start: Sequence[Transform], origin: tuple[int, int], settings: Settings
) -> NonrigidResult:
    state = run.state
    back = (-origin[0], -origin[1])
    moved = [
        (path.transform() if use else transform).moved(back)
        for path, transform, use in zip(state.paths, start, settings.used, strict=True)
    ]
    errors = _line_errors(run)
    return NonrigidResult(
        transforms=tuple(moved),
        precision=_precision(run),
        line_errors=errors,
        excluded=~settings.used,
        similarity_before=run.before.similarity,
        similarity=run.after.similarity,
        cycles=run.cycles,
        prior=state.prior,
        undetermined=_undetermined(run, settings),
        noise=run.after.noise,
        messages=run.messages,
        cancelled=run.cancelled,
    )


def _line_errors(run: Run) -> DoubleArray | None:
    """Standard errors (n, lines, 2) (y, x) of all lines; None for free displacements."""
    paths = run.state.lines
    if not paths:
        return None
    errors = np.full((len(paths), max(path.lines for path in paths), 2), np.nan)
    for index, error in enumerate(run.state.errors):
        errors[index, : paths[index].lines] = paths[index].image_order(error)
    return errors


def _precision(run: Run) -> DoubleArray:
    """Root mean square (n, 2) (y, x) of the standard errors of each frame."""
    precision = np.full((len(run.state.paths), 2), np.nan)
    for index, (path, error) in enumerate(zip(run.state.paths, run.state.errors, strict=False)):
        if isinstance(path, LinePath):
            precision[index] = path.image_order(np.sqrt(np.mean(error**2, axis=0)))
        else:
            precision[index] = np.sqrt(np.mean(error**2, axis=(1, 2)))
    return precision


def _undetermined(run: Run, settings: Settings) -> str:
    if run.state.lines:
        return undetermined(run.state.lines, settings.rates)
    return (
        "A distortion common to all frames cannot be seen; it is what it was at the start of the "
        "free cycles."
    )
