"""Fixtures of the tests of the benchmarks, which are no part of the installed package."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def benchmark_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A module of the benchmarks by its name."""
    if not (ROOT / "benchmarks").is_dir():
        pytest.skip("the benchmarks are in the project's repository only")
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def run_tiny(tmp_path: Path) -> Callable[[str, str], tuple[dict[str, Any], str]]:
    """Run a benchmark at its smallest; its results and its tables, all written as promised."""
    if not (ROOT / "benchmarks").is_dir():
        pytest.skip("the benchmarks are in the project's repository only")

    def run(name: str, table_name: str) -> tuple[dict[str, Any], str]:
        command = [sys.executable, "-m", f"benchmarks.{name}", "--tiny", "--output", str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        results = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        table = (tmp_path / table_name).read_text(encoding="utf-8")
        pictures = sorted((tmp_path / "_static").iterdir())
        assert len(pictures) == 2
        for picture in pictures:
            assert 1_000 < picture.stat().st_size < 150_000
            assert f"/_static/{picture.name}" in table
        docutils = pytest.importorskip("docutils.core")
        docutils.publish_doctree(table, settings_overrides={"halt_level": 2, "report_level": 2})
        return results, table

    return run
