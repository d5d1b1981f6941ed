"""The form of a tool: its parameters and options in sections, as in SmartAlign's dialogues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hyperspy_smartalign.gui import words
from hyperspy_smartalign.gui.fields import Field, field_of


@dataclass(frozen=True)
class Row:
    """One line of a form.

    Attributes
    ----------
    owner : str
        Trait of the tool whose trait the field edits: "parameters" or "options".
    field : Field
    """

    owner: Literal["parameters", "options"]
    field: Field


@dataclass(frozen=True)
class Section:
    """Rows under one heading.

    Attributes
    ----------
    title : str
    rows, rare_rows : tuple of Row
        Those always shown, and those folded away. Not both are empty.
    """

    title: str
    rows: tuple[Row, ...]
    rare_rows: tuple[Row, ...]


def sections_of(tool: Any) -> tuple[Section, ...]:
    """The form of a tool.

    Parameters
    ----------
    tool : Tool
        Its `parameters` and `options` are asked for their classes only.

    Returns
    -------
    tuple of Section
        In the order of the manual; every parameter and every option stands in one of them.
    """
    rows: dict[str, list[Row]] = {}
    owners: tuple[Literal["parameters", "options"], ...] = ("parameters", "options")
    for owner in owners:
        for spec in getattr(tool, owner).specifications():
            rows.setdefault(spec.group, []).append(Row(owner, field_of(spec)))
    unknown = [g for g in rows if g not in (*words.GROUPS, *words.LAST_GROUPS)]
    return tuple(
        _section(group, rows[group])
        for group in (*words.GROUPS, *unknown, *words.LAST_GROUPS)
        if group in rows
    )


def _section(group: str, rows: list[Row]) -> Section:
    return Section(
        title=words.HEADINGS.get(group, group[:1].upper() + group[1:]),
        rows=tuple(row for row in rows if not row.field.spec.rare),
        rare_rows=tuple(row for row in rows if row.field.spec.rare),
    )
