"""Is it true what is said of a result: ``python -m benchmarks.quality [--quick | --tiny]``.

Writes ``quality.json`` and, into the documentation, ``benchmarks_quality_table.rst`` and a figure.
Only the full run writes there by default; the others keep to ``benchmarks/results/quick``.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from typing import Any

from benchmarks.command import Benchmark, Report
from benchmarks.quality.figures import figures
from benchmarks.quality.settings import RUNS, Settings
from benchmarks.quality.summaries import (
    all_doses,
    error_rows,
    help_rows,
    help_score,
    hop_rows,
    limit_rows,
)
from benchmarks.quality.tables import render
from benchmarks.quality.trials import help_trials, hop_trial, line_trial, shift_trial


def measure(settings: Settings, report: Report) -> dict[str, Any]:
    """Run everything."""
    # Small matrices are solved fastest by one thread each.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(settings.workers) as pool:

        def each(function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> list[Any]:
            return list(pool.map(function, *zip(*calls, strict=True)))

        size = (settings.shape, settings.frames)
        report("errors of shifts")
        shifts = each(shift_trial, _calls(size, settings.shift_doses, settings.shift_seeds))
        report("errors of scan lines")
        lines = each(line_trial, _calls(size, settings.line_doses, settings.line_seeds))
        report("hop probabilities")
        small = (settings.hop_shape, settings.hop_frames)
        hops = each(hop_trial, _calls(small, settings.hop_doses, settings.hop_seeds))
        report("did it help, and what limits it")
        pairs = itertools.product(
            settings.help_doses, settings.help_jitters, range(settings.help_seeds)
        )
        helped = [
            trial for found in each(help_trials, [(*size, *pair) for pair in pairs])
            for trial in found
        ]  # fmt: skip
    shift_rows, line_rows, outcomes = error_rows(shifts), error_rows(lines), help_rows(helped)
    return {
        "absent": {},
        "shifts": shift_rows,
        "shift_ratio": all_doses(shift_rows),
        "lines": line_rows,
        "line_ratio": all_doses(line_rows),
        "hops": hop_rows(hops),
        "help": outcomes,
        "help_score": help_score(outcomes),
        "limits": limit_rows(helped),
        "help_trials": [asdict(trial) for trial in helped],
    }


def _calls(size: tuple[Any, ...], doses: tuple[float, ...], seeds: int) -> list[tuple[Any, ...]]:
    return [(*size, dose, seed) for dose in doses for seed in range(seeds)]


if __name__ == "__main__":
    Benchmark(
        name="quality",
        words=__doc__,
        table="benchmarks_quality_table.rst",
        runs=RUNS,
        measure=measure,
        render=render,
        figures=figures,
    ).run()
