"""The check of the links within the documentation finds those that lead nowhere."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "check_links.py"


@pytest.fixture
def check_links(monkeypatch):
    if not SCRIPT.exists():
        pytest.skip("the documentation is in the project's repository only")
    specification = importlib.util.spec_from_file_location("check_links", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "check_links", module)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def site(tmp_path):
    (tmp_path / "guide").mkdir()
    (tmp_path / "picture of it.png").write_bytes(b"")
    (tmp_path / "guide" / "index.html").write_text('<h1 id="top">Guide</h1>', encoding="utf-8")
    (tmp_path / "index.html").write_text(
        '<a href="guide/index.html#top">a</a> <a href="guide/">b</a> <a href="#at" id="at">c</a>'
        '<img src="picture%20of%20it.png"> <a href="https://hyperspy.org/nowhere">d</a>',
        encoding="utf-8",
    )
    return tmp_path


def test_a_sound_site(check_links, site, capsys):
    assert check_links.main(str(site)) == 0
    assert capsys.readouterr().out == "4 links within the site, 0 broken\n"


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("gone.html", "no such file"),
        ("guide/index.html#gone", "no such anchor"),
        ("#gone", "no such anchor"),
        ("../", "leads out of the site"),
    ],
)
def test_a_broken_link(check_links, site, capsys, link, reason):
    (site / "new.html").write_text(f'<a href="{link}">x</a>', encoding="utf-8")
    assert check_links.main(str(site)) == 1
    told = capsys.readouterr().out
    assert f"new.html: {link}: " in told
    assert reason in told


def test_an_empty_folder_is_no_site(check_links, tmp_path):
    assert check_links.main(str(tmp_path)) == 1
