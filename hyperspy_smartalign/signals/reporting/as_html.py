"""A report as one page of HTML that needs no other file, no script and no network."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hyperspy_smartalign.signals.reporting.content import (
    LEVEL_COLOURS,
    LEVEL_MARKS,
    LEVEL_WORDS,
    Paper,
    Report,
)
from hyperspy_smartalign.signals.reporting.words import printable

_PAPERS: dict[Paper, str] = {"a4": "A4", "letter": "letter"}


def html_of(report: Report) -> str:
    """The page. Every text is escaped, as titles and names come from files.

    Parameters
    ----------
    report : Report
        What it says.
    """
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            levels={
                level: {"word": word, "mark": LEVEL_MARKS[level], "colour": LEVEL_COLOURS[level]}
                for level, word in LEVEL_WORDS.items()
            },
            paper=_PAPERS[report.paper],
        )
    )


def css_string(text: object) -> str:
    """A text as a string of CSS, without any character that ends it or the style sheet."""
    return (
        '"'
        + "".join(
            letter if letter.isascii() and letter.isalnum() else f"\\{ord(letter):06x}"
            for letter in printable(text)
        )
        + '"'
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["css_string"] = css_string
    environment.filters["data_uri"] = _data_uri
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment


def _clean(value: Any) -> Any:
    """Texts without control characters; what was escaped already is left alone."""
    return printable(value) if type(value) is str else value


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
