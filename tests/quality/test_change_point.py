"""Test for a change along a series."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.quality.change_point import find_change


# Of 20 series one alarm is expected, of 300 30 with a standard deviation of 5.2.
@pytest.mark.parametrize(
    ("count", "rate", "fewest", "most"),
    [(20, 0.05, 0, 5), pytest.param(300, 0.1, 15, 45, marks=pytest.mark.slow)],
)
def test_false_alarms_are_as_rare_as_stated(count, rate, fewest, most):
    # Heavy tails and correlated series: the threshold comes from the data themselves.
    rng = np.random.default_rng(0)
    noise = rng.standard_t(3, (count, 12, 3)) + rng.standard_t(3, (count, 12, 1))
    alarms = sum(find_change(values, false_alarm=rate).first is not None for values in noise)
    assert fewest <= alarms <= most


def test_a_step_is_found_soon_after_it():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(40, 4))
    values[20:, 2] -= 5
    found = find_change(values)
    assert found.chance <= 0.002
    assert found.first is not None
    assert 20 <= found.first <= 25
    assert found.falls
    assert found.row == 2
    assert not find_change(-values).falls


def test_a_slow_decay_is_found():
    rng = np.random.default_rng(2)
    values = np.exp(-np.arange(30) / 15)[:, None] + rng.normal(0, 0.1, (30, 1))
    found = find_change(values)
    assert found.falls
    assert 3 <= found.first <= 20


def test_long_series_are_averaged_in_blocks():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(1000, 1))
    values[500:] += 1
    found = find_change(values)
    assert not found.falls
    assert 500 <= found.first < 600


def test_too_few_steps_and_series_tell_nothing():
    for shape in ((5, 2), (20, 0)):
        found = find_change(np.zeros(shape))
        assert np.isnan(found.chance)
        assert found.first is None
    # Steps that are all the same have not changed.
    assert find_change(np.ones((10, 2))).first is None


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="finite"):
        find_change(np.full((8, 1), np.nan))
    with pytest.raises(ValueError, match="finite"):
        find_change(np.zeros(8))
    with pytest.raises(ValueError, match="false_alarm"):
        find_change(np.zeros((8, 1)), false_alarm=0)
