from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.motif.sampling import sample_inside
from hyperspy_smartalign.resampling import spline_coefficients, warp_frame
from hyperspy_smartalign.transforms.canvas import Canvas


@pytest.fixture(scope="module")
def frame():
    return np.random.default_rng(0).normal(100, 10, (31, 37)).astype(np.float32)


@pytest.mark.parametrize("corner", [(1.25, 1.5), (3.7, 9.01), (20.9, 24.9)])
def test_tiles_are_those_of_the_warp(frame, corner):
    tile = np.zeros((8, 9), np.float32)
    assert sample_inside(spline_coefficients(frame), *corner, np.empty(12, np.float32), tile)
    shift = np.broadcast_to(np.reshape(corner, (2, 1, 1)), (2, 8, 9))
    expected = warp_frame(frame, np.array(shift), Canvas(0, 0, 8, 9)).pixels
    np.testing.assert_allclose(tile, expected, rtol=2e-6)


# Whole places, and those whose taps lie beyond one of the four sides.
@pytest.mark.parametrize(
    "corner",
    [(4.0, 5.5), (4.5, 5.0), (0.5, 5.5), (4.5, 0.5), (22.5, 5.5), (4.5, 27.5), (-3.5, 90.5)],
)
def test_what_is_not_well_inside_is_left(frame, corner):
    tile = np.full((8, 9), 7, np.float32)
    assert not sample_inside(spline_coefficients(frame), *corner, np.empty(12, np.float32), tile)
    assert (tile == 7).all()
