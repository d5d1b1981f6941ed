"""Options of the command line, made from the parameters of the tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from hyperspy_smartalign.parameters import Parameters, ParameterSpec

Tool = TypeVar("Tool", bound=Parameters)


class SectionOption(click.Option):
    """An option that stands under a heading of the help."""

    def __init__(self, *args: Any, section: str, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.section = section


def option(spec: ParameterSpec, *, prefix: str = "") -> SectionOption:
    """The option of one parameter.

    Parameters
    ----------
    spec : ParameterSpec
        The parameter: name, default, words.
    prefix : str
        Put before the name, as in ``--ramp-order``.

    Returns
    -------
    SectionOption
        ``--name VALUE``, or ``--name/--no-name`` for a flag.
    """
    destination = prefix + spec.name
    name = destination.replace("_", "-")
    keywords: dict[str, Any] = {
        "default": spec.default,
        "show_default": spec.default is not None,
        "help": _help(spec),
        "section": spec.group[:1].upper() + spec.group[1:],
    }
    if spec.kind == "switch":
        keywords["default"] = True  # which means the word
    if spec.kind in ("flag", "switch"):
        return SectionOption([f"--{name}/--no-{name}", destination], is_flag=True, **keywords)
    if spec.kind == "choice":
        keywords["type"] = click.Choice(spec.choices)
    else:
        if spec.kind == "crop area" and isinstance(spec.default, bool):
            keywords["default"] = spec.choices[0 if spec.default else 1]
        keywords["type"] = _reader(spec)
        keywords["metavar"] = "|".join((*spec.choices, _KINDS[spec.kind][1]))
    return SectionOption([f"--{name}", destination], **keywords)


def options(tool: type[Parameters], *, prefix: str = "") -> list[SectionOption]:
    """Options of all parameters of a tool."""
    return [option(spec, prefix=prefix) for spec in tool.specifications()]


def chosen(tool: type[Tool], given: Mapping[str, Any], *, prefix: str = "") -> Tool:
    """The parameters of a tool, from the values of all options of a command.

    Raises
    ------
    ParameterError
        A value is not allowed, or two of them clash.
    """
    return tool(**{name: given[prefix + name] for name in tool.names()})


def _reader(spec: ParameterSpec) -> Callable[[Any], Any]:
    """Function from the text of one parameter to its value: a word, or as its kind is written.

    Ranges are not looked at here; the parameters of the tool check themselves.
    """
    read, syntax = _KINDS[spec.kind]

    def value_of(text: Any) -> Any:
        # Defaults come here too, and are values already.
        if not isinstance(text, str) or text in spec.choices:
            return text
        try:
            return read(text)
        except ValueError as error:
            words = f", or one of {', '.join(spec.choices)}" if spec.choices else ""
            reason = f" ({error})" if read is _mask else ""
            raise click.BadParameter(
                f"{text!r} is not written as {syntax}{words}{reason}."
            ) from error

    return value_of


def _help(spec: ParameterSpec) -> str:
    sentences = [spec.desc]
    if spec.low is not None or spec.high is not None:
        low = "" if spec.low is None else f"from {spec.low:g}"
        high = "" if spec.high is None else f"to {spec.high:g}"
        sentences.append(f"Range: {low} {high}".strip() + ".")
    if spec.unit:
        sentences.append(f"Unit: {spec.unit}.")
    return " ".join(sentences)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _one_or_more(text: str) -> float | tuple[float, ...]:
    values = _numbers(text)
    return values[0] if len(values) == 1 else values


def _indices(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",")) if text.strip() else ()


def _pairs(text: str) -> tuple[tuple[int, int], ...]:
    pairs = []
    for part in text.split(",") if text.strip() else ():
        first, second = part.split(":")
        pairs.append((int(first), int(second)))
    return tuple(pairs)


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _region(text: str) -> tuple[int | float, ...]:
    left, right, top, bottom = (_index_or_value(part) for part in text.split(","))
    return left, right, top, bottom


def _range_or_region(text: str) -> tuple[int | float, ...]:
    ends = tuple(_index_or_value(part) for part in text.split(","))
    if len(ends) not in (2, 4):
        raise ValueError("neither a range nor a region")
    return ends


def _index_or_value(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _mask(text: str) -> Any:
    """Weights from a .npy file or from any image that HyperSpy reads."""
    path = Path(text)
    if not path.is_file():
        raise ValueError("there is no such file")
    try:
        if path.suffix.lower() == ".npy":
            from hyperspy_smartalign.series.array_file import read_array

            return read_array(path)
        import hyperspy.api as hs

        return hs.load(path).data
    except Exception as error:  # readers raise anything on a damaged file
        raise ValueError(f"{type(error).__name__}: {error}") from error


# Kind of a parameter -> how its text is read, and how the help writes it.
_KINDS: dict[str, tuple[Callable[[str], Any], str]] = {
    "integer": (int, "INTEGER"),
    "real": (float, "NUMBER"),
    "real or pair": (_one_or_more, "NUMBER[,NUMBER]"),
    "choices": (_words, "WORD,WORD..."),
    "frame numbers": (_numbers, "NUMBER,NUMBER..."),
    "numbers": (_one_or_more, "NUMBER[,NUMBER...]"),
    "indices": (_indices, "INDEX[,INDEX...]"),
    "index pairs": (_pairs, "I:J[,I:J...]"),
    "region": (_region, "LEFT,RIGHT,TOP,BOTTOM"),
    "crop area": (_region, "LEFT,RIGHT,TOP,BOTTOM"),
    "signal range": (_range_or_region, "START,STOP|LEFT,RIGHT,TOP,BOTTOM"),
    "choice or array": (_mask, "FILE"),
}
