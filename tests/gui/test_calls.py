"""The line of Python runs, and gives the same values."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import __main__
from hyperspy_smartalign.gui.calls import call_line, name_of
from hyperspy_smartalign.gui.tools.options import WorkOptions
from hyperspy_smartalign.gui.tools.rigid import RigidTool
from hyperspy_smartalign.parameters import (
    ApplyParameters,
    NonrigidParameters,
    PrepareParameters,
    RigidParameters,
    TemplateParameters,
)


class Recorder:
    """Takes any call, and tells its arguments."""

    def __getattr__(self, name: str) -> Any:
        return Recorder()

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return arguments, keywords


def run(line: str, **names: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a line hands to the verb when it is pasted."""
    held: dict[str, Any] = {"s": Recorder(), "np": np, **names}
    exec(line, held)
    result: tuple[tuple[Any, ...], dict[str, Any]] = held["result"]
    return result


def same(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second, equal_nan=True)
    if isinstance(first, (tuple, list)):
        return (
            type(first) is type(second)
            and len(first) == len(second)
            and all(map(same, first, second))
        )
    if isinstance(first, float) and isinstance(second, float) and math.isnan(first):
        return math.isnan(second)
    return type(first) is type(second) and bool(first == second)


@pytest.fixture(scope="module")
def signal() -> hs.signals.Signal2D:
    return hs.signals.Signal2D(np.zeros((2, 4, 4)))


@pytest.mark.parametrize(
    "tool",
    [
        *(ApplyParameters, NonrigidParameters, PrepareParameters),
        *(RigidParameters, TemplateParameters, WorkOptions),
    ],
)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_line_gives_the_same_keywords(signal, tool, values_of, data) -> None:
    keywords = {
        spec.name: data.draw(values_of(spec), label=spec.name) for spec in tool.specifications()
    }
    line = call_line(signal, "align_rigid", keywords=keywords, result="result")
    assert "\n" not in line
    arguments, given_ = run(line)
    assert arguments == ()
    assert given_.keys() == keywords.keys()
    for name, value in keywords.items():
        assert same(given_[name], value), name


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.lists(st.integers(0, 9), min_size=1).map(np.array)
    | st.lists(st.floats(width=32), min_size=1).map(lambda v: np.array(v, np.float32)),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(leading=st.lists(plain, max_size=2), value=plain)
def test_any_plain_value_is_written(signal, leading, value) -> None:
    line = call_line(
        signal, "template_match", leading=leading, keywords={"value": value}, result="result"
    )
    arguments, keywords = run(line)
    assert same(list(arguments), leading)
    assert same(keywords["value"], value)


def test_a_line_reads_as_one_would_write_it(signal) -> None:
    line = call_line(
        signal,
        "align_rigid",
        keywords={"exponent": 0.5, "roi": (1.0, 2.0, 1.0, 3.0), "prefilter": "median"},
        result="aligned",
    )
    assert line == (
        'aligned = s.align_rigid(exponent=0.5, roi=(1.0, 2.0, 1.0, 3.0), prefilter="median")'
    )
    assert call_line(signal, "smartalign.prepare") == "s.smartalign.prepare()"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (np.float64(0.5), "0.5"),
        (np.int32(3), "3"),
        (np.bool_(True), "True"),
        (np.str_("mean"), '"mean"'),
        ("it's", '"it\'s"'),
        ('say "it\'s"', "'say \"it\\'s\"'"),
        (math.inf, 'float("inf")'),
        ((1,), "(1,)"),
        ((), "()"),
        ({"a": (1, 2)}, '{"a": (1, 2)}'),
        (Path("folder/a.hspy"), '"folder/a.hspy"'),
        (np.array([[1.0, 2.0]]), "np.array([[1.0, 2.0]])"),
        (np.array([1, 2], np.uint8), 'np.array([1, 2], dtype="uint8")'),
        (np.array([1, 2], ">i4"), 'np.array([1, 2], dtype=">i4")'),
        (np.zeros(65), "YOUR_VALUE"),
        (np.zeros((0, 2)), "YOUR_VALUE"),
        (np.array([None]), "YOUR_VALUE"),
        (object(), "YOUR_VALUE"),
        (hs.roi.RectangularROI(1, 2, 3, 4), "(1.0, 3.0, 2.0, 4.0)"),
        (hs.roi.RectangularROI(), "YOUR_VALUE"),
        (hs.signals.Signal1D(np.zeros(3)), "value"),
    ],
)
def test_how_a_value_is_written(signal, value: Any, written: str) -> None:
    assert call_line(signal, "f", keywords={"value": value}) == f"s.f(value={written})"


def test_a_placeholder_stops_the_line(signal) -> None:
    line = call_line(signal, "f", keywords={"weighting": np.zeros((9, 9))}, result="result")
    with pytest.raises(NameError, match="YOUR_WEIGHTING"):
        run(line)


def test_names_of_the_user(signal, monkeypatch) -> None:
    other = hs.signals.Signal2D(np.zeros((2, 4, 4)))
    mask = np.ones((32, 32))
    for name, value in {"_1": signal, "gold": signal, "again": signal, "mask": mask}.items():
        monkeypatch.setattr(__main__, name, value, raising=False)
    assert name_of(signal, "s") == "gold"
    assert name_of(other, "s") == "s"
    line = call_line(
        signal, "align_rigid", keywords={"weighting": mask, "source": other}, result="aligned"
    )
    assert line == "aligned = gold.align_rigid(weighting=mask, source=source)"
    line = call_line(other, "apply_alignment", leading=[signal])
    assert line == "s.apply_alignment(gold)"
    assert call_line(signal, "apply_alignment", leading=[other]) == (
        "gold.apply_alignment(alignment)"
    )


def test_names_of_a_notebook_come_first(signal, monkeypatch) -> None:
    monkeypatch.setattr(__main__, "of_the_script", signal, raising=False)
    names = {"class": signal, "not a name": signal, "series": signal}
    shell = SimpleNamespace(user_ns=names)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert name_of(signal, "s") == "series"
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert name_of(signal, "s") == "of_the_script"


def test_a_name_that_something_else_has_is_not_used(signal, monkeypatch) -> None:
    other = hs.signals.Signal2D(np.zeros((2, 4, 4)))
    # As after s.inav[:2].align_rigid(interactive=True): s is another signal than that of the tool.
    monkeypatch.setattr(__main__, "s", other, raising=False)
    line = call_line(signal, "align_rigid", result="aligned")
    assert line == "aligned = YOUR_SIGNAL.align_rigid()"
    monkeypatch.setattr(__main__, "source", other, raising=False)
    line = call_line(other, "align_rigid", keywords={"source": signal})
    assert line == "s.align_rigid(source=YOUR_SOURCE)"


def test_a_line_does_not_replace_what_it_begins_with(signal, monkeypatch) -> None:
    other = hs.signals.Signal2D(np.zeros((2, 4, 4)))
    monkeypatch.setattr(__main__, "aligned", signal, raising=False)
    line = call_line(other, "apply_alignment", leading=[signal], result="aligned")
    assert line == "aligned2 = s.apply_alignment(aligned)"
    line = call_line(signal, "align_nonrigid", result="aligned")
    assert line == "aligned2 = aligned.align_nonrigid()"


def test_the_result_of_a_tool_stands_by_the_tool(monkeypatch) -> None:
    other = hs.signals.Signal2D(np.zeros((2, 4, 4)))
    tool = RigidTool(hs.signals.Signal2D(np.zeros((2, 16, 16))))
    tool.result = other
    monkeypatch.setattr(__main__, "tool", tool, raising=False)
    assert name_of(other, "s") == "tool.result"
    line = call_line(other, "align_nonrigid", result="aligned")
    assert line == "aligned = tool.result.align_nonrigid()"
    monkeypatch.setattr(__main__, "aligned", other, raising=False)
    assert name_of(other, "s") == "aligned"
    tool.close()
