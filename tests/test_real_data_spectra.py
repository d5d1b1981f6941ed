"""Spectrum images from real microscopes: aligned by their image, by their counts, or by a table.

What is known of each file is in the SOURCE.txt beside it. Shifts are the displacement of the
content, in pixels (y, x).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
from click.testing import CliRunner
from scipy import ndimage

import hyperspy_smartalign
from hyperspy_smartalign.cli.app import smartalign
from hyperspy_smartalign.series import SeriesWarning
from hyperspy_smartalign.signals.validating import NotASeriesError
from hyperspy_smartalign.transforms import AlignmentMismatchError

# Readers warn of classes and numpy calls that are on their way out; that is not ours to judge.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.slow]

Find = Callable[[str], Path]
QUIET = {"show_progressbar": False}


def load(path: Path, **keywords: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hs.load(path, **keywords)


def run(*arguments: object) -> None:
    result = CliRunner().invoke(smartalign, [str(each) for each in arguments])
    assert result.exit_code == 0, result.output


def steepness(image: np.ndarray, blur: float) -> float:
    """Rms slope of an image over its mean, at a scale at which its noise is small."""
    smooth = ndimage.gaussian_filter(image.astype(float), blur)
    slope = np.stack(np.gradient(smooth))[:, 8:-8, 8:-8]
    return float(np.sqrt((slope**2).sum(0).mean()) / smooth.mean())


def halves_correlate(series: Any, alignment: Any) -> float:
    """Correlation of the maps from the even and from the odd frames of a series."""
    n = alignment.n_frames
    maps = []
    for half in (0, 1):
        part = alignment.shifts[half::2]
        total = series.inav[:, :, half:n:2] if half else series.inav[:, :, ::2]
        aligned = total.apply_alignment(part, crop=False, **QUIET)
        canvas = aligned.smartalign.alignment.canvas
        image = aligned.data.sum(-1, dtype=float)
        top, left = 3 - canvas.top, 3 - canvas.left
        maps.append(ndimage.gaussian_filter(image[top : top + 120, left : left + 120], 0.7))
    return float(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1])


class TestBruker:
    """HAADF and X-rays of a dust particle at three tilts, aligned by hand by its authors."""

    TO_APPLY = np.array([[0.0, 0.0], [-1.1, -15.6], [0.85, -10.6]])

    @pytest.fixture(scope="class")
    def files(self, shared_data: Find) -> list[Path]:
        return [shared_data(f"eds-haadf-series-L2083/{tilt}.bcf") for tilt in ("0", "5", "-5")]

    @pytest.fixture(scope="class")
    def detectors(self, files: list[Path]) -> list[list[Any]]:
        """HAADF and EDX of each file."""
        return [load(file) for file in files]

    @pytest.fixture(scope="class")
    def images(self, detectors: list[list[Any]]) -> Any:
        return hs.stack([haadf for haadf, _ in detectors])

    @pytest.fixture(scope="class")
    def spectra(self, detectors: list[list[Any]]) -> list[Any]:
        return [edx for _, edx in detectors]

    @pytest.fixture(scope="class")
    def aligned(self, images: Any) -> Any:
        return images.align_rigid(**QUIET)

    @pytest.fixture(scope="class")
    def total(self, aligned: Any, spectra: list[Any]) -> Any:
        return hyperspy_smartalign.apply_alignment(
            aligned, spectra, signal_range=(0.2, 12.0), binning=4, **QUIET
        )

    def test_map_sharpens_as_the_image_does(
        self, images: Any, spectra: list[Any], aligned: Any, total: Any
    ) -> None:
        canvas = aligned.smartalign.alignment.canvas
        inside = slice(canvas.top, canvas.bottom), slice(canvas.left, canvas.right)
        maps = np.stack(
            [each.isig[0.2:12.0].data.sum(-1, dtype=float) for each in spectra], dtype=float
        )
        gains = {}
        for name, raw, mean in (
            ("image", images.data.astype(float), aligned.data.mean(0)),
            ("X-rays", maps, total.data.sum(-1)),
        ):
            before = steepness(raw.sum(0)[inside], 3.0)
            gains[name] = steepness(mean, 3.0) / before
        assert gains["image"] > 1.2
        assert gains["X-rays"] == pytest.approx(gains["image"], rel=0.1)

    def test_frames_look_like_the_first(self, spectra: list[Any], aligned: Any) -> None:
        series = hyperspy_smartalign.apply_alignment(
            aligned, spectra, output="series", signal_range=(0.2, 12.0), binning=1180, **QUIET
        )
        assert series.data.shape[-1] == 1
        first, *others = ndimage.gaussian_filter(series.data[..., 0], (0, 1.5, 1.5))
        raw = [ndimage.gaussian_filter(each.data.sum(-1, dtype=float), 1.5) for each in spectra]
        for other, before in zip(others, raw[1:], strict=True):
            after = np.corrcoef(first.ravel(), other.ravel())[0, 1]
            assert after > 0.93
            assert after > np.corrcoef(raw[0].ravel(), before.ravel())[0, 1] + 0.1

    def test_metadata(self, spectra: list[Any], total: Any) -> None:
        assert type(total) is type(spectra[0])
        detector = total.metadata.Acquisition_instrument.TEM.Detector.EDS
        one = spectra[0].metadata.Acquisition_instrument.TEM.Detector.EDS
        assert detector.real_time == pytest.approx(3 * one.real_time)
        assert detector.energy_resolution_MnKa == one.energy_resolution_MnKa
        x, energy = total.axes_manager[0], total.axes_manager[-1]
        canvas = total.smartalign.alignment.canvas
        assert x.offset == pytest.approx(canvas.left * spectra[0].axes_manager[0].scale)
        assert energy.scale == pytest.approx(4 * spectra[0].axes_manager[-1].scale)

    def test_no_count_is_lost(self, spectra: list[Any], aligned: Any) -> None:
        whole = hyperspy_smartalign.apply_alignment(
            aligned, spectra, counts="whole", crop=False, signal_range=(0.2, 12.0), **QUIET
        )
        assert whole.data.dtype.kind == "u"
        raw = sum(int(each.isig[0.2:12.0].data.sum(dtype=np.int64)) for each in spectra)
        assert int(whole.data.sum(dtype=np.int64)) == raw

    def test_through_files(self, files: list[Path], aligned: Any, total: Any) -> None:
        from_files = hyperspy_smartalign.apply_alignment(
            aligned, files, signal="EDX", signal_range=(0.2, 12.0), binning=4, **QUIET
        )
        np.testing.assert_array_equal(from_files.data, total.data)

    def test_on_the_command_line(
        self, files: list[Path], aligned: Any, total: Any, tmp_path: Path
    ) -> None:
        alignment, out = tmp_path / "shifts.npz", tmp_path / "sum.hspy"
        aligned.smartalign.alignment.save(alignment)
        options = ["--signal", "EDX", "--no-sort", "--signal-range", "0.2,12.0", "--binning", "4"]
        run("apply", alignment, *files, *options, "-o", out, "-q")
        np.testing.assert_allclose(load(out).data, total.data, atol=1e-4)

    def test_one_file_is_too_few(self, files: list[Path], aligned: Any) -> None:
        with pytest.raises(ValueError, match="one spectrum image, and the alignment has 3 frames"):
            hyperspy_smartalign.apply_alignment(aligned, files[0], **QUIET)


class TestJeol:
    """X-rays alone, 14 frames: aligned by their own counts."""

    READER = MappingProxyType({"sum_frames": False, "downsample": 4, "rebin_energy": 16})

    @pytest.fixture(scope="class")
    def file(self, shared_data: Find) -> Path:
        return shared_data("eds-jeol-14frames/View000_0000006.pts")

    @pytest.fixture(scope="class")
    def series(self, file: Path) -> Any:
        return load(file, **self.READER)

    @pytest.fixture(scope="class")
    def aligned(self, series: Any) -> Any:
        return series.align_rigid(**QUIET)

    def test_drift_is_the_known_one(self, aligned: Any) -> None:
        shifts = aligned.smartalign.alignment.shifts
        drift = np.abs(shifts - shifts[0]).max(0)
        # (0.65, 0.8) px by another measurement; standard errors are 0.05 for each frame.
        np.testing.assert_allclose(drift, (0.65, 0.8), atol=0.25)
        assert np.isfinite(aligned.smartalign.alignment.hop_margin).all()
        assert aligned.smartalign.alignment.hop_margin.min() > 100

    def test_halves_agree_better(self, series: Any, aligned: Any) -> None:
        found = aligned.smartalign.alignment
        unmoved = hyperspy_smartalign.Alignment.from_shifts(
            np.zeros((14, 2)), frame_shape=(128, 128)
        )
        assert halves_correlate(series, found) > halves_correlate(series, unmoved)

    def test_times_are_those_of_the_file(self, series: Any, aligned: Any) -> None:
        # They stand for all 14 frames already.
        times = [
            each.metadata.Acquisition_instrument.TEM.Detector.EDS.real_time
            for each in (series, aligned)
        ]
        assert times[1] == pytest.approx(times[0])
        assert [axis.size for axis in aligned.axes_manager.navigation_axes] == [126, 126]

    def test_lines_show_nothing_more(self, series: Any, aligned: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SeriesWarning)
            lines = series.align_nonrigid(**QUIET)
        apart = lines.smartalign.alignment.shifts - aligned.smartalign.alignment.shifts
        assert np.abs(apart - apart.mean(0)).max() < 0.3

    def test_on_the_command_line(self, file: Path, aligned: Any, tmp_path: Path) -> None:
        alignment, out = tmp_path / "shifts.npz", tmp_path / "sum.hspy"
        aligned.smartalign.alignment.save(alignment)
        reader = [f"--reader={name}={value}" for name, value in self.READER.items()]
        run("apply", alignment, file, *reader, "-o", out, "-q")
        np.testing.assert_allclose(load(out).data, aligned.data, atol=1e-5)

    def test_full_size_from_disk(self, file: Path, aligned: Any) -> None:
        series = load(file, sum_frames=False, lazy=True)
        assert series.data.nbytes > 2e10
        small = aligned.smartalign.alignment
        total = series.apply_alignment(
            4 * small.shifts, signal_range=(0.5, 10.0), binning=16, counts="whole", **QUIET
        )
        assert not total._lazy
        assert total.data.shape[-1] == 59
        # Counts of the same channels and the same area, but for a pixel along its edges.
        coarse = aligned.isig[0.5:10.0].data.sum()
        assert total.data.sum(dtype=np.int64) == pytest.approx(coarse, rel=0.03)


class TestVelox:
    """X-rays of 10 frames of 50 x 10 pixels: too few to align, enough to apply."""

    TABLE = np.stack([np.arange(10) * 0.1, np.arange(10) * -0.5], axis=1)

    @pytest.fixture(scope="class")
    def file(self, shared_data: Find) -> Path:
        return shared_data("velox-si-frames/fei_SI_SuperX-HAADF_10frames_10x50.emd")

    @pytest.fixture(scope="class")
    def signals(self, file: Path) -> list[Any]:
        return list(load(file, sum_frames=False))

    @pytest.fixture(scope="class")
    def series(self, signals: list[Any]) -> Any:
        return next(each for each in signals if each.axes_manager.navigation_dimension == 3)

    def test_table_of_shifts(self, series: Any) -> None:
        total = series.apply_alignment(self.TABLE, **QUIET)
        assert type(total) is type(series)
        assert total.data.shape == (49, 5, 4096)
        for before, after in zip(
            series.axes_manager.navigation_axes[:2],
            total.axes_manager.navigation_axes,
            strict=True,
        ):
            assert (before.name, before.scale, before.units) == (
                after.name,
                after.scale,
                after.units,
            )
        left = total.smartalign.alignment.canvas.left
        assert total.axes_manager[0].offset == pytest.approx(
            series.axes_manager[0].offset + left * series.axes_manager[0].scale
        )
        node = "Acquisition_instrument.TEM"
        assert total.metadata.get_item(f"{node}.microscope") == "Talos"
        assert total.metadata.get_item(f"{node}.Detector.EDS.number_of_frames") == 10

    @pytest.mark.parametrize("counts", ["share", "whole"])
    def test_no_count_is_lost(self, series: Any, counts: str) -> None:
        total = series.apply_alignment(self.TABLE, counts=counts, crop=False, fill="zero", **QUIET)
        assert total.data.sum(dtype=float) == pytest.approx(
            series.data.sum(dtype=np.int64), rel=1e-6
        )

    def test_frames_stay_apart(self, series: Any) -> None:
        aligned = series.apply_alignment(
            self.TABLE, output="series", signal_range=(0.5, 5.0), binning=4, **QUIET
        )
        time = aligned.axes_manager.navigation_axes[2]
        assert (time.name, time.size, time.units) == ("Time", 10, "s")
        assert aligned.axes_manager[-1].scale == pytest.approx(0.02)

    def test_own_counts_are_doubtful(self, series: Any) -> None:
        with pytest.warns(SeriesWarning, match="doubtful"):
            series.align_rigid(**QUIET)

    def test_accumulated_image_is_no_series(self, signals: list[Any]) -> None:
        image = next(each for each in signals if each.axes_manager.signal_dimension == 2)
        with pytest.raises(NotASeriesError, match="has one frame"):
            image.align_rigid(**QUIET)

    def test_frames_that_the_reader_added_up(self, file: Path) -> None:
        with pytest.raises(ValueError, match="sum_frames=False"):
            hyperspy_smartalign.apply_alignment(self.TABLE, file, signal="EDS", **QUIET)

    def test_through_the_file(self, file: Path, series: Any) -> None:
        total = hyperspy_smartalign.apply_alignment(
            self.TABLE, file, signal="EDS", reader={"sum_frames": False}, **QUIET
        )
        expected = series.apply_alignment(self.TABLE, **QUIET)
        np.testing.assert_allclose(total.data, expected.data, atol=1e-6)


class TestSubPixelScan:
    """EELS of 49 x 6 pixels and its HAADF of 1568 x 192, 32 x 32 inside each of them."""

    # Frames made of the one there is, by whole pixels of the spectrum image.
    SHIFTS = np.array([[0, 0], [1, -2], [-1, 3]])

    @pytest.fixture(scope="class")
    def both(self, shared_data: Find) -> tuple[Any, Any]:
        folder = "eels-si-sto-interface-dm3"
        signals = []
        for name, pixels in (("SI-HAADF", 32), ("SpectrumImage_SI-EELS", 1)):
            one = load(shared_data(f"{folder}/DMReader_{name}.dm3"))
            frames = [
                one._deepcopy_with_new_data(np.roll(one.data, tuple(pixels * shift), (0, 1)))
                for shift in self.SHIFTS
            ]
            signals.append(hs.stack(frames))
        return signals[0], signals[1]

    def test_whole_pixels_give_the_spectra_back(self, both: tuple[Any, Any]) -> None:
        images, spectra = both
        aligned = images.apply_alignment(32.0 * self.SHIFTS, **QUIET)
        total = spectra.apply_alignment(aligned, **QUIET)
        found = total.smartalign.alignment
        np.testing.assert_allclose(found.shifts, self.SHIFTS, atol=1e-9)
        canvas = found.canvas
        once = spectra.data[0, canvas.top : canvas.bottom, canvas.left : canvas.right]
        np.testing.assert_array_equal(total.data, 3 * once)
        assert total.axes_manager[0].offset == canvas.left
        eels = total.metadata.Acquisition_instrument.TEM.Detector.EELS
        assert eels.dwell_time == pytest.approx(3 * 0.2)

    def test_shifts_found_on_the_image(self, both: tuple[Any, Any]) -> None:
        images, spectra = both
        shifts = np.array([[0, 0], [32, -64], [-32, 0]])
        rolled = images.deepcopy()
        for frame, shift in enumerate(shifts):
            rolled.data[frame] = np.roll(images.data[0], tuple(shift), (0, 1))
        aligned = rolled.align_rigid(**QUIET)
        carried = spectra.apply_alignment(aligned, **QUIET).smartalign.alignment
        found = 32 * (carried.shifts - carried.shifts[0])
        # Rolled rows and columns come in at the other side and are no drift.
        np.testing.assert_allclose(found, shifts, atol=0.2)

    def test_survey_is_another_area(self, shared_data: Find, both: tuple[Any, Any]) -> None:
        aligned = both[0].apply_alignment(32.0 * self.SHIFTS, **QUIET)
        survey = load(shared_data("eels-si-sto-interface-dm3/DMReader_Image_SI-Survey.dm3"))
        with pytest.raises(AlignmentMismatchError, match=r"1568 x 192 px .* 512 x 512 px"):
            hs.stack([survey] * 3).apply_alignment(aligned, **QUIET)
