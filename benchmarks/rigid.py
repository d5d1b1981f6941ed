"""Benchmarks of the rigid registration: ``python -m benchmarks.rigid [--quick | --tiny]``.

Writes ``rigid.json`` and, into the documentation, ``benchmarks_table.rst`` and two figures. Only
the full run writes there by default; the others keep to ``benchmarks/results/quick``.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import accuracy, machine, memory, timing
from benchmarks.contestants import ALIGNERS, CONTESTANTS, OWN, present
from benchmarks.figures import write_figures
from benchmarks.settings import FULL, QUICK, RUNS, TINY, Settings
from benchmarks.tables import render

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
DOCS = HERE.parent / "docs"
JSON_NAME = "rigid.json"
TABLE_NAME = "benchmarks_table.rst"
FIGURE_FOLDER = "_static"


def measure(settings: Settings) -> dict[str, Any]:
    """Run everything; the results as types that JSON knows."""
    start = time.perf_counter()

    def report(words: str) -> None:
        print(f"{time.perf_counter() - start:7.1f} s  {words}", file=sys.stderr, flush=True)

    described = machine.describe_machine()
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
    report("done")
    content = {
        "machine": described,
        "settings": asdict(settings),
        "absent": {**absent, **absent_aligners},
        "accuracy": [asdict(row) for row in accuracy.accuracy_rows(trials)],
        "calibration": accuracy.calibration_rows([*trials, *small]),
        "sizes": [asdict(row) for row in sizes],
        "growth": [asdict(row) for row in growth],
        "memory": [asdict(row) for row in memories],
        "imports": imports,
        "seconds": time.perf_counter() - start,
    }
    plain: dict[str, Any] = _plain(content)
    return plain


def _plain(value: Any) -> Any:
    """Lists for tuples, None for NaN, five digits: what JSON keeps, and small."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def write(results: dict[str, Any], *, results_folder: Path, docs_folder: Path) -> list[Path]:
    """Write JSON, table and figures; their paths."""
    for folder in (results_folder, docs_folder):
        folder.mkdir(parents=True, exist_ok=True)
    json_path = results_folder / JSON_NAME
    json_path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return [json_path, *write_documents(results, docs_folder)]


def write_documents(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write table and figures alone; their paths."""
    table = folder / TABLE_NAME
    table.write_text(render(results), encoding="utf-8")
    return [table, *write_figures(results, folder / FIGURE_FOLDER)]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rigid", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", dest="run", action="store_const", const=QUICK.name, help="less than 3 minutes"
    )
    size.add_argument(
        "--tiny", dest="run", action="store_const", const=TINY.name, help="seconds, for the tests"
    )
    parser.add_argument("--output", type=Path, help="folder for all that is written")
    parser.add_argument(
        "--render", action="store_true", help="write table and figures from the kept results"
    )
    options = parser.parse_args(arguments)
    settings = RUNS[options.run or FULL.name]
    kept = settings is FULL and options.output is None
    folder = RESULTS if kept else options.output or RESULTS / "quick"
    docs = DOCS if kept else folder
    if options.render:
        content = json.loads((folder / JSON_NAME).read_text(encoding="utf-8"))
        paths = write_documents(content, docs)
    else:
        paths = write(measure(settings), results_folder=folder, docs_folder=docs)
    for path in paths:
        print(path)


if __name__ == "__main__":
    main()
