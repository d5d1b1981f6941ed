"""Warnings for whoever called the verb, or for the observer that follows it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals.progressing import Observer, observed_by, present_observer


def tell(message: str, category: type[Warning] = SeriesWarning, *, stacklevel: int = 1) -> None:
    """Warn the user, or tell the observer instead, if there is one.

    Parameters
    ----------
    message : str
    category : type of Warning
    stacklevel : int
        As in `warnings.warn` called in place of this function.
    """
    observer = present_observer()
    if observer is None:
        warnings.warn(message, category, stacklevel=stacklevel + 1)
    else:
        observer.warned(message)


@dataclass(frozen=True)
class Said:
    """A warning that was gathered."""

    message: str
    category: type[Warning] = SeriesWarning


@contextmanager
def gathered() -> Iterator[list[Said]]:
    """Keep what is told inside, for the caller to tell again.

    Under an observer the filters of `warnings`, which all threads share, are left alone.

    Yields
    ------
    list of Said
        Complete when the with statement has ended.
    """
    observer = present_observer()
    said: list[Said] = []
    if observer is not None:
        with observed_by(_Gathering(observer, said)):
            yield said
        return
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield said
    finally:
        said.extend(Said(str(warning.message), warning.category) for warning in caught)


class _Gathering:
    """An observer that keeps the warnings, and passes the rest on."""

    def __init__(self, observer: Observer, said: list[Said]) -> None:
        self.progressed, self.found = observer.progressed, observer.found
        self._said = said

    def warned(self, message: str) -> None:
        self._said.append(Said(message))
