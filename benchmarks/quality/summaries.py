"""How often what is said is true."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.measures import calibration
from benchmarks.quality.trials import HelpTrial, HopTrial, LineTrial, ShiftTrial, ratio

# A correction matters where it changes the rms error of the lines by more than this share of it,
# and by more than this, px.
SHARE, LEAST = 0.1, 0.02
# Motion is left where it is above this many times what the errors explain,
LEFT = 2.0
# and none is where it is below this many times.
NONE_LEFT = 1.25


def error_rows(trials: Sequence[ShiftTrial] | Sequence[LineTrial]) -> list[dict[str, Any]]:
    """Predicted and actual errors, dose by dose."""
    rows = []
    for dose in sorted({trial.dose for trial in trials}, reverse=True):
        own = [trial for trial in trials if trial.dose == dose and math.isfinite(trial.actual)]
        predicted = [trial.predicted for trial in own]
        actual = [trial.actual for trial in own]
        each = np.sqrt(np.array(predicted) / np.array(actual))
        rows.append(
            {
                "dose": dose,
                "series": len(own),
                "predicted": math.sqrt(float(np.mean(predicted))),
                "actual": math.sqrt(float(np.mean(actual))),
                "ratio": ratio(predicted, actual),
                "error": float(each.std(ddof=1) / math.sqrt(len(each))) if len(each) > 1 else None,
                "hops": sum(getattr(trial, "hops", 0) for trial in own),
                "expected_hops": sum(getattr(trial, "expected_hops", 0.0) for trial in own),
            }
        )
    return rows


def all_doses(rows: Sequence[dict[str, Any]]) -> float:
    """Ratio of rms predicted to rms actual error over all series, each dose having one say."""
    return math.exp(float(np.mean([math.log(row["ratio"]) for row in rows])))


def hop_rows(trials: Sequence[HopTrial]) -> list[dict[str, Any]]:
    """Hop probabilities in bins against the share of frames that hopped."""
    probability = [p for trial in trials for p in trial.probability]
    hopped = [h for trial in trials for h in trial.hopped]
    return [asdict(row) for row in calibration(probability, hopped)]


def truth_of(trial: HelpTrial) -> str:
    """Whether the correction helped, made it worse, or does not matter."""
    change = trial.after - trial.before
    if abs(change) < max(SHARE * trial.before, LEAST):
        return "no matter"
    return "helped" if change < 0 else "worse"


def help_rows(trials: Sequence[HelpTrial]) -> list[dict[str, Any]]:
    """What is true against what was said, solver by solver."""
    rows = []
    for solver in dict.fromkeys(trial.solver for trial in trials):
        for truth in ("helped", "worse", "no matter"):
            own = [t for t in trials if t.solver == solver and truth_of(t) == truth]
            said = dict.fromkeys(("helped", "worse", "none", "unknown"), 0)
            for trial in own:
                said[trial.outcome] += 1
            if own:
                rows.append({"solver": solver, "truth": truth, "series": len(own), **said})
    return rows


def help_score(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Over all series in which it matters: how many were judged right, and how many wrong."""
    matter = [row for row in rows if row["truth"] != "no matter"]
    count = sum(row["series"] for row in matter)
    right = sum(row[row["truth"]] for row in matter)
    wrong = sum(row["worse" if row["truth"] == "helped" else "helped"] for row in matter)
    return {"series": count, "right": right, "wrong": wrong}


def limit_truth(left: float, explained: float) -> str:
    """What does limit a result, from the true error of its lines."""
    if left > LEFT * explained:
        return "instability"
    return "dose" if left < NONE_LEFT * explained else "between"


def limit_rows(trials: Sequence[HelpTrial]) -> list[dict[str, Any]]:
    """What limits a result against what was said, for rigid and non-rigid alignments."""
    cases: list[tuple[str, str, str]] = []
    for trial in trials:
        if trial.solver == "default":
            truth = limit_truth(trial.before, trial.rigid_explained)
            cases.append(("rigid", truth, trial.rigid_limit))
            truth = limit_truth(trial.after, trial.explained)
            cases.append(("non-rigid", truth, trial.limit))
    rows = []
    for stage in ("rigid", "non-rigid"):
        for truth in ("instability", "between", "dose"):
            said = [case[2] for case in cases if case[:2] == (stage, truth)]
            if said:
                counts = {key: said.count(key) for key in ("instability", "dose", "unknown")}
                rows.append({"stage": stage, "truth": truth, "series": len(said), **counts})
    return rows
