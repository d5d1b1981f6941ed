"""Frames that were smoothed or resampled: lines and errors as good as those of the raw frames."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from hyperspy_smartalign.data import scan_recipe, simulate_stack
from hyperspy_smartalign.nonrigid import CycleDone, align_frames_nonrigid
from hyperspy_smartalign.nonrigid.beginning import Beginning
from hyperspy_smartalign.nonrigid.residuals import residual_power
from hyperspy_smartalign.nonrigid.whitened import WhiteGrid, find_white_grid
from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.rigid.whitening import Whitening
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.series.resample import resample_frame
from hyperspy_smartalign.transforms import Affine, Field, ScanLine, Translation

N, SIZE = 8, 80


def resampled(factor):
    return lambda stack: np.stack([resample_frame(frame, factor) for frame in stack])


def smoothed(width):
    return lambda stack: ndimage.gaussian_filter(stack.astype(np.float32), (0, width, width))


#: What was done to the frames, and pixels per raw pixel.
TREATMENTS = {
    "resample=2": (resampled(2), 2.0),
    "resample=3": (resampled(3), 3.0),
    "resample=1.5": (resampled(1.5), 1.5),
    "Gaussian, 1 px": (smoothed(1), 1.0),
}


def rms(values) -> float:
    return float(np.sqrt(np.nanmean(np.square(values))))


@pytest.fixture(scope="module")
def simulated():
    """8 frames of 80 x 80 at 20 counts, rows off by 0.5 px."""
    return scan_recipe(20, frames=N, shape=(SIZE, SIZE), seed=2)


@pytest.fixture(scope="module")
def twice(simulated):
    stack = resampled(2)(simulated.stack)
    stack.setflags(write=False)
    return stack


@pytest.fixture(scope="module")
def on_raw():
    """``on_raw(transforms, factor)``: transforms in pixels of the raw frames."""
    return lambda transforms, factor: [
        each.regridded((factor, factor), ((factor - 1) / 2,) * 2) for each in transforms
    ]


@pytest.fixture(scope="module")
def raw_error(align, simulated, line_errors):
    result = align(simulated.stack, simulated.truth.shifts)
    return rms(line_errors(result.transforms, simulated)[0])


@pytest.fixture(scope="module")
def plain(align, simulated, twice):
    return align(twice, 2 * simulated.truth.shifts)


@pytest.mark.parametrize("name", TREATMENTS)
def test_lines_and_errors_are_those_of_the_raw_frames(
    name, align, simulated, line_errors, on_raw, raw_error
):
    treat, factor = TREATMENTS[name]
    result = align(treat(simulated.stack), factor * simulated.truth.shifts)
    found = rms(line_errors(on_raw(result.transforms, factor), simulated)[0])
    assert found < 1.1 * raw_error
    size = int(SIZE * factor)
    assert result.line_errors.shape == (N, size, 2)
    inner = slice(int(12 * factor), -int(12 * factor))
    assert rms(result.line_errors[:, inner]) / factor == pytest.approx(found, rel=0.25)
    np.testing.assert_allclose(rms(result.precision), rms(result.line_errors), rtol=0.05)
    true = np.nanstd(simulated.truth.row_offsets, axis=(0, 1))
    np.testing.assert_allclose(result.prior.rms / factor, true, rtol=0.5)
    assert (result.prior.length / factor > 3).all()
    assert (result.prior.length / factor < 15).all()
    # Of as many counts as the raw frames have, where it is known to be white.
    assert result.noise.gain / factor**2 == pytest.approx(1.0, abs=0.45)


@pytest.mark.parametrize(
    "options", [{"solver": "gradient"}, {"model": "row_fitting"}, {"smooth_frames": 2.0}]
)
def test_other_options(options, align, simulated, twice, line_errors, on_raw):
    start = [Translation(shift) for shift in simulated.truth.shifts]
    before = rms(line_errors(start, simulated)[0])
    result = align(
        twice, 2 * simulated.truth.shifts, affine_cycles=1, nonlinear_cycles=1, **options
    )
    assert rms(line_errors(on_raw(result.transforms, 2), simulated)[0]) < 0.6 * before


@pytest.mark.slow
def test_free_displacements(align, simulated, twice):
    options = {"model": "free", "affine_cycles": 0, "nonlinear_cycles": 1}
    result = align(twice, 2 * simulated.truth.shifts, **options)
    raw = align(simulated.stack, simulated.truth.shifts, **options)
    assert isinstance(result.transforms[0], Field)
    assert result.line_errors is None
    np.testing.assert_allclose(result.prior.rms / 2, raw.prior.rms, rtol=0.5)
    np.testing.assert_allclose(result.prior.length / 2, raw.prior.length, rtol=0.5)
    assert rms(result.precision) / 2 == pytest.approx(rms(raw.precision), rel=0.3)


def test_scan_directions(align, line_errors, on_raw):
    """Lines of every other frame are columns."""
    simulated = scan_recipe(30, frames=N, shape=(72, 72), scan_rotation="pairs", seed=4)
    geometry = simulated.truth.path.geometry
    raw = align(simulated.stack, simulated.truth.shifts, scan=geometry)
    fine = align(resampled(2)(simulated.stack), 2 * simulated.truth.shifts, scan=geometry)
    for found, expected in zip(
        line_errors(on_raw(fine.transforms, 2), simulated),
        line_errors(raw.transforms, simulated),
        strict=True,
    ):
        assert rms(found) < 1.2 * rms(expected)
    columns = fine.transforms[1]
    assert isinstance(columns, ScanLine)
    assert columns.axis == 1


def test_region_and_excluded_frames(align, simulated, twice, line_errors, on_raw):
    start = 2 * simulated.truth.shifts
    region = (8, 148, 10, 154)
    result = align(twice, start, region=region, excluded=(3,))
    assert result.excluded.tolist() == [index == 3 for index in range(N)]
    np.testing.assert_array_equal(result.transforms[3].shift, start[3])
    assert result.line_errors.shape == (N, 144, 2)
    assert np.isnan(result.precision[3]).all()
    cut = align(twice[:, 10:154, 8:148], start, excluded=(3,))
    for whole, part in zip(result.transforms, cut.transforms, strict=True):
        found = whole.displacement((160, 160))[:, 10:154, 8:148]
        np.testing.assert_allclose(found, part.displacement((144, 140)), atol=1e-6)


def test_lazy_frames_and_gaps(align, simulated, twice, plain, line_errors, on_raw, raw_error):
    lazy = align(twice, 2 * simulated.truth.shifts, lazy=True)
    np.testing.assert_allclose(lazy.precision, plain.precision, rtol=1e-3)
    gaps = twice.copy()
    gaps[:, :30, :40] = np.nan
    gaps[2, 100, 90] = np.inf
    result = align(gaps, 2 * simulated.truth.shifts)
    assert rms(line_errors(on_raw(result.transforms, 2), simulated)[0]) < 1.3 * raw_error


def test_noise_alone_shows_nothing(align):
    still = simulate_stack(shape=(SIZE, SIZE), frames=N, dose=20, seed=5)
    result = align(resampled(2)(still.stack), 2 * still.truth.shifts)
    field = np.array([t.displacement((160, 160)) for t in result.transforms])
    motion = field - field.mean((2, 3), keepdims=True)
    assert rms(motion) < rms(result.precision)


@pytest.mark.parametrize("seed", range(3))
def test_ordinary_series_are_left_alone(seed, frames_of):
    for simulated in (
        scan_recipe(30, frames=6, shape=(72, 80), seed=seed),
        scan_recipe(0.5, frames=6, shape=(72, 80), seed=seed),
        simulate_stack(shape=(72, 80), frames=8, dose=50, row_jitter=1.0, seed=seed),
    ):
        frames = simulated.stack.astype(np.float32)
        frames[:, :6] = np.nan
        assert find_white_grid(frames_of(frames), np.zeros(len(frames), bool), None) is None


def test_what_is_told_is_in_pixels_of_the_frames(frames_of, simulated, twice):
    events, stages = [], []
    result = align_frames_nonrigid(
        frames_of(twice),
        [Translation(2 * shift) for shift in simulated.truth.shifts],
        NonrigidParameters(affine_cycles=1, nonlinear_cycles=2),
        excluded=np.zeros(N, bool),
        watch=events.append,
        progress=lambda stage, done, total: stages.append(stage),
    )
    assert all(isinstance(event, CycleDone) for event in events)
    assert events[0].number == 0
    assert [event.cycle.mean_shifts for event in events[1:]] == [
        cycle.mean_shifts for cycle in result.cycles
    ]
    mean = twice.mean(0)
    for event in events:
        assert event.average.shape == twice.shape[1:]
        both = np.isfinite(event.average)
        assert both.mean() > 0.9
        # The given frames are drawn, not the whitened ones.
        assert np.nanmean(event.average) == pytest.approx(mean.mean(), rel=0.02)
    assert np.nanstd(events[-1].average) > np.nanstd(events[0].average)
    assert "looking at the noise" in stages


def test_times_are_those_of_the_lines_of_the_frames(align, simulated, twice):
    shifts = np.arange(N)[:, None] * np.array([0.0, 1.6])
    line_time = 1e-3
    scan = ScanGeometry(line_time=line_time, frame_time=200 * line_time)
    result = align(
        twice, shifts, scan=scan, continuous=True, affine_cycles=0, nonlinear_cycles=1,
        max_iterations=1, guard=False,
    )  # fmt: skip
    lines = np.array([t.displacement((160, 160))[1].mean(1) for t in result.transforms])
    slope = np.polyfit(np.arange(160), lines.mean(0), 1)[0]
    assert slope == pytest.approx(1.6 / 200, rel=0.1)


def test_lengths_hold_in_pixels_of_the_frames():
    grid = WhiteGrid(Whitening((96, 120), (48, 60), np.ones((48, 60), np.float32)))
    given = NonrigidParameters(
        smoothing=6.0, smooth_reference=2.0, smooth_frames=1.0, convergence="weak"
    )
    found = grid.parameters(given)
    assert (found.smoothing, found.smooth_reference, found.smooth_frames) == (3.0, 1.0, 0.5)
    assert found.convergence_limit == pytest.approx(5e-5)
    assert grid.parameters(NonrigidParameters()).keywords() == NonrigidParameters().keywords()


def test_transforms_there_and_back():
    grid = WhiteGrid(Whitening((96, 120), (32, 60), np.ones((32, 60), np.float32)))
    given = Affine([[1.01, 0.02], [-0.01, 0.99]], shift=(2.0, -3.0), centre=(40.0, 50.0))
    back = grid.to_frames(grid.to_grid(given))
    np.testing.assert_allclose(back.displacement((96, 120)), given.displacement((96, 120)))
    small = grid.to_grid(Translation((3.0, 4.0)))
    np.testing.assert_allclose(small.shift, (1.0, 2.0))


def test_refined_noise_is_white():
    rng = np.random.default_rng(0)
    whitening = Whitening((64, 48), (64, 48), np.ones((64, 48), np.float32))
    noise = ndimage.gaussian_filter(rng.normal(0, 1, (30, 64, 48)), (0, 0.42, 0.42))

    def range_of(frames):
        power = (np.abs(np.fft.rfft2(frames)) ** 2).mean(0)
        parts = [
            part for half in np.array_split(power[:32], 4) for part in np.array_split(half, 4, 1)
        ]
        means = [part.mean() for part in parts]
        return max(means) / min(means)

    refined = WhiteGrid(whitening).refined((np.abs(np.fft.rfft2(noise)) ** 2).mean(0)).whitening
    assert range_of(noise) > 1.8
    assert range_of([refined.apply(frame) for frame in noise.astype(np.float32)]) < 1.35


def test_residuals_are_noise(frames_of, simulated):
    beginning = Beginning.of(
        frames_of(simulated.stack), [Translation(s) for s in simulated.truth.shifts],
        NonrigidParameters(), np.zeros(N, bool), None, None, None, num_workers=1,
    )  # fmt: skip
    power = residual_power(beginning.store, beginning.state, beginning.settings)
    # Counts: their noise is as large as their mean, and the jitter of the lines comes on top.
    assert np.median(power) == pytest.approx(simulated.stack.mean(), rel=0.4)
