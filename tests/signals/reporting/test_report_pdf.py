"""A report as a document: pages, bookmarks, letters that the font has."""

from __future__ import annotations

import re
import struct
import zlib
from datetime import UTC, datetime

import pytest

from hyperspy_smartalign.signals.reporting import as_pdf
from hyperspy_smartalign.signals.reporting import content as c
from hyperspy_smartalign.signals.reporting.as_pdf import pdf_of

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def png_of(width, height):
    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    pixels = bytes(width + 1) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


def report_of(*blocks, title="gold", paper="a4", sections=1):
    return c.Report(
        title=title,
        subtitle="6 frames",
        verdict=c.Judgement("Overall", "good", "All is well. " * 12),
        sections=tuple(
            c.Section(f"Part {k}", f"part-{k}", blocks or (c.Paragraph("x"),))
            for k in range(sections)
        ),
        made=NOON,
        program="program 1",
        paper=paper,
    )


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def text_of(report) -> list[str]:
    """All that is written into the cells of a document, in order."""
    written = []

    original = as_pdf._Document._shown

    def shown(self, text, family="text"):
        written.append(original(self, text, family))
        return written[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(as_pdf._Document, "_shown", shown)
        pdf_of(report)
    return written


@pytest.mark.parametrize(
    ("paper", "box"), [("a4", b"[0 0 595.28 841.89]"), ("letter", b"[0 0 612.00 792.00]")]
)
def test_a_document(paper, box) -> None:
    picture = c.Picture(png_of(30, 20), (30, 20), "what it shows", "Caption.")
    pdf = pdf_of(report_of(picture, paper=paper, sections=3))
    assert pdf.startswith(b"%PDF-")
    assert b"/MediaBox " + box in pdf
    assert b"/Lang (en)" in pdf
    assert b"/Outlines" in pdf
    assert b"/Alt" in pdf
    assert b"/ToUnicode" in pdf  # text that can be searched
    assert pages_of(pdf) == 3


def test_pages_break_in_tables_and_before_pictures() -> None:
    columns = tuple(c.Column(name, "right") for name in "abcdef")
    table = c.Table(columns, tuple(c.Row(("1",) * 6, k % 7 == 0) for k in range(300)), "Many.")
    assert pages_of(pdf_of(report_of(table))) >= 4
    tall = c.Picture(png_of(20, 20), (20, 20), "tall", "It is. " * 40)
    assert pages_of(pdf_of(report_of(tall, tall, tall))) == 3


def test_what_is_higher_than_a_page_is_made_smaller() -> None:
    tall = c.Picture(png_of(10, 60), (10, 60), "tall", "Caption.")
    assert pages_of(pdf_of(report_of(tall))) == 2


def test_letters_that_the_font_lacks_are_boxes() -> None:
    said = text_of(report_of(c.Paragraph("µ Å α 日 é ± −\x00"), title="日本 {nb} 7"))
    assert "µ Å α □ é ± − " in said
    assert "□□ {nb} 7" in said


def test_long_texts_without_spaces_fit() -> None:
    long = "x" * 3000
    pdf = pdf_of(
        report_of(
            c.Paragraph(long),
            c.Paragraph("\n".join("abc" * 90 for _ in range(60)), kind="note"),
            c.Facts((("name" * 30, long),)),
            c.Code(f"    {long}", "Code"),
            c.Listing((long,)),
            c.References((c.Reference(long, "10.1/x"),)),
            title=long[:160],
        )
    )
    assert pages_of(pdf) >= 3


def test_empty_parts_do_no_harm() -> None:
    pdf = pdf_of(
        report_of(c.Facts(()), c.Table((c.Column("a"),), ()), c.Listing(()), c.Code(""), title="")
    )
    assert pages_of(pdf) == 1


def test_the_same_report_is_the_same_document() -> None:
    assert pdf_of(report_of(c.Paragraph("x"))) == pdf_of(report_of(c.Paragraph("x")))
