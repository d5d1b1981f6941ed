"""Values of recorded parameters in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hyperspy_smartalign.parameters._kinds import REGION_SIDES

# Longer sequences are told by their ends.
_LONGEST = 4


def recorded_text(value: Any) -> str:
    """A recorded value on one line, also after a trip through a file.

    Parameters
    ----------
    value : object
        Arrays are told by their shape, long sequences by their ends.
    """
    if hasattr(value, "as_dictionary"):
        value = value.as_dictionary()
    if isinstance(value, Mapping):
        # Files put the sides of a region in alphabetical order.
        sides = list(REGION_SIDES)
        names = sorted(value, key=lambda name: sides.index(name) if name in sides else -1)
        return " ".join(f"{name} {recorded_text(value[name])}" for name in names)
    if hasattr(value, "dask"):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.ndim > 1:
        return f"array of {value.shape}"
    if isinstance(value, (list, tuple, np.ndarray)) and len(value) > _LONGEST:
        return f"{value[0]} to {value[-1]} ({len(value)})"
    return str(value)
