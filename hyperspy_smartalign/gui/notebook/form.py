"""The form of a tool: its parameters in sections, rare ones folded away."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets

from hyperspy_smartalign.gui.forms import Row, Section, sections_of
from hyperspy_smartalign.gui.notebook.links import Links
from hyperspy_smartalign.gui.notebook.region_buttons import RegionButtons
from hyperspy_smartalign.gui.notebook.rows import FieldRow
from hyperspy_smartalign.gui.notebook.styles import element
from hyperspy_smartalign.gui.tools.tool import Tool

_WIDTH = "420px"
_HEIGHT = "560px"


class Form:
    """Rows for every parameter and option of a tool.

    Parameters
    ----------
    tool : Tool
    act : callable
        ``act(function)`` calls a function, shows its errors and what it displays.
    links : Links

    Attributes
    ----------
    rows : dict of str to FieldRow
        By name of the parameter.
    region : RegionButtons or None
        Below the region of interest, where there is one.
    box : VBox
    """

    def __init__(self, tool: Tool, act: Callable[[Callable[[], None]], bool], links: Links) -> None:
        self._tool, self._act, self._links = tool, act, links
        self.rows: dict[str, FieldRow] = {}
        self.region: RegionButtons | None = None
        self._told = ""
        self.box = ipywidgets.VBox(
            [self._section(section) for section in sections_of(tool)],
            layout=ipywidgets.Layout(
                width=_WIDTH,
                flex=f"0 1 {_WIDTH}",
                max_height=_HEIGHT,
                overflow="hidden auto",
                padding="0 8px 0 0",
            ),
        )
        self._grey_out()
        links.trait(tool, "idle", self._grey_out)

    def show(self) -> None:
        """Show the values of all parameters, also in place of texts that are none."""
        for row in self.rows.values():
            row.show()

    def wrong(self) -> str:
        """What has to be corrected before the values can be used; empty if nothing."""
        wrong = [row for row in self.rows.values() if row.wrong]
        self._told = "\n".join(f"Correct {row.field.label}: {row.wrong}" for row in wrong)
        return self._told

    def _marked(self) -> None:
        """A text turned wrong or right; what was said about it is no longer so."""
        if self._told and self._tool.message == self._told:
            self._tool.say("")

    def _section(self, section: Section) -> ipywidgets.VBox:
        children: list[ipywidgets.DOMWidget] = [
            ipywidgets.HTML(element("div", "smartalign-title", section.title)),
            *self._boxes(section.rows),
        ]
        if section.rare_rows:
            rare = ipywidgets.VBox(self._boxes(section.rare_rows))
            children.append(ipywidgets.Accordion([rare], titles=("More …",)))
        return ipywidgets.VBox(children, layout=ipywidgets.Layout(flex="0 0 auto"))

    def _boxes(self, rows: tuple[Row, ...]) -> list[ipywidgets.DOMWidget]:
        made = [
            FieldRow(row.field, getattr(self._tool, row.owner), self._links, self._marked)
            for row in rows
        ]
        self.rows.update((row.name, row) for row in made)
        for row in made:
            if row.field.spec.kind == "region":
                self.region = RegionButtons(self._tool, self._act, self._links)
                row.add(self.region.box)
        return [row.box for row in made]

    def _grey_out(self) -> None:
        for name, row in self.rows.items():
            reason = self._tool.idle.get(name, "")
            row.set_idle(reason)
            if row.field.spec.kind == "region" and self.region is not None:
                self.region.set_idle(bool(reason))
