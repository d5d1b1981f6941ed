"""Which toolkits there are, and which one shows a tool."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable

#: Toolkit -> module that it needs, and the extra of this package that installs it.
TOOLKITS = {
    "ipywidgets": ("ipywidgets", "gui-jupyter"),
    "traitsui": ("traitsui", "gui-traitsui"),
}


class NoToolkitError(ImportError):
    """No toolkit is installed, or not the one that was asked for."""


def chosen_toolkits(toolkit: str | Iterable[str] | None = None) -> tuple[str, ...]:
    """The toolkits that show a tool.

    Parameters
    ----------
    toolkit : str, iterable of str or None
        "ipywidgets" and "traitsui". None takes ipywidgets in a notebook and traitsui elsewhere,
        of those that are installed and that HyperSpy's preferences enable.

    Raises
    ------
    NoToolkitError
        It is not installed.
    ValueError
        It is not known, none is named, or HyperSpy's preferences disable all.
    """
    if toolkit is not None:
        names = (toolkit,) if isinstance(toolkit, str) else tuple(toolkit)
        if not names:
            raise ValueError("toolkit names no toolkit; use 'ipywidgets' or 'traitsui'.")
        for name in names:
            if name not in TOOLKITS:
                raise ValueError(f"toolkit={name!r} is not known; use 'ipywidgets' or 'traitsui'.")
            if not _installed(name):
                raise NoToolkitError(_missing([name]))
        return names
    installed = [name for name in TOOLKITS if _installed(name)]
    if not installed:
        raise NoToolkitError(_missing(list(TOOLKITS)))
    enabled = [name for name in installed if _enabled(name)]
    if not enabled:
        are = "is" if len(installed) == 1 else "are"
        raise ValueError(
            f"{' and '.join(installed)} {are} disabled in HyperSpy's preferences. Enable one with "
            f"hs.preferences.GUIs.enable_{installed[0]}_gui = True, or give toolkit=."
        )
    wanted = "ipywidgets" if in_notebook() else "traitsui"
    return (wanted,) if wanted in enabled else (enabled[0],)


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def _installed(toolkit: str) -> bool:
    return importlib.util.find_spec(TOOLKITS[toolkit][0]) is not None


def _enabled(toolkit: str) -> bool:
    from hyperspy.defaults_parser import preferences

    return bool(getattr(preferences.GUIs, f"enable_{toolkit}_gui"))


def _missing(names: list[str]) -> str:
    ways = [f'pip install "hyperspy_smartalign[{TOOLKITS[name][1]}]" for {name}' for name in names]
    needed = f"interactive=True needs {' or '.join(names)}"
    what = "which is not installed" if len(names) == 1 else "and neither is installed"
    return f"{needed}, {what}: {', or '.join(ways)}."
