"""Median equalisation of scan lines."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.series import equalise_frame, line_offsets


@pytest.fixture
def surface():
    """Columns of atoms on a slow slope; rows of 200 pixels."""
    x = np.arange(200)
    y = np.arange(61)[:, np.newaxis]
    return np.cos(2 * np.pi * x / 10) + 0.05 * y


def test_global_puts_every_line_at_the_median_of_the_frame(surface):
    jumps = np.random.default_rng(0).normal(0, 3, (61, 1))
    result = equalise_frame(surface + jumps, "global")
    np.testing.assert_allclose(
        np.median(result, axis=1), np.median(surface + jumps), rtol=0, atol=1e-12
    )
    # Contrast within a line is untouched.
    np.testing.assert_allclose(np.diff(result, axis=1), np.diff(surface, axis=1), atol=1e-12)


def test_row_brings_back_glitches_and_keeps_slope_and_step(surface):
    truth = surface + 2.0 * (np.arange(61)[:, np.newaxis] >= 30)
    bad = truth.copy()
    bad[[10, 11, 45]] += 5
    bad[50] -= 3
    result = equalise_frame(bad, "row")
    # The running median follows a slope of 0.05 a line within half its window of 15 lines.
    assert np.abs(result - truth).max() < 0.05 * 8
    assert np.abs(equalise_frame(bad, "global") - truth).max() > 1.5


@pytest.mark.parametrize("mode", ["row", "global"])
def test_lines_along_y(surface, mode):
    frame = surface + np.random.default_rng(0).normal(0, 3, (61, 1))
    np.testing.assert_array_equal(
        equalise_frame(frame.T, mode, slow_axis=1), equalise_frame(frame, mode).T
    )
    offsets = line_offsets(frame, mode)
    assert offsets.shape == (61,)
    np.testing.assert_allclose(equalise_frame(frame, mode), frame + offsets[:, np.newaxis])


@pytest.mark.parametrize("shape", [(1, 5), (2, 5), (4, 3), (7, 1)])
@pytest.mark.parametrize("mode", ["row", "global"])
def test_small_integer_frames(shape, mode):
    frame = np.random.default_rng(0).integers(0, 99, shape).astype(">u2")
    frame.flags.writeable = False
    result = equalise_frame(frame, mode)
    assert result.shape == shape
    assert result.dtype == np.float32


def test_refused(surface):
    with pytest.raises(ValueError, match="'mean' is not known"):
        equalise_frame(surface, "mean")
    with pytest.raises(ValueError, match="slow_axis=2"):
        equalise_frame(surface, "row", slow_axis=2)
    with pytest.raises(ValueError, match="window=4"):
        equalise_frame(surface, "row", window=4)
