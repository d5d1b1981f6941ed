from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.data.path import SCAN_DIRECTIONS, ProbePath
from hyperspy_smartalign.data.scan import probe_path, row_covariance


def test_linear_drift_is_centred_on_the_series():
    path = probe_path(5, (8, 9), drift=(0.5, -1.0))
    np.testing.assert_allclose(path.shifts[:, 0], [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(path.shifts[:, 1], [2, 1, 0, -1, -2])


def test_explicit_shifts_are_used_as_they_are():
    shifts = np.array([(1.0, 2.0), (-4.0, 0.25), (7.0, 0.0)])
    path = probe_path(3, (11, 13), drift=shifts, row_jitter=0.7, in_frame_drift=True, seed=4)
    np.testing.assert_array_equal(path.shifts, shifts)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_shift_is_the_mean_displacement_over_the_frame(rotation):
    path = probe_path(
        3, (23, 31), drift=(1.5, -2.0), row_jitter=0.5, in_frame_drift=True, scan_rotation=rotation
    )
    for frame in range(3):
        mean = path.frame_displacement(frame).mean(axis=(1, 2))
        np.testing.assert_allclose(mean, path.shifts[frame], atol=1e-12)


def test_signs_content_is_found_at_p_plus_shift():
    path = probe_path(1, (6, 7), drift=np.array([(2.0, -3.0)]))
    p = path.probe_positions(0)
    # Frame pixel q = (4, 1) shows what is at p = q - shift of the common frame.
    np.testing.assert_array_equal(p[:, 4, 1], [2.0, 4.0])
    np.testing.assert_array_equal(path.displacement(0)[:, 2, 4], [2.0, -3.0])


def test_walk_has_the_steps_asked_for():
    path = probe_path(4000, (1, 1), drift="walk", drift_walk=0.3, seed=1)
    steps = np.diff(path.shifts, axis=0)
    # The standard error of an rms over 4,000 steps is 1.1 %.
    np.testing.assert_allclose(np.sqrt(np.mean(steps**2, axis=0)), 0.3, rtol=0.05)
    np.testing.assert_allclose(path.shifts.mean(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize(
    ("process", "at_six_lines"), [("gaussian", np.exp(-0.5)), ("exponential", np.exp(-1.0))]
)
def test_row_jitter_has_the_rms_and_correlation_asked_for(process, at_six_lines):
    path = probe_path(
        60, (1021, 2), row_jitter=0.5, row_correlation=6.0, row_process=process, seed=3
    )
    rows = path.row_offsets
    # 60 frames of about 1021 / 15 independent values: rms known to 1.2 %, and the mean taken
    # off each frame removes another 1 %.
    rms = np.sqrt(np.mean(rows**2, axis=(0, 1)))
    np.testing.assert_allclose(rms, 0.5, rtol=0.05)
    correlation = np.mean(rows[:, 6:] * rows[:, :-6], axis=(0, 1)) / rms**2
    np.testing.assert_allclose(correlation, at_six_lines, atol=0.04)
    covariance = row_covariance(20, rms=0.5, correlation=6.0, process=process)
    assert covariance[3, 3] == pytest.approx(0.25)
    assert covariance[4, 10] == pytest.approx(0.25 * at_six_lines)


def test_y_and_x_jitter_are_independent_and_so_are_frames():
    rows = probe_path(2, (4001, 2), row_jitter=1.0, row_correlation=2.0).row_offsets
    flat = rows.transpose(0, 2, 1).reshape(4, -1)
    off_diagonal = np.corrcoef(flat)[~np.eye(4, dtype=bool)]
    assert np.abs(off_diagonal).max() < 0.15


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_row_jitter_is_the_same_along_a_scan_line(rotation):
    path = probe_path(2, (17, 29), row_jitter=0.8, scan_rotation=rotation)
    displacement = path.frame_displacement(1)
    along = 2 if rotation in (0, 180) else 1
    np.testing.assert_allclose(np.ptp(displacement, axis=along), 0, atol=1e-12)
    assert np.ptp(displacement, axis=3 - along).min() > 0.1
    lines = displacement[:, :, 0] if along == 2 else displacement[:, 0, :]
    np.testing.assert_allclose(lines.T - path.shifts[1], path.row_offsets[1], atol=1e-12)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("gap", [0.0, 2e-3])
def test_drift_follows_scan_time_from_pixel_to_pixel_and_frame_to_frame(rotation, gap):
    path = probe_path(
        4,
        (13, 19),
        drift=(0.6, -0.8),
        in_frame_drift=True,
        scan_rotation=rotation,
        dwell_time=2e-6,
        flyback_time=1e-5,
        frame_gap=gap,
    )
    # Time of every pixel, from the scan geometry that an alignment reads.
    geometry = path.geometry
    slow_axis = geometry.slow_axis(0)
    lines, length = path.shape if slow_axis == 0 else path.shape[::-1]
    pixel = np.arange(length)[:: geometry.scan_direction(0)[1]] * path.dwell_time
    times = np.stack(
        [geometry.row_times(frame, lines)[:, np.newaxis] + pixel for frame in range(4)]
    )
    if slow_axis == 1:
        times = times.transpose(0, 2, 1)
    period = path.frame_time + gap
    expected = np.array([0.6, -0.8])[:, None, None, None] * (times - times.mean()) / period
    found = np.stack([path.frame_displacement(frame) for frame in range(4)], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("angle", sorted(SCAN_DIRECTIONS))
def test_scan_directions_are_those_of_the_scan_geometry(angle):
    geometry = probe_path(1, (4, 5), scan_rotation=angle).geometry
    slow_axis, slow, fast = SCAN_DIRECTIONS[angle]
    assert geometry.slow_axis(0) == slow_axis
    assert geometry.scan_direction(0) == (slow, fast)


@pytest.mark.parametrize(
    ("given_rotation", "expected"),
    [
        ("none", (0, 0, 0, 0)),
        ("pairs", (0, 90, 0, 90)),
        ("set", (0, 90, 180, 270)),
        (-90, (270,) * 4),
        ([0, 180], (0, 180, 0, 180)),
        ([0, 90, 360, 450], (0, 90, 0, 90)),
    ],
)
def test_scan_rotation_words_numbers_and_lists(given_rotation, expected):
    assert probe_path(4, (5, 5), scan_rotation=given_rotation).rotation == expected


def test_frames_with_fewer_lines_are_padded_with_nan():
    path = probe_path(2, (9, 5), row_jitter=0.5, scan_rotation="pairs")
    assert path.row_offsets.shape == (2, 9, 2)
    assert np.isfinite(path.row_offsets[0]).all()
    assert np.isfinite(path.row_offsets[1, :5]).all()
    assert np.isnan(path.row_offsets[1, 5:]).all()
    assert np.isfinite(path.frame_displacement(1)).all()


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(2, 23), st.integers(2, 23)),
    rotation=st.sampled_from([0, 90, 180, 270]),
    jitter=st.floats(0, 0.15),
    drifting=st.booleans(),
    seed=st.integers(0, 99),
)
def test_displacement_on_common_pixels_agrees_with_that_on_frame_pixels(
    shape, rotation, jitter, drifting, seed
):
    path = probe_path(
        2,
        shape,
        drift=(0.4, -0.3),
        row_jitter=jitter,
        in_frame_drift=drifting,
        scan_rotation=rotation,
        seed=seed,
    )
    d = path.displacement(1)
    assert d.shape == (2, *shape)
    # e is known on the frame's pixels and linear in between: at q = p + d(p) it must be d(p).
    e = path.frame_displacement(1)
    q = np.indices(shape) + d
    inside = np.all([(q[a] >= 0) & (q[a] <= shape[a] - 1) for a in (0, 1)], axis=0)
    for axis in (0, 1):
        np.testing.assert_allclose(bilinear(e[axis], q)[inside], d[axis][inside], atol=1e-6)


def bilinear(image: np.ndarray, q: np.ndarray) -> np.ndarray:
    limits = [np.clip(np.floor(q[a]).astype(int), 0, image.shape[a] - 2) for a in (0, 1)]
    y, x = limits
    fy, fx = q[0] - y, q[1] - x
    top = image[y, x] * (1 - fx) + image[y, x + 1] * fx
    bottom = image[y + 1, x] * (1 - fx) + image[y + 1, x + 1] * fx
    return top * (1 - fy) + bottom * fy


def test_reach_bounds_every_displacement():
    path = probe_path(6, (31, 17), drift=(3.0, 1.0), row_jitter=2.0, in_frame_drift=True)
    largest = max(np.abs(path.frame_displacement(i)).max() for i in range(6))
    assert largest <= path.reach <= 1.5 * largest


def test_times():
    path = probe_path(2, (10, 20), dwell_time=2e-6, flyback_time=1e-5, frame_gap=1e-3)
    assert path.line_time == pytest.approx(5e-5)
    assert path.frame_time == pytest.approx(5e-4)


def test_the_seed_decides_and_jitter_leaves_the_drift_alone():
    keywords = {"drift_walk": 0.5, "drift": (0.0, 0.0)}
    still = probe_path(5, (9, 9), seed=7, **keywords)
    shaky = probe_path(5, (9, 9), seed=7, row_jitter=0.4, **keywords)
    other = probe_path(5, (9, 9), seed=8, row_jitter=0.4, **keywords)
    np.testing.assert_array_equal(still.shifts, shaky.shifts)
    assert not np.array_equal(other.shifts, shaky.shifts)
    assert not np.array_equal(other.row_offsets, shaky.row_offsets)
    again = probe_path(5, (9, 9), seed=7, row_jitter=0.4, **keywords)
    np.testing.assert_array_equal(again.row_offsets, shaky.row_offsets)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
def test_smallest_frames(shape):
    path = probe_path(1, shape, drift=(1.0, 1.0), row_jitter=0.5, in_frame_drift=True)
    assert path.displacement(0).shape == path.probe_positions(0).shape == (2, *shape)
    assert np.isfinite(path.displacement(0)).all()


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"frames": 0}, "frames is 0"),
        ({"shape": (0, 4)}, "1 or more"),
        ({"shape": (4.5, 4)}, "two whole numbers"),
        ({"drift": (1.0, 2.0, 3.0)}, r"shape \(3,\)"),
        ({"drift": np.zeros((4, 2))}, r"\(4, 2\) for 3 frames"),
        ({"drift": (np.nan, 0.0)}, "finite"),
        ({"drift": "walk"}, "drift_walk is 0"),
        ({"drift": "linear"}, "'walk'"),
        ({"drift_walk": -1.0}, "drift_walk is -1"),
        ({"row_jitter": -0.1}, "row_jitter is -0.1"),
        ({"row_correlation": 0.0}, "row_correlation is 0"),
        ({"row_process": "white"}, "'exponential', 'gaussian'"),
        ({"scan_rotation": 45.0}, "multiples of 90"),
        ({"scan_rotation": "triples"}, "'pairs'"),
        ({"scan_rotation": [0, 90, 180, 270, 0]}, "5 scan rotations for 3 frames"),
        ({"dwell_time": 0.0}, "dwell_time is 0"),
        ({"flyback_time": -1.0}, "flyback_time is -1"),
        ({"frame_gap": float("inf")}, "frame_gap is inf"),
    ],
)
def test_bad_paths_are_refused_with_the_reason(keywords, message):
    with pytest.raises(ValueError, match=message):
        probe_path(**{"frames": 3, "shape": (8, 8), **keywords})


def test_frames_must_be_a_whole_number():
    with pytest.raises(TypeError, match="whole number"):
        probe_path(2.5, (8, 8))


def test_a_frame_that_is_not_there_is_named():
    path = probe_path(2, (8, 8))
    for ask in (path.probe_positions, path.displacement, path.frame_displacement):
        with pytest.raises(IndexError, match="frame 2 is not in a path of 2 frames"):
            ask(2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"row_offsets": np.zeros((2, 5, 2))}, r"give \(2, 4, 2\)"),
        ({"row_offsets": np.full((2, 4, 2), np.nan)}, "frame 0 holds NaN"),
        ({"rotation": (0,)}, "1 angles and shifts 2 rows"),
        ({"line_slopes": np.zeros((1, 2))}, "line_slopes"),
    ],
)
def test_a_hand_made_path_must_fit_together(changes, message):
    parts = {
        "shape": (4, 6),
        "shifts": np.zeros((2, 2)),
        "row_offsets": np.zeros((2, 4, 2)),
        "line_slopes": np.zeros((2, 2)),
        "rotation": (0, 180),
    }
    assert isinstance(ProbePath(**parts), ProbePath)
    with pytest.raises(ValueError, match=message):
        ProbePath(**{**parts, **changes})
