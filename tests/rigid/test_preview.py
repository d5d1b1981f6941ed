from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.rigid.pairs import measure_pairs
from hyperspy_smartalign.rigid.preview import preview_pair
from hyperspy_smartalign.rigid.windows import window_2d


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"exponent": 0.5, "window": "hann"},
        {"weighting": "low_pass", "band": 0.2, "peak": "gaussian"},
        {"weighting": "none", "exponent": 0.0, "butterworth": 0.1, "peak": "centre_of_mass"},
        {"peak": "pixel"},
    ],
)
def test_it_finds_what_the_registration_measures(crystal_series, spectra_of, keywords):
    first, second = crystal_series.stack[:2]
    preview = preview_pair(first, second, RigidParameters(**keywords))
    options = {k: v for k, v in keywords.items() if k != "peak"}
    measured = measure_pairs(
        spectra_of(np.stack([first, second]), **options),
        np.array([[0, 1]]),
        peak=keywords.get("peak", "candidates"),
    )
    np.testing.assert_allclose(preview.shift, measured.shifts[0, 0])
    np.testing.assert_allclose(preview.similarity, measured.scores[0, 0])


def test_a_known_shift(particle_series):
    stack, true = particle_series.stack, particle_series.truth.shifts
    preview = preview_pair(stack[0], stack[4], RigidParameters())
    np.testing.assert_allclose(preview.shift, true[0] - true[4], atol=0.5)


@pytest.mark.parametrize("shape", [(112, 96), (97, 63)])
def test_the_marked_shift_is_the_maximum_of_the_image(crystal_series, shape):
    first, second = crystal_series.stack[[0, 3], : shape[0], : shape[1]]
    preview = preview_pair(first, second, RigidParameters())
    image = preview.correlation
    row, column = np.unravel_index(np.nanargmax(image), image.shape)
    at = np.array([row - image.shape[0] // 2, column - image.shape[1] // 2]) * preview.step
    assert np.abs(at - preview.shift).max() <= max(preview.step)
    # The parabola's vertex lies a little above the highest pixel.
    assert preview.similarity == pytest.approx(np.nanmax(image), rel=0.1)
    assert np.nanmax(image) <= preview.similarity + 1e-6


def test_max_shift_moves_the_mark_and_leaves_the_image(crystal_series):
    first = crystal_series.stack[0]
    second = np.roll(first, (-9, 7), (0, 1))
    free = preview_pair(first, second, RigidParameters())
    np.testing.assert_allclose(free.shift, (9, -7), atol=0.5)
    bound = preview_pair(first, second, RigidParameters(max_shift=(3, 2)))
    assert abs(bound.shift[0]) <= 3.5
    assert abs(bound.shift[1]) <= 2.5
    assert bound.similarity < free.similarity
    np.testing.assert_array_equal(bound.correlation, free.correlation)


def test_the_frame_is_shown_as_it_is_filtered_and_windowed(crystal_series):
    first, second = crystal_series.stack[:2].astype(np.uint16)
    plain = preview_pair(first, second, RigidParameters(window="none"))
    np.testing.assert_array_equal(plain.frame, first)
    np.testing.assert_array_equal(plain.filtered, first)
    np.testing.assert_allclose(plain.windowed, first - first.mean(), atol=1e-3)
    seen = preview_pair(first, second, RigidParameters(prefilter="median", window="hann"))
    assert seen.filtered.std() < plain.filtered.std()
    window = window_2d(first.shape, "hann")
    assert abs(seen.windowed.sum(dtype=np.float64)) < 1e-3 * np.abs(seen.windowed).sum()
    assert np.abs(seen.windowed[0]).max() <= window[0].max() * np.ptp(seen.filtered)


def test_a_blank_frame_has_no_maximum(crystal_series):
    preview = preview_pair(
        crystal_series.stack[0], np.zeros_like(crystal_series.stack[0]), RigidParameters()
    )
    assert np.isnan(preview.shift).all()
    assert np.isnan(preview.similarity)


def test_bad_frames_are_refused(crystal_series):
    first = crystal_series.stack[0]
    with pytest.raises(ValueError, match="one shape"):
        preview_pair(first, first[1:], RigidParameters())
    gap = first.copy()
    gap[3, 4] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        preview_pair(first, gap, RigidParameters())
