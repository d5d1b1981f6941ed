"""The whole registration: every option does something, and none breaks a good series."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, lattice_recipe, simulate_stack
from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.rigid import NotAlignableError, align_frames

#: Largest error (px) of an easy series before refinement. Options that whiten or smooth less well
#: than the default, such as a Wiener filter of each frame, stay within a pixel.
PIXEL = 1.0
OPTIONS = [
    {"prefilter": "median"},
    {"prefilter": "wiener"},
    {"window": "none"},
    {"window": "hann"},
    {"window": "hamming"},
    {"window": "tukey"},
    {"exponent": 0.0},
    {"exponent": 0.5},
    {"exponent": 1.0},
    {"exponent": 0.0, "weighting": "none"},
    {"weighting": "band_pass", "band": (0.02, 0.2)},
    {"weighting": "low_pass", "band": 0.2},
    {"weighting": "hann"},
    {"weighting": "hann", "band": 0.3},
    {"weighting": "hamming", "band": 0.3},
    {"weighting": "blackman", "band": 0.5},
    {"weighting": "gaussian", "band": 0.1},
    {"weighting": "elliptical_gaussian", "band": (0.1, 0.15)},
    {"butterworth": 0.1},
    {"butterworth": 0.1, "butterworth_order": 6},
    {"neighbours": 1},
    {"neighbours": 3},
    {"mode": "low_snr"},
    {"group": 2},
    {"peak": "pixel"},
    {"peak": "gaussian"},
    {"peak": "centre_of_mass"},
    {"candidates": 1},
    {"outliers": "transitivity"},
    {"outliers": "transitivity", "outlier_threshold": 3.0},
    {"outliers": "smoothness"},
    {"outliers": "smoothness", "outlier_threshold": 3.0},
    {"outliers": "none"},
]
#: Options that name what the default is, or that only limit what goes wrong.
SAME = [{"neighbours": "all"}, {"window": "sine"}, {"max_shift": 40.0}]


@pytest.fixture(scope="module")
def estimated(align, particle_series):
    """The default before refinement."""
    return align(particle_series.stack, refinements=0)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_is_honoured_and_aligns(align, errors, particle_series, estimated, options):
    result = align(particle_series.stack, refinements=0, reject=False, **options)
    true = particle_series.truth.shifts
    assert np.abs(errors(result.shifts, true)).max() < PIXEL
    changed = not np.array_equal(result.shifts, estimated.shifts)
    kept = not np.array_equal(result.pairs.shifts, estimated.pairs.shifts)
    # Keeping fewer candidates leaves an easy series as it is.
    assert changed or kept or options == {"candidates": 1}


@pytest.mark.parametrize("options", SAME, ids=str)
def test_options_that_change_nothing_here(align, particle_series, estimated, options):
    result = align(particle_series.stack, refinements=0, **options)
    np.testing.assert_allclose(result.shifts, estimated.shifts, atol=1e-6)


@pytest.mark.parametrize(
    "options", [{"window": "hann"}, {"mode": "low_snr"}, {"group": 3}], ids=str
)
def test_refinement_ends_in_one_place(align, errors, particle_series, options):
    """Whatever the start: within a fraction of the standard error."""
    result = align(particle_series.stack, refinements=3, **options)
    default = align(particle_series.stack, refinements=3)
    difference = errors(result.shifts, default.shifts)
    assert np.abs(difference / default.precision).max() < 0.5


def test_refinements(align, errors, particle_series):
    """The error falls from the consensus to the bound, and stays there."""
    true = particle_series.truth.shifts
    found = {k: align(particle_series.stack, refinements=k) for k in (0, 1, 3)}
    rms = {k: errors(result.shifts, true).std() for k, result in found.items()}
    bound = particle_series.truth.cramer_rao_shift().mean()
    assert rms[0] > rms[3]
    assert rms[1] < 1.6 * bound
    assert rms[3] < 1.6 * bound
    # Without refinement the error bars hold what a step would have mended; the noise model, and
    # with it the statistical part, differs by some 10 % between passes.
    assert (found[0].precision >= found[3].precision * 0.8).all()


def test_a_user_mask_is_the_weighting(align, particle_series):
    ky, kx = (np.fft.fftshift(np.fft.fftfreq(size)) for size in (96, 112))
    mask = (np.hypot(ky[:, None], kx[None]) <= 0.21).astype(float)
    masked = align(particle_series.stack, refinements=0, weighting=mask)
    named = align(particle_series.stack, refinements=0, weighting="low_pass", band=0.21)
    np.testing.assert_array_equal(masked.shifts, named.shifts)


def test_a_mask_of_another_shape_is_refused(align, particle_series):
    with pytest.raises(ValueError, match=r"frame's shape \(96, 112\)"):
        align(particle_series.stack, weighting=np.ones((112, 96)))


def test_group_at_a_very_low_dose(align, errors):
    """Four frames averaged recover a slow drift that single frames show too faintly."""
    simulated = simulate_stack(
        shape=(96, 96), frames=32, crystal="nanoparticle", dose=0.1, drift=(0.2, -0.3),
        drift_walk=0, seed=0,
    )  # fmt: skip
    result = align(simulated.stack, group=4, refinements=0, reject=False)
    error = errors(result.shifts, simulated.truth.shifts)
    assert np.abs(error).max() < 3
    # Linear between the groups' centres.
    np.testing.assert_allclose(np.diff(result.shifts[2:6], n=2, axis=0), 0, atol=1.0)


def test_max_shift_of_one_and_of_two_numbers(align, particle_series):
    for limit in (6.0, (6.0, 6.0)):
        result = align(particle_series.stack, refinements=0, max_shift=limit)
        known = np.isfinite(result.pairs.shifts)
        assert np.abs(result.pairs.shifts[known]).max() <= 7.0


def test_exclude(align, errors, particle_series):
    result = align(particle_series.stack, exclude=(0, 5))
    assert np.flatnonzero(result.excluded).tolist() == [0, 5]
    assert result.reasons[5] == "excluded by the user"
    assert not np.isin(result.pairs.indices, (0, 5)).any()
    assert np.isnan(result.precision[[0, 5]]).all()
    assert result.messages == ()
    np.testing.assert_allclose(result.shifts[5], result.shifts[[4, 6]].mean(0), atol=1e-9)
    np.testing.assert_allclose(result.shifts[~result.excluded].mean(0), 0, atol=1e-9)
    true = particle_series.truth.shifts
    assert np.abs(errors(result.shifts, true))[~result.excluded].max() < 0.2


def test_exclude_pairs(align, particle_series):
    result = align(particle_series.stack, exclude_pairs=((0, 1), (7, 3)))
    listed = {tuple(pair) for pair in result.pairs.indices.tolist()}
    assert len(listed) == 12 * 11 // 2 - 2
    assert not {(0, 1), (3, 7)} & listed
    assert not result.excluded.any()


def test_region(align, errors, particle_series):
    left, right, top, bottom = region = (10, 101, 5, 92)
    result = align(particle_series.stack, region=region)
    cut = align(particle_series.stack[:, top:bottom, left:right])
    np.testing.assert_array_equal(result.shifts, cut.shifts)
    assert np.abs(errors(result.shifts, particle_series.truth.shifts)).max() < 0.2


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize(
    "options",
    [{}, {"outliers": "transitivity"}, {"outliers": "smoothness"}, {"outliers": "none"}],
    ids=str,
)
def test_two_to_four_frames(align, errors, particle_series, count, options):
    """Others raise IndexError here. Two frames close no triangle and have no neighbours."""
    stack = particle_series.stack[:count]
    judged = {"transitivity": 3, "smoothness": 3}.get(options.get("outliers"), 2)
    if count < judged:
        with pytest.raises(NotAlignableError, match="use outliers='consensus'"):
            align(stack, **options)
        return
    result = align(stack, **options)
    good = ~result.excluded
    assert good.sum() >= 2
    true = particle_series.truth.shifts[:count]
    assert np.abs(errors(result.shifts[good], true[good])).max() < 0.3


@pytest.mark.parametrize(
    "shape", [(24, 24), (29, 31), (37, 48), (48, 32), (41, 41), (33, 64), (97, 101), (60, 200)]
)
def test_any_size(align, errors, shape):
    """Odd, prime, small and long frames; no power of two and no least size of 64 pixels."""
    simulated = simulate_stack(
        shape=shape, frames=5, crystal="nanoparticle", dose=100, drift=(0.4, -0.3), drift_walk=0.2
    )
    result = align(simulated.stack)
    assert np.isfinite(result.shifts).all()
    # Small particles of a few columns: a tenth of a pixel is two to three standard errors.
    assert np.abs(errors(result.shifts, simulated.truth.shifts)).max() < 0.4


def test_a_shift_in_x_beyond_the_height(align, errors):
    crystal = lattice("perovskite", spacing=16, field=(40, 200), margin=128).with_vacancies(0.3)
    simulated = simulate_stack(
        shape=(40, 200), frames=5, dose=30, crystal=crystal, drift=(0, 14), drift_walk=0
    )
    true = simulated.truth.shifts
    assert np.ptp(true[:, 1]) > 40
    assert np.abs(errors(align(simulated.stack).shifts, true)).max() < 0.3


@pytest.mark.parametrize("dtype", ["u1", "i2", ">u2", ">i4", ">f4", "f8", "u4"])
def test_types_of_pixels(align, particle_series, dtype):
    stack = particle_series.stack.astype(dtype)
    expected = align(stack.astype(np.float32))
    np.testing.assert_array_equal(align(stack).shifts, expected.shifts)


def test_nothing_is_modified(source, particle_series):
    stack = particle_series.stack.astype(np.float32)
    before = stack.copy()
    parameters = RigidParameters(exclude=(1,), weighting="gaussian", band=0.1)
    values = parameters.to_dict()
    align_frames(source(stack), parameters)
    np.testing.assert_array_equal(stack, before)
    assert parameters.to_dict() == values
    stack.setflags(write=False)
    align_frames(source(stack), RigidParameters(prefilter="median"))


def test_lazy_frames_give_the_same_shifts(align, source, particle_series):
    eager = align(particle_series.stack)
    lazy = align(particle_series.stack, lazy=True)
    # Sums are made in another order in float32.
    np.testing.assert_allclose(lazy.shifts, eager.shifts, atol=1e-4)
    np.testing.assert_allclose(lazy.precision, eager.precision, rtol=1e-3)
    frames = source(particle_series.stack, lazy=True)
    align_frames(frames, RigidParameters())
    assert frames.reads.min() > 3


def test_workers_do_not_change_the_result(align, particle_series):
    one, two = (align(particle_series.stack, num_workers=n) for n in (1, 2))
    np.testing.assert_allclose(two.shifts, one.shifts, atol=1e-6)
    np.testing.assert_allclose(two.hop_margin, one.hop_margin, rtol=1e-3)
    again = align(particle_series.stack, num_workers=1)
    np.testing.assert_array_equal(again.shifts, one.shifts)


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_identical_frames_do_not_move(align, noise):
    scene = simulate_stack(shape=(80, 72), frames=1, dose=20, drift=(0, 0)).truth.noise_free(0)
    frame = 20 * scene + np.random.default_rng(0).normal(0, noise, scene.shape)
    result = align(np.repeat(frame[None], 6, axis=0))
    assert np.abs(result.shifts).max() < 1e-3


@pytest.mark.parametrize(("count", "shape"), [(8, (64, 64)), (3, (40, 40)), (2, (31, 47))])
def test_noise_alone_is_reported_as_doubtful(align, count, shape):
    stack = np.random.default_rng(count).poisson(20, (count, *shape))
    result = align(stack)
    good = ~result.excluded
    assert np.isfinite(result.shifts).all()
    assert np.median(result.hop_margin[good]) < 3
    assert any("doubtful" in text for text in result.messages)
    if count > 2:
        assert any("pairs agree with the common solution" in text for text in result.messages)


def test_negative_data_are_not_rectified(align, errors, particle_series):
    """Only differences count: pixels below zero, and all of them turned round."""
    plain = align(particle_series.stack)
    lowered = align(particle_series.stack - np.float32(1000))
    np.testing.assert_allclose(lowered.shifts, plain.shifts, atol=2e-3)
    turned = align(-particle_series.stack)
    assert np.abs(errors(turned.shifts, particle_series.truth.shifts)).max() < 0.2


def test_progress_tells_every_stage(align, particle_series):
    told = []
    align(particle_series.stack, progress=lambda *words: told.append(words))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages[:3] == ["looking for blank frames", "spectra", "pairs"]
    assert {"refining 1", "hop check", "refining 2"} <= set(stages)
    for stage in stages:
        done = [(done, total) for name, done, total in told if name == stage]
        assert all(0 <= done <= total for done, total in done)
        if stage != "consensus":
            assert done[-1][0] == done[-1][1]


def test_what_cannot_be_aligned_says_why(align, particle_series):
    stack = particle_series.stack
    blank = np.zeros_like(stack)
    blank[3] = stack[3]
    with pytest.raises(NotAlignableError, match=r"1 of 12 frames .*frame 0: blank: every pixel"):
        align(blank)
    with pytest.raises(NotAlignableError, match="group=12 leaves a single group"):
        align(stack, group=12)
    with pytest.raises(NotAlignableError, match="exclude_pairs leaves no pair"):
        align(stack[:2], exclude_pairs=((0, 1),))
    with pytest.raises(NotAlignableError, match="enlarge max_shift or outlier_threshold"):
        align(stack, outliers="transitivity", outlier_threshold=1e-9)
    with pytest.raises(ValueError, match="at least 8 frames"):
        align(stack[:6], mode="low_snr")
    with pytest.raises(ValueError, match="exclude=12: frames are counted from 0 to 11"):
        align(stack, exclude=(12,))
    with pytest.raises(ValueError, match=r"exclude_pairs=\(0, 40\).* from 0 to 11"):
        align(stack, exclude_pairs=((0, 40),))
    assert issubclass(NotAlignableError, ValueError)


def test_frames_without_a_link_are_left_out(align, errors, particle_series):
    split = tuple((i, j) for i in range(3) for j in range(3, 12))
    result = align(particle_series.stack, exclude_pairs=split)
    assert np.flatnonzero(result.excluded).tolist() == [0, 1, 2]
    assert result.reasons[0] == "no accepted pair links it to the other frames"
    assert sum("left out" in text for text in result.messages) == 3


def test_the_table_of_pairs(align, particle_series):
    table = align(particle_series.stack).pairs
    true = particle_series.truth.shifts
    expected = true[table.indices[:, 0]] - true[table.indices[:, 1]]
    assert table.accepted.all()
    assert np.abs(table.shifts - expected).max() < PIXEL
    assert ((table.similarity > 0) & (table.similarity <= 1.001)).all()
    matrix = table.matrix(table.similarity, 12)
    assert matrix.shape == (12, 12)
    assert matrix[2, 5] == table.similarity[(table.indices == (2, 5)).all(1)][0]
    assert np.isnan(matrix[5, 2])


def test_probability_of_a_hop_from_its_margin(align, particle_series):
    result = align(particle_series.stack)
    np.testing.assert_allclose(
        result.hop_probability, 1 / (1 + np.exp(np.minimum(result.hop_margin, 700)))
    )
    assert result.hop_probability.max() < 0.05


@pytest.mark.slow
def test_low_dose_with_the_classical_outlier_rules(align, errors):
    """Two counts on a lattice: they work where most pairs are right."""
    simulated = lattice_recipe(2.0, seed=0)
    for rule in ("transitivity", "smoothness"):
        result = align(simulated.stack, outliers=rule)
        good = ~result.excluded
        assert good.sum() >= 38
        error = errors(result.shifts[good], simulated.truth.shifts[good])
        assert np.abs(error).max() < 0.5


@pytest.mark.parametrize("seed", [0, 3])
def test_jitter_that_blurs_the_difference_of_cells(align, errors, seed):
    """All 12 frames were in wrong cells, up to 47 px off, where the drift is 1.4 px a frame.

    Row jitter of 0.8 px hides what tells the cells of a crystal with 1 % of weak columns apart.
    """
    simulated = simulate_stack(
        shape=(192, 192), frames=12, dose=15, drift=(0.8, -1.1), row_jitter=0.8,
        row_correlation=4, in_frame_drift=True, seed=seed,
    )  # fmt: skip
    result = align(simulated.stack)
    assert np.abs(errors(result.shifts, simulated.truth.shifts)).max() < 0.5
    # What the pixels cannot tell is still said.
    assert result.hop_margin.min() < 3


def test_a_crystal_without_a_flaw(align, errors):
    """Nothing tells its cells apart: the smallest drift is the answer, and doubtful."""
    crystal = lattice("perovskite", spacing=16, angle=10, field=(128, 128), margin=96)
    simulated = simulate_stack(
        shape=(128, 128), frames=12, crystal=crystal, dose=15, drift=(0.7, -0.7), seed=1
    )
    result = align(simulated.stack)
    assert np.abs(errors(result.shifts, simulated.truth.shifts)).max() < 0.2
    assert np.median(result.hop_margin) < 3


def test_even_odds_move_no_frame(align, errors):
    """Frame 1 left its right cell at log-odds of -0.4."""
    simulated = simulate_stack(shape=(112, 96), frames=10, dose=20, seed=2)
    result = align(simulated.stack)
    assert np.abs(errors(result.shifts, simulated.truth.shifts)).max() < 0.2


def test_a_jump_between_cells_that_differ_little(align, errors):
    """A path of least drift must not undo jumps of 37 and 18 px that the pixels show."""
    path = np.cumsum(np.tile([0.5, -0.5], (12, 1)), axis=0)
    path[6:] += (30, -22)
    path[9] += (-17, 5)
    simulated = simulate_stack(
        shape=(192, 192), frames=12, dose=15, drift=path - path.mean(0), row_jitter=0.3,
        row_correlation=4, seed=3,
    )  # fmt: skip
    result = align(simulated.stack)
    assert np.abs(errors(result.shifts, simulated.truth.shifts)).max() < 0.5
    assert result.hop_margin.min() > 3
