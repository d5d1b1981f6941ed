"""Intermediate results: kept, used where they fit, computed again where not, and removed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.motif import prepared
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals.motif import remembering, searching
from hyperspy_smartalign.signals.motif.working_folder import MARKER, WorkingFolderError
from hyperspy_smartalign.signals.spectra.locking import FolderInUseError, FolderLock

SIDE = 24
NUMBERS = (1, 2, 9, 10, 11)
N = len(NUMBERS)
# Reads of frames that no memory spares: the one with the region, and one for the size.
ALWAYS = 2


@pytest.fixture(scope="module")
def series():
    return simulate_series(shape=(96, 111), frames=N, dose=30, scale=0.024, seed=3).series


@pytest.fixture(scope="module")
def roi():
    return 40, 40 + SIDE, 36, 36 + SIDE


@pytest.fixture(scope="module")
def originals(tmp_path_factory, series):
    path = tmp_path_factory.mktemp("MoS2")
    for place, number in enumerate(NUMBERS):
        series.inav[place].save(path / f"MoS2_[{number}].hspy")
    return path


@pytest.fixture(scope="module")
def plain(originals, roi):
    return match(originals, roi)


@pytest.fixture(scope="module")
def kept(tmp_path_factory, originals, roi):
    """A working folder with all results; not to be changed."""
    path = tmp_path_factory.mktemp("work") / "working"
    match(originals, roi, working_folder=path)
    return path


@pytest.fixture
def working(tmp_path, kept):
    """A copy of it."""
    return Path(shutil.copytree(kept, tmp_path / "working"))


@pytest.fixture
def reads(monkeypatch):
    """Numbers of the frames that a search reads, one after the other; it may break it off."""

    class Reads(list):
        breaks_at = None

    noted = Reads()
    original = searching.ChosenFrames.frame

    def frame(self, index):
        if noted.breaks_at is not None and len(noted) >= noted.breaks_at:
            raise OSError("the disk is gone")
        noted.append(int(self.kept[index]))
        return original(self, index)

    monkeypatch.setattr(searching.ChosenFrames, "frame", frame)
    # Every stage reads the frames again.
    monkeypatch.setattr(prepared, "MOST_BYTES", 0)
    return noted


def match(target, template, **keywords):
    keywords = {"num_workers": 1, "show_progressbar": False, **keywords}
    return hyperspy_smartalign.template_match(target, template, **keywords)


def assert_same(found, expected):
    np.testing.assert_array_equal(found.data, expected.data)
    table, other = found.smartalign.matches, expected.smartalign.matches
    for name, column in other.columns.items():
        # Sums of the fit may be ordered otherwise in another process, which errors show.
        rtol = 1e-6 if name.endswith("_error") else 0
        np.testing.assert_allclose(table.columns[name], column, rtol=rtol, atol=0)
    np.testing.assert_array_equal(table.threshold, other.threshold)
    for stage, expected_stage in zip(table.stages, other.stages, strict=True):
        np.testing.assert_array_equal(stage.motif, expected_stage.motif)


def listed(folder):
    return hyperspy_smartalign.intermediates(folder)


def times_of(folder):
    return {row.file.name: row.file.stat().st_mtime_ns for row in listed(folder)}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Five frames are searched, then their tiles averaged, thrice but for the last average.
@pytest.mark.slow
@pytest.mark.parametrize("breaks_at", [4, 9, 14, 24])
def test_a_search_goes_on(tmp_path, originals, roi, plain, reads, breaks_at) -> None:
    working = tmp_path / "working"
    reads.breaks_at = breaks_at
    with pytest.raises(OSError, match="disk is gone"):
        match(originals, roi, working_folder=working)
    done = hyperspy_smartalign.intermediates(working)
    assert done
    assert all(row.intact for row in done)
    assert "lock" not in names(working)
    reads.breaks_at = None
    reads.clear()
    found = match(originals, roi, working_folder=working)
    assert_same(found, plain)
    going_on = len(reads)
    reads.clear()
    match(originals, roi)
    # A frame less for each that was searched, and all of them for an average.
    spared = sum(1 if row.matches is None else N for row in done)
    assert going_on <= len(reads) - spared + 1  # the size
    reads.clear()
    assert_same(match(originals, roi, working_folder=working), plain)
    assert len(reads) == ALWAYS


@pytest.mark.slow
def test_a_search_whose_process_was_ended_goes_on(tmp_path, originals, roi, plain) -> None:
    working = tmp_path / "working"
    script = (
        "import os, sys, hyperspy_smartalign\n"
        "from hyperspy_smartalign.signals.motif import intermediate_files\n"
        "write, count = intermediate_files.write, 0\n"
        "def writes(path, *rest):\n"
        "    global count\n"
        "    write(path, *rest)\n"
        "    count += 1\n"
        "    if count == 7:\n"
        "        (path.parent / '.motif_stage2.0123abcd.npz').write_bytes(b'PK')\n"
        "        os._exit(7)\n"
        "intermediate_files.write = writes\n"
        f"hyperspy_smartalign.template_match(sys.argv[1], {roi}, working_folder=sys.argv[2])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(originals), str(working)],
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 7, ended.stderr
    assert {"lock", ".motif_stage2.0123abcd.npz"} <= set(names(working))
    assert len(hyperspy_smartalign.intermediates(working)) == 7
    assert_same(match(originals, roi, working_folder=working), plain)
    assert not {"lock", ".motif_stage2.0123abcd.npz"} & set(names(working))


def test_what_is_there_is_listed(kept, plain) -> None:
    rows = hyperspy_smartalign.intermediates(kept)
    assert [(row.stage, row.frame) for row in rows] == [
        *((0, frame) for frame in range(N)),
        *((1, frame) for frame in (None, *range(N))),
        *((2, frame) for frame in (None, *range(N))),
    ]
    assert all(row.intact and row.bytes == row.file.stat().st_size for row in rows)
    table = plain.smartalign.matches
    last = [row.candidates for row in rows if row.stage == 2 and row.frame is not None]
    assert sum(last) >= len(table)
    averages = [row for row in rows if row.matches is not None]
    assert [row.candidates for row in averages] == [None, None]
    assert averages[1].matches == pytest.approx(len(table), rel=0.05)
    assert not any(path.suffix == ".pkl" for path in kept.iterdir())
    with np.load(rows[0].file, allow_pickle=False) as file:
        assert len(file["score"]) == rows[0].candidates


class TestWhatFitsIsUsed:
    """Each result is that of a search without a memory."""

    def test_other_thresholds(self, working, originals, roi, reads) -> None:
        found = match(originals, roi, threshold=0.8, working_folder=working)
        assert len(reads) == ALWAYS
        assert_same(found, match(originals, roi, threshold=0.8))
        # Candidates with lower scores than were kept are searched anew, in the last stage.
        reads.clear()
        found = match(originals, roi, threshold=-0.2, working_folder=working)
        assert len(reads) == ALWAYS + N
        assert_same(found, match(originals, roi, threshold=-0.2))

    @pytest.mark.parametrize(
        "changed",
        [
            {"mirror": True},
            {"subpixel": "none"},
            {"min_distance": 14},
            {"coverage": 0.5},
            {"overlap": 0.3},
            {"fixed_threshold": False},
            {"refine": 1},
            {"frames": [0, 1, 3]},
        ],
    )
    def test_other_parameters(self, working, originals, roi, changed) -> None:
        found = match(originals, roi, working_folder=working, **changed)
        assert_same(found, match(originals, roi, **changed))

    def test_other_motifs(self, working, originals, roi, reads) -> None:
        moved = tuple(n + 1 for n in roi)
        found = match(originals, moved, working_folder=working)
        whole = len(reads)
        reads.clear()
        assert_same(found, match(originals, moved))
        assert whole == len(reads)

    def test_tiles_that_are_cut_otherwise(self, working, originals, roi, reads) -> None:
        options = {"upsample": 1.5, "interpolation": "linear"}
        found = match(originals, roi, working_folder=working, **options)
        assert len(reads) == ALWAYS
        assert_same(found, match(originals, roi, **options))

    def test_a_file_that_was_changed(self, tmp_path, working, originals, roi, series, reads):
        files = Path(shutil.copytree(originals, tmp_path / "files"))
        match(files, roi, working_folder=working)
        frame = series.inav[2].deepcopy()
        frame.data = np.roll(frame.data, 1, axis=0)
        (files / "MoS2_[9].hspy").unlink()
        frame.save(files / "MoS2_[9].hspy")
        reads.clear()
        found = match(files, roi, working_folder=working)
        # The others are not searched in the first stage; their motif then differs.
        assert reads[ALWAYS] == 2
        whole = len(reads)
        reads.clear()
        assert_same(found, match(files, roi))
        assert whole == len(reads) - (N - 1)

    def test_pixels_of_a_signal(self, tmp_path, series, roi, reads) -> None:
        working = tmp_path / "working"
        match(series, roi, working_folder=working)
        before = times_of(working)
        by_lazy = match(series.as_lazy(), roi, working_folder=working)
        assert_same(by_lazy, match(series, roi))
        assert times_of(working) == before
        other = series.deepcopy()
        other.data = other.data.copy()
        other.data[4, 50, 50] += 1
        assert_same(match(other, roi, working_folder=working), match(other, roi))

    def test_stores_that_are_folders(self, tmp_path, series, roi) -> None:
        path, working = tmp_path / "series.zspy", tmp_path / "working"
        for gain in (1, 2):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The NestedDirectoryStore")
                (series * gain).save(path, overwrite=True)
            found = match(path, roi, working_folder=working)
            assert_same(found, match(series * gain, roi))

    def test_the_average_of_an_aligned_series(self, tmp_path, series, roi) -> None:
        aligned = series.align_rigid(show_progressbar=False)
        working = tmp_path / "working"
        found = match(aligned, roi, working_folder=working)
        rows = listed(working)
        assert {row.frame for row in rows} == {None}
        assert len(rows) == 5
        assert_same(match(aligned, roi, working_folder=working), found)
        assert_same(match(aligned, roi), found)

    def test_another_version(self, working, originals, roi, plain, reads, monkeypatch) -> None:
        monkeypatch.setattr(remembering, "version", lambda name: "0.0.1")
        assert_same(match(originals, roi, working_folder=working), plain)
        assert len(reads) > 5 * N

    def test_find_motif_and_the_method_have_it_too(self, tmp_path, series, roi) -> None:
        options = {"working_folder": tmp_path / "working", "show_progressbar": False}
        found = series.smartalign.find_motif(roi, **options)
        before = names(tmp_path / "working")
        tiles = series.template_match(roi, **options)
        assert names(tmp_path / "working") == before
        np.testing.assert_array_equal(tiles.data, found.tiles(show_progressbar=False).data)


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def changed_in_the_middle(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def emptied(path):
    path.write_bytes(b"")


def replaced(path):
    np.savez(path, score=np.ones(3))


def pickled(path):
    np.save(path.with_suffix(".npy"), np.array([{}], object), allow_pickle=True)
    path.with_suffix(".npy").rename(path)


@pytest.mark.parametrize("spoil", [cut_short, changed_in_the_middle, emptied, replaced, pickled])
@pytest.mark.parametrize("name", ["candidates_stage1_frame000003.npz", "motif_stage2.npz"])
def test_damaged_results_are_computed_again(
    working, originals, roi, plain, reads, spoil, name
) -> None:
    spoil(working / name)
    assert [row.file.name for row in listed(working) if not row.intact] == [name]
    with pytest.warns(SeriesWarning, match=name) as caught:
        found = hyperspy_smartalign.template_match(
            originals, roi, working_folder=working, num_workers=1, show_progressbar=False
        )
    assert [warning.filename for warning in caught] == [__file__]
    assert_same(found, plain)
    # For an average, one more tells the level.
    assert len(reads) == ALWAYS + (1 if "frame" in name else N + 1)
    assert all(row.intact for row in listed(working))


def test_every_byte_counts(tmp_path, kept) -> None:
    """A flipped bit is noticed, or does not matter: the same arrays are read."""
    from hyperspy_smartalign.signals.motif import intermediate_files

    path = next(kept.glob("candidates_stage0_*"))
    whole = intermediate_files.read(path)
    content = path.read_bytes()
    spoiled = tmp_path / "spoiled.npz"
    rng = np.random.default_rng(0)
    noticed = 0
    for place in rng.choice(len(content), 300, replace=False):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        spoiled.write_bytes(changed)
        try:
            found = intermediate_files.read(spoiled)
        except intermediate_files.DamagedFileError:
            noticed += 1
            continue
        assert found.record == whole.record
        for name, array in whole.arrays.items():
            np.testing.assert_array_equal(found.arrays[name], array)
    assert noticed > 200


class TestFoldersOfOthers:
    def test_nothing_is_written_into_them(self, tmp_path, originals, roi) -> None:
        files = Path(shutil.copytree(originals, tmp_path / "files"))
        before = names(files)
        with pytest.raises(WorkingFolderError, match=r"holds other files \(MoS2_.*and 2 more\)"):
            match(files, roi, working_folder=files)
        assert names(files) == before
        with pytest.raises(NotADirectoryError, match="is a file"):
            match(files, roi, working_folder=files / before[0])
        with pytest.raises(FileNotFoundError, match="make it first"):
            match(files, roi, working_folder=tmp_path / "no" / "such")
        (tmp_path / "locked").mkdir()
        (tmp_path / "locked" / "lock").write_text("mine")
        with pytest.raises(WorkingFolderError, match=r"other files \(lock\)"):
            match(files, roi, working_folder=tmp_path / "locked")
        assert (tmp_path / "locked" / "lock").read_text() == "mine"
        (tmp_path / "empty").mkdir()
        match(files, roi, working_folder=tmp_path / "empty", refine=0)
        assert MARKER in names(tmp_path / "empty")

    def test_one_at_a_time(self, working, originals, roi) -> None:
        lock = FolderLock(working)
        lock.take()
        try:
            with pytest.raises(FolderInUseError, match="is working on the same"):
                match(originals, roi, working_folder=working)
            with pytest.raises(FolderInUseError):
                hyperspy_smartalign.clean_up(working)
        finally:
            lock.release()
        match(originals, roi, working_folder=working)

    def test_a_folder_that_cannot_be_written(self, tmp_path, originals, roi, monkeypatch) -> None:
        folder = tmp_path / "mine"

        def refuse(*_, **__):
            raise PermissionError(13, "Permission denied", str(folder / "lock"))

        with monkeypatch.context() as patch:
            patch.setattr(FolderLock, "_create", refuse)
            with pytest.raises(PermissionError) as raised:
                match(originals, roi, working_folder=folder)
        assert str(raised.value) == (
            f"working_folder {str(folder)!r} cannot be written: Permission denied; give another "
            "folder."
        )
        with monkeypatch.context() as patch:
            patch.setattr("os.access", lambda *_: False)  # root may write everywhere
            for _ in ("is made", "is there"):
                with pytest.raises(PermissionError, match=r"^working_folder .*mine' cannot be wri"):
                    match(originals, roi, working_folder=folder)
                folder.mkdir(exist_ok=True)
        (tmp_path / "file").write_text("mine")
        with pytest.raises(
            NotADirectoryError, match=r"working_folder .* cannot be made, as .*file"
        ):
            match(originals, roi, working_folder=tmp_path / "file" / "a" / "b")
        with pytest.raises(OSError, match=r"^working_folder .* cannot be written: .*; give"):
            match(originals, roi, working_folder=tmp_path / ("long" * 100))

    def test_a_disk_that_is_full(self, tmp_path, originals, roi, monkeypatch) -> None:
        from hyperspy_smartalign.signals.motif import intermediate_files

        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(intermediate_files.np, "savez", full)
        with pytest.raises(OSError, match=r"cannot be kept in .*No space left.*goes on"):
            match(originals, roi, working_folder=tmp_path / "working")
        assert names(tmp_path / "working") == [MARKER]


class TestCleanUp:
    def test_all_is_removed(self, working) -> None:
        before = set(working.iterdir())
        removed = hyperspy_smartalign.clean_up(working)
        assert not working.exists()
        assert set(removed) == before | {working}
        assert removed[-1] == working
        with pytest.raises(FileNotFoundError, match="there is no folder"):
            hyperspy_smartalign.clean_up(working)
        with pytest.raises(FileNotFoundError, match="there is no folder"):
            hyperspy_smartalign.intermediates(working)

    def test_files_of_others_stay(self, tmp_path, working) -> None:
        outside = tmp_path / "candidates_stage0_frame000099.npz"
        outside.write_text("mine")
        foreign = ["notes.txt", "motif_stage1.npz.bak", "candidates.npz", "motif_stage1.csv"]
        for name in foreign:
            (working / name).write_text("mine")
        (working / "motif_stage7.npz").mkdir()
        (working / "candidates_stage0_frame000099.npz").symlink_to(outside)
        removed = hyperspy_smartalign.clean_up(working)
        assert len(removed) == 3 * N + 2 + 1
        assert names(working) == sorted(
            [*foreign, "motif_stage7.npz", "candidates_stage0_frame000099.npz"]
        )
        assert outside.read_text() == "mine"

    def test_other_folders_are_refused(self, tmp_path, originals) -> None:
        files = Path(shutil.copytree(originals, tmp_path / "files"))
        (files / "motif_stage1.npz").write_text("mine")
        before = names(files)
        with pytest.raises(WorkingFolderError, match=r"no working folder.*nothing was removed"):
            hyperspy_smartalign.clean_up(files)
        with pytest.raises(WorkingFolderError, match=r"no working folder.*nothing to list"):
            hyperspy_smartalign.intermediates(files)
        assert names(files) == before

    def test_after_it_the_search_starts_anew(self, working, originals, roi, plain, reads) -> None:
        hyperspy_smartalign.clean_up(str(working))
        assert_same(match(originals, roi, working_folder=str(working)), plain)
        assert len(reads) == ALWAYS + 5 * N + 2  # and a look at the level of each average
