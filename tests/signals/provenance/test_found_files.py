"""Files that are recorded, and found again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hyperspy_smartalign.signals.provenance.files import (
    BLOCK,
    change_of,
    file_recorded,
    files_recorded,
    found_again,
)


def test_a_file_that_was_copied_is_the_same(tmp_path: Path) -> None:
    path, twin = tmp_path / "a.bin", tmp_path / "b.bin"
    for each in (path, twin):
        each.write_bytes(os.urandom(10) if each == path else path.read_bytes())
    os.utime(twin, (0, 0))
    assert change_of(file_recorded(path), twin) == ""


def test_a_change_is_told_with_both(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"one")
    recorded = file_recorded(path)
    path.write_bytes(b"other")
    words = change_of(recorded, path)
    assert "has 5 bytes" in words
    assert "when it was read it had 3 bytes" in words
    assert recorded["digest"][:12] in words


def test_of_large_files_blocks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(40 * BLOCK))
    recorded = file_recorded(path)
    with path.open("r+b") as stream:
        stream.seek(40 * BLOCK - 5)
        stream.write(b"x")
    assert change_of(recorded, path)


def test_of_many_files_fewer_blocks_are_read(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.bin" for number in range(17)]
    for path in paths:
        path.write_bytes(b"a")
    assert {file["blocks"] for file in files_recorded(paths)} == {3}
    assert {file["blocks"] for file in files_recorded(paths[:2])} == {16}


def test_a_folder_of_zarr_is_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "a.zspy"
    (folder / "0").mkdir(parents=True)
    (folder / "0" / "chunk").write_bytes(b"1234")
    recorded = file_recorded(folder)
    assert recorded["bytes"] == 4
    assert change_of(recorded, folder) == ""
    (folder / "0" / "chunk").write_bytes(b"1235")
    assert change_of(recorded, folder)


class TestFoundAgain:
    def test_at_its_place(self, tmp_path: Path) -> None:
        path = tmp_path / "raw.dm4"
        path.touch()
        assert found_again(str(path), near=None) == path

    def test_in_a_folder_that_was_moved_as_a_whole(self, tmp_path: Path) -> None:
        (tmp_path / "new" / "raw").mkdir(parents=True)
        (tmp_path / "new" / "results").mkdir()
        path = tmp_path / "new" / "raw" / "a.dm4"
        path.touch()
        recorded = str(tmp_path / "old" / "raw" / "a.dm4")
        assert found_again(recorded, near=tmp_path / "new" / "results" / "b.hspy") == path

    def test_beside_the_result(self, tmp_path: Path) -> None:
        path = tmp_path / "a.dm4"
        path.touch()
        for recorded in ("/elsewhere/a.dm4", "C:\\data\\a.dm4", "a.dm4"):
            assert found_again(recorded, near=tmp_path / "b.hspy") == path

    def test_in_a_folder_above(self, tmp_path: Path) -> None:
        (tmp_path / "a.dm4").touch()
        (tmp_path / "results").mkdir()
        near = tmp_path / "results" / "b.hspy"
        assert found_again("/elsewhere/a.dm4", near=near) == tmp_path / "a.dm4"

    def test_what_the_user_gave_goes_first(self, tmp_path: Path) -> None:
        (tmp_path / "given").mkdir()
        for path in (tmp_path / "a.dm4", tmp_path / "given" / "a.dm4"):
            path.touch()
        recorded = str(tmp_path / "a.dm4")
        assert found_again(recorded, near=None, given=[tmp_path / "given"]) == (
            tmp_path / "given" / "a.dm4"
        )
        assert found_again(recorded, near=None, given=[tmp_path / "b.dm4"]) == tmp_path / "a.dm4"

    @pytest.mark.parametrize("near", [None, Path("/nowhere/b.hspy")])
    def test_nowhere(self, near: Path | None) -> None:
        assert found_again("/elsewhere/a.dm4", near=near) is None
