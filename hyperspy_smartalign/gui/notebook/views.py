"""The views of the tools in a notebook, a function for each verb; `Tool.gui` finds them here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.display import display as show

from hyperspy_smartalign.gui.notebook.dialogue import Dialogue
from hyperspy_smartalign.gui.tools.tool import Tool

if TYPE_CHECKING:
    from hyperspy_smartalign.gui.tools.template import TemplateTool


def _viewed(dialogue: Dialogue, display: bool) -> dict[str, Any] | None:
    if not display:
        return dialogue.contents
    show(dialogue.box)
    return None


def prepare(obj: Tool, display: bool = True, **keywords: Any) -> dict[str, Any] | None:
    """The form of `smartalign.prepare`.

    Parameters
    ----------
    obj : Tool
    display : bool
        Show it; otherwise return its widgets.
    **keywords
        What HyperSpy hands to views; there is nothing that this one uses.

    Returns
    -------
    dict or None
        ``{"widget": box, "wdict": {name: widget}}`` where `display` is False.
    """
    return _viewed(Dialogue(obj), display)


def align_rigid(obj: Tool, display: bool = True, **keywords: Any) -> dict[str, Any] | None:
    """The form of `align_rigid`; see `prepare`."""
    return _viewed(Dialogue(obj), display)


def align_nonrigid(obj: Tool, display: bool = True, **keywords: Any) -> dict[str, Any] | None:
    """The form of `align_nonrigid`; see `prepare`."""
    return _viewed(Dialogue(obj), display)


def apply_alignment(obj: Tool, display: bool = True, **keywords: Any) -> dict[str, Any] | None:
    """The form of `apply_alignment`; see `prepare`."""
    return _viewed(Dialogue(obj), display)


def template_match(
    obj: TemplateTool, display: bool = True, **keywords: Any
) -> dict[str, Any] | None:
    """The form of `template_match`, with the threshold; see `prepare`."""
    from hyperspy_smartalign.gui.notebook.template import dialogue_of

    return _viewed(dialogue_of(obj), display)
