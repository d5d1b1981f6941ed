"""Seconds and memory of a series that is in a file: here, and by the processes of a cluster."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import HERE, Report
from benchmarks.spectra.passes import METHODS
from benchmarks.spectra.series import write_series
from benchmarks.spectra.settings import Settings

# Of the size in memory; counts at a low dose need a tenth of it.
ROOM_ON_DISK = 0.25


def measure_file(settings: Settings, *, report: Report) -> dict[str, Any]:
    """Write the series, read it in every way, and remove it.

    Returns
    -------
    dict
        "file": sizes of the series in GB, and seconds to write it; "passes": one row a method;
        "workers": one row a number of processes, 0 for no cluster.

    Raises
    ------
    SystemExit
        If there is no room for the file.
    """
    size = settings.file_series
    with tempfile.TemporaryDirectory(prefix="smartalign_benchmark_") as name:
        folder = Path(name)
        free, needed = shutil.disk_usage(folder).free / 1e9, ROOM_ON_DISK * size.gigabytes
        if free < needed:
            raise SystemExit(
                f"{folder.parent} has {free:.1f} GB left, and the series may need {needed:.1f} GB. "
                "Make room, or set TMPDIR to a folder on another disk."
            )
        report(f"writing a series of {size.gigabytes:.3g} GB")
        series = write_series(folder, size)
        shifts_path = folder / "shifts.npy"
        np.save(shifts_path, series.shifts)
        report(f"written, {series.gigabytes_on_disk:.2f} GB on disk")
        passes = []
        for method in METHODS:
            report(f"file: {method}")
            found = _in_child("passes", method, series.path, shifts_path)
            passes.append({"method": method, "frames": size.frames, **found})
        workers = []
        for number in (0, *settings.workers) if importlib.util.find_spec("distributed") else (0,):
            report(f"file: {number} worker processes" if number else "file: no cluster")
            frames = settings.worker_frames
            found = _in_child("workers", number, frames, series.path, shifts_path, folder)
            workers.append({"workers": number, "frames": frames, **found})
        on_disk = series.gigabytes_on_disk
    return {
        "file": {"gigabytes": size.gigabytes, "on_disk": on_disk},
        "passes": passes,
        "workers": workers,
    }


def _in_child(module: str, *arguments: Any) -> dict[str, Any]:
    """What a module of this package prints last, run in a fresh process."""
    command = [sys.executable, "-m", f"benchmarks.spectra.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
