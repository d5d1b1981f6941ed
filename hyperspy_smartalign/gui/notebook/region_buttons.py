"""Buttons beside the region of interest: draw it on the plot, or take it away."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets
import matplotlib

from hyperspy_smartalign.gui.notebook.links import Links
from hyperspy_smartalign.gui.tools.tool import Tool

_NO_DRAWING = (
    "A region cannot be drawn on a still picture. Run %matplotlib widget first (it needs ipympl: "
    'pip install "hyperspy_smartalign[gui-jupyter]"), or type the region: left, right, top, bottom.'
)


class RegionButtons:
    """Draw the region of interest of a tool, or take it away.

    Parameters
    ----------
    tool : Tool
    act : callable
        ``act(function)`` calls a function, shows its errors and what it displays.
    links : Links

    Attributes
    ----------
    draw, clear : Button
    box : HBox
    """

    def __init__(self, tool: Tool, act: Callable[[Callable[[], None]], bool], links: Links) -> None:
        self._tool = tool
        layout = ipywidgets.Layout(width="auto")
        self.draw = ipywidgets.Button(
            description="Draw", tooltip="Draw the region on the plot.", layout=layout
        )
        self.clear = ipywidgets.Button(
            description=tool.no_region_label, tooltip="Take the region away.", layout=layout
        )
        self.box = ipywidgets.HBox(
            [self.draw, self.clear], layout=ipywidgets.Layout(justify_content="flex-end")
        )
        links.click(self.draw, lambda: act(self._draw))
        links.click(self.clear, lambda: act(tool.clear_region))
        links.trait(tool, "drawing_region", self._show)
        self._show()

    def set_idle(self, idle: bool) -> None:
        """Grey the buttons out, or not."""
        self.draw.disabled = self.clear.disabled = idle

    def _draw(self) -> None:
        if "inline" in matplotlib.get_backend().lower():
            self._tool.say(_NO_DRAWING, "warning")
        else:
            self._tool.draw_region()

    def _show(self) -> None:
        self.draw.button_style = "info" if self._tool.drawing_region else ""
