"""Real series, from the microscope's own file to the aligned result.

Expected shifts are those of the authors of the data, or of an independent phase correlation; see
the SOURCE.txt beside each file. All are shifts to apply, the opposite of what a frame's `shift`
says, in pixels (y, x).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
from scipy import ndimage

import hyperspy_smartalign
from hyperspy_smartalign.series import SeriesWarning
from hyperspy_smartalign.series.checks import StackError

# Readers warn of classes and numpy calls that are on their way out; that is not ours to judge.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

Find = Callable[[str], Path]


def load(path: Path, **keywords: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hs.load(path, **keywords)


def align(series: Any, **keywords: Any) -> Any:
    return series.align_rigid(show_progressbar=False, **keywords)


def to_apply(aligned: Any) -> np.ndarray:
    """Shift that takes each frame onto frame 0, px (n, 2)."""
    shifts = aligned.smartalign.alignment.shifts
    return shifts[0] - shifts


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    both = np.isfinite(first) & np.isfinite(second)
    return float(np.corrcoef(first[both], second[both])[0, 1])


class TestTiltSeries:
    """HAADF and X-rays of a dust particle at three tilts, aligned by hand by its authors."""

    @pytest.fixture(scope="class")
    def files(self, shared_data: Find) -> list[Path]:
        return [shared_data(f"eds-haadf-series-L2083/{tilt}.bcf") for tilt in ("0", "5", "-5")]

    @pytest.fixture(scope="class")
    def aligned(self, files: list[Path]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            series = hyperspy_smartalign.load_series(files, signal="HAADF")
        return align(series)

    def test_shifts_are_the_published_ones(self, aligned: Any) -> None:
        expected = [[0.0, 0.0], [-1.1, -15.6], [0.85, -10.6]]
        np.testing.assert_allclose(to_apply(aligned), expected, atol=0.5)

    def test_frames_look_alike_afterwards(self, aligned: Any) -> None:
        # 0.64 and 0.79 as recorded.
        frames = aligned.data
        assert correlation(frames[0], frames[1]) > 0.99
        assert correlation(frames[0], frames[2]) > 0.99

    def test_x_ray_maps_follow(self, aligned: Any, files: list[Path]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x_rays = hyperspy_smartalign.load_series(files, signal="EDX")
        maps = x_rays.sum(axis="Energy").as_signal2D((0, 1))
        moved = maps.apply_alignment(aligned, show_progressbar=False)
        before, after = maps.data.astype(float), moved.data
        for frame in (1, 2):
            gained = correlation(after[0], after[frame]) - correlation(before[0], before[frame])
            assert gained > 0.1


class TestSilicon7x7:
    """One area of Si(111)-7x7 twice, 8 minutes apart, in four channels."""

    EXPECTED = (-55.85, -10.85)

    @pytest.fixture(scope="class")
    def channels(self, shared_data: Find) -> Any:
        return load(shared_data("stm-si111-7x7/si77_028_032.hspy"))

    @pytest.fixture(scope="class")
    def forward(self, channels: Any) -> Any:
        return align(channels.inav[0].smartalign.remove_ramp())

    def test_drift_is_found(self, forward: Any) -> None:
        np.testing.assert_allclose(to_apply(forward)[1], self.EXPECTED, atol=0.5)

    def test_overlap_correlates(self, channels: Any, forward: Any) -> None:
        before = channels.inav[0].smartalign.remove_ramp().data
        assert abs(correlation(before[0], before[1])) < 0.1
        # Pixel by pixel no shift of the whole frame reaches more than 0.724: the drift within
        # each frame differs. Averaged over what that blurs, the two are the same picture.
        assert correlation(forward.data[0], forward.data[1]) > 0.70
        first, second = (ndimage.gaussian_filter(frame, 1.5) for frame in forward.data)
        assert correlation(first, second) >= 0.83

    @pytest.mark.parametrize("channel", [0, 1, 2, 3])
    def test_every_channel_gives_the_same_drift(self, channels: Any, channel: int) -> None:
        # As recorded, heights of -50 nm and currents of 0.1 nA on their ramp.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SeriesWarning)
            aligned = align(channels.inav[channel])
        np.testing.assert_allclose(to_apply(aligned)[1], self.EXPECTED, atol=0.5)

    @pytest.mark.parametrize(("channel", "least"), [(1, 0.70), (2, 0.57)])
    def test_other_channels_follow(
        self, channels: Any, forward: Any, channel: int, least: float
    ) -> None:
        other = channels.inav[channel].smartalign.remove_ramp()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SeriesWarning)
            moved = other.apply_alignment(forward, show_progressbar=False)
        assert moved.data.shape == forward.data.shape
        assert correlation(moved.data[0], moved.data[1]) >= least


class TestForceMicroscopy:
    """Three AFM frames of a periodic layer that drifts by a quarter of the field.

    The tip's noise along the scan lines is a hundred times the white noise. Frames are sheared
    against each other, so the shift of the last differs by 10 px from part to part.
    """

    @pytest.fixture(scope="class")
    def series(self, shared_data: Find) -> Any:
        return load(shared_data("afm-fastscan-3frames/fastscan_height_3frames.hspy"))

    @pytest.mark.slow
    @pytest.mark.parametrize("prepared", ["as recorded", "plane", "surface and lines"])
    def test_drift_is_found(self, series: Any, prepared: str) -> None:
        if prepared == "plane":
            series = series.smartalign.remove_ramp()
        elif prepared == "surface and lines":
            series = series.smartalign.remove_ramp(order=2).smartalign.prepare(equalise="row")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SeriesWarning)
            found = to_apply(align(series))
        np.testing.assert_allclose(found[1], (-47, -22), atol=4)
        np.testing.assert_allclose(found[2, 0], -133, atol=8)
        np.testing.assert_allclose(found[2, 1], -68, atol=14)

    def test_frames_look_alike_afterwards(self, series: Any) -> None:
        flat = series.smartalign.remove_ramp(order=2).smartalign.prepare(equalise="row")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SeriesWarning)
            frames = align(flat).data
        before = flat.data
        for first, second in ((0, 1), (1, 2)):
            assert abs(correlation(before[first], before[second])) < 0.1
            assert correlation(frames[first], frames[second]) > 0.2


class TestFastScanning:
    """Video-rate STM. The tip swings as a sine, so pixels are equally wide only in the middle."""

    def drift(self, path: Path, region: tuple[int, int, int, int]) -> np.ndarray:
        """Shift to apply to the end of the film, from the mean of 8 frames at either end."""
        found = to_apply(align(load(path), roi=region))
        return np.asarray(found[-8:].mean(0) - found[:8].mean(0))

    def test_atomic_lattice(self, shared_data: Find) -> None:
        path = shared_data("faststm-movies/F20190424_1_uf.hspy")
        np.testing.assert_allclose(self.drift(path, (49, 147, 49, 147)), (-0.2, 1.1), atol=0.25)

    def test_graphene_with_changing_edges(self, shared_data: Find) -> None:
        # The left part shows the way back of the tip, mirrored: it drifts the other way.
        path = shared_data("faststm-movies/20141003_24_uf.hspy")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SeriesWarning)
            drift = self.drift(path, (52, 105, 0, 105))
        np.testing.assert_allclose(drift, (-1.0, 1.2), atol=0.4)

    def test_film_stays_in_its_cell(self, shared_data: Find) -> None:
        aligned = align(load(shared_data("faststm-movies/F20190424_1_uf.hspy")))
        assert np.abs(np.diff(to_apply(aligned), axis=0)).max() < 0.2
        assert not aligned.smartalign.alignment.excluded.any()


def test_series_that_hardly_drifts_is_left_alone(shared_data: Find) -> None:
    aligned = align(load(shared_data("tem-carbon-6frames/tem_carbon_6frames.hspy")))
    assert np.abs(to_apply(aligned)).max() <= 0.25


class TestXRayFrames:
    """Frames of X-ray counts: few counts a pixel, and no other image to align on."""

    @pytest.fixture(scope="class")
    def frames(self, shared_data: Find) -> Any:
        path = shared_data("eds-jeol-14frames/View000_0000006.pts")
        return load(path, sum_frames=False, rebin_energy=16, downsample=4)

    def test_summed_channels_align(self, frames: Any) -> None:
        axes = [axis.name for axis in frames.axes_manager.navigation_axes[:2]]
        maps = frames.sum(axis=frames.axes_manager.signal_axes[0]).as_signal2D(axes)
        aligned = align(maps)
        drift = np.abs(to_apply(aligned))
        # The reference is a phase correlation with an error of about 0.2 px of these maps.
        assert np.all(drift.max(0) < (0.9, 1.2))
        assert np.all(drift.max(0) > (0.4, 0.6))
        assert np.nanmax(aligned.smartalign.alignment.precision) < 0.1

    def test_spectra_are_aligned_by_their_counts(self, frames: Any) -> None:
        total = hyperspy_smartalign.align_rigid(frames, show_progressbar=False)
        assert type(total) is type(frames)
        images = frames.smartalign.integrate().align_rigid(show_progressbar=False)
        np.testing.assert_array_equal(
            total.smartalign.alignment.shifts, images.smartalign.alignment.shifts
        )


class TestVelox:
    def test_accumulated_image_is_no_series(self, shared_data: Find) -> None:
        path = shared_data("velox-si-frames/fei_SI_SuperX-HAADF_10frames_10x50.emd")
        image, spectra = load(path, sum_frames=False)
        with pytest.raises(ValueError, match="one frame"):
            align(image)
        assert spectra.axes_manager.navigation_shape == (10, 50, 10)

    def test_stack_of_nine_pixels_is_too_small(self, shared_data: Find) -> None:
        stack = load(shared_data("velox-si-frames/fei_example_tem_stack.emd"))
        with pytest.raises(StackError, match="3 x 3 px"):
            align(stack)

    def test_maps_of_500_pixels_say_that_nothing_is_certain(self, shared_data: Find) -> None:
        path = shared_data("velox-si-frames/fei_SI_SuperX-HAADF_10frames_10x50.emd")
        spectra = load(path, sum_frames=False)[1]
        maps = spectra.sum(axis=-1).as_signal2D(("x", "y"))
        with pytest.warns(SeriesWarning, match="doubtful"):
            aligned = align(maps)
        assert np.nanmax(aligned.smartalign.alignment.hop_margin) < 3


class TestMovingWindows:
    """Windows cut from one real image along a known path, with Poisson noise."""

    FRAMES = 24
    SIZE = 256

    def path(self, seed: int) -> np.ndarray:
        """Whole-pixel shifts: a random walk on a steady drift, mean near zero."""
        steps = np.random.default_rng(seed).normal((1.2, -0.8), 1.5, (self.FRAMES, 2))
        walk = np.cumsum(steps, axis=0)
        return np.round(walk - walk.mean(0)).astype(int)

    def windows(self, image: np.ndarray, path: np.ndarray) -> np.ndarray:
        top, left = (np.array(image.shape) - self.SIZE) // 2
        return np.stack([image[top - y :, left - x :][: self.SIZE, : self.SIZE] for y, x in path])

    def counted(self, frames: np.ndarray, peak: float, seed: int) -> Any:
        low, high = np.percentile(frames, (0.1, 99.9))
        expected = peak * np.clip((frames - low) / (high - low), 0.02, None)
        return hs.signals.Signal2D(np.random.default_rng(seed).poisson(expected).astype(np.uint16))

    @pytest.mark.parametrize(
        ("name", "counts", "rms"),
        [
            # About 1.3 times what was measured; a hop would be 20 px or more.
            ("stem-atomic-single-images/STO_ADF_crop512.hspy", 4, 0.04),
            ("stem-atomic-single-images/STO_ADF_crop512.hspy", 1, 0.11),
            ("stem-sto-ser-and-si110/16_STOimage_1.ser", 4, 0.03),
            ("stem-sto-ser-and-si110/16_STOimage_1.ser", 1, 0.065),
        ],
    )
    def test_path_is_found(self, shared_data: Find, name: str, counts: int, rms: float) -> None:
        path = self.path(1)
        image = load(shared_data(name)).data
        aligned = align(self.counted(self.windows(image, path), counts, 2))
        error = aligned.smartalign.alignment.shifts - path
        error -= np.median(error, axis=0)
        assert np.abs(error).max() < 1.0
        assert np.sqrt((error**2).mean()) < rms
        # Error bars tell the size of the errors; 48 numbers tell it to 10 %.
        told = float(np.sqrt((aligned.smartalign.alignment.precision**2).mean()))
        assert 0.6 < np.sqrt((error**2).mean()) / told < 1.6

    def test_second_detector_follows(self, shared_data: Find) -> None:
        folder = "stem-atomic-single-images"
        path = self.path(3)
        adf = self.windows(load(shared_data(f"{folder}/STO_ADF_crop512.hspy")).data, path)
        image = load(shared_data(f"{folder}/STO_ABF_crop512.hspy")).data
        abf = self.windows(image, path)
        aligned = align(self.counted(adf, 4, 4))
        moved = self.counted(abf, 40, 5).apply_alignment(
            aligned, output="average", show_progressbar=False
        )
        # A feature at p + shift of a frame lies at p of the result; windows were cut at -path.
        alignment = aligned.smartalign.alignment
        origin = np.round(np.median(alignment.shifts - path, axis=0)).astype(int)
        top, left = origin + (np.array(image.shape) - self.SIZE) // 2
        canvas = alignment.canvas
        truth = image[top + canvas.top :, left + canvas.left :][: canvas.height, : canvas.width]
        # 1,000 counts a pixel in all: what is left is half a pixel of free origin, and blur.
        assert correlation(moved.data, truth) > 0.97
