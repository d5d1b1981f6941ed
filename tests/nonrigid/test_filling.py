"""Gaps are bridged so that the image is continuous on a window that closes on itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hyperspy_smartalign.nonrigid.filling import fill_periodic

images = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.floats(-5, 5, width=32),
)


@given(image=images, share=st.floats(0, 1), seed=st.integers(0, 100))
@settings(max_examples=80, deadline=None)
def test_known_pixels_stay_and_gaps_lie_between(image, share, seed):
    seen = np.random.default_rng(seed).random(image.shape) < share
    filled = np.where(seen, image, np.float32(0))
    fill_periodic(filled, seen)
    np.testing.assert_array_equal(filled[seen], image[seen])
    if seen.any():
        assert filled.min() >= image[seen].min() - 1e-5
        assert filled.max() <= image[seen].max() + 1e-5
    else:
        assert not filled.any()


def test_gaps_in_a_line_are_straight_also_across_the_border():
    image = np.zeros((1, 8), np.float32)
    image[0, [2, 6]] = [4.0, 8.0]
    seen = np.zeros((1, 8), bool)
    seen[0, [2, 6]] = True
    fill_periodic(image, seen)
    np.testing.assert_allclose(image[0], [6, 5, 4, 5, 6, 7, 8, 7])


def test_empty_lines_are_bridged_down_the_columns():
    image = np.zeros((6, 3), np.float32)
    image[1], image[4] = [1, 2, 3], [4, 5, 6]
    seen = np.zeros((6, 3), bool)
    seen[[1, 4]] = True
    fill_periodic(image, seen)
    np.testing.assert_allclose(image[2:4], [[2, 3, 4], [3, 4, 5]], rtol=1e-6)
    np.testing.assert_allclose(image[[5, 0]], [[3, 4, 5], [2, 3, 4]], rtol=1e-6)


def test_what_is_constant_stays_so():
    rng = np.random.default_rng(0)
    seen = rng.random((9, 11)) < 0.2
    seen[3] = False
    image = np.where(seen, np.float32(2.5), np.float32(0))
    fill_periodic(image, seen)
    np.testing.assert_allclose(image, 2.5, rtol=1e-6)
