"""Peak memory of one method on one series, in a process of its own.

``python -m benchmarks.memory NAME STACK.npy`` prints the bytes that a method needed at its peak
beyond its input and its output.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.contestants import Aligner, Contestant, runner
from benchmarks.scenarios import Scenario
from benchmarks.settings import Settings, Shape
from benchmarks.timing import DOSE, WARM_UP_FRAMES

ROOT = Path(__file__).resolve().parents[1]
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class MemoryRow:
    """Peak memory of one method beyond input and output, also as a multiple of the input.

    The input is float32.
    """

    method: str
    frames: int
    shape: Shape
    megabytes: float
    stacks: float


def measure_memory(
    settings: Settings,
    contestants: Sequence[Contestant],
    aligners: Sequence[Aligner],
    *,
    report: Callable[[str], None],
) -> list[MemoryRow]:
    """Every method on the series of `settings.sizes`; empty where the system does not tell."""
    if not STATUS.exists():
        report("memory: not measured, this system has no /proc")
        return []
    rows: list[MemoryRow] = []
    methods: list[Contestant | Aligner] = [*(c for c in contestants if c.sweep), *aligners]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stack.npy"
        for frames, shape in settings.sizes:
            report(f"memory, {frames} frames of {shape[0]} x {shape[1]}")
            stack = Scenario("lattice", DOSE, frames, shape, 0).simulate().stack
            np.save(path, np.asarray(stack, dtype=np.float32))
            for method in methods:
                extra = _in_child(method.name, path)
                rows.append(
                    MemoryRow(method.name, frames, shape, extra / 1e6, extra / (4 * stack.size))
                )
    return rows


def _in_child(name: str, path: Path) -> int:
    command = [sys.executable, "-m", "benchmarks.memory", name, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name} failed in its own process:\n{done.stderr}")
    extra: int = json.loads(done.stdout.splitlines()[-1])
    return extra


def extra_memory(name: str, path: Path) -> int:
    """Bytes of a method at its peak, in this process, less its input and its output."""
    run = runner(name)
    warm_up = np.load(path, mmap_mode="r")[:WARM_UP_FRAMES].copy()
    run(warm_up)
    stack = np.load(path)
    before = _start_watching()
    result = run(stack)
    return max(0, _status_bytes("VmHWM") - before - result.nbytes)


def _start_watching() -> int:
    """Forget the peak so far, and return the bytes in memory now."""
    Path("/proc/self/clear_refs").write_text("5")  # Linux: resets VmHWM
    return _status_bytes("VmRSS")


def _status_bytes(name: str) -> int:
    for line in STATUS.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return 1024 * int(value.split()[0])
    raise RuntimeError(f"{STATUS} has no line {name}")


if __name__ == "__main__":
    print(json.dumps(extra_memory(sys.argv[1], Path(sys.argv[2]))))
