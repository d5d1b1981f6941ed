"""Partial sums by the workers of a dask.distributed cluster."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from hyperspy_smartalign.resampling import SpectrumSum
from hyperspy_smartalign.signals.progressing import present_beat
from hyperspy_smartalign.signals.spectra.lazily import tree_sum
from hyperspy_smartalign.signals.spectra.partial_sums import Moves, Summing

# Portions that each thread of the cluster gets at a time, so that none waits for the others.
_PORTIONS_PER_THREAD = 2
# Seconds between two looks at whether an observer ends the work.
_BETWEEN_BEATS = 0.1


def active_client() -> Any:
    """The client of dask.distributed that is active, or None."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.get_client()
    except ValueError:
        return None


def portions_at_a_time(client: Any) -> int:
    """How many portions keep the cluster busy."""
    threads: int = sum(client.nthreads().values())
    return max(1, _PORTIONS_PER_THREAD * threads)


def sum_by_workers(
    client: Any,
    parts: Sequence[Any],
    moves: Sequence[Sequence[Moves]],
    how: Summing,
) -> SpectrumSum:
    """The sum of portions; the workers read, resample and add them, and send one sum.

    What a worker that is lost had done is done again by the others.

    Parameters
    ----------
    client : distributed.Client
    parts : sequence of dask arrays
        Values of the portions.
    moves : sequence of sequences of collections of Transform
        Those of the frames of each portion.
    how : Summing
    """
    future = client.compute(tree_sum(parts, moves, how))
    beat = present_beat()
    try:
        while beat is not None and not future.done():
            time.sleep(_BETWEEN_BEATS)
            beat()
        return SpectrumSum.from_arrays(future.result())
    finally:
        future.cancel()
