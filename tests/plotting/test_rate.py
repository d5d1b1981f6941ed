"""Drift rates of paths whose rate is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hyperspy_smartalign.plotting import drift_rate


def test_a_straight_line_has_no_error() -> None:
    times = np.array([3.0, 1.0, 2.0, 7.0, 5.0])
    line = drift_rate(times, 2.0 - 0.5 * times)
    assert line.rate == pytest.approx(-0.5)
    assert line.start == pytest.approx(2.0)
    assert line.error == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(line.at([0, 2]), [2.0, 1.0])


def test_hopped_frames_do_not_pull_the_line() -> None:
    rng = np.random.default_rng(3)
    times = np.arange(40.0)
    positions = 0.2 * times + rng.normal(0, 0.05, 40)
    positions[[4, 5, 17, 38]] += 16.0
    line = drift_rate(times, positions)
    # A least-squares line would be off by about 0.05; noise alone makes 0.0007.
    assert line.rate == pytest.approx(0.2, abs=0.003)
    assert line.error < 0.02


@pytest.mark.parametrize(
    ("n", "walk", "noise", "lowest", "highest"),
    [
        # The error of a wander is known to within its own scatter.
        (40, 0.3, 0.05, 0.75, 1.35),
        (40, 0.3, 0.3, 0.75, 1.35),
        (200, 0.3, 0.05, 0.8, 1.25),
        # What looks like a wander cannot be told from noise: too large an error, never too small.
        (40, 0.0, 0.1, 1.0, 6.0),
    ],
)
def test_the_error_is_the_scatter_of_the_rate(n, walk, noise, lowest, highest) -> None:
    rng = np.random.default_rng(1)
    times = 2.0 * np.arange(n)
    lines = [
        drift_rate(times, np.cumsum(rng.normal(0.4, walk, n)) + rng.normal(0, noise, n))
        for _ in range(100)
    ]
    scatter = np.std([line.rate for line in lines])
    stated = math.sqrt(np.mean([line.error**2 for line in lines]))
    assert lowest < stated / scatter < highest
    # 4 standard errors of the mean of 100, as the rates scatter.
    assert np.mean([line.rate for line in lines]) == pytest.approx(0.2, abs=0.4 * scatter)


def test_the_error_is_per_unit_of_time() -> None:
    rng = np.random.default_rng(5)
    positions = np.cumsum(rng.normal(0, 1, 30))
    slow = drift_rate(10.0 * np.arange(30), positions)
    fast = drift_rate(np.arange(30.0), positions)
    assert slow.rate == pytest.approx(fast.rate / 10)
    assert slow.error == pytest.approx(fast.error / 10)


def test_three_frames_have_a_rate_without_error() -> None:
    assert math.isnan(drift_rate([0, 1, 2], [0.0, 1.0, 2.5]).error)


@pytest.mark.parametrize("times", [[1.0], [1.0, 1.0], [[0.0, 1.0]]])
def test_one_time_has_no_rate(times) -> None:
    with pytest.raises(ValueError, match="two or more times"):
        drift_rate(times, np.zeros(np.shape(times)))
