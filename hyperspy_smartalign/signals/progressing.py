"""One progress bar for all stages of a verb."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)`` in the thread of the caller."""


@contextmanager
def progress_bar(show: bool | None) -> Iterator[Progress | None]:
    """A bar that starts again with each stage, which stands before it.

    Parameters
    ----------
    show : bool or None
        None does as HyperSpy's preferences say.

    Yields
    ------
    Progress or None
        What reports progress; None when nothing is shown. The bar is closed at the end, also
        when an error or the user ends the work.
    """
    if show is None:
        from hyperspy.defaults_parser import preferences

        show = preferences.General.show_progressbar
    if not show:
        yield None
        return
    bar = _StagedBar()
    try:
        yield bar.report
    finally:
        bar.close()


class _StagedBar:
    """A tqdm bar that appears with the first report."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def report(self, stage: str, done: int, total: int) -> None:
        if self._bar is None:
            from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]

            self._bar = tqdm(total=total)
        if stage != self._stage or done < self._bar.n:
            self._stage = stage
            self._bar.reset(total)
            self._bar.set_description_str(stage, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
