"""``smartalign motif`` from files to files, and ``smartalign clean-up``."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import hyperspy.api as hs
import numpy as np
import pytest
from click.testing import Result

import hyperspy_smartalign
from hyperspy_smartalign.cli.motif_options import NONRIGID, frame_numbers
from hyperspy_smartalign.data import SimulatedSeries, simulate_series
from hyperspy_smartalign.parameters import NonrigidParameters, ParameterError
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.spectra import checkpoints

Run = Callable[..., Result]

FRAMES = 3
REGION = "12,40,12,40"
WRITTEN = {"tiles.hspy", "tiles_average.hspy", "tiles_matches.csv", "tiles_motif.png"}


@pytest.fixture(scope="session")
def scanned() -> SimulatedSeries:
    """Three frames of a crystal on two detectors, with spectra."""
    return simulate_series(
        shape=(72, 80),
        frames=FRAMES,
        dose=200,
        drift=(0.6, -0.4),
        second_detector=True,
        spectrum_image="EELS",
        channels=12,
        seed=1,
    )


@pytest.fixture(scope="session")
def files(scanned: SimulatedSeries, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with series.hspy, second.hspy, spectra.hspy, and a file a frame in frames."""
    folder = tmp_path_factory.mktemp("scanned")
    scanned.series.save(folder / "series.hspy")
    scanned.second.save(folder / "second.hspy")
    scanned.spectrum_image.save(folder / "spectra.hspy")
    (folder / "frames").mkdir()
    for number in range(FRAMES):
        scanned.series.inav[number].save(folder / "frames" / f"Name_[{number + 1:03d}].hspy")
        scanned.second.inav[number].save(folder / "frames" / f"BF_{number + 8}.hspy")
    return folder


@pytest.fixture(scope="session")
def expected(scanned: SimulatedSeries) -> Any:
    """What the verb makes of the series."""
    return scanned.series.template_match((12, 40, 12, 40), show_progressbar=False)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestFiles:
    """What is written and said."""

    def test_tiles_average_table_and_figure(
        self, run: Run, files: Path, tmp_path: Path, expected: Any
    ) -> None:
        out = tmp_path / "tiles.hspy"
        result = run("motif", files / "series.hspy", "--template", REGION, "-o", out)
        assert result.exit_code == 0, result.stderr
        assert names(tmp_path) == WRITTEN
        tiles = hs.load(out)
        np.testing.assert_array_equal(tiles.data, expected.data)
        average = hs.load(tmp_path / "tiles_average.hspy")
        np.testing.assert_allclose(average.data, expected.data.mean(axis=0), rtol=1e-5)
        with (tmp_path / "tiles_matches.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [float(row["score"]) for row in rows] == expected.smartalign.matches.score.tolist()
        assert (tmp_path / "tiles_motif.png").read_bytes()[:4] == b"\x89PNG"

        counts = np.bincount(expected.smartalign.matches.frame)
        assert f"{len(expected.data)} of 28 x 28 px from 3 frames" in result.stdout
        assert f"0: {counts[0]}, 1: {counts[1]}, 2: {counts[2]}" in result.stdout
        assert "threshold" in result.stdout
        for name in WRITTEN:
            assert f"Wrote {tmp_path / name}" in result.stderr

    def test_options_reach_the_verb(self, run: Run, files: Path, tmp_path: Path) -> None:
        out = tmp_path / "tiles.zspy"
        result = run(
            *("motif", files / "series.hspy", "--template", REGION, "-o", out, "-q"),
            *("--threshold", 0.5, "--refine", 1, "--upsample", 2, "--coverage", 0.5),
            *("--angles", "0,180", "--mirror", "--overlap", 0.9, "--min-distance", 9),
            *("--subpixel", "parabola", "--interpolation", "linear", "--search", "frames"),
        )
        assert (result.exit_code, result.output) == (0, "")
        tiles = hs.load(out)
        assert tiles.data.shape[1:] == (56, 56)
        (step,) = (s for s in recording.steps_of(tiles) if s["name"] == "template_match")
        told = dict(step["parameters"])
        for name, value in {
            "refine": 1,
            "upsample": 2,
            "coverage": 0.5,
            "mirror": True,
            "overlap": 0.9,
            "min_distance": 9,
            "subpixel": "parabola",
            "interpolation": "linear",
            "search": "frames",
        }.items():
            assert told[name] == value, name
        assert names(tmp_path) == {
            *("tiles.zspy", "tiles_average.zspy", "tiles_matches.csv", "tiles_motif.png")
        }

    def test_a_template_from_another_file(
        self, run: Run, files: Path, tmp_path: Path, scanned: SimulatedSeries, expected: Any
    ) -> None:
        motif = scanned.series.inav[0].isig[12:40, 12:40]
        motif.save(tmp_path / "motif.hspy")
        np.save(tmp_path / "motif.npy", motif.data)
        for name in ("motif.hspy", "motif.npy"):
            out = tmp_path / f"{Path(name).suffix[1:]}_tiles.hspy"
            result = run("motif", files / "series.hspy", "--template", tmp_path / name, "-o", out)
            assert result.exit_code == 0, result.stderr
            np.testing.assert_array_equal(hs.load(out).data, expected.data)

    def test_the_unit_cell_is_found(self, run: Run, files: Path, tmp_path: Path) -> None:
        out = tmp_path / "tiles.hspy"
        result = run("motif", files / "series.hspy", "--template", "unit-cell", "-o", out)
        assert result.exit_code == 0, result.stderr
        assert hs.load(out).data.shape[0] > FRAMES

    def test_some_frames_of_a_folder(
        self, run: Run, files: Path, tmp_path: Path, expected: Any
    ) -> None:
        out = tmp_path / "tiles.hspy"
        result = run(
            *("motif", files / "frames" / "Name_*.hspy", "--template", REGION, "-o", out),
            *("--frames", "0,2"),
        )
        assert result.exit_code == 0, result.stderr
        assert set(hs.load(out).smartalign.matches.frame) == {0, 2}
        assert "from 2 frames" in result.stdout
        assert "1: " not in result.stdout

    def test_rigid_alignment_first(self, run: Run, files: Path, tmp_path: Path) -> None:
        out = tmp_path / "tiles.hspy"
        result = run("motif", files / "series.hspy", "--template", REGION, "-o", out, "--align")
        assert result.exit_code == 0, result.stderr
        assert "Aligning 3 frames" in result.stderr
        assert "second time" not in result.stderr
        steps = [step["name"] for step in recording.steps_of(hs.load(out))]
        assert steps.index("align_rigid") < steps.index("template_match")
        # The same places in every frame, displaced by the drift.
        table = hs.load(out).smartalign.matches
        counts = np.bincount(table.frame)
        assert counts.max() - counts.min() <= counts.max() // 4

    def test_frames_left_on_disk(
        self, run: Run, files: Path, tmp_path: Path, expected: Any
    ) -> None:
        out = tmp_path / "tiles.hspy"
        result = run("motif", files / "series.hspy", "--template", REGION, "-o", out, "--lazy")
        assert result.exit_code == 0, result.stderr
        np.testing.assert_array_equal(hs.load(out).data, expected.data)

    def test_an_aligned_series_and_its_source(self, run: Run, files: Path, tmp_path: Path) -> None:
        aligned, out = tmp_path / "aligned.hspy", tmp_path / "tiles.hspy"
        assert run("rigid", files / "series.hspy", "-o", aligned).exit_code == 0
        result = run(
            *("motif", aligned, "--source", files / "series.hspy"),
            *("--template", REGION, "-o", out),
        )
        assert result.exit_code == 0, result.stderr
        assert "second time" not in result.stderr

    def test_aligned_tiles(self, run: Run, files: Path, tmp_path: Path) -> None:
        out = tmp_path / "tiles.hspy"
        result = run(
            *("motif", files / "series.hspy", "--template", REGION, "-o", out, "--nonrigid"),
            *("--nonrigid-affine-cycles", 0, "--nonrigid-nonlinear-cycles", 1),
        )
        assert result.exit_code == 0, result.stderr
        tiles = hs.load(out)
        assert recording.has_alignment(tiles)
        assert recording.has_matches(tiles)
        said = run("info", out).stdout
        assert f"alignment  {len(tiles.data)} tiles of 28 x 28 px" in said
        assert "excluded   no tile" in said
        assert "drift" not in said  # from one tile to the next nothing drifts

    def test_info(self, run: Run, files: Path, tmp_path: Path, expected: Any) -> None:
        expected.save(tmp_path / "tiles.hspy")
        result = run("info", tmp_path / "tiles.hspy")
        assert result.exit_code == 0, result.stderr
        table = expected.smartalign.matches
        assert f"tiles      {len(table)} of 28 x 28 px from 3 frames" in result.stdout
        assert f"threshold  {table.threshold[0]:.3g}" in result.stdout
        assert "template_match: search frames, template" in result.stdout
        assert "top 12" in result.stdout
        assert f"shape      {len(table)} tiles of 28 x 28 px" in result.stdout
        assert f"axis       tile: {len(table)}," in result.stdout
        assert "axis       frame" not in result.stdout


class TestOtherSignals:
    """The same tiles of a second detector and of spectra."""

    def test_second_detector_and_spectra(
        self, run: Run, files: Path, tmp_path: Path, scanned: SimulatedSeries, expected: Any
    ) -> None:
        result = run(
            *("motif", files / "series.hspy", "--template", REGION),
            *("-o", tmp_path / "tiles.hspy", "--second", files / "second.hspy"),
            *("--spectra", files / "spectra.hspy", "--signal-range", "2,10", "--binning", 2),
        )
        assert result.exit_code == 0, result.stderr
        assert names(tmp_path) == WRITTEN | {
            *("tiles_second.hspy", "tiles_second_average.hspy", "tiles_spectra.hspy")
        }
        second = hs.load(tmp_path / "tiles_second.hspy")
        wanted = scanned.second.apply_alignment(expected, show_progressbar=False)
        np.testing.assert_array_equal(second.data, wanted.data)
        spectra = hs.load(tmp_path / "tiles_spectra.hspy")
        assert spectra.data.shape == (28, 28, 4)
        wanted = scanned.spectrum_image.apply_alignment(
            expected, signal_range=(2, 10), binning=2, show_progressbar=False
        )
        np.testing.assert_allclose(spectra.data, wanted.data, rtol=1e-5)
        assert f"Wrote {tmp_path / 'tiles_spectra.hspy'}" in result.stderr

    def test_tiles_that_were_written_are_applied(
        self, run: Run, files: Path, tmp_path: Path, scanned: SimulatedSeries, expected: Any
    ) -> None:
        expected.save(tmp_path / "tiles.hspy")
        second, spectra = tmp_path / "second.hspy", tmp_path / "spectra.hspy"
        result = run("apply", tmp_path / "tiles.hspy", files / "second.hspy", "-o", second)
        assert result.exit_code == 0, result.stderr
        wanted = scanned.second.apply_alignment(expected, show_progressbar=False)
        np.testing.assert_allclose(hs.load(second).data, wanted.data, rtol=1e-5)
        result = run("apply", tmp_path / "tiles.hspy", files / "spectra.hspy", "-o", spectra)
        assert result.exit_code == 0, result.stderr
        assert hs.load(spectra).data.shape == (28, 28, 12)

    def test_spectra_go_on_after_they_were_cancelled(
        self,
        run: Run,
        files: Path,
        tmp_path: Path,
        expected: Any,
        scanned: SimulatedSeries,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def cancel(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(checkpoints, "put_in_place", cancel)
        cancelled = run(
            *("motif", files / "series.hspy", "--template", REGION),
            *("-o", tmp_path / "tiles.hspy", "--spectra", files / "spectra.hspy"),
        )
        monkeypatch.undo()
        assert cancelled.exit_code == 1
        assert names(tmp_path) == WRITTEN | {".tiles_spectra.hspy.smartalign"}
        _, _, command = cancelled.stderr.partition("smartalign apply ")
        resumed = run("apply", *command.splitlines()[0].split())
        assert resumed.exit_code == 0, resumed.stderr
        assert names(tmp_path) == WRITTEN | {"tiles_spectra.hspy"}
        wanted = scanned.spectrum_image.apply_alignment(expected, show_progressbar=False)
        found = hs.load(tmp_path / "tiles_spectra.hspy")
        np.testing.assert_allclose(found.data, wanted.data, rtol=1e-5)

    def test_files_that_the_shell_made_images_of(
        self, run: Run, files: Path, tmp_path: Path
    ) -> None:
        folder = files / "frames"
        result = run(
            *("motif", folder / "Name_*.hspy", "--template", REGION),
            *("-o", tmp_path / "tiles.hspy", "--second", folder / "BF_8.hspy"),
            *(folder / "BF_9.hspy", folder / "BF_10.hspy"),
        )
        assert result.exit_code == 1
        assert "--second: 1 frame(s) in 1 file(s), and the images have 5" in result.stderr
        assert "--second 'BF_*.hspy'" in result.stderr
        assert names(tmp_path) == set()

    def test_a_pattern_for_the_second_detector(
        self, run: Run, files: Path, tmp_path: Path, scanned: SimulatedSeries, expected: Any
    ) -> None:
        result = run(
            *("motif", files / "frames" / "Name_*.hspy", "--template", REGION),
            *("-o", tmp_path / "tiles.hspy", "--second", files / "frames" / "BF_*.hspy"),
        )
        assert result.exit_code == 0, result.stderr
        wanted = scanned.second.apply_alignment(expected, show_progressbar=False)
        np.testing.assert_allclose(
            hs.load(tmp_path / "tiles_second.hspy").data, wanted.data, rtol=1e-5
        )

    @pytest.mark.slow
    def test_dark_and_bright_field_of_strontium_titanate(
        self, run: Run, tmp_path: Path, shared_data: Callable[[str], Path]
    ) -> None:
        folder = shared_data("stem-atomic-single-images/STO_ADF_crop512.hspy").parent
        result = run(
            *("motif", folder / "STO_ADF_crop512.hspy", "--template", "100,142,100,142"),
            *("-o", tmp_path / "tiles.zspy", "--second", folder / "STO_ABF_crop512.hspy"),
        )
        assert result.exit_code == 0, result.stderr
        assert "Warning" not in result.stderr
        dark, bright = (
            hs.load(tmp_path / f"tiles_{name}.zspy").data for name in ("average", "second_average")
        )
        # Cells along [110] are 41.9 x 29.6 px: 470**2 / 1239 = 178 have their centre off the rim.
        assert 170 <= len(hs.load(tmp_path / "tiles.zspy").data) <= 186
        # Columns are bright on one detector and dark on the other.
        assert np.corrcoef(dark.ravel(), bright.ravel())[0, 1] < -0.8


class TestWrongUse:
    """Errors come before work, name the option, and leave nothing behind."""

    @pytest.mark.parametrize(
        ("options", "code", "said"),
        [
            (("--template", "1,2,3"), 2, "is not written as LEFT,RIGHT,TOP,BOTTOM"),
            (("--template", "nowhere.tif"), 2, "there is no such file"),
            (("--template", "10,300,10,40"), 1, "template"),
            (("--template", REGION, "--frames", "2-0"), 2, "runs backwards: write 0-2"),
            (("--template", REGION, "--frames", "1;2"), 2, "such as 0,3,5-9"),
            (("--template", REGION, "--frames", "7"), 2, "7"),
            (("--template", REGION, "--threshold", "2"), 2, "threshold"),
            (("--template", REGION, "--counts", "share"), 2, "--counts is for spectra"),
            (("--template", REGION, "--spectra-signal", "1"), 2, "add --spectra FILE"),
            (("--template", REGION, "--second-signal", "1"), 2, "add --second FILE"),
            (("--template", REGION, "--nonrigid-smoothing", "3"), 2, "add --nonrigid"),
            (("--template", REGION, "--search", "all"), 2, "--search"),
            (("--template", REGION, "--threshold", "0.999999"), 1, "threshold"),
        ],
    )
    def test_options(
        self, run: Run, files: Path, tmp_path: Path, options: tuple, code: int, said: str
    ) -> None:
        result = run("motif", files / "series.hspy", "-o", tmp_path / "tiles.hspy", *options)
        assert (result.exit_code, result.stdout) == (code, "")
        assert said in result.stderr
        assert "Traceback" not in result.stderr
        assert names(tmp_path) == set()

    def test_a_motif_that_is_found_once(self, run: Run, files: Path, tmp_path: Path) -> None:
        result = run(
            *("motif", files / "frames" / "BF_8.hspy", "--template", "0,80,0,72"),
            *("-o", tmp_path / "tiles.hspy"),
        )
        assert result.exit_code == 1
        assert "the motif was found once only" in result.stderr
        assert names(tmp_path) == set()

    def test_spectra_are_no_images(self, run: Run, files: Path, tmp_path: Path) -> None:
        result = run(
            *("motif", files / "spectra.hspy", "--template", REGION),
            *("-o", tmp_path / "tiles.hspy"),
        )
        assert result.exit_code == 1
        assert "these with --spectra" in result.stderr
        assert names(tmp_path) == set()

    def test_no_template(self, run: Run, files: Path, tmp_path: Path) -> None:
        result = run("motif", files / "series.hspy", "-o", tmp_path / "tiles.hspy")
        assert result.exit_code == 2
        assert "Missing option '--template'" in result.stderr

    def test_align_with_source(self, run: Run, files: Path, tmp_path: Path) -> None:
        series = files / "series.hspy"
        result = run(
            *("motif", series, "--template", REGION, "-o", tmp_path / "tiles.hspy"),
            *("--align", "--source", series),
        )
        assert result.exit_code == 2
        assert "leave --align out" in result.stderr

    def test_counts_are_not_interpolated(self, run: Run, files: Path, tmp_path: Path) -> None:
        result = run(
            *("motif", files / "series.hspy", "--template", REGION, "--counts", "share"),
            *("-o", tmp_path / "tiles.hspy", "--interpolation", "linear"),
            *("--spectra", files / "spectra.hspy"),
        )
        assert result.exit_code == 2
        assert "does not interpolate" in result.stderr
        assert names(tmp_path) == set()

    @pytest.mark.parametrize("taken", sorted({*WRITTEN, "tiles_spectra.hspy"}))
    def test_no_file_is_written_over(
        self, run: Run, files: Path, tmp_path: Path, taken: str
    ) -> None:
        (tmp_path / taken).write_text("precious")
        result = run(
            *("motif", files / "series.hspy", "--template", REGION),
            *("-o", tmp_path / "tiles.hspy", "--spectra", files / "spectra.hspy"),
        )
        assert result.exit_code == 1
        assert "--overwrite" in result.stderr
        assert (tmp_path / taken).read_text() == "precious"
        assert names(tmp_path) == {taken}

    def test_files_are_replaced_if_that_is_said(
        self, run: Run, files: Path, tmp_path: Path
    ) -> None:
        for name in WRITTEN:
            (tmp_path / name).write_text("old")
        result = run(
            *("motif", files / "series.hspy", "--template", REGION),
            *("-o", tmp_path / "tiles.hspy", "--overwrite"),
        )
        assert result.exit_code == 0, result.stderr
        assert names(tmp_path) == WRITTEN
        assert len(hs.load(tmp_path / "tiles.hspy").smartalign.matches) > 1

    def test_inputs_are_never_replaced(self, run: Run, files: Path) -> None:
        motif = files / "spectra.hspy"
        result = run(
            *("motif", files / "series.hspy", "--template", REGION),
            *("--spectra", motif, "-o", motif, "--overwrite"),
        )
        assert result.exit_code == 1
        assert "is an input too" in result.stderr


class TestWorkingFolder:
    """What is kept on the way, and removed at the end."""

    def test_listed_and_removed(self, run: Run, files: Path, tmp_path: Path) -> None:
        folder = tmp_path / "kept"
        result = run(
            *("motif", files / "series.hspy", "--template", REGION),
            *("-o", tmp_path / "tiles.hspy", "--working-folder", folder),
        )
        assert result.exit_code == 0, result.stderr
        assert f"smartalign clean-up {folder}" in result.stderr
        kept = hyperspy_smartalign.intermediates(folder)
        listed = run("clean-up", folder, "--list")
        assert listed.exit_code == 0, listed.stderr
        for entry in kept:
            assert Path(entry.file).name in listed.stdout
        (folder / "mine.txt").write_text("precious")
        assert f"{len(kept)} files of" in listed.stdout
        info = run("info", folder)
        assert info.exit_code == 1
        assert "is a working folder of template matching" in info.stderr
        assert f"smartalign clean-up {folder} --list" in info.stderr
        removed = run("clean-up", folder)
        assert removed.exit_code == 0, removed.stderr
        assert f"from {folder}, which holds others" in removed.stdout
        assert names(folder) == {"mine.txt"}
        assert "holds no image files" in run("info", folder).stderr
        again = run("clean-up", folder)
        assert again.exit_code == 1

    @pytest.mark.slow
    def test_a_damaged_result_is_told(self, run: Run, files: Path, tmp_path: Path) -> None:
        folder, out = tmp_path / "kept", tmp_path / "tiles.hspy"
        command = ("motif", files / "series.hspy", "--template", REGION, "-o", out)
        assert run(*command, "--working-folder", folder).exit_code == 0
        first = hs.load(out).data
        motif = next(path for path in folder.iterdir() if path.name.startswith("motif"))
        motif.write_bytes(motif.read_bytes()[:100])
        assert "damaged: it will be computed again" in run("clean-up", folder, "--list").stdout
        result = run(*command, "--working-folder", folder, "--overwrite")
        assert result.exit_code == 0, result.stderr
        assert motif.name in result.stderr
        np.testing.assert_array_equal(hs.load(out).data, first)
        assert f"removed {folder} with" in run("clean-up", folder).stdout
        assert not folder.exists()

    def test_a_folder_of_others_is_left_alone(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "mine.hspy").write_text("precious")
        result = run("clean-up", tmp_path)
        assert result.exit_code == 1
        assert "Traceback" not in result.stderr
        assert names(tmp_path) == {"mine.hspy"}

    def test_a_folder_that_does_not_exist(self, run: Run, tmp_path: Path) -> None:
        assert run("clean-up", tmp_path / "nothing").exit_code == 2

    def test_cancelled(
        self, run: Run, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "kept"

        def cancel(*_: Any, **__: Any) -> None:
            folder.mkdir()
            raise KeyboardInterrupt

        monkeypatch.setattr(hs.signals.Signal2D, "template_match", cancel, raising=False)
        result = run(
            *("motif", files / "series.hspy", "--template", REGION),
            *("-o", tmp_path / "tiles.hspy", "--working-folder", folder),
        )
        assert result.exit_code == 1
        assert "the same command goes on there" in result.stderr
        assert names(tmp_path) == {"kept"}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0,3,5-9", [0, 3, 5, 6, 7, 8, 9]), ("4", [4]), (" 2 - 3 , 0 ", [2, 3, 0]), ("7-7", [7])],
)
def test_frame_numbers(text: str, numbers: list[int]) -> None:
    assert frame_numbers(text) == numbers


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "1,,2", "1.5", "1-2-3"])
def test_no_frame_numbers(text: str) -> None:
    with pytest.raises(click.BadParameter):
        frame_numbers(text)


def test_nonrigid_options_are_checked_before_work(run: Run, files: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError):
        NonrigidParameters(smoothing=-1)
    result = run(
        *("motif", files / "nothing.hspy", "--template", REGION, "-o", tmp_path / "t.hspy"),
        *("--nonrigid", f"--{NONRIGID.replace('_', '-')}smoothing", "-1"),
    )
    assert result.exit_code == 2
    assert "smoothing" in result.stderr
