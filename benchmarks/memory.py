"""Peak memory of one method on one series, in a process of its own.

``python -m benchmarks.memory MODULE NAME STACK.npy ...`` prints the bytes that a method needed at
its peak beyond its input and its output. ``MODULE.runner(NAME)`` is the method, a function of the
arrays.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.command import Report
from benchmarks.contestants import Aligner, Contestant
from benchmarks.scenarios import Scenario
from benchmarks.settings import Settings, Shape
from benchmarks.timing import DOSE, WARM_UP_FRAMES

ROOT = Path(__file__).resolve().parents[1]
STATUS = Path("/proc/self/status")
STREAMED = "--streamed"


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
    report: Report,
) -> list[MemoryRow]:
    """Every method on the series of `settings.sizes`; empty where the system does not tell."""
    rows: list[MemoryRow] = []
    methods: list[Contestant | Aligner] = [*(c for c in contestants if c.sweep), *aligners]
    for frames, shape in settings.sizes:
        stack = Scenario("lattice", DOSE, frames, shape, 0).simulate().stack
        names = [method.name for method in methods]
        rows += measure_each("benchmarks.contestants", names, [stack], report=report)
    return rows


def measure_each(
    module: str,
    names: Sequence[str],
    inputs: Sequence[npt.NDArray[Any]],
    *,
    report: Report,
    streamed: Collection[str] = (),
) -> list[MemoryRow]:
    """Every method of a module on one series; empty where the system does not tell.

    Parameters
    ----------
    module : str
        Its ``runner(name)`` gives the function.
    names : sequence of str
        The methods.
    inputs : sequence of array
        The stack, and what else the functions need, one item a frame along the first axes.
    report : callable
        Told where the work is.
    streamed : collection of str
        Methods whose inputs are left on disk, as memory maps.
    """
    if not STATUS.exists():
        report("memory: not measured, this system has no /proc")
        return []
    frames, height, width = inputs[0].shape
    report(f"memory, {frames} frames of {height} x {width}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"input_{index}.npy" for index in range(len(inputs))]
        for path, array in zip(paths, inputs, strict=True):
            np.save(path, np.asarray(array, dtype=np.float32))
        for name in names:
            extra = _in_child(module, name, paths, streamed=name in streamed)
            megabytes, stacks = extra / 1e6, extra / (4 * inputs[0].size)
            rows.append(MemoryRow(name, frames, (height, width), megabytes, stacks))
    return rows


def _in_child(module: str, name: str, paths: Sequence[Path], *, streamed: bool) -> int:
    command = [sys.executable, "-m", "benchmarks.memory", module, name, *map(str, paths)]
    if streamed:
        command.append(STREAMED)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name} failed in its own process:\n{done.stderr}")
    extra: int = json.loads(done.stdout.splitlines()[-1])
    return extra


def extra_memory(module: str, name: str, paths: Sequence[Path], *, streamed: bool = False) -> int:
    """Bytes of a method at its peak, in this process, less its input and its output."""
    run = importlib.import_module(module).runner(name)
    run(*(np.array(np.load(path, mmap_mode="r")[:WARM_UP_FRAMES]) for path in paths))
    inputs = [np.load(path, mmap_mode="r" if streamed else None) for path in paths]
    before = _start_watching()
    result = run(*inputs)
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


def _main(module: str, name: str, *files: str) -> None:
    paths = [Path(file) for file in files if file != STREAMED]
    print(json.dumps(extra_memory(module, name, paths, streamed=STREAMED in files)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
