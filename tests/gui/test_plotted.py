"""A signal on HyperSpy's plot: followed, and left as it was."""

from __future__ import annotations

import copy

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.gui.plotted import PlottedSignal


def handlers(signal):
    """How many functions listen to a signal."""
    manager = signal.axes_manager
    return (
        len(manager.events.indices_changed.connected),
        len(manager.events.any_axis_changed.connected),
        len(signal.events.data_changed.connected),
        [len(axis.events.index_changed.connected) for axis in manager._axes],
    )


def state(signal):
    """All of a signal that a plot must not change."""
    return (
        copy.deepcopy(signal.metadata.as_dictionary()),
        signal.axes_manager.as_dictionary(),
        tuple(signal.axes_manager.indices),
        handlers(signal),
    )


@pytest.fixture(scope="module")
def spectra():
    simulated = simulate_series(
        shape=(12, 14), frames=3, dose=100.0, spectrum_image=("EELS", "EDS"), channels=16
    )
    return {kind: made.signal for kind, made in simulated.spectra.items()}


def test_frames_are_counted_in_numpys_order():
    signal = hs.signals.Signal2D(np.zeros((2, 3, 8, 9)))
    plotted = PlottedSignal(signal)
    assert (plotted.shape, plotted.n_frames, plotted.frame) == ((2, 3), 6, 0)
    seen = []
    plotted.moved(seen.append)
    plotted.show_frame(4)
    assert signal.axes_manager.indices == (1, 1)
    assert plotted.frame == 4
    assert set(seen) == {4}
    plotted.show_frame(4)
    count = len(seen)
    signal.axes_manager.indices = (2, 1)
    assert plotted.frame == 5
    assert set(seen[count:]) == {5}
    plotted.close()
    assert signal.axes_manager.indices == (0, 0)
    assert len(seen) == count + len(seen[count:])
    signal.axes_manager.indices = (1, 0)
    assert 1 not in seen


def test_one_image_has_one_frame():
    plotted = PlottedSignal(hs.signals.Signal2D(np.zeros((8, 9))))
    assert (plotted.n_frames, plotted.frame) == (1, 0)
    plotted.show_frame(0)
    plotted.open()
    assert plotted.is_open
    plotted.close()
    assert not plotted.is_open


def test_a_plot_of_images_is_closed_again(series):
    series.axes_manager.indices = (2,)
    before = state(series)
    plotted = PlottedSignal(series)
    plotted.moved(lambda frame: None)
    plotted.open()
    assert plotted.is_open
    # The navigator of a lazy series would be computed from all frames.
    assert series._plot.navigator_plot is None
    plotted.show_frame(4)
    shown = series._plot.signal_plot.ax.images[0].get_array()
    np.testing.assert_array_equal(shown, np.asarray(series.data[4]))
    plotted.close()
    assert not plotted.is_open
    assert state(series) == before


def test_the_plot_of_the_user_stays(eager_series):
    eager_series.plot()
    before = handlers(eager_series)
    plot = eager_series._plot
    plotted = PlottedSignal(eager_series)
    plotted.open()
    assert eager_series._plot is plot
    plotted.show_frame(3)
    plotted.close()
    assert plotted.is_open
    assert eager_series._plot is plot
    assert eager_series.axes_manager.indices == (0,)
    assert handlers(eager_series) == before


@pytest.mark.parametrize("kind", ["EELS", "EDS"])
@pytest.mark.parametrize("lazy", [False, True])
def test_the_navigator_of_spectra_is_the_image_of_the_frame(spectra, kind, lazy):
    signal = spectra[kind].deepcopy()
    if lazy:
        signal = signal.as_lazy()
    before = state(signal)
    plotted = PlottedSignal(signal)
    assert (plotted.n_frames, plotted.image_axes) == (3, signal.axes_manager.navigation_axes[:2])
    plotted.open()
    # The slider of the tool does what HyperSpy's would.
    assert "gui_navigation_sliders" not in vars(signal.axes_manager)
    image = signal._plot.navigator_plot.ax.images[0]
    counts = np.asarray(signal.data.sum(axis=-1))
    np.testing.assert_array_equal(image.get_array(), counts[0])
    signal.axes_manager.indices = (5, 4, 0)
    plotted.show_frame(2)
    assert signal.axes_manager.indices == (5, 4, 2)
    np.testing.assert_array_equal(image.get_array(), counts[2])
    plotted.close()
    assert state(signal) == before


def test_patterns_lie_on_navigation_axes():
    signal = hs.signals.Signal2D(np.zeros((3, 8, 9, 5, 6)))
    images = PlottedSignal(signal)
    assert (images.n_frames, images.image_axes) == (216, signal.axes_manager.signal_axes)
    patterns = PlottedSignal(signal, patterns=True)
    assert patterns.n_frames == 3
    assert [axis.size for axis in patterns.image_axes] == [9, 8]
    patterns.takes_patterns = False
    assert patterns.n_frames == 216
