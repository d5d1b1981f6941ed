"""One pass over a series in a file, in a process of its own.

``python -m benchmarks.spectra.passes NAME SERIES.zspy SHIFTS.npy`` prints the seconds and the
resident memory of the method NAME as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import hyperspy.api as hs
import numpy as np
import numpy.typing as npt

from benchmarks.contestants import OWN
from benchmarks.spectra.watching import MemoryWatch, peak_gigabytes
from hyperspy_smartalign import apply_alignment

Shifts = npt.NDArray[np.float64]

READ = "reading alone"
ADD = "reading and adding, nothing aligned"
SPLINE = f"{OWN}, spline"
SHARED = f"{OWN}, counts shared out"


def _read(signal: Any, shifts: Shifts) -> None:
    for index in range(len(shifts)):
        signal.data[index].compute()


def _add(signal: Any, shifts: Shifts) -> None:
    total = np.zeros(signal.data.shape[1:], np.float32)
    for index in range(len(shifts)):
        total += signal.data[index].compute()


def _smartalign(signal: Any, shifts: Shifts, **options: Any) -> None:
    apply_alignment(shifts, signal, show_progressbar=False, **options)


METHODS: dict[str, Callable[[Any, Shifts], None]] = {
    READ: _read,
    ADD: _add,
    SPLINE: _smartalign,
    SHARED: partial(_smartalign, counts="share"),
}


def one_pass(name: str, path: str, shifts_path: str) -> dict[str, Any]:
    """Seconds, peak of the process in GB, and [seconds, GB] as it went."""
    shifts = np.load(shifts_path)
    signal = hs.load(path, lazy=True)
    # Compiled functions come to life on a few pixels.
    METHODS[name](signal.inav[:16, :16, :2], shifts[:2] % 1)
    with MemoryWatch() as watch:
        start = time.perf_counter()
        METHODS[name](signal, shifts)
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak": peak_gigabytes(), "samples": watch.samples}


if __name__ == "__main__":
    print(json.dumps(one_pass(*sys.argv[1:])))
