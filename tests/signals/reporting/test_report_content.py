"""What a report says, section by section."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.nonrigid import Cycle
from hyperspy_smartalign.nonrigid.record import NonrigidRecord
from hyperspy_smartalign.quality.verdicts import Verdict
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.reporting.about_citing import methods_text
from hyperspy_smartalign.signals.reporting.about_frames import frames_section
from hyperspy_smartalign.signals.reporting.about_quality import verdict_of
from hyperspy_smartalign.signals.reporting.about_steps import changed_parameters, python_lines
from hyperspy_smartalign.signals.reporting.composing import compose
from hyperspy_smartalign.signals.reporting.content import (
    Column,
    Facts,
    Judgements,
    Listing,
    Paragraph,
    Picture,
    Row,
    Table,
)
from hyperspy_smartalign.signals.reporting.subject import subject_of
from hyperspy_smartalign.signals.reporting.words import number, printable, short
from hyperspy_smartalign.transforms import Alignment, AlignmentMismatchError, ScanLine
from hyperspy_smartalign.transforms.alignment import NoAlignmentError

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def texts_of(section) -> str:
    """All that a section says, in one text."""
    parts = []
    for block in section.blocks:
        match block:
            case Paragraph(text):
                parts.append(text)
            case Listing(items):
                parts += items
            case Facts(rows):
                parts += [" ".join(row) for row in rows]
            case Table():
                parts += [" ".join(row.cells) for row in block.rows]
            case Picture():
                parts += [block.alt, block.caption]
            case Judgements(items):
                parts += [f"{item.topic} {item.level} {item.words}" for item in items]
            case _:
                parts.append(str(block))
    return "\n".join(parts)


def report_on(signal, **keywords):
    return compose(subject_of(signal, **keywords), made=NOON)


def section(report, name):
    (found,) = (section for section in report.sections if section.name == name)
    return found


def test_a_rigid_report_in_order(aligned, known_quality, undrawn) -> None:
    result, raw = aligned
    report = report_on(result, source=raw, quality=known_quality(6), notes="Tuesday's sample")
    assert [section.name for section in report.sections] == [
        *("verdicts", "series", "images", "information", "precision", "shifts", "distortion"),
        *("frames", "warnings", "undetermined", "steps", "versions", "citing"),
    ]
    assert report.subtitle == "6 frames of 33 × 47 px, aligned rigidly"
    assert report.date == "2 January 2026, 12:00 UTC"
    assert len(undrawn) == 1 + 3 + 2 + 2 + 1
    series = texts_of(section(report, "series"))
    assert "6 of 33 × 47 px (rows × columns), 6.6 × 9.4 nm" in series
    assert "Used 5 of 6 frames" in series
    assert "frame 4: bad" in series
    assert "Tuesday's sample" in series
    assert "0.2 nm" in series
    verdicts = texts_of(section(report, "verdicts"))
    assert "Resolution good Halves agree" in verdicts
    assert "shifts only 0.8 nm 0.8 nm" in verdicts
    assert "as recorded no agreement no agreement" in verdicts
    shifts = texts_of(section(report, "shifts"))
    assert "0 to 5 px, over 5 px (1 nm)" in shifts
    assert "y 0.125 px" in shifts
    warnings = texts_of(section(report, "warnings"))
    assert "The frames are small." in warnings
    assert "Left out: frame 4: bad." in warnings
    assert "neither looked for" in texts_of(section(report, "distortion"))


def test_every_frame_has_its_row(aligned, known_quality, undrawn) -> None:
    table = section(report_on(aligned[0], quality=known_quality(6)), "frames").blocks[-1]
    assert [row.cells[0] for row in table.rows] == list("012345")
    assert [row.marked for row in table.rows] == [False] * 4 + [True, False]
    assert table.rows[3].cells[1:] == (
        "3.00",
        "0.12",
        "−6.00",
        "0.12",
        "0.0025",
        "0.820",
        "1.10",
        "",
    )
    assert table.rows[4].cells[-1] == "left out"
    assert table.rows[4].cells[2] == "–"


def test_the_title(aligned, known_quality) -> None:
    result, _ = aligned
    general = result.metadata.General
    quality = known_quality(6)
    assert subject_of(result, quality=quality, title="Mine").name == "Mine"
    assert subject_of(result, quality=quality).name == "gold (aligned)"
    general.title = "aligned"
    assert subject_of(result, quality=quality).name == "Aligned series"
    general.original_filename = "folder/Au_12.dm4"
    assert subject_of(result, quality=quality).name == "Au_12"


def test_of_many_frames_those_to_look_at_are_shown(aligned, undrawn, measured) -> None:
    n = 200
    margin = np.full(n, 9.0)
    margin[150] = 0.5
    excluded = np.arange(n) == 120
    alignment = Alignment.from_shifts(
        np.arange(2 * n).reshape(n, 2) / 100,
        frame_shape=(32, 32),
        hop_margin=margin,
        excluded=excluded,
    )
    subject = replace(subject_with(alignment, measured), quality=None)
    table = frames_section(subject).blocks[-1]
    shown = [row.cells[0] for row in table.rows]
    assert len(shown) == 80
    assert {"120", "150"} <= set(shown)
    assert shown == sorted(shown, key=int)
    assert "80 of 200 frames" in table.caption
    assert dict(zip(shown, table.rows, strict=True))["150"].cells[-1] == "in doubt"


def subject_with(alignment, measured):
    measured(ValueError("not here"))
    signal = hs.signals.Signal2D(np.zeros((alignment.n_frames, *alignment.canvas.shape)))
    recording.write_alignment(signal, alignment)
    return subject_of(signal)


def test_without_a_quality_it_says_why(aligned, undrawn, measured) -> None:
    measured(ValueError("two frames are too few for halves."))
    report = report_on(aligned[0])
    assert report.verdict.level == "unknown"
    assert "two frames are too few" in texts_of(section(report, "verdicts"))
    assert not any(section.name in ("information", "precision") for section in report.sections)


def test_other_errors_of_the_measurement_are_not_hidden(aligned, measured) -> None:
    measured(RuntimeError("a fault"))
    with pytest.raises(RuntimeError, match="a fault"):
        subject_of(aligned[0])


@pytest.mark.parametrize(
    ("levels", "expected", "words"),
    [
        (("good", "bad", "caution"), "bad", "Do not rely"),
        (("good", "caution", "unknown"), "caution", "Look at: topic1."),
        (("good", "unknown"), "good", "Nothing can be said on: topic1."),
        (("good",), "good", "Nothing that was measured speaks against"),
        ((), "unknown", "Nothing is known"),
    ],
)
def test_the_worst_verdict_decides(aligned, known_quality, levels, expected, words) -> None:
    verdicts = tuple(Verdict(f"topic{k}", level, "Why.") for k, level in enumerate(levels))
    found = verdict_of(subject_of(aligned[0], quality=known_quality(6, verdicts)))
    assert found.level == expected
    assert words in found.words


def test_steps_mark_what_was_changed(aligned, known_quality, undrawn) -> None:
    result = aligned[0]
    (entry,) = recording.steps_of(result)
    assert changed_parameters(entry) == {"exponent": 0.5}
    blocks = section(report_on(result, quality=known_quality(6)), "steps").blocks
    (table,) = (block for block in blocks if isinstance(block, Table))
    assert table.rows == (Row(("exponent", "0.5", "none"), marked=True),)
    (rest,) = (block.text for block in blocks if isinstance(block, Paragraph))
    names = {part.split("\u00a0")[0] for part in rest.removeprefix("By default: ").split(" · ")}
    assert {"refinements", "neighbours", "crop", "roi"} <= names
    assert "exponent" not in names


def test_changed_parameters_survive_a_file(aligned, tmp_path) -> None:
    result, _ = aligned
    result.save(tmp_path / "a.hspy")
    (entry,) = recording.steps_of(hs.load(tmp_path / "a.hspy"))
    assert changed_parameters(entry) == {"exponent": 0.5}


def test_the_lines_of_python_are_python(aligned, known_quality) -> None:
    result, raw = aligned
    lines = python_lines(subject_of(result, source=raw, quality=known_quality(6)))
    ast.parse(lines)
    assert "aligned = series.align_rigid(exponent=0.5)" in lines
    assert 'aligned.smartalign.report("report.html", source=series)' in lines


def test_names_of_files_stay_text_in_the_lines_of_python(aligned, known_quality) -> None:
    result, _ = aligned
    record = recording.record_of(result)
    name = "a\"'); import os #\n.dm4"
    load = {"name": "load_series", "parameters": {"files": [name]}}
    record["steps"] = [load, *record["steps"]]
    recording.write_record(result, record)
    tree = ast.parse(python_lines(subject_of(result, quality=known_quality(6))))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert name in [call.value for call in calls]
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    assert len(imported) == 2


def test_the_methods_tell_what_was_done(aligned, known_quality) -> None:
    text = methods_text(subject_of(aligned[0], quality=known_quality(6)))
    assert "A series of 6 frames of 33 × 47 px (0.2 nm a pixel) was aligned" in text
    assert "normalised with exponent 0.5" in text
    assert "refined by 2 fits" in text
    assert "1 frame took no part" in text
    assert "Distortions" not in text


def nonrigid(result, *, kept=True):
    """The same series as if its scan lines had been aligned too."""
    alignment = result.smartalign.alignment
    rows, n = alignment.canvas.shape[0], alignment.n_frames
    wave = 0.5 * np.stack([np.zeros(rows), np.sin(np.arange(rows) / 3)], axis=1)
    steps = (*alignment.steps, {"name": "align_nonrigid", "parameters": {"affine_cycles": 1}})
    signal = result.deepcopy()
    changed = replace(alignment, steps=steps)
    if kept:
        moved = tuple(t.compose(ScanLine(wave)) for t in alignment.transforms)
        changed = replace(changed, transforms=moved)
    recording.write_alignment(signal, changed)
    ones = np.ones(n)
    record = NonrigidRecord(
        cycles=(Cycle("scan_locked", (0.25, 0.01), 3.0, 0.5 * ones, kept),),
        similarity_before=0.5 * ones,
        similarity=0.75 * ones,
        line_errors=np.full((n, rows, 2), 0.1, np.float32),
        prior=None,
        undetermined="the mean shear of all frames is not known",
    )
    recording.write_nonrigid(signal, record)
    return signal


def test_a_nonrigid_report(aligned, known_quality, undrawn) -> None:
    result, raw = aligned
    report = report_on(nonrigid(result), source=raw, quality=known_quality(6))
    assert report.subtitle.endswith("aligned non-rigidly")
    told = texts_of(section(report, "distortion"))
    assert "1 kept (scan lines)" in told
    assert "y 0.1, x 0.1 px rms" in told
    assert "No instability spectrum: The time of a scan line is not known" in told
    assert "The mean shear of all frames is not known." in texts_of(section(report, "undetermined"))
    images = section(report, "images").blocks[0]
    assert "one frame, as recorded, shifts only, aligned" in images.alt
    assert "an offset of every scan line" in texts_of(section(report, "citing"))


def test_nothing_kept_is_told_so(aligned, known_quality, undrawn) -> None:
    report = report_on(nonrigid(aligned[0], kept=False), quality=known_quality(6))
    assert report.subtitle.endswith("aligned rigidly")
    assert "No non-rigid cycle was kept" in texts_of(section(report, "warnings"))
    assert "Nothing but a shift was found" in texts_of(section(report, "distortion"))
    assert "found none above the noise" in texts_of(section(report, "citing"))


def test_an_average_without_its_series(aligned, known_quality, undrawn) -> None:
    result, raw = aligned
    average = result.smartalign.average()
    report = report_on(average, quality=known_quality(6))
    assert "give it with source=" in texts_of(section(report, "images"))
    report = report_on(average, source=raw, quality=known_quality(6))
    assert "one frame, as recorded, aligned" in section(report, "images").blocks[0].alt


def test_a_slice_says_that_its_frames_are_others(aligned, known_quality, undrawn) -> None:
    part = aligned[0].inav[1:3]
    report = report_on(part, quality=known_quality(6))
    assert "holds other frames by now" in texts_of(section(report, "images"))
    assert len(section(report, "frames").blocks[-1].rows) == 6


@pytest.mark.parametrize("output", ["sum", "series"])
def test_spectrum_images_that_carry_an_alignment(
    aligned, known_quality, undrawn, measured, output
) -> None:
    result, raw = aligned
    spectra = hs.signals.Signal1D(np.repeat(raw.data[..., None], 3, axis=-1).astype(np.float32))
    for axis, known in zip(
        spectra.axes_manager.navigation_axes[:2], raw.axes_manager.signal_axes, strict=True
    ):
        axis.name, axis.scale, axis.units = known.name, known.scale, known.units
    aligned_spectra = spectra.apply_alignment(result, output=output)
    report = report_on(aligned_spectra, quality=known_quality(6))
    assert "6 of 33 × 47 px" in texts_of(section(report, "series"))
    assert "aligned" in section(report, "images").blocks[0].alt
    measured(ValueError("no images."))
    report = report_on(aligned_spectra)
    assert "quality of the images that were aligned" in texts_of(section(report, "verdicts"))


def test_tiles(undrawn, measured) -> None:
    measured(ValueError("never asked"))
    y, x = np.mgrid[:72, :72]
    image = np.exp(-(((y % 12) - 6) ** 2 + ((x % 12) - 6) ** 2) / 8)
    image += 0.05 * np.random.default_rng(0).standard_normal(image.shape)
    tiles = hs.signals.Signal2D(image).template_match((24, 36, 24, 36))
    report = report_on(tiles)
    assert "not aligned with each other" in report.subtitle
    names = [section.name for section in report.sections]
    assert "tiles" in names
    assert not {"images", "shifts", "frames", "precision"} & set(names)
    assert f"{len(tiles.data)} of 12 × 12 px" in texts_of(section(report, "tiles"))
    assert "template matching" in texts_of(section(report, "citing"))


def test_what_carries_no_alignment_is_refused(make_series) -> None:
    raw, _ = make_series([(0, 0), (1, 1)])
    with pytest.raises(NoAlignmentError, match="Align the series first"):
        subject_of(raw)
    with pytest.raises(TypeError, match="HyperSpy signal, not a ndarray"):
        subject_of(raw.data)


def test_a_source_that_does_not_fit_is_refused(aligned, make_series) -> None:
    result, _ = aligned
    with pytest.raises(ValueError, match="was aligned itself"):
        subject_of(result, source=result)
    other, _ = make_series([(0, 0), (1, 1)])
    with pytest.raises(AlignmentMismatchError):
        subject_of(result, source=other)


def test_cells_must_fit_their_columns() -> None:
    with pytest.raises(ValueError, match="1 cells do not fit 2 columns"):
        Table((Column("a"), Column("b")), (Row(("1",)),))


def test_texts_are_made_printable() -> None:
    assert printable("a\x00b\x1b[0m\u202ec\nd") == "a b [0m c\nd"
    assert printable("half \ud800 letter") == "half ? letter"
    assert short("x" * 500, 10) == "x" * 9 + "…"
    assert number(-1234.5) == "−1234"
    assert number(1.5e-7) == "1.5e−07"
    assert number(1.5e7) == "1.5e+07"
    assert number(float("nan")) == number(None) == "–"


@pytest.mark.parametrize("level", ["good", "caution", "bad"])
def test_what_is_not_known_is_named_but_does_not_count(level):
    quality = SimpleNamespace(
        verdicts=(Verdict("errors", level, "x"), Verdict("undetermined", "unknown", "y"))
    )
    found = verdict_of(SimpleNamespace(quality=quality))
    assert found.level == level
    assert found.words.endswith("Nothing can be said on: what is common to all frames.")
