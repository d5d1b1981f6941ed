"""How one parameter stands in a dialogue: its label, its tooltip, and its value as text."""

from __future__ import annotations

import ast
import hashlib
import math
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hyperspy_smartalign.gui import words
from hyperspy_smartalign.parameters import ParameterError, ParameterSpec
from hyperspy_smartalign.series.array_file import read_array

Style = Literal["checkbox", "choice", "combo", "text", "integer", "real"]

#: One frame, or a range such as "7-9".
_RANGE = re.compile(r"([0-9]{1,18})(?:\s*-\s*([0-9]{1,18}))?")
_LONGEST_RANGE = 100_000
#: Arrays with at most this many numbers are written out.
_SHORT_ARRAY = 16
#: Longer arrays that were shown, by the text that stands for them; the oldest go first.
_SHOWN_ARRAYS: OrderedDict[str, np.ndarray[Any, Any]] = OrderedDict()
_REMEMBERED = 16


@dataclass(frozen=True)
class Field:
    """One parameter in a dialogue.

    Attributes
    ----------
    spec : ParameterSpec
    style : str
        "checkbox" (of a switch too: True means its word), "choice" (one of `options`, nothing
        else), "combo" (text, for which `options` are offered), "text", "integer" or "real"
        (numbers that are never None).
    choices : tuple of (str, object)
        What is offered: as shown, and the value.
    """

    spec: ParameterSpec
    style: Style
    choices: tuple[tuple[str, Any], ...]

    @property
    def name(self) -> str:
        """Name of the parameter."""
        return self.spec.name

    @property
    def label(self) -> str:
        """Name for people, with the unit."""
        unit = self.spec.unit
        return f"{self.spec.label} ({unit})" if unit else self.spec.label

    @property
    def tooltip(self) -> str:
        """The words of the docstring, and the range."""
        low, high = self.spec.low, self.spec.high
        if low is None and high is None:
            return self.spec.desc
        if low is None:
            ends = f"At most {high:g}"
        else:
            ends = f"At least {low:g}" if high is None else f"From {low:g} to {high:g}"
        return f"{self.spec.desc} {ends}."

    @property
    def options(self) -> tuple[tuple[str, Any], ...]:
        """What is offered: as shown, and the value. Empty for plain text and numbers."""
        return self.choices

    @property
    def placeholder(self) -> str:
        """What an empty text means; "" where it means nothing."""
        if self.spec.default is None:
            return words.none_of(self.name, self.spec.label)
        return "none" if self.spec.default == () else ""

    def text_of(self, value: Any) -> str:
        """A value as text, from which `value_of` makes the same value.

        Parameters
        ----------
        value : object
            As the parameter keeps it.
        """
        if value is None and self.style != "choice":
            return ""
        for shown, offered in self.choices:
            if type(offered) is type(value) and offered == value:
                return shown
        if isinstance(value, np.ndarray):
            return _text_of_array(value)
        if isinstance(value, tuple):
            return self._text_of_sequence(value)
        return str(value) if isinstance(value, str) else repr(value)

    def value_of(self, text: str) -> Any:
        """The value that a text means.

        Parameters
        ----------
        text : str
            An option as it is shown, a word, or a value as in Python, where brackets may be left
            out: "0.2, 0.4". Empty: None where that is the default, or nothing (no frames). Frames
            may be given as "3, 7-9", and weights as the path of a .npy file.

        Raises
        ------
        ParameterError
            It is not allowed; says what is.
        """
        text = text.strip()
        for shown, value in self.choices:
            if text == shown:
                return value
        if text == "" and self.spec.default in (None, ()):
            return self.spec.default
        if text in self.spec.choices or self.spec.kind == "path":
            return self.spec.checked(text)
        reader = _READERS.get(self.spec.kind, _literal)
        return self.spec.checked(reader(text))

    def _text_of_sequence(self, value: tuple[Any, ...]) -> str:
        if self.spec.kind == "choices":
            shown = {offered: text for text, offered in self.choices}
            return ", ".join(shown[word] for word in value)
        if not value and self.spec.default is None:
            return "()"  # an empty text is None
        text = ", ".join(repr(item) for item in value)
        # One number alone would come back as a number.
        return f"{text}," if len(value) == 1 and self.spec.kind == "numbers" else text


def field_of(spec: ParameterSpec) -> Field:
    """How a parameter stands in a dialogue."""
    optional = spec.default is None
    none = ((words.none_of(spec.name, spec.label), None),) if optional else ()
    if spec.kind == "switch" or (spec.kind == "flag" and not optional):
        return Field(spec, "checkbox", ())
    if spec.kind in ("flag", "crop area"):
        yes, no = words.YES_AND_NO.get(spec.name, words.OTHER_YES_AND_NO)
        style: Style = "choice" if spec.kind == "flag" else "combo"
        return Field(spec, style, (*none, (yes, True), (no, False)))
    offered = tuple((words.WORDS.get(word, word.replace("_", " ")), word) for word in spec.choices)
    if spec.kind == "choice":
        return Field(spec, "choice", (*none, *offered))
    if offered:
        return Field(spec, "combo", (*none, *offered))
    if spec.kind in ("integer", "real") and not optional:
        return Field(spec, "integer" if spec.kind == "integer" else "real", ())
    return Field(spec, "text", ())


def _literal(text: str) -> Any:
    """A value written as in Python; the text itself where it is none."""
    if text.lower() in ("nan", "yes", "no"):
        return {"nan": math.nan, "yes": True, "no": False}[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text


def _frames(text: str) -> Any:
    parts = [part.strip() for part in text.strip("()[] ").split(",") if part.strip()]
    frames: list[int] = []
    for part in parts:
        match = _RANGE.fullmatch(part)
        if match is None:
            return _literal(text)
        first = int(match[1])
        last = int(match[2] or first)
        if not 0 <= last - first <= _LONGEST_RANGE:
            return text
        frames += range(first, last + 1)
    return tuple(frames)


def _pairs(text: str) -> Any:
    value = _literal(text)
    alone = isinstance(value, tuple) and all(isinstance(index, int) for index in value)
    return (value,) if alone else value


def _sequence(text: str) -> Any:
    value = _literal(text)
    return value if isinstance(value, (tuple, list, str)) else (value,)


def _words(text: str) -> Any:
    known = {shown: word for word, shown in words.WORDS.items()}
    found = [part.strip(" '\"") for part in text.strip("()[] ").split(",")]
    return [known.get(word, word.replace(" ", "_")) for word in found if word]


def _array(text: str) -> Any:
    if text in _SHOWN_ARRAYS:
        return _SHOWN_ARRAYS[text]
    if text.endswith(".npy"):
        try:
            return read_array(text)
        except (OSError, ValueError) as error:
            raise ParameterError(f"{text} cannot be read as an array: {error}") from error
    return _literal(text)


def _text_of_array(array: np.ndarray[Any, Any]) -> str:
    if array.size <= _SHORT_ARRAY:
        return repr(array.tolist())
    mark = hashlib.sha256(array.tobytes()).hexdigest()[:8]
    text = f"array of {' x '.join(map(str, array.shape))} ({mark})"
    _SHOWN_ARRAYS[text] = array
    _SHOWN_ARRAYS.move_to_end(text)
    while len(_SHOWN_ARRAYS) > _REMEMBERED:
        _SHOWN_ARRAYS.popitem(last=False)
    return text


# Kind of a parameter -> what its text means before it is checked; others: as in Python.
_READERS: dict[str, Callable[[str], Any]] = {
    "indices": _frames,
    "index pairs": _pairs,
    "frame numbers": _sequence,
    "choices": _words,
    "choice or array": _array,
}
