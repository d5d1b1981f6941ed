"""One simulated series: what is said of its alignment, and what is true."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from benchmarks.contestants import Estimate, Frames
from benchmarks.measures import judge
from benchmarks.settings import Shape
from hyperspy_smartalign.data import Truth, lattice_recipe, simulate_stack
from hyperspy_smartalign.nonrigid import align_frames_nonrigid
from hyperspy_smartalign.nonrigid.examining import Examined, examine_lines
from hyperspy_smartalign.nonrigid.lines import lines_of
from hyperspy_smartalign.parameters import NonrigidParameters, RigidParameters
from hyperspy_smartalign.quality.held_out import held_out
from hyperspy_smartalign.quality.line_motion import LeftMotion, left_motion
from hyperspy_smartalign.quality.precision import what_limits
from hyperspy_smartalign.resampling import accumulate
from hyperspy_smartalign.rigid import RigidResult, align_frames
from hyperspy_smartalign.rigid.hop_odds import hop_odds
from hyperspy_smartalign.rigid.hops import repeat_distance
from hyperspy_smartalign.transforms import Affine, Canvas, Transform, Translation

FloatArray = npt.NDArray[np.float64]

# Rms jitter of the lines whose errors are checked, px.
JITTER = 0.5
# Cell of the lattice of `lattice_recipe` and of the default specimen, px.
SPACING = 16.3
# How the non-rigid alignment is done: carefully, and as carelessly as it can be.
SOLVERS: dict[str, dict[str, object]] = {
    "default": {},
    "without guard": {"guard": False},
    "gradient, without guard": {"solver": "gradient", "guard": False},
}


@dataclass(frozen=True)
class ShiftTrial:
    """Errors of the shifts of one series, mean square over frames and axes, px^2.

    The actual one is that of each frame against the mean of the others, which is what the
    standard errors are of. Frames that hopped count in neither. Expected hops are the sum of the
    probabilities that were reported.
    """

    dose: float
    seed: int
    predicted: float
    actual: float
    hops: int
    expected_hops: float


@dataclass(frozen=True)
class LineTrial:
    """The same of the scan lines, less what is common to all frames."""

    dose: float
    seed: int
    predicted: float
    actual: float


@dataclass(frozen=True)
class HopTrial:
    """Hop probabilities of the frames of one series, and which of them hopped."""

    dose: float
    seed: int
    probability: tuple[float, ...]
    hopped: tuple[bool, ...]


@dataclass(frozen=True)
class HelpTrial:
    """What is said of one non-rigid alignment and of the rigid one before it, and what is true.

    Attributes
    ----------
    dose, jitter, seed, solver
        What was tried.
    outcome : str
        Of `HeldOut`.
    probability : float
    before, after : float
        True rms errors of the lines, less what is common to all frames, px per axis.
    rigid_limit, limit : str
        What is said to limit the rigid and the non-rigid alignment.
    rigid_explained, explained : float
        What the reported errors explain, px; for solvers that report none, those of the best.
    rigid_left, left : (low, middle, high)
        Motion said to be left, px.
    """

    dose: float
    jitter: float
    seed: int
    solver: str
    outcome: str
    probability: float
    before: float
    after: float
    rigid_limit: str
    limit: str
    rigid_explained: float
    explained: float
    rigid_left: tuple[float, float, float]
    left: tuple[float, float, float]


def _aligned(stack: npt.NDArray[np.generic]) -> RigidResult:
    return align_frames(Frames(stack), RigidParameters(), num_workers=1)


def _hop_probability(stack: npt.NDArray[np.generic], found: RigidResult) -> FloatArray:
    """As `quality()` tells it: by the pixels, the drift and the pairs that agree."""
    used = ~found.excluded
    shifts = found.shifts[used]
    distance = math.nan
    # Series that fall apart may have nothing in common.
    with suppress(ValueError):
        area = Canvas.common(shifts, stack.shape[1:])
        average = accumulate(stack[used], shifts, area, num_workers=1).mean()
        distance = repeat_distance(average - average.mean())
    agreement = found.pairs.agreement(found.shifts, used)
    odds = hop_odds(found.hop_margin, found.shifts, used, distance, agreement=agreement)
    return np.asarray(expit(-odds))


def shift_trial(shape: Shape, frames: int, dose: float, seed: int) -> ShiftTrial:
    """A lattice with few flaws that drifts, its lines straight."""
    simulated = simulate_stack(shape=shape, frames=frames, dose=dose, seed=seed)
    found = _aligned(simulated.stack)
    judged = judge(
        Estimate(found.shifts, found.precision, found.hop_probability, found.excluded),
        simulated.truth.shifts,
        spacing=SPACING,
    )
    right = judged.right
    n = int(right.sum())
    against_others = judged.errors[right] * n / (n - 1)
    return ShiftTrial(
        dose=dose,
        seed=seed,
        predicted=float(np.mean(found.precision[right] ** 2)),
        actual=float(np.mean(against_others**2)),
        hops=int(judged.hopped.sum()),
        expected_hops=float(np.nansum(_hop_probability(simulated.stack, found))),
    )


def hop_trial(shape: Shape, frames: int, dose: float, seed: int) -> HopTrial:
    """A lattice with flaws that drifts by several cells."""
    # Seeds of their own: another specimen than in other benchmarks.
    simulated = lattice_recipe(dose, frames=frames, shape=shape, seed=7000 + seed)
    found = _aligned(simulated.stack)
    judged = judge(
        Estimate(found.shifts, found.precision, found.hop_probability, found.excluded),
        simulated.truth.shifts,
        spacing=SPACING,
    )
    known = ~judged.excluded & np.isfinite(found.hop_margin)
    return HopTrial(
        dose=dose,
        seed=seed,
        probability=tuple(_hop_probability(simulated.stack, found)[known].tolist()),
        hopped=tuple(judged.hopped[known].tolist()),
    )


def _line_errors(truth: Truth, transforms: Sequence[Transform]) -> FloatArray:
    """Errors (n, lines, 2) of the lines against the mean of the other frames, px."""
    shape = truth.path.shape
    found = np.array([lines_of(transform, shape, 0).offsets for transform in transforms])
    errors = found - truth.row_offsets - truth.shifts[:, None]
    n = len(errors)
    return np.asarray((errors - errors.mean(0)) * n / (n - 1))


def _rms(errors: FloatArray) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def line_trial(shape: Shape, frames: int, dose: float, seed: int) -> LineTrial:
    """Rows off by half a pixel rms, corrected."""
    simulated = simulate_stack(
        shape=shape, frames=frames, dose=dose, row_jitter=JITTER, seed=3000 + seed
    )
    rigid = _aligned(simulated.stack)
    found = align_frames_nonrigid(
        Frames(simulated.stack),
        [Translation(shift) for shift in rigid.shifts],
        NonrigidParameters(),
        excluded=rigid.excluded,
        num_workers=1,
    )
    # Frames in another cell have other lines next to theirs.
    errors = _line_errors(simulated.truth, found.transforms)
    right = np.linalg.norm(errors.mean(1), axis=1) < SPACING / 2
    errors = _line_errors_of(simulated.truth, found.transforms, right)
    predicted = np.full(errors.shape, np.nan)
    if found.line_errors is not None:
        predicted = found.line_errors[right]
    return LineTrial(
        dose=dose,
        seed=seed,
        predicted=float(np.mean(predicted**2)),
        actual=float(np.mean(errors**2)),
    )


def _line_errors_of(
    truth: Truth, transforms: Sequence[Transform], kept: npt.NDArray[np.bool_]
) -> FloatArray:
    shape = truth.path.shape
    found = np.array([lines_of(transform, shape, 0).offsets for transform in transforms])
    errors = (found - truth.row_offsets - truth.shifts[:, None])[kept]
    n = len(errors)
    return np.asarray((errors - errors.mean(0)) * n / (n - 1))


def help_trials(
    shape: Shape, frames: int, dose: float, jitter: float, seed: int
) -> list[HelpTrial]:
    """One series with jittering lines, aligned in two ways: by the default, and carelessly."""
    simulated = simulate_stack(
        shape=shape, frames=frames, dose=dose, row_jitter=jitter, seed=4000 + seed
    )
    stack, truth = Frames(simulated.stack), simulated.truth
    rigid = _aligned(simulated.stack)
    start = [Translation(shift) for shift in rigid.shifts]
    judged = _examine(stack, start, list(rigid.precision), rigid)
    if judged is None:
        return []
    rigid_motion = _motion(judged, corrected=False)
    before = _rms(_line_errors(truth, start))
    careless = list(SOLVERS)[1 + seed % (len(SOLVERS) - 1)]
    trials = []
    for solver in ("default", careless):
        found = align_frames_nonrigid(
            stack,
            start,
            NonrigidParameters(**SOLVERS[solver]),
            excluded=rigid.excluded,
            num_workers=1,
        )
        errors: list[FloatArray | None] = [None] * len(start)
        if found.line_errors is not None and np.isfinite(found.line_errors).all():
            errors = list(found.line_errors)
        examined = _examine(stack, found.transforms, errors, rigid)
        if examined is None:
            continue
        moved = any(not isinstance(t, Translation | Affine) for t in found.transforms)
        motion = _motion(examined, corrected=moved)
        said = held_out(examined.lines, examined.gain)
        if motion is None or rigid_motion is None or said is None:
            continue
        trials.append(
            HelpTrial(
                dose=dose,
                jitter=jitter,
                seed=seed,
                solver=solver,
                outcome=said.outcome,
                probability=said.probability,
                before=before,
                after=_rms(_line_errors(truth, found.transforms)),
                rigid_limit=what_limits(rigid_motion),
                limit=what_limits(motion),
                rigid_explained=rigid_motion.explained,
                explained=motion.explained,
                rigid_left=(rigid_motion.low, rigid_motion.left, rigid_motion.high),
                left=(motion.low, motion.left, motion.high),
            )
        )
    return trials


def _examine(
    stack: Frames,
    transforms: Sequence[Transform],
    reported: Sequence[FloatArray | None],
    rigid: RigidResult,
) -> Examined | None:
    return examine_lines(stack, transforms, used=~rigid.excluded, reported=reported, num_workers=1)


def _motion(examined: Examined, *, corrected: bool) -> LeftMotion | None:
    low, middle, high = examined.jitter.tolist()
    return left_motion(examined.lines, jitter=(low, middle, high), corrected=corrected)


def ratio(predicted: Sequence[float], actual: Sequence[float]) -> float:
    """Rms predicted over rms actual error, of mean squares."""
    return math.sqrt(float(np.mean(predicted)) / float(np.mean(actual)))
