"""What a report says, before it is written as a page or as a PDF file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hyperspy_smartalign.quality.verdicts import Level

Align = Literal["left", "right"]
Paper = Literal["a4", "letter"]

LEVELS: tuple[Level, ...] = ("bad", "caution", "unknown", "good")
"""Levels of a judgement, the one that a reader must see first in front."""

LEVEL_WORDS: dict[Level, str] = {
    "good": "good",
    "caution": "caution",
    "bad": "bad",
    "unknown": "not known",
}
LEVEL_MARKS: dict[Level, str] = {"good": "✓", "caution": "!", "bad": "✗", "unknown": "?"}
# Dark enough for white letters; each has its mark too, for readers who see no colours.
LEVEL_COLOURS: dict[Level, str] = {
    "good": "#1b6e4b",
    "caution": "#8a5a00",
    "bad": "#a3291b",
    "unknown": "#5b6470",
}


@dataclass(frozen=True)
class Paragraph:
    """Running text; a note is set apart, a warning stands out."""

    text: str
    kind: Literal["plain", "note", "warning"] = "plain"


@dataclass(frozen=True)
class Subheading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True)
class Listing:
    """Items with bullets."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Lines to be copied as they are."""

    text: str
    caption: str = ""


@dataclass(frozen=True)
class Facts:
    """Names and what is to be said of each.

    Attributes
    ----------
    rows : tuple of (name, value)
    """

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Column:
    """Heading of a column, side its cells stand at, and its share of the width."""

    name: str
    align: Align = "left"
    share: float = 1.0


@dataclass(frozen=True)
class Row:
    """Cells of one line of a table; a marked line stands out."""

    cells: tuple[str, ...]
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Raises
    ------
    ValueError
        A row has not as many cells as there are columns.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"{len(row.cells)} cells do not fit {len(self.columns)} columns")


@dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes
    ----------
    png : bytes
        The picture.
    pixels : (width, height)
        Its size.
    alt : str
        What it shows, for readers who cannot see it.
    caption : str
        What stands under it.
    share : float
        Part of the width of the text that it takes.
    """

    png: bytes
    pixels: tuple[int, int]
    alt: str
    caption: str = ""
    share: float = 1.0


@dataclass(frozen=True)
class Judgement:
    """A verdict: on what, which, and why."""

    topic: str
    level: Level
    words: str


@dataclass(frozen=True)
class Judgements:
    """Several verdicts."""

    items: tuple[Judgement, ...]


@dataclass(frozen=True)
class Reference:
    """A work to be cited; the DOI may be empty."""

    text: str
    doi: str = ""


@dataclass(frozen=True)
class References:
    """Works to be cited, numbered from 1."""

    items: tuple[Reference, ...]


Block = Paragraph | Subheading | Listing | Code | Facts | Table | Picture | Judgements | References


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it.

    Attributes
    ----------
    title : str
    name : str
        Short name of letters and hyphens, to be linked to.
    blocks : tuple of Block
    """

    title: str
    name: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """All that a report says.

    Attributes
    ----------
    title, subtitle : str
    verdict : Judgement
        All verdicts in one line.
    sections : tuple of Section
    made : datetime
        When, with its time zone.
    program : str
        Name and version of what made it.
    paper : {"a4", "letter"}
    """

    title: str
    subtitle: str
    verdict: Judgement
    sections: tuple[Section, ...]
    made: datetime
    program: str
    paper: Paper = "a4"

    @property
    def date(self) -> str:
        """Day and minute at which it was made."""
        return self.made.strftime("%d %B %Y, %H:%M %Z").lstrip("0").strip()
