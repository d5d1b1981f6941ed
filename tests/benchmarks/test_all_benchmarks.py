"""The one command that regenerates the page of the benchmarks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.rst"


@pytest.fixture
def command(benchmark_module):
    return benchmark_module("__main__")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True
    )


def test_it_runs_whatever_the_page_shows(command):
    tables = {
        line.split()[-1]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith(".. include::")
    }
    assert tables == {
        "benchmarks_table.rst" if name == "rigid" else f"benchmarks_{name}_table.rst"
        for name in command.BENCHMARKS
    }


@pytest.mark.slow
def test_a_wrong_option_ends_it_at_once(command):
    done = run("--fast")
    assert done.returncode == 2
    assert done.stderr.count("unrecognized arguments: --fast") == 1


@pytest.mark.slow
def test_the_page_is_written_again_from_the_kept_results(command, tmp_path):
    for name in command.BENCHMARKS:
        shutil.copy(ROOT / "benchmarks" / "results" / f"{name}.json", tmp_path)
    done = run("--render", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    for table in tmp_path.glob("*.rst"):
        assert table.read_bytes() == (ROOT / "docs" / table.name).read_bytes()
    assert len(list(tmp_path.glob("*.rst"))) == len(command.BENCHMARKS)


@pytest.mark.slow
def test_what_fails_is_told_after_the_rest_has_run(command, tmp_path):
    for name in command.BENCHMARKS[1:]:
        shutil.copy(ROOT / "benchmarks" / "results" / f"{name}.json", tmp_path)
    done = run("--render", "--output", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(f"failed: {command.BENCHMARKS[0]}")
    assert len(list(tmp_path.glob("*.rst"))) == len(command.BENCHMARKS) - 1
