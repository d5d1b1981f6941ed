"""The windows of the tools, as they are described before they are opened."""

from __future__ import annotations

import importlib

import matplotlib as mpl
import pytest

from hyperspy_smartalign.gui.tools.tool import VIEWS


def items_of(group):
    """Every item of a view, in order."""
    for part in group.content:
        if hasattr(part, "content"):
            yield from items_of(part)
        else:
            yield part


@pytest.fixture
def described(tool, verb):
    """The tool of each verb, and what would open its window."""
    from hyperspy_smartalign.gui.desktop import views

    same, keywords = getattr(views, verb)(tool, display=False)
    assert same is tool
    return tool, keywords


def test_every_value_has_an_input_of_its_own(described) -> None:
    tool, keywords = described
    found = [(item.object, item.name) for item in items_of(keywords["view"].content)]
    wanted = [
        (owner, name)
        for owner in ("parameters", "options")
        for name in getattr(tool, owner).names()
    ]
    assert wanted
    assert sorted(pair for pair in found if pair[0] in ("parameters", "options")) == sorted(wanted)


def test_labels_and_tooltips_are_those_of_the_fields(described) -> None:
    from hyperspy_smartalign.gui.fields import field_of

    tool, keywords = described
    fields = {
        spec.name: field_of(spec)
        for values in (tool.parameters, tool.options)
        for spec in values.specifications()
    }
    for item in items_of(keywords["view"].content):
        if item.object in ("parameters", "options"):
            assert item.label == fields[item.name].label
            assert item.tooltip == fields[item.name].tooltip
            assert item.tooltip


def test_what_stands_around_the_form(described) -> None:
    tool, keywords = described
    names = {(item.object, item.name) for item in items_of(keywords["view"].content)}
    for button in ("apply", "cancel", "stop", "go_on", "defaults", "forget", "copy", "close"):
        assert ("handler", f"{button}_button") in names
    for trait in ("done", "code", "plot_result", "frame", "pictures"):
        assert ("object", trait) in names
    assert keywords["view"].title == f"{tool.heading} - {tool.signal.metadata.General.title}"


def test_rare_values_are_on_a_tab_of_their_own(make_tool) -> None:
    from hyperspy_smartalign.gui.desktop import views

    tool = make_tool()
    _, keywords = views.align_rigid(tool, display=False)
    tabs = keywords["view"].content.content[0].content[0].content[0].content[0]
    assert tabs.layout == "tabbed"
    usual, rare = tabs.content
    assert [usual.label, rare.label] == ["Settings", "More settings"]
    specs = {spec.name: spec for spec in tool.parameters.specifications()}
    specs |= {spec.name: spec for spec in tool.options.specifications()}
    assert not any(specs[item.name].rare for item in items_of(usual))
    assert all(specs[item.name].rare for item in items_of(rare))


def test_one_frame_needs_no_slider(make_tool) -> None:
    from hyperspy_smartalign.gui.desktop import layout

    tool = make_tool()
    tool.n_frames = 1
    names = {item.name for item in items_of(layout.window_of(tool).content)}
    assert "frame" not in names


def test_own_widgets_of_a_tool_stand_above_the_pictures(make_tool) -> None:
    from traitsui.api import Item

    from hyperspy_smartalign.gui.desktop import layout

    view = layout.window_of(make_tool(), [Item("object.stage")])
    names = [item.name for item in items_of(view.content)]
    assert names.index("frame") < names.index("stage") < names.index("pictures")


def test_every_verb_has_a_view(verb) -> None:
    for module in VIEWS.values():
        assert callable(getattr(importlib.import_module(module), verb))


def test_the_tool_returns_what_opens_its_window(make_tool) -> None:
    tool = make_tool()
    shown = tool.gui(display=False, toolkit="traitsui")
    assert set(shown) == {"traitsui"}
    same, keywords = shown["traitsui"]
    assert same is tool
    assert set(keywords) == {"view", "handler", "context"}


def test_keywords_of_edit_traits_are_passed_on(make_tool) -> None:
    from hyperspy_smartalign.gui.desktop import views

    _, keywords = views.align_rigid(make_tool(), display=False, kind="panel")
    assert keywords["kind"] == "panel"


def test_without_qt_backend_showing_is_an_error_that_says_what_to_do(make_tool) -> None:
    tool = make_tool()
    assert mpl.get_backend().lower() == "agg"
    with pytest.raises(RuntimeError, match=r"%matplotlib qt|PySide6|display"):
        tool.gui(toolkit="traitsui")
