"""A tool in a notebook: form, pictures, status and buttons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets

from hyperspy_smartalign.gui.notebook.answering import answering_in
from hyperspy_smartalign.gui.notebook.buttons import Buttons
from hyperspy_smartalign.gui.notebook.displayed import Displayed
from hyperspy_smartalign.gui.notebook.form import Form
from hyperspy_smartalign.gui.notebook.links import Links
from hyperspy_smartalign.gui.notebook.picture_tabs import PictureTabs
from hyperspy_smartalign.gui.notebook.ringing import ring_in_loop, running_loop
from hyperspy_smartalign.gui.notebook.status import Status
from hyperspy_smartalign.gui.notebook.styles import STYLE, element
from hyperspy_smartalign.gui.pictures.picture import Picture
from hyperspy_smartalign.gui.tools.tool import Tool, in_words

Call = Callable[[], None]


class Dialogue:
    """The widgets of a tool, linked to it until it closes.

    Parameters
    ----------
    tool : Tool
    pages : mapping of Picture to Widget, optional
        Widgets that show a picture in another way than as an image.

    Attributes
    ----------
    box : VBox
        All of it.
    beside : VBox
        Right of the form, above the pictures: the place for widgets of one tool.
    buttons : Buttons
    links : Links
        Undone when the tool closes.
    wdict : dict of str to Widget
        Every widget, by name; those of the parameters by the name of the parameter.
    """

    def __init__(
        self, tool: Tool, pages: Mapping[Picture, ipywidgets.DOMWidget] | None = None
    ) -> None:
        self._tool = tool
        self.links = Links()
        self._loop = running_loop()
        self._displayed = Displayed()
        self._form = Form(tool, self.act, self.links)
        self._tabs = PictureTabs(tool.pictures, pages or {}, self.guarded, self.links)
        self._status = Status(tool, self.links)
        self.buttons = Buttons(tool, self.act, self._form.wrong, self._form.show, self.links)
        self.wdict = self._widgets()
        self.beside = ipywidgets.VBox()
        self.box = self._laid_out()
        tool.on_close(self.close)
        ring_in_loop(tool.mailbox, self.act)
        self._tabs.look()

    @property
    def contents(self) -> dict[str, Any]:
        """What HyperSpy's views return."""
        return {"widget": self.box, "wdict": self.wdict}

    def guarded(self, call: Call) -> bool:
        """Make a call and show its error in the dialogue; whether it went well."""
        try:
            call()
        except Exception as error:
            self._tool.say(in_words(error), "error")
            return False
        return True

    def act(self, call: Call) -> bool:
        """As `guarded`; what the call displays stands below the dialogue."""
        with self._displayed.collecting(), answering_in(self._loop):
            return self.guarded(call)

    def wrong(self) -> str:
        """What has to be corrected before the values can be used; empty if nothing."""
        return self._form.wrong()

    def close(self) -> None:
        """Let go of the tool; what was displayed stays."""
        self.links.undo()
        self._tool.mailbox.ring = None
        self._tabs.look_away()
        kept = (self.box, self._displayed.output)
        inside = [widget for widget in _all_in(self.box) if widget not in kept]
        self.box.children = (
            ipywidgets.HTML(element("div", "smartalign-label", f"{self._tool.heading}: closed.")),
            self._displayed.output,
        )
        for widget in inside:
            widget.close()
        # The plot of the series is closed after this.
        loop = running_loop()
        if loop is not None:
            loop.call_soon(self._displayed.tidy)

    def _widgets(self) -> dict[str, ipywidgets.Widget]:
        buttons, status = self.buttons, self._status
        widgets: dict[str, ipywidgets.Widget] = {
            "apply": buttons.apply,
            "cancel": buttons.cancel,
            "go_on": buttons.go_on,
            "defaults": buttons.defaults,
            "forget": buttons.forget,
            "close": buttons.close,
            "plot_result": buttons.plot_result,
            "progress": status.progress,
            "stage": status.stage,
            "message": status.message,
            "code": status.code,
            "copy": status.copy,
            "pictures": self._tabs.tab,
            "displayed": self._displayed.output,
        }
        if self._form.region is not None:
            widgets |= {"region": self._form.region.draw, "clear_region": self._form.region.clear}
        if self._tool.n_frames > 1:
            widgets["frame"] = self._frame_slider()
        return {**widgets, **{name: row.widget for name, row in self._form.rows.items()}}

    def _laid_out(self) -> ipywidgets.VBox:
        heading = STYLE + element("div", "smartalign-heading", self._tool.heading)
        right: list[ipywidgets.DOMWidget] = [self.beside]
        if "frame" in self.wdict:
            right.insert(0, self.wdict["frame"])
        if self._tool.pictures:
            right.append(self._tabs.tab)
        box = ipywidgets.VBox(
            [
                ipywidgets.HTML(heading),
                ipywidgets.HBox(
                    [
                        self._form.box,
                        ipywidgets.VBox(
                            right, layout=ipywidgets.Layout(flex="1 1 420px", min_width="0")
                        ),
                    ],
                    layout=ipywidgets.Layout(flex_flow="row wrap"),
                ),
                self._status.box,
                self.buttons.box,
                self._displayed.output,
            ]
        )
        box.add_class("smartalign")
        return box

    def _frame_slider(self) -> ipywidgets.IntSlider:
        tool = self._tool
        slider = ipywidgets.IntSlider(
            tool.frame,
            min=0,
            max=tool.n_frames - 1,
            description="Frame",
            style={"description_width": "auto"},
            tooltip="Frame that is shown, counted from 0. The plot of the series follows.",
            layout=ipywidgets.Layout(width="auto"),
        )

        def take() -> None:
            self.guarded(lambda: tool.trait_set(frame=slider.value))

        def show() -> None:
            slider.value = tool.frame

        self.links.widget(slider, take)
        self.links.trait(tool, "frame", show)
        return slider


def _all_in(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """A widget and all that it contains."""
    found = [widget]
    for child in getattr(widget, "children", ()):
        found += _all_in(child)
    return found
