"""Every tool in ipywidgets: each parameter has its widget, linked in both directions."""

from __future__ import annotations

import html
import re
import time

import ipywidgets
import pytest

from hyperspy_smartalign.gui.fields import field_of
from hyperspy_smartalign.gui.notebook import views
from hyperspy_smartalign.gui.opening import TOOLS

OWN = {
    "apply",
    "cancel",
    "go_on",
    "defaults",
    "forget",
    "close",
    "progress",
    "message",
    "code",
    "copy",
    "frame",
    "plot_result",
    "pictures",
    "displayed",
}


@pytest.fixture(scope="module")
def aligned(simulated):
    return simulated.series.align_rigid(refinements=0)


@pytest.fixture(params=list(TOOLS))
def tool(request, eager_series, aligned):
    s = eager_series
    opening = {
        "smartalign.prepare": lambda: s.smartalign.prepare(interactive=True, display=False),
        "align_rigid": lambda: s.align_rigid(interactive=True, display=False),
        "align_nonrigid": lambda: s.align_nonrigid(interactive=True, display=False),
        "apply_alignment": lambda: s.apply_alignment(aligned, interactive=True, display=False),
        "template_match": lambda: s.template_match(interactive=True, display=False),
    }
    tool = opening[request.param]()
    yield tool
    if tool.busy:
        tool.cancel()
    tool.close()


@pytest.fixture
def shown(tool):
    return tool.gui(display=False, toolkit="ipywidgets")["ipywidgets"]


def inside(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


def values_and_specs(tool):
    return [
        (values, spec)
        for values in (tool.parameters, tool.options)
        for spec in values.specifications()
    ]


def test_every_parameter_has_a_widget_in_the_form(tool, shown):
    placed = set(inside(shown["widget"]))
    names = [spec.name for _, spec in values_and_specs(tool)]
    assert len(names) == len(set(names))
    assert OWN | set(names) <= set(shown["wdict"])
    assert not OWN & set(names)
    assert {name for name, widget in shown["wdict"].items() if widget not in placed} == set()


def test_labels_and_tooltips_are_those_of_the_fields(tool, shown):
    labels = {w.value: w.tooltip for w in inside(shown["widget"]) if type(w) is ipywidgets.Label}
    for _, spec in values_and_specs(tool):
        field = field_of(spec)
        assert field.label in labels
        if spec.name not in tool.idle:
            assert labels[field.label] == field.tooltip
            assert shown["wdict"][spec.name].tooltip == field.tooltip


def test_widgets_show_the_values_and_change_them(tool, shown):
    changed = 0
    for values, spec in values_and_specs(tool):
        field, widget = field_of(spec), shown["wdict"][spec.name]
        before = getattr(values, spec.name)
        if field.style == "checkbox":
            assert widget.value is bool(before)
            widget.value = not widget.value
            assert bool(getattr(values, spec.name)) is widget.value
        elif field.style == "choice":
            assert field.options[widget.index][1] is before or widget.value == before
            other = (widget.index + 1) % len(field.options)
            widget.index = other
            assert getattr(values, spec.name) == field.options[other][1]
        else:
            assert widget.value == field.text_of(before)
            texts = [shown for shown, _ in field.options] + ["2", "1", "0.5", "0, 1", "(0, 1), "]
            for text in texts:
                widget.value = text
                if getattr(values, spec.name) != before:
                    break
            else:
                # Names of files and arrays are of other kinds than these.
                assert spec.kind in ("path", "region", "signal range", "choice or array", "text")
                continue
            assert widget.value == field.text_of(getattr(values, spec.name))
        changed += 1
        values.trait_set(**{spec.name: before})
        again = field.text_of(before) if field.style not in ("checkbox", "choice") else None
        assert widget.value == again or again is None
    assert changed > 5


def test_the_code_is_shown_and_can_be_copied(tool, shown):
    code, copy = shown["wdict"]["code"], shown["wdict"]["copy"]
    text = html.unescape(re.search(r"<code[^>]*>(.*)</code>", code.value, re.DOTALL)[1])
    assert text == tool.code
    assert "onclick" in copy.value
    tool.code = "a < b & 'c'"
    assert "a &lt; b &amp;" in code.value


def test_idle_parameters_are_greyed_out_with_the_reason(tool, shown):
    names = {spec.name for _, spec in values_and_specs(tool)}
    for name in names:
        widget = shown["wdict"][name]
        assert widget.disabled is (name in tool.idle)
        if name in tool.idle:
            assert tool.idle[name] in widget.tooltip
    woken = dict.fromkeys(sorted(names - set(tool.idle))[:1], "nothing needs it")
    tool.idle = woken
    assert {name for name in names if shown["wdict"][name].disabled} == set(woken)


def test_it_opens_quickly(tool):
    tool.gui(display=False, toolkit="ipywidgets")
    # Of the processor, which other tests use too.
    began = time.process_time()
    tool.gui(display=False, toolkit="ipywidgets")
    assert time.process_time() - began < 2


def test_closing_leaves_no_links(tool, shown):
    wdict = dict(shown["wdict"])
    wdict["close"].click()
    assert tool.state == "closed"
    assert tool.mailbox.ring is None
    assert not any(picture.seen for picture in tool.pictures)
    texts = [w.value for w in inside(shown["widget"]) if isinstance(w, ipywidgets.HTML)]
    assert len(texts) == 1
    assert "closed" in texts[0]
    before = {name: getattr(widget, "value", None) for name, widget in wdict.items()}
    for values, spec in values_and_specs(tool):
        widget = wdict[spec.name]
        kept = getattr(values, spec.name)
        if isinstance(widget, ipywidgets.Checkbox):
            widget.value = not widget.value
            assert getattr(values, spec.name) == kept
            widget.value = not widget.value
            values.trait_set(**{spec.name: not kept})
    tool.trait_set(message="late", stage="late", code="late()", frame=2)
    assert {name: getattr(widget, "value", None) for name, widget in wdict.items()} == before


def test_shown_in_a_notebook(tool, monkeypatch):
    shown = []
    monkeypatch.setattr(views, "show", shown.append)
    assert tool.gui(toolkit="ipywidgets") is None
    (box,) = shown
    assert isinstance(box, ipywidgets.VBox)
