"""Connections between a tool and its widgets, all undone at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import traits.api as t


class Links:
    """Handlers that were connected, kept alive until `undo` takes them off.

    Traits holds methods weakly, so that somebody has to hold them.
    """

    def __init__(self) -> None:
        self._undoing: list[Callable[[], None]] = []

    def trait(
        self, owner: t.HasTraits, names: str | Sequence[str], handler: Callable[[], object]
    ) -> None:
        """Have ``handler()`` called when one of the traits changes."""

        def call(event: Any) -> None:
            handler()

        expression = names if isinstance(names, str) else list(names)
        owner.observe(call, expression)
        self._undoing.append(lambda: owner.observe(call, expression, remove=True))

    def widget(
        self, widget: ipywidgets.Widget, handler: Callable[[], object], name: str = "value"
    ) -> None:
        """Have ``handler()`` called when a value of a widget changes."""

        def call(change: Any) -> None:
            handler()

        widget.observe(call, name)
        self._undoing.append(lambda: widget.unobserve(call, name))

    def click(self, button: ipywidgets.Button, handler: Callable[[], object]) -> None:
        """Have ``handler()`` called when a button is clicked."""

        def call(clicked: Any) -> None:
            handler()

        button.on_click(call)
        self._undoing.append(lambda: button.on_click(call, remove=True))

    def undo(self) -> None:
        """Take all handlers off."""
        while self._undoing:
            self._undoing.pop()()
