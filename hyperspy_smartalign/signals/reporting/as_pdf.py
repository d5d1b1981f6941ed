"""A report as a PDF document, with real text, tables, bookmarks and page numbers."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, VAlign, WrapMode, XPos, YPos
from fpdf.fonts import FontFace, TTFFont

from hyperspy_smartalign.plotting.offscreen import font_file
from hyperspy_smartalign.quality.verdicts import Level
from hyperspy_smartalign.signals.reporting.content import (
    LEVEL_COLOURS,
    LEVEL_MARKS,
    LEVEL_WORDS,
    Block,
    Code,
    Facts,
    Judgement,
    Judgements,
    Listing,
    Paragraph,
    Picture,
    References,
    Report,
    Section,
    Subheading,
    Table,
)
from hyperspy_smartalign.signals.reporting.words import printable

Colour = tuple[int, int, int]

_TEXT, _MONO = "text", "mono"
_INK: Colour = (28, 36, 48)
_SOFT: Colour = (91, 100, 112)
_LINE: Colour = (217, 222, 229)
_WASH: Colour = (244, 246, 249)
_MARKED: Colour = (255, 244, 220)
_WHITE: Colour = (255, 255, 255)
# Millimetres.
_SIDE, _TOP, _BOTTOM = 18.0, 20.0, 18.0
_BAR = 1.6
# Points of the letters, and millimetres of their lines.
_BODY, _SMALL, _TINY = 9.0, 8.0, 7.0
_LEADING = 0.48
# Room that must be left below a heading, mm, so that it does not stand alone.
_BELOW_HEADING = 25.0
_UNKNOWN = "□"


def pdf_of(report: Report) -> bytes:
    """The document.

    Parameters
    ----------
    report : Report
        What it says.
    """
    # The first pass, without pictures, counts the pages, which every page names.
    with _document(report) as counted:
        pages = counted.pages_count
    with _document(report, pages=pages) as document:
        return bytes(document.output())


@contextmanager
def _document(report: Report, *, pages: int = 0) -> Iterator[_Document]:
    """A document with all its pages; the files of its fonts are closed at the end."""
    document = _Document(report, pages=pages)
    try:
        document.add_page()
        document.write_title()
        for section in report.sections:
            document.write_section(section)
        yield document
    finally:
        for font in document.fonts.values():
            if isinstance(font, TTFFont):
                font.close()


class _Document(FPDF):
    """Pages of a report, written from top to bottom.

    Parameters
    ----------
    report : Report
        What it says.
    pages : int
        Number of pages; 0 where it is not known yet, and pictures leave their places empty.
    """

    def __init__(self, report: Report, *, pages: int = 0) -> None:
        super().__init__(format=report.paper)
        self._report = report
        self._pages = pages
        # Nothing stands for the number of pages, so that no text is taken for it.
        self.str_alias_nb_pages = ""
        for style in ("", "B"):
            self.add_font(_TEXT, style, font_file(bold=style == "B"))
        self.add_font(_MONO, "", font_file(mono=True))
        self._known = {family: _letters_of(self, family) for family in (_TEXT, _MONO)}
        self.set_margins(_SIDE, _TOP, _SIDE)
        self.c_margin = 0.0
        self.set_auto_page_break(True, _BOTTOM)
        self.set_title(printable(f"{report.title}: alignment report"))
        self.set_subject(printable(report.subtitle))
        self.set_creator(printable(report.program))
        self.set_lang("en")
        self.set_creation_date(report.made)

    def header(self) -> None:
        """The running title, from the second page on."""
        if self.page_no() == 1:
            return
        self.set_y(10)
        self._letters(_TINY, colour=_SOFT)
        self.cell(self.epw * 0.75, 4, self._cut(self._report.title, self.epw * 0.75))
        self.cell(0, 4, "Alignment report", align="R")
        self.set_y(_TOP)

    def footer(self) -> None:
        """What made it, and the number of the page."""
        self.set_y(-12)
        self._letters(_TINY, colour=_SOFT)
        self.cell(self.epw / 2, 4, self._shown(self._report.program))
        self.cell(0, 4, f"{self.page_no()} / {self._pages}", align="R")

    def write_title(self) -> None:
        """Title, what the series is, and the verdict in a box."""
        self._letters(_SMALL, "B", _SOFT)
        self.cell(0, 5, "ALIGNMENT REPORT", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._letters(17, "B")
        self._lines(self._report.title, 7.6)
        self._letters(_BODY, colour=_SOFT)
        self._lines(f"{self._report.subtitle} · {self._report.date}", 5.5)
        self.ln(3)
        self._box(self._report.verdict)

    def write_section(self, section: Section) -> None:
        """A heading and what stands under it."""
        self.ln(5)
        self._keep(12 + self._height(section.blocks[0]))
        self.start_section(self._shown(section.title))
        self._letters(12.5, "B")
        self._lines(section.title, 6)
        self.set_draw_color(*_LINE)
        self.set_line_width(0.5)
        self.line(self.l_margin, self.y + 0.6, self.w - self.r_margin, self.y + 0.6)
        self.ln(3)
        for place, block in enumerate(section.blocks):
            following = section.blocks[place + 1 : place + 2]
            self._write(block, following)

    def _write(self, block: Block, following: Sequence[Block]) -> None:
        match block:
            case Paragraph():
                self._paragraph(block)
            case Subheading():
                self._keep(8 + sum(map(self._height, following)))
                self.ln(1.5)
                self._letters(_BODY + 0.5, "B")
                self._lines(block.text, 5)
            case Listing():
                self._listing(block.items)
            case Code():
                self._code(block)
            case Facts():
                self._facts(block)
            case Table():
                self._table(block)
            case Picture():
                self._picture(block)
            case Judgements():
                self._judgements(block)
            case References():
                self._references(block)

    def _paragraph(self, block: Paragraph) -> None:
        self._letters(_BODY)
        if block.kind == "plain":
            self._lines(block.text, _BODY * _LEADING)
            self.ln(1.5)
            return
        self.ln(1)
        self._letters(_SMALL)
        self.set_fill_color(*_WASH)
        self._lines(block.text, _SMALL * _LEADING, fill=True, padding=2)
        self.ln(2)

    def _listing(self, items: Sequence[str]) -> None:
        self._letters(_BODY)
        for item in items:
            self._item("•", item)
        self.ln(1.5)

    def _item(self, mark: str, text: str) -> None:
        line = _BODY * _LEADING
        self._keep(line)
        self.cell(5, line, mark)
        self._lines(text, line, indent=5)
        self.ln(0.6)

    def _references(self, block: References) -> None:
        line = _SMALL * _LEADING
        self._letters(_SMALL)
        for place, item in enumerate(block.items, start=1):
            self._keep(3 * line)
            self.cell(6, line, f"{place}.")
            self._lines(item.text, line, indent=6)
            if item.doi:
                self.set_x(self.l_margin + 6)
                self.cell(
                    0,
                    line,
                    self._shown(f"doi:{item.doi}"),
                    link=f"https://doi.org/{item.doi}",
                    new_x=XPos.LMARGIN,
                    new_y=YPos.NEXT,
                )
            self.ln(1)
        self.ln(1)

    def _code(self, block: Code) -> None:
        if block.caption:
            self._keep(_BELOW_HEADING)
            self._letters(_SMALL, "B")
            self._lines(block.caption, 5)
        self.set_font(_MONO, "", _TINY)
        self.set_text_color(*_INK)
        self.set_fill_color(*_WASH)
        for line in block.text.split("\n"):
            self.multi_cell(
                0,
                _TINY * _LEADING + 0.1,
                self._shown(line, _MONO) or " ",
                fill=True,
                align="L",
                wrapmode=WrapMode.CHAR,
                padding=(0, 2, 0, 2),
                new_x=XPos.LMARGIN,
                new_y=YPos.NEXT,
            )
        self.ln(3)

    def _facts(self, block: Facts) -> None:
        names = FontFace(emphasis="BOLD", color=_SOFT)
        self._letters(_SMALL)
        self._ready_for_table()
        with self.table(
            col_widths=(24, 76),
            first_row_as_headings=False,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            v_align=VAlign.T,
            text_align="LEFT",
            line_height=_SMALL * _LEADING,
            padding=(0.7, 1, 0.7, 1),
        ) as table:
            for name, value in block.rows:
                row = table.row()
                row.cell(self._shown(name), style=names)
                row.cell(self._shown(value))
        self.ln(3)

    def _table(self, block: Table) -> None:
        size = _TINY if len(block.columns) > 5 else _SMALL
        if block.caption:
            self._keep(_BELOW_HEADING)
            self._letters(_TINY + 0.5, colour=_SOFT)
            self._lines(block.caption, (_TINY + 0.5) * _LEADING)
            self.ln(1)
        self._letters(size)
        self._ready_for_table()
        with self.table(
            col_widths=tuple(column.share for column in block.columns),
            headings_style=FontFace(emphasis="BOLD", color=_SOFT, fill_color=_WASH),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            text_align=tuple("RIGHT" if c.align == "right" else "LEFT" for c in block.columns),
            line_height=size * _LEADING,
            padding=(0.5, 1, 0.5, 1),
        ) as table:
            heading = table.row()
            for column in block.columns:
                heading.cell(self._shown(column.name))
            marked = FontFace(emphasis="BOLD", fill_color=_MARKED)
            for line in block.rows:
                row = table.row(style=marked if line.marked else None)
                for cell in line.cells:
                    row.cell(self._shown(cell))
        self.ln(3)

    def _judgements(self, block: Judgements) -> None:
        self._letters(_SMALL)
        self._ready_for_table()
        with self.table(
            col_widths=(15, 20, 65),
            first_row_as_headings=False,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            v_align=VAlign.T,
            text_align=("CENTER", "LEFT", "LEFT"),
            line_height=_SMALL * _LEADING,
            padding=(1, 1.5, 1, 1.5),
        ) as table:
            for item in block.items:
                row = table.row()
                tone = FontFace(
                    emphasis="BOLD", color=_WHITE, fill_color=_colour(LEVEL_COLOURS[item.level])
                )
                row.cell(_badge(item.level), style=tone)
                row.cell(self._shown(item.topic), style=FontFace(emphasis="BOLD"))
                row.cell(self._shown(item.words))
        self.ln(3)

    def _picture(self, block: Picture) -> None:
        width, height = self._picture_size(block)
        self._keep(self._height(block))
        if self._pages:
            self.image(
                io.BytesIO(block.png),
                x=self.l_margin + (self.epw - width) / 2,
                w=width,
                h=height,
                alt_text=self._shown(block.alt),
            )
        else:
            self.set_y(self.y + height)
        self.ln(1)
        self._caption(block.caption)

    def _caption(self, text: str) -> None:
        if text:
            self._letters(_TINY + 0.5, colour=_SOFT)
            self._lines(text, (_TINY + 0.5) * _LEADING)
        self.ln(3)

    def _box(self, verdict: Judgement) -> None:
        """The verdict, framed in its colour."""
        tone = _colour(LEVEL_COLOURS[verdict.level])
        top, badge = self.y, 30.0
        self.set_xy(self.l_margin + badge + 6, top + 3)
        self._letters(_BODY + 1.5, "B")
        self._lines(verdict.words, 5.2, indent=badge + 6, room=3)
        bottom = max(self.y, top + 8.2) + 3
        self.set_fill_color(*tone)
        self.set_draw_color(*tone)
        self.set_line_width(0.3)
        self.rect(self.l_margin, top, self.epw, bottom - top)
        self.rect(self.l_margin, top, _BAR, bottom - top, style="F")
        self.set_xy(self.l_margin + 4, top + 3)
        self.set_text_color(*_WHITE)
        self.cell(badge, 5.2, _badge(verdict.level), fill=True, align="C")
        self.set_xy(self.l_margin, bottom)

    def _letters(self, size: float, style: str = "", colour: Colour = _INK) -> None:
        self.set_font(_TEXT, style, size)
        self.set_text_color(*colour)

    def _lines(
        self,
        text: str,
        height: float,
        *,
        indent: float = 0.0,
        room: float = 0.0,
        fill: bool = False,
        padding: int = 0,
    ) -> None:
        """Running text between the margins, further in by `indent` and `room` on the sides."""
        self.set_x(self.l_margin + indent)
        self.multi_cell(
            self.epw - indent - room,
            height,
            self._shown(text),
            align="L",
            fill=fill,
            padding=padding,
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )

    def _ready_for_table(self) -> None:
        """Thin lines, and no colour of what was drawn before behind the cells."""
        self.set_fill_color(*_WHITE)
        self.set_draw_color(*_LINE)
        self.set_line_width(0.2)

    def _keep(self, height: float) -> None:
        """Begin a page if so much does not fit any more on this one."""
        if self.will_page_break(min(height, self.eph)):
            self.add_page()

    def _height(self, block: Block) -> float:
        """Millimetres that must be free for a block to begin."""
        if not isinstance(block, Picture):
            return _BELOW_HEADING
        caption = len(block.caption) * 1.45 / self.epw + 1
        return self._picture_size(block)[1] + caption * _SMALL * _LEADING + 2

    def _picture_size(self, block: Picture) -> tuple[float, float]:
        """Millimetres (width, height); never higher than a page."""
        width = self.epw * block.share
        height = width * block.pixels[1] / block.pixels[0]
        scale = min(1.0, 0.82 * self.eph / height)
        return width * scale, height * scale

    def _shown(self, text: str, family: str = _TEXT) -> str:
        """A text in the letters that the font has."""
        known = self._known[family]
        cleaned = printable(text).replace("\t", "    ")
        return "".join(c if c == "\n" or ord(c) in known else _UNKNOWN for c in cleaned)

    def _cut(self, text: str, width: float) -> str:
        """A text on one line, cut to a width."""
        line = self._shown(text).replace("\n", " ")
        if self.get_string_width(line) <= width:
            return line
        while line and self.get_string_width(f"{line}…") > width:
            line = line[:-1]
        return f"{line}…"


def _letters_of(document: FPDF, family: str) -> frozenset[int]:
    """Code points that a font has letters for."""
    font = document.fonts[family]
    assert isinstance(font, TTFFont)
    return frozenset(font.cmap)


def _badge(level: Level) -> str:
    return f"{LEVEL_MARKS[level]} {LEVEL_WORDS[level]}"


def _colour(code: str) -> Colour:
    red, green, blue = (int(code[start : start + 2], 16) for start in (1, 3, 5))
    return red, green, blue
