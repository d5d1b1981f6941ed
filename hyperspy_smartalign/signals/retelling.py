"""Warnings of inner calls, told again so that they name the line of the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hyperspy_smartalign.signals.telling import Said, gathered, tell

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
    said: list[Said] = []
    try:
        with gathered() as said:
            yield
    finally:
        for each in dict.fromkeys(said):
            tell(each.message, each.category, stacklevel=stacklevel + _HERE - 1)
