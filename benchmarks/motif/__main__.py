"""Benchmarks of the template matching: ``python -m benchmarks.motif [--quick | --tiny]``.

Writes ``motif.json`` and, into the documentation, ``benchmarks_motif_table.rst`` and two figures.
Only the full run writes there by default; the others keep to ``benchmarks/results/quick``.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks.command import Benchmark, Report
from benchmarks.contestants import present
from benchmarks.motif.accuracy import run_distortions, run_trials
from benchmarks.motif.contestants import CONTESTANTS, DEFAULT
from benchmarks.motif.figures import figures
from benchmarks.motif.settings import RUNS, Settings
from benchmarks.motif.speed import measure_memory, measure_speed
from benchmarks.motif.tables import render


def measure(settings: Settings, report: Report) -> dict[str, Any]:
    """Run everything."""
    contestants, absent = present(CONTESTANTS)
    if DEFAULT in absent:
        raise SystemExit(f"hyperspy_smartalign is not importable: {absent[DEFAULT]}")
    # Seconds first: later the machine is warmer, and its memory more fragmented.
    speed = measure_speed(settings, contestants, report=report)
    memory = measure_memory(settings, report=report)
    trials = run_trials(settings, report=report)
    distortions = run_distortions(settings, report=report)
    return {
        "absent": absent,
        "speed": [asdict(row) for row in speed],
        "memory": [asdict(row) for row in memory],
        "trials": [asdict(row) for row in trials],
        "distortions": [asdict(row) for row in distortions],
    }


if __name__ == "__main__":
    Benchmark(
        name="motif",
        words=__doc__,
        table="benchmarks_motif_table.rst",
        runs=RUNS,
        measure=measure,
        render=render,
        figures=figures,
    ).run()
