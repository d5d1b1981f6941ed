"""Drift in the right units, with its errors and its doubts."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.plotting import plot_drift
from hyperspy_smartalign.plotting.drift import DriftPath, rate_words
from hyperspy_smartalign.series import ScanGeometry
from hyperspy_smartalign.transforms import Alignment

pytestmark = pytest.mark.filterwarnings("error")


def labelled(ax) -> dict:
    return {line.get_label().lstrip("_"): line for line in ax.lines}


def test_the_path_is_the_shifts_in_physical_units(make_alignment) -> None:
    alignment = make_alignment(frame_scale=(0.2, -0.2), frame_units=("nm", "nm"))
    path, y, x = plot_drift(alignment)
    expected = 0.2 * alignment.shifts
    np.testing.assert_allclose(path.collections[-1].get_offsets(), expected[:, ::-1])
    np.testing.assert_array_equal(path.collections[-1].get_array(), np.arange(7))
    np.testing.assert_allclose(y.lines[0].get_ydata(), expected[:, 0])
    np.testing.assert_allclose(x.lines[0].get_ydata(), expected[:, 1])
    np.testing.assert_array_equal(x.lines[0].get_xdata(), np.arange(7))
    assert (y.get_ylabel(), x.get_ylabel(), x.get_xlabel()) == ("y (nm)", "x (nm)", "frame")
    # As in an image, y grows downwards.
    assert path.yaxis_inverted()
    assert path.get_aspect() == 1


def test_times_are_those_of_the_scan(make_alignment) -> None:
    scan = ScanGeometry(frame_time=2.0, frame_gap=0.5, frame_numbers=(0, 1, 2, 4, 5, 6, 9))
    path = DriftPath.of(make_alignment(scan=scan))
    np.testing.assert_allclose(path.times, 2.5 * np.array([0, 1, 2, 4, 5, 6, 9]))
    assert path.time_label == "time (s)"
    assert DriftPath.of(make_alignment(scan=ScanGeometry(frame_time=120.0))).time_units == "min"
    assert DriftPath.of(make_alignment(scan=ScanGeometry(line_time=0.1))).time_label == "frame"


def test_the_rate_is_in_the_legend() -> None:
    shifts = np.stack([np.arange(10) * 0.5, np.zeros(10)], axis=1)
    alignment = Alignment.from_shifts(
        shifts,
        frame_shape=(32, 32),
        frame_scale=(0.02, 0.02),
        frame_units=("nm", "nm"),
        scan=ScanGeometry(frame_time=2.0),
    )
    _, y, x = plot_drift(alignment)
    # 0.5 px of 20 pm every 2 s.
    assert y.get_legend().get_texts()[0].get_text().startswith("rate 5")
    assert y.get_legend().get_texts()[0].get_text().endswith("pm/s")
    assert x.get_legend().get_texts()[0].get_text() == "rate 0 pm/s"
    line = labelled(y)[y.get_legend().get_texts()[0].get_text()]
    np.testing.assert_allclose(np.ptp(line.get_ydata()) / np.ptp(line.get_xdata()), 5.0)


def test_error_bars_are_the_precision(make_alignment) -> None:
    precision = np.tile([0.1, 0.3], (7, 1))
    precision[2] = np.nan
    alignment = make_alignment(precision=precision)
    path, y, x = plot_drift(alignment)
    across, along = path.collections[:2]
    cases = (
        (across, 0, 0.3),
        (along, 1, 0.1),
        (y.collections[0], 1, 0.1),
        (x.collections[0], 1, 0.3),
    )
    for bars, axis, error in cases:
        # A bar that is not known is a segment without points.
        ends = [segment for segment in bars.get_segments() if len(segment)]
        np.testing.assert_allclose(np.ptp(ends, axis=1)[:, axis], 2 * error)
        assert len(ends) == 6
    without = plot_drift(make_alignment())
    assert not without[1].collections


def test_excluded_and_doubtful_frames_are_marked(make_alignment) -> None:
    margin = np.array([9.0, 2.9, 3.0, np.nan, -1.0, 9.0, 9.0])
    excluded = np.arange(7) == 4
    alignment = make_alignment(hop_margin=margin, excluded=excluded)
    axes = plot_drift(alignment)
    for ax in axes:
        marks = labelled(ax)
        assert len(marks["excluded"].get_xdata()) == 1
        assert len(marks["may have hopped"].get_xdata()) == 1
    np.testing.assert_allclose(
        labelled(axes[1])["excluded"].get_xydata(), [[4, alignment.shifts[4, 0]]]
    )
    np.testing.assert_allclose(
        labelled(axes[0])["may have hopped"].get_xydata(), [alignment.shifts[1, ::-1]]
    )
    assert len(axes[0].collections[-1].get_offsets()) == 6
    words = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert words == ["excluded", "may have hopped"]


def test_excluded_frames_do_not_bear_on_the_rate() -> None:
    shifts = np.arange(12.0)[:, None] * [1.0, 1.0]
    shifts[5] = 100.0
    excluded = np.arange(12) == 5
    alignment = Alignment.from_shifts(shifts, frame_shape=(32, 32), excluded=excluded)
    assert rate_words(DriftPath.of(alignment), 0).startswith("1")


def test_units_may_differ(make_alignment) -> None:
    path = DriftPath.of(make_alignment(frame_scale=(0.1, 3.0), frame_units=("nm", "px")))
    assert path.units == ("nm", "px")
    np.testing.assert_allclose(path.positions[:, 1], make_alignment().shifts[:, 1])
    (ax, *_) = plot_drift(make_alignment(frame_units=("nm", "px")))
    assert ax.get_aspect() == "auto"


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_few_and_many_frames(make_alignment, n) -> None:
    shifts = make_alignment(n).shifts % 3
    axes = plot_drift(Alignment.from_shifts(shifts, frame_shape=(48, 64)))
    assert (axes[1].get_legend() is None) == (n == 1)


def test_one_frame_left_has_no_rate(make_alignment) -> None:
    alignment = make_alignment(excluded=np.arange(7) > 0)
    assert rate_words(DriftPath.of(alignment), 1) == ""
    assert plot_drift(alignment)[1].get_legend() is None


def test_given_axes_are_used(make_alignment) -> None:
    _, given = plt.subplots(1, 3)
    np.testing.assert_array_equal(plot_drift(make_alignment(), axes=given), given)
    assert given[1].get_xlabel() == "frame"
    with pytest.raises(ValueError, match="3 are needed"):
        plot_drift(make_alignment(), axes=given[:2])
    fig = plt.figure()
    assert all(ax.figure is fig for ax in plot_drift(make_alignment(), fig=fig))
