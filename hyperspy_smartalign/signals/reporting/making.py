"""The member ``signal.smartalign.report``: a report in a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals.reporting.composing import compose
from hyperspy_smartalign.signals.reporting.content import Paper, Report
from hyperspy_smartalign.signals.reporting.subject import subject_of
from hyperspy_smartalign.signals.writing import written_aside

if TYPE_CHECKING:
    from hyperspy_smartalign.signals.quality.quality import Quality

SUFFIXES = (".html", ".pdf")
"""Files that a report is written to."""


def report(
    signal: BaseSignal,
    path: str | os.PathLike[str],
    *,
    source: BaseSignal | None = None,
    quality: Quality | None = None,
    title: str | None = None,
    notes: str = "",
    overwrite: bool = False,
    paper: Paper = "a4",
    show_progressbar: bool | None = None,
) -> Path:
    """Write all that is known about an alignment on one page; see the accessor's member."""
    file = Path(path).expanduser()
    if file.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"{str(file)!r} must end in {' or '.join(SUFFIXES)}: a page for a browser, or a "
            "document to be printed."
        )
    if paper not in get_args(Paper):
        raise ValueError(f"paper={paper!r} is not allowed: give one of 'a4', 'letter'.")
    with written_aside([file], overwrite=overwrite) as aside:
        subject = subject_of(
            signal,
            source=source,
            quality=quality,
            title=title,
            notes=notes,
            show_progressbar=show_progressbar,
        )
        aside(file).write_bytes(rendered(compose(subject, paper=paper), file.suffix.lower()))
    return file


def rendered(content: Report, suffix: str) -> bytes:
    """A report as the bytes of a file.

    Parameters
    ----------
    content : Report
        What it says.
    suffix : {".html", ".pdf"}
    """
    if suffix == ".pdf":
        from hyperspy_smartalign.signals.reporting.as_pdf import pdf_of

        return pdf_of(content)
    from hyperspy_smartalign.signals.reporting.as_html import html_of

    return html_of(content).encode("utf-8")
