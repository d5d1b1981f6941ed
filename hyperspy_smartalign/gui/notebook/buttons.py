"""The buttons of a tool."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import ipywidgets

from hyperspy_smartalign.gui.notebook.links import Links
from hyperspy_smartalign.gui.tools.tool import Tool


class Buttons:
    """Start, cancel, defaults and close.

    Parameters
    ----------
    tool : Tool
    act : callable
        ``act(function)`` calls a function, shows its errors and what it displays.
    check : callable
        What has to be corrected before the work can start; empty if nothing.
    refresh : callable
        Called after the defaults were restored.
    links : Links

    Attributes
    ----------
    apply, cancel, go_on, defaults, forget, close : Button
    plot_result : Checkbox
    box : HBox
    """

    def __init__(
        self,
        tool: Tool,
        act: Callable[[Callable[[], None]], bool],
        check: Callable[[], str],
        refresh: Callable[[], None],
        links: Links,
    ) -> None:
        self._tool, self._check, self._refresh = tool, check, refresh
        self.apply = _button(tool.apply_label, "Do the work with these values.", "primary")
        self.cancel = _button("Cancel", "Stop the work. It asks first.")
        self.go_on = _button("Go on", "Do not cancel.")
        self.defaults = _button("Defaults", "Set every value to its default.")
        self.forget = _button(
            "Forget settings", "Begin with the defaults next time, not with the last used values."
        )
        self.close = _button("Close", "Let go of the signal. The result stays.")
        self._question = ipywidgets.Label("Really cancel?")
        trait = tool.trait("plot_result")
        self.plot_result = ipywidgets.Checkbox(
            tool.plot_result,
            description=trait.label,
            tooltip=trait.desc,
            indent=False,
            layout=ipywidgets.Layout(width="auto"),
        )
        self.box = ipywidgets.HBox(
            [
                self.apply,
                self._question,
                self.cancel,
                self.go_on,
                self.plot_result,
                self.defaults,
                self.forget,
                self.close,
            ],
            layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center"),
        )
        for button, function in (
            (self.apply, self._apply),
            (self.cancel, tool.cancel),
            (self.go_on, tool.go_on),
            (self.defaults, self._restore),
            (self.forget, tool.forget_settings),
            (self.close, tool.close),
        ):
            links.click(button, partial(act, function))
        links.widget(self.plot_result, self._plot_result_taken)
        links.trait(tool, "plot_result", self._show_plot_result)
        links.trait(tool, "state", self._show_state)
        self._show_state()

    def _apply(self) -> None:
        wrong = self._check()
        if wrong:
            self._tool.say(wrong, "error")
        else:
            self._tool.apply()

    def _restore(self) -> None:
        self._tool.restore_defaults()
        self._refresh()

    def _plot_result_taken(self) -> None:
        self._tool.plot_result = self.plot_result.value

    def _show_plot_result(self) -> None:
        self.plot_result.value = self._tool.plot_result

    def _show_state(self) -> None:
        state = self._tool.state
        asking = state == "asking"
        self.apply.disabled = state != "ready"
        self.cancel.disabled = state not in ("working", "asking")
        self.cancel.description = "Stop the work" if asking else "Cancel"
        self.cancel.button_style = "danger" if asking else ""
        for widget in (self._question, self.go_on):
            widget.layout.display = None if asking else "none"


def _button(words: str, tooltip: str, style: str = "") -> ipywidgets.Button:
    return ipywidgets.Button(
        description=words,
        tooltip=tooltip,
        button_style=style,
        layout=ipywidgets.Layout(width="auto"),
    )
