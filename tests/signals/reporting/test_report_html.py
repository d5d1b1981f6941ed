"""A report as a page: everything escaped, nothing loaded from anywhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib import resources

import pytest

from hyperspy_smartalign.signals.reporting import content as c
from hyperspy_smartalign.signals.reporting.as_html import css_string, html_of

EVIL = "</style></title><script>alert(1)</script> \" ' & {{ 7 * 7 }} \\ \x00\n"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Page(HTMLParser):
    """Tags with their attributes, and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def report_of(*blocks, text="gold", paper="a4"):
    return c.Report(
        title=text,
        subtitle=text,
        verdict=c.Judgement("Overall", "caution", text),
        sections=(c.Section("Part", "part", blocks),),
        made=NOON,
        program=f"program {text}",
        paper=paper,
    )


def everything(text, png=b"\x89PNG"):
    return (
        c.Paragraph(text),
        c.Paragraph(text, kind="warning"),
        c.Subheading(text),
        c.Listing((text, text)),
        c.Code(text, text),
        c.Facts(((text, text),)),
        c.Table((c.Column(text), c.Column(text, "right")), (c.Row((text, text), True),), text),
        c.Picture(png, (3, 2), text, text, share=0.5),
        c.Judgements(tuple(c.Judgement(text, level, text) for level in c.LEVELS)),
        c.References((c.Reference(text, '10.1/x"onclick="'), c.Reference(text))),
    )


def test_texts_from_files_stay_texts() -> None:
    blocks = everything(EVIL)
    page = html_of(report_of(*blocks, text=EVIL))
    parsed = Page(page)
    harmless = Page(html_of(report_of(*everything("gold"), text="gold")))
    assert [tag for tag, _ in parsed.tags] == [tag for tag, _ in harmless.tags]
    assert "script" not in {tag for tag, _ in parsed.tags}
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    said = "".join(parsed.texts)
    assert said.count("<script>alert(1)</script>") >= 20
    assert "{{ 7 * 7 }}" in said
    assert "\x00" not in page


def test_the_style_sheet_holds_the_title_without_harm() -> None:
    page = html_of(report_of(text=EVIL))
    (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.S)
    assert "alert" in style  # it ends where the template ends it
    assert "<" not in style
    assert css_string('a"\n') == '"a\\000022\\00000a"'


def test_nothing_is_loaded_and_no_script_runs() -> None:
    parsed = Page(html_of(report_of(*everything("gold"))))
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base"}
    for image in parsed.all("img"):
        assert image["src"].startswith("data:image/png;base64,")
        assert image["alt"]
        assert (image["width"], image["height"]) == ("3", "2")
    (policy,) = (m["content"] for m in parsed.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")
    outside = [link["href"] for link in parsed.all("a") if not link["href"].startswith("#")]
    assert outside
    assert all(link.startswith("https://doi.org/10.") for link in outside)
    assert not any("url(" in text or "@import" in text for text in parsed.texts)


def test_links_lead_to_sections() -> None:
    parsed = Page(html_of(report_of(c.Paragraph("x"))))
    ids = {attributes["id"] for _, attributes in parsed.tags if "id" in attributes}
    inside = [link["href"][1:] for link in parsed.all("a") if link["href"].startswith("#")]
    assert inside == ["part"]
    assert set(inside) <= ids


@pytest.mark.parametrize(("paper", "size"), [("a4", "A4"), ("letter", "letter")])
def test_the_paper(paper, size) -> None:
    assert f"size: {size};" in html_of(report_of(paper=paper))


def test_levels_are_told_by_words_too() -> None:
    said = " ".join(Page(html_of(report_of(*everything("gold")))).texts)
    for word in ("good", "caution", "bad", "not known"):
        assert word in said


def test_the_same_report_is_the_same_page() -> None:
    assert html_of(report_of(*everything("gold"))) == html_of(report_of(*everything("gold")))


def test_the_templates_are_part_of_the_package() -> None:
    folder = resources.files("hyperspy_smartalign.signals.reporting") / "templates"
    assert {entry.name for entry in folder.iterdir()} >= {"report.html", "report.css"}
