"""The equations of a line are the derivatives of its residuals, and nothing else pulls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from hyperspy_smartalign.data import simulate_stack
from hyperspy_smartalign.nonrigid.equations import (
    CLIP,
    MODEL_ERROR,
    LineEquations,
    line_equations,
)
from hyperspy_smartalign.nonrigid.frame_fit import Brightness
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.resampling import spline_coefficients

LEVEL, VARIANCE = 10.0, 0.04
LINES, LENGTH, MARGIN = 12, 96, 14
NOISE = NoiseModel(VARIANCE, 0.0, 1e-6)


@dataclass
class Case:
    """A frame that shows a smooth model, displaced, with noise."""

    frame: np.ndarray
    coefficients: np.ndarray
    count: np.ndarray
    offsets: np.ndarray
    slopes: np.ndarray

    def equations(self, *, tilted: bool = True, **changes: Any) -> LineEquations:
        options: dict[str, Any] = {
            "origin": (-float(MARGIN), -float(MARGIN)),
            "offsets": self.offsets,
            "slopes": self.slopes,
            "tilted": tilted,
            "level": LEVEL,
            "brightness": Brightness(),
            "noise": NOISE,
            "denoised": 0.0,
            "robustness": 1.0,
            "saturation": np.inf,
            "intensities": (LEVEL - 2.0, LEVEL + 2.0),
        }
        arrays = {"frame": self.frame, "coefficients": self.coefficients, "count": self.count}
        arrays = {name: changes.pop(name, value) for name, value in arrays.items()}
        frame, coefficients, count = arrays.values()
        return line_equations(frame, coefficients, count, **{**options, **changes})

    def model(self, change: np.ndarray) -> np.ndarray:
        """Intensity expected at each pixel when displacements change: (lines, 4), or (4,)."""
        change = np.broadcast_to(change, (LINES, 4))
        pixel = np.arange(LENGTH) - (LENGTH - 1) / 2
        half = (LENGTH - 1) / 2
        moved = self.offsets[:, None] + self.slopes[:, None] * pixel[:, None]
        moved = moved + change[:, None, :2] + change[:, None, 2:] * (pixel / half)[:, None]
        where = np.indices((LINES, LENGTH)) - np.moveaxis(moved, -1, 0) + MARGIN
        return LEVEL + map_coordinates(
            self.coefficients.astype(float), where, order=3, prefilter=False, mode="mirror"
        )

    def halves(self, change: np.ndarray) -> np.ndarray:
        """Minus half the weighted sum of squared residuals of each half of each line."""
        square = -0.5 * (self.frame - self.model(change)) ** 2 / VARIANCE
        block = np.searchsorted(np.arange(17) * LENGTH // 16, np.arange(LENGTH), "right") - 1
        return np.stack([square[:, block % 2 == half].sum(1) for half in (0, 1)])


def make_case(*, slopes: bool = True, noise: float = np.sqrt(VARIANCE), seed: int = 0) -> Case:
    rng = np.random.default_rng(seed)
    y, x = np.indices((LINES + 2 * MARGIN, LENGTH + 2 * MARGIN))
    image = sum(
        np.cos(2 * np.pi * (fy * y + fx * x) + phase)
        for fy, fx, phase in rng.uniform(-0.12, 0.12, (6, 3)) * [1, 1, 50]
    )
    coefficients = spline_coefficients(np.float32(0.3 * image)[None])[0]
    case = Case(
        frame=np.zeros((LINES, LENGTH), np.float32),
        coefficients=coefficients,
        count=np.full(coefficients.shape, 1e6, np.float32),
        offsets=rng.uniform(-3, 3, (LINES, 2)),
        slopes=rng.uniform(-0.01, 0.01, (LINES, 2)) * slopes,
    )
    true = rng.uniform(-0.2, 0.2, (LINES, 4)) * [1, 1, slopes, slopes]
    frame = case.model(true) + noise * rng.normal(size=(LINES, LENGTH))
    return replace(case, frame=np.float32(frame))


@pytest.fixture(scope="module", params=[True, False], ids=["tilted lines", "straight lines"])
def case(request) -> Case:
    return make_case(slopes=request.param)


def test_vector_is_the_gradient_of_the_likelihood(case):
    found = case.equations(robustness=1e-3).vector
    step = 1e-4
    for parameter in range(4):
        change = step * np.eye(4)[parameter]
        numeric = (case.halves(change) - case.halves(-change)) / (2 * step)
        # Single precision of the samples, 1e-6 of values of 10, through weights of 25.
        np.testing.assert_allclose(found[..., parameter], numeric, rtol=2e-3, atol=0.2)


def test_information_is_the_curvature_where_the_frame_fits(case):
    # Where residuals are 0, the curvature is that of Gauss and Newton.
    fits = replace(case, frame=np.float32(case.model(np.zeros(4))))
    found = fits.equations().information
    step = 3e-3
    for i in range(4):
        for j in range(4):
            a, b = step * np.eye(4)[i], step * np.eye(4)[j]
            numeric = -(
                fits.halves(a + b) - fits.halves(a - b) - fits.halves(b - a) + fits.halves(-a - b)
            ) / (4 * step**2)
            scale = np.sqrt(found[..., i, i] * found[..., j, j])
            assert (np.abs(found[..., i, j] - numeric) / scale).max() < 0.005


def test_two_parameters_are_the_first_of_four(case):
    two, four = case.equations(tilted=False), case.equations(tilted=True)
    np.testing.assert_array_equal(two.information, four.information[..., :2, :2])
    np.testing.assert_array_equal(two.vector, four.vector[..., :2])
    only = four.offsets_only()
    np.testing.assert_array_equal(only.information, two.information)
    np.testing.assert_array_equal(only.lever, two.lever)


def test_lines_without_tilt_are_sampled_alike_both_ways():
    straight = make_case(slopes=False)
    nearly = replace(straight, slopes=np.full((LINES, 2), 1e-13))
    one, other = straight.equations(), nearly.equations()
    scale = np.abs(one.information).max()
    np.testing.assert_allclose(other.information, one.information, atol=1e-5 * scale)
    np.testing.assert_allclose(other.vector, one.vector, atol=1e-5 * np.abs(one.vector).max())


def test_a_step_finds_the_displacement():
    """Without noise one step leaves the square of the distance."""
    case = make_case(slopes=False, noise=0.0)
    true = np.tile([0.15, -0.1], (LINES, 1))
    frame = np.float32(case.model(np.concatenate([true, np.zeros_like(true)], axis=1)))
    equations = replace(case, frame=frame).equations(tilted=False)
    information, vector = equations.information.sum(0), equations.vector.sum(0)
    step = np.linalg.solve(information, vector[..., None])[..., 0]
    np.testing.assert_allclose(step, true, atol=0.04)


@pytest.mark.parametrize("joined", [False, True])
def test_halves_make_the_whole(case, joined):
    equations = case.equations()
    if not joined:
        halves = case.halves(np.zeros(4))
        # Log-likelihood of all pixels; none is clipped.
        assert equations.moments[6] == pytest.approx(halves.sum(), rel=1e-4)
        assert equations.moments[0] == LINES * LENGTH
        return
    whole, vector = equations.joined()
    for found, known, given in [
        (whole, equations.information.sum(0), None),
        (equations.joined(0)[0], equations.information[0], None),
        (vector, equations.information.sum(0), equations.vector.sum(0)),
        (equations.joined(1)[1], equations.information[1], equations.vector[1]),
    ]:
        # The model is off by MODEL_ERROR: A -> (A^-1 + e^2)^-1, b -> (1 + e^2 A)^-1 b.
        shrink = np.linalg.inv(np.eye(4) + MODEL_ERROR**2 * known)
        expected = shrink @ known if given is None else np.einsum("kij,kj->ki", shrink, given)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_model_error_limits_what_a_line_can_know(case):
    bright = case.equations(noise=NoiseModel(1e-8, 0, 1e-12), robustness=1e-6)
    information, _ = bright.joined()
    assert np.linalg.eigvalsh(information).max() <= 1.001 / MODEL_ERROR**2
    np.testing.assert_allclose(information, information.transpose(0, 2, 1), atol=1e-9)


def test_information_is_that_of_fisher():
    """Noise-free frame and model, counts: within the blur of the spline's slope."""
    dose = 30.0
    simulated = simulate_stack(
        shape=(64, 72), frames=1, dose=np.inf, drift=(0, 0), drift_walk=0, row_jitter=0.4, seed=3
    )
    truth = simulated.truth
    model = dose * truth.image((64 + 2 * MARGIN, 72 + 2 * MARGIN), origin=(-MARGIN, -MARGIN))
    level = float(model.mean())
    found = line_equations(
        np.float32(dose * truth.noise_free(0)),
        spline_coefficients(np.float32(model - level)[None])[0],
        np.full(model.shape, 1e6, np.float32),
        origin=(-MARGIN, -MARGIN),
        offsets=truth.shifts[0] + truth.row_offsets[0],
        slopes=np.zeros((64, 2)),
        tilted=False,
        level=level,
        brightness=Brightness(),
        noise=NoiseModel(0.0, 1.0, 1e-3),
        denoised=0.0,
        robustness=1.0,
        saturation=np.inf,
        intensities=(float(model.min()), float(model.max())),
    )
    expected = truth.fisher_rows(0, dose)
    information = found.information.sum(0)
    scale = np.sqrt(np.einsum("kii,kjj->kij", expected, expected))
    assert (np.abs(information - expected) / scale).max() < 0.03
    # No residual, no pull: in units of the standard error of a line.
    pull = found.vector.sum(0) / np.sqrt(np.diagonal(expected, axis1=1, axis2=2))
    assert np.abs(pull).max() < 0.1
    assert found.similarity > 0.9999


def test_brightness_is_found():
    case = make_case(noise=0.0)
    fits = case.model(np.zeros(4))
    frame = np.float32(LEVEL + 1.7 + 0.8 * (fits - LEVEL))
    found = case.equations(frame=frame).brightness()
    # The first fit at the wrong brightness clips some residuals, hence twice.
    found = case.equations(frame=frame, brightness=found).brightness()
    assert found.contrast == pytest.approx(0.8, abs=0.01)
    assert found.offset == pytest.approx(1.7, abs=0.01)
    at_it = case.equations(frame=frame, brightness=Brightness(0.8, 1.7))
    plain = case.equations(frame=np.float32(fits))
    np.testing.assert_allclose(at_it.information, 0.64 * plain.information, rtol=1e-4, atol=1e-2)
    assert np.abs(at_it.vector).max() < 0.05


def test_brightness_of_a_flat_model_moves_the_offset_only():
    case = make_case(noise=0.0)
    flat = replace(case, coefficients=np.zeros_like(case.coefficients))
    found = flat.equations(frame=np.full((LINES, LENGTH), LEVEL + 0.1, np.float32)).brightness()
    assert found.contrast == 1.0
    assert found.offset == pytest.approx(0.1, abs=1e-5)


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (np.nan, {}),
        (np.inf, {}),
        (LEVEL + 200.0, {}),
        (LEVEL - 200.0, {}),
        (LEVEL + 1.5, {"saturation": LEVEL + 1.5}),
    ],
    ids=["nan", "inf", "hot", "dead", "saturated"],
)
def test_bad_pixels_weigh_nothing(case, value, options):
    frame, blank = case.frame.copy(), case.frame.copy()
    frame[:, 20:24], blank[:, 20:24] = value, np.nan
    found, expected = case.equations(frame=frame, **options), case.equations(frame=blank, **options)
    np.testing.assert_allclose(found.information, expected.information, rtol=1e-10)
    np.testing.assert_allclose(found.vector, expected.vector, rtol=1e-10)
    np.testing.assert_allclose(found.weight, expected.weight)
    assert found.similarity == pytest.approx(expected.similarity)
    assert expected.weight.sum() < case.equations().weight.sum()


def test_pixels_that_stand_out_pull_no_harder_than_at_the_limit(case):
    sigma = np.sqrt(VARIANCE)
    clean = np.float32(case.model(np.zeros(4)))

    def pull(deviations, robustness=1.0):
        frame = clean.copy()
        frame[:, 40] += np.float32(deviations * sigma)
        vector = case.equations(frame=frame, robustness=robustness).vector.sum(0)
        return np.abs(vector - case.equations(frame=clean).vector.sum(0))

    np.testing.assert_allclose(pull(2.0), 2 * pull(1.0), rtol=0.01, atol=0.05)
    np.testing.assert_allclose(pull(1.5 * CLIP), pull(CLIP), rtol=0.01, atol=0.05)
    assert pull(2.1 * CLIP).max() < 1e-3
    # A larger constant clips sooner.
    np.testing.assert_allclose(pull(0.8 * CLIP, 2.0), pull(CLIP / 2), rtol=0.01, atol=0.05)


def test_nothing_is_compared_where_the_model_knows_nothing(case):
    count = case.count.copy()
    count[:, : MARGIN + 30] = 0.0
    found = case.equations(count=count)
    blank = case.frame.copy()
    blank[:, :20] = np.nan
    # 30 pixels of the model are unknown, at most 3.5 pixels displaced.
    assert found.moments[0] < case.equations(frame=blank).moments[0]
    assert found.moments[0] > 0.5 * case.equations().moments[0]
    assert case.equations(count=np.zeros_like(count)).moments[0] == 0


def test_lines_off_the_window_are_left_out(case):
    offsets = case.offsets.copy()
    offsets[3] = [200.0, 0.0]
    offsets[4] = [0.0, 500.0]
    found = case.equations(offsets=offsets)
    assert not found.information[:, 3:5].any()
    assert found.information[:, [0, 1, 2, 5]].any()


def test_noise_of_the_mean_counts(case):
    """A plain mean of 7 frames has a seventh of the noise."""
    good, seven = case.equations(), case.equations(count=np.full_like(case.count, 7.0))
    np.testing.assert_allclose(seven.information, good.information / (1 + 1 / 7), rtol=1e-4)


def test_scaled(case):
    equations = case.equations()
    half = equations.scaled(0.5)
    np.testing.assert_allclose(half.information, 0.5 * equations.information)
    np.testing.assert_allclose(half.vector, 0.5 * equations.vector)


def test_line_noise_is_measured_and_taken_out(case):
    rng = np.random.default_rng(5)
    jumps = 0.3 * rng.normal(size=(LINES, 1))
    clean, noisy = case.equations(), case.equations(frame=np.float32(case.frame + jumps))
    assert clean.line_noise() < 0.3 * noisy.line_noise()
    # 12 lines, a robust estimate.
    assert 0.2 * 0.3**2 < noisy.line_noise() < 4 * 0.3**2
    variance = 0.3**2
    corrected = noisy.with_line_noise(variance)
    # A brightness of the line of this variance, integrated out of joint equations.
    for half in (0, 1):
        for k in range(LINES):
            joint = np.zeros((5, 5))
            joint[:4, :4] = noisy.information[half, k]
            joint[:4, 4] = joint[4, :4] = noisy.lever[half, k]
            joint[4, 4] = noisy.weight[half, k] + 1 / variance
            right = np.append(noisy.vector[half, k], noisy.residual[half, k])
            inverse = np.linalg.inv(joint)
            np.testing.assert_allclose(
                np.linalg.inv(inverse[:4, :4]), corrected.information[half, k], rtol=1e-5, atol=1e-3
            )
            np.testing.assert_allclose(
                (inverse @ right)[:4],
                np.linalg.solve(corrected.information[half, k], corrected.vector[half, k]),
                rtol=1e-5, atol=1e-6,
            )  # fmt: skip
    pulled = noisy.vector - clean.vector
    still = corrected.vector - clean.with_line_noise(variance).vector
    assert np.abs(still).mean() < 0.2 * np.abs(pulled).mean()
    assert noisy.with_line_noise(0.0) is noisy


def test_line_noise_of_few_lines_is_not_guessed():
    case = make_case()
    few = replace(case, frame=case.frame[:5], offsets=case.offsets[:5], slopes=case.slopes[:5])
    assert few.equations().line_noise() == 0.0


def test_noise_bins_hold_the_variance(case):
    """Residuals by intensity, from a quarter of the lines."""
    found = case.equations(noise=replace(NOISE, offset=1.0), robustness=1e-3)
    count, _, square = found.bins
    assert count.sum() == LINES // 4 * LENGTH
    # The frame is displaced by 0.2 px, so that a little more than the noise is left.
    assert 0.8 * VARIANCE < square.sum() / count.sum() < 3 * VARIANCE


def test_trust_fades_from_pixel_to_pixel():
    """A line between two rows of the model is worth the weight between theirs."""
    count = np.zeros((LINES + 8, LENGTH + 8), np.float32)
    count[6:] = 4.0
    rng = np.random.default_rng(0)
    coefficients = rng.normal(size=count.shape).astype(np.float32)
    known = []
    for slow in (0.0, 0.5, 1.0):
        lines = line_equations(
            np.zeros((LINES, LENGTH), np.float32), coefficients, count,
            origin=(-5.0 - slow, -4.0), offsets=np.zeros((LINES, 2)), slopes=np.zeros((LINES, 2)),
            tilted=False, level=0.0, brightness=Brightness(), noise=NOISE, denoised=0.0,
            robustness=1e-3, saturation=np.inf, intensities=(-1.0, 1.0),
        )  # fmt: skip
        known.append(lines.weight[:, 0].sum())
    # Weights of 0, 2 and 4 frames, with the noise of the mean: n / (1 + n).
    assert known[0] == 0
    assert known[1] / known[2] == pytest.approx((2 / 3) / (4 / 5), rel=1e-3)
