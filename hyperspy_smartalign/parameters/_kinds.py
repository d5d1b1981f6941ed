"""The kinds of value that a parameter can take, as traits that explain themselves."""

from __future__ import annotations

import math
import os
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import traits.api as t

REGION_SIDES = ("left", "right", "top", "bottom")

_NUMBERS = (int, float, np.integer, np.floating)


class ParameterError(t.TraitError, ValueError):
    """A parameter has a value that it cannot have, or that clashes with another one."""

    def __init__(self, message: str) -> None:
        ValueError.__init__(self, message)


class Kind(t.TraitType):
    """A parameter: a few allowed words, or a value that `convert` accepts.

    Parameters
    ----------
    default : object
        The default. None is allowed as a value only where it is the default.
    words : iterable of str
        Words allowed beside the values of this kind.
    low, high : float or None
        Allowed range, ends included. None: no limit.
    label, desc, group, unit : str
        Name for people, one or two plain sentences, section of the dialogue, unit.
    rare : bool
        Whether few users need it, so that a dialogue folds it away.
    """

    kind = "value"
    noun = "a value"
    python_type = "object"

    def __init__(
        self,
        default: Any,
        *,
        words: Iterable[str] = (),
        low: float | None = None,
        high: float | None = None,
        label: str,
        desc: str,
        group: str,
        unit: str = "",
        rare: bool = False,
    ) -> None:
        self.words = tuple(words)
        self.low = low
        self.high = high
        self.optional = default is None
        super().__init__(default, label=label, desc=desc, group=group, unit=unit, rare=rare)

    def convert(self, value: Any) -> Any:
        """The value as it is stored; TypeError or ValueError if it is not of this kind."""
        raise TypeError("only words are allowed")

    def validate(self, owner: t.HasTraits | None, name: str, value: Any) -> Any:
        """Called by traits for every assignment."""
        if value is None and self.optional:
            return None
        if isinstance(value, str):
            if value in self.words:
                return str(value)
            self.error(owner, name, value)
        try:
            return self.convert(value)
        except (TypeError, ValueError, OverflowError, LookupError):
            pass
        self.error(owner, name, value)

    def error(self, owner: t.HasTraits | None, name: str, value: Any) -> None:
        """Raise an error that names the parameter, the value and what is allowed."""
        raise ParameterError(f"{name}={reprlib.repr(value)} is not allowed: give {self.info()}.")

    def info(self) -> str:
        """What is allowed, in words."""
        allowed = [] if self.noun == "" else [self.noun + self._range_in_words()]
        if self.words:
            allowed.insert(0, "one of " + ", ".join(repr(word) for word in self.words))
        if self.optional:
            allowed.append("None")
        return " or ".join(allowed)

    def in_range(self, number: float) -> bool:
        """True if the number lies between `low` and `high`."""
        above = self.low is None or number >= self.low
        return above and (self.high is None or number <= self.high)

    def _range_in_words(self) -> str:
        if self.low is not None and self.high is not None:
            return f" from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f" of at least {self.low:g}"
        return "" if self.high is None else f" of at most {self.high:g}"


class Flag(Kind):
    """True or False."""

    kind = "flag"
    noun = "True or False"
    python_type = "bool"

    def convert(self, value: Any) -> bool:
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError("not a bool")
        return bool(value)


class Switch(Kind):
    """A word that does something, or False to leave it; True means the word."""

    kind = "switch"
    noun = "False"
    python_type = "str | bool"

    def convert(self, value: Any) -> str | bool:
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError("not a bool")
        return self.words[0] if value else False


class Choice(Kind):
    """One of a few words."""

    kind = "choice"
    noun = ""
    python_type = "str"


class Choices(Kind):
    """One of a few words, or a sequence of them; a sequence of one is that word."""

    kind = "choices"
    noun = "a sequence of these"
    python_type = "str | Sequence[str]"

    def convert(self, value: Any) -> str | tuple[str, ...]:
        words = tuple(str(word) for word in value)
        if not words or any(word not in self.words for word in words):
            raise ValueError("unknown word")
        return words[0] if len(words) == 1 else words


class Integer(Kind):
    """A whole number, or a word."""

    kind = "integer"
    noun = "a whole number"
    python_type = "int"

    def convert(self, value: Any) -> int:
        number = whole(value)
        if not self.in_range(number):
            raise ValueError("out of range")
        return number


class Real(Kind):
    """A finite number, or a word."""

    kind = "real"
    noun = "a number"
    python_type = "float"

    def convert(self, value: Any) -> float:
        number = real(value)
        if not self.in_range(number):
            raise ValueError("out of range")
        return number


class PositiveReal(Real):
    """A finite number above zero."""

    kind = "real"
    noun = "a number above 0"

    def in_range(self, number: float) -> bool:
        return number > 0 and super().in_range(number)


class RealOrPair(Kind):
    """A number above zero, or a pair of numbers; `low` and `high` bound each."""

    kind = "real or pair"
    noun = "a number above 0, or a pair of numbers"
    python_type = "float | tuple[float, float]"

    def convert(self, value: Any) -> float | tuple[float, float]:
        if isinstance(value, _NUMBERS):
            single = real(value)
            if not (single > 0 and self.in_range(single)):
                raise ValueError("out of range")
            return single
        first, second = (real(number) for number in value)
        if not (self.in_range(first) and self.in_range(second) and max(first, second) > 0):
            raise ValueError("out of range")
        return first, second


class Indices(Kind):
    """Indices of frames, counted from 0; kept in order, each once."""

    kind = "indices"
    noun = "frame indices counted from 0, such as (3, 7)"
    python_type = "Sequence[int]"

    def convert(self, value: Any) -> tuple[int, ...]:
        values = (value,) if isinstance(value, _NUMBERS) else value
        indices = {whole(index) for index in values}
        if any(index < 0 for index in indices):
            raise ValueError("negative index")
        return tuple(sorted(indices))


class IndexPairs(Kind):
    """Pairs of different frames, counted from 0; the order within a pair does not matter."""

    kind = "index pairs"
    noun = "pairs of two different frames counted from 0, such as ((0, 5), (2, 9))"
    python_type = "Sequence[tuple[int, int]]"

    def convert(self, value: Any) -> tuple[tuple[int, int], ...]:
        pairs = set()
        for pair in value:
            low, high = sorted(whole(index) for index in pair)
            if low < 0 or low == high:
                raise ValueError("not two different frames")
            pairs.add((low, high))
        return tuple(sorted(pairs))


class Numbers(Kind):
    """A number, or several; `low` and `high` bound each.

    Parameters
    ----------
    noun : str
        What the number and the several are, in words.
    **keywords
        Those of every kind.
    """

    kind = "numbers"
    python_type = "float | Sequence[float]"

    def __init__(
        self, default: Any, *, noun: str = "a number, or one number a frame", **keywords: Any
    ) -> None:
        super().__init__(default, **keywords)
        self.noun = noun

    def convert(self, value: Any) -> float | tuple[float, ...]:
        single = isinstance(value, _NUMBERS)
        values = tuple(real(number) for number in ((value,) if single else value))
        if not values or not all(self.in_range(number) for number in values):
            raise ValueError("out of range")
        return values[0] if single else values


class Region(Kind):
    """A rectangle (left, right, top, bottom): int = index, float = value on the axis.

    Anything that unpacks to these four is taken, so HyperSpy's RectangularROI is too.
    """

    kind = "region"
    noun = (
        "a hs.roi.RectangularROI or (left, right, top, bottom), each an int (index) or "
        "a float (value on the axis)"
    )
    python_type = "RectangularROI | tuple[float, float, float, float]"

    def convert(self, value: Any) -> tuple[int | float, ...]:
        sides = [value[side] for side in REGION_SIDES] if isinstance(value, Mapping) else [*value]
        left, right, top, bottom = (
            whole(side) if isinstance(side, (int, np.integer)) else real(side) for side in sides
        )
        return left, right, top, bottom


class SignalRange(Kind):
    """Two ends of a range of channels, or the four sides of a region of a diffraction pattern.

    Anything that unpacks to these is taken, so HyperSpy's SpanROI and RectangularROI are too.
    """

    kind = "signal range"
    noun = (
        "a hs.roi.SpanROI or (start, stop), each an int (channel) or a float (value on the axis); "
        "for patterns a hs.roi.RectangularROI or (left, right, top, bottom)"
    )
    python_type = "SpanROI | RectangularROI | tuple[float, ...]"

    def convert(self, value: Any) -> tuple[int | float, ...]:
        if isinstance(value, Mapping):
            value = [value[side] for side in REGION_SIDES if side in value]
        ends = tuple(
            whole(end) if isinstance(end, (int, np.integer)) else real(end) for end in value
        )
        if len(ends) not in (2, 4):
            raise ValueError("neither a range nor a region")
        return ends


class FrameNumbers(Kind):
    """A word, or one number a frame; `low` and `high` bound each."""

    kind = "frame numbers"
    noun = "one number a frame, each"
    python_type = "str | Sequence[float]"

    def convert(self, value: Any) -> tuple[float, ...]:
        values = tuple(real(number) for number in value)
        if not values or not all(self.in_range(number) for number in values):
            raise ValueError("out of range")
        return values


class CropArea(Region):
    """True or "common", False or "none", or a region. Words are kept as True and False."""

    kind = "crop area"
    noun = f"True, False, {Region.noun}"
    python_type = "bool | str | RectangularROI | tuple[float, float, float, float]"

    def validate(self, owner: t.HasTraits | None, name: str, value: Any) -> Any:
        if isinstance(value, str) and value in self.words:
            return value == self.words[0]
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        return super().validate(owner, name, value)


class FilePath(Kind):
    """Where a file or folder is: text, or anything that stands for a path."""

    kind = "path"
    noun = "a path"
    python_type = "str | PathLike"

    def validate(self, owner: t.HasTraits | None, name: str, value: Any) -> Any:
        if isinstance(value, (str, os.PathLike)) and os.fspath(value):
            return os.fspath(value)
        return super().validate(owner, name, value)


class WordOrMask(Kind):
    """A word, or a 2-D array of weights that are finite and not negative."""

    kind = "choice or array"
    noun = "a 2-D array of finite weights that are not negative"
    python_type = "str | np.ndarray"

    def convert(self, value: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
        mask = np.array(value, dtype=np.float64)
        usable = mask.ndim == 2 and mask.size > 0 and bool(np.isfinite(mask).all())
        if not (usable and mask.min() >= 0 and mask.max() > 0):
            raise ValueError("not a mask")
        mask.flags.writeable = False
        return mask


def whole(value: Any) -> int:
    """The value as int. Whole floats pass, as files may turn ints into floats; bools do not."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, _NUMBERS):
        raise TypeError("not a number")
    if value != int(value):
        raise ValueError("not whole")
    return int(value)


def real(value: Any) -> float:
    """The value as a finite float; bools do not pass."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, _NUMBERS):
        raise TypeError("not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number
