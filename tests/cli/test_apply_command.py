"""``smartalign apply`` from files to files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
from click.testing import Result

import hyperspy_smartalign
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.parameters import PrepareParameters
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.spectra import checkpoints
from hyperspy_smartalign.signals.targets import _fitting
from hyperspy_smartalign.transforms import Alignment

Run = Callable[..., Result]

FRAMES = 11  # so that sorting by name is not enough


def load(path: Path, **options: object) -> hs.signals.BaseSignal:
    return hs.load(path, **options)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestImages:
    """A second detector, in memory as for smartalign rigid."""

    @pytest.mark.parametrize("kind", ["series", "table"])
    def test_second_detector(
        self, run: Run, saved: Path, aligned: Path, tmp_path: Path, kind: str
    ) -> None:
        given, out = aligned, tmp_path / "second.hspy"
        if kind == "table":
            given = tmp_path / "t.npz"
            Alignment.from_signal(load(aligned)).save(given)
        result = run("apply", given, saved / "second.hspy", "-o", out)
        assert result.exit_code == 0, result.stderr
        first, second = load(aligned), load(out)
        assert second.data.shape == first.data.shape
        np.testing.assert_array_equal(
            Alignment.from_signal(second).shifts, Alignment.from_signal(first).shifts
        )
        # The same columns, bright on one detector and dark on the other.
        both = np.corrcoef(first.data.mean(axis=0).ravel(), second.data.mean(axis=0).ravel())
        assert both[0, 1] < -0.95

    def test_frames_are_prepared_as_those_that_were_aligned(
        self, run: Run, saved: Path, tmp_path: Path
    ) -> None:
        aligned, out = tmp_path / "aligned.hspy", tmp_path / "second.hspy"
        made = run(
            *("rigid", saved / "series.hspy", "-o", aligned),
            *("--reverse", "--skip", 2, "--normalise"),
        )
        assert made.exit_code == 0, made.stderr
        result = run("apply", aligned, saved / "second.hspy", "-o", out)
        assert result.exit_code == 0, result.stderr
        assert "Preparing as the aligned series was: skip (2,), reverse True" in result.stderr
        first, second = load(aligned).data.mean(axis=0), load(out).data.mean(axis=0)
        assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < -0.95
        assert second.max() > 10  # grey levels of its own

        as_stored = run("apply", aligned, saved / "second.hspy", "-o", out, "--as-stored")
        assert as_stored.exit_code == 1
        assert (
            "7 frames"
            in run(
                "apply", aligned, saved / "second.hspy", "-o", tmp_path / "x.hspy", "--as-stored"
            ).stderr
        )

    def test_a_series_without_alignment(self, run: Run, saved: Path, tmp_path: Path) -> None:
        result = run(
            "apply", saved / "series.hspy", saved / "second.hspy", "-o", tmp_path / "o.hspy"
        )
        assert result.exit_code == 1
        assert "carries no alignment" in result.stderr
        assert files(tmp_path) == set()

    def test_a_file_that_exists_is_seen_before_anything_is_read(
        self, run: Run, saved: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "o.hspy").write_text("precious")
        (tmp_path / "broken.hspy").write_text("nothing")
        result = run(
            *("apply", tmp_path / "broken.hspy", saved / "second.hspy"),
            *("-o", tmp_path / "o.hspy"),
        )
        assert result.exit_code == 1
        assert "--overwrite" in result.stderr

    @pytest.mark.parametrize("option", [("--navigator", "n.tif"), ("--resume",)])
    def test_options_for_spectra_are_refused(
        self,
        run: Run,
        saved: Path,
        aligned: Path,
        tmp_path: Path,
        option: tuple[str, ...],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        result = run("apply", aligned, saved / "second.hspy", "-o", "o.hspy", *option)
        assert result.exit_code == 2
        assert f"{option[0]} is for spectra" in result.stderr
        assert files(tmp_path) == set()

    def test_images_are_read_and_can_be_left_on_disk(
        self, run: Run, saved: Path, aligned: Path, tmp_path: Path
    ) -> None:
        for name, options in (("a", ()), ("b", ("--lazy",)), ("c", ("--in-memory",))):
            out = tmp_path / f"{name}.hspy"
            result = run("apply", aligned, saved / "second.hspy", "-o", out, *options)
            assert result.exit_code == 0, result.stderr
            step = [s for s in Alignment.from_signal(load(out)).steps if s["name"] == "load_series"]
            assert bool(step[-1]["parameters"]["lazy"]) is (name == "b")
        np.testing.assert_array_equal(
            load(tmp_path / "a.hspy").data, load(tmp_path / "b.hspy").data
        )


class Recorded:
    """A spectrum image series on disk, and its alignment."""

    def __init__(self, folder: Path) -> None:
        simulated = simulate_series(
            shape=(20, 24), frames=FRAMES, spectrum_image="EELS", channels=16, drift=(0.4, -0.3)
        )
        self.signal = simulated.spectrum_image
        self.alignment = Alignment.from_shifts(
            simulated.truth.shifts,
            frame_shape=(20, 24),
            frame_scale=(0.024, 0.024),
            frame_units=("nm", "nm"),
        )
        self.table, self.series = folder / "t.npz", folder / "si.hspy"
        self.alignment.save(self.table)
        self.signal.save(self.series)
        self.frames = folder / "frames"
        self.frames.mkdir()
        for number in range(FRAMES):
            self.signal.inav[:, :, number].save(self.frames / f"si_{number + 1}.hspy")

    def aligned(self, **keywords: Any) -> hs.signals.BaseSignal:
        return self.signal.apply_alignment(self.alignment, **keywords)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return Recorded(tmp_path_factory.mktemp("recorded"))


class TestSpectra:
    """Spectrum images, frame by frame, as a sum if nothing else is said."""

    @pytest.mark.parametrize("options", [(), ("--in-memory",)])
    def test_the_sum_and_its_image(
        self, run: Run, recorded: Recorded, tmp_path: Path, options: tuple[str, ...]
    ) -> None:
        out, image = tmp_path / "sum.hspy", tmp_path / "image.tif"
        result = run(
            *("apply", recorded.table, recorded.series, "-o", out, "--navigator", image),
            *("--counts", "share", *options),
        )
        assert result.exit_code == 0, result.stderr
        expected = recorded.aligned(output="sum", counts="share")
        found = load(out)
        assert type(found) is type(recorded.signal)
        np.testing.assert_allclose(found.data, expected.data, rtol=1e-5)
        # The sum over channels in float32.
        np.testing.assert_allclose(load(image).data, found.data.sum(axis=-1), rtol=1e-5)
        assert files(tmp_path) == {"sum.hspy", "image.tif"}
        assert f"Wrote {image}" in result.stderr
        assert result.stdout == ""
        assert Alignment.from_signal(found).n_frames == FRAMES

    def test_a_file_a_frame_in_natural_order(
        self, run: Run, recorded: Recorded, tmp_path: Path
    ) -> None:
        out = tmp_path / "sum.hspy"
        paths = sorted(recorded.frames.iterdir(), key=str)  # 1, 10, 11, 2...
        result = run("apply", recorded.table, *paths, "-o", out, "-q")
        assert (result.exit_code, result.output) == (0, "")
        expected = recorded.aligned(output="sum")
        np.testing.assert_allclose(load(out).data, expected.data, rtol=1e-5)

    def test_channels(self, run: Run, recorded: Recorded, tmp_path: Path) -> None:
        out = tmp_path / "part.zspy"
        axis = recorded.signal.axes_manager.signal_axes[0]
        start, stop = (float(axis.index2value(index)) for index in (2, 12))
        result = run(
            *("apply", recorded.table, recorded.series, "-o", out, "--output", "series"),
            *("--signal-range", f"{start!r},{stop!r}", "--binning", 2),
        )
        assert result.exit_code == 0, result.stderr
        found = load(out)
        assert found.axes_manager.signal_axes[0].size == 5
        assert found.axes_manager.navigation_axes[2].size == FRAMES
        expected = recorded.aligned(output="series", signal_range=(2, 12), binning=2)
        np.testing.assert_allclose(found.data, expected.data, rtol=1e-5, atol=1e-5)

    def test_it_goes_on_after_it_was_cancelled(
        self, run: Run, recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "sum.hspy"
        command = ("apply", recorded.table, recorded.series, "-o", out)

        def cancel(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(checkpoints, "put_in_place", cancel)
        cancelled = run(*command)
        assert cancelled.exit_code == 1
        assert "go on with --resume" in cancelled.stderr
        monkeypatch.undo()
        assert files(tmp_path) == {".sum.hspy.smartalign"}
        other = run(*command, "--resume", "--counts", "whole")
        assert other.exit_code == 1
        assert "counts" in other.stderr
        assert run(*command, "--resume").exit_code == 0
        assert files(tmp_path) == {"sum.hspy"}
        expected = recorded.aligned(output="sum")
        np.testing.assert_allclose(load(out).data, expected.data, rtol=1e-5)

    def test_files_are_not_replaced_unasked(
        self, run: Run, recorded: Recorded, tmp_path: Path
    ) -> None:
        out = tmp_path / "sum.hspy"
        out.write_text("precious")
        command = ("apply", recorded.table, recorded.series, "-o", out)
        assert run(*command).exit_code == 1
        assert out.read_text() == "precious"
        assert run(*command, "--overwrite").exit_code == 0
        assert load(out).data.ndim == 3
        again = run("apply", recorded.table, out, "-o", out, "--overwrite")
        assert again.exit_code == 1
        assert "never replaced" in again.stderr

    def test_an_average_of_images_is_refused(
        self, run: Run, recorded: Recorded, tmp_path: Path
    ) -> None:
        result = run(
            *("apply", recorded.table, recorded.series, "-o", tmp_path / "o.hspy"),
            *("--average", tmp_path / "a.tif"),
        )
        assert result.exit_code == 2
        assert "--output average" in " ".join(result.stderr.split())
        assert files(tmp_path) == set()

    def test_frames_that_a_file_holds_summed(
        self, run: Run, recorded: Recorded, tmp_path: Path
    ) -> None:
        one = recorded.frames / "si_1.hspy"
        result = run("apply", recorded.table, one, "-o", tmp_path / "o.hspy")
        assert result.exit_code == 1
        assert "read it with sum_frames=False" in result.stderr

    def test_frames_are_left_out_as_they_were_before(
        self, run: Run, recorded: Recorded, tmp_path: Path
    ) -> None:
        table, out = tmp_path / "t.npz", tmp_path / "sum.hspy"
        # Of images with twice as many pixels, but for the third frame.
        shifts = np.delete(recorded.alignment.shifts, 2, axis=0)
        prepared = PrepareParameters(skip=[2], normalise=True, resample=2.0)
        Alignment.from_shifts(
            2 * shifts,
            frame_shape=(40, 48),
            frame_scale=(0.012, 0.012),
            frame_units=("nm", "nm"),
            steps=(recording.step("prepare", prepared),),
        ).save(table)
        result = run("apply", table, recorded.series, "-o", out, "--counts", "whole")
        assert result.exit_code == 0, result.stderr
        assert "Preparing as the aligned series was: skip (2,)\n" in result.stderr
        found = Alignment.from_signal(load(out))
        # On the grid of the spectra.
        np.testing.assert_allclose(found.shifts, shifts, atol=1e-9)
        assert load(out).data.shape[:2] == found.canvas.shape


class TestChoice:
    """Which of several signals of a file is meant."""

    images = hs.signals.Signal2D(np.zeros((3, 4, 5)))
    spectra = hs.signals.Signal1D(np.zeros((3, 4, 5, 6)))
    summed = hs.signals.Signal1D(np.zeros((4, 5, 6)))
    patterns = hs.signals.Signal2D(np.zeros((3, 4, 5, 6, 6)))
    for signal in (patterns,):
        for axis, name in zip(signal.axes_manager.navigation_axes, ("x", "y", "n"), strict=True):
            axis.name = name

    @pytest.mark.parametrize(
        ("held", "wanted"),
        [
            (("images", "spectra"), "spectra"),
            (("spectra", "summed"), "spectra"),
            (("images", "summed"), "summed"),
            (("images", "patterns"), "patterns"),
            (("images",), "images"),
        ],
    )
    def test_the_one_that_fits(self, held: tuple[str, ...], wanted: str) -> None:
        assert _fitting({name: getattr(self, name) for name in held}, 3) == wanted

    def test_otherwise_it_asks(self) -> None:
        for held in (
            {"a": self.images, "b": self.images},
            {"EDS 1": self.spectra, "EDS 2": self.spectra, "HAADF": self.images},
            {"a": self.spectra, "b": self.patterns},
        ):
            with pytest.raises(ValueError, match=r"signal= \(--signal"):
                _fitting(held, 3)

    @pytest.mark.slow
    def test_a_real_file_with_images_and_spectra(
        self, run: Run, tmp_path: Path, shared_data: Callable[[str], Path]
    ) -> None:
        path = shared_data("velox-si-frames/fei_SI_SuperX-HAADF_10frames_10x50.emd")
        table, out = tmp_path / "t.npz", tmp_path / "sum.hspy"
        shifts = np.zeros((10, 2))
        Alignment.from_shifts(shifts, frame_shape=(50, 10)).save(table)
        command = ("apply", table, path, "-o", out, "--binning", 8)
        summed = run(*command)
        assert summed.exit_code == 1
        assert "sum_frames=False" in summed.stderr
        result = run(*command, "--reader", "sum_frames=False")
        assert result.exit_code == 0, result.stderr
        frames = hyperspy_smartalign.load_series(path, signal="EDS")
        # Nothing moves, so the sum is that of the file, channels added by eight.
        np.testing.assert_array_equal(
            load(out).data, frames.data.reshape(50, 10, -1, 8).sum(axis=-1)
        )
