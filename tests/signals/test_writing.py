"""Outputs are complete or not there, and nothing is replaced unasked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hyperspy_smartalign.signals.writing import put_in_place, signal_path, written_aside


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_appear_together_at_the_end(tmp_path: Path) -> None:
    first, second = tmp_path / "a.hspy", tmp_path / "b.png"
    with written_aside([first, second], overwrite=False) as aside:
        aside(first).write_text("one")
        aside(second).write_text("two")
        assert aside(first).suffix == ".hspy"
        assert not first.exists()
    assert (first.read_text(), second.read_text()) == ("one", "two")
    assert names(tmp_path) == ["a.hspy", "b.png"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_crash_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.hspy"
    path.write_text("old")

    def crash() -> None:
        with written_aside([path], overwrite=True) as aside:
            aside(path).write_text("half")
            raise error

    with pytest.raises(error):
        crash()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.hspy"]


@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
def test_overwrite_replaces_files_and_stores(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"

    def write(target: Path, text: str) -> None:
        if suffix == ".zspy":
            target.mkdir()
            target = target / text
        target.write_text(text)

    write(path, "old")
    with written_aside([path], overwrite=True) as aside:
        write(aside(path), "new")
    assert names(tmp_path) == [path.name]
    assert (names(path) if suffix == ".zspy" else [path.read_text()]) == ["new"]


def refused(paths: list[Path], inputs: tuple[Path, ...] = (), *, overwrite: bool = True) -> None:
    with written_aside(paths, overwrite=overwrite, inputs=inputs):
        pytest.fail("the work must not start")


def test_a_file_that_exists_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a.hspy"
    path.write_text("old")
    with pytest.raises(FileExistsError, match="--overwrite"):
        refused([path], overwrite=False)
    assert path.read_text() == "old"


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.hspy"

    def work() -> None:
        with written_aside([path], overwrite=False) as aside:
            aside(path).write_text("mine")
            path.write_text("another's")

    with pytest.raises(FileExistsError, match="--overwrite"):
        work()
    assert path.read_text() == "another's"
    assert names(tmp_path) == ["a.hspy"]


def test_folders_inputs_and_twins_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.hspy"
    with pytest.raises(FileNotFoundError, match="mkdir -p"):
        refused([tmp_path / "nowhere" / "a.hspy"])
    with pytest.raises(ValueError, match="inputs are never replaced"):
        refused([path], (tmp_path / "." / "a.hspy",))
    with pytest.raises(ValueError, match="two outputs"):
        refused([path, path])
    (tmp_path / "folder.hspy").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        refused([tmp_path / "folder.hspy"])


def test_signals_are_kept_in_files_that_keep_all() -> None:
    assert signal_path("a/b.ZSPY") == Path("a/b.ZSPY")
    assert signal_path("~/b.hspy").is_absolute()
    with pytest.raises(ValueError, match=r"must end in \.hspy or \.zspy"):
        signal_path("sum.tif")


@pytest.mark.parametrize("fails", ["rename", "existing"])
def test_a_store_that_cannot_be_renamed_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    path, hidden = tmp_path / "a.zspy", tmp_path / "hidden.zspy"
    for store in (path, hidden):
        store.mkdir()
        (store / store.stem).write_text("x")
    usual = os.replace

    def replace(old: Path, new: Path) -> None:
        if old == hidden:
            raise OSError("no")
        usual(old, new)

    if fails == "rename":
        monkeypatch.setattr("hyperspy_smartalign.signals.writing.os.replace", replace)
    with pytest.raises(OSError, match="no" if fails == "rename" else "exists"):
        put_in_place(hidden, path, overwrite=fails == "rename")
    assert names(path) == ["a"]
    assert names(tmp_path) == ["a.zspy", "hidden.zspy"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="nothing can be written into"):
            refused([tmp_path / "a.hspy"])
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("step", ["first rename", "second rename", "removal", "after the removal"])
def test_ctrl_c_while_a_store_is_replaced_leaves_one_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path, other = tmp_path / "made.zspy", tmp_path / "other.zspy"
    for store in (path, other):
        store.mkdir()
        (store / "zarr").write_text("old")
    renamed, removed = os.replace, shutil.rmtree
    calls: list[str] = []

    def rename(source: Path, target: Path) -> None:
        renamed(source, target)
        calls.append("rename")
        if step == {1: "first rename", 2: "second rename"}.get(len(calls)):
            raise KeyboardInterrupt

    def tear(folder: Path, **options: bool) -> None:
        calls.append("removal")
        first = calls.count("removal") == 1
        if first and step == "removal":
            raise KeyboardInterrupt
        removed(folder, **options)
        if first and step == "after the removal":
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", rename)
    monkeypatch.setattr(shutil, "rmtree", tear)

    def write() -> None:
        with written_aside([path, other], overwrite=True) as aside:
            for store in (path, other):
                aside(store).mkdir()
                (aside(store) / "zarr").write_text("new")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert {entry.name for entry in tmp_path.iterdir()} == {"made.zspy", "other.zspy"}
    expected = "old" if step == "first rename" else "new"
    assert (path / "zarr").read_text() == expected
    assert (other / "zarr").read_text() == "old"
