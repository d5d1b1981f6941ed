"""Frames as they are compared: without spikes, perhaps smoothed, never changed at their source."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperspy_smartalign.data import simulate_stack
from hyperspy_smartalign.nonrigid.sources import ComparedFrames, without_spikes


@pytest.fixture(scope="module")
def frame():
    return simulate_stack(shape=(64, 72), frames=1, dose=20, drift=(0, 0), drift_walk=0).stack[0]


def test_spikes_and_dead_pixels_become_gaps(frame):
    spoilt = frame.copy()
    spoilt[10, 20], spoilt[30, 5], spoilt[0, 0], spoilt[40, 40] = 500, 1e6, -300, np.inf
    found = without_spikes(spoilt)
    gaps = ~np.isfinite(found)
    assert gaps.sum() == 4
    assert gaps[10, 20]
    assert gaps[30, 5]
    assert gaps[0, 0]
    assert gaps[40, 40]
    np.testing.assert_array_equal(found[~gaps], frame[~gaps])


@pytest.mark.parametrize("dose", [0.3, 3, 50])
def test_noise_and_columns_are_no_spikes(dose):
    stack = simulate_stack(shape=(64, 64), frames=3, dose=dose, seed=1).stack
    for pixels in stack:
        np.testing.assert_array_equal(without_spikes(pixels), pixels)


def test_a_bright_narrow_column_is_no_spike():
    y, x = np.indices((48, 48))
    dark = np.random.default_rng(0).normal(10, 1, (48, 48))
    bright = dark + 1000 * np.exp(-((y - 20) ** 2 + (x - 25.4) ** 2) / 2)
    assert np.isfinite(without_spikes(bright)).all()


@pytest.mark.parametrize(
    "pixels",
    [np.full((6, 6), np.nan), np.zeros((6, 6)), np.ones((3, 3)), np.eye(2)],
    ids=["nothing known", "flat", "few", "tiny"],
)
def test_nothing_is_guessed_from_nothing(pixels):
    np.testing.assert_array_equal(without_spikes(pixels), pixels.astype(np.float32))


@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", ">f4", "f8"])
def test_any_type_arrives_as_single_precision(frames_of, frame, dtype):
    pixels = frame.astype(dtype)
    pixels.setflags(write=False)
    found = ComparedFrames(frames_of(pixels[None])).frame(0)
    assert found.dtype == np.float32
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, frame)


def test_smoothing_is_gaussian(frames_of, frame):
    found = ComparedFrames(frames_of(frame[None]), 1.5).frame(0)
    np.testing.assert_allclose(found, gaussian_filter(frame, 1.5), rtol=1e-5)


def test_smoothing_leaves_gaps_and_their_surroundings(frames_of):
    pixels = np.full((20, 20), 3.0, np.float32)
    pixels[8:10] = np.nan
    found = ComparedFrames(frames_of(pixels[None]), 2.0).frame(0)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(pixels))
    np.testing.assert_allclose(found[np.isfinite(found)], 3.0, rtol=1e-5)


def test_length_and_laziness_are_those_of_the_source(frames_of, frame):
    stack = np.stack([frame] * 3)
    assert len(ComparedFrames(frames_of(stack))) == 3
    assert ComparedFrames(frames_of(stack, lazy=True)).lazy
    assert not ComparedFrames(frames_of(stack)).lazy
