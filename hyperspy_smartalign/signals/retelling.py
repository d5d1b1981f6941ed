"""Warnings of inner calls, told again so that they name the line of the user."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# From `retold` up to the function that uses it: contextlib lies between.
_HERE = 3


@contextmanager
def retold(stacklevel: int) -> Iterator[None]:
    """Say what is said inside once, at the end, as if another function had said it.

    Parameters
    ----------
    stacklevel : int
        As in `warnings.warn` called in place of the with statement: 1 is the function that holds
        it, 2 the caller of that function.
    """
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        told = set()
        for warning in caught:
            if (warning.category, str(warning.message)) not in told:
                told.add((warning.category, str(warning.message)))
                warnings.warn(warning.message, warning.category, stacklevel=stacklevel + _HERE - 1)
