"""The whole rigid registration: from frames to shifts with error bars.

Spectra, pair correlations, consensus, refinement, hop check; each step is a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.series.checks import listed

from .condensing import group_members, low_snr_shifts, spread_over_frames
from .consensus import find_consensus
from .drift_prior import DriftPrior, likely_moves, path_cost
from .hops import HopCheck, check_hops, search_radius
from .options import fourier_options, largest_shift, parameters_on_grid
from .pairs import PairCandidates, choose_pairs, measure_pairs
from .prefilter import prefilter_frame
from .refinement import Refined, refine_shifts
from .rejecting import blank_frames, unlike_frames
from .result import PairsMeasured, PairTable, RigidResult
from .smoothest import smoothest_path
from .solving import (
    agreeing_pairs,
    scores_below,
    smoothness_scores,
    solve_pairs,
    transitivity_scores,
)
from .spectra import MODEL_ERRORS, Spectra, series_spectra, white_noise_variance
from .store import FrameSource, FrameStore
from .whitening import WhitenedFrames, Whitening, find_whitening

__all__ = ["NotAlignableError", "align_frames"]

BoolArray = npt.NDArray[np.bool_]
DoubleArray = npt.NDArray[np.float64]
Progress = Callable[[str, int, int], None]
Watch = Callable[[object], None]

#: Frames are moved to a better unit cell and checked again at most this often.
HOP_ROUNDS = 6
#: More expected hops than this, and the registration is tried with the other model error.
MOST_DOUBT = 0.5
#: Log-odds below which a shift is reported as doubtful: one in 20.
DOUBTFUL_MARGIN = 3.0


class NotAlignableError(ValueError):
    """The series holds too few usable frames, or no pair of frames agrees."""


@dataclass(frozen=True)
class _Estimate:
    """Shifts of the used frames before refinement, and the pairs behind them."""

    shifts: DoubleArray
    linked: BoolArray
    pairs: PairTable
    messages: tuple[str, ...] = ()


def _spectra_of_groups(
    store: FrameStore,
    members: list[npt.NDArray[np.intp]],
    parameters: RigidParameters,
    model_error: float,
    num_workers: int | None,
    progress: Progress,
) -> Spectra:
    def mean(index: int) -> npt.NDArray[np.float32]:
        part = members[index]
        pixels = store.frame(int(part[0]))
        for other in part[1:]:
            pixels = pixels + store.frame(int(other))
        return prefilter_frame(pixels / np.float32(len(part)), parameters.prefilter)

    options = fourier_options(parameters, model_error)
    return series_spectra(
        mean,
        len(members),
        store.shape,
        options,
        num_workers=num_workers,
        progress=partial(progress, "spectra"),
    )


def _accept_by_scores(
    measured: PairCandidates, count: int, parameters: RigidParameters
) -> tuple[BoolArray, DoubleArray]:
    """Pairs kept by the classical outlier rules, and the shift of each."""
    best = measured.shifts[:, 0]
    known = np.isfinite(best[:, 0])
    if parameters.outliers == "none":
        return known, best
    rule = transitivity_scores if parameters.outliers == "transitivity" else smoothness_scores
    scores = rule(measured.pairs, best, count)
    return known & scores_below(scores, parameters.outlier_threshold), best


def _estimate(
    store: FrameStore,
    used: npt.NDArray[np.intp],
    parameters: RigidParameters,
    model_error: float,
    num_workers: int | None,
    progress: Progress,
    watch: Watch | None,
    *,
    smooth: bool = False,
) -> _Estimate:
    """Shifts of the used frames from the correlations of pairs.

    `smooth` asks for those that change least in time among the nearly equal.
    """
    members = [used[part] for part in group_members(len(used), parameters.group)]
    if len(members) < 2:
        raise NotAlignableError(
            f"group={parameters.group} leaves a single group of the {len(used)} usable frames; "
            "use a smaller group"
        )
    progress("spectra", 0, len(members))
    spectra = _spectra_of_groups(store, members, parameters, model_error, num_workers, progress)
    limit = largest_shift(parameters)
    count = len(members)
    group_of = {int(frame): k for k, part in enumerate(members) for frame in part}
    forbidden = [
        (group_of[i], group_of[j])
        for i, j in parameters.exclude_pairs
        if i in group_of and j in group_of and group_of[i] != group_of[j]
    ]
    pairs = choose_pairs(count, parameters.neighbours, exclude_pairs=forbidden)
    if not len(pairs):
        raise NotAlignableError("exclude_pairs leaves no pair of frames to compare")
    done = 0

    def count_pairs(number: int) -> None:
        nonlocal done
        done += number
        progress("pairs", done, len(pairs))

    def tell_of(found: PairCandidates) -> None:
        if watch is not None:
            watch(
                PairsMeasured(
                    indices=_frames_of_pairs(found.pairs, members),
                    shifts=found.shifts[:, 0].copy(),
                    similarity=found.scores[:, 0].copy(),
                    count=len(store),
                    total=len(pairs),
                )
            )

    measured = measure_pairs(
        spectra,
        pairs,
        candidates=parameters.candidates,
        peak=parameters.peak,
        max_shift=limit,
        num_workers=num_workers,
        progress=count_pairs,
        watch=None if watch is None else tell_of,
    )
    least = float(max(1.0, *(0.5 * np.array(spectra.step))))
    messages: list[str] = []
    if parameters.mode == "low_snr":
        found = low_snr_shifts(
            spectra,
            parameters.neighbours,
            max_shift=limit,
            num_workers=num_workers,
            progress=partial(progress, "steps of four frames"),
        )
        shifts, linked = found.shifts, np.ones(count, bool)
        accepted, _ = agreeing_pairs(
            pairs, measured.shifts, shifts, threshold=parameters.outlier_threshold, least=least
        )
    elif parameters.outliers == "consensus":
        placed = 0

        def count_frames(number: int) -> None:
            nonlocal placed
            placed += number
            progress("consensus", min(placed, count), count)

        if smooth:
            shifts = smoothest_path(spectra, measured, max_shift=limit, progress=count_frames)
        else:
            shifts = find_consensus(
                spectra, measured, max_shift=limit, progress=count_frames
            ).shifts
        accepted, chosen = agreeing_pairs(
            pairs, measured.shifts, shifts, threshold=parameters.outlier_threshold, least=least
        )
        linked = np.isfinite(shifts[:, 0])
        solved = solve_pairs(pairs, chosen, accepted, count)
        # Pairs that agree give sub-pixel shifts; frames they do not reach keep the common vote.
        if solved.linked.sum() > 1 and accepted.mean() > 0.5:
            offset = np.median((shifts - solved.shifts)[solved.linked & linked], axis=0)
            shifts = np.where(solved.linked[:, None], solved.shifts + offset, shifts)
    else:
        accepted, chosen = _accept_by_scores(measured, count, parameters)
        solved = solve_pairs(pairs, chosen, accepted, count)
        shifts, linked = solved.shifts, solved.linked
    if not linked.any():
        raise NotAlignableError(
            "no two frames could be compared: no accepted pair links them. Look at the similarity "
            "of the pairs, enlarge max_shift or outlier_threshold, or use outliers='consensus'"
        )
    if accepted.mean() < 0.1:
        messages.append(
            f"only {int(accepted.sum())} of {len(accepted)} pairs agree with the common solution"
        )
    table = PairTable(
        indices=_frames_of_pairs(pairs, members),
        shifts=measured.shifts[:, 0],
        similarity=measured.scores[:, 0],
        accepted=accepted,
    )
    if parameters.group == 1:
        frame_shifts, frame_linked = shifts, linked
    else:
        local = group_members(len(used), parameters.group)
        kept = [part for part, ok in zip(local, linked, strict=True) if ok]
        frame_shifts = spread_over_frames(shifts[linked], kept, len(used))
        frame_linked = np.concatenate(
            [np.full(len(part), ok) for part, ok in zip(local, linked, strict=True)]
        )
    return _Estimate(frame_shifts, frame_linked, table, tuple(messages))


def _frames_of_pairs(
    pairs: npt.NDArray[np.intp], members: list[npt.NDArray[np.intp]]
) -> npt.NDArray[np.intp]:
    """Pairs (p, 2) of groups as those of their first frames, counted in the series."""
    first = np.array([part[0] for part in members], np.intp)
    return first[pairs]


def _interpolated(shifts: DoubleArray, used: BoolArray) -> DoubleArray:
    """Shifts of frames that took no part: between their neighbours in time."""
    frames = np.arange(len(shifts))
    result = shifts.copy()
    for axis in range(2):
        result[~used, axis] = np.interp(frames[~used], frames[used], shifts[used, axis])
    return result


@dataclass(frozen=True)
class _State:
    """Shifts as they stand between passes."""

    shifts: DoubleArray
    used: BoolArray
    noise: NoiseModel
    reasons: dict[int, str]


def _refine(
    store: FrameStore,
    state: _State,
    parameters: RigidParameters,
    num_workers: int | None,
    progress: Progress,
    *,
    bold: bool,
) -> tuple[_State, Refined, HopCheck]:
    """Passes of refinement, bad frames and hops looked after on the way.

    Returns the final state, the last pass and the last hop check.
    """

    def one_pass(state: _State, name: str) -> Refined:
        return refine_shifts(
            store,
            state.shifts,
            state.used,
            state.noise,
            num_workers=num_workers,
            progress=lambda done, total: progress(name, done, total),
        )

    wanted = parameters.refinements
    refined = one_pass(state, "refining 1")
    if parameters.reject:
        bad = unlike_frames(refined, state.used)
        if bad and int(state.used.sum()) - len(bad) >= 2:
            used = state.used.copy()
            used[list(bad)] = False
            state = replace(state, used=used, reasons={**state.reasons, **bad})
            refined = one_pass(state, "refining 1")
    if wanted:
        state = replace(state, shifts=refined.shifts)
    state = replace(state, noise=refined.noise)
    radius = search_radius(refined.reference)

    def check(state: _State) -> HopCheck:
        return check_hops(
            store,
            state.shifts,
            state.used,
            state.noise,
            radius,
            bold=bold,
            num_workers=num_workers,
            progress=lambda done, total: progress("hop check", done, total),
        )

    hops = check(state)
    for _ in range(HOP_ROUNDS if wanted else 0):
        prior = DriftPrior.of(state.shifts[state.used])
        moves = likely_moves(hops, state.shifts, state.used, prior)
        if not moves.any():
            break
        shifts = state.shifts + moves
        tried = replace(state, shifts=shifts - shifts[state.used].mean(0))
        fitted = one_pass(tried, "refining 1")
        tried = replace(tried, shifts=fitted.shifts, noise=fitted.noise)
        after = check(tried)
        # Frames judge each other: a move that leaves more of them in doubt was none for the better.
        cost = path_cost(hops.margin, state.shifts, state.used, prior)
        if path_cost(after.margin, tried.shifts, tried.used, prior) >= cost:
            break
        state, refined, hops = tried, fitted, after
    for number in range(1, wanted):
        refined = one_pass(state, f"refining {number + 1}")
        state = replace(state, shifts=refined.shifts, noise=refined.noise)
    return state, refined, hops


def _doubt(hops: HopCheck, used: BoolArray) -> float:
    """Expected number of hopped frames."""
    return float(expit(-hops.margin[used]).sum())


def _messages(state: _State, margin: DoubleArray) -> list[str]:
    found = [f"frame {index} left out ({reason})" for index, reason in sorted(state.reasons.items())
             if reason != "excluded by the user"]  # fmt: skip
    doubtful = np.flatnonzero(state.used & (margin < DOUBTFUL_MARGIN))
    if len(doubtful):
        found.append(
            f"the shift of frame(s) {listed(doubtful.tolist(), most=10)} is doubtful: another "
            "maximum is nearly as likely (hop_margin below 3)"
        )
    return found


@dataclass(frozen=True)
class _Solution:
    """A finished registration, its hop check and the number of hopped frames to be expected."""

    estimate: _Estimate
    state: _State
    refined: Refined
    hops: HopCheck
    doubt: float

    @property
    def margin(self) -> DoubleArray:
        return self.hops.margin

    @property
    def judged(self) -> BoolArray:
        """Used frames of which enough was seen to compare their place with another."""
        return self.state.used & np.isfinite(self.hops.odds).any(1)

    @property
    def prior(self) -> DriftPrior:
        return DriftPrior.of(self.state.shifts[self.state.used])

    def cost(self, prior: DriftPrior) -> float:
        return path_cost(self.margin, self.state.shifts, self.state.used, prior)


def _solution(
    store: FrameStore,
    used: BoolArray,
    reasons: dict[int, str],
    parameters: RigidParameters,
    model_error: float,
    num_workers: int | None,
    progress: Progress,
    watch: Watch | None,
    *,
    smooth: bool = False,
) -> _Solution:
    """Estimate, then refine, with one assumption on how much frames differ."""
    used, reasons = used.copy(), dict(reasons)
    members = np.flatnonzero(used)
    estimate = _estimate(
        store, members, parameters, model_error, num_workers, progress, watch, smooth=smooth
    )
    shifts = np.zeros((len(store), 2))
    shifts[members] = np.nan_to_num(estimate.shifts)
    for index in members[~estimate.linked]:
        reasons[int(index)] = "no accepted pair links it to the other frames"
        used[index] = False
    if used.sum() < 2:
        raise NotAlignableError("fewer than two frames are linked by accepted pairs")
    shifts = _interpolated(shifts, used)
    shifts -= shifts[used].mean(0)
    sample = np.flatnonzero(used)
    sample = sample[np.unique(np.linspace(0, len(sample) - 1, min(len(sample), 8)).astype(int))]
    variance = max(white_noise_variance(store.frame, sample, store.shape), 1e-30)
    noise = NoiseModel(offset=variance, gain=0.0, floor=0.1 * variance)
    state, refined, hops = _refine(
        store,
        _State(shifts, used, noise, reasons),
        parameters,
        num_workers,
        progress,
        # Equal places are what the smoothest path is for: none is left without good reason.
        bold=not smooth,
    )
    return _Solution(estimate, state, refined, hops, _doubt(hops, state.used))


def _best_solution(
    store: FrameStore,
    used: BoolArray,
    reasons: dict[int, str],
    parameters: RigidParameters,
    num_workers: int | None,
    progress: Progress,
    watch: Watch | None,
) -> _Solution:
    """The registration, tried again in other ways where it leaves doubt.

    First with frames that differ less. Then, where any frame may be in another unit cell, on the
    smoothest path: of solutions about as likely the one that drifts least is taken.
    """

    def solve(model_error: float, *, smooth: bool = False) -> _Solution:
        return _solution(
            store,
            used,
            reasons,
            parameters,
            model_error,
            num_workers,
            progress,
            watch,
            smooth=smooth,
        )

    best = solve(MODEL_ERRORS[0])
    if best.doubt > MOST_DOUBT and parameters.exponent is None:
        best = min(best, solve(MODEL_ERRORS[1]), key=lambda found: found.doubt)
    voted = parameters.mode != "low_snr" and parameters.outliers == "consensus"
    # A frame that cannot be judged at all (it overlaps too little) says nothing of unit cells.
    if voted and (best.margin[best.judged] < DOUBTFUL_MARGIN).any():
        smooth = solve(MODEL_ERRORS[0], smooth=True)
        if smooth.judged[best.judged].all():
            prior = min((best.prior, smooth.prior), key=lambda prior: prior.scale)
            best = min(smooth, best, key=lambda found: found.cost(prior))
    return best


def align_frames(
    frames: FrameSource,
    parameters: RigidParameters,
    *,
    region: tuple[int, int, int, int] | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> RigidResult:
    """Measure the shift of every frame of a series.

    Parameters
    ----------
    frames : FrameSource
        ``len(frames)`` frames read by ``frames.frame(i)``, (h, w). Where ``frames.lazy`` is true
        they are read again for every pass and never all held in memory.
    parameters : RigidParameters
        Those of estimation; output parameters are not used here.
    region : (left, right, top, bottom), optional
        Pixels of the frame that are used, right and bottom excluded.
    num_workers : int, optional
        Threads; one per processor by default.
    progress : callable, optional
        ``progress(stage, done, total)``.
    watch : callable, optional
        Told what is found before the end: `PairsMeasured`, a few pairs at a time.

    Returns
    -------
    RigidResult

    Raises
    ------
    NotAlignableError
        When fewer than two usable frames are left, or no pair of frames agrees.
    ValueError
        When frames are excluded that do not exist.
    """
    report = progress or (lambda stage, done, total: None)
    n = len(frames)
    store = FrameStore(
        frames,
        region=region,
        keep=not getattr(frames, "lazy", False),
        num_workers=num_workers,
    )
    reasons = {}
    for index in parameters.exclude:
        if not 0 <= index < n:
            raise ValueError(f"exclude={index}: frames are counted from 0 to {n - 1}")
        reasons[int(index)] = "excluded by the user"
    for pair in parameters.exclude_pairs:
        if not all(0 <= index < n for index in pair):
            raise ValueError(f"exclude_pairs={pair}: frames are counted from 0 to {n - 1}")
    for index, reason in blank_frames(store, partial(report, "looking for blank frames")).items():
        reasons.setdefault(index, reason)
    used = np.ones(n, bool)
    used[list(reasons)] = False
    if used.sum() < 2:
        raise NotAlignableError(
            f"{int(used.sum())} of {n} frames are left to align: "
            + "; ".join(f"frame {i}: {text}" for i, text in sorted(reasons.items())[:5])
        )

    whitening = find_whitening(store.frame, np.flatnonzero(used), store.shape)
    if whitening is None:
        return _measured(store, used, reasons, parameters, num_workers, report, watch)
    white = FrameStore(
        WhitenedFrames(frames, whitening, region), keep=store.keeps, num_workers=num_workers
    )
    del store
    result = _measured(
        white,
        used,
        reasons,
        parameters_on_grid(parameters, whitening),
        num_workers,
        report,
        None if watch is None else partial(_tell_of_frames, watch, whitening),
    )
    return result.on_frames(whitening.step, whitening.filled)


def _tell_of_frames(watch: Watch, whitening: Whitening, found: object) -> None:
    """Tell in pixels of the frames what was found on the grid of a whitening."""
    if isinstance(found, PairsMeasured):
        found = replace(found, shifts=found.shifts * whitening.step)
    watch(found)


def _measured(
    store: FrameStore,
    used: BoolArray,
    reasons: dict[int, str],
    parameters: RigidParameters,
    num_workers: int | None,
    progress: Progress,
    watch: Watch | None,
) -> RigidResult:
    """The registration of the frames of a store, in its pixels."""
    n = len(store)
    solution = _best_solution(store, used, reasons, parameters, num_workers, progress, watch)
    state, refined, margin = solution.state, solution.refined, solution.margin
    estimate = solution.estimate

    precision = refined.precision
    if parameters.refinements == 0:
        # Not refined: the step not taken is the error that is left.
        precision = np.hypot(precision, refined.steps)
    out = ~state.used
    precision[out] = np.nan
    margin = np.where(out, np.nan, margin)
    shifts = _interpolated(state.shifts, state.used)
    shifts -= shifts[state.used].mean(0)
    return RigidResult(
        shifts=shifts,
        precision=precision,
        hop_margin=margin,
        excluded=out,
        reasons=tuple(state.reasons.get(index, "") for index in range(n)),
        pairs=estimate.pairs,
        noise=state.noise,
        messages=(*estimate.messages, *_messages(state, margin)),
    )
