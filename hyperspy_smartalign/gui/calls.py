"""The line of Python that does what a dialogue does."""

from __future__ import annotations

import keyword
import math
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from hyperspy.signals import BaseSignal

#: Arrays with at most this many numbers are written out.
_LONGEST_ARRAY = 64
#: Names of what stands first in a call, where the user has given it none.
_LEADING = {
    "apply_alignment": "alignment",
    "template_match": "template",
    "smartalign.find_motif": "template",
}
#: Where the classes of tools are.
_TOOLS = "hyperspy_smartalign.gui.tools."


def name_of(value: object, default: str) -> str:
    """Name of the user's variable that holds an object.

    Parameters
    ----------
    value : object
    default : str
        Returned where there is no such variable.

    Returns
    -------
    str
        From the names of the notebook or IPython, or of the script that runs. Of several the
        oldest, and none that begins with an underscore, as IPython's own do. The result of a
        tool without a name of its own is ``tool.result``.
    """
    usable = [
        (name, held)
        for names in _namespaces()
        for name, held in list(names.items())
        if name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")
    ]
    for name, held in usable:
        if held is value:
            return name
    for name, held in usable:
        if type(held).__module__.startswith(_TOOLS) and getattr(held, "result", None) is value:
            return f"{name}.result"
    return default


def call_line(
    signal: BaseSignal,
    method: str,
    *,
    leading: Iterable[Any] = (),
    keywords: Mapping[str, Any] | None = None,
    result: str = "",
) -> str:
    """The call of a verb, as the user would write it.

    Parameters
    ----------
    signal : BaseSignal
        Stands by the name of the user's variable, or as ``s``.
    method : str
        The verb, such as "align_rigid" or "smartalign.prepare".
    leading : iterable
        Arguments without their names.
    keywords : mapping
        Arguments with their names.
    result : str
        Variable that takes what the verb returns; "" for none. It gets a 2 where the line would
        else replace what it begins with, and could not be run again.

    Returns
    -------
    str
        One line. Numbers, words and sequences stand as they are, and arrays of up to 64 numbers
        as ``np.array(...)``. Signals, longer arrays and other objects stand by the name of the
        user's variable. Without one, signals and alignments get a usual name, unless something
        else has it. All others get one in capitals, as ``YOUR_WEIGHTING``, that stops the line
        until it is replaced.
    """
    usual = _LEADING.get(method, "argument")
    arguments = [_written(value, usual) for value in leading]
    arguments += [f"{name}={_written(value, name)}" for name, value in (keywords or {}).items()]
    name = name_of(signal, "") or _usual("s", "signal")
    call = f"{name}.{method}({', '.join(arguments)})"
    while result in (name, *arguments):
        result += "2"
    return f"{result} = {call}" if result else call


def _namespaces() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is not None:
        found.append(shell.user_ns)
    main = sys.modules.get("__main__")
    if main is not None and not any(names is vars(main) for names in found):
        found.append(vars(main))
    return found


def _written(value: Any, name: str) -> str:
    """A value as an expression; `name` is that of its argument."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, complex, bytes)):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, os.PathLike):
        return _quoted(os.fspath(value))
    if isinstance(value, (tuple, list)):
        return _sequence(value, name)
    if isinstance(value, Mapping):
        items = (f"{_written(k, name)}: {_written(v, name)}" for k, v in value.items())
        return f"{{{', '.join(items)}}}"
    return _held(value, name)


def _quoted(text: str) -> str:
    written = repr(text)
    plain = written.startswith("'") and '"' not in text and "'" not in text
    return f'"{written[1:-1]}"' if plain else written


def _sequence(values: tuple[Any, ...] | list[Any], name: str) -> str:
    written = ", ".join(_written(value, name) for value in values)
    if isinstance(values, list):
        return f"[{written}]"
    return f"({written},)" if len(values) == 1 else f"({written})"


def _held(value: Any, name: str) -> str:
    """Of an object the user's name, or else what can be written for it."""
    missing = f"YOUR_{name.upper()}"
    held = name_of(value, "")
    if held:
        return held
    if isinstance(value, np.ndarray):
        return _array(value) or missing
    if isinstance(value, BaseSignal) or type(value).__name__ == "Alignment":
        return _usual(name, name)
    sides = _sides(value)
    return missing if sides is None else _sequence(sides, name)


def _usual(name: str, what: str) -> str:
    """A name for what the user has given none; not one by which something else is known."""
    return f"YOUR_{what.upper()}" if any(name in names for names in _namespaces()) else name


def _sides(value: Any) -> tuple[float, ...] | None:
    """Sides of a region of HyperSpy's, which verbs take in its place."""
    if not type(value).__module__.startswith("hyperspy.roi"):
        return None
    try:
        return tuple(float(side) for side in value)
    except (TypeError, ValueError):
        return None


def _array(array: np.ndarray[Any, Any]) -> str:
    """An array written out, or "" if it is too long or of no plain type."""
    if array.size > _LONGEST_ARRAY or array.size == 0 or array.dtype.kind not in "biufU":
        return ""
    items = array.tolist()
    written = _written(items, "")
    if np.asarray(items).dtype == array.dtype:
        return f"np.array({written})"
    kind = array.dtype.name if array.dtype.isnative else array.dtype.str
    return f'np.array({written}, dtype="{kind}")'
