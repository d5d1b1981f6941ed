"""``smartalign report`` and ``smartalign quality``, with a measurement that is known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import matplotlib.pyplot as plt
import pytest
from click.testing import Result

from hyperspy_smartalign.signals import recording

Run = Callable[..., Result]


class Known:
    """A quality of which nothing is known but its words; and what it was measured on."""

    rings: dict[str, Any] = {}  # noqa: RUF012
    spots = precision = closure = frames = None
    verdicts = ()
    messages = ("nothing to add",)
    signal: Any = None
    source: Any = None

    def __call__(self, signal, *, source=None, show_progressbar=None):
        self.signal, self.source = signal, source
        return self

    def summary(self):
        return "All is well."

    def to_dict(self):
        return {"verdicts": [], "resolution": None}

    def plot(self, **keywords):
        return {"rings": plt.figure().subplots()}

    def plot_information(self, *, fig):
        return fig.subplots()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Known:
    found = Known()
    monkeypatch.setattr("hyperspy_smartalign.signals.quality.measuring.quality", found)
    return found


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def png_of(draw, size, *, dots_per_inch=150.0):
        return b"\x89PNG", (3, 2)

    monkeypatch.setattr("hyperspy_smartalign.signals.reporting.pictures.png_of", png_of)


def test_a_report(run: Run, saved: Path, aligned: Path, tmp_path: Path, known: Known) -> None:
    out = tmp_path / "r.html"
    before = aligned.read_bytes()
    result = run("report", aligned, out, "--title", "My title", "--notes", "Mine.")
    assert result.exit_code == 0, result.stderr
    assert f"Wrote {out}" in result.stderr
    text = out.read_text()
    assert "My title" in text
    assert "Mine." in text
    assert "nothing to add" in text
    # The raw series is where it was.
    assert known.source.data.shape == (8, 80, 96)
    # Loading the file is no step of what was done.
    steps = [step["name"] for step in recording.steps_of(known.signal)]
    assert steps == ["load_series", "align_rigid"]
    assert aligned.read_bytes() == before


def test_with_the_source(
    run: Run, saved: Path, aligned: Path, tmp_path: Path, known: Known
) -> None:
    out = tmp_path / "r.html"
    result = run("report", aligned, out, "--source", saved / "series.hspy", "-q")
    assert (result.exit_code, result.output) == (0, "")
    assert known.source.data.shape == (8, 80, 96)
    assert "not at hand" not in out.read_text()


def test_without_the_source(
    run: Run, saved: Path, aligned: Path, tmp_path: Path, known: Known
) -> None:
    shutil.copy(saved / "series.hspy", tmp_path / "raw.hspy")
    assert run("rigid", tmp_path / "raw.hspy", "-o", tmp_path / "a.hspy").exit_code == 0
    (tmp_path / "raw.hspy").unlink()
    result = run("report", tmp_path / "a.hspy", tmp_path / "r.html")
    assert result.exit_code == 0, result.stderr
    assert "less is measured. The raw data are missing" in result.stderr
    assert known.source is None
    assert "not at hand" in (tmp_path / "r.html").read_text()


def test_refusals(run: Run, saved: Path, aligned: Path, tmp_path: Path, known: Known) -> None:
    result = run("report", aligned, tmp_path / "r.docx")
    assert result.exit_code == 2
    assert ".html or .pdf" in result.stderr
    (tmp_path / "r.html").write_text("old")
    result = run("report", aligned, tmp_path / "r.html")
    assert result.exit_code == 1
    assert "--overwrite" in result.stderr
    assert known.signal is None  # before anything is read
    assert (tmp_path / "r.html").read_text() == "old"
    assert run("report", aligned, tmp_path / "r.html", "--overwrite").exit_code == 0
    result = run("report", saved / "series.hspy", tmp_path / "s.html")
    assert result.exit_code == 1
    assert "Align the series first" in result.stderr
    result = run("report", saved / "*.hspy", tmp_path / "s.html")
    assert result.exit_code == 1
    assert "give that of one result" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


def test_quality_in_words_and_as_json(run: Run, aligned: Path, known: Known) -> None:
    result = run("quality", aligned)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "All is well.\n"
    result = run("quality", aligned, "--json")
    assert json.loads(result.stdout) == {"verdicts": [], "resolution": None}
    assert run("quality", aligned, "--json", "--quiet").stdout == result.stdout


def test_the_figure_of_the_quality(
    run: Run, saved: Path, aligned: Path, tmp_path: Path, known: Known
) -> None:
    out = tmp_path / "q.png"
    arguments = ("quality", aligned, "--plot", out, "--source", saved / "series.hspy")
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert out.read_bytes().startswith(b"\x89PNG")
    assert known.source is not None
    assert plt.get_fignums() == []
    result = run(*arguments)
    assert result.exit_code == 1
    assert "--overwrite" in result.stderr


@pytest.mark.slow
def test_measured_from_a_file(run: Run, saved: Path, aligned: Path, tmp_path: Path) -> None:
    result = run("quality", aligned, "--source", saved / "series.hspy", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert set(found["rings"]) == {"raw", "rigid"}
    assert found["verdicts"]
    average = tmp_path / "average.hspy"
    hs.load(aligned).smartalign.average().save(average)
    result = run("report", average, tmp_path / "r.html", "--source", saved / "series.hspy")
    assert result.exit_code == 0, result.stderr
