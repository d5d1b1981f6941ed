from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import Detector, lattice_recipe, simulate_stack
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.rigid.refinement import LONGEST_STEP, refine_shifts
from hyperspy_smartalign.rigid.store import FrameStore

COUNTS = NoiseModel(offset=0.0, gain=1.0, floor=1e-3)


def refined(source, stack, shifts, *, used=None, noise=COUNTS, passes=2, **keywords):
    store = FrameStore(source(stack))
    used = np.ones(len(stack), bool) if used is None else used
    for _ in range(passes):
        found = refine_shifts(store, shifts, used, noise, **keywords)
        shifts = found.shifts
    return found


def near(true, seed=0, distance=0.3):
    rng = np.random.default_rng(seed)
    return true - true.mean(0) + rng.normal(0, distance, true.shape)


@pytest.mark.parametrize("dose", [20, 2])
def test_the_cramer_rao_bound_is_met(align, dose):
    """From raw frames to shifts, 2 series of 40 frames: 160 values, known to 6 per cent.

    The bound knows the image and sees the whole frame; ours has to find it, and frames at the
    ends of a drift of 57 px overlap with the others in part.
    """
    squares, bounds, promised = [], [], []
    for seed in (0, 1):
        simulated = lattice_recipe(dose, seed=seed)
        result = align(simulated.stack)
        true = simulated.truth.shifts
        squares.append((result.shifts - true + true.mean(0)) ** 2)
        bounds.append(simulated.truth.cramer_rao_shift() ** 2)
        promised.append(result.precision**2)
    rms = np.sqrt(np.mean(squares))
    assert rms / np.sqrt(np.mean(bounds)) <= 1.15
    assert np.sqrt(np.mean(promised)) / rms == pytest.approx(1.0, abs=0.15)


def test_a_pass_brings_shifts_nearer(source, crystal_series, errors):
    true = crystal_series.truth.shifts
    start = near(true)
    found = refined(source, crystal_series.stack, start)
    assert errors(found.shifts, true).std() < 0.2 * errors(start, true).std()
    np.testing.assert_allclose(found.shifts.mean(0), 0, atol=1e-9)
    assert np.hypot(*found.steps.T).max() <= LONGEST_STEP + 1e-9
    assert found.precision.shape == (10, 2)


def test_a_frame_is_not_locked_by_its_own_noise(source, errors):
    """Of two frames each is fitted to the other alone, so a false shift is left."""
    simulated = simulate_stack(shape=(112, 96), frames=2, dose=20, drift=(0, 0), drift_walk=0)
    start = np.array([[0.4, -0.4], [-0.4, 0.4]])
    # The other frame steps as well: after a pass both have overshot to the other side.
    found = refined(source, simulated.stack, start, passes=1)
    assert np.abs(found.steps).min() > 0.3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("detector", "offset"),
    [
        (Detector(), 0.0),
        (Detector(gain=3.7, offset=120, read_noise=5), 25 - 3.7 * 120),
    ],
)
def test_the_noise_is_that_of_the_detector(align, errors, detector, offset):
    simulated = simulate_stack(shape=(160, 144), frames=24, dose=20, detector=detector, seed=0)
    result = align(simulated.stack)
    assert result.noise.gain == pytest.approx(detector.gain, rel=0.05)
    intensity = float(simulated.stack.mean())
    assert result.noise.variance(intensity) == pytest.approx(
        offset + detector.gain * intensity, rel=0.04
    )


def test_16_bit_frames_far_from_counts(align, errors):
    """Mean 20,000 and noise 3,000, as 16-bit detectors give: scaled counts, no other result."""
    simulated = simulate_stack(shape=(128, 128), frames=12, dose=12, seed=1)
    counts = simulated.stack.astype(np.float64)
    gain = 3000 / counts.std(0).mean()
    scaled = np.round(20000 + gain * (counts - counts.mean()))
    assert scaled.min() >= 0
    assert scaled.max() <= 65535
    frames = scaled.astype(np.uint16)
    as_counts, as_words = align(counts.astype(np.float32)), align(frames)
    np.testing.assert_allclose(as_words.shifts, as_counts.shifts, atol=2e-3)
    np.testing.assert_allclose(as_words.precision, as_counts.precision, rtol=0.02)
    assert as_words.noise.gain == pytest.approx(gain * as_counts.noise.gain, rel=0.02)


def test_brightness_does_not_pull(source, crystal_series, errors):
    """Gain and level that differ from frame to frame are fitted along."""
    true = crystal_series.truth.shifts
    level = np.linspace(0, 10, 10)[:, None, None]
    contrast = np.linspace(0.8, 1.2, 10)[:, None, None]
    plain = refined(source, crystal_series.stack, near(true))
    found = refined(source, crystal_series.stack * contrast + level, near(true))
    assert errors(found.shifts, true).std() < 1.3 * errors(plain.shifts, true).std()
    order = np.corrcoef(found.contrast, contrast.ravel())[0, 1]
    assert order > 0.95
    assert found.contrast == pytest.approx(contrast.ravel(), abs=0.15)


def test_spikes_do_not_pull(source, errors):
    """Twice the brightest column, in 0.1 % of the pixels and elsewhere in each frame."""
    keywords = {"shape": (112, 96), "frames": 10, "dose": 20, "seed": 0}
    clean = simulate_stack(**keywords)
    struck = clean.stack.copy()
    rng = np.random.default_rng(0)
    struck[rng.random(struck.shape) < 0.001] += 40.0
    true = clean.truth.shifts
    plain = refined(source, clean.stack, near(true))
    found = refined(source, struck, near(true))
    # The spikes enter the mean of the others too, so something is lost.
    assert errors(found.shifts, true).std() < 2.0 * errors(plain.shifts, true).std()


def test_frames_that_are_not_used_are_fitted_but_change_nothing(source, crystal_series, errors):
    true = crystal_series.truth.shifts
    used = np.arange(10) != 4
    changed = crystal_series.stack.copy()
    changed[4] = changed[4][::-1]
    plain = refined(source, crystal_series.stack, near(true), used=used, passes=1)
    other = refined(source, changed, near(true), used=used, passes=1)
    # The mean of the used frames is zero, the one left out moves none of them.
    np.testing.assert_allclose(other.shifts[used], plain.shifts[used], atol=1e-6)
    np.testing.assert_allclose(plain.shifts[used].mean(0), 0, atol=1e-9)
    assert np.abs((plain.shifts - true)[4] - (plain.shifts - true)[used].mean(0)).max() < 0.15
    assert other.similarity[4] < plain.similarity[4]


def test_no_contrast_gives_no_step(source):
    flat = np.random.default_rng(0).poisson(20, (6, 48, 40)).astype(np.float32)
    found = refined(source, flat, np.zeros((6, 2)), passes=1)
    # Either nothing is known, or the error bar says how little.
    known = np.isfinite(found.precision)
    assert (np.abs(found.steps)[known] < 6 * found.precision[known]).all()
    assert (found.steps[~known] == 0).all()


def test_workers_and_progress(source, crystal_series):
    start = near(crystal_series.truth.shifts)
    told = []
    one = refined(
        source, crystal_series.stack, start, num_workers=1, passes=1,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    two = refined(source, crystal_series.stack, start, num_workers=2, passes=1)
    np.testing.assert_allclose(two.shifts, one.shifts, atol=1e-6)
    assert told[-1] == (10, 10)
    assert (start == near(crystal_series.truth.shifts)).all()


def test_the_noise_of_few_other_frames_counts_in_the_error(source):
    """Two others have half the noise of one frame, all of it where the image has slopes."""
    simulated = simulate_stack(shape=(112, 96), frames=3, dose=20, drift=(0, 0), drift_walk=0)
    found = refined(source, simulated.stack, np.zeros((3, 2)))
    # The rim of the mean, 6 px wide, is not trusted.
    inside = 100 * 84 / (112 * 96)
    expected = simulated.truth.cramer_rao_shift() * np.sqrt(1.5 / inside)
    np.testing.assert_allclose(np.sqrt(np.mean(found.precision**2, axis=0)), expected, rtol=0.06)
