"""Offsets of scan lines: the right value at the right time, for every scan direction."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from hyperspy_smartalign.data.recipes import scan_recipe
from hyperspy_smartalign.nonrigid.result import ScanPrior
from hyperspy_smartalign.plotting import plot_row_offsets
from hyperspy_smartalign.plotting.lines import LinesInTime
from hyperspy_smartalign.plotting.style import BLUE, VERMILION
from hyperspy_smartalign.series import ScanGeometry
from hyperspy_smartalign.transforms import (
    Affine,
    Alignment,
    Canvas,
    Field,
    ScanLine,
    Translation,
)

pytestmark = pytest.mark.filterwarnings("error")

SHAPE = (20, 30)


def wobble(lines: int, seed: int) -> np.ndarray:
    """Offsets (lines, 2) of less than half a line, so that no two lines change places."""
    return np.random.default_rng(seed).uniform(-0.2, 0.2, (lines, 2))


def make(n=3, *, axes=(0,), shift=0.0, **fields) -> Alignment:
    transforms = []
    for frame in range(n):
        axis = axes[frame % len(axes)]
        offsets = wobble(SHAPE[axis], frame) + shift * frame
        transforms.append(ScanLine(offsets, axis=axis, first_row=-shift * frame))
    return Alignment(tuple(transforms), (n,), SHAPE, Canvas.of_frame(SHAPE), **fields)


def curve(ax) -> np.ndarray:
    """Points (m, 2) of all drawn offsets in the order of time, without the gaps."""
    points = np.concatenate([line.get_xydata() for line in ax.lines if len(line.get_xdata()) > 2])
    points = points[np.isfinite(points).all(axis=1)]
    return points[np.argsort(points[:, 0], kind="stable")]


def test_lines_are_counted_on() -> None:
    alignment = make()
    y, x = plot_row_offsets(alignment)
    for component, ax in enumerate((y, x)):
        expected = np.concatenate(
            [t.offsets[:, component] - t.offsets[:, component].mean() for t in alignment.transforms]
        )
        points = curve(ax)
        np.testing.assert_allclose(points[:, 1], expected, atol=1e-12)
        # A line offset by a part of a line was scanned that much later.
        np.testing.assert_allclose(points[:, 0], np.arange(60), atol=0.21)
    assert x.get_xlabel() == "scan line, counted on"
    assert (y.get_ylabel(), x.get_ylabel()) == ("y offset (px)", "x offset (px)")
    assert y.get_xlim() == (0, 60)


def test_the_mean_shift_is_the_drift() -> None:
    alignment = make(shift=4.0)
    without = curve(plot_row_offsets(alignment)[0])
    drifting = curve(plot_row_offsets(alignment, mean_shift=True)[0])
    assert np.abs(without[:, 1]).max() < 0.5
    assert drifting[-1, 1] - drifting[0, 1] == pytest.approx(8, abs=0.5)


def test_times_are_those_of_the_scan() -> None:
    scan = ScanGeometry(line_time=1e-3, frame_gap=0.1, frame_numbers=(0, 1, 4))
    times = curve(plot_row_offsets(make(scan=scan))[1])[:, 0]
    starts = np.repeat(np.array([0, 1, 4]) * 120.0, 20)
    # In ms; the offsets are at most a fifth of a line.
    np.testing.assert_allclose(times, starts + np.tile(np.arange(20), 3), atol=0.21)
    assert plt.gcf().axes[1].get_xlabel() == "time (ms)"
    known = ScanGeometry(line_time=1.0, frame_time=50.0)
    lines = LinesInTime.of(make(scan=known))
    assert [entry.start for entry in lines.frames] == [0, 50, 100]
    assert lines.frames[1].end == 70
    assert lines.units == "s"


def test_columns_and_backward_scans() -> None:
    scan = ScanGeometry(rotation=(0, 90, 180, 270))
    alignment = make(4, axes=(0, 1), scan=scan)
    lines = LinesInTime.of(alignment)
    assert [entry.axis for entry in lines.frames] == [0, 1, 0, 1]
    assert [len(entry.times) for entry in lines.frames] == [20, 30, 20, 30]
    # Frames may have 20 or 30 lines, and none begins before the last one ends.
    assert [entry.start for entry in lines.frames] == [0, 30, 60, 90]
    for entry, backwards in zip(lines.frames, (False, True, True, False), strict=True):
        offsets = alignment.transforms[entry.frame].offsets
        expected = offsets - offsets.mean(axis=0)
        np.testing.assert_allclose(
            entry.offsets, expected[::-1] if backwards else expected, atol=1e-12
        )
        assert np.all(np.diff(entry.times) > 0)
    y, _ = plot_row_offsets(alignment)
    colours = {to_hex(line.get_color()).upper() for line in y.lines if len(line.get_xdata()) > 2}
    assert colours == {BLUE, VERMILION}
    (legend,) = plt.gcf().legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["lines along x", "lines along y"]


def test_errors_belong_to_their_lines() -> None:
    alignment = make(2, axes=(0, 1), shift=3.0)
    errors = np.full((2, 30, 2), np.nan, np.float32)
    errors[0, :20] = 0.01 * np.arange(20)[:, None] + [0.1, 0.2]
    errors[1] = 0.01 * np.arange(30)[:, None]
    lines = LinesInTime.of(alignment, line_errors=errors)
    # Up to 0.2 lines away from a whole one, 0.01 px a line.
    np.testing.assert_allclose(lines.frames[0].errors, errors[0, :20], atol=0.003)
    np.testing.assert_allclose(lines.frames[1].errors, errors[1], atol=0.003)
    y, _ = plot_row_offsets(alignment, line_errors=errors)
    assert len(y.collections) == 2
    assert not plot_row_offsets(alignment)[0].collections
    # Nothing known of some lines leaves a gap in the band, not in the curve.
    errors[0, 5:8] = np.nan
    y, _ = plot_row_offsets(alignment, line_errors=errors)
    assert len(curve(y)) == 50


def test_chosen_and_excluded_frames() -> None:
    excluded = np.array([False, True, False, False])
    alignment = make(4, excluded=excluded)
    assert [e.frame for e in LinesInTime.of(alignment).frames] == [0, 2, 3]
    assert [e.frame for e in LinesInTime.of(alignment, frames=[1, -1]).frames] == [1, 3]
    y, _ = plot_row_offsets(alignment, frames=[2])
    assert y.get_xlim() == (40, 60)
    for error, frames in ((IndexError, [4]), (IndexError, [-5]), (ValueError, [])):
        with pytest.raises(error, match="frame"):
            plot_row_offsets(alignment, frames=frames)
    with pytest.raises(ValueError, match="choose some with frames="):
        plot_row_offsets(make(2, excluded=np.ones(2, bool)))


def test_frames_over_each_other() -> None:
    y, x = plot_row_offsets(make(), overlay=True)
    drawn = [line for line in y.lines if len(line.get_xdata()) > 2]
    assert len(drawn) == 3
    for line in drawn:
        np.testing.assert_allclose(line.get_xdata(), np.arange(20), atol=0.21)
    assert x.get_xlabel() == "scan line"
    (legend,) = plt.gcf().legends
    assert [t.get_text() for t in legend.get_texts()] == ["frame 0", "frame 1", "frame 2"]
    scan = ScanGeometry(line_time=1.0)
    assert (
        plot_row_offsets(make(scan=scan), overlay=True)[1].get_xlabel() == "time in the frame (s)"
    )


def test_units_and_prior() -> None:
    prior = ScanPrior(np.array([0.52, 0.31]), np.array([6.12, 40.0]), 2.5)
    alignment = make(frame_scale=(0.02, -0.02), frame_units=("nm", "nm"))
    axes = plot_row_offsets(alignment, prior=prior)
    assert axes[0].get_title() == "y: 0.52 px rms about the drift, correlated over 6.12 lines"
    for ax in axes:
        # 0.4 px of 20 pm: the same unit for both.
        (right,) = (child for child in ax.child_axes if child.get_ylabel())
        assert right.get_ylabel() == "pm"


def test_smooth_transforms_have_offsets_too() -> None:
    nodes = np.zeros((2, 5, 7))
    nodes[1] = np.linspace(-1, 1, 5)[:, None]
    transforms = (
        Translation((2.0, 3.0)),
        Affine([[1, 0], [0.1, 1]], centre=(9.5, 14.5)),
        Field(nodes, spacing=(19 / 4, 29 / 6)),
    )
    alignment = Alignment(transforms, (3,), SHAPE, Canvas.of_frame(SHAPE))
    still, sheared, free = LinesInTime.of(alignment).frames
    np.testing.assert_allclose(still.offsets, 0, atol=1e-12)
    np.testing.assert_allclose(sheared.offsets[:, 1], 0.1 * (np.arange(20) - 9.5))
    np.testing.assert_allclose(free.offsets[:, 1], np.linspace(-1, 1, 20), atol=1e-9)
    tilted = Alignment(
        transforms, (3,), SHAPE, Canvas.of_frame(SHAPE), scan=ScanGeometry(rotation=(45,))
    )
    with pytest.raises(ValueError, match="45 degrees"):
        plot_row_offsets(tilted)


def test_the_truth_of_a_simulation_is_found_again() -> None:
    truth = scan_recipe(frames=4, shape=(48, 64), scan_rotation="pairs").truth
    transforms = tuple(
        ScanLine(
            truth.row_offsets[i, : (48, 64)[i % 2]] + shift, axis=i % 2, first_row=-shift[i % 2]
        )
        for i, shift in enumerate(truth.shifts)
    )
    scan = ScanGeometry(rotation=(0, 90, 0, 90))
    alignment = Alignment(transforms, (4,), (48, 64), Canvas.of_frame((48, 64)), scan=scan)
    for entry in LinesInTime.of(alignment, mean_shift=True).frames:
        expected = (
            truth.row_offsets[entry.frame, : (48, 64)[entry.axis]] + truth.shifts[entry.frame]
        )
        # At 90 degrees lines follow each other towards lower columns.
        expected = expected[::-1] if entry.axis else expected
        # Lines moved out of the frame are not shown, and the order is that of the scan.
        assert len(entry.offsets) >= len(expected) - 4
        found = {tuple(row) for row in np.round(entry.offsets, 9)}
        assert found <= {tuple(row) for row in np.round(expected, 9)}


def test_what_does_not_fit_is_refused() -> None:
    alignment = make()
    for errors in (np.ones((3, 20)), np.ones((2, 20, 2)), np.ones((3, 19, 2))):
        with pytest.raises(ValueError, match="line_errors must have shape"):
            plot_row_offsets(alignment, line_errors=errors)
    _, given = plt.subplots(2, 1)
    np.testing.assert_array_equal(plot_row_offsets(alignment, axes=given), given)
    assert given[0].get_xlabel() == given[1].get_xlabel()


def test_very_many_lines() -> None:
    axes = plot_row_offsets(make(150))
    assert len(curve(axes[0])) == 150 * 20
