"""The windows of the tools, a function for each verb; `Tool.gui` finds them here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hyperspy_smartalign.gui.desktop.handler import ToolHandler
from hyperspy_smartalign.gui.desktop.layout import window_of
from hyperspy_smartalign.gui.desktop.qt import require_qt
from hyperspy_smartalign.gui.tools.tool import Tool

if TYPE_CHECKING:
    from hyperspy_smartalign.gui.tools.template import TemplateTool


def prepare(obj: Tool, display: bool = True, **kwargs: Any) -> Any:
    """The window of the preparation of a series; as `align_rigid`."""
    return _shown(obj, display, kwargs)


def align_rigid(obj: Tool, display: bool = True, **kwargs: Any) -> Any:
    """The window of the rigid alignment.

    Parameters
    ----------
    obj : Tool
    display : bool
        Open the window; otherwise return what opens it.
    **kwargs
        Arguments of `HasTraits.edit_traits`, such as `kind` and `parent`.

    Returns
    -------
    tuple or None
        Where `display` is False, the tool and the keywords of its `edit_traits`.

    Raises
    ------
    NoWindowError
        No window can be opened, where `display` is True.
    """
    return _shown(obj, display, kwargs)


def align_nonrigid(obj: Tool, display: bool = True, **kwargs: Any) -> Any:
    """The window of the non-rigid alignment; as `align_rigid`."""
    return _shown(obj, display, kwargs)


def apply_alignment(obj: Tool, display: bool = True, **kwargs: Any) -> Any:
    """The window that applies an alignment; as `align_rigid`."""
    return _shown(obj, display, kwargs)


def template_match(obj: TemplateTool, display: bool = True, **kwargs: Any) -> Any:
    """The window of template matching; as `align_rigid`."""
    from hyperspy_smartalign.gui.desktop.template import TemplateHandler, controls

    return _shown(obj, display, kwargs, TemplateHandler(tool=obj), controls(obj))


def _shown(
    tool: Tool,
    display: bool,
    keywords: dict[str, Any],
    handler: ToolHandler | None = None,
    extra: Sequence[Any] = (),
) -> Any:
    handler = ToolHandler(tool=tool) if handler is None else handler
    context = {
        "object": tool,
        "parameters": tool.parameters,
        "options": tool.options,
        "handler": handler,
    }
    keywords = {
        "view": window_of(tool, extra),
        "handler": handler,
        "context": context,
        **keywords,
    }
    if not display:
        return tool, keywords
    require_qt()
    tool.edit_traits(**keywords)
    return None
