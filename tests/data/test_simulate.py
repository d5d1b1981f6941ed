from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import Detector, lattice, named_crystal, simulate_stack
from hyperspy_smartalign.data.simulate import CRYSTALS


@pytest.mark.parametrize("shape", [(31, 45), (64, 17), (53, 53), (1, 9)])
def test_stacks_of_any_size(shape):
    simulated = simulate_stack(shape=shape, frames=3)
    assert simulated.stack.shape == (3, *shape)
    assert simulated.stack.dtype == np.float32
    assert simulated.truth.shifts.shape == (3, 2)


@pytest.mark.parametrize("name", CRYSTALS)
def test_every_name_gives_a_specimen_that_reaches_beyond_the_frame(name):
    simulated = simulate_stack(shape=(40, 56), frames=2, crystal=name, drift=(30.0, 0.0))
    assert np.isfinite(simulated.stack).all()
    crystal = simulated.truth.crystal
    if name in ("nanoparticle", "featureless"):
        return
    assert crystal.positions[:, 0].min() < -15
    assert crystal.positions[:, 0].max() > 40 + 15


def test_noise_free_frames_are_the_truth():
    simulated = simulate_stack(shape=(33, 40), frames=3, dose=np.inf, row_jitter=0.4)
    for frame in range(3):
        np.testing.assert_array_equal(
            simulated.stack[frame], simulated.truth.noise_free(frame).astype(np.float32)
        )


def test_whole_shifts_move_the_content_by_whole_pixels():
    shifts = np.array([(0.0, 0.0), (3.0, -5.0)])
    stack = simulate_stack(shape=(60, 70), frames=2, drift=shifts, drift_walk=0, dose=np.inf).stack
    # Content of p is at p + shift; tails cut at 1e-6 of the peak.
    np.testing.assert_allclose(stack[1][3:, :-5], stack[0][:-3, 5:], atol=1e-5)


def test_counts_have_the_mean_and_variance_of_the_dose():
    flat = lattice(field=(200, 250), background=0.4).featureless()
    stack = simulate_stack(shape=(200, 250), frames=2, crystal=flat, dose=20.0).stack
    # 100,000 pixels: the mean is known to 0.1 %, the variance to 0.5 %.
    assert stack.mean() == pytest.approx(8.0, rel=0.01)
    assert stack.var() == pytest.approx(8.0, rel=0.03)
    assert abs(np.corrcoef(stack.reshape(2, -1))[0, 1]) < 0.03


def test_the_seed_decides():
    keywords = {"shape": (24, 25), "frames": 3}
    first, again, other = (simulate_stack(seed=s, **keywords).stack for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noise_of_a_frame_does_not_depend_on_the_others():
    shifts = np.zeros((4, 2))
    keywords = {"shape": (24, 25), "drift_walk": 0.0}
    short = simulate_stack(frames=2, drift=shifts[:2], **keywords).stack
    long = simulate_stack(frames=4, drift=shifts, **keywords).stack
    np.testing.assert_array_equal(short, long[:2])


def test_dose_and_jitter_leave_drift_and_specimen_alone():
    base, bright, shaky = (
        simulate_stack(shape=(32, 32), frames=4, **changes).truth
        for changes in ({}, {"dose": 100.0}, {"row_jitter": 0.3})
    )
    for other in (bright, shaky):
        np.testing.assert_array_equal(base.shifts, other.shifts)
        np.testing.assert_array_equal(base.crystal.heights, other.crystal.heights)


def test_a_detector_sets_the_type():
    detector = Detector(gain=100.0, offset=200.0, bit_depth=16, dtype=">u2")
    stack = simulate_stack(shape=(16, 16), frames=2, detector=detector).stack
    assert stack.dtype == np.dtype(">u2")
    assert stack.min() >= 200


def test_named_crystals_are_flawed_and_given_ones_are_taken_as_they_are():
    assert len(set(named_crystal("square").heights)) == 3
    perfect = lattice("square", field=(16, 16))
    assert simulate_stack(shape=(16, 16), frames=1, crystal=perfect).truth.crystal is perfect


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"crystal": "diamond"}, ValueError, "'perovskite'"),
        ({"crystal": 3}, TypeError, "crystal is a int"),
        ({"dose": -1.0}, ValueError, "dose is -1"),
        ({"dose": np.nan}, ValueError, "dose is nan"),
        ({"frames": 0}, ValueError, "frames is 0"),
        ({"shape": (10,)}, ValueError, "two whole numbers"),
        ({"drift": "sideways"}, ValueError, "'walk'"),
    ],
)
def test_bad_input_is_refused_with_the_reason(keywords, error, message):
    with pytest.raises(error, match=message):
        simulate_stack(**{"shape": (8, 8), "frames": 2, **keywords})
