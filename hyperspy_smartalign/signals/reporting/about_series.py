"""Sections on the series itself: what it is, and how it looks before and after."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.plotting.average import same_field
from hyperspy_smartalign.plotting.stages import plot_stages, stages_size
from hyperspy_smartalign.series.geometry_words import geometry_text
from hyperspy_smartalign.signals import picturing
from hyperspy_smartalign.signals.picturing_nonrigid import shifted_only
from hyperspy_smartalign.signals.reporting.content import (
    Block,
    Facts,
    Listing,
    Paragraph,
    Section,
)
from hyperspy_smartalign.signals.reporting.pictures import TEXT_WIDTH, picture
from hyperspy_smartalign.signals.reporting.subject import Subject
from hyperspy_smartalign.signals.reporting.words import (
    count,
    field_text,
    pixel_text,
    reasons,
    short,
)
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.transforms import Alignment

Image = npt.NDArray[np.floating]

_INSTRUMENT = {
    "microscope": ("Microscope", ""),
    "acquisition_mode": ("Mode", ""),
    "beam_energy": ("Beam energy", " keV"),
    "beam_current": ("Beam current", " nA"),
    "convergence_angle": ("Convergence angle", " mrad"),
    "camera_length": ("Camera length", " mm"),
    "magnification": ("Magnification", ""),
}


def series_section(subject: Subject) -> Section:
    """What was recorded, and what became of it."""
    rows = [*_files(subject), *_recorded(subject), *_instrument(subject.signal)]
    blocks: list[Block] = [Facts(tuple(rows))]
    if subject.alignment is not None and subject.alignment.excluded.any():
        blocks.append(Paragraph("Left out, and counted in no average:"))
        blocks.append(Listing(reasons(subject.alignment, subject.frame)))
    if subject.notes.strip():
        blocks.append(Paragraph(f"Notes: {subject.notes.strip()}", kind="note"))
    return Section("The series", "series", tuple(blocks))


def _files(subject: Subject) -> list[tuple[str, str]]:
    metadata = subject.signal.metadata
    rows = [("Title", short(subject.name))]
    loaded = subject.step("load_series")
    files = [] if loaded is None else [str(name) for name in loaded.get("files", ())]
    if files:
        shown = ", ".join(files[:4]) + (f" … {files[-1]} ({len(files)})" if files[4:] else "")
        rows.append(("File" if len(files) == 1 else "Files", short(shown, 400)))
    elif original := metadata.get_item("General.original_filename", ""):
        rows.append(("File", short(original)))
    recorded = (metadata.get_item(f"General.{part}", "") for part in ("date", "time"))
    if moment := " ".join(str(part) for part in recorded if part):
        rows.append(("Recorded", short(moment)))
    for part, name in (("authors", "Authors"), ("doi", "DOI"), ("notes", "Notes in the file")):
        if text := metadata.get_item(f"General.{part}", ""):
            rows.append((name, short(text, 400)))
    return rows


def _recorded(subject: Subject) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    alignment, thing = subject.alignment, subject.frame
    if alignment is not None:
        h, w = alignment.frame_shape
        field = field_text(alignment, alignment.frame_shape)
        rows.append(
            (
                f"{thing.capitalize()}s",
                f"{alignment.n_frames} of {h} × {w} px (rows × columns)"
                + (f", {field}" if field else ""),
            )
        )
        rows.append(("Pixel", pixel_text(alignment)))
        rows.append(("Used", f"{len(subject.used)} of {count(alignment.n_frames, thing)}"))
        rows.append(("Result", _result(alignment)))
    data = subject.signal if subject.source is None else subject.source
    kind = type(data).__name__.removeprefix("Lazy")
    rows.append(("Data", f"{kind}, {np.dtype(data.data.dtype).name}"))
    if subject.geometry is not None:
        rows.append(("Scan", geometry_text(subject.geometry)))
    elif subject.matches is None:
        rows.append(("Scan", "directions and times are not known"))
    if subject.source is None and alignment is not None and subject.matches is None:
        rows.append(
            (
                "As recorded",
                "not at hand for this report; with source= more can be measured",
            )
        )
    return rows


def _result(alignment: Alignment) -> str:
    rows, columns = alignment.canvas.shape
    field = field_text(alignment, alignment.canvas.shape)
    return (
        f"{rows} × {columns} px{f', {field}' if field else ''}, from row "
        f"{alignment.canvas.top}, column {alignment.canvas.left} of the common frame"
    )


def _instrument(signal: BaseSignal) -> list[tuple[str, str]]:
    rows = []
    for tree in ("TEM", "SEM"):
        for key, (name, unit) in _INSTRUMENT.items():
            value = signal.metadata.get_item(f"Acquisition_instrument.{tree}.{key}", None)
            if isinstance(value, (str, int, float)) and value not in ("", 0):
                shown = f"{value:.6g}" if isinstance(value, float) else str(value)
                rows.append((name, short(f"{shown}{unit}")))
    return rows


def images_section(subject: Subject) -> Section | None:
    """A frame and the averages, with their power spectra; None for what is no series."""
    alignment = subject.alignment
    if alignment is None:
        return None
    blocks: list[Block] = []
    images, alone, missing = _images(subject, alignment)
    if images:
        shape = next(reversed(images.values())).shape
        # Wider ones would have letters that are too small.
        width, height = stages_size(len(images), shape, widest=1.2 * TEXT_WIDTH)
        listed = ", ".join(images)
        blocks.append(
            picture(
                lambda fig: plot_stages(
                    images,
                    alone=alone,
                    scale=alignment.frame_scale,
                    units=alignment.frame_units,
                    fig=fig,
                ),
                (width, height),
                alt=f"Images side by side, over their power spectra: {listed}.",
                caption=(
                    f"{listed.capitalize()}; below, the logarithm of their power. Averages have "
                    "the same grey levels, and all spectra the same range: spots further out are "
                    "finer detail that was kept."
                ),
            )
        )
    if missing:
        blocks.append(Paragraph(missing, kind="note"))
    return Section("Before and after", "images", tuple(blocks))


def _images(
    subject: Subject, alignment: Alignment
) -> tuple[dict[str, Image], tuple[str, ...], str]:
    """Images of one field by title, which have grey levels of their own, and what is missing."""
    after = subject.average
    if after is None:
        return (
            {},
            (),
            "There is no picture of the average: the signal holds other frames by now than its "
            "alignment made.",
        )
    one, n = f"one {subject.frame}", len(subject.used)
    origin = alignment.canvas.origin
    if subject.source is None and subject.is_average:
        return (
            {"average, aligned": after},
            (),
            "The series as it was recorded is not at hand, so the average before cannot be "
            "shown; give it with source=.",
        )
    before = picturing.average_before(subject.signal, alignment, source=subject.source)
    images: dict[str, Image] = {}
    first, last = same_field(before, after, origin=origin)
    if subject.source is not None:
        frames = FrameStream(picturing.images_of(subject.source))
        middle = np.asarray(frames.frame(int(subject.used[n // 2])), np.float64)
        images[one] = same_field(middle, after, origin=origin)[0]
    else:
        frames = FrameStream(picturing.images_of(subject.signal))
        middle = np.asarray(frames.frame(int(subject.used[n // 2])), np.float64)
        images[one] = same_field(middle, after, origin=(0, 0))[0]
    images["as recorded"] = first
    if subject.source is not None and not alignment.is_rigid:
        images["shifts only"] = same_field(
            shifted_only(subject.source, alignment), after, origin=(0, 0)
        )[0]
    images["aligned"] = last
    missing = (
        ""
        if subject.source is not None
        else "The series as it was recorded is not at hand: the average “as recorded” is made of "
        "the aligned frames, each moved back."
    )
    shapes = {image.shape for image in images.values()}
    if len(shapes) > 1:  # the canvas reaches beyond the frames
        images = {title: image for title, image in images.items() if image.shape == last.shape}
    return images, (one,), missing
