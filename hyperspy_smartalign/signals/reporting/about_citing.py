"""Warnings, what cannot be known, a sentence for a paper, and what to cite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hyperspy_smartalign.plotting.drift import DriftPath
from hyperspy_smartalign.plotting.units import is_calibrated
from hyperspy_smartalign.signals.provenance.history import versions
from hyperspy_smartalign.signals.reporting.about_quality import messages_of
from hyperspy_smartalign.signals.reporting.content import (
    Block,
    Code,
    Listing,
    Paragraph,
    Reference,
    References,
    Section,
)
from hyperspy_smartalign.signals.reporting.subject import Subject
from hyperspy_smartalign.signals.reporting.words import count, numbered, pixel_text, reasons

_REFERENCES = (
    Reference(
        "The hyperspy_smartalign developers: hyperspy_smartalign, version {version} (software). "
        "GPL-3.0-or-later."
    ),
    Reference(
        "L. Jones, H. Yang, T. J. Pennycook, M. S. J. Marshall, S. Van Aert, N. D. Browning, "
        "M. R. Castell, P. D. Nellist: Smart Align—a new tool for robust non-rigid registration "
        "of scanning microscope data. Advanced Structural and Chemical Imaging 1, 8 (2015).",
        "10.1186/s40679-015-0008-4",
    ),
    Reference(
        "B. H. Savitzky and others: "
        "Image registration of low signal-to-noise cryo-STEM data. Ultramicroscopy 191, 56–65 "
        "(2018).",
        "10.1016/j.ultramic.2018.04.008",
    ),
    Reference(
        "F. de la Peña and others: HyperSpy, version {hyperspy} (software).",
        "10.5281/zenodo.592838",
    ),
)

_BIBTEX = """\
@software{{hyperspy_smartalign,
  author  = {{{{The hyperspy\\_smartalign developers}}}},
  title   = {{hyperspy\\_smartalign}},
  version = {{{version}}},
  license = {{GPL-3.0-or-later}},
}}
@article{{Jones2015,
  author  = {{Jones, Lewys and Yang, Hao and Pennycook, Timothy J. and Marshall, Matthew S. J. and
             Van Aert, Sandra and Browning, Nigel D. and Castell, Martin R. and Nellist, Peter D.}},
  title   = {{Smart {{Align}}---a new tool for robust non-rigid registration of scanning
             microscope data}},
  journal = {{Advanced Structural and Chemical Imaging}},
  volume  = {{1}}, pages = {{8}}, year = {{2015}},
  doi     = {{10.1186/s40679-015-0008-4}},
}}
@article{{Savitzky2018,
  author  = {{Savitzky, Benjamin H. and El Baggari, Ismail and others and Kourkoutis, Lena F.}},
  title   = {{Image registration of low signal-to-noise cryo-{{STEM}} data}},
  journal = {{Ultramicroscopy}},
  volume  = {{191}}, pages = {{56--65}}, year = {{2018}},
  doi     = {{10.1016/j.ultramic.2018.04.008}},
}}
@software{{hyperspy,
  author  = {{de la Pe{{\\~n}}a, Francisco and others}},
  title   = {{HyperSpy}},
  version = {{{hyperspy}}},
  doi     = {{10.5281/zenodo.592838}},
}}"""

# Correlation that a frame must lose before that is worth a word.
_LESS_ALIKE = 0.01

_MODELS = {
    "scan_locked": "an offset of every scan line along both directions",
    "row_fitting": "an offset, a rotation and a stretch of every scan line",
    "free": "a smooth free displacement of every pixel",
}


def warnings_section(subject: Subject) -> Section:
    """What the user should know, in plain words."""
    items = list(_warnings(subject))
    if not items:
        return Section("Warnings", "warnings", (Paragraph("None."),))
    return Section("Warnings", "warnings", (Listing(tuple(items)),))


def _warnings(subject: Subject) -> Iterator[str]:
    alignment, record = subject.alignment, subject.nonrigid
    if alignment is not None:
        for entry in reasons(alignment, subject.frame):
            yield f"Left out: {entry}."
        doubtful = np.flatnonzero(DriftPath.of(alignment).doubtful).tolist()
        if doubtful and subject.matches is None:
            yield (
                f"{numbered(doubtful).capitalize()} may lie on a wrong unit cell: another place is "
                "nearly as likely."
            )
    if record is not None:
        if record.cancelled:
            yield "The non-rigid alignment was cancelled: the result is the best until then."
        if record.cycles and not any(cycle.kept for cycle in record.cycles):
            yield "No non-rigid cycle was kept, as all made held-out data fit worse."
        lost = record.similarity < record.similarity_before - _LESS_ALIKE
        worse = subject.used[lost[subject.used]].tolist()
        if worse:
            yield (
                f"{numbered(worse, subject.frame).capitalize()} became less like the others by "
                "the non-rigid alignment."
            )
    if subject.history is not None:
        for change in subject.history.version_changes():
            yield f"Other versions now than when the work was done: {change}."
    yield from messages_of(subject)


def unknown_section(subject: Subject) -> Section:
    """What no measurement on this series can tell."""
    items = list(_undetermined(subject))
    return Section("What this series cannot tell", "undetermined", (Listing(tuple(items)),))


def _undetermined(subject: Subject) -> Iterator[str]:
    alignment, record = subject.alignment, subject.nonrigid
    if record is not None and record.undetermined:
        text = record.undetermined.strip()
        yield text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")
    if alignment is not None and alignment.is_rigid and record is None:
        yield (
            "Distortions within the frames: they were not looked for, so what is common to all "
            "frames, such as the shear by a steady drift, is still in the average."
        )
    yield (
        "Where the specimen lay absolutely: only differences of shifts are measured, and their "
        "mean is set to zero."
    )
    yield "The true size of a pixel: calibration is taken from the file as it is."
    if subject.matches is None and alignment is not None and alignment.hop_margin is None:
        yield "Whether a frame lies on a wrong unit cell: no hop margin is recorded."


def citing_section(subject: Subject) -> Section:
    """A sentence for the methods section of a paper, and what to cite."""
    known = {"version": _version_of(subject), "hyperspy": _version("hyperspy")}
    references = tuple(
        Reference(reference.text.format(**known), reference.doi) for reference in _REFERENCES
    )
    blocks: list[Block] = [
        Paragraph("For the methods section of a paper:"),
        Paragraph(methods_text(subject), kind="note"),
        References(references),
        Code(_BIBTEX.format(**known), "BibTeX"),
    ]
    return Section("How to cite", "citing", tuple(blocks))


def methods_text(subject: Subject) -> str:
    """What was done, written for a paper; numbers in brackets are the references."""
    parts = [*_series_words(subject), *_rigid_words(subject), *_nonrigid_words(subject)]
    alignment = subject.alignment
    if alignment is not None:
        left = int(np.count_nonzero(alignment.excluded))
        ending = f"; {count(left, subject.frame)} took no part" if left else ""
        parts.append(
            "All corrections were combined, and the pixels interpolated once from the recorded "
            f"{subject.frame}s{ending}."
        )
    return " ".join(parts)


def _series_words(subject: Subject) -> Iterator[str]:
    alignment, table = subject.alignment, subject.matches
    maker = (
        f"hyperspy_smartalign {_version_of(subject)} [1], with HyperSpy {_version('hyperspy')} [4]"
    )
    if table is not None:
        rows, columns = table.tile_shape
        frames = len(np.unique(table.frame))
        yield (
            f"{count(len(table), 'repeat')} of a motif of {rows} × {columns} px were found by "
            f"template matching in {count(frames, 'frame')} and cut out by {maker}."
        )
    if alignment is not None and table is None:
        h, w = alignment.frame_shape
        size = pixel_text(alignment)
        size = f"{size} a pixel" if any(map(is_calibrated, alignment.frame_units)) else size
        yield (
            f"A series of {count(alignment.n_frames, 'frame')} of {h} × {w} px "
            f"({size}) was aligned by {maker}."
        )


def _rigid_words(subject: Subject) -> Iterator[str]:
    given = subject.step("align_rigid")
    if given is None:
        return
    neighbours = given.get("neighbours", "auto")
    pairs = (
        "pairs of frames" if neighbours == "auto" else f"each frame and its {neighbours} neighbours"
    )
    exponent = given.get("exponent")
    how = (
        "cross-correlation weighted by the signal-to-noise ratio of the series"
        if exponent is None
        else f"cross-correlation normalised with exponent {exponent:g}"
    )
    passes = int(given.get("refinements", 0))
    refined = (
        f", and refined by {count(passes, 'fit')} of each frame to the mean of the others"
        if passes
        else ""
    )
    yield (
        f"Rigid shifts were found between {pairs} by {how} [2, 3], made consistent over all "
        f"frames{refined}."
    )


def _nonrigid_words(subject: Subject) -> Iterator[str]:
    given: dict[str, Any] | None = subject.step("align_nonrigid")
    if given is None:
        return
    if subject.nonrigid is not None and not any(cycle.kept for cycle in subject.nonrigid.cycles):
        yield (
            f"A search for distortions within the {subject.frame}s [2] found none above the noise, "
            "and none was corrected."
        )
        return
    model = given.get("model", "scan_locked")
    names = [model] if isinstance(model, str) else [str(name) for name in model]
    words = " and ".join(dict.fromkeys(_MODELS.get(name, name) for name in names))
    solver = (
        "by the gradient method of reference 2"
        if given.get("solver") == "gradient"
        else "as the most probable one, given the noise and the motion found in the series itself"
    )
    yield (
        f"Distortions within the {subject.frame}s were then fitted to the average of the others "
        f"[2] by {words}, {solver}."
    )


def _version_of(subject: Subject) -> str:
    alignment = subject.alignment
    return _version("hyperspy_smartalign") if alignment is None else alignment.package_version


def _version(package: str) -> str:
    """Version of a package that is installed."""
    return versions().get(package, "")
