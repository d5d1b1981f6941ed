"""Whether a source is the series that was aligned."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.signals.quality.gathering import gather

pytestmark = pytest.mark.filterwarnings("ignore:the shift of frame")


def series_of(seed: int, dose: float):
    # The specimen and its drift are those of the seed, the noise too.
    return simulate_series(shape=(64, 72), frames=6, dose=dose, drift=(0.3, -0.2), seed=seed).series


@pytest.fixture(scope="module", params=[0.5, 30.0])
def raw(request):
    return series_of(1, request.param)


@pytest.fixture(scope="module")
def aligned(raw):
    return raw.align_rigid(show_progressbar=False)


def doubts(signal, source):
    evidence, _ = gather(signal, source=source)
    return [message for message in evidence.messages if "another series" in message]


def test_the_right_series_is_not_doubted(aligned, raw):
    assert not doubts(aligned, raw)
    assert not doubts(aligned, raw.as_lazy())
    assert not doubts(aligned.smartalign.average(), raw)
    assert not doubts(aligned.smartalign.average(output="sum"), raw)


def test_what_the_user_made_of_the_aligned_frames_is_not_doubted(aligned, raw):
    smooth = aligned.deepcopy()
    smooth.data = ndimage.gaussian_filter(smooth.data, (0, 1.5, 1.5))
    assert not doubts(smooth, raw)
    scaled = aligned.deepcopy()
    scaled.data = np.log(scaled.data - np.nanmin(scaled.data) + 1)
    assert not doubts(scaled, raw)


def test_another_series_of_the_same_shape_is_doubted(aligned, raw):
    assert doubts(aligned, series_of(2, 0.5))
    assert doubts(aligned, series_of(2, 30.0))
    backwards = raw.deepcopy()
    backwards.data = backwards.data[::-1].copy()
    assert doubts(aligned, backwards)


def test_the_average_of_another_specimen_is_doubted(aligned, raw):
    other = raw.deepcopy()
    other.data = other.data[..., ::-1].copy()
    assert doubts(aligned.smartalign.average(), other)


def test_frames_without_noise_tell_nothing(raw):
    still = raw.deepcopy()
    still.data = np.broadcast_to(still.data[:1], still.data.shape).astype(float)
    aligned = still.align_rigid(show_progressbar=False)
    assert not doubts(aligned, still)
