"""What dask computes for a verb, with the observer told meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.signals.progressing import Progress, present_beat


def compute_options(stage: str = "", progress: Progress | None = None) -> dict[str, Any]:
    """Options of ``compute()`` of dask and HyperSpy that let an observer follow and end it.

    They hold for this one call; nothing of them gets into what stays lazy.

    Parameters
    ----------
    stage : str
        What is computed.
    progress : callable, optional
        Told how many tasks are done. None: the observer is told the last report again.

    Returns
    -------
    dict
        Empty where nobody follows.
    """
    beat = present_beat()
    if beat is None and progress is None:
        return {}

    def done(key: Any, result: Any, graph: Any, state: Any, worker: Any) -> None:
        if progress is not None:
            finished = len(state["finished"])
            waiting = sum(len(state[name]) for name in ("ready", "waiting", "running"))
            progress(stage, finished, finished + waiting)
        elif beat is not None:
            beat()

    # Not a `with Callback()`: that would be told of what other threads compute, too.
    return {"callbacks": [(None, None, None, done, None)]}


def computed(data: Any) -> npt.NDArray[Any]:
    """A numpy or dask array as a numpy one."""
    return np.asarray(data.compute(**compute_options()) if hasattr(data, "dask") else data)
