"""Many frames of a few cells each, as template matching cuts them: most of them is near a rim."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_stack

JITTER = {"rms": 0.5, "correlation": 6.0}


@pytest.fixture(scope="module", params=[33, 48])
def tiles(request):
    return simulate_stack(
        shape=(request.param, request.param), frames=80, dose=20, drift=(0, 0), drift_walk=0,
        row_jitter=JITTER["rms"], row_correlation=JITTER["correlation"], seed=7,
    )  # fmt: skip


def test_small_frames_are_found_to_the_bound(align, line_errors, tiles):
    result = align(tiles.stack, tiles.truth.shifts)
    relative, common = line_errors(result.transforms, tiles, margin=1)
    bound = np.sqrt(np.mean(tiles.truth.cramer_rao_rows(0, **JITTER)[1:-1] ** 2, axis=0))
    # Rows at the rim and the unknown prior cost a little; a wide rim that is not trusted cost 1.7.
    np.testing.assert_array_less(relative, 1.25 * bound)
    # What all rows share cannot be seen with one scan direction: the mean of the jitter stays.
    assert common.max() < 2 * JITTER["rms"] / np.sqrt(len(tiles.stack))
    predicted = np.sqrt(np.mean(result.line_errors[:, 1:-1] ** 2, axis=(0, 1)))
    np.testing.assert_allclose(predicted, relative, rtol=0.15)


def test_still_small_frames_stay(align):
    """Nothing to find: what is moved is within the errors that are told."""
    still = simulate_stack(shape=(33, 33), frames=60, dose=20, drift=(0, 0), drift_walk=0, seed=3)
    result = align(still.stack, still.truth.shifts)
    moved = np.array([t.displacement((33, 33)) for t in result.transforms])
    assert np.sqrt(np.mean(moved**2)) < 1.2 * np.nanmax(result.precision)
    assert np.sqrt(np.mean(moved**2)) < 0.05
