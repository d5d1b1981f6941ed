"""The form of template_match in a notebook: with the threshold, and the figure it is dragged in."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import ipywidgets
import matplotlib

from hyperspy_smartalign.gui.notebook.dialogue import Dialogue
from hyperspy_smartalign.gui.notebook.styles import element
from hyperspy_smartalign.gui.pictures.threshold import ThresholdPicture
from hyperspy_smartalign.gui.tools.template import TemplateTool

#: Step of the slider of the threshold.
_STEP = 0.001


def dialogue_of(tool: TemplateTool) -> Dialogue:
    """The widgets of the tool."""
    canvas = _live_canvas(tool.thresholds)
    dialogue = Dialogue(tool, {} if canvas is None else {tool.thresholds: canvas})
    if canvas is not None:
        dialogue.links.trait(tool.thresholds, "changed", canvas.draw_idle)
    panel = ThresholdPanel(tool, dialogue)
    dialogue.beside.children = (panel.box,)
    dialogue.wdict |= panel.widgets
    tabs = dialogue.wdict["pictures"]

    def look(event: Any) -> None:
        tabs.selected_index = tool.pictures.index(event.new)

    tool.observe(look, "look_at")
    tool.on_close(lambda: tool.observe(look, "look_at", remove=True))
    return dialogue


class ThresholdPanel:
    """Threshold, counts, bars of the histogram, and the button that extracts the tiles.

    It is shown after the first search.

    Parameters
    ----------
    tool : TemplateTool
    dialogue : Dialogue

    Attributes
    ----------
    widgets : dict of str to Widget
        By the name of the trait or method of the tool.
    box : VBox
    """

    def __init__(self, tool: TemplateTool, dialogue: Dialogue) -> None:
        self._tool, self._dialogue = tool, dialogue
        self._showing = False
        self._slider = ipywidgets.FloatSlider(
            tool.picked_threshold,
            min=tool.lowest,
            max=tool.highest,
            step=_STEP,
            readout_format=".3f",
            description="Threshold",
            tooltip="Smallest score of a match. It can be dragged in the histogram, too.",
            layout=ipywidgets.Layout(flex="1 1 240px", width="auto"),
        )
        self._automatic = _button("Automatic", "The threshold that the search found.")
        self._extract = _button(tool.extract_label, "Cut out the tiles that reach the threshold.")
        self._extract.button_style = "success"
        self._each_frame = ipywidgets.Checkbox(
            tool.each_frame,
            description=tool.trait("each_frame").label,
            tooltip=tool.trait("each_frame").desc,
            indent=False,
            layout=ipywidgets.Layout(width="auto"),
        )
        self._bins = ipywidgets.BoundedIntText(
            tool.bins,
            min=1,
            max=1000,
            description="Bars",
            tooltip="Number of bars of the histogram.",
            style={"description_width": "auto"},
            layout=ipywidgets.Layout(width="110px"),
        )
        self._low, self._high = (
            ipywidgets.FloatText(
                value,
                step=0.01,
                description=words,
                tooltip="Scores that the histogram shows.",
                style={"description_width": "auto"},
                layout=ipywidgets.Layout(width="150px"),
            )
            for value, words in ((tool.score_low, "Scores from"), (tool.score_high, "to"))
        )
        self._whole = _button("All scores", "Show all scores in the histogram.")
        self._counted = ipywidgets.HTML()
        self.widgets: dict[str, ipywidgets.Widget] = {
            "picked_threshold": self._slider,
            "automatic": self._automatic,
            "extract": self._extract,
            "each_frame": self._each_frame,
            "bins": self._bins,
            "score_low": self._low,
            "score_high": self._high,
            "whole_range": self._whole,
            "counted": self._counted,
        }
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        self.box = ipywidgets.VBox(
            [
                ipywidgets.HBox([self._slider, self._automatic, self._each_frame], layout=row),
                ipywidgets.HBox([self._counted, self._extract], layout=row),
                ipywidgets.HBox([self._bins, self._low, self._high, self._whole], layout=row),
            ]
        )
        self._connect()
        self._show()

    def _connect(self) -> None:
        tool, links = self._tool, self._dialogue.links
        for name in ("picked_threshold", "each_frame", "bins", "score_low", "score_high"):
            links.widget(self.widgets[name], self._taking(name))
        for button, call in (
            (self._automatic, tool.automatic),
            (self._whole, tool.whole_range),
            (self._extract, self._start),
        ):
            links.click(button, partial(self._dialogue.act, call))
        links.trait(
            tool,
            [
                "searched",
                "several_images",
                "outdated",
                "state",
                "picked_threshold",
                "lowest",
                "highest",
                "each_frame",
                "bins",
                "score_low",
                "score_high",
                "counted",
            ],
            self._show,
        )

    def _taking(self, name: str) -> Callable[[], None]:
        def take() -> None:
            value = self.widgets[name].value
            # A slider rounds what it is told to its steps, and tells that.
            rounded = name == "picked_threshold" and (
                self._is_dragged() or abs(value - self._tool.picked_threshold) <= 0.51 * _STEP
            )
            if not (self._showing or rounded):
                self._dialogue.guarded(lambda: self._tool.trait_set(**{name: value}))

        return take

    def _is_dragged(self) -> bool:
        """Whether the line in the histogram is being dragged."""
        picker = self._tool.thresholds.picker
        return picker is not None and bool(picker.dragging)

    def _start(self) -> None:
        wrong = self._dialogue.wrong()
        if wrong:
            self._tool.say(wrong, "error")
        else:
            self._tool.extract()

    def _show(self) -> None:
        """Show what the tool says."""
        if self._showing:
            return
        tool = self._tool
        self._showing = True
        try:
            self.box.layout.display = "none" if tool.searched is None else None
            self._each_frame.layout.display = None if tool.several_images else "none"
            self._extract.disabled = not tool.can_extract
            # The slider would answer while the line is on its way, and put it back.
            if not self._is_dragged():
                self._show_threshold()
            for name in ("each_frame", "bins"):
                self.widgets[name].value = getattr(tool, name)
            for name in ("score_low", "score_high"):
                self.widgets[name].value = round(getattr(tool, name), 3)
            self._counted.value = self._words()
        finally:
            self._showing = False

    def _show_threshold(self) -> None:
        tool, slider = self._tool, self._slider
        # On the steps that the browser counts from the lower end, or it moves the slider.
        low = _STEP * math.floor(min(tool.lowest, tool.picked_threshold) / _STEP)
        high = _STEP * math.ceil(max(tool.highest, tool.picked_threshold) / _STEP)
        with slider.hold_sync():
            # The range first, widened before it is narrowed, as a value outside would be moved.
            slider.min, slider.max = min(low, slider.min), max(high, slider.max)
            # What came from the slider is not told to it again: it may be further meanwhile.
            if abs(slider.value - tool.picked_threshold) > 0.51 * _STEP:
                slider.value = tool.picked_threshold
            slider.min, slider.max = low, high

    def _words(self) -> str:
        counted = element("b", "smartalign-counted", self._tool.counted)
        if not self._tool.outdated:
            return counted
        return counted + element(
            "div", "smartalign-message smartalign-warning", self._tool.outdated
        )


def _button(words: str, tooltip: str) -> ipywidgets.Button:
    return ipywidgets.Button(
        description=words, tooltip=tooltip, layout=ipywidgets.Layout(width="auto")
    )


def _live_canvas(picture: ThresholdPicture) -> Any:
    """A canvas that takes the mouse, where plots of this session do; else None."""
    if "ipympl" not in matplotlib.get_backend() and matplotlib.get_backend() != "widget":
        return None
    from ipympl.backend_nbagg import Canvas, FigureManager

    canvas = Canvas(picture.figure)
    # The canvas holds it, and draws through it.
    FigureManager(canvas, 0)
    canvas.header_visible = canvas.footer_visible = canvas.toolbar_visible = False
    canvas.resizable = False
    return canvas
