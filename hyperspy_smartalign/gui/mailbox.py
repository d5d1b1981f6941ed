"""Calls that threads leave for the thread of the user interface."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Call = Callable[[], None]
Ring = Callable[[Call], None]


class Mailbox:
    """Calls from any thread, made in order in the thread that delivers them."""

    def __init__(self) -> None:
        self._ring: Ring | None = None
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._rung = threading.Event()

    @property
    def ring(self) -> Ring | None:
        """``ring(deliver)`` has `deliver` called soon by the user interface.

        None: whoever waits calls `deliver` himself.
        """
        return self._ring

    @ring.setter
    def ring(self, ring: Ring | None) -> None:
        self._ring = ring
        self._rung.clear()
        if not self._calls.empty():
            self._announce()

    def post(self, call: Call) -> None:
        """Leave a call; from any thread."""
        self._calls.put(call)
        self._announce()

    def deliver(self) -> None:
        """Make the calls that wait; in the thread of the user interface.

        An error of one does not keep the others from being made; the first is raised at the end.
        """
        self._rung.clear()
        first: Exception | None = None
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                break
            try:
                call()
            except Exception as error:
                first = first or error
        if first is not None:
            raise first

    def _announce(self) -> None:
        ring = self._ring
        if ring is not None and not self._rung.is_set():
            self._rung.set()
            ring(self.deliver)
