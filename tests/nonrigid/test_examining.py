"""What lines say of an alignment: motion left, its limit, and whether it helped."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_stack
from hyperspy_smartalign.nonrigid import align_frames_nonrigid
from hyperspy_smartalign.nonrigid.examining import examine_lines
from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.quality.held_out import held_out
from hyperspy_smartalign.quality.line_motion import left_motion, misfit_of_halves
from hyperspy_smartalign.quality.precision import what_limits
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms import ScanLine, Translation

FRAMES = 8
SHAPE = (72, 64)
# Standard error that is claimed of the lines, px.
CLAIMED = 0.16


class Stack:
    def __init__(self, stack):
        self.stack = stack

    def __len__(self):
        return len(self.stack)

    def frame(self, index):
        return self.stack[index]


@cache
def series(jitter, dose=20.0):
    return simulate_stack(
        shape=SHAPE,
        frames=FRAMES,
        dose=dose,
        row_jitter=jitter,
        drift=(0.4, -0.6),
        drift_walk=0.0,
        seed=11,
    )


@cache
def rigid(jitter, dose=20.0):
    """The true shifts, as if they had been found."""
    simulated = series(jitter, dose)
    return examine_lines(
        Stack(simulated.stack),
        [Translation(shift) for shift in simulated.truth.shifts],
        used=np.ones(FRAMES, bool),
        reported=[np.full(2, 0.03)] * FRAMES,
    )


def with_lines(jitter, error, dose=20.0, *, seed=0):
    """The true lines, off by a smooth error of this rms."""
    simulated = series(jitter, dose)
    truth = simulated.truth
    random = np.random.default_rng(seed)
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / 4.0) ** 2)
    transforms = []
    for shift, rows in zip(truth.shifts, truth.row_offsets, strict=True):
        noise = random.normal(size=(SHAPE[0] + 24, 2))
        smooth = np.stack([np.convolve(n, kernel, "valid") for n in noise.T], axis=1)
        off = error * smooth / np.sqrt((kernel**2).sum())
        transforms.append(ScanLine(-(shift + rows + off)).inverse())
    return examine_lines(
        Stack(simulated.stack),
        transforms,
        used=np.ones(FRAMES, bool),
        reported=[np.full(2, CLAIMED)] * FRAMES,
    )


def motion_of(examined, *, corrected):
    return left_motion(examined.lines, jitter=tuple(examined.jitter), corrected=corrected)


def test_straight_lines_are_found_straight():
    examined = rigid(0.0)
    assert examined.jitter[0] < 0.02**2
    assert examined.jitter[2] < 0.1**2
    np.testing.assert_allclose(examined.contrast, 1.0, atol=0.05)
    assert examined.frames == tuple(range(FRAMES))
    misfit, error = misfit_of_halves(examined.lines)
    assert abs(misfit) < 4 * error
    assert examined.gain.mean() < 2


def test_jitter_left_by_shifts_alone_is_measured():
    examined = rigid(0.5)
    rows = series(0.5).truth.row_offsets
    true = float(np.sqrt(np.mean((rows - rows.mean(0)) ** 2)))
    motion = motion_of(examined, corrected=False)
    # The reference is blurred by the motion itself, which makes that look larger.
    assert 0.95 * true < motion.left < 1.4 * true
    assert what_limits(motion) == "instability"
    misfit, error = misfit_of_halves(examined.lines)
    assert misfit > 4 * error
    np.testing.assert_allclose(np.sqrt(misfit), true, rtol=0.25)
    assert examined.gain.mean() > 20


def test_solved_lines_leave_what_noise_explains():
    simulated = series(0.5)
    found = align_frames_nonrigid(
        Stack(simulated.stack),
        [Translation(shift) for shift in simulated.truth.shifts],
        NonrigidParameters(),
        excluded=np.zeros(FRAMES, bool),
    )
    examined = examine_lines(
        Stack(simulated.stack),
        found.transforms,
        used=np.ones(FRAMES, bool),
        reported=list(found.line_errors),
    )
    motion = motion_of(examined, corrected=True)
    np.testing.assert_allclose(motion.left, motion.explained, rtol=0.2)
    assert what_limits(motion) == "dose"
    misfit, error = misfit_of_halves(examined.lines)
    assert abs(misfit) < 4 * error


def test_wrong_lines_are_seen():
    motion = motion_of(with_lines(0.5, 0.4), corrected=True)
    np.testing.assert_allclose(motion.left, 0.4, rtol=0.2)
    assert what_limits(motion) == "instability"


def test_right_lines_helped():
    found = held_out(with_lines(0.5, 0.0).lines, np.full(FRAMES, 50.0))
    assert found.outcome == "helped"
    assert found.after < 0.2 < 0.4 < found.before
    np.testing.assert_allclose(found.moved, 0.48, atol=0.1)
    assert "helped" in found.words


def test_made_up_distortions_are_worse():
    examined = with_lines(0.0, 0.3)
    found = held_out(examined.lines, examined.gain)
    assert found.outcome == "worse"
    np.testing.assert_allclose(found.after, 0.3, atol=0.1)
    assert "guard=True" in found.words


def test_no_correction_is_no_difference():
    examined = rigid(0.0)
    found = held_out(examined.lines, examined.gain)
    assert found.outcome == "none"
    assert "Nothing was moved" in found.words


def test_lines_along_columns_give_the_same():
    simulated = series(0.5)
    turned = examine_lines(
        Stack(np.ascontiguousarray(simulated.stack.transpose(0, 2, 1))),
        [Translation(shift[::-1]) for shift in simulated.truth.shifts],
        used=np.ones(FRAMES, bool),
        reported=[np.full(2, 0.03)] * FRAMES,
        scan=ScanGeometry(rotation=(90.0,) * FRAMES),
    )
    upright = rigid(0.5)
    np.testing.assert_allclose(turned.jitter[:2], upright.jitter[:2], rtol=0.2)
    for one, other in zip(turned.lines, upright.lines, strict=True):
        np.testing.assert_allclose(one.expected[:, ::-1], other.expected, atol=0.05)


def test_too_few_frames_say_nothing():
    simulated = series(0.0)
    used = np.arange(FRAMES) < 2
    shifts = [Translation(shift) for shift in simulated.truth.shifts]
    examined = examine_lines(Stack(simulated.stack), shifts, used=used, reported=[None] * FRAMES)
    assert examined is None


@pytest.mark.parametrize("excluded", [3])
def test_excluded_frames_take_no_part(excluded):
    simulated = series(0.0)
    stack = simulated.stack.copy()
    stack[excluded] = 1e6
    examined = examine_lines(
        Stack(stack),
        [Translation(shift) for shift in simulated.truth.shifts],
        used=np.arange(FRAMES) != excluded,
        reported=[np.full(2, 0.03)] * FRAMES,
    )
    assert excluded not in examined.frames
    assert len(examined.frames) == FRAMES - 1
