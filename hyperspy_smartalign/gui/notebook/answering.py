"""Widgets that are made after the cell of a dialogue has run, such as plots.

JupyterLab has them answer in a subshell of the kernel, which is another thread than that of the
cells. Matplotlib, HyperSpy and the tools are not made for that: a figure that is asked to draw
while it is being displayed stays blank for good.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import ipywidgets

from hyperspy_smartalign.gui.notebook.ringing import running_loop


@contextlib.contextmanager
def answering_in(loop: asyncio.AbstractEventLoop | None) -> Iterator[None]:
    """Have the widgets that are made meanwhile answer in an event loop.

    Parameters
    ----------
    loop : AbstractEventLoop or None
        None leaves them alone.
    """
    if loop is None:
        yield
        return
    before = ipywidgets.Widget._widget_construction_callback

    def made(widget: ipywidgets.Widget) -> None:
        if before is not None:
            before(widget)
        # The comm is opened next, and its first message may come at once.
        widget.observe(lambda change: _answer_in(loop, widget, change.new), "comm")

    ipywidgets.Widget.on_widget_constructed(made)
    try:
        yield
    finally:
        ipywidgets.Widget.on_widget_constructed(before)


def _answer_in(loop: asyncio.AbstractEventLoop, widget: ipywidgets.Widget, comm: Any) -> None:
    if comm is None:
        return

    def answer(message: Any) -> None:
        if running_loop() is loop:
            widget._handle_msg(message)
            return
        # The loop is closed when the kernel shuts down.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(widget._handle_msg, message)

    comm.on_msg(answer)
