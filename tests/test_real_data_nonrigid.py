"""Real series without what the scan did inside their frames.

Truth comes from windows that were displaced line by line, from correlations of parts of the frames,
or from what must not happen: torn lines, distortions that nobody put there, blurred averages.
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
from skimage.registration import phase_cross_correlation

import hyperspy_smartalign
from hyperspy_smartalign.series import SeriesWarning
from hyperspy_smartalign.transforms import ScanLine, Transform

# Readers warn of classes and numpy calls that are on their way out; that is not ours to judge.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.slow]

Find = Callable[[str], Path]


def load(path: Path, **keywords: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hs.load(path, **keywords)


def quietly(verb: Callable[..., Any], **keywords: Any) -> Any:
    """Call a verb; what is said of doubtful shifts belongs to the tests of the rigid stage."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeriesWarning)
        return verb(show_progressbar=False, **keywords)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    both = np.isfinite(first) & np.isfinite(second)
    return float(np.corrcoef(first[both], second[both])[0, 1])


def transforms_of(aligned: Any) -> tuple[Transform, ...]:
    return tuple(aligned.smartalign.alignment.transforms)


def rise(aligned: Any) -> float:
    """Mean rise of the correlation of the frames with the mean of the others."""
    record = aligned.smartalign.nonrigid
    return float(np.nanmean(record.similarity - record.similarity_before))


def line_displacement(transform: Transform, shape: tuple[int, int]) -> np.ndarray:
    """Displacement (lines, 2) of the content at the middle of each row of the frame, px."""
    height, width = shape
    place = np.stack([np.arange(height, dtype=float)[:, None], np.full((height, 1), width / 2)])
    found = np.zeros_like(place)
    for _ in range(20):
        found = transform.at(place - found)
    return np.asarray(found[:, :, 0].T)


class TestSilicon7x7:
    """One area twice; the piezo crept within the frames, and not alike."""

    @pytest.fixture(scope="class")
    def channels(self, shared_data: Find) -> Any:
        return load(shared_data("stm-si111-7x7/si77_028_032.hspy"))

    @pytest.fixture(scope="class")
    def rigid(self, channels: Any) -> Any:
        return quietly(channels.inav[0].smartalign.remove_ramp().align_rigid)

    @pytest.fixture(scope="class")
    def aligned(self, rigid: Any) -> Any:
        return quietly(rigid.align_nonrigid, crop=False)

    @staticmethod
    def common(aligned: Any) -> np.ndarray:
        """The part that both frames saw."""
        frames = aligned.data
        seen = np.isfinite(frames).all(0)
        rows, columns = (np.flatnonzero(seen.mean(axis) > 0.5) for axis in (1, 0))
        return np.asarray(frames[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])

    def test_frames_are_the_same_picture(self, rigid: Any, aligned: Any) -> None:
        # No shift of the whole frame reaches more than 0.724, no affine transform 0.955.
        first, second = self.common(aligned)
        assert correlation(*rigid.data) < 0.73
        assert correlation(first, second) > 0.96

    def test_creep_is_that_of_parts_of_the_frames(self, rigid: Any, aligned: Any) -> None:
        # Bands of the shifted frames, correlated on their own: -3 px at the top, 1.4 at the end.
        canvas = rigid.smartalign.alignment.canvas
        shift = rigid.smartalign.alignment.shifts
        height, width = canvas.height, canvas.width
        place = np.mgrid[canvas.top : canvas.top + height, canvas.left : canvas.left + width]
        found = [transform.at(place.astype(float)) for transform in transforms_of(aligned)]
        moved = (found[1] - found[0]).mean(2).T - (shift[1] - shift[0])
        for top in range(0, height - 40, 40):
            band = slice(top, top + 40)
            first, second = (frame[band] - frame[band].mean() for frame in rigid.data)
            apart = -phase_cross_correlation(first, second, upsample_factor=20, normalization=None)[
                0
            ]
            np.testing.assert_allclose(moved[band].mean(0), apart, atol=0.35)

    def test_lines_that_one_frame_saw_go_on_smoothly(self, aligned: Any) -> None:
        for transform in transforms_of(aligned):
            offsets = line_displacement(transform, (256, 256))
            assert np.abs(offsets[5:] - offsets[:-5]).max() < 0.6
        # Nobody but one frame saw them: their error bars say so.
        errors = aligned.smartalign.nonrigid.line_errors
        assert errors[0, 250, 0] > 3 * errors[0, 100, 0]
        assert errors[1, 5, 0] > 3 * errors[1, 150, 0]

    @pytest.mark.parametrize(("channel", "gain"), [(1, 0.2), (2, 0.2), (3, 0.2)])
    def test_other_channels_follow(
        self, channels: Any, rigid: Any, aligned: Any, channel: int, gain: float
    ) -> None:
        other = channels.inav[channel].smartalign.remove_ramp()
        shifted = quietly(other.apply_alignment, alignment=rigid).data
        moved = self.common(quietly(other.apply_alignment, alignment=aligned))
        assert correlation(*moved) - correlation(*shifted) > gain

    @pytest.mark.parametrize("extension", ["hspy", "zspy"])
    @pytest.mark.filterwarnings("ignore:.*NestedDirectoryStore:FutureWarning")
    def test_result_comes_back_from_a_file(
        self, channels: Any, aligned: Any, tmp_path: Path, extension: str
    ) -> None:
        aligned.save(tmp_path / f"aligned.{extension}")
        back = load(tmp_path / f"aligned.{extension}", lazy=True)
        assert back.smartalign.alignment == aligned.smartalign.alignment
        assert back.smartalign.nonrigid == aligned.smartalign.nonrigid
        raw = channels.inav[0].smartalign.remove_ramp()
        again = quietly(raw.apply_alignment, alignment=back)
        np.testing.assert_array_equal(again.data, aligned.data)

    def test_lazy_series_is_aligned_alike(self, channels: Any, aligned: Any) -> None:
        lazy = channels.inav[0].smartalign.remove_ramp().as_lazy()
        result = quietly(lazy.align_nonrigid, crop=False)
        assert result._lazy
        # Sums of threads are rounded in an order that changes; at lines that one frame alone saw
        # this moves content by up to about 0.01 px.
        difference = result.data.compute() - aligned.data
        assert np.sqrt(np.nanmean(difference**2)) < 0.01 * np.nanstd(aligned.data)
        assert (np.isnan(difference) != np.isnan(aligned.data)).mean() < 1e-3


class TestForceMicroscopy:
    """Noise of the tip along the lines is a hundred times the white noise: it is no jitter."""

    @pytest.fixture(scope="class")
    def flat(self, shared_data: Find) -> Any:
        series = load(shared_data("afm-fastscan-3frames/fastscan_height_3frames.hspy"))
        flat = series.smartalign.remove_ramp(order=2).smartalign.prepare(equalise="row")
        return flat.isig[240:624, :]

    @pytest.fixture(scope="class")
    def aligned(self, flat: Any) -> Any:
        return quietly(flat.align_nonrigid, max_iterations=5)

    def test_frames_are_not_torn(self, flat: Any, aligned: Any) -> None:
        # Teeth of 3 px and more from line to line, when tip noise is taken for a motion.
        for transform in transforms_of(aligned):
            offsets = line_displacement(transform, flat.data.shape[1:])
            assert np.abs(np.diff(offsets, axis=0)).mean() < 0.6

    def test_frames_look_more_alike(self, flat: Any, aligned: Any) -> None:
        rigid = quietly(flat.align_rigid).data
        frames = aligned.data
        for first, second in ((0, 1), (1, 2)):
            before = correlation(rigid[first], rigid[second])
            assert correlation(frames[first], frames[second]) > before


class TestFastScanning:
    """Video-rate STM: the first film hardly moves, the tip of the second one does."""

    def test_lattice_moves_by_tenths_of_a_pixel(self, shared_data: Find) -> None:
        film = load(shared_data("faststm-movies/F20190424_1_uf.hspy")).inav[:16]
        aligned = quietly(film.align_nonrigid)
        assert rise(aligned) > 0.0001
        assert not aligned.smartalign.alignment.excluded.any()
        for transform in transforms_of(aligned):
            offsets = line_displacement(transform, (196, 196))
            assert np.abs(offsets - offsets.mean(0)).max() < 0.5

    def test_film_that_changes(self, shared_data: Find) -> None:
        film = load(shared_data("faststm-movies/20141003_24_uf.hspy")).inav[:32]
        aligned = quietly(film.align_nonrigid)
        assert rise(aligned) > 0.006
        # Frames 6, 7 and 19 jump by 1.5 to 2 px and back; nothing does by much more.
        for transform in transforms_of(aligned):
            assert np.abs(line_displacement(transform, (105, 105))).max() < 4.0

    def test_neighbours_as_reference(self, shared_data: Find) -> None:
        film = load(shared_data("faststm-movies/20141003_24_uf.hspy")).inav[:20]
        aligned = quietly(
            film.align_nonrigid, reference="local", reference_width=3, max_iterations=3
        )
        assert rise(aligned) > 0.004


class TestCamera:
    """Amorphous carbon on a TEM camera: no scan lines, and hardly any drift."""

    @pytest.fixture(scope="class")
    def series(self, shared_data: Find) -> Any:
        return load(shared_data("tem-carbon-6frames/tem_carbon_6frames.hspy")).isig[:256, :256]

    @pytest.fixture(scope="class")
    def free(self, series: Any) -> Any:
        return quietly(series.align_nonrigid, model="free")

    @pytest.mark.parametrize("model", ["scan_locked", "free"])
    def test_nothing_much_is_found(self, series: Any, free: Any, model: str) -> None:
        aligned = free if model == "free" else quietly(series.align_nonrigid)
        for transform in transforms_of(aligned):
            field = transform.displacement((256, 256))
            # The drift of the whole series is below 0.25 px.
            assert np.abs(field).max() < 0.4
            assert field.std(axis=(1, 2)).max() < 0.08

    def test_frames_do_not_lose(self, series: Any, free: Any) -> None:
        rigid = quietly(series.align_rigid).data
        for first, second in ((0, 1), (2, 3), (4, 5)):
            before = correlation(rigid[first], rigid[second])
            assert correlation(free.data[first], free.data[second]) > before - 0.001


class TestTiltSeries:
    """What differs between tilts is parallax, which no scan line can follow."""

    @pytest.fixture(scope="class")
    def haadf(self, shared_data: Find) -> Any:
        files = [shared_data(f"eds-haadf-series-L2083/{tilt}.bcf") for tilt in ("0", "5", "-5")]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return hyperspy_smartalign.load_series(files, signal="HAADF")

    def test_lines_stay(self, haadf: Any) -> None:
        rigid, aligned = quietly(haadf.align_rigid), quietly(haadf.align_nonrigid)
        for frame in (1, 2):
            before = correlation(rigid.data[0], rigid.data[frame])
            assert correlation(aligned.data[0], aligned.data[frame]) > before - 0.0005


class TestWindowsMovedLineByLine:
    """Windows of one real image, each line displaced by a known offset, with Poisson noise."""

    FRAMES, SIZE, EDGE = 10, 192, 12

    def offsets(self, seed: int, rms: float) -> np.ndarray:
        """Known displacement (frames, lines, 2): drift between and within frames, and jitter."""
        rng = np.random.default_rng(seed)
        steps = rng.normal((0.8, -0.5), 0.5, (self.FRAMES, 2))
        walk = np.cumsum(steps, axis=0)
        white = rng.normal(size=(self.FRAMES, self.SIZE, 2))
        jitter = ndimage.gaussian_filter1d(white, 6.0, axis=1)
        during = (np.arange(self.SIZE) / self.SIZE - 0.5)[:, None] * np.array((0.8, -0.5))
        return np.asarray((walk - walk.mean(0))[:, None] + during + rms * jitter / jitter.std())

    def frames(self, image: np.ndarray, offsets: np.ndarray, peak: float) -> Any:
        low, high = np.percentile(image, (0.1, 99.9))
        coefficients = ndimage.spline_filter(np.clip((image - low) / (high - low), 0.02, None))
        top, left = (np.array(image.shape) - self.SIZE) // 2
        y, x = np.mgrid[: self.SIZE, : self.SIZE].astype(float)
        moved = [
            ndimage.map_coordinates(
                coefficients, (top + y - line[:, :1], left + x - line[:, 1:]), prefilter=False
            )
            for line in offsets
        ]
        rng = np.random.default_rng(7)
        counts = rng.poisson(peak * np.maximum(moved, 0.0)).astype(np.uint16)
        return hs.signals.Signal2D(counts)

    def error(self, aligned: Any, offsets: np.ndarray) -> np.ndarray:
        """Error of every line, but for what is common to all frames, which cannot be seen."""
        shape = (self.SIZE, self.SIZE)
        found = np.array([line_displacement(each, shape) for each in transforms_of(aligned)])
        error = found - offsets
        return np.asarray(error - error.mean(0))[:, self.EDGE : -self.EDGE]

    @pytest.mark.parametrize(
        ("name", "peak", "jitter", "rms"),
        [
            # About 1.2 times what was measured; the jitter itself is what a rigid stage leaves.
            ("stem-atomic-single-images/STO_ADF_crop512.hspy", 4, 0.5, 0.21),
            ("stem-atomic-single-images/STO_ADF_crop512.hspy", 20, 0.5, 0.11),
            ("stem-atomic-single-images/Se_implanted_MoS2.dm3", 8, 0.7, 0.12),
        ],
    )
    def test_offsets_are_found(
        self, shared_data: Find, name: str, peak: float, jitter: float, rms: float
    ) -> None:
        offsets = self.offsets(1, jitter)
        series = self.frames(load(shared_data(name)).data.astype(float), offsets, peak)
        aligned = quietly(series.align_nonrigid)
        error = self.error(aligned, offsets)
        assert np.sqrt((error**2).mean()) < rms
        errors = aligned.smartalign.nonrigid.line_errors[:, self.EDGE : -self.EDGE]
        assert 0.7 < np.sqrt((error**2).mean() / (errors**2).mean()) < 1.4
        assert rise(aligned) > 0.004

    def test_one_count_is_not_made_worse(self, shared_data: Find) -> None:
        offsets = self.offsets(2, 0.5)
        image = load(shared_data("stem-atomic-single-images/STO_ADF_crop512.hspy")).data
        series = self.frames(image, offsets, 1.0)
        rigid = quietly(series.align_rigid)
        aligned = quietly(rigid.align_nonrigid)
        before, after = (self.error(each, offsets) for each in (rigid, aligned))
        assert np.sqrt((after**2).mean()) < 0.85 * np.sqrt((before**2).mean())

    def test_second_detector_gets_sharper(self, shared_data: Find) -> None:
        folder = "stem-atomic-single-images"
        offsets = self.offsets(3, 0.7)
        adf, abf = (
            self.frames(load(shared_data(f"{folder}/STO_{name}_crop512.hspy")).data, offsets, peak)
            for name, peak in (("ADF", 8), ("ABF", 100))
        )
        rigid = quietly(adf.align_rigid)
        aligned = quietly(rigid.align_nonrigid)
        assert all(isinstance(each, ScanLine) for each in transforms_of(aligned))
        sharp = []
        for alignment in (rigid, aligned):
            mean = quietly(abf.apply_alignment, alignment=alignment, output="average").data
            inner = mean[20:-20, 20:-20]
            sharp.append(float(np.hypot(*np.gradient(inner)).mean() / inner.mean()))
        assert sharp[1] > 1.03 * sharp[0]
