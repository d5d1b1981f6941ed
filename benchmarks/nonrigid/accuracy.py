"""Errors of the displacements on simulated series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.command import Report
from benchmarks.contestants import OWN
from benchmarks.nonrigid.bounds import common_bound, row_bound
from benchmarks.nonrigid.contestants import RIGID, Contestant, Estimate
from benchmarks.nonrigid.measures import field_residual, line_residual, pooled, rms
from benchmarks.nonrigid.series import SPACING, Series, scan_series, still_series
from benchmarks.nonrigid.settings import Settings


@dataclass(frozen=True)
class Trial:
    """One contestant on one series with one scan direction.

    Attributes
    ----------
    contestant : str
    dose : float
        Peak counts a pixel.
    seed : int
        Of the series.
    rms, bound : (float, float)
        Error (y, x) of the lines less what is common to all frames, and its bound with prior, px.
    field : float
        Error of the whole field less what is common to all frames, rms px an axis.
    predicted, normalised : float
        Predicted standard error of the lines, px, and rms of error / predicted.
    hops : int
        Frames in a wrong cell.
    """

    contestant: str
    dose: float
    seed: int
    rms: tuple[float, float]
    bound: tuple[float, float]
    field: float
    predicted: float
    normalised: float
    hops: int


@dataclass(frozen=True)
class AccuracyRow:
    """One contestant at one dose, over all series: as in `Trial`, pooled over both axes too.

    `ratio` is rms over bound, of both axes and of each (y, x).
    """

    contestant: str
    dose: float
    series: int
    rms: float
    bound: float
    ratio: float
    ratio_axes: tuple[float, float]
    field: float
    predicted: float
    normalised: float
    hops: int


@dataclass(frozen=True)
class CommonRow:
    """What is common to all frames of one scan direction, of frames scanned at 0 and 90 degrees.

    Attributes
    ----------
    contestant : str
    dose : float
        Peak counts a pixel.
    frames, series : int
        Frames of a series, and series.
    common : float
        Error common to the frames of one direction, rms px an axis.
    beyond : float
        The same less what is left in it, as a mean, of the frames' independent errors.
    relative : float
        Error of the lines less the common part, rms px an axis.
    bound, beyond_bound, relative_bound : float
        The smallest possible of each.
    """

    contestant: str
    dose: float
    frames: int
    series: int
    common: float
    beyond: float
    relative: float
    bound: float
    beyond_bound: float
    relative_bound: float


@dataclass(frozen=True)
class StillRow:
    """What was found where there is nothing to find: rms over the lines, and predicted, px."""

    contestant: str
    series: str
    found: float
    predicted: float


def run_trials(
    settings: Settings, contestants: Sequence[Contestant], *, report: Report
) -> list[Trial]:
    """Every contestant at every dose; all but ours and its start on the first few seeds only."""
    trials = []
    for dose in settings.doses:
        for seed in range(settings.seeds):
            report(f"{dose:g} counts, seed {seed}")
            simulated = scan_series(dose, frames=settings.frames, shape=settings.shape, seed=seed)
            series, bound = Series.rigid_start(simulated), row_bound(simulated.truth)
            for contestant in contestants:
                always = contestant.name in (OWN, RIGID)
                if not always and seed >= settings.rival_seeds:
                    continue
                estimate = contestant.estimate(series)
                lines = line_residual(estimate, simulated.truth, spacing=SPACING)
                trials.append(
                    Trial(
                        contestant=contestant.name,
                        dose=dose,
                        seed=seed,
                        rms=_pair(lines.relative),
                        bound=_pair(bound),
                        field=field_residual(estimate, simulated.truth),
                        predicted=lines.predicted,
                        normalised=lines.normalised,
                        hops=lines.hops,
                    )
                )
    return trials


def accuracy_rows(trials: Sequence[Trial]) -> list[AccuracyRow]:
    """Trials pooled over the seeds."""
    rows = []
    for name, dose in dict.fromkeys((trial.contestant, trial.dose) for trial in trials):
        mine = [trial for trial in trials if (trial.contestant, trial.dose) == (name, dose)]
        error = rms([np.array([trial.rms for trial in mine])])
        bound = rms([np.array([trial.bound for trial in mine])])
        rows.append(
            AccuracyRow(
                contestant=name,
                dose=dose,
                series=len(mine),
                rms=pooled(error),
                bound=pooled(bound),
                ratio=pooled(error) / pooled(bound),
                ratio_axes=_pair(error / bound),
                field=pooled([trial.field for trial in mine]),
                predicted=pooled([trial.predicted for trial in mine]),
                normalised=pooled([trial.normalised for trial in mine]),
                hops=sum(trial.hops for trial in mine),
            )
        )
    return rows


def run_pairs(
    settings: Settings, contestants: Sequence[Contestant], *, report: Report
) -> list[CommonRow]:
    """The part common to all frames, for all that know scan lines."""
    found: dict[str, list[tuple[float, float]]] = {}
    bounds = []
    frames = settings.pair_frames
    for seed in range(settings.pair_seeds):
        report(f"scanned at 0 and 90 degrees, seed {seed}")
        simulated = scan_series(
            settings.pair_dose, frames=frames, shape=settings.shape, seed=seed, pairs=True
        )
        series, truth = Series.rigid_start(simulated), simulated.truth
        bounds.append((pooled(common_bound(truth)), pooled(row_bound(truth))))
        for contestant in contestants:
            if not contestant.rival:
                lines = line_residual(contestant.estimate(series), truth, spacing=SPACING)
                pair = (pooled(lines.common), pooled(lines.relative))
                found.setdefault(contestant.name, []).append(pair)
    bound, relative_bound = map(float, rms([np.array(bounds)]))
    rows = []
    for name, errors in found.items():
        common, relative = map(float, rms([np.array(errors)]))
        rows.append(
            CommonRow(
                contestant=name,
                dose=settings.pair_dose,
                frames=frames,
                series=settings.pair_seeds,
                common=common,
                beyond=_beyond(common, relative, frames),
                relative=relative,
                bound=bound,
                beyond_bound=_beyond(bound, relative_bound, frames),
                relative_bound=relative_bound,
            )
        )
    return rows


def _beyond(common: float, relative: float, frames: int) -> float:
    """The part of a common error that the mean of independent errors of half the frames is not."""
    return math.sqrt(max(common**2 - relative**2 / (frames / 2), 0.0))


def run_still(
    settings: Settings, contestants: Sequence[Contestant], *, report: Report
) -> list[StillRow]:
    """What is found where there is nothing to find."""
    rows = []
    for words, series in still_series(settings.still_frames, settings.shape).items():
        report(words)
        for contestant in contestants:
            estimate = contestant.estimate(series)
            found = rms([_line_means(estimate, frame) for frame in range(settings.still_frames)])
            errors = estimate.line_errors
            predicted = np.nan if errors is None else pooled(rms(list(errors)))
            rows.append(StillRow(contestant.name, words, pooled(found), float(predicted)))
    return rows


def _line_means(estimate: Estimate, frame: int) -> np.ndarray:
    return estimate.displacement(frame).mean(axis=2).T


def _pair(values: np.ndarray) -> tuple[float, float]:
    y, x = map(float, values)
    return y, x
