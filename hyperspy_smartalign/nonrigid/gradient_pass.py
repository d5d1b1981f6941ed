"""One cycle of the gradient solver: every frame matched to a fixed reference; and its worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.rigid.store import FrameStore
from hyperspy_smartalign.series.checks import listed

from .comparing import reference_of, turned
from .equations import half_of_pixels
from .free_equations import half_of_cells
from .free_pass import settle_fields
from .free_path import FreePath
from .gradient import GradientFit, fit_gradient, fit_gradient_free
from .line_pass import settle_lines
from .lines import LinePath
from .reference import Model
from .settings import Settings
from .state import Evaluated, Path, State, shift_of

__all__ = ["Matching", "match_frames"]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
AnyFit = GradientFit[LinePath] | GradientFit[FreePath]

#: Standard deviation of the smoothing where the user gave none: lines, and px of free fields.
LINES, PIXELS = 2.0, 12.0


@dataclass(frozen=True)
class Matching:
    """What the gradient solver did in a cycle.

    Attributes
    ----------
    state : State
    mean_shifts : tuple of float
        Mean change over the frames, px, one an iteration.
    gain : float
        Rise of the log-likelihood a frame of pixels that were held out; NaN where not asked for.
    messages : tuple of str
        Of frames that did not converge at once.
    """

    state: State
    mean_shifts: tuple[float, ...]
    gain: float
    messages: tuple[str, ...]


@dataclass(frozen=True)
class _Options:
    acceleration: float
    tolerance: float
    max_iterations: int
    model: str


def match_frames(
    store: FrameStore,
    state: State,
    evaluated: Evaluated,
    settings: Settings,
    *,
    model: str,
    acceleration: float,
    tolerance: float,
    max_iterations: int,
    base: State | None,
    progress: Callable[[int, int], None] | None = None,
) -> Matching:
    """Match every frame to the mean of the others until its steps are small.

    Parameters
    ----------
    store : FrameStore
    state : State
    evaluated : Evaluated
        Of that state.
    settings : Settings
    model : {"affine", "scan_locked", "row_fitting", "free"}
    acceleration, tolerance, max_iterations
        See `fit_gradient`.
    base : State or None
        The state before the first cycle of this model. From there each half of the pixels is
        matched alone too, and tried on the other half; None does without.
    progress : callable, optional
        ``progress(done, total)``.

    Returns
    -------
    Matching
    """
    options = _Options(acceleration, tolerance, max_iterations, model)
    reference = reference_of(store, state, settings)
    n = len(store)
    fits: list[AnyFit | None] = [None] * n
    gains = np.full(n, np.nan)

    def task(index: int) -> None:
        if evaluated.equations[index] is None:
            return
        path = state.paths[index]
        found = reference.model(index, shift_of(path))
        if found is None:
            return
        frame = store.frame(index)
        arguments = (found, path, reference.level, evaluated, index, settings, options)
        fits[index] = _fit(frame, *arguments)
        if base is not None:
            first = base.paths[index]
            other = (found, first, reference.level, evaluated, index, settings, options)
            halves = [_fit(_half(frame, path, half), *other).path for half in range(2)]
            gains[index] = _gain(halves, path, evaluated, index)
            gains[index] -= _gain([first, first], path, evaluated, index)

    run_tasks(task, n, num_workers=settings.num_workers, progress=progress)
    paths: list[Path] = [
        path if fit is None else fit.path for path, fit in zip(state.paths, fits, strict=True)
    ]
    known = [fit for fit in fits if fit is not None]
    settled = _settled(state, paths, settings, model)
    messages = _told({index: fit.message for index, fit in enumerate(fits) if fit is not None})
    return Matching(
        state=replace(settled, brightness=evaluated.brightness, noise=evaluated.noise),
        mean_shifts=tuple(
            float(np.mean(step))
            for step in zip_longest(*(fit.mean_shifts for fit in known), fillvalue=0.0)
        ),
        gain=float(np.nanmean(gains)) if np.isfinite(gains).any() else np.nan,
        messages=messages,
    )


def _told(messages: Mapping[int, str]) -> tuple[str, ...]:
    """One message for all frames that have one."""
    frames = [index for index, message in messages.items() if message]
    if not frames:
        return ()
    return (f"frame(s) {listed(frames, most=10)}: {messages[frames[0]]}",)


def _settled(state: State, paths: Sequence[Path], settings: Settings, model: str) -> State:
    lines = [path for path in paths if isinstance(path, LinePath)]
    if lines:
        return settle_lines(state, lines, settings, model=model)
    return settle_fields(state, [path for path in paths if isinstance(path, FreePath)], settings)


def _fit(
    frame: FloatArray,
    model: Model,
    path: Path,
    level: float,
    evaluated: Evaluated,
    index: int,
    settings: Settings,
    options: _Options,
) -> AnyFit:
    """A frame, or a half of its pixels, matched to its model."""
    frame = np.where(frame >= settings.saturation, np.float32(np.nan), frame)
    common = {
        "level": level,
        "brightness": evaluated.brightness[index],
        "acceleration": options.acceleration,
        "noise_constant": settings.robustness,
        "tolerance": options.tolerance,
        "max_iterations": options.max_iterations,
        "constrain_edges": settings.constrain_edges,
    }
    if isinstance(path, FreePath):
        return fit_gradient_free(
            frame, model.coefficients, model.count, path=path, origin=model.origin,
            smoothing=PIXELS if settings.length is None else settings.length,
            **common,  # type: ignore[arg-type]
        )  # fmt: skip
    axis = path.axis
    return fit_gradient(
        turned(frame, axis), turned(model.coefficients, axis), turned(model.count, axis),
        path=path, origin=model.origin if axis == 0 else model.origin[::-1],
        smoothing=LINES if settings.length is None else settings.length,
        affine=options.model == "affine", tilted=options.model == "row_fitting",
        **common,  # type: ignore[arg-type]
    )  # fmt: skip


def _half(frame: FloatArray, path: Path, half: int) -> FloatArray:
    """A frame with the pixels of the other half as NaN; halves are those of the equations."""
    if isinstance(path, FreePath):
        other = half_of_cells(path) != half
    else:
        along = half_of_pixels(path.length) != half
        other = along[None, :] if path.axis == 0 else along[:, None]
    return np.where(other, np.float32(np.nan), frame)


def _gain(halves: Sequence[Path], path: Path, evaluated: Evaluated, index: int) -> float:
    """What each half's displacements are worth to the other half, over those of `path`."""
    gain = 0.0
    for half, found in enumerate(halves):
        if isinstance(found, FreePath) and isinstance(path, FreePath):
            gain += evaluated.nodes[index].score(found.values - path.values, 1 - half)
        elif isinstance(found, LinePath) and isinstance(path, LinePath):
            change = np.zeros((path.lines, 4))
            change[:, :2] = found.offsets - path.offsets
            change[:, 2:] = (found.slopes - path.slopes) * (path.length - 1) / 2
            gain += evaluated.lines[index].score(change, 1 - half)
    return gain
