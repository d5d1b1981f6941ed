"""A tool calls its verb with what is changed and used, and shows that very call."""

from __future__ import annotations

from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.gui.tools.options import NoOptions, WorkOptions
from hyperspy_smartalign.gui.tools.tool import Tool
from hyperspy_smartalign.parameters import (
    ApplyParameters,
    NonrigidParameters,
    ParameterError,
    Parameters,
    PrepareParameters,
    RigidParameters,
    TemplateParameters,
)


def tool_class(parameters: type[Parameters], options: type[Parameters], verb: str) -> type[Tool]:
    class SmallTool(Tool):
        method = verb
        heading = "Small"
        parameters_class = parameters
        options_class = options

    return SmallTool


CLASSES = [
    tool_class(PrepareParameters, NoOptions, "prepare"),
    tool_class(RigidParameters, WorkOptions, "align_rigid"),
    tool_class(NonrigidParameters, WorkOptions, "align_nonrigid"),
    tool_class(ApplyParameters, WorkOptions, "apply_alignment"),
    tool_class(TemplateParameters, WorkOptions, "template_match"),
]


@pytest.fixture(scope="module")
def plain() -> hs.signals.Signal2D:
    return hs.signals.Signal2D(np.zeros((3, 8, 8)))


def written(line: str) -> dict[str, Any]:
    """The keywords in a line of Python."""
    verb = line.partition(" = ")[2].partition("(")[0]
    return eval(line.partition(" = ")[2].replace(verb, "dict", 1), {"np": np})


@pytest.mark.slow
@pytest.mark.parametrize("tool", CLASSES, ids=lambda tool: tool.method)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_the_call_has_what_is_changed_and_used(plain, tool, values_of, data) -> None:
    specifications = tool.parameters_class.specifications()
    values = data.draw(st.fixed_dictionaries({s.name: values_of(s) for s in specifications}))
    made = tool(plain)
    try:
        for name, value in values.items():
            setattr(made.parameters, name, value)
        keywords = made.keywords()
        idle = made.parameters.idle()
        assert dict(made.idle) == idle
        assert not set(keywords) & set(idle)
        assert set(keywords) == set(made.parameters.changed()) - set(idle)
        # What is called is also what is shown, and what is checked.
        shown = written(made.code)
        assert list(shown) == list(keywords)
        if made.problem:
            with pytest.raises(ParameterError) as raised:
                tool.parameters_class(**shown)
            assert str(raised.value) == made.problem
        else:
            assert tool.parameters_class(**shown) == tool.parameters_class(**keywords)
        made.restore_defaults()
        assert made.keywords() == {}
        assert made.problem == ""
    finally:
        made.close()


def test_a_greyed_out_value_comes_back_with_what_uses_it(plain) -> None:
    made = CLASSES[1](plain)
    made.parameters.candidates = 4
    assert made.keywords() == {"candidates": 4}
    made.parameters.peak = "pixel"
    assert made.keywords() == {"peak": "pixel"}
    assert made.idle["candidates"] == "peak='pixel' keeps one maximum a pair"
    assert made.problem == ""
    assert made.code == 'aligned = s.align_rigid(peak="pixel")'
    made.parameters.peak = "candidates"
    assert made.keywords() == {"candidates": 4}
    made.options.num_workers = 2
    assert made.code == "aligned = s.align_rigid(candidates=4, num_workers=2)"
    made.close()


def test_a_clash_is_said_until_it_is_mended(plain) -> None:
    made = CLASSES[1](plain)
    made.parameters.weighting = "low_pass"
    assert "needs band=" in made.problem
    made.parameters.band = 0.2
    assert made.problem == ""
    made.close()
