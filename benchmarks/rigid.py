"""Benchmarks of the rigid registration: ``python -m benchmarks.rigid [--quick | --tiny]``.

Writes ``rigid.json`` and, into the documentation, ``benchmarks_table.rst`` and two figures. Only
the full run writes there by default; the others keep to ``benchmarks/results/quick``.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks import accuracy, machine, memory, timing
from benchmarks.command import Benchmark, Report
from benchmarks.contestants import ALIGNERS, CONTESTANTS, OWN, present
from benchmarks.figures import figures
from benchmarks.settings import RUNS, Settings
from benchmarks.tables import render


def measure(settings: Settings, report: Report) -> dict[str, Any]:
    """Run everything."""
    contestants, absent = present(CONTESTANTS)
    aligners, absent_aligners = present(ALIGNERS)
    if OWN in absent:
        raise SystemExit(f"hyperspy_smartalign is not importable: {absent[OWN]}")
    # Seconds first: later the machine is warmer, and its memory more fragmented.
    sizes = timing.time_sizes(settings, contestants, aligners, report=report)
    growth = timing.time_growth(settings, contestants, report=report)
    memories = memory.measure_memory(settings, contestants, aligners, report=report)
    report("imports")
    imports = machine.import_seconds(settings.imports)
    trials = accuracy.run_trials(settings, contestants, report=report)
    small = accuracy.run_calibration(settings, contestants, report=report)
    return {
        "absent": {**absent, **absent_aligners},
        "accuracy": [asdict(row) for row in accuracy.accuracy_rows(trials)],
        "calibration": accuracy.calibration_rows([*trials, *small]),
        "sizes": [asdict(row) for row in sizes],
        "growth": [asdict(row) for row in growth],
        "memory": [asdict(row) for row in memories],
        "imports": imports,
    }


if __name__ == "__main__":
    Benchmark(
        name="rigid",
        words=__doc__,
        table="benchmarks_table.rst",
        runs=RUNS,
        measure=measure,
        render=render,
        figures=figures,
    ).run()
