"""What a frame is compared with: the others, as they are placed, denoised, where they are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from hyperspy_smartalign.data import simulate_stack
from hyperspy_smartalign.nonrigid.reference import Reference, build_reference
from hyperspy_smartalign.rigid.store import FrameStore
from hyperspy_smartalign.transforms import Translation

DOSE, N = 20.0, 6
LEVEL = 13.3


@pytest.fixture(scope="module")
def series():
    return simulate_stack(
        shape=(56, 61), frames=N, dose=DOSE, drift=(1.3, -2.1), drift_walk=0, seed=2
    )


def build(series, frames_of, stack=None, **options) -> Reference:
    stack = series.stack if stack is None else stack
    weights = np.asarray(options.pop("weights", np.ones(len(stack))), float)
    shifts = series.truth.shifts
    return build_reference(
        FrameStore(frames_of(stack)),
        [Translation(shift) for shift in shifts],
        weights,
        shifts=shifts,
        reach_of_motion=0.0,
        variance=float(np.nanmean(stack)),
        level=LEVEL,
        **options,
    )


def shown(model, truth, dose=DOSE):
    """Model, and truth, at whole pixels of the model's window where it is known."""
    y, x = np.indices(model.coefficients.shape)
    values = map_coordinates(
        model.coefficients.astype(float), [y, x], order=3, prefilter=False, mode="nearest"
    )
    true = dose * truth.image(model.coefficients.shape, origin=model.origin) - LEVEL
    known = model.count > 0
    return values[known], true[known]


@pytest.mark.parametrize("index", range(N))
def test_model_is_the_specimen(series, frames_of, index):
    model = build(series, frames_of).model(index, series.truth.shifts[index])
    # At the rim, where fewer were, the mean is noisier, and weighs less.
    often = replace(model, count=np.where(model.count > N / 2, model.count, 0.0))
    found, true = shown(often, series.truth)
    # A plain mean of 5 frames has noise of about 1.4 counts; the filter keeps what is signal.
    assert np.sqrt(np.mean((found - true) ** 2)) < 0.8
    assert np.corrcoef(found, true)[0, 1] > 0.98
    assert model.count.max() <= N - 1


def test_own_pixels_are_left_out(series, frames_of):
    """With the filter switched off, a frame's own noise changes nothing at all."""
    changed = series.stack.copy()
    changed[2] = np.random.default_rng(0).permutation(changed[2].ravel()).reshape(changed[2].shape)
    before, after = (
        build(series, frames_of, stack, smoothing=0.0).model(2, series.truth.shifts[2])
        for stack in (series.stack, changed)
    )
    np.testing.assert_allclose(after.coefficients, before.coefficients, atol=1e-3)
    np.testing.assert_array_equal(after.count, before.count)


def plain_mean(series, members):
    """Mean of frames at whole pixels, for shifts that are whole."""
    return np.mean([series.stack[i] for i in members], axis=0)


@pytest.fixture(scope="module")
def still_series():
    return simulate_stack(shape=(40, 44), frames=N, dose=DOSE, drift=(0, 0), drift_walk=0, seed=4)


@pytest.mark.parametrize(
    ("index", "options", "members"),
    [
        (2, {}, [0, 1, 3, 4, 5]),
        (2, {"reach": 1}, [1, 3]),
        (0, {"reach": 2}, [1, 2]),
        (5, {"reach": 1}, [4]),
        (4, {"fixed": 1}, [1]),
        (3, {"weights": [1, 1, 0, 1, 1, 0]}, [0, 1, 4]),
        (2, {"weights": [1, 1, 0, 1, 1, 0]}, [0, 1, 3, 4]),
    ],
    ids=str,
)
def test_who_is_in_the_mean(still_series, frames_of, index, options, members):
    reference = build(still_series, frames_of, smoothing=0.0, **options)
    model = reference.model(index, np.zeros(2))
    y, x = np.indices((40, 44)) - np.array(model.origin, int)[:, None, None]
    values = map_coordinates(model.coefficients.astype(float), [y, x], order=3, prefilter=False)
    expected = plain_mean(still_series, members) - LEVEL
    np.testing.assert_allclose(values, expected, atol=2e-3)
    assert reference.weight_of_others(index) == len(members)
    assert model.count.max() == pytest.approx(len(members))


def test_weights_weigh(still_series, frames_of):
    weights = [3.0, 0.5, 0.5, 1.0, 1.0, 0.0]
    model = build(still_series, frames_of, smoothing=0.0, weights=weights).model(5, np.zeros(2))
    y, x = np.indices((40, 44)) - np.array(model.origin, int)[:, None, None]
    values = map_coordinates(model.coefficients.astype(float), [y, x], order=3, prefilter=False)
    expected = np.average(still_series.stack, axis=0, weights=weights) - LEVEL
    np.testing.assert_allclose(values, expected, atol=2e-3)


def test_smoothing_is_gaussian(still_series, frames_of):
    reference = build(still_series, frames_of, smoothing=2.0)
    gain = reference.gain(3.0)
    assert gain[0, 0] == 1
    # exp(-2 pi^2 s^2 f^2) at 5 steps of the frequency along y.
    frequency = 5 / reference.window_shape[0]
    assert gain[5, 0] == pytest.approx(np.exp(-2 * np.pi**2 * 4 * frequency**2), rel=1e-5)


def test_filter_opens_with_the_number_of_frames(series, frames_of):
    reference = build(series, frames_of)
    few, many = reference.gain(1.0), reference.gain(50.0)
    assert (many >= few).all()
    assert few.min() >= 0
    assert many.max() <= 1
    assert few.mean() < 0.5 * many.mean() + 0.5


def test_nothing_is_known_where_no_frame_was(series, frames_of):
    model = build(series, frames_of).model(0, series.truth.shifts[0])
    top, left = (round(each) for each in model.origin)
    count = model.count
    # The window has a margin around the frame; the others saw part of it at most.
    assert (count[0] == 0).all()
    assert (count[:, 0] == 0).all()
    inside = count[-top + 12 : -top + 44, -left + 16 : -left + 45]
    assert (inside > 0).all()


def test_gaps_of_frames_lower_the_count(still_series, frames_of):
    stack = still_series.stack.copy()
    stack[1:4, 20:22] = np.nan
    stack[:, :, 30] = np.nan
    model = build(still_series, frames_of, stack).model(0, np.zeros(2))
    top, left = (-int(each) for each in model.origin)
    rows = model.count[top + 20 : top + 22, left + 5 : left + 20]
    assert rows.max() < 5
    # A column that nobody saw is not trusted, and nor are its neighbours.
    assert not model.count[top : top + 40, left + 29 : left + 32].any()
    assert np.isfinite(model.coefficients).all()
    assert model.count[top + 10, left + 10] == pytest.approx(5)


def test_frames_that_do_not_meet_have_no_model(still_series, frames_of):
    reference = build(still_series, frames_of, fixed=1)
    assert reference.model(0, np.zeros(2)) is not None
    assert replace(reference, weights=np.zeros(N)).model(0, np.zeros(2)) is None


def test_workers_change_nothing(series, frames_of):
    one, two = (build(series, frames_of, num_workers=workers) for workers in (1, 2))
    np.testing.assert_allclose(one.total, two.total, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(one.coverage, two.coverage)


def test_lines_of_uneven_brightness_are_trusted_where_most_were(series, frames_of):
    """Where fewer frames make up the mean, their lines' brightness changes along a line."""
    even, uneven = (
        build(series, frames_of, uneven=ratio).model(0, series.truth.shifts[0])
        for ratio in (0.0, 1.0)
    )
    assert even.count[even.count > 0].min() < 0.6 * even.count.max()
    assert uneven.count[uneven.count > 0].min() >= 0.6 * even.count.max()
    assert uneven.count.max() == even.count.max()
