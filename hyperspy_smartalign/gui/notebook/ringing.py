"""The mailbox of a tool, delivered by the event loop of the kernel."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from hyperspy_smartalign.gui.mailbox import Mailbox

Call = Callable[[], None]


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of the kernel; None where there is none, as in scripts."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def ring_in_loop(mailbox: Mailbox, guarded: Callable[[Call], bool]) -> None:
    """Have a mailbox delivered by the event loop that runs now, if any.

    Parameters
    ----------
    mailbox : Mailbox
    guarded : callable
        ``guarded(call)`` makes a call, and shows its error; whether it went well.
    """
    loop = running_loop()
    if loop is None:
        return

    def deliver(call: Call) -> None:
        # The call that failed is gone; those behind it still wait.
        if not guarded(call):
            loop.call_soon(deliver, call)

    def ring(call: Call) -> None:
        # The loop is closed when the kernel shuts down, and nobody looks any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(deliver, call)

    mailbox.ring = ring
    # What was posted before.
    ring(mailbox.deliver)
