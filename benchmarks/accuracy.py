"""Errors, hops, predicted precision and hop probabilities on simulated series."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.command import Report
from benchmarks.contestants import OWN, Contestant, Estimate
from benchmarks.measures import Judgement, calibration, judge
from benchmarks.scenarios import Scenario, cramer_rao_bound
from benchmarks.settings import Settings


@dataclass(frozen=True, eq=False)
class Trial:
    """One contestant on one series."""

    scenario: Scenario
    contestant: str
    estimate: Estimate
    judgement: Judgement
    bound: npt.NDArray[np.float64]


@dataclass(frozen=True)
class AccuracyRow:
    """One contestant at one dose, over all series.

    Attributes
    ----------
    recipe, contestant : str
        Kind of series, name of the method.
    dose : float
        Peak counts a pixel.
    series, frames : int
        Number of series, and of all their frames.
    hops, worst_hops : int
        Frames in the wrong cell, of all and in the worst series.
    excluded : int
        Frames that the method left out.
    rms, bound : float
        Error of the right frames and its Cramer-Rao bound, rms over both axes, px an axis.
    predicted : float or None
        Predicted standard error of the right frames, rms over both axes, px an axis.
    normalised : float or None
        Rms over the right frames of error / predicted standard error; 1 is honest.
    """

    recipe: str
    contestant: str
    dose: float
    series: int
    frames: int
    hops: int
    worst_hops: int
    excluded: int
    rms: float
    bound: float
    predicted: float | None
    normalised: float | None

    @property
    def ratio(self) -> float:
        """Error over bound."""
        return self.rms / self.bound


def scenarios(settings: Settings) -> Iterable[Scenario]:
    """All series that errors and hops are measured on, each once."""
    doses = sorted({*settings.doses, *settings.hop_doses}, reverse=True)
    for dose in doses:
        for seed in range(settings.seeds):
            yield Scenario("lattice", dose, settings.frames, settings.shape, seed)
    for dose in settings.tilt_doses:
        for seed in range(settings.tilt_seeds):
            yield Scenario("tilt boundary", dose, settings.frames, settings.shape, seed)


def run_trials(
    settings: Settings, contestants: Sequence[Contestant], *, report: Report
) -> list[Trial]:
    """Every contestant on every series; the rivals on the first few seeds only."""
    trials = []
    for scenario in scenarios(settings):
        report(f"{scenario.recipe}, dose {scenario.dose:g}, seed {scenario.seed}")
        chosen = [
            contestant
            for contestant in contestants
            if contestant.name == OWN or scenario.seed < settings.rival_seeds
        ]
        trials += _try_all(scenario, chosen)
    return trials


def run_calibration(
    settings: Settings, contestants: Sequence[Contestant], *, report: Report
) -> list[Trial]:
    """Our own method on many small series near the threshold of hops."""
    own = [contestant for contestant in contestants if contestant.name == OWN]
    trials = []
    for dose in settings.calibration_doses:
        report(f"hop probabilities, dose {dose:g}")
        for seed in range(settings.calibration_seeds):
            # Seeds of their own: the small series shall not repeat the flaws of the large ones.
            scenario = Scenario(
                "lattice",
                dose,
                settings.calibration_frames,
                settings.calibration_shape,
                1000 + seed,
            )
            trials += _try_all(scenario, own)
    return trials


def _try_all(scenario: Scenario, contestants: Sequence[Contestant]) -> list[Trial]:
    simulated = scenario.simulate()
    bound = cramer_rao_bound(simulated)
    trials = []
    for contestant in contestants:
        estimate = contestant.estimate(simulated.stack)
        judgement = judge(estimate, simulated.truth.shifts, spacing=scenario.spacing)
        trials.append(Trial(scenario, contestant.name, estimate, judgement, bound))
    return trials


def accuracy_rows(trials: Sequence[Trial]) -> list[AccuracyRow]:
    """Trials pooled over the seeds."""
    groups: dict[tuple[str, str, float], list[Trial]] = {}
    for trial in trials:
        key = (trial.scenario.recipe, trial.contestant, trial.scenario.dose)
        groups.setdefault(key, []).append(trial)
    return [_pooled(*key, members) for key, members in groups.items()]


def _pooled(recipe: str, contestant: str, dose: float, trials: Sequence[Trial]) -> AccuracyRow:
    judgements = [trial.judgement for trial in trials]
    hops = [int(judgement.hopped.sum()) for judgement in judgements]
    predicted, normalised = _precision(trials)
    return AccuracyRow(
        recipe=recipe,
        contestant=contestant,
        dose=dose,
        series=len(trials),
        frames=sum(len(judgement.errors) for judgement in judgements),
        hops=sum(hops),
        worst_hops=max(hops),
        excluded=sum(int(judgement.excluded.sum()) for judgement in judgements),
        rms=_rms([judgement.variance for judgement in judgements]),
        bound=_rms([trial.bound**2 for trial in trials]),
        predicted=predicted,
        normalised=normalised,
    )


def _precision(trials: Sequence[Trial]) -> tuple[float | None, float | None]:
    """Rms of the predicted standard error, and of error / predicted, over the right frames."""
    errors, predictions = [], []
    for trial in trials:
        precision = trial.estimate.precision
        if precision is None:
            return None, None
        right = trial.judgement.right & np.isfinite(precision).all(axis=1)
        count = max(int(trial.judgement.right.sum()), 2)
        # The same lost degree of freedom as in `Judgement.variance`.
        errors.append(trial.judgement.errors[right] * math.sqrt(count / (count - 1)))
        predictions.append(precision[right])
    error, prediction = np.concatenate(errors), np.concatenate(predictions)
    if not error.size:
        return None, None
    return _rms([prediction**2]), _rms([(error / prediction) ** 2])


def _rms(squares: Sequence[npt.NDArray[np.float64]]) -> float:
    """Root of the mean over finite squares; NaN when there are none."""
    values = np.concatenate([np.ravel(square) for square in squares])
    finite = values[np.isfinite(values)]
    return math.sqrt(finite.mean()) if finite.size else math.nan


def calibration_rows(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Reported hop probabilities of all frames against what happened."""
    probabilities, hopped = [], []
    for trial in trials:
        reported = trial.estimate.hop_probability
        if reported is None:
            continue
        known = np.isfinite(reported) & ~trial.judgement.excluded
        probabilities.append(reported[known])
        hopped.append(trial.judgement.hopped[known])
    if not probabilities:
        return []
    return [
        asdict(row) for row in calibration(np.concatenate(probabilities), np.concatenate(hopped))
    ]
