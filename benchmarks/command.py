"""The command of a benchmark: measure, keep the results, write tables and figures."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from matplotlib.figure import Figure

from benchmarks.machine import describe_machine

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
DOCS = HERE.parent / "docs"
FIGURE_FOLDER = "_static"
DPI = 110

Results = Mapping[str, Any]
Report = Callable[[str], None]
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Benchmark(Generic[Settings]):
    """What one command measures and writes.

    Attributes
    ----------
    name : str
        ``python -m benchmarks.<name>``; the results are kept in ``<name>.json``.
    words : str
        What it says about itself.
    table : str
        File of the tables.
    runs : mapping
        Settings by the name of the run: full, quick and tiny.
    measure : callable
        From settings, and a function that tells where the work is, to the results.
    render : callable
        From results to reStructuredText.
    figures : callable
        From results to figures by the name of their files.
    """

    name: str
    words: str
    table: str
    runs: Mapping[str, Settings]
    measure: Callable[[Settings, Report], dict[str, Any]]
    render: Callable[[Results], str]
    figures: Callable[[Results], Mapping[str, Figure]]

    def run(self, arguments: Sequence[str] | None = None) -> None:
        """The command."""
        options = self._parse(arguments)
        # Only the full run writes into the documentation.
        kept = options.run == "full" and options.output is None
        folder = RESULTS if kept else options.output or RESULTS / "quick"
        docs = DOCS if kept else folder
        results_file = folder / f"{self.name}.json"
        written = []
        if options.render:
            results = json.loads(results_file.read_text(encoding="utf-8"))
        else:
            results = self.results(self.runs[options.run])
            folder.mkdir(parents=True, exist_ok=True)
            results_file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            written.append(results_file)
        for path in (*written, *self.write_documents(results, docs)):
            print(path)

    def _parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        parser = argparse.ArgumentParser(
            prog=f"python -m benchmarks.{self.name}", description=self.words
        )
        size = parser.add_mutually_exclusive_group()
        for name, words in (("quick", "minutes"), ("tiny", "seconds, for the tests")):
            size.add_argument(f"--{name}", dest="run", action="store_const", const=name, help=words)
        parser.set_defaults(run="full")
        parser.add_argument("--output", type=Path, help="folder for all that is written")
        parser.add_argument(
            "--render", action="store_true", help="write tables and figures from the kept results"
        )
        return parser.parse_args(arguments)

    def results(self, settings: Settings) -> dict[str, Any]:
        """Run everything; the results as types that JSON knows."""
        start = time.perf_counter()

        def report(words: str) -> None:
            print(f"{time.perf_counter() - start:7.1f} s  {words}", file=sys.stderr, flush=True)

        machine = describe_machine()
        measured = self.measure(settings, report)
        report("done")
        plain: dict[str, Any] = _plain(
            {
                "machine": machine,
                "settings": asdict(settings),  # type: ignore[call-overload]
                **measured,
                "seconds": time.perf_counter() - start,
            }
        )
        return plain

    def write_documents(self, results: Results, folder: Path) -> list[Path]:
        """Write tables and figures alone; their paths."""
        pictures = folder / FIGURE_FOLDER
        pictures.mkdir(parents=True, exist_ok=True)
        paths = [folder / self.table]
        paths[0].write_text(self.render(results), encoding="utf-8")
        for name, figure in self.figures(results).items():
            paths.append(pictures / name)
            figure.savefig(paths[-1], dpi=DPI)
        return paths


def _plain(value: Any) -> Any:
    """Lists for tuples, None for NaN, five digits: what JSON keeps, and small."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value
