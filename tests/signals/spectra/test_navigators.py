"""The image beside the spectra: shown, kept in files, in nobody's way."""

from __future__ import annotations

import hyperspy.api as hs
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.signals.spectra.navigators import attach_navigator

mpl.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def spectra(shape=(6, 8, 16), dtype=np.uint16):
    signal = hs.signals.Signal1D(np.random.default_rng(0).integers(0, 60000, shape).astype(dtype))
    signal.set_signal_type("EELS")
    x, y = signal.axes_manager.navigation_axes[:2]
    x.scale, x.units, x.name, y.offset = 0.5, "nm", "x", 3.0
    attach_navigator(signal)
    return signal


def shown(signal):
    signal.plot()
    return np.asarray(signal._plot.navigator_plot.ax.images[0].get_array())


def test_the_navigator_is_the_sum_over_the_channels() -> None:
    signal = spectra()
    navigator = signal.navigator
    assert isinstance(navigator, hs.signals.Signal2D)
    np.testing.assert_array_equal(navigator.data, signal.data.sum(axis=-1, dtype=np.int64))
    x, y = navigator.axes_manager.signal_axes
    assert (x.scale, x.units, x.name, y.offset) == (0.5, "nm", "x", 3.0)


def test_plot_shows_it() -> None:
    signal = spectra()
    signal.navigator.data = np.arange(48.0).reshape(6, 8)
    np.testing.assert_array_equal(shown(signal), signal.navigator.data)


def test_plot_of_a_series_follows_the_frame() -> None:
    signal = spectra((3, 6, 8, 16))
    assert signal.navigator.data.shape == (3, 6, 8)
    signal.axes_manager.indices = (0, 0, 2)
    np.testing.assert_array_equal(shown(signal), signal.navigator.data[2])


def test_diffraction_patterns() -> None:
    data = np.random.default_rng(0).random((6, 8, 5, 7))
    signal = hs.signals.Signal2D(data)
    attach_navigator(signal)
    np.testing.assert_allclose(signal.navigator.data, data.sum(axis=(-2, -1)))
    np.testing.assert_allclose(shown(signal), data.sum(axis=(-2, -1)))


@pytest.mark.slow
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("ending", ["hspy", "zspy"])
@pytest.mark.parametrize("shape", [(6, 8, 16), (3, 6, 8, 16)])
def test_files_keep_it(tmp_path, ending: str, lazy: bool, shape) -> None:
    signal = spectra(shape)
    signal.save(tmp_path / f"map.{ending}")
    again = hs.load(tmp_path / f"map.{ending}", lazy=lazy)
    np.testing.assert_array_equal(again.navigator.data, signal.navigator.data)
    frame = signal.navigator.data if len(shape) == 3 else signal.navigator.data[0]
    np.testing.assert_array_equal(shown(again), frame)


@pytest.mark.parametrize(
    "derived",
    [
        lambda s: s.isig[2:9],
        lambda s: s.inav[1:6, 2:5],
        lambda s: s.inav[3],
        lambda s: s.T,
        lambda s: s.transpose(signal_axes=(0,)),
        lambda s: s.deepcopy(),
        lambda s: s.rebin(scale=(2, 2, 1)),
        lambda s: s.sum(axis=0),
        lambda s: s.as_lazy(),
        lambda s: s * 2,
    ],
)
def test_derived_signals_still_plot(derived) -> None:
    result = derived(spectra())
    result.plot()
    assert result._plot is not None


def test_lazy_signals_and_single_spectra_are_left_as_they_are() -> None:
    for signal in (
        hs.signals.Signal1D(np.zeros((6, 8, 16))).as_lazy(),
        hs.signals.Signal1D(np.zeros((8, 16))),
        hs.signals.Signal1D(np.zeros(16)),
    ):
        attach_navigator(signal)
        assert signal.navigator is None
