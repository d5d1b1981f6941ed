"""Benchmarks of the work on spectra: ``python -m benchmarks.spectra [--quick | --tiny]``.

Writes ``spectra.json`` and, into the documentation, ``benchmarks_spectra_table.rst`` and two
figures. Only the full run writes there by default; the others keep to ``benchmarks/results/quick``.
The full run needs 5 GB on the disk of temporary files while it lasts, and 8 GB of memory.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import asdict
from typing import Any

from benchmarks.command import Benchmark, Report
from benchmarks.contestants import present
from benchmarks.spectra.contestants import CONTESTANTS, SPLINE
from benchmarks.spectra.figures import figures
from benchmarks.spectra.large import measure_file
from benchmarks.spectra.settings import RUNS, Settings
from benchmarks.spectra.speed import measure_speed
from benchmarks.spectra.tables import render

LIBRARIES = ("dask", "distributed", "zarr", "numcodecs")


def measure(settings: Settings, report: Report) -> dict[str, Any]:
    """Run everything."""
    contestants, absent = present(CONTESTANTS)
    if SPLINE in absent:
        raise SystemExit(f"hyperspy_smartalign is not importable: {absent[SPLINE]}")
    speed = measure_speed(settings, contestants, report=report)
    return {
        "absent": absent,
        "libraries": {name: _version(name) for name in LIBRARIES},
        "speed": [asdict(row) for row in speed],
        **measure_file(settings, report=report),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    Benchmark(
        name="spectra",
        words=__doc__,
        table="benchmarks_spectra_table.rst",
        runs=RUNS,
        measure=measure,
        render=render,
        figures=figures,
    ).run()
