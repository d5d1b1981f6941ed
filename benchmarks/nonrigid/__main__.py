"""Benchmarks of the non-rigid registration: ``python -m benchmarks.nonrigid [--quick | --tiny]``.

Writes ``nonrigid.json`` and, into the documentation, ``benchmarks_nonrigid_table.rst`` and two
figures. Only the full run writes there by default; the others keep to ``benchmarks/results/quick``.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks.command import Benchmark, Report
from benchmarks.contestants import OWN, present
from benchmarks.nonrigid import accuracy
from benchmarks.nonrigid.contestants import CONTESTANTS
from benchmarks.nonrigid.figures import figures
from benchmarks.nonrigid.settings import RUNS, Settings
from benchmarks.nonrigid.speed import measure_speed
from benchmarks.nonrigid.tables import render


def measure(settings: Settings, report: Report) -> dict[str, Any]:
    """Run everything."""
    contestants, absent = present(CONTESTANTS)
    if OWN in absent:
        raise SystemExit(f"hyperspy_smartalign is not importable: {absent[OWN]}")
    # Seconds first: later the machine is warmer, and its memory more fragmented.
    seconds, megabytes = measure_speed(settings, contestants, report=report)
    trials = accuracy.run_trials(settings, contestants, report=report)
    common = accuracy.run_pairs(settings, contestants, report=report)
    still = accuracy.run_still(settings, contestants, report=report)
    return {
        "absent": absent,
        "trials": [asdict(row) for row in trials],
        "accuracy": [asdict(row) for row in accuracy.accuracy_rows(trials)],
        "common": [asdict(row) for row in common],
        "still": [asdict(row) for row in still],
        "sizes": [asdict(row) for row in seconds],
        "memory": [asdict(row) for row in megabytes],
    }


if __name__ == "__main__":
    Benchmark(
        name="nonrigid",
        words=__doc__,
        table="benchmarks_nonrigid_table.rst",
        runs=RUNS,
        measure=measure,
        render=render,
        figures=figures,
    ).run()
