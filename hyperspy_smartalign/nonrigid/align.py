"""The whole non-rigid registration: from frames and where they start to transforms with errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.resampling.workers import one_thread_each
from hyperspy_smartalign.rigid.store import FrameSource, FrameStore
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms import Transform

from .beginning import Beginning
from .cycles import Progress, Run, Watch, run_cycles
from .gauge import undetermined
from .lines import LinePath
from .residuals import residual_power
from .result import NonrigidResult
from .running import RunningAverage
from .settings import Settings
from .sources import ComparedFrames
from .whitened import WhiteGrid, find_white_grid

__all__ = ["align_frames_nonrigid"]

BoolArray = npt.NDArray[np.bool_]
DoubleArray = npt.NDArray[np.float64]


@one_thread_each()
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
    origin = (0, 0) if region is None else (region[2], region[0])
    moved = [transform.moved(origin) for transform in start]
    told = progress or _silent

    def begin(grid: WhiteGrid | None) -> Beginning:
        return Beginning.of(
            frames, moved, parameters, excluded, scan, region, grid, num_workers=num_workers
        )

    grid = find_white_grid(frames, excluded, region)
    beginning = begin(grid)
    if grid is not None:
        # What jitters looks like noise at first; known to be no more, it is told from it.
        power = _residuals(beginning, grid.parameters(parameters), told)
        if power is not None:
            grid = grid.refined(power)
            del beginning
            beginning = begin(grid)
    average = None
    if watch is not None:
        average = _average(frames, beginning, region, grid)
    run = run_cycles(
        beginning.store,
        beginning.state,
        beginning.settings,
        parameters if grid is None else grid.parameters(parameters),
        told,
        watch=watch,
        average=average,
    )
    return _result(run, moved, origin, beginning.settings, grid)


def _residuals(
    beginning: Beginning, parameters: NonrigidParameters, progress: Progress
) -> DoubleArray | None:
    """Power spectrum of what a first, short look leaves unexplained."""
    first_look = {
        "model": "scan_locked",
        "affine_cycles": 0,
        "nonlinear_cycles": 1,
        "local_cycles": None,
        "max_iterations": 2,
        "solver": "map",
        "guard": False,
        "keep_on_cancel": False,
    }
    run = run_cycles(
        beginning.store,
        beginning.state,
        beginning.settings,
        NonrigidParameters(**{**parameters.keywords(), **first_look}),
        lambda stage, done, total: progress("looking at the noise", done, total),
    )
    return residual_power(beginning.store, run.state, beginning.settings)


def _silent(stage: str, done: int, total: int) -> None:
    pass


def _average(
    frames: FrameSource,
    beginning: Beginning,
    region: tuple[int, int, int, int] | None,
    grid: WhiteGrid | None,
) -> RunningAverage:
    """What draws the average, always of the frames as they were given."""
    shifts, used = beginning.state.shifts, beginning.settings.used
    if grid is None:
        return RunningAverage(beginning.store, shifts, used)
    return RunningAverage(
        FrameStore(ComparedFrames(frames), region=region, keep=False),
        shifts * grid.step,
        used,
        to_frames=grid.to_frames,
    )


def _result(
    run: Run,
    start: Sequence[Transform],
    origin: tuple[int, int],
    settings: Settings,
    grid: WhiteGrid | None,
) -> NonrigidResult:
    state = run.state
    back = (-origin[0], -origin[1])
    found = [path.transform() for path in state.paths]
    if grid is not None:
        found = [grid.to_frames(transform) for transform in found]
    moved = [
        (after if use else before).moved(back)
        for after, before, use in zip(found, start, settings.used, strict=True)
    ]
    result = NonrigidResult(
        transforms=tuple(moved),
        precision=_precision(run),
        line_errors=_line_errors(run),
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
    return result if grid is None else grid.on_frames(result, settings.axes)


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
