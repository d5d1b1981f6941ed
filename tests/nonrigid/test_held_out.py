"""Displacements that are real make held-out pixels fit better; made-up ones do not."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.nonrigid.held_out import dispersion, line_gain
from hyperspy_smartalign.nonrigid.lines import LinePath
from hyperspy_smartalign.nonrigid.process import LineProcess, matern

LINES, KNOWN = 80, 100.0
RMS = np.array([0.3, 0.3])
PROCESS = matern(1.5, 5.0)


def halves_of(true, *, seed=0, known=KNOWN, m=2):
    """Quadratics of two halves with the same displacement and noise of their own."""
    rng = np.random.default_rng(seed)
    information = np.tile(0.5 * known * np.eye(m), (LINES, 1, 1))
    padded = np.zeros((LINES, m))
    padded[:, : true.shape[1]] = true
    return tuple(
        (information, 0.5 * known * padded + np.sqrt(0.5 * known) * rng.normal(size=(LINES, m)))
        for _ in range(2)
    )


def wobble(seed, rms=0.3):
    white = np.random.default_rng(1000 + seed).normal(size=(LINES + 40, 2))
    kernel = np.exp(-(np.arange(-20, 21) ** 2) / 36)
    smooth = np.stack([np.convolve(white[:, c], kernel, "valid") for c in (0, 1)], axis=1)
    return rms * smooth / smooth.std()


def drift(size=0.5):
    return np.linspace(-size, size, LINES)[:, None] * np.array([1.0, -0.5])


def gain(halves, process=PROCESS, rms=RMS, *, groups=(), against_drift=False, **options):
    lines = len(halves[0][0][1])
    paths = [LinePath(np.zeros((lines, 2)), np.zeros((lines, 2)), 64, 0) for _ in halves]
    return line_gain(
        halves, process, rms, paths=paths, groups=groups, against_drift=against_drift, **options
    )


@pytest.mark.parametrize("against_drift", [False, True])
def test_true_offsets_gain(against_drift):
    halves = [halves_of(wobble(i), seed=i) for i in range(4)]
    found = gain(halves, against_drift=against_drift)
    assert found.shape == (4,)
    # Truth itself would gain half of sum A z^2: 80 lines x 2 axes x 100 x 0.09 / 2, less what noise
    # and the mean take.
    assert (found > 200).all()
    assert (found < 1000).all()


@pytest.mark.parametrize("against_drift", [False, True])
def test_noise_loses(against_drift):
    halves = [halves_of(np.zeros((LINES, 2)), seed=i) for i in range(30)]
    found = gain(halves, against_drift=against_drift)
    # Every fitted number of 2 x 30 or so costs half a unit in each of both trials.
    assert found.mean() < -10
    assert (found < 0).mean() > 0.9


def test_drift_gains_over_a_shift_and_not_over_drift():
    halves = [halves_of(drift(), seed=i) for i in range(12)]
    affine = gain(halves, LineProcess.none(), np.zeros(2))
    # Sum A z^2 / 2 of the slow axis is 80 x 100 x 0.25 / 3 / 2, and a quarter of it of the other.
    np.testing.assert_allclose(affine.mean(), 400, rtol=0.1)
    same = gain(halves, LineProcess.none(), np.zeros(2), against_drift=True)
    np.testing.assert_allclose(same, 0, atol=1e-6)
    assert gain(halves, against_drift=True).mean() < 0


def test_slopes_gain_in_row_fitting():
    true = np.zeros((LINES, 4))
    true[:, 2] = 0.3
    with_slopes = [halves_of(true, seed=i, m=4) for i in range(8)]
    # A slope the same in all lines: sum A z^2 / 2 is 80 x 100 x 0.09 / 2.
    found = gain(with_slopes, LineProcess.none(), np.zeros(2))
    np.testing.assert_allclose(found.mean(), 360, rtol=0.1)
    none = [halves_of(np.zeros((LINES, 2)), seed=i, m=4) for i in range(8)]
    assert gain(none, LineProcess.none(), np.zeros(2)).mean() < 2


def test_what_is_common_to_a_group_does_not_count():
    common = wobble(0)
    halves = [halves_of(common, seed=i) for i in range(6)]
    assert gain(halves).min() > 200
    found = gain(halves, groups=[range(6)])
    assert found.mean() < 30
    # What differs still counts.
    own = [halves_of(common + wobble(10 + i), seed=i) for i in range(6)]
    assert gain(own, groups=[range(6)]).mean() > 100


def test_frames_that_show_nothing_gain_nothing():
    blank = ((np.zeros((LINES, 2, 2)), np.zeros((LINES, 2))),) * 2
    found = gain([blank, halves_of(wobble(1))])
    assert found[0] == 0
    assert found[1] > 200


def test_workers_change_nothing():
    halves = [halves_of(wobble(i), seed=i) for i in range(3)]
    np.testing.assert_array_equal(gain(halves, num_workers=1), gain(halves, num_workers=2))


@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_dispersion_is_how_much_more_halves_disagree(factor):
    rng = np.random.default_rng(0)
    squares = [factor * rng.chisquare(2, 500) for _ in range(4)]
    # A line where something moved does not count.
    squares[0][:20] = 1e4
    assert dispersion(squares) == pytest.approx(factor, rel=0.1)


def test_dispersion_is_never_below_one():
    assert dispersion([np.full(100, 0.1)]) == 1.0
    assert dispersion([]) == 1.0
