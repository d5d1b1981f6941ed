"""Work in a thread of its own, so that the user interface answers meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from hyperspy_smartalign.gui.mailbox import Mailbox
from hyperspy_smartalign.signals.progressing import observed_by

_logger = logging.getLogger("hyperspy_smartalign")

#: Progress is told at most this often, s.
_INTERVAL = 0.05


class _Silent:
    """An observer that nobody listens to."""

    def progressed(self, stage: str, done: int, total: int) -> None:
        """Progress that is not shown."""

    def found(self, event: object) -> None:
        """An event that is not shown."""

    def warned(self, message: str) -> None:
        """A warning that comes again with the work."""


def silently() -> AbstractContextManager[None]:
    """Have what verbs tell in the with statement told to nobody, as for a preview."""
    return observed_by(_Silent())


class Cancelled(KeyboardInterrupt):
    """The user cancelled the work. To the verbs it is Ctrl-C, after which they clean up."""


class Outcome:
    """How a piece of work ended: `value`, or `error`, or `cancelled`; and what it warned of."""

    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.cancelled = False
        self.warnings: list[str] = []


class Work:
    """A function that runs in a thread of its own, followed from the user interface.

    What it tells is handed to the callables, in the thread that delivers the mailbox.

    Parameters
    ----------
    function : callable
        Takes nothing. The verbs that it calls tell this object of their progress.
    mailbox : Mailbox
    progressed : callable
        ``progressed(stage, done, total)``; not for every step, but always the last.
    found : callable
        ``found(event)`` for each event of the verb, in order.
    ended : callable
        ``ended(outcome)``, once, last.
    """

    def __init__(
        self,
        function: Callable[[], Any],
        mailbox: Mailbox,
        *,
        progressed: Callable[[str, int, int], None],
        found: Callable[[object], None],
        ended: Callable[[Outcome], None],
    ) -> None:
        self._function, self._mailbox = function, mailbox
        self._tell_progress, self._tell_found, self._tell_end = progressed, found, ended
        self._cancel = threading.Event()
        self._told = (("", 0, 0), 0.0)
        self._outcome = Outcome()
        self._thread = threading.Thread(target=self._run, name="smartalign", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Have the work end at its next report."""
        self._cancel.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread; whether it has ended. The mailbox is not delivered."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # What the verbs call, in the thread of the work: an Observer.

    def progressed(self, stage: str, done: int, total: int) -> None:
        """Pass progress on, and end here if the user cancelled."""
        self._check()
        before, when = self._told
        now, report = time.monotonic(), (stage, done, total)
        # The same is told again and again while a step takes long.
        if report != before and (stage != before[0] or done >= total or now - when >= _INTERVAL):
            self._told = report, now
            self._mailbox.post(lambda: self._tell_progress(stage, done, total))

    def found(self, event: object) -> None:
        """Pass an event on, and end here if the user cancelled."""
        self._check()
        self._mailbox.post(lambda: self._tell_found(event))

    def warned(self, message: str) -> None:
        """Keep a warning for the end, once."""
        if message not in self._outcome.warnings:
            self._outcome.warnings.append(message)

    def _check(self) -> None:
        if self._cancel.is_set():
            # Once: a verb may keep what it has, and has more to report while it does.
            self._cancel.clear()
            self._outcome.cancelled = True
            raise Cancelled("cancelled")

    def _run(self) -> None:
        outcome = self._outcome
        try:
            with observed_by(self):
                outcome.value = self._function()
        except Cancelled:
            pass
        except BaseException as error:
            outcome.error = error
            _logger.debug("The work of a tool ended with an error.", exc_info=True)
        self._mailbox.post(lambda: self._tell_end(outcome))


class Latest:
    """Work of which only the latest request counts, such as a preview.

    Parameters
    ----------
    mailbox : Mailbox
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._waiting: tuple[Callable[[], Any], Callable[[Outcome], None]] | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False
        #: How often what was asked was dropped.
        self._dropped = 0

    def ask(self, function: Callable[[], Any], ended: Callable[[Outcome], None]) -> None:
        """Run a function in the background, then ``ended(outcome)``.

        One that still waits when another is asked is never run. One that runs already may be
        told of: while a user drags a slider, pictures follow it as fast as they are made.
        """
        with self._lock:
            if self._closed:
                return
            self._waiting = (function, ended)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="smartalign preview", daemon=True
                )
                self._thread.start()

    def drop(self) -> None:
        """Tell of nothing that was asked until now."""
        with self._lock:
            self._waiting = None
            self._dropped += 1

    def close(self) -> None:
        """Ask no more, and tell of nothing that still runs."""
        with self._lock:
            self._closed, self._waiting = True, None

    def join(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs; whether that is so. The mailbox is not delivered."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._waiting is None:
                    self._thread = None
                    return
                (function, ended), self._waiting = self._waiting, None
                dropped = self._dropped
            outcome = Outcome()
            try:
                outcome.value = function()
            except Exception as error:
                outcome.error = error
            self._mailbox.post(self._told(outcome, ended, dropped))

    def _told(
        self, outcome: Outcome, ended: Callable[[Outcome], None], dropped: int
    ) -> Callable[[], None]:
        def tell() -> None:
            if self._waiting is None and not self._closed and dropped == self._dropped:
                ended(outcome)

        return tell
