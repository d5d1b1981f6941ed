"""Signals like another, made without touching it."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.signals.copying import sliced, with_data


@pytest.fixture(params=[False, True], ids=["eager", "lazy"])
def signal(request):
    made = hs.signals.Signal2D(np.arange(3 * 4 * 5.0).reshape(3, 4, 5))
    x, y = made.axes_manager.signal_axes
    x.scale, x.offset, x.units, y.name = 0.5, 2.0, "nm", "rows"
    made.metadata.General.title = "gold"
    made.metadata.set_item("Signal.Noise_properties.variance", made.deepcopy())
    made.metadata.set_item("Own.list", [1, 2])
    made.original_metadata.set_item("Scan.time", 3.0)
    made.add_marker(hs.plot.markers.Points(offsets=[[3.0, 1.0]]), permanent=True, plot_marker=False)
    return made.as_lazy() if request.param else made


def test_it_is_what_hyperspy_makes(signal):
    new = np.ones((3, 4, 5))
    made, usual = with_data(signal, new), signal._deepcopy_with_new_data(new)
    assert made.data is new
    assert type(made) is type(usual)
    assert made._lazy == usual._lazy
    assert made.axes_manager.as_dictionary() == usual.axes_manager.as_dictionary()
    content = made.metadata.as_dictionary(), usual.metadata.as_dictionary()
    assert [part.pop("Markers").keys() for part in content] == [{"Points": 0}.keys()] * 2
    assert content[0] == content[1]
    assert made.original_metadata.as_dictionary() == usual.original_metadata.as_dictionary()
    assert not made.metadata.has_item("Signal.Noise_properties")
    assert made._plot is None


def test_nothing_is_shared_with_the_signal(signal):
    made = with_data(signal, signal.data)
    made.metadata.Own.list.append(3)
    made.metadata.General.title = "silver"
    made.axes_manager[-1].scale = 9.0
    made.original_metadata.Scan.time = 0.0
    assert signal.metadata.Own.list == [1, 2]
    assert signal.metadata.General.title == "gold"
    assert signal.axes_manager.signal_axes[0].scale == 0.5
    assert signal.original_metadata.Scan.time == 3.0
    assert signal.metadata.has_item("Signal.Noise_properties.variance")


def test_the_variance_is_kept_if_wanted(signal):
    made = with_data(signal, signal.data, variance=True)
    np.testing.assert_array_equal(
        np.asarray(made.get_noise_variance().data), np.asarray(signal.get_noise_variance().data)
    )


def test_slices_are_those_of_hyperspy(signal):
    made, usual = sliced(signal, (slice(1, 4), slice(0, 2))), signal.isig[1:4, 0:2]
    np.testing.assert_array_equal(np.asarray(made.data), np.asarray(usual.data))
    assert made.axes_manager.as_dictionary() == usual.axes_manager.as_dictionary()
    if not signal._lazy:
        assert np.shares_memory(made.data, signal.data)


class Watcher:
    """Looks at a signal whenever the metadata that it lies in are copied."""

    def __init__(self, look) -> None:
        self.look = look

    def __deepcopy__(self, memo) -> Watcher:
        self.look()
        return self


@pytest.mark.parametrize(
    "make",
    [
        lambda signal: with_data(signal, np.ones((3, 4, 5))),
        lambda signal: sliced(signal, (slice(1, 4), slice(0, 2))),
    ],
)
def test_the_signal_is_whole_while_it_is_copied(signal, make):
    """HyperSpy's own copying takes data, plot and noise off it; another thread would see that."""
    signal.plot(navigator=None)
    data, plot, seen = signal.data, signal._plot, []

    def look() -> None:
        noise = signal.metadata.has_item("Signal.Noise_properties.variance")
        seen.append(signal.data is data and signal._plot is plot and noise)

    signal.metadata.set_item("Own.watcher", Watcher(look))
    make(signal)
    assert seen
    assert all(seen)
    plot.close()
