"""Frames that were smoothed or resampled: shifts and errors as good as those of the raw frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from hyperspy_smartalign.data import (
    SimulatedStack,
    lattice,
    lattice_recipe,
    simulate_stack,
    tilt_boundary_recipe,
)
from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.rigid.options import parameters_on_grid
from hyperspy_smartalign.rigid.whitening import Whitening, find_whitening
from hyperspy_smartalign.series.resample import resample_frame

Stack = npt.NDArray[Any]


def resampled(factor: float) -> Callable[[Stack], Stack]:
    return lambda stack: np.stack([resample_frame(frame, factor) for frame in stack])


def smoothed(width: float) -> Callable[[Stack], Stack]:
    return lambda stack: ndimage.gaussian_filter(stack.astype(np.float32), (0, width, width))


def rounded(stack: Stack) -> Stack:
    return np.round(20 * smoothed(1)(stack) + 1000).astype(np.uint16)


def median(stack: Stack) -> Stack:
    return ndimage.median_filter(stack, (1, 3, 3))


#: What was done to the frames, pixels per raw pixel, and by how much errors may exceed those of
#: the raw frames: a median loses some of what they say.
TREATMENTS = {
    "resample=2": (resampled(2), 2.0, 1.2),
    "resample=3": (resampled(3), 3.0, 1.2),
    "resample=1.5": (resampled(1.5), 1.5, 1.2),
    "Gaussian, 0.5 px": (smoothed(0.5), 1.0, 1.2),
    "Gaussian, 1 px": (smoothed(1), 1.0, 1.2),
    "Gaussian, 1 px, rounded": (rounded, 1.0, 1.2),
    "median": (median, 1.0, 1.45),
}


def whitening_of(stack: Stack) -> Whitening | None:
    frames = np.asarray(stack, np.float32)
    return find_whitening(frames.__getitem__, np.arange(len(frames)), frames.shape[1:])


def rms(values: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.fixture(scope="module")
def simulated() -> SimulatedStack:
    """16 frames of a fine lattice with flaws, 20 counts; the bound is 0.009 px."""
    crystal = lattice("perovskite", spacing=7.0, angle=10, field=(96, 96), margin=40, width=1.2)
    crystal = crystal.with_vacancies(0.05, depth=0.6).with_defects(15).with_blobs(3)
    return simulate_stack(
        shape=(96, 96), frames=16, crystal=crystal, dose=20, drift=(0.7, -0.45), seed=0
    )


@pytest.fixture(scope="module")
def raw_error(simulated, align, errors) -> float:
    return rms(errors(align(simulated.stack).shifts, simulated.truth.shifts))


@pytest.mark.parametrize("name", TREATMENTS)
def test_shifts_and_errors_are_those_of_the_raw_frames(name, simulated, raw_error, align, errors):
    treat, factor, most = TREATMENTS[name]
    result = align(treat(simulated.stack))
    found = rms(errors(result.shifts, factor * simulated.truth.shifts)) / factor
    bound = rms(simulated.truth.cramer_rao_shift())
    assert found < most * bound
    assert found < most * raw_error
    assert rms(result.precision) / factor == pytest.approx(found, rel=0.2)
    assert result.hop_margin.min() > 3
    # Of an accepted pair another candidate than the highest maximum may agree.
    i, j = result.pairs.indices.T
    expected = factor * (simulated.truth.shifts[i] - simulated.truth.shifts[j])
    right = np.hypot(*(result.pairs.shifts - expected).T) < factor
    assert right.mean() > 0.9


def test_low_dose_lattice_resampled(align, errors):
    """Without the whitening frames come to lie 50 px off."""
    simulated = lattice_recipe(2, frames=10, shape=(96, 96), seed=0)
    result = align(resampled(3)(simulated.stack))
    found = errors(result.shifts, 3 * simulated.truth.shifts) / 3
    assert rms(found) < 1.5 * rms(simulated.truth.cramer_rao_shift())


@pytest.mark.parametrize(
    "stack",
    [
        lattice_recipe(0.5, frames=10, shape=(96, 96)).stack,
        lattice_recipe(500, frames=10, shape=(96, 96)).stack,
        tilt_boundary_recipe(20, frames=8, shape=(96, 112)).stack,
        simulate_stack(shape=(96, 96), frames=8, dose=50, row_jitter=1.0, seed=1).stack,
        simulate_stack(
            shape=(96, 96), frames=8, dose=50, drift_walk=15, crystal="nanoparticle", seed=1
        ).stack,
        np.zeros((6, 64, 64)),
        np.ones((1, 64, 64)),
        np.random.default_rng(0).poisson(5, (6, 20, 20)),
    ],
    ids=["low dose", "high dose", "boundary", "jitter", "jumps", "blank", "one", "small"],
)
def test_ordinary_series_are_left_alone(stack):
    assert whitening_of(stack) is None


def test_noise_along_scan_lines_is_left_to_line_noise():
    """Noise of a tip that wanders: coloured along the lines, white from line to line."""
    noise = np.random.default_rng(1).normal(0, 1, (8, 96, 96))
    assert whitening_of(10 * ndimage.gaussian_filter1d(noise, 1.0, axis=2) + 0.2 * noise) is None
    assert whitening_of(10 * ndimage.gaussian_filter(noise, (0, 1, 1)) + 0.001 * noise) is not None


def test_resampled_frames_go_back_to_their_grid(simulated):
    found = whitening_of(resampled(3)(simulated.stack))
    np.testing.assert_allclose(found.grid, (96, 96), atol=6)
    np.testing.assert_allclose(found.step, (3, 3), atol=0.2)
    assert found.gain.max() < 5


def test_whitened_noise_is_white():
    noise = np.random.default_rng(2).normal(0, 2, (12, 96, 80)) + 100
    smooth = ndimage.gaussian_filter(noise, (0, 1, 1))
    found = whitening_of(smooth)
    white = np.stack([found.apply(frame) for frame in smooth.astype(np.float32)]) - 100
    power = (np.abs(np.fft.rfft2(white - white.mean((1, 2), keepdims=True))) ** 2).mean(0)
    blocks = [block for half in np.array_split(power, 4) for block in np.array_split(half, 4, 1)]
    density = np.array([block.mean() for block in blocks])
    assert density.max() < 2 * density.min()
    # Neighbours share 0.78 before.
    assert abs(np.corrcoef(white[:, :, 1:].ravel(), white[:, :, :-1].ravel())[0, 1]) < 0.1


def test_features_keep_their_place():
    """The grid covers the same area: pixel j lies at start + j * step."""
    y, x = np.mgrid[:90, :120]
    frame = np.exp(-((y - 40.0) ** 2 + (x - 70.0) ** 2) / 128).astype(np.float32)
    whitening = Whitening((90, 120), (45, 30), np.ones((45, 30), np.float32))
    small = whitening.apply(frame)
    assert small.shape == (45, 30)
    rows, columns = np.indices(small.shape)
    place = [float((small * k).sum() / small.sum()) for k in (rows, columns)]
    found = np.array(whitening.start) + np.array(place) * whitening.step
    np.testing.assert_allclose(found, (40, 70), atol=0.02)
    assert whitening.apply(np.full((90, 120), 7.5, np.float32)).tolist() == [[7.5] * 30] * 45


def test_gaps_stay_gaps():
    frame = np.random.default_rng(3).normal(0, 1, (60, 60)).astype(np.float32)
    frame[:12] = np.nan
    whitening = Whitening((60, 60), (20, 20), np.ones((20, 20), np.float32))
    result = whitening.apply(frame)
    assert np.isnan(result[:4]).all()
    assert np.isfinite(result[6:]).all()


def test_blank_frames_are_still_told(align, simulated):
    stack = resampled(2)(simulated.stack)
    stack[3] = 4.0
    result = align(stack)
    assert result.reasons[3] == "blank: every pixel is 4"
    assert result.excluded.tolist() == [index == 3 for index in range(16)]


def test_region_and_lazy_frames(align, simulated, errors):
    stack = resampled(2)(simulated.stack)
    region = (20, 180, 10, 150)
    kept = align(stack, region=region)
    lazy = align(stack, region=region, lazy=True)
    np.testing.assert_allclose(lazy.shifts, kept.shifts, atol=1e-3)
    assert rms(errors(kept.shifts, 2 * simulated.truth.shifts)) / 2 < 0.03


def test_options_hold_in_pixels_of_the_frames():
    whitening = Whitening((96, 120), (32, 60), np.ones((32, 60), np.float32))
    given = RigidParameters(
        max_shift=12.0, outlier_threshold=3.0, weighting="band_pass", band=(0.02, 0.1)
    )
    found = parameters_on_grid(given, whitening)
    mean = np.sqrt(6)
    np.testing.assert_allclose(found.max_shift, (4, 6))
    assert found.outlier_threshold == pytest.approx(3 / mean)
    np.testing.assert_allclose(found.band, (0.02 * mean, 0.1 * mean))
    found = parameters_on_grid(
        RigidParameters(weighting="low_pass", band=0.2, butterworth=0.3, exponent=0.5), whitening
    )
    assert (found.band, found.butterworth) == pytest.approx((0.2 * mean, 0.3 * mean))
    found = parameters_on_grid(
        RigidParameters(weighting="elliptical_gaussian", band=(0.1, 0.2)), whitening
    )
    np.testing.assert_allclose(found.band, (0.3, 0.4))
    mask = np.zeros((96, 120))
    mask[48, 60] = 1
    cut = parameters_on_grid(RigidParameters(weighting=mask), whitening).weighting
    assert cut.shape == (32, 60)
    assert np.argwhere(cut).tolist() == [[16, 30]]
    with pytest.raises(ValueError, match=r"frame's shape \(96, 120\)"):
        parameters_on_grid(RigidParameters(weighting=mask.T), whitening)


def test_pairs_are_told_in_pixels_of_the_frames(source, simulated):
    from hyperspy_smartalign.rigid import align_frames

    told: list[Any] = []
    result = align_frames(
        source(resampled(2)(simulated.stack)), RigidParameters(), watch=told.append
    )
    shifts = np.concatenate([part.shifts for part in told])
    np.testing.assert_allclose(np.sort(shifts, axis=0), np.sort(result.pairs.shifts, axis=0))
