"""smartalign rerun."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def session(saved: Path, aligned: Path, tmp_path: Path) -> Path:
    """A folder with the raw series, which was moved, and what was made of it."""
    folder = tmp_path / "session"
    folder.mkdir()
    for path in (saved / "series.hspy", saved / "second.hspy", aligned):
        shutil.copy(path, folder)
    return folder


def test_the_same_pixels_are_0(run: Run, aligned: Path) -> None:
    result = run("rerun", aligned)
    assert result.exit_code == 0
    assert result.stdout == "same pixels, bit for bit\n"
    assert "Repeating: load_series, align_rigid" in result.stderr


def test_the_average_of_a_sum_is_made_again(run: Run, session: Path, tmp_path: Path) -> None:
    total, average = tmp_path / "sum.hspy", tmp_path / "average.hspy"
    made = run(
        "rigid", session / "series.hspy", "-o", total, "--output", "sum", "--average", average
    )
    assert made.exit_code == 0
    assert run("rerun", average).exit_code == 0
    assert run("rerun", total).exit_code == 0
    frames = np.count_nonzero(~hs.load(total).smartalign.alignment.excluded)
    np.testing.assert_allclose(hs.load(average).data * frames, hs.load(total).data)


def test_other_pixels_are_1_and_are_kept(run: Run, session: Path, tmp_path: Path) -> None:
    made = hs.load(session / "aligned.hspy")
    made.data = made.data + 1
    made.save(session / "other.hspy")
    out = tmp_path / "again.hspy"
    result = run("rerun", session / "other.hspy", "--out", out)
    assert result.exit_code == 1
    assert result.stdout.startswith("other pixels: ")
    np.testing.assert_allclose(hs.load(out).data, made.data - 1, rtol=1e-6)


def test_a_check_does_no_work(run: Run, session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("hyperspy_smartalign.signals.rigid.align_frames", work)
    result = run("rerun", session / "aligned.hspy", "--check")
    assert result.exit_code == 0
    assert "series.hspy: unchanged" in result.stdout
    assert "steps      load_series, align_rigid" in result.stdout
    assert run("rerun", session / "aligned.hspy", "--check", "--out", "a.hspy").exit_code == 2


def test_a_changed_source_is_1(run: Run, session: Path) -> None:
    other = hs.load(session / "series.hspy")
    other.data = other.data[::-1].copy()
    other.save(session / "other" / "series.hspy")
    for option in ([], ["--check"]):
        result = run("rerun", session / "aligned.hspy", "--source", session / "other", *option)
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].startswith("Error: The raw file changed since: ")


def test_a_source_is_found_in_a_folder_that_was_moved(run: Run, session: Path) -> None:
    # The recorded place still holds the file, so this one has to be told.
    result = run("rerun", session / "aligned.hspy", "--source", session)
    assert result.exit_code == 0


def test_a_second_detector_repeats_both(run: Run, session: Path) -> None:
    made = session / "made.hspy"
    assert (
        run("apply", session / "aligned.hspy", session / "second.hspy", "-o", made).exit_code == 0
    )
    (session / "aligned.hspy").unlink()
    result = run("rerun", made)
    assert result.exit_code == 0
    assert "load_series, load_series, align_rigid, apply_alignment" in result.stderr


def test_inputs_are_never_replaced(run: Run, session: Path) -> None:
    for path in (session / "aligned.hspy", session / "series.hspy"):
        before = path.read_bytes()
        result = run(
            *("rerun", session / "aligned.hspy", "--source", session / "series.hspy"),
            *("--out", path, "--overwrite"),
        )
        assert result.exit_code == 1
        assert "is an input too" in result.stderr
        assert path.read_bytes() == before


def test_a_raw_file_cannot_be_repeated(run: Run, session: Path) -> None:
    result = run("rerun", session / "series.hspy")
    assert result.exit_code == 1
    assert "Error: " in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
