"""A lazy series of spectra that takes its time, worked on in a process that is ended by force.

Usage: python slow_series.py FOLDER OUTPUT SECONDS; not a test module. Each frame that is read adds
a line to FOLDER/read.txt.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import dask.array as da
import hyperspy.api as hs
import numpy as np

SHIFTS = np.array([(0.3, -0.4), (1.2, 0.1), (-0.7, 0.6), (0.2, 1.4), (0.0, 0.0), (-1.1, -0.3)])
SHAPE = (len(SHIFTS), 20, 18, 8)


def values() -> np.ndarray:
    """What the series holds."""
    return np.random.default_rng(4).poisson(20, SHAPE).astype(np.uint16)


def slow_series(folder: Path, seconds: float) -> hs.signals.Signal1D:
    """The series, a frame a chunk."""
    content = values()

    def frame(block_info=None):
        (start, stop), *_ = block_info[None]["array-location"]
        with (folder / "read.txt").open("a") as file:
            file.write(f"{start}\n")
        time.sleep(seconds)
        return content[start:stop]

    chunks = ((1,) * SHAPE[0], *((size,) for size in SHAPE[1:]))
    data = da.map_blocks(frame, chunks=chunks, dtype=np.uint16, meta=np.empty((0,) * 4, np.uint16))
    signal = hs.signals.Signal1D(data).as_lazy()
    signal.metadata.General.title = "slow"
    return signal


def work(folder: Path, output: str, seconds: float, **keywords):
    """Apply the shifts to the series, into a file of the folder."""
    from hyperspy_smartalign.signals.spectra import checkpoints

    # Keep the state after every frame.
    checkpoints._LEAST_SECONDS = 0.0
    checkpoints._SHARE = 1.0
    signal = slow_series(folder, seconds)
    return signal.apply_alignment(
        SHIFTS, output=output, file=folder / "result.hspy", show_progressbar=False, **keywords
    )


if __name__ == "__main__":
    import hyperspy_smartalign  # noqa: F401

    work(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
