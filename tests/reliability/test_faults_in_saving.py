"""Full disks and places that cannot be written: old files stay, and nothing is left over."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
from click.testing import CliRunner

from hyperspy_smartalign.cli import smartalign
from hyperspy_smartalign.signals.saving import check_room, save_signal
from hyperspy_smartalign.transforms import Alignment

resource = pytest.importorskip("resource", reason="limits of file sizes are those of Unix")
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def full_disk(monkeypatch: Any) -> None:
    """A disk with 10 kB free."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 10**4, 10**4))


@pytest.fixture
def files(series: Any, rigid: Any, tmp_path: Path, monkeypatch: Any) -> Path:
    """A folder with a series, its alignment, and older results in out/."""
    monkeypatch.chdir(tmp_path)
    series.save("s.hspy")
    rigid.smartalign.alignment.save("al.npz")
    Path("out").mkdir()
    for name in ("o.hspy", "a.tif", "a.npz", "f.png"):
        (Path("out") / name).write_text("older")
    rigid.save("out/o.zspy")
    return tmp_path


COMMANDS = {
    "rigid": ("rigid", "s.hspy", "-o", "out/o.hspy"),
    "store": ("rigid", "s.hspy", "-o", "out/o.zspy"),
    "average": ("rigid", "s.hspy", "-o", "o.hspy", "--average", "out/a.tif"),
    "alignment": ("rigid", "s.hspy", "-o", "o.hspy", "--alignment", "out/a.npz"),
    "apply": ("apply", "al.npz", "s.hspy", "-o", "out/o.hspy"),
    "motif": ("motif", "s.hspy", "--template", "4,20,4,20", "-o", "out/o.hspy"),
}


class TestRoom:
    def test_what_is_needed_and_free_is_said(
        self, series: Any, tmp_path: Path, full_disk: None
    ) -> None:
        path = tmp_path / "a.hspy"
        path.write_text("older")
        words = r"needs up to 0\.\d+ MB in '.*', where 0\.01 MB are free; make room"
        with pytest.raises(OSError, match=words) as caught:
            save_signal(series, path)
        assert caught.value.errno == 28
        assert path.read_text() == "older"

    def test_metadata_count(self, tmp_path: Path, monkeypatch: Any) -> None:
        signal = hs.signals.Signal2D(np.zeros((4, 4), np.float32))
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 10**6))
        check_room(tmp_path / "a.hspy", signal)
        signal.metadata.set_item("Large.array", np.zeros(200_000))
        with pytest.raises(OSError, match="MB are free"):
            check_room(tmp_path / "a.hspy", signal)
        del signal.metadata.Large
        signal.original_metadata.set_item("Large.text", ["x" * 10**6])
        with pytest.raises(OSError, match="MB are free"):
            check_room(tmp_path / "a.hspy", signal)

    def test_room_that_is_there_is_used(self, series: Any, tmp_path: Path) -> None:
        for lazy in (False, True):
            signal = series.as_lazy() if lazy else series
            save_signal(signal, tmp_path / "a.hspy")
            found = hs.load(tmp_path / "a.hspy")
            np.testing.assert_array_equal(found.data, np.asarray(series.data))

    @pytest.mark.parametrize("name", ["rigid", "store", "average", "apply", "motif"])
    def test_commands(self, files: Path, contents: Any, full_disk: None, name: str) -> None:
        before = contents(files)
        result = CliRunner().invoke(smartalign, [*COMMANDS[name], "--overwrite"])
        assert result.exit_code == 1
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error")]
        assert "MB are free; make room" in line
        assert contents(files) == before

    def test_the_verb_with_a_file(
        self, rigid: Any, tmp_path: Path, full_disk: None, contents: Any
    ) -> None:
        spectra = hs.signals.Signal1D(np.ones((6, 64, 72, 5), np.float32))
        path = tmp_path / "sum.hspy"
        path.write_text("older")
        with pytest.raises(OSError, match=r"MB are free|GB are free|No space"):
            spectra.apply_alignment(rigid, file=path, overwrite=True)
        assert path.read_text() == "older"


def limited(arguments: list[str], size: int) -> Any:
    """A command that can write no file longer than so many bytes, in a process of its own."""
    code = (
        "import resource, sys\n"
        "from hyperspy_smartalign.cli.app import main\n"
        "size = int(sys.argv.pop(1))\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(size), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        # Compiled code is not kept: its files would be cut short too.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 300, 5000])
@pytest.mark.parametrize("name", ["store", "figure"])
def test_files_that_may_not_grow(files: Path, contents: Any, name: str, size: int) -> None:
    arguments = {
        "store": list(COMMANDS["store"]),
        "figure": ["rigid", "s.hspy", "-o", "out/o.zspy", "--figure", "out/f.png"],
    }[name]
    before = contents(files)
    done = limited([*arguments, "--overwrite", "--quiet"], size)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert contents(files) == before


@pytest.mark.parametrize("size", [0, 50, 1000])
def test_an_alignment_that_does_not_fit(nonrigid: Any, tmp_path: Path, size: int) -> None:
    alignment = nonrigid.smartalign.alignment
    path = tmp_path / "a.npz"
    path.write_text("older")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with pytest.raises(OSError, match=r"\S"):
            alignment.save(path, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [found.name for found in tmp_path.iterdir()] == ["a.npz"]
    assert path.read_text() == "older"
    alignment.save(path, overwrite=True)
    assert Alignment.load(path) == alignment


class TestPlaces:
    @pytest.mark.parametrize(
        ("place", "words"),
        [
            ("missing/o.hspy", "does not exist; make it first"),
            ("s.hspy/o.hspy", "does not exist|not a folder|is a file"),
            ("out", "folder|must end in"),
            ("s.hspy", "is an input too"),
        ],
    )
    def test_commands(self, files: Path, contents: Any, place: str, words: str) -> None:
        import re

        before = contents(files)
        for command in ("rigid", "apply", "motif"):
            arguments = [*COMMANDS[command][:-1], place, "--overwrite"]
            result = CliRunner().invoke(smartalign, arguments)
            assert result.exit_code in (1, 2), command
            assert "Traceback" not in result.stderr
            assert re.search(words, " ".join(result.stderr.split())), result.stderr
            assert contents(files) == before

    def test_renaming_that_fails(
        self, files: Path, contents: Any, monkeypatch: Any, rigid: Any
    ) -> None:
        before = contents(files)

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "replace", refuse)
        for command in ("rigid", "store", "alignment"):
            result = CliRunner().invoke(smartalign, [*COMMANDS[command], "--overwrite"])
            assert result.exit_code == 1
            assert "Permission denied" in result.stderr
        with pytest.raises(PermissionError):
            rigid.smartalign.alignment.save("out/a.npz", overwrite=True)
        assert contents(files) == before

    def test_files_of_alignments(self, rigid: Any, tmp_path: Path) -> None:
        alignment = rigid.smartalign.alignment
        (tmp_path / "file").write_text("precious")
        (tmp_path / "folder.npz").mkdir()
        for name in ("missing/a.npz", "file/a.npz", "folder.npz"):
            with pytest.raises(OSError, match=r"\S"):
                alignment.save(tmp_path / name, overwrite=True)
        assert (tmp_path / "file").read_text() == "precious"
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder.npz"]
