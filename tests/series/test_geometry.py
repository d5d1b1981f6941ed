"""Scan geometry: directions, times, selection, storage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.series import ScanGeometry

TIMED = ScanGeometry(line_time=1e-3, frame_time=0.1, frame_gap=0.02)


def test_modes():
    assert ScanGeometry.rotations("none", 3) == (0, 0, 0)
    assert ScanGeometry.rotations("pairs", 3) == (0, 90, 0)
    assert ScanGeometry.rotations("set", 5) == (0, 90, 180, 270, 0)
    assert ScanGeometry.rotations(90, 2) == (90, 90)
    assert ScanGeometry.rotations([0, -90, 360], 3) == (0, 270, 0)


@pytest.mark.parametrize("mode", ["pair", [0, 90, 180], [math.nan, 0]])
def test_modes_refused(mode):
    with pytest.raises(ValueError, match=r"rotation"):
        ScanGeometry.rotations(mode, 5)


def test_directions_turn_from_x_to_y():
    geometry = ScanGeometry(rotation=(0, 90, 180, 270))
    assert [geometry.slow_axis(i) for i in range(5)] == [0, 1, 0, 1, 0]
    # (slow, fast): at 90 degrees lines run down and follow each other from right to left.
    assert [geometry.scan_direction(i) for i in range(4)] == [(1, 1), (-1, 1), (-1, -1), (1, -1)]


@given(st.sampled_from(["horizontal", "vertical"]), st.integers(0, 3), st.integers(1, 30))
@settings(deadline=None, max_examples=40)
def test_transposed_scan_visits_the_transposed_pixels(fast, turns, rows):
    geometry = ScanGeometry(fast_direction=fast, rotation=(90.0 * turns,), line_time=1.0)
    turned = geometry.transposed()
    assert turned.transposed() == geometry
    # The frame and its mirror image are scanned at the same times, along swapped axes.
    assert turned.slow_axis(0) == 1 - geometry.slow_axis(0)
    assert turned.scan_direction(0) == geometry.scan_direction(0)
    np.testing.assert_array_equal(turned.row_times(0, rows), geometry.row_times(0, rows))


def test_row_times():
    times = TIMED.row_times(2, 4)
    np.testing.assert_allclose(times, 2 * 0.12 + 1e-3 * np.arange(4), rtol=0, atol=1e-15)
    backwards = ScanGeometry(line_time=1e-3, rotation=(180,)).row_times(1, 4)
    np.testing.assert_allclose(backwards, 4e-3 + 1e-3 * np.arange(4)[::-1], rtol=0, atol=1e-15)


def test_row_times_need_the_line_time():
    with pytest.raises(ValueError, match=r"line_time="):
        ScanGeometry().row_times(0, 4)


def test_selected_and_reversed_frames_keep_their_times():
    chosen = ScanGeometry(rotation=(0, 90), line_time=1e-3, frame_time=0.1).select([5, 3, 2])
    assert chosen.rotation == (90, 90, 0)
    assert chosen.frame_numbers == (5, 3, 2)
    assert chosen.select([2, 0]).frame_numbers == (2, 5)
    # Frame 1 is recorded frame 3, scanned at 90 degrees from right to left.
    assert chosen.row_times(1, 10)[-1] == pytest.approx(0.3)
    with pytest.raises(ValueError, match=r"3 frames"):
        chosen.select([3])
    with pytest.raises(ValueError, match=r"frame 3"):
        chosen.row_times(3, 10)


def test_for_frames():
    assert ScanGeometry(rotation=(0, 90, 180, 270)).for_frames(2).rotation == (0, 90)
    assert ScanGeometry(rotation=(0, 90)).for_frames(5).rotation == (0, 90, 0, 90, 0)
    with pytest.raises(ValueError, match=r"describes 3 frames, the series has 2"):
        ScanGeometry(rotation=(0, 90, 0)).for_frames(2)
    with pytest.raises(ValueError, match=r"describes 2 frames, the series has 3"):
        TIMED.select([1, 2]).for_frames(3)


def test_completed_uses_the_pixels_of_a_line():
    known = ScanGeometry(dwell_time=1e-5, flyback_time=4e-4)
    done = known.completed((30, 100))
    assert done.line_time == pytest.approx(1.4e-3)
    assert done.frame_time == pytest.approx(30 * 1.4e-3)
    vertical = ScanGeometry(dwell_time=1e-5, flyback_time=4e-4, fast_direction="vertical")
    assert vertical.completed((30, 100)).line_time == pytest.approx(7e-4)
    # What is known is not overwritten, what does not follow stays unknown.
    assert TIMED.completed((30, 100)) == TIMED
    assert ScanGeometry(dwell_time=1e-5).completed((30, 100)).line_time is None


def test_resampled_keeps_the_time_of_a_frame():
    raw = ScanGeometry(dwell_time=1e-5, flyback_time=4e-4).completed((30, 100))
    coarse = raw.resampled(0.5)
    assert coarse.line_time * 15 == pytest.approx(raw.line_time * 30)
    assert coarse.dwell_time * 50 + coarse.flyback_time == pytest.approx(coarse.line_time)
    with pytest.raises(ValueError, match=r"factor"):
        raw.resampled(0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fast_direction": "diagonal"}, "horizontal"),
        ({"line_time": -1}, "line_time=-1"),
        ({"line_time": 0}, "line_time=0"),
        ({"dwell_time": math.nan}, "dwell_time=nan"),
        ({"flyback_time": "fast"}, "flyback_time='fast'"),
        ({"rotation": (0, math.inf)}, "rotation holds inf at frame 1"),
        ({"rotation": ()}, "rotation is empty"),
        ({"rotation": 90}, "sequence"),
        ({"frame_numbers": (-1,)}, "count from 0"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ScanGeometry(**arguments)


def test_oblique_scans_have_no_slow_axis():
    oblique = ScanGeometry(rotation=(0, 30))
    assert oblique.slow_axis(0) == 0
    with pytest.raises(ValueError, match=r"frame 1 was scanned at 30 degrees"):
        oblique.slow_axis(1)


times = st.none() | st.floats(1e-9, 1e4)


@given(
    st.builds(
        ScanGeometry,
        fast_direction=st.sampled_from(["horizontal", "vertical"]),
        rotation=st.lists(st.floats(-720, 720), min_size=1, max_size=5).map(tuple),
        line_time=times,
        dwell_time=times,
        flyback_time=times,
        frame_time=times,
        frame_gap=times,
        source=st.text(max_size=5),
        instrument_rotation=st.lists(st.floats(0, 359), max_size=3).map(tuple),
        frame_numbers=st.lists(st.integers(0, 1000), max_size=4).map(tuple),
    )
)
@settings(deadline=None, max_examples=60)
def test_dictionary_round_trip(geometry):
    content = geometry.to_dict()
    assert all(type(value) in (str, float, list) for value in content.values())
    assert ScanGeometry.from_dict(content) == geometry


def test_dictionary_as_files_hand_it_back():
    dask_array = pytest.importorskip("dask.array")
    geometry = ScanGeometry.from_dict(
        {
            "rotation": dask_array.from_array(np.array([0.0, 90.0])),
            "frame_numbers": (1.0, 3.0),
            "line_time": np.float64(0.5),
            "fast_direction": np.str_("vertical"),
        }
    )
    expected = ScanGeometry("vertical", (0, 90), 0.5, frame_numbers=(1, 3))
    assert geometry == expected
    with pytest.raises(ValueError, match=r"\['wobble'\]"):
        ScanGeometry.from_dict({"wobble": 1})
