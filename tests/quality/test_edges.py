"""Widths of edges that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from hyperspy_smartalign.quality.edges import edge_width


def edge(n: int, centre: float, sigma: float, low: float = 1.0, high: float = 4.0) -> np.ndarray:
    return low + (high - low) * ndtr((np.arange(n) - centre) / sigma)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(24, 200),
    place=st.floats(0.25, 0.75),
    part=st.floats(0.03, 0.12),
    low=st.floats(-100, 100),
    contrast=st.floats(0.1, 1000) | st.floats(-1000, -0.1),
    scale=st.floats(0.01, 10),
)
def test_an_error_function_is_found_exactly(n, place, part, low, contrast, scale):
    sigma = max(part * n, 0.8)
    found = edge_width(edge(n, place * n, sigma, low, low + contrast), scale)
    assert found.centre == pytest.approx(place * n * scale, rel=1e-4)
    assert found.sigma == pytest.approx(sigma * scale, rel=1e-4)
    assert found.low == pytest.approx(low, abs=1e-3 * abs(contrast))
    assert found.high == pytest.approx(low + contrast, abs=1e-3 * abs(contrast))


def test_the_width_is_from_ten_to_ninety_per_cent():
    found = edge_width(edge(80, 40.0, 5.0, 0.0, 1.0))
    at = np.interp([0.1, 0.9], edge(80, 40.0, 5.0, 0.0, 1.0), np.arange(80.0))
    # Between samples the profile is bent a little.
    assert found.width == pytest.approx(at[1] - at[0], rel=0.005)
    assert found.width_error == pytest.approx(2.5631 * found.sigma_error, rel=1e-4)


@pytest.mark.parametrize("known", [True, False])
def test_standard_errors_are_those_of_the_noise(known):
    rng = np.random.default_rng(0)
    pulls = []
    for _ in range(200):
        centre = rng.uniform(45, 55)
        expected = 900 * edge(100, centre, 4.0, 0.1, 1.0)
        counts = rng.poisson(expected)
        found = edge_width(counts, errors=np.sqrt(expected) if known else None)
        pulls.append(
            (
                (found.centre - centre) / found.centre_error,
                (found.sigma - 4.0) / found.sigma_error,
            )
        )
    # 200 pulls: their rms is 1 to 5 %, three times that. Without the errors the bright side counts
    # as much as the dark one.
    np.testing.assert_allclose(np.sqrt(np.mean(np.square(pulls), axis=0)), 1, atol=0.16)
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.25


def test_missing_samples_are_left_out():
    profile = edge(60, 28.0, 3.0)
    profile[[0, 5, 27, 30, 58]] = np.nan
    found = edge_width(profile)
    assert found.centre == pytest.approx(28.0, abs=1e-5)
    assert found.sigma == pytest.approx(3.0, abs=1e-5)


@pytest.mark.parametrize("dtype", [">u2", np.int32, np.float32])
def test_any_real_type_is_read_and_left_as_it_is(dtype):
    profile = np.rint(edge(60, 28.3, 3.0, 100, 9000)).astype(dtype)
    profile.setflags(write=False)
    assert edge_width(profile).sigma == pytest.approx(3.0, abs=0.01)


def test_an_abrupt_edge_is_narrower_than_a_sample():
    found = edge_width(np.where(np.arange(50) < 20, 5.0, 2.0))
    assert found.sigma < 0.3
    assert 19 < found.centre < 20


@pytest.mark.parametrize(
    ("profile", "keywords", "message"),
    [
        (np.zeros((4, 5)), {}, "shape"),
        (np.zeros(40, complex), {}, "complex"),
        (np.full(40, 3.0), {}, "from 3 to 3"),
        (np.full(40, np.nan), {}, "0 finite samples"),
        ([1, 2, 3, 4, 5], {}, "5 finite samples"),
        (edge(40, 20, 2), {"scale": 0}, "scale is 0"),
        (edge(40, 20, 2), {"scale": np.nan}, "scale is nan"),
        (edge(40, 20, 2), {"errors": np.ones(39)}, "one positive number"),
        (edge(40, 20, 2), {"errors": np.zeros(40)}, "one positive number"),
        (np.arange(40.0), {}, "no edge between two levels"),
    ],
)
def test_what_is_no_edge_is_refused(profile, keywords, message):
    with pytest.raises(ValueError, match=message):
        edge_width(profile, **keywords)
