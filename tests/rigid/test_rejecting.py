from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice_recipe, spoil
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.rigid.refinement import refine_shifts
from hyperspy_smartalign.rigid.rejecting import FEWEST_JUDGES, blank_frames, unlike_frames
from hyperspy_smartalign.rigid.store import FrameStore

COUNTS = NoiseModel(offset=0.0, gain=1.0, floor=1e-3)


def judged(source, stack, shifts, used=None):
    used = np.ones(len(stack), bool) if used is None else used
    shifts = shifts - shifts.mean(0)
    return unlike_frames(refine_shifts(FrameStore(source(stack)), shifts, used, COUNTS), used)


def test_blank_frames_are_named_with_their_level(source):
    stack = np.random.default_rng(0).poisson(5, (4, 20, 30)).astype(np.float32)
    stack[1] = 0
    stack[3] = 17
    found = blank_frames(FrameStore(source(stack)))
    assert found == {1: "blank: every pixel is 0", 3: "blank: every pixel is 17"}


def test_blurred_frames_are_found(source, crystal_series):
    stack = spoil(crystal_series.stack, kind="blur", frame=(2, 7))
    found = judged(source, stack, crystal_series.truth.shifts)
    assert sorted(found) == [2, 7]
    assert all("blurred" in reason for reason in found.values())


def test_a_frame_that_jumped_is_found(source, particle_series):
    stack = particle_series.stack.copy()
    stack[4] = np.roll(stack[4], (48, 56), (0, 1))
    found = judged(source, stack, particle_series.truth.shifts)
    assert list(found) == [4]
    assert "jumped" in found[4]


def test_another_place_shows_nothing_of_the_others(source, particle_series):
    stack = particle_series.stack.copy()
    stack[5] = np.random.default_rng(0).poisson(stack[5].mean(), stack[5].shape)
    found = judged(source, stack, particle_series.truth.shifts)
    assert list(found) == [5]
    assert "shows nothing of what the other frames show" in found[5]


def test_the_lost_contrast_is_told(source, particle_series):
    stack = particle_series.stack.copy()
    mean = stack[5].mean()
    stack[5] = mean + 0.3 * (stack[5] - mean)
    found = judged(source, stack, particle_series.truth.shifts)
    assert list(found) == [5]
    share = float(found[5].split("only ")[1].split(" %")[0])
    assert share == pytest.approx(30, abs=5)


@pytest.mark.parametrize("dose", [2.0, 0.25])
def test_a_noisy_series_loses_no_frame(source, dose):
    simulated = lattice_recipe(dose, frames=16, shape=(128, 128), seed=3)
    assert judged(source, simulated.stack, simulated.truth.shifts) == {}


def test_noise_alone_loses_no_frame_for_its_noise(source):
    """What shows nothing at all has no mean to differ from: at most half is given up."""
    stack = np.random.default_rng(0).poisson(20, (8, 64, 64)).astype(np.float32)
    assert len(judged(source, stack, np.zeros((8, 2)))) <= 4


def test_few_frames_outvote_none(source, crystal_series):
    count = FEWEST_JUDGES - 1
    stack = spoil(crystal_series.stack[:count], kind="blur", frame=1)
    assert judged(source, stack, crystal_series.truth.shifts[:count]) == {}
    stack = spoil(crystal_series.stack, kind="blur", frame=1)
    used = np.arange(10) < count
    assert judged(source, stack, crystal_series.truth.shifts, used) == {}


def test_at_most_half_is_given_up(source, particle_series):
    stack = particle_series.stack.copy()
    rng = np.random.default_rng(0)
    stack[:4] = rng.poisson(stack.mean(), stack[:4].shape)
    found = judged(source, stack, particle_series.truth.shifts)
    assert set(found) == {0, 1, 2, 3}


def test_the_registration_leaves_them_out_and_says_why(align, errors, crystal_series):
    stack = spoil(crystal_series.stack, kind="blank", frame=1)
    stack = spoil(stack, kind="blur", frame=6)
    result = align(stack)
    assert np.flatnonzero(result.excluded).tolist() == [1, 6]
    assert result.reasons[1].startswith("blank")
    assert "blurred" in result.reasons[6]
    assert not any(result.reasons[index] for index in (0, 2, 3, 4, 5, 7, 8, 9))
    assert [text.split(" left out")[0] for text in result.messages] == ["frame 1", "frame 6"]
    good = ~result.excluded
    true = crystal_series.truth.shifts
    assert np.abs(errors(result.shifts[good], true[good])).max() < 0.15
    assert np.isnan(result.precision[~good]).all()
    assert np.isnan(result.hop_margin[~good]).all()
    # Their own shifts lie between those of their neighbours.
    np.testing.assert_allclose(result.shifts[6], result.shifts[[5, 7]].mean(0), atol=1e-9)


def test_reject_false_keeps_them(align, crystal_series):
    stack = spoil(crystal_series.stack, kind="blur", frame=6)
    assert not align(stack, reject=False).excluded.any()
