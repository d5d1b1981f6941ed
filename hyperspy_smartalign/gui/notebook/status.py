"""What a tool tells: its progress, its messages, and the line of Python."""

from __future__ import annotations

import ipywidgets

from hyperspy_smartalign.gui.notebook.links import Links
from hyperspy_smartalign.gui.notebook.styles import copy_button, element
from hyperspy_smartalign.gui.tools.tool import Tool


class Status:
    """Progress, messages and the line of Python of a tool.

    Parameters
    ----------
    tool : Tool
    links : Links

    Attributes
    ----------
    progress : IntProgress
    stage : Label
    message, code, copy : HTML
    box : VBox
    """

    def __init__(self, tool: Tool, links: Links) -> None:
        self._tool = tool
        self.progress = ipywidgets.IntProgress(
            0, min=0, max=1, layout=ipywidgets.Layout(width="40%", min_width="160px")
        )
        self.stage = ipywidgets.Label()
        self._bar = ipywidgets.HBox([self.progress, self.stage])
        self.message = ipywidgets.HTML()
        self.code = ipywidgets.HTML(layout=ipywidgets.Layout(flex="1 1 auto", min_width="0"))
        self.copy = ipywidgets.HTML(copy_button())
        line = ipywidgets.HBox(
            [self.code, self.copy], layout=ipywidgets.Layout(align_items="center")
        )
        line.add_class("smartalign-line")
        self.box = ipywidgets.VBox([self._bar, self.message, line])
        for names, show in (
            (["stage", "done", "total", "state"], self._show_progress),
            (["message", "message_kind", "problem"], self._show_message),
            (["code"], self._show_code),
        ):
            show()
            links.trait(tool, names, show)

    def _show_progress(self) -> None:
        tool = self._tool
        self._bar.layout.display = None if tool.busy else "none"
        with self.progress.hold_sync():
            self.progress.max = max(tool.total, 1)
            self.progress.value = min(tool.done, self.progress.max)
        counted = f": {tool.done} of {tool.total}" if tool.total else ""
        stage = "cancelling" if tool.state == "cancelling" else f"{tool.stage}{counted}"
        self.stage.value = stage[:1].upper() + stage[1:]

    def _show_message(self) -> None:
        """The clash of values first, as nothing works before it is solved."""
        tool = self._tool
        told = [(tool.problem, "error"), (tool.message, tool.message_kind)]
        lines = [
            element("div", f"smartalign-message smartalign-{kind}", words)
            for words, kind in dict(told).items()
            if words
        ]
        self.message.value = "".join(lines)
        self.message.layout.display = None if lines else "none"

    def _show_code(self) -> None:
        self.code.value = element("code", "smartalign-code", self._tool.code)
