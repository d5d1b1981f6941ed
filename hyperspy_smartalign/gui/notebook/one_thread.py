"""Handlers of widgets one at a time, though JupyterLab has them called in several threads.

JupyterLab sends what happens to widgets to subshells of the kernel, which are threads: a button
may be handled in one and the canvas of a plot in another, while a cell runs in a third. A canvas
that is drawn while it is being made stays empty for good.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LOCK = threading.RLock()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep other handlers waiting, also those of canvases that are made meanwhile."""
    with _LOCK:
        backend = sys.modules.get("ipympl.backend_nbagg")
        canvas_class: Any = getattr(backend, "Canvas", None)
        handle = getattr(canvas_class, "_handle_message", None)
        if handle is None:
            yield
            return

        def handle_alone(*message: Any) -> None:
            with _LOCK:
                handle(*message)

        # A canvas takes its handler from the class when it is made, and keeps it.
        canvas_class._handle_message = handle_alone
        try:
            yield
        finally:
            canvas_class._handle_message = handle
