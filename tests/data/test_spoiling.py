from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_stack, spoil
from hyperspy_smartalign.data.spoiling import SPOILT_KINDS


@pytest.fixture(scope="module")
def stack() -> np.ndarray:
    frames = simulate_stack(shape=(48, 37), frames=4, dose=50.0).stack
    frames.setflags(write=False)
    return frames


@pytest.mark.parametrize("kind", SPOILT_KINDS)
@pytest.mark.parametrize("dtype", ["f4", "u2", ">i4"])
def test_only_the_frame_named_is_spoilt(stack, kind, dtype):
    given = stack.astype(dtype)
    result = spoil(given, kind=kind, frame=-2)
    assert result.dtype == given.dtype
    assert not np.array_equal(result[2], given[2])
    for kept in (0, 1, 3):
        np.testing.assert_array_equal(result[kept], given[kept])
    np.testing.assert_array_equal(given, stack)


def test_blank(stack):
    assert np.ptp(spoil(stack, kind="blank", frame=1)[1]) == 0


def test_jump_moves_the_lower_half(stack):
    spoilt = spoil(stack, kind="jump", frame=1)[1]
    np.testing.assert_array_equal(spoilt[:24], stack[1, :24])
    np.testing.assert_array_equal(spoilt[24:, 12:], stack[1, 24:, :-12])


def test_blur_takes_the_contrast_and_keeps_the_mean(stack):
    spoilt = spoil(stack, kind="blur", frame=1)[1]
    assert spoilt.std() < 0.5 * stack[1].std()
    assert spoilt.mean() == pytest.approx(stack[1].mean(), rel=0.05)


def test_saturation_clips_at_the_highest_level(stack):
    spoilt = spoil(stack, kind="saturated", frame=1)[1]
    assert spoilt.max() == stack.max()
    assert (spoilt == stack.max()).mean() > 0.1


def test_several_frames(stack):
    spoilt = spoil(stack, kind="blank", frame=[0, 3])
    assert [np.ptp(frame) == 0 for frame in spoilt] == [True, False, False, True]


def test_bad_input_is_refused(stack):
    with pytest.raises(ValueError, match="'blank', 'jump'"):
        spoil(stack, kind="late")
    with pytest.raises(ValueError, match=r"shape \(48, 37\)"):
        spoil(stack[0])
    with pytest.raises(IndexError, match="stack of 4 frames"):
        spoil(stack, frame=4)
