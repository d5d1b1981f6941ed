"""The window of template_match: what it has beside the others, for the threshold."""

from __future__ import annotations

from typing import Any

import traits.api as t
from traitsui.api import (
    ButtonEditor,
    HGroup,
    Item,
    RangeEditor,
    TextEditor,
    VGroup,
    spring,
)

from hyperspy_smartalign.gui.desktop.factories import CheckEditor, NoticeEditor
from hyperspy_smartalign.gui.desktop.handler import ToolHandler
from hyperspy_smartalign.gui.tools.template import TemplateTool

_SEARCHED = "object.searched is not None"


class TemplateHandler(ToolHandler):
    """Handler of the window of template_match."""

    extract_button = t.Button()
    automatic_button = t.Button()
    whole_range_button = t.Button()

    outdated_kind = t.Constant("warning")

    @t.observe("extract_button")
    def _extract(self, event: Any) -> None:
        if self.take_over():
            self.tool.extract()

    @t.observe("automatic_button")
    def _automatic(self, event: Any) -> None:
        self.tool.automatic()

    @t.observe("whole_range_button")
    def _whole_range(self, event: Any) -> None:
        self.tool.whole_range()

    @t.observe("tool:look_at")
    def _look(self, event: Any) -> None:
        for editor in self._editors("turn_to"):
            editor.turn_to(event.new)


def controls(tool: TemplateTool) -> tuple[Any, ...]:
    """What stands between the frame and the pictures, once something was searched."""
    return (
        VGroup(
            HGroup(
                Item(
                    "object.picked_threshold",
                    label="Threshold",
                    tooltip="Smallest score of a match. It can be dragged in the histogram, too.",
                    editor=RangeEditor(
                        low_name="object.lowest",
                        high_name="object.highest",
                        mode="slider",
                        format_str="%.4g",
                        is_float=True,
                        low_label="",
                        high_label="",
                    ),
                    springy=True,
                ),
                _button("automatic_button", "Automatic", "The threshold that the search found."),
                Item(
                    "object.each_frame",
                    show_label=False,
                    tooltip=tool.trait("each_frame").desc,
                    editor=CheckEditor(text=tool.trait("each_frame").label),
                    visible_when="object.several_images",
                ),
            ),
            HGroup(
                Item("object.counted", style="readonly", show_label=False),
                spring,
                _button(
                    "extract_button",
                    tool.extract_label,
                    "Cut out the tiles that reach the threshold.",
                    enabled_when="object.can_extract",
                ),
            ),
            Item(
                "object.outdated",
                show_label=False,
                editor=NoticeEditor(kind_name="handler.outdated_kind"),
                visible_when="object.outdated != ''",
            ),
            HGroup(
                Item(
                    "object.bins",
                    label="Bars",
                    tooltip="Number of bars of the histogram.",
                    editor=RangeEditor(low=1, high=1000, mode="spinner"),
                    width=70,
                ),
                _score("score_low", "Scores from"),
                _score("score_high", "to"),
                _button("whole_range_button", "All scores", "Show all scores in the histogram."),
                spring,
            ),
            visible_when=_SEARCHED,
        ),
    )


def _score(name: str, label: str) -> Item:
    return Item(
        f"object.{name}",
        label=label,
        tooltip="Scores that the histogram shows.",
        editor=TextEditor(evaluate=float, format_str="%.3g", auto_set=False, enter_set=True),
        width=70,
    )


def _button(name: str, label: str, tooltip: str, **conditions: str) -> Item:
    return Item(
        f"handler.{name}",
        show_label=False,
        tooltip=tooltip,
        editor=ButtonEditor(label=label),
        **conditions,
    )
