"""What each part of a frame says of its displacement."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from hyperspy_smartalign.nonrigid.equations import NOISE_BINS
from hyperspy_smartalign.nonrigid.frame_fit import Brightness
from hyperspy_smartalign.nonrigid.free_equations import free_equations, times
from hyperspy_smartalign.nonrigid.free_path import FreePath, grid_shape
from hyperspy_smartalign.quality.noise import NoiseModel

SHAPE, SPACING, MARGIN, LEVEL = (61, 83), 8.0, 12, 50.0


def image(y, x):
    return (
        LEVEL
        + 12 * np.sin(y / 2.1 + 0.3 * x) * np.cos(x / 2.7)
        + 8 * np.cos(y / 3.3 - x / 2.9)
        + 10 * np.exp(-((y - 30) ** 2 + (x - 40) ** 2) / 18)
    )


def path(amplitude=0.0, shift=(0.0, 0.0)):
    empty = FreePath(np.zeros((2, *grid_shape(SHAPE, SPACING))), SPACING, SHAPE)
    y, x = empty.nodes / 15
    field = amplitude * np.stack([np.sin(y + x), np.cos(x - 0.5 * y)])
    return empty.moved_by(field + np.array(shift)[:, None, None])


def frame_of(truth):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] - truth.displacement()
    return image(y, x).astype(np.float32)


def model():
    size = tuple(n + 2 * MARGIN for n in SHAPE)
    y, x = np.mgrid[: size[0], : size[1]].astype(float) - MARGIN
    coefficients = ndimage.spline_filter(image(y, x) - LEVEL, order=3, mode="mirror")
    return coefficients.astype(np.float32), np.full(size, 1e9, np.float32)


def compare(frame, present, **changed):
    coefficients, count = model()
    options = {
        "origin": (-float(MARGIN), -float(MARGIN)),
        "path": present,
        "level": LEVEL,
        "brightness": Brightness(),
        "noise": NoiseModel(offset=4.0, gain=0.0, floor=0.1),
        "denoised": 0.0,
        "robustness": 1.0,
        "intensities": (20.0, 90.0),
    }
    return free_equations(frame, coefficients, count, **(options | changed))


def test_information_is_that_of_the_image():
    found = compare(frame_of(path()), path())
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    d = 1e-3
    down = (image(y + d, x) - image(y - d, x)) / (2 * d)
    across = (image(y, x + d) - image(y, x - d)) / (2 * d)
    expected = [(a * b).sum() / 4 for a, b in ((down, down), (down, across), (across, across))]
    total = found.information.sum(axis=(0, 2, 3))
    np.testing.assert_allclose(total, expected, rtol=0.01, atol=0.01 * expected[0])
    # No pixel counts twice: shares of the nodes sum to one.
    np.testing.assert_allclose(found.moments[0], SHAPE[0] * SHAPE[1])


def test_one_step_finds_a_shift():
    truth = path(shift=(0.11, -0.07))
    found = compare(frame_of(truth), path())
    known, vector = found.joined()
    yy, yx, xx = known.sum(axis=(1, 2))
    step = np.linalg.solve([[yy, yx], [yx, xx]], vector.sum(axis=(1, 2)))
    np.testing.assert_allclose(step, (0.11, -0.07), atol=0.004)


def test_nothing_pulls_at_the_truth():
    truth = path(0.6, (3.3, -2.1))
    found = compare(frame_of(truth), truth)
    yy, _, xx = found.information.sum(0)
    pull = np.abs(found.vector.sum(0))
    # As displacements of single nodes, px: what the cubic spline of the model misses.
    assert (pull[0] / (yy + 1.0)).max() < 0.01
    assert (pull[1] / (xx + 1.0)).max() < 0.01
    assert found.similarity > 0.9999


def test_steps_lead_to_a_smooth_field():
    truth, present = path(0.5, (0.4, 0.2)), path()
    frame = frame_of(truth)
    for _ in range(12):
        known, vector = compare(frame, present).joined()
        yy, yx, xx = known + np.array([1.0, 0.0, 1.0])[:, None, None]
        step = np.stack([xx * vector[0] - yx * vector[1], yy * vector[1] - yx * vector[0]])
        present = present.moved_by(step / (yy * xx - yx**2))
    # Pixels between the nodes are led to the truth by the lumped matrix too.
    error = (present.displacement() - truth.displacement())[:, 8:-8, 8:-8]
    assert np.sqrt(np.mean(error**2)) < 0.02


def test_halves_share_every_node_and_add_up():
    rng = np.random.default_rng(0)
    frame = (frame_of(path()) + rng.normal(scale=2.0, size=SHAPE)).astype(np.float32)
    found = compare(frame, path())
    inner = found.information[:, 0, 1:-1, 1:-1]
    assert (inner > 0.1 * inner.sum(0)).all()
    whole, vector = found.joined()
    np.testing.assert_allclose(
        whole, found.information.sum(0), rtol=0.02, atol=0.02 * whole[0].max()
    )
    np.testing.assert_allclose(vector, found.vector.sum(0), rtol=0.1, atol=0.1)
    # Noise of the halves is not shared: between -0.3 and 0.3 for about 180 nodes.
    one, two = (each.ravel() for each in found.vector)
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.3


def test_noise_of_the_vector_is_what_the_matrix_says():
    rng = np.random.default_rng(1)
    sums, known = [], None
    for _ in range(60):
        frame = (frame_of(path()) + rng.normal(scale=2.0, size=SHAPE)).astype(np.float32)
        found = compare(frame, path())
        known = found.information.sum(axis=(0, 2, 3))
        sums.append(found.vector.sum(axis=(0, 2, 3)))
    # Of the whole frame: sixty samples of a variance, 18 % each.
    np.testing.assert_allclose(np.var(sums, axis=0), known[[0, 2]], rtol=0.5)


def test_noise_of_the_reference_counts_in_full_where_its_slopes_are():
    frame = frame_of(path())
    coefficients, count = model()
    few = np.full_like(count, 3.0)
    plain = compare(frame, path())
    for denoised in (0.05, 0.5):
        noisy = free_equations(
            frame, coefficients, few, origin=(-12.0, -12.0), path=path(), level=LEVEL,
            brightness=Brightness(), noise=NoiseModel(4.0, 0.0, 0.1), denoised=denoised,
            robustness=1.0, intensities=(20.0, 90.0),
        )  # fmt: skip
        np.testing.assert_allclose(noisy.information, 0.75 * plain.information, rtol=1e-5)


def test_brightness_is_fitted():
    frame = 1.3 * (frame_of(path()) - LEVEL) + LEVEL + 6.0
    found = compare(frame.astype(np.float32), path(), robustness=0.1).brightness()
    assert found.contrast == pytest.approx(1.3, abs=0.01)
    assert found.offset == pytest.approx(6.0, abs=0.1)


def test_bad_pixels_do_not_pull():
    truth = path(0.3)
    clean = frame_of(truth)
    spoilt = clean.copy()
    spoilt[10, 10], spoilt[30, 41] = np.nan, np.inf
    spoilt[20, 20:24] = 4000.0
    spoilt[50] = np.nan
    a, b = compare(clean, path()), compare(spoilt, path(), saturation=5000.0)
    assert np.isfinite(b.vector).all()
    assert b.moments[0] == clean.size - 2 - 4 - SHAPE[1]
    # Nodes whose pixels were not touched say the same.
    np.testing.assert_array_equal(b.vector[:, :, :4, 6:], a.vector[:, :, :4, 6:])
    assert np.abs(b.vector - a.vector).max() < np.abs(a.vector).max()


def test_saturated_pixels_are_left_out():
    frame = frame_of(path())
    found = compare(frame, path(), saturation=70.0)
    assert found.moments[0] == (frame < 70).sum()


def test_pixels_without_model_say_nothing():
    coefficients, count = model()
    count = count.copy()
    count[:, : MARGIN + 40] = 0
    found = free_equations(
        frame_of(path()), coefficients, count, origin=(-12.0, -12.0), path=path(), level=LEVEL,
        brightness=Brightness(), noise=NoiseModel(4.0, 0.0, 0.1), denoised=0.0, robustness=1.0,
        intensities=(20.0, 90.0),
    )  # fmt: skip
    assert (found.information[..., :5] == 0).all()
    assert (found.information[:, 0, 2:-2, 7:-2] > 0).all()


def test_frame_far_outside_says_nothing():
    found = compare(frame_of(path()), path(shift=(500.0, 0.0)))
    assert not found.information.any()
    assert found.similarity == 0.0
    assert found.bins.shape == (3, NOISE_BINS)


def test_scaled_and_apart():
    rng = np.random.default_rng(2)
    frame = (frame_of(path()) + rng.normal(scale=2.0, size=SHAPE)).astype(np.float32)
    present = path(0.2)
    found = compare(frame, present)
    np.testing.assert_allclose(found.scaled(0.5).vector, 0.5 * found.vector)
    known, vector = found.joined()
    own, alone = found.apart(present)
    np.testing.assert_allclose(own, known[[0, 2]])
    np.testing.assert_allclose(alone, vector + own * present.deviation)
    both, about = found.about_mean(present)
    np.testing.assert_allclose(about, vector + times(both, present.deviation))
