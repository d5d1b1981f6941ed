"""The report on a signal, put together from its sections."""

from __future__ import annotations

from datetime import datetime

from hyperspy_smartalign.signals.provenance.history import versions
from hyperspy_smartalign.signals.reporting.about_citing import (
    citing_section,
    unknown_section,
    warnings_section,
)
from hyperspy_smartalign.signals.reporting.about_frames import frames_section
from hyperspy_smartalign.signals.reporting.about_motion import distortion_section, shifts_section
from hyperspy_smartalign.signals.reporting.about_quality import (
    information_section,
    precision_section,
    verdict_of,
    verdicts_section,
)
from hyperspy_smartalign.signals.reporting.about_series import images_section, series_section
from hyperspy_smartalign.signals.reporting.about_steps import steps_section, versions_section
from hyperspy_smartalign.signals.reporting.about_tiles import tiles_section
from hyperspy_smartalign.signals.reporting.content import Paper, Report
from hyperspy_smartalign.signals.reporting.subject import Subject
from hyperspy_smartalign.signals.reporting.words import count, short

_SECTIONS = (
    verdicts_section,
    series_section,
    images_section,
    tiles_section,
    information_section,
    precision_section,
    shifts_section,
    distortion_section,
    frames_section,
    warnings_section,
    unknown_section,
    steps_section,
    versions_section,
    citing_section,
)


def compose(subject: Subject, *, paper: Paper = "a4", made: datetime | None = None) -> Report:
    """All that is known about an alignment, in the order in which it is read.

    Parameters
    ----------
    subject : Subject
        What the report is about.
    paper : {"a4", "letter"}
    made : datetime, optional
        When; now, unless given.
    """
    sections = (section(subject) for section in _SECTIONS)
    return Report(
        title=short(subject.name),
        subtitle=_subtitle(subject),
        verdict=verdict_of(subject),
        sections=tuple(section for section in sections if section is not None and section.blocks),
        made=datetime.now().astimezone() if made is None else made,
        program=f"hyperspy_smartalign {versions().get('hyperspy_smartalign', '')}".strip(),
        paper=paper,
    )


def _subtitle(subject: Subject) -> str:
    alignment = subject.alignment
    if alignment is None:
        tiles = 0 if subject.matches is None else len(subject.matches)
        return f"{count(tiles, 'tile')}, not aligned with each other"
    how = "rigidly" if alignment.is_rigid else "non-rigidly"
    h, w = alignment.frame_shape
    return f"{count(alignment.n_frames, subject.frame)} of {h} × {w} px, aligned {how}"
