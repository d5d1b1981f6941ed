"""What the figures were measured on, and how long the import takes."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PACKAGES = (
    "hyperspy_smartalign",
    "hyperspy",
    "scikit-image",
    "pystackreg",
    "SimpleITK",
    "numpy",
    "scipy",
    "numba",
)

_IMPORT = """
import time
start = time.perf_counter()
import hyperspy.api
middle = time.perf_counter()
import hyperspy_smartalign
print(middle - start, time.perf_counter() - middle)
"""


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory, load, day and versions."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": _memory_gigabytes(),
        "load_at_start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "day": datetime.now(UTC).date().isoformat(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _processor() -> str:
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        for line in cpu_info.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _memory_gigabytes() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def import_seconds(processes: int) -> dict[str, float]:
    """Median seconds of the imports in fresh processes, the first of which is not counted."""
    runs = [_import_once() for _ in range(processes + 1)][1:]
    hyperspy, own = zip(*runs, strict=True)
    return {
        "hyperspy.api": statistics.median(hyperspy),
        "hyperspy_smartalign after it": statistics.median(own),
    }


def _import_once() -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True
    )
    hyperspy, own = done.stdout.split()
    return float(hyperspy), float(own)
