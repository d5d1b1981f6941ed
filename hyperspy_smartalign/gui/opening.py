"""`interactive=True`: from a verb to its tool, shown."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.gui.toolkits import chosen_toolkits

#: Verb -> module and class of its tool.
TOOLS = {
    "smartalign.prepare": ("prepare", "PrepareTool"),
    "align_rigid": ("rigid", "RigidTool"),
    "align_nonrigid": ("nonrigid", "NonrigidTool"),
    "apply_alignment": ("applying", "ApplyTool"),
    "template_match": ("template", "TemplateTool"),
}


def open_tool(
    method: str,
    signal: BaseSignal,
    *,
    given: Mapping[str, Any] | None = None,
    keywords: Mapping[str, Any] | None = None,
    display: bool = True,
    toolkit: Any = None,
) -> Any:
    """Make the tool of a verb, and show it.

    Parameters
    ----------
    method : str
        The verb, as a method of the signal.
    signal : BaseSignal
    given, keywords : mapping
        As those of `Tool`.
    display, toolkit
        As those of `Tool.gui`.

    Returns
    -------
    Tool

    Raises
    ------
    NoToolkitError
        No toolkit is installed, whatever `display` says.
    """
    toolkits = chosen_toolkits(toolkit)
    module, name = TOOLS[method]
    tool_class = getattr(importlib.import_module(f"hyperspy_smartalign.gui.tools.{module}"), name)
    tool = tool_class(signal, given, keywords)
    if display:
        try:
            tool.gui(toolkit=toolkits)
        except BaseException:
            tool.close()
            raise
    return tool
