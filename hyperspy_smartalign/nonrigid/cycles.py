"""The cycles of a non-rigid registration: models in turn, passes until they settle, and a guard."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.rigid.store import FrameStore

from .comparing import evaluate
from .free_pass import free_state, gain_of_fields, improve_fields
from .gradient_pass import match_frames
from .line_pass import gain_of_lines, improve_lines
from .result import Cycle, CycleDone
from .running import RunningAverage
from .settings import Settings
from .state import Evaluated, State

__all__ = ["Run", "run_cycles"]

BoolArray = npt.NDArray[np.bool_]
DoubleArray = npt.NDArray[np.float64]
Progress = Callable[[str, int, int], None]
Watch = Callable[[object], None]

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
#: Most comparisons before the first cycle, until the noise is known.
NOISE_PASSES = 6


@dataclass(frozen=True)
class Run:
    """Where the cycles led.

    Attributes
    ----------
    state : State
        The best.
    cycles : tuple of Cycle
    before, after : Evaluated
        Of the start and of `state`.
    messages : tuple of str
    cancelled : bool
    """

    state: State
    cycles: tuple[Cycle, ...]
    before: Evaluated
    after: Evaluated
    messages: tuple[str, ...]
    cancelled: bool = False


@dataclass(frozen=True)
class _Position:
    """A state and what the frames say of it.

    The gain is that of the present family of models, over `base`, the state before it.
    """

    state: State
    evaluated: Evaluated
    base: State
    gain: float = 0.0

    @property
    def similarity(self) -> float:
        """Mean correlation of the frames with the mean of the others."""
        known = self.evaluated.similarity[np.isfinite(self.evaluated.similarity)]
        return float(known.mean()) if len(known) else 0.0


class _Cycles:
    """Everything that the cycles share."""

    def __init__(
        self,
        store: FrameStore,
        settings: Settings,
        parameters: NonrigidParameters,
        progress: Progress,
    ) -> None:
        self._store, self._settings = store, settings
        self._parameters, self._progress = parameters, progress
        self.models = ("affine",) * parameters.affine_cycles + parameters.models

    def settings_of(self, cycle: int, similarity: DoubleArray) -> Settings:
        """Settings of a cycle: those that change from one to the next."""
        chosen = self._settings
        if cycle < self._parameters.local_cycle_count:
            chosen = replace(chosen, reach=int(self._parameters.reference_width))
        if self._parameters.weights == "quality":
            chosen = replace(chosen, weights=_quality(similarity, chosen.used))
        return chosen

    def evaluated(self, state: State, settings: Settings, stage: str) -> Evaluated:
        """What the frames say of a state."""
        return evaluate(
            self._store,
            state,
            settings,
            progress=lambda done, count: self._progress(stage, done, count),
        )

    def settled(self, cycle: int, state: State) -> bool:
        """Whether the changes are small enough to end a cycle.

        The limit is tightened evenly, on a logarithmic scale, to that of the last cycle.
        """
        limit = self._parameters.convergence_limit
        if limit is None:
            return bool(state.change < self._between(cycle, 1.0, SHARE_OF_ERROR) * state.error)
        return bool(state.change < self._between(cycle, max(FIRST_LIMIT, limit), limit))

    def _between(self, cycle: int, first: float, last: float) -> float:
        part = 1.0 if len(self.models) == 1 else cycle / (len(self.models) - 1)
        return float(first * (last / first) ** part)

    def run(
        self, cycle: int, at: _Position, settings: Settings, *, against_drift: bool, scored: bool
    ) -> tuple[_Position, tuple[float, ...], tuple[str, ...]]:
        """One cycle: the new position, the mean shift of each iteration, and messages."""
        model = self.models[cycle]
        if self._parameters.solver == "gradient":
            return self._matched(cycle, at, settings)
        state, evaluated, changes = at.state, at.evaluated, []
        for _ in range(self._parameters.iteration_limit):
            if model == "free":
                state = improve_fields(state, evaluated, settings)
            else:
                state = improve_lines(state, evaluated, settings, model=model)
            changes.append(state.change)
            evaluated = self.evaluated(state, settings, self._stage(cycle, state))
            if self.settled(cycle, state):
                break
        gain = at.gain
        # Where little moved, what it is worth has not changed either.
        if scored or sum(changes) > state.error:
            if model == "free":
                gain = gain_of_fields(state, evaluated, settings)
            else:
                gain = gain_of_lines(
                    state, evaluated, settings, model=model, against_drift=against_drift
                )
        return _Position(state, evaluated, at.base, gain), tuple(changes), ()

    def _matched(
        self, cycle: int, at: _Position, settings: Settings
    ) -> tuple[_Position, tuple[float, ...], tuple[str, ...]]:
        """One cycle of the gradient solver."""
        limit = self._parameters.convergence_limit or FIRST_LIMIT
        found = match_frames(
            self._store,
            at.state,
            at.evaluated,
            settings,
            model=self.models[cycle],
            acceleration=self._parameters.acceleration_factor,
            tolerance=self._between(cycle, max(FIRST_LIMIT, limit), limit),
            max_iterations=self._parameters.iteration_limit,
            base=at.base if self._parameters.guard else None,
            progress=partial(self._progress, self._stage(cycle, at.state)),
        )
        evaluated = self.evaluated(found.state, settings, self._stage(cycle, found.state))
        position = _Position(found.state, evaluated, at.base, found.gain)
        return position, found.mean_shifts, found.messages

    def _stage(self, cycle: int, state: State) -> str:
        model, total, step = self.models[cycle], len(self.models), self._settings.step
        return f"cycle {cycle + 1} of {total}, {model}: {step * state.change:.4f} px"


def run_cycles(
    store: FrameStore,
    state: State,
    settings: Settings,
    parameters: NonrigidParameters,
    progress: Progress,
    *,
    watch: Watch | None = None,
    average: RunningAverage | None = None,
) -> Run:
    """Run the cycles that the parameters ask for.

    Parameters
    ----------
    store : FrameStore
    state : State
        The start.
    settings : Settings
    parameters : NonrigidParameters
    progress : callable
        ``progress(stage, done, total)``.
    watch : callable, optional
        Told a `CycleDone` before the first cycle and after each.
    average : RunningAverage, optional
        Draws what `watch` is told; none is told without it.

    Returns
    -------
    Run
    """
    work = _Cycles(store, settings, parameters, progress)
    now = work.settings_of(0, np.ones(len(store)))
    evaluated = work.evaluated(state, now, "comparing frames")
    for _ in range(NOISE_PASSES):
        brightness = _brightness_differs(state, evaluated)
        if not (brightness or _noise_differs(state, evaluated, settings.level)):
            break
        # Pixels that stand out are left out, which tells how alike frames are only with the
        # right noise; and noise that was far too low rises by a factor in each pass.
        state = replace(
            state,
            brightness=evaluated.brightness,
            noise=evaluated.noise,
            line_noise=evaluated.line_noise,
        )
        evaluated = work.evaluated(state, now, "comparing frames")
    first = evaluated
    if not _alike(evaluated, store.shape):
        message = "the frames show nothing in common above their noise, so that none is corrected"
        return Run(state, (), first, first, (message,))

    def tell(number: int, state: State) -> None:
        if watch is None:
            return
        cycle = cycles[-1] if cycles else None
        if cycle is not None:
            cycle = cycle.scaled(settings.step)
        drawn = None if average is None else average.of(state, now)
        watch(CycleDone(number, len(work.models), cycle, drawn))

    cycles: list[Cycle] = []
    messages: list[str] = []
    # The best position of the present family of models: affine, scan lines, or free.
    best = _Position(state, evaluated, state)
    lines: _Position | None = None
    family, stopped, drifts, cancelled = "", False, False, False
    try:
        tell(0, best.state)
        for number, model in enumerate(work.models):
            if family != _family(model):
                # Affine cycles that show nothing do not keep the lines from being tried.
                family, stopped = _family(model), False
                state = replace(best.state, change=np.inf, damping=1.0)
                if model == "free":
                    lines = best
                    state = free_state(state, now, store.shape)
                    evaluated = work.evaluated(state, now, "comparing frames")
                    best = _Position(state, evaluated, state)
                else:
                    best = _Position(state, best.evaluated, state)
            same = number > 0 and work.models[number - 1] == model
            chosen = work.settings_of(number, best.evaluated.similarity)
            repeats = same and chosen.reach == now.reach
            if stopped or (repeats and work.settled(len(work.models) - 1, best.state)):
                continue
            now = chosen
            similarity = best.evaluated.similarity
            position, shifts, notes = work.run(
                number, best, now, against_drift=drifts, scored=not same
            )
            messages.extend(f"cycle {number + 1}: {note}" for note in notes)
            least = max((1 - GAIN_SHARE) * best.gain - GAIN_NOISE, LEAST_GAIN)
            kept = not parameters.guard or position.gain >= least
            cycles.append(Cycle(model, shifts, position.gain, similarity, kept))
            logger.info(
                "cycle %d of %d, %s: %d iterations, mean shift %.2g px, held-out gain %.3g%s",
                number + 1, len(work.models), model, len(shifts),
                settings.step * shifts[-1] if shifts else 0.0,
                position.gain, "" if kept else ", dropped",
            )  # fmt: skip
            # Lines are then worth what they add to frames that drift, known to or not.
            drifts = drifts or model == "affine"
            if kept:
                best = replace(position, gain=max(position.gain, best.gain))
                tell(number + 1, best.state)
                continue
            stopped = True
            if best.gain > 0:
                messages.append(_dropped(number, model, position.gain, best.gain))
            if not best.state.errors and family != "free":
                # They tell how well it is known that there is nothing.
                best = replace(best, state=replace(best.state, errors=position.state.errors))
            tell(number + 1, best.state)
    except KeyboardInterrupt:
        if not parameters.keep_on_cancel:
            raise
        cancelled = True
        messages.append(
            f"cancelled after {len(cycles)} of {len(work.models)} cycles: the best until then"
        )
    if parameters.guard and lines is not None and best.similarity < lines.similarity:
        # A grid of nodes cannot hold what lines do one by one.
        best = lines
        if lines.gain > 0:
            messages.append(
                "the free displacements were dropped: frames fit less well than with their lines"
            )
    if cycles and not any(cycle.kept for cycle in cycles):
        messages.append(
            "the series shows no distortion of its frames above the noise, so that none is "
            "corrected (pixels held out of the fit got no better)"
        )
    return Run(best.state, tuple(cycles), first, best.evaluated, tuple(messages), cancelled)


def _family(model: str) -> str:
    return {"affine": "affine", "free": "free"}.get(model, "lines")


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


def _brightness_differs(state: State, evaluated: Evaluated) -> bool:
    spread = np.sqrt(10 * evaluated.noise.floor)
    return any(
        abs(each.contrast - before.contrast) > 0.05
        or abs(each.offset - before.offset) > 0.3 * spread
        for before, each in zip(state.brightness, evaluated.brightness, strict=True)
    )


def _noise_differs(state: State, evaluated: Evaluated, level: float) -> bool:
    before, after = (float(each.noise.variance(level)) for each in (state, evaluated))
    return not 0.8 < after / before < 1.25


def _quality(similarity: DoubleArray, used: BoolArray) -> DoubleArray:
    """Weights that grow with how well a frame fits: the inverse variance of its noise."""
    known = np.clip(np.nan_to_num(similarity, nan=0.0), 0.01, 0.99)
    weights = np.where(used, known**2 / (1 - known**2), 0.0)
    return np.asarray(weights / weights[used].mean())
