"""template_match over a folder of files, selected frames, and lazily."""

from __future__ import annotations

import logging
import warnings

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import loading
from hyperspy_smartalign.signals.calibrating import SeriesFileError
from hyperspy_smartalign.signals.motif import lazy_tiles, searching
from hyperspy_smartalign.signals.validating import NotASeriesError
from hyperspy_smartalign.transforms import AlignmentMismatchError

SIDE = 24
# In natural order; by name, 10 and 11 would come before 2.
NUMBERS = (1, 2, 9, 10, 11)


@pytest.fixture(scope="module")
def simulated():
    return simulate_series(shape=(96, 111), frames=len(NUMBERS), dose=30, scale=0.024, seed=3)


@pytest.fixture(scope="module")
def series(simulated):
    simulated.series.data.flags.writeable = False
    return simulated.series


@pytest.fixture(scope="module")
def roi(simulated):
    """A region about a heavy column in the middle of frame 0."""
    crystal = simulated.crystal
    found = crystal.positions[crystal.species == 0] + simulated.truth.shifts[0]
    column = found[np.argmin(np.linalg.norm(found - (48, 55), axis=1))]
    top, left = (int(n) for n in np.rint(column - (SIDE - 1) / 2))
    return left, left + SIDE, top, top + SIDE


@pytest.fixture(scope="module")
def folder(tmp_path_factory, series):
    path = tmp_path_factory.mktemp("MoS2")
    for place, number in enumerate(NUMBERS):
        series.inav[place].save(path / f"MoS2_[{number}].hspy")
    return path


@pytest.fixture(scope="module")
def tiles(series, roi):
    return series.template_match(roi, show_progressbar=False)


def match(target, template, **keywords):
    return hyperspy_smartalign.template_match(target, template, show_progressbar=False, **keywords)


def assert_same(found, expected):
    np.testing.assert_array_equal(found.data, expected.data)
    table, other = found.smartalign.matches, expected.smartalign.matches
    for name, column in other.columns.items():
        np.testing.assert_array_equal(table.columns[name], column)
    np.testing.assert_array_equal(table.motif, other.motif)


@pytest.mark.parametrize("kind", ["folder", "pattern", "list", "signals", "lazy signals", "series"])
def test_all_targets_give_the_same_tiles(folder, series, tiles, roi, kind) -> None:
    target = {
        "folder": lambda: folder,
        "pattern": lambda: f"{folder}/MoS2_*.hspy",
        "list": lambda: [folder / f"MoS2_[{number}].hspy" for number in NUMBERS],
        "signals": lambda: [series.inav[i] for i in range(len(NUMBERS))],
        "lazy signals": lambda: [series.inav[i].as_lazy() for i in range(len(NUMBERS))],
        "series": lambda: series,
    }[kind]()
    found = match(target, roi)
    assert not found._lazy
    assert_same(found, tiles)
    assert found.smartalign.matches.parent.n_frames == len(NUMBERS)


def test_one_file_is_one_image(folder, series, roi) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SeriesWarning)
        found = match(folder / "MoS2_[1].hspy", roi)
    assert_same(found, series.inav[0].template_match(roi, show_progressbar=False))


def test_selected_frames_keep_their_numbers(folder, series, roi) -> None:
    found = match(folder, roi, frames=[3, 0])
    table = found.smartalign.matches
    assert set(table.frame) == {0, 3}
    assert table.parent.n_frames == len(NUMBERS)
    *_, step = found.metadata.Smart_align.steps
    assert list(step["parameters"]["frames"]) == [0, 3]
    two = hs.stack([series.inav[0], series.inav[3]])
    alone = two.template_match(roi, show_progressbar=False)
    np.testing.assert_array_equal(found.data, alone.data)
    np.testing.assert_array_equal(table.frame, 3 * alone.smartalign.matches.frame)
    # A region is one of the first frame that takes part.
    later = match(folder, roi, frames=np.array([1, 2]), refine=0)
    left, right, top, bottom = roi
    np.testing.assert_array_equal(
        later.smartalign.matches.motif, series.data[1, top:bottom, left:right]
    )
    by_method = series.template_match(roi, frames=[1, 2], refine=0, show_progressbar=False)
    assert_same(by_method, later)
    assert "from 2 frame(s)" in repr(later.smartalign.matches)


def test_selected_frames_of_an_aligned_series(series, roi) -> None:
    aligned = series.align_rigid(exclude=[1], show_progressbar=False)
    left, right, top, bottom = roi
    inside = (left - 4, right - 4, top - 2, bottom - 2)
    found = match(aligned, inside, frames=(0, 1, 4))
    whole = match(aligned, inside)
    assert set(found.smartalign.matches.frame) == {0, 4}
    rows = np.isin(whole.smartalign.matches.frame, (0, 4))
    np.testing.assert_array_equal(found.data, whole.data[rows])


def test_the_number_of_matches_is_told(folder, roi, caplog, tiles) -> None:
    with caplog.at_level(logging.INFO, "hyperspy_smartalign"):
        match(folder, roi)
    count = len(tiles.data)
    assert f"{count} matches in {len(NUMBERS)} frames" in caplog.text


def test_lazy_tiles_are_the_same(folder, series, tiles, roi) -> None:
    lazy = match(folder, roi, lazy_output=True)
    assert lazy._lazy
    assert isinstance(lazy, hs.signals.Signal2D)
    # One chunk a frame: none is so large that it is split.
    assert len(lazy.data.chunks[0]) == len(NUMBERS)
    assert lazy.data[0].nbytes * max(lazy.data.chunks[0]) < lazy_tiles.CHUNK_BYTES
    computed = lazy.deepcopy()
    computed.compute(show_progressbar=False)
    assert_same(computed, tiles)
    in_memory = series.template_match(roi, lazy_output=True, show_progressbar=False)
    np.testing.assert_array_equal(in_memory.data.compute(), tiles.data)
    average = lazy.smartalign.average(variance=True)
    expected = tiles.smartalign.average(variance=True)
    np.testing.assert_allclose(average.data.compute(), expected.data, rtol=1e-5)
    found = series.smartalign.find_motif(roi, show_progressbar=False)
    assert found.tiles(lazy_output=True, show_progressbar=False)._lazy


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the series shows no distortion")
def test_lazy_tiles_go_on(tmp_path, tiles, series, roi) -> None:
    lazy = series.template_match(roi, lazy_output=True, show_progressbar=False)
    few = np.arange(0, len(tiles.data), 20)
    some = lazy.smartalign.select_tiles(few)
    assert some._lazy
    options = {"affine_cycles": 1, "nonlinear_cycles": 1, "show_progressbar": False}
    aligned = some.align_nonrigid(**options)
    assert aligned._lazy
    expected = tiles.smartalign.select_tiles(few).align_nonrigid(**options)
    np.testing.assert_allclose(aligned.data.compute(), expected.data, rtol=1e-4, atol=1e-3)
    for suffix in ("zspy", "hspy"):
        path = tmp_path / f"tiles.{suffix}"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The NestedDirectoryStore")
            lazy.save(path, show_progressbar=False)
        assert_same(hs.load(path), tiles)


def test_turned_and_up_sampled_lazily(series, roi) -> None:
    options = {"angles": (0, 90), "upsample": 1.5, "refine": 0, "show_progressbar": False}
    eager = series.template_match(roi, **options)
    lazy = series.template_match(roi, lazy_output=True, **options)
    np.testing.assert_array_equal(lazy.data.compute(), eager.data)
    aligned = series.align_rigid(show_progressbar=False)
    eager = aligned.template_match(roi, show_progressbar=False)
    lazy = aligned.template_match(roi, lazy_output=True, show_progressbar=False)
    np.testing.assert_array_equal(lazy.data.compute(), eager.data)


def test_tiles_that_were_not_observed_are_left_out_lazily_too(series, roi) -> None:
    second = series.deepcopy()
    second.data = second.data.astype(np.float32)
    second.data[2, 40:70] = np.nan
    second.data[3] = np.nan
    eager = series.template_match(roi, source=second, show_progressbar=False)
    lazy = series.template_match(roi, source=second, lazy_output=True, show_progressbar=False)
    assert set(eager.smartalign.matches.frame) == {0, 1, 2, 4}
    np.testing.assert_array_equal(lazy.data.compute(), eager.data)
    np.testing.assert_array_equal(lazy.smartalign.matches.y, eager.smartalign.matches.y)


def test_large_chunks_are_split(series, tiles, roi, monkeypatch) -> None:
    monkeypatch.setattr(lazy_tiles, "CHUNK_BYTES", 10 * SIDE * SIDE * 4)
    lazy = series.template_match(roi, lazy_output=True, show_progressbar=False)
    assert max(lazy.data.chunks[0]) == 10
    np.testing.assert_array_equal(lazy.data.compute(), tiles.data)


def test_each_frame_may_have_its_threshold(series, roi) -> None:
    given = [0.5, 0.6, 0.7, 0.8, 0.9]
    found = series.template_match(roi, threshold=given, show_progressbar=False)
    table = found.smartalign.matches
    np.testing.assert_array_equal(table.threshold, given)
    for frame, least in enumerate(given):
        assert (table.score[table.frame == frame] >= least).all()
    with pytest.raises(ValueError, match=r"5 numbers, and 2 frame\(s\)"):
        series.template_match(roi, threshold=given, frames=[0, 1])


class TestFilesThatAreNotSelected:
    """A file that is cut short harms only where it takes part."""

    @pytest.fixture
    def damaged(self, tmp_path, series):
        path = tmp_path / "damaged"
        path.mkdir()
        for place, number in enumerate(NUMBERS):
            series.inav[place].save(path / f"MoS2_[{number}].hspy")
        whole = (path / "MoS2_[9].hspy").read_bytes()
        (path / "MoS2_[9].hspy").write_bytes(whole[: len(whole) // 2])
        return path

    @pytest.mark.parametrize("lazy_output", [False, True])
    def test_they_are_not_opened(self, damaged, folder, roi, caplog, lazy_output) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = match(f"{damaged}/MoS2_*.hspy", roi, frames=[3, 0], lazy_output=lazy_output)
            expected = match(f"{folder}/MoS2_*.hspy", roi, frames=[0, 3])
        assert not caplog.records
        assert_same(found, expected)
        table = found.smartalign.matches
        assert set(table.frame) == {0, 3}
        assert table.parent.n_frames == len(NUMBERS)
        loaded = table.parent.steps[0]
        # All files, so that others are known to be in the same order.
        assert list(loaded["parameters"]["files"]) == [f"MoS2_[{n}].hspy" for n in NUMBERS]

    def test_one_that_is_selected_is_named(self, damaged, roi) -> None:
        for frames in (None, [0, 2], [2]):
            with pytest.raises(SeriesFileError, match=r"MoS2_\[9\]\.hspy"):
                match(damaged, roi, frames=frames)
        # The average is that of all frames, whichever the tiles are cut out of.
        with pytest.raises(SeriesFileError, match=r"MoS2_\[9\]\.hspy"):
            match(damaged, roi, frames=[0, 3], search="average")

    def test_same_as_all_files_read(self, folder, series, roi) -> None:
        found = match(folder, roi, frames=[1, 3, 4])
        assert_same(found, series.template_match(roi, frames=[1, 3, 4], show_progressbar=False))
        mixed = match(folder, roi, frames=[4, 1])
        assert mixed.axes_manager.signal_axes[0].scale == pytest.approx(
            series.axes_manager.signal_axes[0].scale
        )
        assert mixed.metadata.General.title == found.metadata.General.title

    def test_frames_that_do_not_exist_are_named_all_the_same(self, damaged, roi) -> None:
        for frames, message in (([0, 12], "holds 12, and there are 5 frames"), ([-1, 0], "-1")):
            with pytest.raises(ParameterError, match=message):
                match(damaged, roi, frames=frames)

    def test_tiles_fit_all_files_of_a_second_signal(
        self, tmp_path, damaged, folder, series, roi
    ) -> None:
        second = tmp_path / "second"
        second.mkdir()
        for place in range(len(NUMBERS)):
            (series.inav[place] * 2.0).save(second / f"ABF_{place}.hspy")
        tiles = match(damaged, roi, frames=[0, 3])
        expected = match(series, roi, frames=[0, 3])
        options = {"show_progressbar": False}
        applied = hyperspy_smartalign.apply_alignment(tiles, second, **options)
        whole = hyperspy_smartalign.load_series(second)
        np.testing.assert_array_equal(applied.data, whole.apply_alignment(expected, **options).data)
        np.testing.assert_allclose(applied.data, 2 * tiles.data, rtol=1e-5)
        names = [second / f"ABF_{place}.hspy" for place in (0, 3)]
        with pytest.raises(AlignmentMismatchError, match=r"frames 0, 3 of 5.*all 5 files") as told:
            hyperspy_smartalign.apply_alignment(tiles, names, **options)
        assert "Slicing" not in str(told.value)

    def test_one_selected_frame_is_no_average(self, folder, series, roi) -> None:
        tiles = match(folder, roi, frames=[0])
        applied = series.apply_alignment(tiles, show_progressbar=False)
        # Other kernels, whose sums may be in another order.
        np.testing.assert_allclose(applied.data, tiles.data, rtol=1e-6)

    def test_order_of_the_files_is_checked(self, damaged, folder, roi) -> None:
        tiles = match(damaged, roi, frames=[0, 3])
        files = sorted(folder.iterdir())  # by name: 1, 10, 11, 2, 9
        with pytest.raises(AlignmentMismatchError, match="another order"):
            hyperspy_smartalign.apply_alignment(tiles, files, show_progressbar=False)

    def test_working_folder_goes_on(self, tmp_path, damaged, roi, monkeypatch) -> None:
        options = {"refine": 0, "working_folder": tmp_path / "work"}
        first = match(damaged, roi, frames=[0, 3], **options)
        asked = []
        original = searching.ChosenFrames.frame

        def frame(self, index):
            asked.append(int(self.kept[index]))
            return original(self, index)

        monkeypatch.setattr(searching.ChosenFrames, "frame", frame)
        assert_same(match(damaged, roi, frames=[0, 3], **options), first)
        assert 3 not in asked  # the motif is a region of frame 0
        more = match(damaged, roi, frames=[0, 3, 4], **options)
        assert_same(more, match(damaged, roi, frames=[0, 3, 4], refine=0))

    def test_tiles_are_cut_out_of_files_of_which_others_are_damaged(
        self, tmp_path, damaged, series, roi
    ) -> None:
        """As where one file holds the image and the spectra, or the same files are cut again."""
        tiles = match(damaged, roi, frames=[0, 3])
        options = {"show_progressbar": False}
        again = hyperspy_smartalign.apply_alignment(tiles, damaged, **options)
        assert not again._lazy
        np.testing.assert_allclose(again.data, tiles.data, rtol=1e-6)
        with pytest.raises(SeriesFileError, match=r"MoS2_\[9\]\.hspy"):
            hyperspy_smartalign.apply_alignment(
                match(series, roi, frames=[0, 2]), damaged, **options
            )
        spectra = tmp_path / "spectra"
        spectra.mkdir()
        counts = np.random.default_rng(1).poisson(2, (*series.data.shape, 3)).astype(np.uint16)
        for place in range(len(NUMBERS)):
            entry = hs.signals.Signal1D(counts[place])
            for axis, own in zip(
                entry.axes_manager.navigation_axes, series.axes_manager.signal_axes, strict=True
            ):
                axis.name, axis.scale, axis.units = own.name, own.scale, own.units
            entry.save(spectra / f"map_{place}.hspy")
        expected = hyperspy_smartalign.load_series(spectra).apply_alignment(tiles, **options)
        (spectra / "map_1.hspy").write_bytes(b"cut short")
        found = hyperspy_smartalign.apply_alignment(tiles, spectra, **options)
        np.testing.assert_array_equal(found.data, expected.data)

    def test_unit_cell_is_one_of_a_selected_frame(self, damaged, series) -> None:
        found = match(damaged, "unit cell", frames=[3, 4], refine=0)
        cell = series.inav[3].smartalign.unit_cell()
        assert_same(found, match(series, cell, frames=[3, 4], refine=0))

    def test_files_that_hold_series_are_all_opened(self, tmp_path, series, roi) -> None:
        series.inav[:2].save(tmp_path / "a.hspy")
        series.inav[2:].save(tmp_path / "b.hspy")
        found = match(tmp_path, roi, frames=[1, 3])
        assert_same(found, series.template_match(roi, frames=[1, 3], show_progressbar=False))

    def test_aligned_files_are_all_opened(self, tmp_path, series, roi) -> None:
        """They hold the alignment of the series, and their average is searched."""
        aligned = series.align_rigid(show_progressbar=False)
        for place in range(len(NUMBERS)):
            aligned.inav[place].save(tmp_path / f"aligned_{place}.hspy")
        left, right, top, bottom = roi
        inside = (left - 4, right - 4, top - 2, bottom - 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SeriesWarning)
            found = match(tmp_path, inside, frames=[3, 4])
            whole = hyperspy_smartalign.load_series(tmp_path)
            expected = whole.template_match(inside, frames=[3, 4], show_progressbar=False)
        assert_same(found, expected)

    @pytest.mark.parametrize("signal", [None, "HAADF", 0])
    def test_files_of_several_detectors(self, series, folder, roi, monkeypatch, signal) -> None:
        """Files with an image and spectra, as of one scan."""
        spectra = hs.signals.Signal1D(np.ones((*series.data.shape[1:], 4)))
        spectra.metadata.General.title = "EELS"
        opened = []

        def load(path, lazy=False):
            if lazy:
                raise ValueError("this reader cannot do that")
            opened.append(path.name)
            image = series.inav[NUMBERS.index(int(path.stem[6:-1]))]
            image.metadata.General.title = "HAADF"
            return [image, spectra.deepcopy()]

        monkeypatch.setattr(loading.hs, "load", load)
        found = match(folder, roi, frames=[2, 4], signal=signal)
        assert opened == ["MoS2_[9].hspy", "MoS2_[11].hspy"]
        assert_same(found, series.template_match(roi, frames=[2, 4], show_progressbar=False))

    def test_files_that_differ_are_both_named(self, tmp_path, series, roi) -> None:
        for place in range(4):
            frame = series.inav[place] if place < 3 else series.inav[place].isig[:-2, :]
            frame.save(tmp_path / f"{place}.hspy")
        match(tmp_path, roi, frames=[1, 2])
        with pytest.raises(SeriesFileError, match=r"3\.hspy' and .*1\.hspy' differ in size"):
            match(tmp_path, roi, frames=[1, 3])


class TestBadInput:
    def test_frames(self, series, roi) -> None:
        for frames, message in (
            ([0, 5], "holds 5, and there are 5 frames"),
            ([-1], "holds -1"),
            ([], "frames=.. is not allowed|leaves nothing"),
            ([0.5], "list of frame numbers"),
            ([True], "list of frame numbers"),
            ("all", "list of frame numbers"),
        ):
            with pytest.raises(ParameterError, match=message):
                series.template_match(roi, frames=frames)
        aligned = series.align_rigid(exclude=[1], show_progressbar=False)
        with pytest.raises(ParameterError, match="excluded all"):
            aligned.template_match(roi, frames=[1])

    def test_targets(self, tmp_path, folder, series, roi) -> None:
        with pytest.raises(FileNotFoundError, match="no file matches"):
            match(f"{folder}/MoS3_*.hspy", roi)
        with pytest.raises(TypeError, match="the target is no file"):
            match(series, roi, signal=0)
        with pytest.raises(TypeError, match="the target is no file"):
            match([series.inav[0]], roi, reader={"stack": False})
        with pytest.raises(TypeError, match="Did you mean 'threshold'"):
            match(folder, roi, treshold=0.5)
        spectra = hs.signals.Signal1D(np.ones((3, 4, 5, 8)))
        spectra.save(tmp_path / "spectra.hspy")
        with pytest.raises(NotASeriesError, match="holds no images"):
            match(tmp_path / "spectra.hspy", roi)

    def test_warnings_name_the_line_of_the_user(self, folder, tiles) -> None:
        motif = tiles.smartalign.average()
        for axis in motif.axes_manager.signal_axes:
            axis.scale, axis.units = 1, "px"
        with pytest.warns(SeriesWarning, match="cannot be compared") as caught:
            match_here = hyperspy_smartalign.template_match(
                folder, motif, refine=0, show_progressbar=False
            )
        assert caught[0].filename == __file__
        assert len(match_here.data)
