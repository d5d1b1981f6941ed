"""A signal like another, with other data, made without touching the other one.

HyperSpy's own way, also behind ``isig``, ``inav`` and ``sum``, takes the data, the plot and some of
the metadata off the signal while it copies. Another thread that plots it, or copies it too, finds
nothing there, and may put nothing back.
"""

from __future__ import annotations

import copy
from typing import Any

from hyperspy.signals import BaseSignal


def with_data(signal: BaseSignal, data: Any, *, variance: bool = False) -> BaseSignal:
    """A signal of the same class, with copies of axes and metadata, and with these data.

    Parameters
    ----------
    signal : BaseSignal
        It is only read, so that several threads may do this at once.
    data : numpy or dask array
        Taken as it is; no copy is made. Axes are for the caller to change where it has another
        shape.
    variance : bool
        Keep the variance of the noise too.

    Returns
    -------
    BaseSignal
        Without plot, models, learning results and navigator, as HyperSpy's slices are.
    """
    twin = object.__new__(type(signal))
    vars(twin).update(vars(signal))
    vars(twin)["_data"] = None
    vars(twin).pop("learning_results", None)
    left_out = {"Signal": () if variance else ("Noise_properties",), "_HyperSpy": ("navigator",)}
    for node, names in left_out.items():
        for name in names:
            if twin.metadata.has_item(f"{node}.{name}"):
                if twin.metadata is signal.metadata:
                    vars(twin)["_metadata"] = signal.metadata.deepcopy()
                delattr(twin.metadata[node], name)
    result: BaseSignal = copy.deepcopy(twin)
    result.data = data
    return result


def sliced(signal: BaseSignal, slices: Any) -> BaseSignal:
    """``signal.isig[slices]``, made without touching the signal."""
    return with_data(signal, signal.data, variance=True).isig[slices]
