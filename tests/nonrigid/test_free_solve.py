"""Smooth fields, their prior and the posterior, against dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.nonrigid.equations import MODEL_ERROR
from hyperspy_smartalign.nonrigid.free_equations import FreeEquations, times
from hyperspy_smartalign.nonrigid.free_path import FreePath
from hyperspy_smartalign.nonrigid.free_prior import estimate_free_prior
from hyperspy_smartalign.nonrigid.free_process import axis_modes, field_modes
from hyperspy_smartalign.nonrigid.free_solve import free_gain, solve_free
from hyperspy_smartalign.nonrigid.result import ScanPrior

GRID, SPACING = (14, 17), 8.0
PRIOR = ScanPrior(rms=np.array([0.7, 0.4]), length=np.array([36.0, 50.0]), smoothness=np.inf)


def still(grid=GRID):
    shape = tuple(int((n - 1) * SPACING) + 1 for n in grid)
    return FreePath(np.zeros((2, *grid)), SPACING, shape)


def information(rng, grid=GRID, strength=30.0):
    """2x2 information at every node, with a corner where nothing is seen."""
    slopes = rng.normal(size=(6, 2, *grid)) * np.sqrt(strength / 6)
    known = np.stack([(slopes[:, a] * slopes[:, b]).sum(0) for a, b in ((0, 0), (0, 1), (1, 1))])
    known[:, :5, :6] = 0
    return known


def root(known):
    first = np.sqrt(np.maximum(known[0], 1e-30))
    return first, known[1] / first, np.sqrt(np.maximum(known[2] - known[1] ** 2 / first**2, 0))


def observed(rng, known, field):
    """A vector that the field and noise of the information make."""
    first, mixed, second = root(known)
    a, b = rng.normal(size=(2, *field.shape[1:]))
    return times(known, field) + np.stack([first * a, mixed * a + second * b])


def equations(known, vector):
    return FreeEquations(
        moments=np.zeros(7),
        fit=np.zeros(5),
        bins=np.zeros((3, 16)),
        information=known,
        vector=vector,
    )


def halved(rng, known, field):
    """Equations whose halves share the field but not the noise."""
    vectors = np.stack([observed(rng, known / 2, field) for _ in range(2)])
    return equations(np.stack([known / 2] * 2), vectors)


def drawn(rng, prior=PRIOR, grid=GRID):
    modes = field_modes(prior, grid, spacing=SPACING)
    return modes.field(rng.normal(size=modes.shape))


def moved(answer, path):
    """The same equations about another displacement."""
    vector = np.stack(
        [b - times(a, path.values) for a, b in zip(answer.information, answer.vector, strict=True)]
    )
    return equations(answer.information, vector)


def dense(known, prior, grid=GRID):
    """Posterior covariance by inversion of everything; the mean of the frame is free."""
    size = grid[0] * grid[1]
    modes = field_modes(prior, grid, spacing=SPACING)
    covariance = np.zeros((2 * size, 2 * size))
    for axis in range(2):
        part = slice(axis * size, (axis + 1) * size)
        one = np.kron(modes.down[axis], modes.across[axis])
        covariance[part, part] = one @ one.T + 25.0
    yy, yx, xx = (np.diag(each.ravel()) for each in known)
    return np.linalg.solve(
        np.eye(2 * size) + covariance @ np.block([[yy, yx], [yx, xx]]), covariance
    )


@pytest.mark.parametrize("smoothness", [1.5, 2.5, np.inf])
def test_modes_make_the_covariance(smoothness):
    powers, modes = axis_modes(20, 4.0, smoothness)
    covariance = (modes * powers) @ modes.T
    np.testing.assert_allclose(np.diag(covariance), 1.0, atol=1e-3)
    at_length = {1.5: 2.732 * np.exp(-(3**0.5)), 2.5: 0.524, np.inf: np.exp(-0.5)}[smoothness]
    np.testing.assert_allclose(covariance[5, 9], at_length, atol=2e-3)


def test_unknown_smoothness_is_refused():
    with pytest.raises(ValueError, match=r"one of \(1\.5, 2\.5, inf\), not 3"):
        axis_modes(20, 4.0, 3)


def test_posterior_is_that_of_dense_algebra():
    rng = np.random.default_rng(0)
    known = information(rng)
    answer = equations(known[None], observed(rng, known, drawn(rng) + 0.3)[None])
    information_, vector = answer.joined()
    covariance = dense(information_, PRIOR)
    expected = (covariance @ vector.ravel()).reshape(vector.shape)
    path, errors = solve_free(answer, still(), PRIOR)
    # 1e-4 of residuals is asked of the conjugate gradients.
    np.testing.assert_allclose(path.values, expected, atol=2e-3)
    spread = np.sqrt(np.diag(covariance)).reshape(vector.shape)
    # From 12 samples, averaged over neighbours.
    assert 0.85 < np.median(errors / spread) < 1.15
    # Where nothing is seen the error is large, and is said to be.
    assert errors[0, 0, 0] > 3 * errors[0, -4, -4]


def test_errors_are_those_made():
    rng = np.random.default_rng(1)
    ratios = []
    for _ in range(6):
        field = drawn(rng) + rng.normal(size=(2, 1, 1))
        known = information(rng)
        path, errors = solve_free(halved(rng, known, field), still(), PRIOR)
        ratios.append(((path.values - field) / errors)[:, 3:-3, 3:-3])
    # 6 frames of about 10 independent places and 2 components.
    assert 0.8 < np.sqrt(np.mean(np.square(ratios))) < 1.2


def test_step_does_not_depend_on_where_it_starts():
    rng = np.random.default_rng(2)
    known, field = information(rng), drawn(rng)
    one = halved(rng, known, field)
    begun = still().moved_by(0.5 * field + 2.0)
    other = moved(one, begun)
    damping = MODEL_ERROR**2 * known[0].max()
    first, _ = solve_free(one, still(), PRIOR, samples=0)
    second, _ = solve_free(other, begun, PRIOR, samples=0)
    # But for the error of the model itself, which counts about where the frame is now.
    np.testing.assert_allclose(first.values, second.values, atol=max(3e-3, damping * 0.5))


def test_no_field_without_prior_but_the_shift_is_found():
    rng = np.random.default_rng(3)
    known = information(rng)
    none = ScanPrior(rms=np.zeros(2), length=np.array([30.0, 30.0]), smoothness=2.5)
    shift = np.array([0.4, -1.1])[:, None, None]
    answer = halved(rng, known, np.broadcast_to(shift, (2, *GRID)))
    path, errors = solve_free(answer, still(), none)
    assert path.reach < 1e-12
    assert (np.abs(path.mean - shift.ravel()) < 4 * errors[:, 0, 0]).all()
    assert errors.max() < 0.03
    assert free_gain(answer, still(), none) == 0


def test_a_frame_that_shows_nothing_stays_and_says_so():
    nothing = equations(np.zeros((2, 3, *GRID)), np.zeros((2, 2, *GRID)))
    path, errors = solve_free(nothing, still(), PRIOR)
    np.testing.assert_allclose(path.values, 0, atol=1e-12)
    assert (errors >= 4.9).all()
    assert free_gain(nothing, still(), PRIOR) == 0


def test_constrained_edges_do_not_move():
    rng = np.random.default_rng(4)
    known, field = information(rng), drawn(rng)
    path, _ = solve_free(halved(rng, known, field), still(), PRIOR, constrain_edges=True)
    border = np.ones(GRID, bool)
    border[1:-1, 1:-1] = False
    free = path.values - path.values[:, :1, :1]
    np.testing.assert_allclose(free[:, border], 0, atol=1e-12)
    assert np.abs(free[:, 6:-6, 6:-6]).max() > 0.1


def test_held_out_gain_knows_a_field_from_noise():
    rng = np.random.default_rng(5)
    known = information(rng)
    real = [free_gain(halved(rng, known, drawn(rng)), still(), PRIOR) for _ in range(4)]
    noise = np.zeros((2, *GRID))
    invented = [free_gain(halved(rng, known, noise), still(), PRIOR) for _ in range(4)]
    assert min(real) > 20
    assert max(invented) < 0


def settled(rng, prior, grid=GRID):
    """Data of a frame that has been fitted once, as a prior sees them from the second pass on."""
    answer = halved(rng, information(rng, grid), drawn(rng, prior, grid))
    path, _ = solve_free(answer, still(grid), PRIOR, samples=0)
    return moved(answer, path).apart(path)


def tell(prior, count, seed, **more):
    rng = np.random.default_rng(seed)
    data = [settled(rng, prior) for _ in range(count)]
    return estimate_free_prior(data, spacing=SPACING, **more)


@pytest.mark.slow
@pytest.mark.parametrize("smoothness", [2.5, np.inf])
def test_prior_is_found(smoothness):
    truth = ScanPrior(PRIOR.rms, PRIOR.length, smoothness)
    found = tell(truth, 16, 6)
    # 16 frames of about 6 correlated areas: 10 % of rms and of lengths, three times that allowed.
    np.testing.assert_allclose(found.rms, truth.rms, rtol=0.3)
    np.testing.assert_allclose(found.length, truth.length, rtol=0.3)
    again = tell(truth, 16, 6, previous=found)
    np.testing.assert_allclose(again.rms, found.rms, rtol=0.15)


def test_prior_of_noise_is_no_field():
    for seed in range(4):
        none = ScanPrior(np.zeros(2), PRIOR.length, 2.5)
        np.testing.assert_array_equal(tell(none, 6, seed).rms, 0)


def test_given_length_is_kept():
    np.testing.assert_allclose(tell(PRIOR, 3, 8, length=60.0).length, 60.0)


def test_long_frames_are_judged_by_windows():
    grid = (20, 75)
    rng = np.random.default_rng(9)
    data = [settled(rng, PRIOR, grid) for _ in range(3)]
    found = estimate_free_prior(data, spacing=SPACING)
    np.testing.assert_allclose(found.rms, PRIOR.rms, rtol=0.35)
