"""The whole non-rigid registration against known truth, and what each option does to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_smartalign.data import named_crystal, render_image, scan_recipe, simulate_stack
from hyperspy_smartalign.nonrigid.lines import lines_of
from hyperspy_smartalign.transforms import Affine, ScanLine, Translation

N, SHAPE = 6, (72, 80)
QUICK = {"affine_cycles": 0, "nonlinear_cycles": 1}


def rms(pair) -> float:
    return float(np.sqrt(np.mean(np.square(pair))))


def bound(simulated, margin=12) -> float:
    """Cramer-Rao bound with the prior of the recipe, rms over lines and axes, px."""
    found = simulated.truth.cramer_rao_rows(0, rms=0.5, correlation=6.0)[margin:-margin]
    return rms(found)


def fields(result, shape=SHAPE) -> np.ndarray:
    return np.array([transform.displacement(shape) for transform in result.transforms])


@pytest.fixture(scope="module")
def small():
    """6 frames of 72 x 80 at 30 counts, rows off by 0.5 px: an easy series."""
    simulated = scan_recipe(30, frames=N, shape=SHAPE, seed=5)
    simulated.stack.setflags(write=False)
    return simulated


@pytest.fixture(scope="module")
def error_of(small, line_errors):
    """Rms error of the lines of the small series, or of another of the same path, px."""
    return lambda result: rms(line_errors(result.transforms, small)[0])


@pytest.fixture(scope="module")
def start_error(small, line_errors):
    return rms(line_errors([Translation(shift) for shift in small.truth.shifts], small)[0])


@pytest.fixture(scope="module")
def plain(align, small):
    return align(small.stack, small.truth.shifts)


@pytest.fixture(scope="module")
def quick(align, small):
    """One cycle of lines."""
    return align(small.stack, small.truth.shifts, **QUICK)


# --- accuracy ---


@pytest.mark.parametrize(("dose", "rotation"), [(50, 0), (5, 0), (50, "pairs"), (5, "pairs")])
def test_lines_are_found_to_the_bound(align, line_errors, dose, rotation):
    simulated = scan_recipe(dose, frames=8, shape=(128, 128), scan_rotation=rotation, seed=1)
    truth = simulated.truth
    result = align(simulated.stack, truth.shifts, scan=truth.path.geometry)
    relative, common = line_errors(result.transforms, simulated)
    start, start_common = line_errors([Translation(shift) for shift in truth.shifts], simulated)
    # Over series of 256 x 256 the ratio is 1.10 or less; here frames are short, and a single
    # series scatters by 5 %.
    assert rms(relative) < 1.2 * bound(simulated)
    assert rms(relative) < 0.5 * rms(start)
    if rotation == "pairs":
        assert rms(common) < {50: 0.08, 5: 0.14}[dose]
        assert rms(common) < 0.5 * rms(start_common)
    assert result.messages == () or "dropped" in result.messages[0]
    assert not result.cancelled
    assert (result.similarity > result.similarity_before).all()


def test_reported_errors_are_those_that_occur(small, plain):
    scores = []
    for i, transform in enumerate(plain.transforms):
        path = lines_of(transform, SHAPE, 0)
        scores.append(path.offsets - small.truth.shifts[i] - small.truth.row_offsets[i])
    scores = np.array(scores)[:, 10:-10]
    # What is common to all frames is not known, and no part of the error.
    scores = (scores - scores.mean(0)) * np.sqrt(N / (N - 1))
    ratio = rms(scores) / rms(plain.line_errors[:, 10:-10])
    assert 0.6 < ratio < 1.3
    assert plain.line_errors.shape == (N, SHAPE[0], 2)
    assert plain.precision.shape == (N, 2)
    np.testing.assert_allclose(
        plain.precision, np.sqrt(np.mean(plain.line_errors**2, axis=1)), rtol=1e-9
    )


def test_prior_is_that_of_the_series(small, plain):
    # 6 frames of 72 lines hold about 30 independent stretches.
    true = np.nanstd(small.truth.row_offsets, axis=(0, 1))
    np.testing.assert_allclose(plain.prior.rms, true, rtol=0.5)
    assert (plain.prior.length > 3).all()
    assert (plain.prior.length < 15).all()


@pytest.mark.parametrize("dose", [0.3, 1.0])
def test_never_worse_than_rigid(align, line_errors, dose):
    """The start is as good as a rigid registration can be: at the Cramer-Rao bound of a shift."""
    before, after = [], []
    for seed in range(3):
        simulated = scan_recipe(dose, frames=8, shape=(128, 128), seed=seed)
        truth = simulated.truth
        noise = np.random.default_rng(seed).normal(size=(8, 2)) * truth.cramer_rao_shift()
        start = truth.shifts + noise
        result = align(simulated.stack, start, scan=truth.path.geometry)
        before.append(rms(line_errors([Translation(shift) for shift in start], simulated)[0]))
        after.append(rms(line_errors(result.transforms, simulated)[0]))
    ratios = np.array(after) / before
    assert ratios.max() < 1.02
    if dose == 1.0:
        assert ratios.mean() < 0.85


def similar(rotations, centre, shape, *, scale=0.0, seed=0):
    """A turned, stretched or sheared particle a frame, and the transforms that say so."""
    crystal = named_crystal("nanoparticle", field=shape, seed=seed)
    rng = np.random.default_rng(seed)
    transforms, frames = [], []
    for angle in np.deg2rad(rotations):
        matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = matrix + scale * rng.normal(size=(2, 2))
        transform = Affine(matrix, rng.uniform(-1, 1, 2), centre)
        moved = crystal.positions + transform.at(crystal.positions.T).T
        image = render_image(replace(crystal, positions=moved, patches=np.empty((0, 4))), shape)
        frames.append(rng.poisson(200 * image).astype(np.float32))
        transforms.append(transform)
    return np.array(frames), transforms, crystal


@pytest.mark.parametrize(
    "options",
    [{"affine_cycles": 0, "model": "row_fitting", "nonlinear_cycles": 2},
     {"affine_cycles": 2, "nonlinear_cycles": 0}],
    ids=["row fitting", "affine"],
)  # fmt: skip
def test_a_particle_that_turns(align, options):
    """By half a degree about its middle: 0.25 px at its rim."""
    shape, centre = (97, 90), np.array([48.0, 44.5])
    angles = [0.5, -0.3, 0.1, -0.5, 0.4, -0.2]
    frames, true, _ = similar(angles, centre, shape)
    result = align(frames, [transform.shift for transform in true], **options)
    inside = np.hypot(*(np.indices(shape) - centre[:, None, None])) < 26

    def difference(transforms):
        all_fields = np.array([each.displacement(shape)[:, inside] for each in transforms])
        truth = np.array([each.displacement(shape)[:, inside] for each in true])
        left = all_fields - truth
        return rms(left - left.mean(0))

    before = difference([Translation(transform.shift) for transform in true])
    after = difference(result.transforms)
    assert before > 0.07
    assert after < 0.4 * before


def test_affine_cycles_end_in_affine_transforms(align, small):
    result = align(small.stack, small.truth.shifts, affine_cycles=1, nonlinear_cycles=0)
    assert all(isinstance(each, Affine) for each in result.transforms)


def test_stretch_and_shear(align):
    """By 1 % a parameter: 0.5 px at the corners, which rigid alignment leaves as it is."""
    shape = (88, 96)
    crystal = named_crystal("perovskite", field=shape, seed=3)
    rng = np.random.default_rng(3)
    centre = (np.array(shape) - 1) / 2
    frames, true = [], []
    for _ in range(6):
        transform = Affine(
            np.eye(2) + 0.008 * rng.normal(size=(2, 2)), rng.uniform(-1, 1, 2), centre
        )
        moved = crystal.positions + transform.at(crystal.positions.T).T
        image = render_image(replace(crystal, positions=moved), shape)
        frames.append(rng.poisson(40 * image).astype(np.float32))
        true.append(transform)
    result = align(np.array(frames), [each.shift for each in true], affine_cycles=2,
                   nonlinear_cycles=0)  # fmt: skip
    left = np.array(
        [a.displacement(shape) - b.displacement(shape)
         for a, b in zip(result.transforms, true, strict=True)]
    )  # fmt: skip
    left -= left.mean(0)
    assert rms(left[:, :, 8:-8, 8:-8]) < 0.05
    assert result.cycles[0].gain > 50
    assert result.prior is None


# --- nothing to find ---


def noise(kind, seed):
    rng = np.random.default_rng(seed)
    if kind == "gaussian":
        return rng.normal(100, 10, (5, 64, 72)).astype(np.float32)
    return rng.poisson(3.0, (5, 64, 72)).astype(np.uint16)


@pytest.mark.parametrize("kind", ["gaussian", "poisson"])
@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_shows_nothing(align, kind, seed):
    result = align(noise(kind, seed))
    assert not fields(result).any()
    assert "nothing in common" in result.messages[0]
    assert result.cycles == ()


@pytest.mark.slow
def test_without_the_check_noise_shows_nothing_either(align):
    """Frames that resemble each other by something that does not move, but for their noise."""
    background = 20 * np.exp(-((np.arange(72) - 36) ** 2) / 800.0)
    rng = np.random.default_rng(0)
    for seed in range(2):
        frames = rng.normal(100, 10, (5, 64, 72)) + background
        result = align(frames.astype(np.float32))
        error = np.nanmax(result.precision)
        assert np.abs(fields(result)).max() < max(3 * error, 1e-9), seed


@pytest.mark.parametrize("value", [0.0, 5.0, -2.0])
def test_blank_frames_show_nothing(align, value):
    result = align(np.full((4, 40, 48), value, np.float32))
    assert not fields(result, (40, 48)).any()


def test_identical_frames_have_no_field(align, small):
    result = align(np.array([small.stack[0]] * 5))
    found = fields(result)
    assert np.abs(found).max() < 0.02
    assert rms(found) <= np.nanmax(result.precision)


def test_frames_that_differ_by_noise_only_have_no_field(align):
    simulated = simulate_stack(shape=SHAPE, frames=6, dose=30, drift=(0, 0), drift_walk=0, seed=1)
    result = align(simulated.stack)
    found = fields(result)
    assert rms(found) < 1.2 * np.nanmax(result.precision)
    # A free offset a row would be made up with 0.1 px.
    assert rms(found) < 0.04


# --- sizes and types ---


@pytest.mark.parametrize("shape", [(41, 53), (53, 37), (64, 31)])
@pytest.mark.parametrize("rotation", [0, "pairs"])
def test_any_size(align, line_errors, shape, rotation):
    simulated = scan_recipe(40, frames=6, shape=shape, scan_rotation=rotation, seed=1)
    truth = simulated.truth
    result = align(simulated.stack, truth.shifts, scan=truth.path.geometry, **QUICK)
    before, after = (
        rms(line_errors(each, simulated, 6)[0])
        for each in ([Translation(shift) for shift in truth.shifts], result.transforms)
    )
    assert after < 0.8 * before
    lines = max(shape) if rotation else shape[0]
    assert result.line_errors.shape == (6, lines, 2)
    assert np.isfinite(fields(result, shape)).all()


@pytest.mark.parametrize("dtype", [">u2", "u1", "i4", ">f4", "f8"])
def test_any_type(align, small, quick, dtype):
    stack = small.stack.astype(dtype)
    stack.setflags(write=False)
    result = align(stack, small.truth.shifts, **QUICK)
    np.testing.assert_allclose(fields(result), fields(quick), atol=1e-3)


def test_two_frames(align, line_errors):
    simulated = scan_recipe(50, frames=2, shape=SHAPE, seed=1)
    truth = simulated.truth
    result = align(simulated.stack, truth.shifts)
    before, after = (
        rms(line_errors(each, simulated)[0])
        for each in ([Translation(shift) for shift in truth.shifts], result.transforms)
    )
    # Each is compared with a single noisy one: errors 1.4 times those against a good mean.
    assert after < 0.6 * before


def test_inputs_are_untouched(align, small):
    stack = small.stack.copy()
    start = [Translation(shift) for shift in small.truth.shifts]
    shifts = np.array([each.shift for each in start])
    align(stack, start, **QUICK)
    np.testing.assert_array_equal(stack, small.stack)
    np.testing.assert_array_equal([each.shift for each in start], shifts)


def test_workers_change_nothing(align, small):
    one, two = (
        align(small.stack, small.truth.shifts, num_workers=workers, **QUICK) for workers in (1, 2)
    )
    np.testing.assert_allclose(fields(two), fields(one), atol=1e-6)
    np.testing.assert_allclose(two.line_errors, one.line_errors, atol=1e-6)


def test_lazy_frames_give_the_same(align, small, quick):
    result = align(small.stack, small.truth.shifts, lazy=True, **QUICK)
    np.testing.assert_allclose(fields(result), fields(quick), atol=1e-6)


# --- bad frames and pixels ---


def test_excluded_frames_keep_their_start(align, small):
    start = [Translation(shift) for shift in small.truth.shifts]
    stack = small.stack.copy()
    stack[2] = 1000.0
    result = align(stack, start, excluded=[2], **QUICK)
    np.testing.assert_array_equal(
        result.transforms[2].displacement(SHAPE), start[2].displacement(SHAPE)
    )
    assert result.excluded.tolist() == [False, False, True, False, False, False]
    assert np.isnan(result.similarity[2])
    assert np.isnan(result.line_errors[2]).all()
    others = [i for i in range(N) if i != 2]
    reduced = align(small.stack[others], small.truth.shifts[others], **QUICK)
    np.testing.assert_allclose(fields(result)[others], fields(reduced), atol=1e-4)


def test_hot_saturated_and_missing_pixels_do_not_pull(align, small, error_of, plain):
    rng = np.random.default_rng(0)
    stack = small.stack.copy()
    stack[rng.random(stack.shape) < 1e-3] = 4000
    stack[:, 40, 50] = 5000
    stack[:, 20, 20] = 250
    stack[3, 30:33] = np.nan
    stack[1, :, 60] = np.nan
    spoilt = align(stack, small.truth.shifts)
    assert error_of(spoilt) < 1.15 * error_of(plain)
    # Rows that recorded nothing have an error bar of their own.
    errors = spoilt.line_errors[3, :, 0]
    assert errors[31] > 1.15 * np.median(errors[10:-10])


def test_saturated_integers_do_not_pull(align, small, error_of, quick):
    limit = np.quantile(small.stack, 0.9)
    stack = np.minimum(small.stack * (255 / limit), 255).astype(np.uint8)
    result = align(stack, small.truth.shifts, **QUICK)
    # A tenth of the pixels, on top of the columns, say nothing.
    assert error_of(result) < 1.5 * error_of(quick)


def test_brightness_and_contrast_may_differ(align, small, error_of, plain):
    factor = np.array([1.3, 0.7, 1.0, 0.8, 1.2, 1.0])[:, None, None]
    offset = np.array([0, 5, -5, 10, 0, 3])[:, None, None]
    result = align((small.stack * factor + offset).astype(np.float32), small.truth.shifts)
    assert error_of(result) < 1.2 * error_of(plain)


@pytest.mark.slow
@pytest.mark.parametrize(
    "size",
    [
        5.0,
        12.0,
    ],
)
def test_lines_whose_brightness_jumps(align, small, error_of, plain, size):
    """By as much as the noise of a pixel, and by 2.5 times it."""
    rng = np.random.default_rng(1)
    jumps = size * rng.normal(size=(N, SHAPE[0], 1))
    stack = (small.stack + jumps).astype(np.float32)
    with_it, without = (
        error_of(align(stack, small.truth.shifts, line_noise=chosen)) for chosen in (True, False)
    )
    assert with_it < 1.3 * error_of(plain)
    assert without > 1.05 * with_it


# --- references ---


def test_local_reference(align, small, start_error, error_of):
    result = align(small.stack, small.truth.shifts, reference="local", reference_width=2, **QUICK)
    assert error_of(result) < 0.7 * start_error
    mixed = align(
        small.stack, small.truth.shifts, reference="local", local_cycles=1,
        affine_cycles=0, nonlinear_cycles=2,
    )  # fmt: skip
    assert error_of(mixed) < 0.7 * start_error
    assert not np.array_equal(fields(mixed), fields(result))


def test_fixed_reference(align, small):
    """All frames are brought to frame 2, which stays: its own wobble is taken for true."""
    result = align(small.stack, small.truth.shifts, reference=2, **QUICK)
    shift = small.truth.shifts[2]
    np.testing.assert_allclose(result.transforms[2].displacement(SHAPE)[:, 0, 0], shift)
    assert isinstance(result.transforms[2], Translation)
    assert np.isnan(result.similarity[2])
    truth = small.truth.row_offsets
    for i in (0, 3, 5):
        path = lines_of(result.transforms[i], SHAPE, 0)
        relative = path.offsets - small.truth.shifts[i] - (truth[i] - truth[2])
        assert rms(relative[12:-12]) < 0.7 * rms((truth[i] - truth[2])[12:-12])


@pytest.mark.parametrize("index", [6, 99])
def test_fixed_reference_must_be_there(align, small, index):
    with pytest.raises(ValueError, match=f"reference={index} is no frame"):
        align(small.stack, small.truth.shifts, reference=index)


def test_excluded_reference_is_refused(align, small):
    with pytest.raises(ValueError, match="excluded ones cannot be"):
        align(small.stack, small.truth.shifts, reference=1, excluded=[1])


@pytest.mark.parametrize("weights", ["quality", "dose", "equal"])
def test_weights_by_word(align, small, error_of, quick, weights):
    result = align(small.stack, small.truth.shifts, weights=weights, **QUICK)
    assert error_of(result) < 1.1 * error_of(quick)
    if weights == "equal":
        np.testing.assert_allclose(fields(result), fields(quick), atol=1e-5)


@pytest.mark.parametrize("weights", ["quality", "dose", [1, 1, 1, 0.02, 1, 1]], ids=str)
def test_weights_help_where_a_frame_is_bad(align, small, line_errors, weights):
    """Frame 3 has a fiftieth of the dose, and is as noisy."""
    stack = small.stack.copy()
    rng = np.random.default_rng(0)
    stack[3] = rng.poisson(0.6 * small.truth.noise_free(3))
    result = align(stack, small.truth.shifts, weights=weights, affine_cycles=0, nonlinear_cycles=2)
    assert np.isfinite(fields(result)).all()
    others = [i for i in range(N) if i != 3]
    left = []
    for i in others:
        path = lines_of(result.transforms[i], SHAPE, 0)
        left.append(path.offsets - small.truth.shifts[i] - small.truth.row_offsets[i])
    left = np.array(left)[:, 12:-12]
    assert rms(left - left.mean(0)) < 0.25


def test_a_weight_of_zero_keeps_a_frame_out_of_the_mean(align, small):
    result = align(small.stack, small.truth.shifts, weights=[1, 1, 1, 1, 0, 1], **QUICK)
    others = [0, 1, 2, 3, 5]
    reduced = align(small.stack[others], small.truth.shifts[others], **QUICK)
    # Prior and noise look at all frames; 0.1 px is the error of a line.
    apart = fields(result)[others] - fields(reduced)
    apart -= apart.mean(axis=(0, 2, 3))[None, :, None, None]
    assert rms(apart[:, :, 8:-8]) < 0.05
    # The frame itself is aligned with the others all the same.
    path = lines_of(result.transforms[4], SHAPE, 0)
    left = path.offsets - small.truth.shifts[4] - small.truth.row_offsets[4]
    assert rms(left[12:-12]) < rms(small.truth.row_offsets[4])


def test_one_weight_is_no_mean(align, small):
    with pytest.raises(ValueError, match="fewer than two frames have a weight"):
        align(small.stack, small.truth.shifts, weights=[1, 0, 0, 0, 0, 0])


# --- options of the manual ---


def test_smoothing_of_frames_and_reference(align, small, start_error, error_of, quick):
    for options in ({"smooth_frames": 1.0}, {"smooth_reference": 1.5}):
        result = align(small.stack, small.truth.shifts, **options, **QUICK)
        assert error_of(result) < 0.7 * start_error
        assert not np.array_equal(fields(result), fields(quick))


def test_errors_of_smoothed_frames_do_not_shrink(align, small, quick):
    """Neighbours that are smoothed together do not tell more than before."""
    result = align(small.stack, small.truth.shifts, smooth_frames=1.5, **QUICK)
    assert np.nanmean(result.precision) > 0.7 * np.nanmean(quick.precision)


def test_edges_can_be_held(align, small, quick):
    held = align(small.stack, small.truth.shifts, constrain_edges=True, **QUICK)
    start = small.truth.shifts[:, :, None]

    def at_edge(result):
        return np.abs(fields(result)[:, :, [0, -1]].mean(-1) - start).mean()

    assert at_edge(held) < at_edge(quick)


def test_smoothing_is_the_length_of_the_prior(align, small):
    result = align(small.stack, small.truth.shifts, smoothing=25.0, **QUICK)
    np.testing.assert_array_equal(result.prior.length, 25.0)
    rough = align(small.stack, small.truth.shifts, smoothing=2.0, **QUICK)

    def bend(result):
        return np.abs(np.diff(fields(result).mean(-1), 2, axis=-1)).mean()

    assert bend(rough) > bend(result)


def test_noise_constant_changes_how_much_counts(align, small, error_of, quick):
    robust = align(small.stack, small.truth.shifts, noise_constant=3.0, **QUICK)
    assert not np.array_equal(fields(robust), fields(quick))
    assert error_of(robust) < 1.4 * error_of(quick)


def test_region(align, small):
    left, right, top, bottom = region = (8, 70, 10, 66)
    result = align(small.stack, small.truth.shifts, region=region, **QUICK)
    cut = align(small.stack[:, top:bottom, left:right], small.truth.shifts, **QUICK)
    for whole, part in zip(result.transforms, cut.transforms, strict=True):
        found = whole.displacement(SHAPE)[:, top:bottom, left:right]
        np.testing.assert_allclose(
            found, part.displacement((bottom - top, right - left)), atol=1e-9
        )
    assert result.line_errors.shape == (N, bottom - top, 2)


def test_models_by_name(align, small, error_of, start_error):
    result = align(
        small.stack, small.truth.shifts, model=("scan_locked", "row_fitting"),
        affine_cycles=1, nonlinear_cycles=2,
    )  # fmt: skip
    models = [cycle.model for cycle in result.cycles]
    assert models == ["affine", "scan_locked", "row_fitting"]
    assert error_of(result) < 0.6 * start_error
    assert all(isinstance(each, ScanLine) for each in result.transforms)


# --- drift and time ---


def mean_drift(transforms, lines) -> np.ndarray:
    """Mean over frames of the displacement's slope (y, x) from line to line, px."""
    place = np.arange(lines) - (lines - 1) / 2
    slopes = []
    for transform in transforms:
        path = lines_of(transform, SHAPE, 0)
        slopes.append(place @ (path.offsets - path.mean) / (place @ place))
    return np.mean(slopes, axis=0)


def test_times_tell_the_drift_within_frames(align, small):
    scan = small.truth.path.geometry
    lines = SHAPE[0]
    still = mean_drift([Translation(shift) for shift in small.truth.shifts], lines)
    true = still + np.array([0.6, -0.8]) / lines
    for continuous, expected in ((None, true), (True, true), (False, np.zeros(2))):
        result = align(small.stack, small.truth.shifts, scan=scan, continuous=continuous, **QUICK)
        # Of 0.8 px over the frame, within 0.1 px.
        np.testing.assert_allclose(
            lines * mean_drift(result.transforms, lines), lines * expected, atol=0.1
        )
        assert ("follows" in result.undetermined) == (continuous is not False)


def test_continuous_drift_needs_times(align, small):
    with pytest.raises(ValueError, match=r"continuous=True needs the times .*line_time="):
        align(small.stack, small.truth.shifts, continuous=True)


def test_the_mean_displacement_stays(small, plain):
    mean = fields(plain).mean(axis=(0, 2, 3))
    np.testing.assert_allclose(mean, small.truth.shifts.mean(0), atol=0.05)


def test_what_is_undetermined_is_said(plain):
    assert "common to all frames" in plain.undetermined


# --- cycles ---


class Stop:
    """Progress that stops the work in a cycle."""

    def __init__(self, cycle: int) -> None:
        self.words = f"cycle {cycle} of"

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage.startswith(self.words):
            raise KeyboardInterrupt


def test_cancelled_work_ends_with_nothing(align, small):
    with pytest.raises(KeyboardInterrupt):
        align(small.stack, small.truth.shifts, progress=Stop(2))


def test_cancelled_work_can_keep_the_best(align, small, start_error, error_of):
    result = align(
        small.stack, small.truth.shifts, progress=Stop(2), keep_on_cancel=True,
        affine_cycles=0, nonlinear_cycles=3, convergence="strong", max_iterations=2,
    )  # fmt: skip
    assert result.cancelled
    assert "cancelled after 1 of 3 cycles" in result.messages[0]
    assert len(result.cycles) == 1
    assert error_of(result) < 0.7 * start_error


def test_progress_counts_to_the_end(align, small):
    seen = []
    align(small.stack, small.truth.shifts, progress=lambda *each: seen.append(each), **QUICK)
    assert all(0 <= done <= total for _, done, total in seen)
    assert any(stage.startswith("cycle 1 of 1, scan_locked") for stage, _, _ in seen)
    assert seen[-1][1] == seen[-1][2]


def test_guard_drops_what_held_out_pixels_do_not_show(align):
    simulated = simulate_stack(shape=(64, 72), frames=4, dose=4, drift=(0, 0), drift_walk=0, seed=2)
    guarded = align(simulated.stack)
    assert not any(cycle.kept for cycle in guarded.cycles)
    assert not fields(guarded, (64, 72)).any()
    assert "no distortion" in guarded.messages[-1]
    # How well it is known that there is none.
    assert np.isfinite(guarded.precision).all()
    free = align(simulated.stack, guard=False)
    assert all(cycle.kept for cycle in free.cycles)
    assert fields(free, (64, 72)).any()


def test_cycles_are_recorded(plain):
    models = [cycle.model for cycle in plain.cycles]
    assert models == ["affine"] * models.count("affine") + ["scan_locked"] * models.count(
        "scan_locked"
    )
    assert 1 <= models.count("affine") <= 2
    assert 1 <= models.count("scan_locked") <= 4
    for cycle in plain.cycles:
        assert cycle.mean_shifts
        assert cycle.similarity.shape == (N,)
    assert plain.cycles[-1].gain > 0


@pytest.mark.parametrize(("words", "limit"), [("weak", 1e-4), (0.01, 0.01)])
def test_convergence_is_reached(align, small, words, limit):
    result = align(small.stack, small.truth.shifts, convergence=words, max_iterations=40, **QUICK)
    shifts = result.cycles[-1].mean_shifts
    assert shifts[-1] < limit
    assert all(shift >= limit for shift in shifts[:-1])


def test_strong_convergence_goes_on_longer(align, small):
    weak, strong = (
        align(small.stack, small.truth.shifts, convergence=word, max_iterations=40, **QUICK)
        for word in ("weak", "strong")
    )
    assert len(strong.cycles[0].mean_shifts) > len(weak.cycles[0].mean_shifts)
    np.testing.assert_allclose(fields(strong), fields(weak), atol=5e-3)


def test_max_iterations(align, small):
    result = align(
        small.stack, small.truth.shifts, max_iterations=1, convergence="strong",
        affine_cycles=1, nonlinear_cycles=2, guard=False,
    )  # fmt: skip
    assert [len(cycle.mean_shifts) for cycle in result.cycles] == [1, 1, 1]


# --- refusals ---


def test_as_many_transforms_as_frames(align, small):
    with pytest.raises(ValueError, match="6 frames need as many transforms"):
        align(small.stack, small.truth.shifts[:4])


def test_two_frames_must_be_left(align, small):
    with pytest.raises(ValueError, match="fewer than two frames are left"):
        align(small.stack, small.truth.shifts, excluded=[0, 1, 2, 3, 4])
