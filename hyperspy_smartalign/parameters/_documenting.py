"""Signatures and docstrings of functions, from the parameters of their tool."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

from hyperspy_smartalign.parameters._base import Parameters, ParameterSpec

Function = TypeVar("Function", bound=Callable[..., Any])

PLACEHOLDER = "{parameters}"
INTERACTIVE_PLACEHOLDER = "{interactive}"

# The arguments of every verb that has a dialogue.
_INTERACTIVE = """\
interactive : bool, default False
    Open a tool instead, with its parameters, previews and results. What else is given here
    are its first values.
display : bool, default True
    Show the tool. False makes it without showing it. Used with ``interactive=True``.
toolkit : {"ipywidgets", "traitsui"} or iterable of these or None, default None
    What the tool is shown with. None takes ipywidgets in a notebook and traitsui elsewhere,
    of those that are installed and that HyperSpy's preferences enable. Used with
    ``interactive=True``."""


def documented(parameters: type[Parameters]) -> Callable[[Function], Function]:
    """Give a function that takes ``**keywords`` the signature and the words of its tool.

    The parameters become keyword-only arguments in place of ``**keywords``, before the
    function's own keyword-only ones. In the docstring they stand where a line says
    ``{parameters}``. Where one says ``{interactive}``, the arguments stand that open a dialogue.

    Parameters
    ----------
    parameters : type of Parameters
        Class of the tool.

    Returns
    -------
    callable
        A decorator. It returns the function itself.
    """

    def decorate(function: Function) -> Function:
        function.__signature__ = _signature(function, parameters)  # type: ignore[attr-defined]
        if function.__doc__ is not None:  # None under python -OO
            function.__doc__ = _docstring(function.__doc__, parameters)
        return function

    return decorate


def _signature(function: Callable[..., Any], parameters: type[Parameters]) -> inspect.Signature:
    own = inspect.signature(function)
    positional, keyword_only = [], []
    for argument in own.parameters.values():
        if argument.kind is inspect.Parameter.KEYWORD_ONLY:
            keyword_only.append(argument)
        elif argument.kind is not inspect.Parameter.VAR_KEYWORD:
            positional.append(argument)
    of_tool = [
        inspect.Parameter(
            spec.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=spec.default,
            annotation=spec.annotation,
        )
        for spec in parameters.specifications()
    ]
    return own.replace(parameters=[*positional, *of_tool, *keyword_only])


def _docstring(docstring: str, parameters: type[Parameters]) -> str:
    lines = docstring.splitlines()
    places = [number for number, line in enumerate(lines) if line.strip() == PLACEHOLDER]
    if len(places) != 1:
        raise ValueError(f"The docstring must have one line '{PLACEHOLDER}', not {len(places)}.")
    margin = lines[places[0]].removesuffix(PLACEHOLDER)
    entries = "\n".join(_entry(spec) for spec in parameters.specifications())
    lines[places[0]] = textwrap.indent(entries, margin)
    for number, line in enumerate(lines):
        if line.strip() == INTERACTIVE_PLACEHOLDER:
            margin = line.removesuffix(INTERACTIVE_PLACEHOLDER)
            lines[number] = textwrap.indent(_INTERACTIVE, margin)
    return "\n".join(lines)


def _entry(spec: ParameterSpec) -> str:
    """One entry of a numpydoc section."""
    types = [kind for kind in spec.python_type.split(" | ") if kind != "str" or not spec.choices]
    if spec.choices:
        types.append("{" + ", ".join(f'"{choice}"' for choice in spec.choices) + "}")
    default = f'"{spec.default}"' if isinstance(spec.default, str) else repr(spec.default)
    sentences = spec.desc
    if spec.unit:
        sentences += f" Unit: {spec.unit}."
    described = textwrap.fill(sentences, width=88, break_long_words=False)
    head = f"{spec.name} : {' or '.join(types)}, default {default}"
    return f"{head}\n{textwrap.indent(described, '    ')}"
