"""What the handlers of a dialogue display, such as plots; it stands below the dialogue."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ipywidgets
import matplotlib
from IPython import get_ipython

_WIDGET = "application/vnd.jupyter.widget-view+json"


class Displayed:
    """Displays of handlers, which a notebook would put into its log.

    Entering an Output widget does not help: it collects what belongs to a message of the
    notebook, and the end of the work in the background belongs to none.

    Attributes
    ----------
    output : Output
    """

    def __init__(self) -> None:
        self.output = ipywidgets.Output()

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Show what this thread displays meanwhile below the dialogue."""
        publisher: Any = getattr(get_ipython(), "display_pub", None)
        if not hasattr(publisher, "register_hook"):
            # No kernel: nothing is displayed.
            yield
            return
        new: list[dict[str, Any]] = []

        def keep(message: dict[str, Any]) -> dict[str, Any] | None:
            content = message["content"]
            if message["header"]["msg_type"] != "display_data":
                return message
            new.append(
                {
                    "output_type": "display_data",
                    "data": content["data"],
                    "metadata": content["metadata"],
                }
            )
            return None

        publisher.register_hook(keep)
        try:
            yield
            _flush_still_plots()
        finally:
            publisher.unregister_hook(keep)
            if new:
                self.output.outputs = (*self._alive(), *new)

    def tidy(self) -> None:
        """Take the plots away that were closed."""
        self.output.outputs = self._alive()

    def _alive(self) -> tuple[dict[str, Any], ...]:
        # All are shown anew when one is added, and a closed one as an error.
        return tuple(output for output in self.output.outputs if _is_alive(output["data"]))


def _is_alive(data: Mapping[str, Any]) -> bool:
    """Whether a display still shows something: a widget that was not closed, or no widget."""
    if _WIDGET not in data:
        return True
    instances = getattr(ipywidgets.widgets.widget, "_instances", None)
    if instances is None:
        return True
    widget = instances.get(data[_WIDGET]["model_id"])
    return widget is not None and _is_open(widget)


def _is_open(widget: ipywidgets.Widget) -> bool:
    children = getattr(widget, "children", None)
    return any(map(_is_open, children)) if children else widget.comm is not None


def _flush_still_plots() -> None:
    """Show the plots of the inline backend, which does so only at the end of a cell."""
    inline = sys.modules.get("matplotlib_inline.backend_inline")
    if inline is not None and "inline" in matplotlib.get_backend().lower():
        inline.flush_figures()
