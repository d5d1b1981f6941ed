"""The window of a tool as a view of traitsui; no Qt is needed to describe it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from traitsui.api import (
    ButtonEditor,
    EnumEditor,
    Group,
    HGroup,
    HSplit,
    Item,
    NoButtons,
    Tabbed,
    VGroup,
    View,
    spring,
)

from hyperspy_smartalign.gui.desktop.factories import (
    CheckEditor,
    CodeEditor,
    ComboEditor,
    FieldEditor,
    FrameEditor,
    NoticeEditor,
    PathEditor,
    PicturesEditor,
    ProgressEditor,
    RegionEditor,
)
from hyperspy_smartalign.gui.fields import Field
from hyperspy_smartalign.gui.forms import Row, sections_of
from hyperspy_smartalign.gui.tools.tool import Tool

#: Size of a new window, pixels.
_WIDTH, _HEIGHT = 1180, 760
#: Width of the form in it.
_FORM_WIDTH = 460


def window_of(tool: Tool, extra: Sequence[Any] = ()) -> View:
    """The window of a tool.

    Parameters
    ----------
    tool : Tool
    extra : sequence of Item and Group
        What a tool has beside the others, above its pictures.

    Returns
    -------
    View
        For the context of `views.context_of`.
    """
    title = tool.signal.metadata.General.title
    return View(
        VGroup(
            HSplit(VGroup(_form(tool), _notice()), _sight(tool, extra)),
            _code(),
            _buttons(tool),
        ),
        title=f"{tool.heading} - {title}" if title else tool.heading,
        buttons=NoButtons,
        resizable=True,
        width=_WIDTH,
        height=_HEIGHT,
    )


def _form(tool: Tool) -> Group:
    sections = sections_of(tool)
    usual = [_section(s.title, s.rows) for s in sections if s.rows]
    rare = [_section(s.title, s.rare_rows) for s in sections if s.rare_rows]
    tabs = [VGroup(*usual, label="Settings", scrollable=True)]
    if rare:
        tabs.append(VGroup(*rare, label="More settings", scrollable=True))
    return Tabbed(*tabs)


def _section(title: str, rows: Sequence[Row]) -> Group:
    return VGroup(*(_input(row) for row in rows), label=title, show_border=True)


def _input(row: Row) -> Item:
    field = row.field
    return Item(
        f"{row.owner}.{field.name}",
        label=field.label,
        tooltip=field.tooltip,
        editor=_editor(field),
        enabled_when=f"{field.name!r} not in object.idle",
    )


def _editor(field: Field) -> Any:
    if field.spec.kind == "region":
        return RegionEditor(field=field)
    if field.spec.kind == "path":
        return PathEditor(field=field, folder=field.name.endswith("folder"))
    if field.style == "checkbox":
        return CheckEditor()
    if field.style == "choice":
        return _choice(field)
    return ComboEditor(field=field) if field.style == "combo" else FieldEditor(field=field)


def _choice(field: Field) -> EnumEditor:
    def shown(value: Any) -> str:
        return next(
            shown
            for shown, option in field.options
            if type(option) is type(value) and option == value
        )

    return EnumEditor(values=[value for _, value in field.options], format_func=shown)


def _sight(tool: Tool, extra: Sequence[Any]) -> Group:
    """What is seen on the right: the frame, and the pictures of it."""
    content: list[Any] = []
    if tool.n_frames > 1:
        frame = Item("object.frame", label="Frame", editor=FrameEditor(last=tool.n_frames - 1))
        content.append(HGroup(frame))
    content += extra
    if tool.pictures:
        content.append(
            Item("object.pictures", show_label=False, editor=PicturesEditor(), resizable=True)
        )
    return VGroup(*content)


def _notice() -> Item:
    return Item(
        "handler.notice",
        show_label=False,
        editor=NoticeEditor(kind_name="handler.notice_kind"),
        # A splitter looks at the widths of items, and a group has none of its own.
        width=_FORM_WIDTH,
    )


def _code() -> Group:
    return HGroup(
        Item("object.code", show_label=False, editor=CodeEditor(), springy=True),
        _button("copy_button", "Copy", "Copy this line of Python to the clipboard."),
    )


def _buttons(tool: Tool) -> Group:
    return HGroup(
        _button("defaults_button", "Defaults", "Set every value to its default."),
        _button(
            "forget_button",
            "Forget settings",
            "Forget the last used values of this tool: it opens with the defaults next time.",
        ),
        spring,
        *_progress(),
        Item(
            "object.plot_result",
            show_label=False,
            editor=CheckEditor(text="Plot the result"),
            tooltip="Plot the result as soon as it is there.",
        ),
        _button("apply_button", tool.apply_label, "", enabled_when="not object.busy"),
        _button("close_button", "Close", "Close the tool and leave the series as it was."),
    )


def _progress() -> list[Item]:
    """What stands among the buttons while work runs."""
    asking = "object.state == 'asking'"
    return [
        Item(
            "object.done",
            show_label=False,
            editor=ProgressEditor(),
            width=330,
            visible_when="object.busy",
        ),
        _button(
            "cancel_button",
            "Cancel",
            "Stop the work; this asks first.",
            visible_when="object.state == 'working'",
        ),
        _button("stop_button", "Stop the work", "Yes, stop it.", visible_when=asking),
        _button("go_on_button", "Go on", "No, let it go on.", visible_when=asking),
    ]


def _button(name: str, label: str, tooltip: str, **conditions: str) -> Item:
    return Item(
        f"handler.{name}",
        show_label=False,
        tooltip=tooltip,
        editor=ButtonEditor(label=label),
        **conditions,
    )
