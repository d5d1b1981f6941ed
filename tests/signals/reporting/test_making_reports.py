"""Reports in files: written whole or not at all."""

from __future__ import annotations

import warnings

import hyperspy.api as hs
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.plotting.offscreen import font_file, png_of
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.transforms.alignment import NoAlignmentError


@pytest.mark.parametrize("name", ["r.html", "r.HTML", "r.pdf"])
def test_a_file(aligned, known_quality, undrawn, tmp_path, name) -> None:
    result, _ = aligned
    before = recording.record_of(result)
    path = result.smartalign.report(
        tmp_path / name, quality=known_quality(6), title="My <own> title", notes="Mine."
    )
    assert path == tmp_path / name
    content = path.read_bytes()
    if path.suffix == ".pdf":
        assert content.startswith(b"%PDF-")
    else:
        text = content.decode()
        assert text.startswith("<!DOCTYPE html>")
        assert "My &lt;own&gt; title" in text
        assert "Mine." in text
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert recording.record_of(result).keys() == before.keys()


@pytest.mark.slow
def test_one_drawn_page(aligned, known_quality, tmp_path) -> None:
    quality = known_quality(6)
    with plt.rc_context({"backend": "agg"}):
        aligned[0].smartalign.report(tmp_path / "r.html", quality=quality)
    text = (tmp_path / "r.html").read_text()
    assert text.count("data:image/png;base64,") == 9
    assert set(quality.drawn) == {
        *("plot_ring_correlation", "plot_information", "plot_spots"),
        *("plot_precision", "plot_closure", "plot_frames"),
    }
    assert plt.get_fignums() == []


def test_what_is_measured_is_used(aligned, known_quality, undrawn, measured, tmp_path) -> None:
    quality = known_quality(6)
    measured(quality)
    aligned[0].smartalign.report(tmp_path / "r.html")
    assert "Halves agree down to 0.8 nm." in (tmp_path / "r.html").read_text()


def test_refusals(aligned, known_quality, undrawn, tmp_path, make_series) -> None:
    report = aligned[0].smartalign.report
    quality = known_quality(6)
    with pytest.raises(ValueError, match=r"must end in \.html or \.pdf"):
        report(tmp_path / "r.docx", quality=quality)
    with pytest.raises(ValueError, match="one of 'a4', 'letter'"):
        report(tmp_path / "r.pdf", quality=quality, paper="a5")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        report(tmp_path / "no" / "r.pdf", quality=quality)
    (tmp_path / "r.html").write_text("old")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        report(tmp_path / "r.html", quality=quality)
    assert (tmp_path / "r.html").read_text() == "old"
    report(tmp_path / "r.html", quality=quality, overwrite=True)
    assert (tmp_path / "r.html").read_text() != "old"
    raw, _ = make_series([(0, 0), (1, 1)])
    with pytest.raises(NoAlignmentError):
        raw.smartalign.report(tmp_path / "s.html")


def test_a_failure_leaves_old_files_alone(aligned, measured, tmp_path) -> None:
    measured(RuntimeError("a fault"))
    (tmp_path / "r.html").write_text("old")
    with pytest.raises(RuntimeError, match="a fault"):
        aligned[0].smartalign.report(tmp_path / "r.html", overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.html"]
    assert (tmp_path / "r.html").read_text() == "old"


def test_pictures_do_not_hang_on_the_style_of_the_user() -> None:
    def draw(fig):
        fig.subplots().plot([1, 2])

    plain, pixels = png_of(draw, (2.0, 1.5), dots_per_inch=100)
    assert pixels == (200, 150)
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.facecolor": "black"}):
        assert png_of(draw, (2.0, 1.5), dots_per_inch=100) == (plain, pixels)
    assert plt.get_fignums() == []
    assert font_file(bold=True) != font_file() != font_file(mono=True)


@pytest.mark.slow
@pytest.mark.parametrize("nonrigid", [False, True])
def test_a_measured_report_from_files(tmp_path, nonrigid) -> None:
    simulated = simulate_series(shape=(96, 112), frames=8, dose=60, row_jitter=0.5, seed=2)
    simulated.series.save(tmp_path / "series.hspy")
    result = simulated.series.align_rigid()
    if nonrigid:
        result = result.align_nonrigid()
    result.save(tmp_path / "aligned.zspy")
    lazy = hs.load(tmp_path / "aligned.zspy", lazy=True)
    raw = hs.load(tmp_path / "series.hspy", lazy=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = lazy.smartalign.report(tmp_path / "r.html", source=raw)
        document = lazy.smartalign.report(tmp_path / "r.pdf")
    text = page.read_text()
    assert text.count("data:image/png;base64,") >= (12 if nonrigid else 8)
    assert "could not be measured" not in text
    assert document.stat().st_size > 100_000
    assert np.isfinite(lazy.data).all().compute() or not nonrigid
