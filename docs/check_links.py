"""Check every link within the built documentation: pages, anchors, pictures, files.

``python docs/check_links.py docs/_build/html`` lists those that lead nowhere, and ends with exit
code 1 if there are any. It needs no network. Links to other sites are checked, with one, by
``sphinx-build -b linkcheck docs docs/_build/linkcheck``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}


class _Page(HTMLParser):
    """What a page links to, and the anchors in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in ("id", "name"):
            if given.get(name):
                self.anchors.add(str(given[name]))
        target = given.get(_LINKS.get(tag, ""))
        if target:
            self.links.add(target)


@dataclass(frozen=True)
class Broken:
    """A link that leads nowhere: on which page it stands, and why."""

    page: Path
    link: str
    reason: str


def broken_links(site: Path) -> tuple[int, list[Broken]]:
    """How many links within a site there are, and those that lead nowhere."""
    # What lies in _static are the theme's templates, no pages.
    paths = [path for path in site.rglob("*.html") if path.parent != site / "_static"]
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in paths}
    found = [
        (path, link, reason)
        for path, page in pages.items()
        for link, reason in _checked(site, path, page, pages)
    ]
    wrong = [Broken(path.relative_to(site), link, why) for path, link, why in found if why]
    return len(found), wrong


def _checked(
    site: Path, path: Path, page: _Page, pages: dict[Path, _Page]
) -> Iterator[tuple[str, str]]:
    for link in sorted(page.links):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
        if target.is_dir():
            target /= "index.html"
        if not target.is_relative_to(site):
            yield link, "it leads out of the site"
        elif not target.exists():
            yield link, "there is no such file"
        elif parts.fragment and target in pages:
            known = unquote(parts.fragment) in pages[target].anchors
            yield link, "" if known else "there is no such anchor"
        else:
            yield link, ""


def main(folder: str) -> int:
    """Check a site, and tell; the exit code."""
    site = Path(folder).resolve()
    count, wrong = broken_links(site)
    if not count:
        print(f"no links found in {site}", file=sys.stderr)
        return 1
    for broken in wrong:
        print(f"{broken.page}: {broken.link}: {broken.reason}")
    print(f"{count} links within the site, {len(wrong)} broken")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
