"""`interactive=True`: the way from a verb up to its tool.

This is the only place in `signals` that knows of `gui`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hyperspy.signals import BaseSignal

if TYPE_CHECKING:
    from hyperspy_smartalign.gui.tools.tool import Tool


#: What template_match says where the template was left out.
NO_TEMPLATE = (
    "template_match() needs a template: a region (left, right, top, bottom) of the motif, or its "
    "image. To draw it on the plot, use interactive=True."
)


def tool_of(
    method: str,
    signal: Any,
    *,
    interactive: bool,
    display: bool,
    toolkit: Any,
    given: Mapping[str, Any] | None = None,
    keywords: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    unused: Mapping[str, Any] | None = None,
) -> Tool | None:
    """The tool of a verb, if one is wanted.

    Parameters
    ----------
    method : str
        The verb, as a method of the signal.
    signal : BaseSignal
        Other targets of the verb are refused, as a tool needs one that is loaded.
    interactive, display, toolkit
        As those of the verb.
    given : mapping, optional
        Arguments of the verb that the tool does not edit, such as signals; None is left out.
    keywords : mapping
        Parameters that the tool begins with.
    options : mapping, optional
        Further arguments of the verb that it begins with; None is left out.
    unused : mapping, optional
        Arguments of the verb that a tool has no use for, and must be None.

    Raises
    ------
    TypeError
        `display` or `toolkit` is given, and no tool is wanted; or one is wanted for files.
    """
    if not interactive:
        for name, told in (("display", display is not True), ("toolkit", toolkit is not None)):
            if told:
                raise TypeError(
                    f"{name}= says how a tool is shown, and none was asked for. Add "
                    f"interactive=True, or leave {name} out."
                )
        return None
    if not isinstance(signal, BaseSignal):
        raise TypeError(
            "interactive=True needs a signal. Load the files first: "
            f"hyperspy_smartalign.load_series(...).{method}(..., interactive=True)."
        )
    for name in _known(unused):
        raise TypeError(f"{name}= says how files are read, and the target is no file.")
    from hyperspy_smartalign.gui.opening import open_tool

    tool: Tool = open_tool(
        method,
        signal,
        given=_known(given),
        keywords={**keywords, **_known(options)},
        display=display,
        toolkit=toolkit,
    )
    return tool


def _known(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if value is not None}
