"""What all frames have in common goes where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.nonrigid.gauge import anchor, common_part, undetermined
from hyperspy_smartalign.nonrigid.lines import LinePath

LINES = 64
ALL = np.ones(8, bool)


def still(axis: int = 0, shift=(0.0, 0.0)) -> LinePath:
    return LinePath(
        np.tile(np.asarray(shift, float), (LINES, 1)), np.zeros((LINES, 2)), LINES, axis
    )


def wave(periods: float = 3.0, size: float = 0.2) -> np.ndarray:
    """(lines, 2) offsets of mean zero, without a slope worth speaking of."""
    phase = 2 * np.pi * periods * np.arange(LINES) / LINES
    return size * np.stack([0.3 * np.sin(phase), np.cos(phase)], axis=1)


def plus(path: LinePath, offsets, slopes=0.0) -> LinePath:
    return LinePath(path.offsets + offsets, path.slopes + slopes, path.length, path.axis)


def jitter(seed: int) -> np.ndarray:
    """Offsets of one frame alone, smooth over 8 lines."""
    white = np.random.default_rng(seed).normal(size=(LINES + 32, 2))
    kernel = np.exp(-(np.arange(-16, 17) ** 2) / 32)
    smooth = np.stack([np.convolve(white[:, c], kernel, "valid") for c in (0, 1)], axis=1)
    return 0.2 * smooth / smooth.std()


def means(paths) -> np.ndarray:
    return np.array([path.image_order(path.mean) for path in paths])


def test_common_part_is_the_mean_where_lines_belong():
    paths = [plus(still(shift=(2.0 * i, 0.0)), 0.0) for i in range(4)]
    # The same wobble of the common frame, seen by frames that are shifted by 2 lines each.
    place = [np.arange(LINES) - path.offsets[:, 0] for path in paths]
    values = [np.stack([np.sin(0.2 * at), np.cos(0.2 * at)], axis=1) for at in place]
    rows, part = common_part(paths, values)
    true = np.stack([np.sin(0.2 * rows), np.cos(0.2 * rows)], axis=1)
    # Up to a constant, as frames that see different rows have means of their own.
    np.testing.assert_allclose(part - part.mean(0), true - true.mean(0), atol=1e-2)
    # Rows that fewer than half of the frames have seen are left out: from -6 to 63 there are 70.
    assert rows[0] == -4
    assert rows[-1] == LINES - 1 - 2


def test_one_direction_keeps_no_common_wobble():
    before = [still() for _ in range(8)]
    own = [jitter(i) for i in range(8)]
    after = [plus(path, wave() + each) for path, each in zip(before, own, strict=True)]
    found = anchor(before, after, ALL, rates=None, model="scan_locked")
    _, part = common_part(found, [path.offsets - path.mean for path in found])
    # Lines lie between whole rows of the common frame, by which the wave is a little smoothed.
    assert np.abs(part[2:-2]).max() < 0.02
    # What differs between frames stays, but that their lines lie up to 0.5 px apart.
    mean = np.mean([each - each.mean(0) for each in own], axis=0)
    for path, each in zip(found, own, strict=True):
        left = path.offsets - path.mean - (each - each.mean(0) - mean)
        assert np.abs(left[4:-4]).max() < 0.08


def test_the_mean_displacement_of_all_frames_stays():
    before = [still(shift=(0.3 * i, -0.2 * i)) for i in range(8)]
    for model in ("affine", "scan_locked", "row_fitting"):
        after = [plus(path, wave() + jitter(i) + [5.0, -3.0]) for i, path in enumerate(before)]
        found = anchor(before, after, ALL, rates=None, model=model)
        np.testing.assert_allclose(means(found).mean(0), means(before).mean(0), atol=1e-9)


def test_rates_give_the_mean_drift():
    before = [still() for _ in range(8)]
    after = [plus(path, wave()) for path in before]
    rates = np.tile([0.004, -0.002], (8, 1))
    found = anchor(before, after, ALL, rates=rates, model="scan_locked")
    place = np.arange(LINES) - (LINES - 1) / 2
    for path in found:
        slope = place @ (path.offsets - path.mean) / (place @ place)
        np.testing.assert_allclose(slope, [0.004, -0.002], atol=3e-4)
        straight = path.offsets - path.mean - place[:, None] * slope
        assert np.abs(straight[2:-2]).max() < 0.02


def test_rates_of_columns_are_turned():
    before = [still(axis=1) for _ in range(4)]
    rates = np.tile([0.004, -0.002], (4, 1))
    found = anchor(before, before, ALL[:4], rates=rates, model="scan_locked")
    place = np.arange(LINES) - (LINES - 1) / 2
    slope = place @ (found[0].offsets - found[0].mean) / (place @ place)
    np.testing.assert_allclose(slope, [-0.002, 0.004], atol=1e-5)


def test_frames_without_a_vote_follow():
    """A frame of no weight does not make the mean, but shares its frame of reference."""
    before = [still() for _ in range(8)]
    used = ALL.copy()
    used[3] = False
    after = [plus(path, wave()) for path in before]
    after[3] = plus(before[3], wave() + jitter(3))
    found = anchor(before, after, used, rates=None, model="scan_locked")
    left = found[3].offsets - found[3].mean - (jitter(3) - jitter(3).mean(0))
    assert np.abs(left[4:-4]).max() < 0.05


def test_common_slope_along_the_lines_is_taken_off():
    before = [still() for _ in range(8)]
    each = np.random.default_rng(1).normal(size=(8, 2)) * 0.002
    after = [
        plus(path, 0.0, np.array([0.01, -0.005]) + slope)
        for path, slope in zip(before, each, strict=True)
    ]
    found = anchor(before, after, ALL, rates=None, model="row_fitting")
    slopes = np.array([path.slopes.mean(0) for path in found])
    np.testing.assert_allclose(slopes, each - each.mean(0), atol=1e-12)


def test_common_slope_of_rows_is_a_drift_of_columns():
    """Taken off rows as a distortion of the common frame, it is taken off columns too."""
    before = [still(axis=i % 2) for i in range(8)]
    slope = np.array([0.01, -0.004])
    after = [plus(path, 0.0, slope if path.axis == 0 else 0.0) for path in before]
    found = anchor(before, after, ALL, rates=None, model="row_fitting")
    place = np.arange(LINES) - (LINES - 1) / 2
    for path in found:
        np.testing.assert_allclose(path.slopes, 0, atol=1e-12)
        drift = place @ (path.offsets - path.mean) / (place @ place)
        # Rows: d(slow, fast) / d(fast) = slope. Columns: their slow axis is the rows' fast one.
        expected = [0.0, 0.0] if path.axis == 0 else -slope[::-1]
        np.testing.assert_allclose(drift, expected, atol=1e-9)


def test_several_directions_move_common_parts_further():
    """Half the frames share their error with the mean that they make half of."""
    before = [still(axis=i % 2) for i in range(8)]
    after = [plus(path, wave() if path.axis == 0 else 0.0) for path in before]
    found = anchor(before, after, ALL, rates=None, model="scan_locked")
    rows = [path.offsets for path in found if path.axis == 0]
    factor = (rows[0] * wave()).sum() / (wave() ** 2).sum()
    # With 3 of 7 others in the same group, the data ask for 7 / 4, the prior for 1.
    assert 1.1 < factor < 7 / 4
    for offsets in rows:
        assert np.abs(offsets - factor * wave())[3:-3].max() < 0.02
    for path in found:
        if path.axis == 1:
            assert np.abs(path.offsets).max() < 0.02


def test_single_frames_of_a_direction_are_not_overdone():
    """A frame alone in its direction is compared with others only: its step is right as it is."""
    before = [still(axis=0), still(axis=1)]
    after = [plus(before[0], wave()), before[1]]
    found = anchor(before, after, ALL[:2], rates=None, model="scan_locked")
    np.testing.assert_allclose(found[0].offsets - found[0].mean, wave(), atol=1e-9)


def test_inputs_are_left_alone():
    before = [still() for _ in range(3)]
    after = [plus(path, wave()) for path in before]
    copies = [path.offsets.copy() for path in after]
    anchor(before, after, ALL[:3], rates=None, model="row_fitting")
    for path, copy in zip(after, copies, strict=True):
        np.testing.assert_array_equal(path.offsets, copy)


@pytest.mark.parametrize(
    ("axes", "rates", "words", "absent"),
    [
        ((0, 1), None, "Only a shift", "drift"),
        ((0, 0), None, "0 and 90 degrees", "follows"),
        ((1, 1), np.zeros((2, 2)), "follows from the drift between frames", "shear"),
    ],
)
def test_what_is_undetermined_is_said(axes, rates, words, absent):
    said = undetermined([still(axis=axis) for axis in axes], rates)
    assert words in said
    assert absent not in said
