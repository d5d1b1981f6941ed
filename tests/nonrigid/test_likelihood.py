"""The likelihood for one number a line is that of the full smoother."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.nonrigid.likelihood import line_likelihood
from hyperspy_smartalign.nonrigid.process import SMOOTHNESSES, LineProcess, matern
from hyperspy_smartalign.nonrigid.smoother import smooth_lines


def both(information, vector, process, rms):
    one = line_likelihood(information, vector, process, rms)
    full = smooth_lines(information[:, None, None], vector[:, None], process, [rms])
    return one, full.log_likelihood


@given(
    smoothness=st.sampled_from([None, *SMOOTHNESSES]),
    length=st.floats(0.1, 200),
    rms=st.floats(0, 3),
    scale=st.floats(-3, 4).map(lambda power: 10.0**power),
    lines=st.integers(2, 60),
    seed=st.integers(0, 1000),
)
@settings(max_examples=80, deadline=None)
def test_same_as_the_smoother(smoothness, length, rms, scale, lines, seed):
    rng = np.random.default_rng(seed)
    information = scale * rng.gamma(2.0, size=lines)
    information[rng.random(lines) < 0.2] = 0.0
    vector = information * rng.normal(size=lines) + np.sqrt(information) * rng.normal(size=lines)
    process = LineProcess.none() if smoothness is None else matern(smoothness, length)
    one, full = both(information, vector, process, rms)
    assert one == pytest.approx(full, rel=1e-7, abs=1e-6)


def test_it_is_highest_for_the_process_that_made_the_data():
    rng = np.random.default_rng(1)
    lines, true = 400, np.zeros(400)
    for k in range(1, lines):
        true[k] = np.exp(-1 / 8) * true[k - 1] + 0.5 * np.sqrt(1 - np.exp(-2 / 8)) * rng.normal()
    information = np.full(lines, 400.0)
    vector = information * true + np.sqrt(information) * rng.normal(size=lines)

    def at(rms, length):
        return line_likelihood(information, vector, matern(0.5, length), rms)

    best = at(0.5, 8.0)
    assert best > at(0.1, 8.0) + 3
    assert best > at(3.0, 8.0) + 3
    assert best > at(0.5, 0.5) + 3
    assert best > at(0.5, 200.0) + 3
    assert best > line_likelihood(information, vector, LineProcess.none(), 0.0) + 100


def test_lines_that_show_nothing_say_nothing():
    nothing = np.zeros(10)
    assert line_likelihood(nothing, nothing, matern(1.5, 3.0), 0.5) == 0.0
