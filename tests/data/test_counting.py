from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import counting
from hyperspy_smartalign.data.counting import draw_counts, expected_counts


@pytest.fixture
def model() -> tuple[np.ndarray, np.ndarray]:
    """Weights of two components on 40 x 50 pixels, and their spectra."""
    rng = np.random.default_rng(1)
    return rng.uniform(0.5, 1.5, (2, 40, 50)), rng.dirichlet(np.ones(60), 2) * [[1.0], [0.4]]


@pytest.mark.parametrize("dose", [4.0, 400.0])
def test_both_ways_give_poisson_counts(model, dose):
    weights, components = model
    expected = expected_counts(weights, components, dose)
    np.testing.assert_allclose(expected, dose * np.einsum("khw,ke->hwe", weights, components))
    rng = np.random.default_rng(2)
    draws = [draw_counts(weights, components, dose=dose, rng=rng) for _ in range(40)]
    counts = np.array(draws, dtype=np.float64)
    assert draws[0].dtype == np.uint16
    pull = (counts - expected) / np.sqrt(expected)
    # 120,000 values, each 40 times: pulls have mean 0 and variance 1, to five standard errors.
    # The variance of the square of a Poisson pull is 2 + 1 / mean.
    n = pull.size
    assert abs(pull.mean()) < 5 / np.sqrt(n)
    assert abs((pull**2).mean() - 1) < 5 * np.sqrt((2 + (1 / expected).mean()) / n)
    by_channel = counts.sum(axis=(0, 1, 2))
    total = 40 * expected.sum(axis=(0, 1))
    assert np.abs((by_channel - total) / np.sqrt(total)).max() < 5
    by_pixel = counts.sum(axis=(0, 3))
    total = 40 * expected.sum(axis=2)
    assert np.abs((by_pixel - total) / np.sqrt(total)).max() < 6
    # Channels of a pixel are independent.
    pair = pull[..., 3:5].reshape(-1, 2)
    assert abs(np.corrcoef(pair.T)[0, 1]) < 5 / np.sqrt(len(pair))


def test_blocks_make_no_difference(model, monkeypatch):
    weights, components = model

    def draw() -> np.ndarray:
        return draw_counts(weights, components, dose=200.0, rng=np.random.default_rng(3))

    whole = draw()
    monkeypatch.setattr(counting, "_BLOCK", 7000)
    np.testing.assert_array_equal(draw(), whole)


def test_full_channels_stay_full():
    counts = draw_counts(
        np.ones((1, 2, 3)), np.eye(1, 4000), dose=1e6, rng=np.random.default_rng(0)
    )
    assert (counts[..., 0] == 65535).all()
    assert not counts[..., 1:].any()


def test_channels_without_a_share_get_no_counts():
    shape = np.array([[0.0, 0.7, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0]])
    counts = draw_counts(np.ones((1, 30, 40)), shape, dose=3.0, rng=np.random.default_rng(0))
    assert counts.sum() > 3000
    assert not counts[..., [0, 2, 4, 5, 6, 7]].any()
