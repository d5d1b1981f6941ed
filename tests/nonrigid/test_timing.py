"""The drift between frames and the times of the lines tell the drift within them."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_stack
from hyperspy_smartalign.nonrigid.timing import drift_rates
from hyperspy_smartalign.series.geometry import ScanGeometry

SHAPE = (40, 60)
TIMED = ScanGeometry(line_time=1e-3, frame_gap=0.02)


def steady(n: int, velocity, seconds: float) -> np.ndarray:
    return np.arange(n)[:, None] * np.asarray(velocity) * seconds


def test_steady_drift():
    # 40 lines of 1 ms and a gap of 20 ms: 60 ms a frame. 3 and -1 px a second.
    shifts = steady(5, (3.0, -1.0), 0.06)
    found = drift_rates(TIMED, shifts, SHAPE)
    np.testing.assert_allclose(found, np.tile([3e-3, -1e-3], (5, 1)), rtol=1e-9)


def test_drift_that_changes_has_rates_of_its_neighbours():
    shifts = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [6.0, 0.0]])
    found = drift_rates(TIMED, shifts, SHAPE)[:, 0] * 60
    np.testing.assert_allclose(found, [1.0, 1.5, 2.5, 3.0])


def test_columns_scanned_backwards_go_the_other_way():
    """At 90 degrees the first line is on the right: rates are per line of the array."""
    scan = ScanGeometry(line_time=1e-3, rotation=(0.0, 90.0), frame_time=0.06)
    found = drift_rates(scan, steady(4, (3.0, -1.0), 0.06), SHAPE)
    # Middles lie 30 ms + a line's share apart, not 60: within a few percent of 3 px a second.
    np.testing.assert_allclose(found[0], [3e-3, -1e-3], rtol=0.2)
    np.testing.assert_allclose(found[1], [-3e-3, 1e-3], rtol=0.2)


def test_rates_are_those_of_a_simulated_scan():
    truth = simulate_stack(
        shape=SHAPE, frames=5, dose=5, drift=(0.6, -0.8), drift_walk=0, in_frame_drift=True
    ).truth
    found = drift_rates(truth.path.geometry, truth.shifts, SHAPE)
    place = np.arange(40) - 19.5
    for frame in range(5):
        slope = place @ truth.row_offsets[frame] / (place @ place)
        np.testing.assert_allclose(found[frame], slope, rtol=0.02)


def test_frames_out_of_order_in_time():
    scan = ScanGeometry(line_time=1e-3, frame_gap=0.02, frame_numbers=(2, 1, 0))
    shifts = steady(3, (3.0, -1.0), 0.06)[::-1]
    np.testing.assert_allclose(drift_rates(scan, shifts, SHAPE), np.tile([3e-3, -1e-3], (3, 1)))


@pytest.mark.parametrize(
    ("scan", "n"), [(None, 4), (ScanGeometry(), 4), (TIMED, 1)], ids=["none", "no times", "one"]
)
def test_unknown_without_times(scan, n):
    assert drift_rates(scan, np.zeros((n, 2)), SHAPE) is None


def test_unknown_where_frames_have_the_same_time():
    scan = ScanGeometry(line_time=1e-3, frame_numbers=(0, 0, 1))
    assert drift_rates(scan, np.zeros((3, 2)), SHAPE) is None
