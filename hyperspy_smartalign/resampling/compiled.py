"""The one way in which this package compiles a function with numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

# Sums may be fused, but NaN must survive: it marks pixels that were not observed.
_NAN_SAFE = {"contract", "nsz", "arcp"}


def compiled(function: Function) -> Function:
    """Compile `function` on first use, cached on disk and run without the GIL.

    Sums stay in their order. In what order they are put otherwise depends on where arrays lie in
    memory and on what was compiled before in the same process, and so does the last bit.

    Threads are left to the caller: numba's own parallel layer clashes with dask's threads.
    """
    jit = numba.njit(cache=True, nogil=True, fastmath=_NAN_SAFE)
    return cast(Function, jit(function))
