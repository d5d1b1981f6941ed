"""A row of a form: one parameter, its label, its widget, and what is wrong with its text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from hyperspy_smartalign.gui.fields import Field
from hyperspy_smartalign.gui.notebook.links import Links
from hyperspy_smartalign.gui.notebook.styles import element
from hyperspy_smartalign.parameters import ParameterError, Parameters

_LABEL_WIDTH = "150px"


class FieldRow:
    """One parameter, linked to its widget in both directions.

    A text that is no value of the parameter stays in the widget, marked, and the parameter
    keeps its value.

    Parameters
    ----------
    field : Field
    values : Parameters
        What has the parameter.
    links : Links
    marked : callable
        ``marked()`` is called when a text turned wrong or right.

    Attributes
    ----------
    widget : Widget
        What the value is changed with.
    menu : Dropdown or None
        Words that can be put into a text.
    box : Box
        The whole row.
    invalid : str
        Why the text is no value; empty if it is one.
    """

    def __init__(
        self, field: Field, values: Parameters, links: Links, marked: Callable[[], None]
    ) -> None:
        self.field, self._values, self._marked = field, values, marked
        self.name = field.spec.name
        self.widget = _widget_of(field)
        self.label = ipywidgets.Label(
            field.label,
            tooltip=field.tooltip,
            layout=ipywidgets.Layout(width=_LABEL_WIDTH, flex=f"0 0 {_LABEL_WIDTH}"),
        )
        self.label.add_class("smartalign-label")
        self.note = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))
        self.menu = _menu_of(field)
        parts = (
            [self.label, self.widget] if self.menu is None else [self.label, self.widget, self.menu]
        )
        self.line = ipywidgets.HBox(
            parts, layout=ipywidgets.Layout(align_items="center", overflow="hidden")
        )
        self.box = ipywidgets.VBox(
            [self.line, self.note], layout=ipywidgets.Layout(flex="0 0 auto")
        )
        self.box.add_class(f"smartalign-row-{self.name}")
        self.invalid = ""
        self._idle = ""
        self._showing = False
        self.show()
        links.trait(values, self.name, self.show)
        links.widget(self.widget, self._taken, "index" if field.style == "choice" else "value")
        if self.menu is not None:
            links.widget(self.menu, self._picked, "index")

    @property
    def wrong(self) -> str:
        """Why the text cannot be used; empty too where nothing would use it."""
        return "" if self._idle else self.invalid

    def show(self) -> None:
        """Show the value of the parameter, also in place of a text that is none."""
        value = getattr(self._values, self.name)
        self._showing = True
        try:
            if self.field.style == "choice":
                self.widget.index = _place(value, self.field.options)
            elif self.field.style == "checkbox":
                self.widget.value = bool(value)
            else:
                self.widget.value = self.field.text_of(value)
        finally:
            self._showing = False
        self._mark("")

    def add(self, widget: ipywidgets.DOMWidget) -> None:
        """Put a widget below the line."""
        self.box.children = (self.line, widget, self.note)

    def set_idle(self, reason: str) -> None:
        """Grey the row out, with the reason as its tooltip; no reason wakes it."""
        if reason == self._idle:
            return
        self._idle = reason
        self.widget.disabled = bool(reason)
        if self.menu is not None:
            self.menu.disabled = bool(reason)
        tooltip = f"Not used: {reason}." if reason else self.field.tooltip
        self.widget.tooltip = self.label.tooltip = tooltip
        mark = self.box.add_class if reason else self.box.remove_class
        mark("smartalign-idle")

    def _taken(self) -> None:
        """The user changed the widget."""
        if self._showing:
            return
        try:
            self._values.trait_set(**{self.name: self._value()})
        except ParameterError as error:
            self._mark(str(error))
        else:
            # Also where the value is the old one, written differently.
            self.show()

    def _picked(self) -> None:
        """The user picked a word from the menu, which shows none itself."""
        if self.menu is not None and self.menu.index:
            self.widget.value = self.menu.label
            self.menu.index = 0

    def _value(self) -> Any:
        if self.field.style == "choice":
            index = self.widget.index
            # Without a choice nothing is changed.
            return (
                getattr(self._values, self.name) if index is None else self.field.options[index][1]
            )
        if self.field.style == "checkbox":
            return self.widget.value
        return self.field.value_of(self.widget.value)

    def _mark(self, reason: str) -> None:
        if reason == self.invalid:
            return
        self.invalid = reason
        self.note.value = element("div", "smartalign-note", reason) if reason else ""
        self.note.layout.display = None if reason else "none"
        mark = self.widget.add_class if reason else self.widget.remove_class
        mark("smartalign-invalid")
        self._marked()


def _widget_of(field: Field) -> ipywidgets.DOMWidget:
    layout = ipywidgets.Layout(width="auto", flex="1 1 0", min_width="60px")
    if field.style == "checkbox":
        return ipywidgets.Checkbox(indent=False, tooltip=field.tooltip, layout=layout)
    if field.style == "choice":
        return ipywidgets.Dropdown(
            options=list(field.options), tooltip=field.tooltip, layout=layout
        )
    return ipywidgets.Text(
        placeholder=field.placeholder,
        continuous_update=False,
        tooltip=field.tooltip,
        layout=layout,
    )


def _menu_of(field: Field) -> ipywidgets.Dropdown | None:
    """A narrow menu of words beside a text.

    The list of a Combobox shows only words that begin as the text does.
    """
    if field.style != "combo":
        return None
    return ipywidgets.Dropdown(
        options=["", *(shown for shown, _ in field.options)],
        tooltip="Choose a word",
        layout=ipywidgets.Layout(width="30px", flex="0 0 30px", margin="2px 2px 2px 0"),
    )


def _place(value: Any, options: tuple[tuple[str, Any], ...]) -> int | None:
    """Which of the options a value is; True and 1 are different ones."""
    for place, (_, option) in enumerate(options):
        if type(option) is type(value) and option == value:
            return place
    return None
