"""Frame indices and grey levels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.series import GreyScale, frame_indices, normalise, result_dtype


def test_from_zero_and_last_included():
    assert frame_indices(8, first=2, last=5).tolist() == [2, 3, 4, 5]
    assert frame_indices(4).tolist() == [0, 1, 2, 3]
    assert frame_indices(6, skip=(0, 5), reverse=True).tolist() == [4, 3, 2, 1]
    assert frame_indices(6, first=1, skip=3).tolist() == [1, 2, 4, 5]
    assert frame_indices(3, skip=np.array([1])).tolist() == [0, 2]


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_against_a_plain_list(data):
    n = data.draw(st.integers(1, 20))
    first = data.draw(st.integers(0, n - 1))
    last = data.draw(st.integers(first, n - 1))
    skip = data.draw(st.sets(st.integers(0, n - 1), max_size=n))
    expected = [i for i in range(n) if first <= i <= last and i not in skip]
    if not expected:
        with pytest.raises(ValueError, match="no frame is left"):
            frame_indices(n, first=first, last=last, skip=skip)
    else:
        found = frame_indices(n, first=first, last=last, skip=skip, reverse=True)
        assert found.tolist() == expected[::-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"first": 5}, r"first=5 .* the first is 0 and the last is 4"),
        ({"last": -1}, r"last=-1 .* count from 0"),
        ({"skip": [9]}, r"skip=9"),
        ({"first": 3, "last": 2}, r"first=3 and last=2 keep no frame"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        frame_indices(5, **arguments)
    with pytest.raises(TypeError, match=r"first=1\.5"):
        frame_indices(5, first=1.5)


@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i2", "u4", "f4", "f8"])
def test_normalise(dtype):
    stack = np.random.default_rng(1).integers(3, 200, (4, 5, 6)).astype(dtype)
    before = stack.copy()
    result, greys = normalise(stack)
    assert (result.min(), result.max()) == (0, 1)
    assert result.dtype == result_dtype(stack.dtype)
    assert result.dtype == (np.float64 if dtype == "f8" else np.float32)
    # The recorded map brings the grey levels back; float32 holds 24 bits.
    np.testing.assert_allclose(result / greys.scale + greys.offset, before, rtol=1e-6)
    np.testing.assert_array_equal(stack, before)


def test_large_integers_do_not_wrap():
    stack = np.array([[[0, 2**32 - 1]]], dtype=np.uint32)
    np.testing.assert_array_equal(normalise(stack)[0], [[[0, 1]]])
    signed = np.array([[[-128, 127]]], dtype=np.int8)
    np.testing.assert_array_equal(normalise(signed)[0], [[[0, 1]]])


@pytest.mark.parametrize("span", [(1, 1), (0, np.nan), (0, np.inf)])
def test_no_range(span):
    with pytest.raises(ValueError, match="cannot be normalised"):
        GreyScale.of_range(*span)
