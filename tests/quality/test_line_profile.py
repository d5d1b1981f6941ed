"""Line profiles of images whose intensity is known everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.quality.line_profile import line_profile


def plane() -> np.ndarray:
    y, x = np.indices((40, 60))
    return 2.0 * y + 3.0 * x


def test_a_plane_is_read_exactly() -> None:
    profile = line_profile(plane(), (5.5, 10.25), vector=(12.0, -5.0), width=3)
    at = profile.start + np.arange(len(profile.values))[:, None] * profile.step
    # Linear interpolation of a plane is exact, and so is its mean across the line.
    np.testing.assert_allclose(profile.values, 2 * at[:, 0] + 3 * at[:, 1], rtol=1e-12)
    np.testing.assert_allclose(at[-1], (17.5, 5.25))
    assert np.hypot(*profile.step) <= 1


def test_parallel_lines_are_averaged() -> None:
    one = line_profile(plane(), (5, 5), vector=(0, 20))
    three = line_profile(plane(), (5, 5), vector=(0, 20), lines=3, between=(4, 1))
    np.testing.assert_allclose(three.values, one.values + 2 * 4 + 3 * 1)


def test_gaps_are_left_out() -> None:
    image = plane()
    image[10] = np.nan
    image[:, 30] = np.nan
    both = line_profile(image, (10, 20), vector=(0, 20), lines=2, between=(5, 0))
    assert np.isnan(both.values[10])
    seen = np.isfinite(both.values)
    # Samples on whole pixels may touch the gap beside them within rounding.
    assert np.count_nonzero(seen) >= 18
    # Only the second line sees the image: row 15.
    np.testing.assert_allclose(both.values[seen], (30 + 3.0 * np.arange(20, 41))[seen])
    beyond = line_profile(image, (5, 50), vector=(0, 20))
    assert np.isnan(beyond.values[-1])
    assert np.isfinite(beyond.values[0])


def test_what_does_not_fit_is_refused() -> None:
    for keywords, message in (
        ({"vector": (0.1, 0.1)}, "shorter than 1 px"),
        ({"vector": (0, 9), "width": 0}, "width"),
        ({"vector": (0, 9), "lines": 2}, "between"),
        ({"vector": (0, 9, 1)}, "two finite numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            line_profile(plane(), (3, 3), **keywords)
    with pytest.raises(ValueError, match="lies outside"):
        line_profile(plane(), (300, 3), vector=(0, 9))
    with pytest.raises(ValueError, match="one real image"):
        line_profile(np.ones((2, 9, 9)), (3, 3), vector=(0, 5))
