"""What the parameters of all tools can do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import traits.api as t

from hyperspy_smartalign.parameters._kinds import (
    REGION_SIDES,
    Kind,
    ParameterError,
    Region,
    SignalRange,
)


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter, described for whatever builds a page, a dialogue or a command line.

    Attributes
    ----------
    name, kind : str
        Keyword, and the kind of value: "flag", "switch", "choice", "choices", "integer", "real",
        "real or pair", "indices", "index pairs", "numbers", "frame numbers", "region",
        "crop area", "signal range", "path" or "choice or array".
    default : object
        Default value. None is allowed as a value only where it is the default.
    choices : tuple of str
        Allowed words.
    low, high : float or None
        Range of a number, ends included.
    label, desc, group, unit : str
        Name for people, one or two plain sentences, section of the dialogue, unit.
    python_type : str
        Type of the values that are not words.
    rare : bool
        Whether few users need it, so that a dialogue folds it away.
    trait : Kind
        What checks the values.
    """

    name: str
    kind: str
    default: Any
    choices: tuple[str, ...]
    low: float | None
    high: float | None
    label: str
    desc: str
    group: str
    unit: str
    python_type: str
    rare: bool
    trait: Kind = field(repr=False, compare=False)

    @property
    def annotation(self) -> str:
        """The type as it stands in a signature."""
        types = self.python_type
        if self.choices and "str" not in types.split(" | "):
            types = f"{types} | str"
        return f"{types} | None" if self.default is None else types

    def checked(self, value: Any) -> Any:
        """The value as the parameter keeps it; ParameterError if it is not allowed."""
        return self.trait.validate(None, self.name, value)


class Parameters(t.HasStrictTraits):
    """Values of the parameters of one tool, each checked, and checked against each other.

    Parameters
    ----------
    **keywords
        Values that differ from the default.

    Raises
    ------
    TypeError
        A keyword is not a parameter of this tool.
    ParameterError
        A value is not allowed, or two of them clash. It is a ValueError.
    """

    # Values can change, and equality compares them.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, **keywords: Any) -> None:
        super().__init__()
        names = self.names()
        for name in keywords:
            if name not in names:
                raise TypeError(_unknown_name(type(self).__name__, name, names))
        self.trait_set(trait_change_notify=False, **keywords)
        self.check()

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the parameters, in the order of the dialogue."""
        return tuple(spec.name for spec in cls.specifications())

    @classmethod
    def specifications(cls) -> list[ParameterSpec]:
        """A description of every parameter, in the order of the dialogue."""
        found = []
        for name, trait in cls.class_traits().items():
            kind = trait.trait_type
            if not isinstance(kind, Kind):
                continue
            found.append(
                ParameterSpec(
                    name=name,
                    kind=kind.kind,
                    default=kind.default_value,
                    choices=kind.words,
                    low=kind.low,
                    high=kind.high,
                    label=trait.label,
                    desc=trait.desc,
                    group=trait.group,
                    unit=trait.unit,
                    python_type=kind.python_type,
                    rare=trait.rare,
                    trait=kind,
                )
            )
        return found

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Parameters from what `to_dict` gave, also after a round trip through a file."""
        return cls(**{name: _plain(value) for name, value in content.items()})

    def idle(self) -> dict[str, str]:
        """Parameters that nothing would use with the present values, and why.

        It does not matter whether they differ from their default, nor whether other values
        clash: a dialogue greys these out while values are edited. What is left without them is
        all used, so that nobody has to ask twice.

        Returns
        -------
        dict
            Name -> reason, in the middle of a sentence. Empty if all are used.
        """
        return {}

    def check_clashes(self) -> None:
        """Raise ParameterError if values that are used do not go together."""

    def check(self) -> None:
        """Raise ParameterError if values clash, so that none is ever silently ignored."""
        self.check_clashes()
        for name, reason in self.idle().items():
            self._refuse_unused(name, reason)

    def keywords(self) -> dict[str, Any]:
        """Every parameter and its value, ready for a function call."""
        return {name: getattr(self, name) for name in self.names()}

    def changed(self) -> dict[str, Any]:
        """The parameters that differ from their default."""
        return {
            spec.name: getattr(self, spec.name)
            for spec in self.specifications()
            if not _equal(getattr(self, spec.name), spec.default)
        }

    def to_dict(self) -> dict[str, Any]:
        """Every parameter as types that survive HyperSpy's files.

        None is left out, tuples become lists, arrays stay. A region becomes a dictionary: a
        list that mixes ints and floats would come back as floats, and then mean something else.
        """
        content = {}
        for name, value in self.keywords().items():
            if value is None:
                continue
            kind = self.trait(name).trait_type
            if isinstance(kind, (Region, SignalRange)) and not isinstance(value, bool):
                content[name] = dict(zip(REGION_SIDES, value, strict=False))
            else:
                content[name] = _storable(value)
        return content

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_equal(value, getattr(other, name)) for name, value in self.keywords().items())

    def __repr__(self) -> str:
        changes = ", ".join(f"{name}={value!r}" for name, value in self.changed().items())
        return f"{type(self).__name__}({changes})"

    def _refuse_unused(self, name: str, reason: str) -> None:
        """Raise ParameterError if parameter `name` was set although nothing would use it."""
        if name in self.changed():
            raise ParameterError(
                f"{name}={getattr(self, name)!r} would not be used: {reason}. "
                f"Leave {name} out, or change the other."
            )


def _unknown_name(tool: str, name: str, names: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(names)}."
    return f"{tool} has no parameter '{name}'. {hint}"


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return isinstance(first, type(second)) and np.array_equal(first, second)
    if isinstance(first, tuple) and isinstance(second, tuple):
        # Item by item, as 1 and 1.0 differ in a region: index and value.
        return len(first) == len(second) and all(map(_equal, first, second))
    return type(first) is type(second) and bool(first == second)


def _storable(value: Any) -> Any:
    return [_storable(item) for item in value] if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    """Undo what a file format did to a value: DictionaryTreeBrowser, dask, numpy scalars."""
    if hasattr(value, "as_dictionary"):
        value = value.as_dictionary()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "dask"):
        value = np.asarray(value)
    return value.item() if isinstance(value, np.generic) else value
