"""A series in a file, added up by the processes of a dask.distributed cluster.

``python -m benchmarks.spectra.workers WORKERS FRAMES SERIES.zspy SHIFTS.npy FOLDER`` prints seconds
and resident memory as JSON. With 0 workers there is no cluster.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import hyperspy.api as hs
import numpy as np

from benchmarks.spectra.watching import peak_gigabytes
from hyperspy_smartalign import apply_alignment


def with_workers(
    workers: int, frames: int, path: str, shifts_path: str, folder: str
) -> dict[str, Any]:
    """Seconds, and peaks of this process and of the workers in GB; `folder` is for scratch."""
    if not workers:
        return {**_timed(workers, frames, path, shifts_path), "worker_peak": None}
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=folder,
        ) as cluster,
        Client(cluster) as client,
    ):
        found = _timed(workers, frames, path, shifts_path)
        peaks = client.run(peak_gigabytes).values()
        known = [peak for peak in peaks if peak is not None]
        return {**found, "worker_peak": max(known, default=None)}


def _timed(workers: int, frames: int, path: str, shifts_path: str) -> dict[str, Any]:
    shifts = np.load(shifts_path)[:frames]
    signal = hs.load(path, lazy=True).inav[:, :, :frames]
    # Compiled functions come to life on a few pixels: in every worker, as they get a frame each.
    first = max(2, min(frames, 4 * workers))
    apply_alignment(shifts[:first] % 1, signal.inav[:16, :16, :first], show_progressbar=False)
    start = time.perf_counter()
    apply_alignment(shifts, signal, show_progressbar=False)
    return {"seconds": time.perf_counter() - start, "peak": peak_gigabytes()}


if __name__ == "__main__":
    n_workers, n_frames, *paths = sys.argv[1:]
    print(json.dumps(with_workers(int(n_workers), int(n_frames), *paths)))
