"""A rectangle on HyperSpy's plot."""

from __future__ import annotations

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import CloseEvent

from hyperspy_smartalign.gui.plotted import PlottedSignal
from hyperspy_smartalign.gui.regions import RegionPicker


@pytest.fixture
def picked():
    """A signal of 40 x 30 pixels of 0.5 nm from (2, -1), its picker, and what was chosen."""
    signal = hs.signals.Signal2D(np.zeros((3, 30, 40)))
    for axis, offset in zip(signal.axes_manager.signal_axes, (2.0, -1.0), strict=True):
        axis.scale, axis.offset, axis.units = 0.5, offset, "nm"
    chosen = []
    picker = RegionPicker(PlottedSignal(signal), chosen.append)
    yield signal, picker, chosen
    picker.close()


def widgets(signal):
    """Artists of rectangles on the plot of a signal."""
    return list(signal._plot.signal_plot.ax.patches)


def test_a_new_region_lies_in_the_middle_and_is_chosen(picked):
    signal, picker, chosen = picked
    assert picker.region is None
    picker.show()
    assert chosen == [(7.0, 17.0, 2.75, 10.25)]
    assert picker.region == chosen[0]
    assert signal._plot.is_active
    assert widgets(signal)


def test_what_the_user_drags_is_chosen(picked):
    _, picker, chosen = picked
    picker.show((4, 20, 6, 26))
    assert chosen == []
    assert picker.region == (4.0, 12.0, 2.0, 12.0)
    picker._roi.left = 3.0
    assert chosen == [(3.0, 12.0, 2.0, 12.0)]
    # As drags are told on, this must not come back.
    picker.show(chosen[-1])
    assert len(chosen) == 1


def test_a_dragged_rectangle_of_the_plot_is_chosen(picked):
    _, picker, chosen = picked
    picker.show((4.0, 12.0, 2.0, 12.0))
    (widget,) = picker._roi.widgets
    widget.position = (6.0, 3.0)
    assert chosen[-1] == (6.0, 14.0, 3.0, 13.0)
    assert picker.region == chosen[-1]


@pytest.mark.parametrize("start", [(2, 5, 2, 5), (20, 39, 15, 29)])
@pytest.mark.parametrize("to", [(37, 40, 26, 30), (0, 4, 0, 4), (10, 30, 8, 20)])
def test_it_is_moved_anywhere_without_choosing(picked, start, to):
    _, picker, chosen = picked
    picker.show(start)
    picker.show(to)
    wanted = [2 + 0.5 * side for side in to[:2]] + [-1 + 0.5 * side for side in to[2:]]
    assert picker.region == tuple(wanted)
    assert chosen == []


def test_sides_have_few_digits_and_stay_inside(picked):
    _, picker, chosen = picked
    picker.show((4, 20, 6, 26))
    picker._roi.left = 2 + 1 / 3
    assert chosen[-1] == (2.3333, 12.0, 2.0, 12.0)
    picker._roi.right = 99.0
    assert chosen[-1] == (2.3333, 22.0, 2.0, 12.0)


def test_axes_that_run_backwards(picked):
    signal, picker, _ = picked
    y = signal.axes_manager.signal_axes[1]
    y.scale, y.offset = -0.5, 14.0
    picker.show((0, 40, 0, 10))
    assert picker.region == (2.0, 22.0, 9.0, 14.0)


def test_hidden_it_is_gone(picked):
    signal, picker, chosen = picked
    picker.show()
    roi = picker._roi
    picker.hide()
    assert picker.region is None
    assert signal not in roi.signal_map
    assert widgets(signal) == []
    assert not roi.events.changed.connected
    roi.left = 8.0
    assert len(chosen) == 1
    picker.hide()
    picker.show((4, 20, 6, 26))
    assert picker.region == (4.0, 12.0, 2.0, 12.0)


@pytest.mark.parametrize("silently", [False, True])
def test_it_goes_with_the_plot_and_comes_back(picked, silently):
    signal, _, chosen = picked
    gone = []
    picker = RegionPicker(PlottedSignal(signal), chosen.append, lambda: gone.append(1))
    picker.show((4, 20, 6, 26))
    figure, other = signal._plot.signal_plot.figure, plt.figure()
    if not silently:
        # As windows do, and pyplot does not.
        figure.canvas.callbacks.process("close_event", CloseEvent("close_event", figure.canvas))
        assert gone == [1]
        assert picker.region is None
    plt.close(figure)
    picker.show((4, 20, 6, 26))
    # HyperSpy closes the current figure too, where it is told.
    assert plt.fignum_exists(other.number) == silently
    assert signal._plot.signal_plot.figure is not figure
    assert widgets(signal)
    picker._roi.left = 3.0
    assert chosen == [(3.0, 12.0, 2.0, 12.0)]
    picker.hide()
    assert widgets(signal) == []
