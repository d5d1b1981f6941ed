"""What a verb tells while it works: one progress bar for all stages, or an observer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from hyperspy_smartalign.resampling.workers import beating

_Step = TypeVar("_Step")

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)`` in the thread of the caller."""

Watch = Callable[[object], None]
"""Called in the thread of the caller with what was just found."""


class Observer(Protocol):
    """What follows a verb from outside, such as a dialogue; see `observed_by`.

    All are called in the thread of the verb. What they raise ends its work, as Ctrl-C does.
    """

    def progressed(self, stage: str, done: int, total: int) -> None:
        """Some of a stage is done."""

    def found(self, event: object) -> None:
        """Something was found: `PairsMeasured`, `CycleDone` and others, before the end."""

    def warned(self, message: str) -> None:
        """The user should know this; it takes the place of a warning."""


class _Followed:
    """Work that an observer follows.

    Attributes
    ----------
    observer : Observer
    told : (stage, done, total)
        The last report.
    holding : bool
        Whether what the observer raises has to wait.
    held : BaseException or None
        What it raised meanwhile.
    """

    def __init__(self, observer: Observer, told: tuple[str, int, int]) -> None:
        self.observer, self.told = observer, told
        self.holding = False
        self.held: BaseException | None = None

    def progressed(self, stage: str, done: int, total: int) -> None:
        self.told = stage, done, total
        self.beat()

    def found(self, event: object) -> None:
        self._call(lambda: self.observer.found(event))

    def beat(self) -> None:
        """Tell the last report again, so that the observer can end long steps too."""
        self._call(lambda: self.observer.progressed(*self.told))

    def _call(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except BaseException as error:
            if not self.holding:
                raise
            self.held = self.held or error


_followed: ContextVar[_Followed | None] = ContextVar("followed", default=None)


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Let an observer follow the verbs that this thread calls in the with statement.

    While threads work for this one, it is told several times a second how far the work is.
    """
    outer = _followed.get()
    followed = _Followed(observer, ("starting", 0, 1) if outer is None else outer.told)
    token = _followed.set(followed)
    try:
        with beating(followed.beat):
            yield
    finally:
        _followed.reset(token)


@contextmanager
def held_together() -> Iterator[None]:
    """Let what the observer raises wait for the end of the with statement."""
    followed = _followed.get()
    if followed is None or followed.holding:
        yield
        return
    followed.holding = True
    try:
        yield
    finally:
        followed.holding = False
        held, followed.held = followed.held, None
    if held is not None:
        raise held


def present_observer() -> Observer | None:
    """Who follows this thread's work, if anybody."""
    followed = _followed.get()
    return None if followed is None else followed.observer


def present_beat() -> Callable[[], None] | None:
    """What lets an observer end a long step: it is told the last report again. None: nobody is."""
    followed = _followed.get()
    return None if followed is None else followed.beat


def interruptible(steps: Iterable[_Step]) -> Iterator[_Step]:
    """The steps of a loop, between which an observer can end the work."""
    beat = present_beat()
    for step in steps:
        if beat is not None:
            beat()
        yield step


def watch() -> Watch | None:
    """Where what is found before the end is told, if anybody follows."""
    followed = _followed.get()
    return None if followed is None else followed.found


@contextmanager
def progress_bar(show: bool | None) -> Iterator[Progress | None]:
    """A bar that starts again with each stage, which stands before it.

    Parameters
    ----------
    show : bool or None
        None does as HyperSpy's preferences say. An observer is told whatever this says.

    Yields
    ------
    Progress or None
        What reports progress; None when nothing is shown. The bar is closed at the end, also
        when an error or the user ends the work.
    """
    followed = _followed.get()
    if followed is not None:
        yield followed.progressed
        return
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
