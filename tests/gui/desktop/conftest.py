"""Tools whose windows are described, and not opened: no Qt is needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from hyperspy_smartalign import align_rigid

# traitsui takes Qt where it is installed, which looks for a display as soon as it is imported.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

VERBS = ("prepare", "align_rigid", "align_nonrigid", "apply_alignment", "template_match")


@pytest.fixture
def make_tool(eager_series) -> Any:
    """Make the tool of a verb, not shown; all are closed in the end."""
    tools = []

    def make(verb: str = "align_rigid", **keywords: Any) -> Any:
        series = eager_series
        method = series.smartalign.prepare if verb == "prepare" else getattr(series, verb)
        leading = [align_rigid(series)] if verb == "apply_alignment" else []
        tool = method(*leading, interactive=True, display=False, toolkit="traitsui", **keywords)
        tools.append(tool)
        return tool

    yield make
    for tool in tools:
        tool.close()


@pytest.fixture(params=VERBS)
def verb(request) -> str:
    """The name of each verb, which is that of its view too."""
    name: str = request.param
    return name


@pytest.fixture
def tool(make_tool: Callable[..., Any], verb: str) -> Any:
    """The tool of each verb."""
    return make_tool(verb)
