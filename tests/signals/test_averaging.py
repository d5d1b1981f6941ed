"""Average and sum over the frames that saw each pixel."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import Alignment
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.averaging import average, average_of_sum


def with_gaps(lazy: bool, navigation: tuple[int, ...] = (4,)):
    data = np.random.default_rng(1).normal(10, 1, (4, 6, 5)).astype(np.float32)
    data[0, :2] = np.nan
    data[1:3, 0] = np.nan
    data[:, 0, 0] = np.nan
    signal = hs.signals.Signal2D(data.reshape(*navigation, 6, 5))
    return data, signal.as_lazy() if lazy else signal


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("navigation", [(4,), (2, 2)])
def test_only_frames_that_saw_a_pixel_count(lazy: bool, navigation: tuple[int, ...]) -> None:
    data, signal = with_gaps(lazy, navigation)
    mean = average(signal)
    assert mean._lazy is lazy
    assert mean.axes_manager.navigation_dimension == 0
    result = np.asarray(mean.data)
    assert result.dtype == np.float32
    assert np.isnan(result[0, 0])
    seen = np.ones((6, 5), bool)
    seen[0, 0] = False
    # float32 keeps 7 digits of values near 10.
    np.testing.assert_allclose(
        result[seen], np.nanmean(data.astype(float)[:, seen], axis=0), rtol=1e-6
    )


@pytest.mark.parametrize("lazy", [False, True])
def test_a_sum_has_no_steps(lazy: bool) -> None:
    data, signal = with_gaps(lazy)
    result = np.asarray(average(signal, output="sum").data)
    np.testing.assert_allclose(result[2:], data[:, 2:].astype(float).sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(result[0, 1:], 4 * data[3, 0, 1:], rtol=1e-6)
    np.testing.assert_allclose(result[1], 4 / 3 * data[1:, 1].astype(float).sum(axis=0), rtol=1e-6)
    assert np.isnan(result[0, 0])


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("dtype", [np.uint16, np.int8, bool, ">u4"])
def test_integers_sum_to_integers(lazy: bool, dtype) -> None:
    data = np.full((300, 8, 9), 1 if dtype is bool else 100).astype(dtype)
    signal = hs.signals.Signal2D(data)
    signal = signal.as_lazy() if lazy else signal
    total = average(signal, output="sum")
    assert total.data.dtype.kind in "iu"
    np.testing.assert_array_equal(np.asarray(total.data), 300 * int(data[0, 0, 0]))
    mean = average(signal)
    assert mean.data.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(mean.data), int(data[0, 0, 0]))


@pytest.mark.parametrize("lazy", [False, True])
def test_spectrum_images(lazy: bool) -> None:
    counts = np.random.default_rng(2).poisson(3, (3, 4, 5, 6)).astype(np.uint16)
    signal = hs.signals.Signal1D(counts)
    total = average(signal.as_lazy() if lazy else signal, output="sum")
    assert type(total).__name__ == ("LazySignal1D" if lazy else "Signal1D")
    np.testing.assert_array_equal(np.asarray(total.data), counts.sum(axis=0))


@pytest.mark.parametrize("lazy", [False, True])
def test_excluded_frames_take_no_part(lazy: bool) -> None:
    data = np.arange(4.0)[:, None, None] * np.ones((4, 8, 9))
    signal = hs.signals.Signal2D(data)
    alignment = Alignment.from_shifts(
        np.zeros((4, 2)), frame_shape=(8, 9), excluded=[False, True, False, False]
    )
    recording.write_alignment(signal, alignment)
    signal = signal.as_lazy() if lazy else signal
    np.testing.assert_allclose(np.asarray(average(signal).data), 5 / 3)
    np.testing.assert_array_equal(np.asarray(average(signal, output="sum").data), 5)
    with pytest.warns(UserWarning, match=r"excluded frames \[1\] of 4, but the signal now has 2"):
        sliced = average(signal.inav[2:])
    np.testing.assert_allclose(np.asarray(sliced.data), 2.5)
    recording.write_alignment(
        signal, Alignment.from_shifts(np.zeros((4, 2)), frame_shape=(8, 9), excluded=[True] * 4)
    )
    with pytest.raises(ValueError, match="excluded every frame"):
        average(signal)


def test_the_step_is_recorded_and_the_input_stays() -> None:
    data, signal = with_gaps(lazy=False)
    signal.data.flags.writeable = False
    result = average(signal, output="sum")
    np.testing.assert_array_equal(signal.data, data)
    assert recording.steps_of(result) == ({"name": "average", "parameters": {"output": "sum"}},)
    assert recording.steps_of(signal) == ()


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="output='median'"):
        average(hs.signals.Signal2D(np.ones((2, 3, 3))), output="median")
    with pytest.raises(TypeError, match="complex"):
        average(hs.signals.ComplexSignal2D(np.ones((2, 3, 3), complex)))
    with pytest.raises(ValueError, match="one frame"):
        average(hs.signals.Signal2D(np.ones((3, 3))))


@pytest.mark.parametrize("lazy", [False, True])
def test_the_variance_is_that_of_the_result(lazy: bool) -> None:
    data, signal = with_gaps(lazy)
    exact = data.astype(float)
    mean = average(signal, variance=True)
    assert mean.get_noise_variance()._lazy is lazy
    variance = np.asarray(mean.get_noise_variance().data)
    # float32 keeps 7 digits of the mean, near 10, that the differences are taken from.
    np.testing.assert_allclose(variance[2:], exact[:, 2:].var(axis=0, ddof=1) / 4, rtol=1e-4)
    np.testing.assert_allclose(variance[1], exact[1:, 1].var(axis=0, ddof=1) / 3, rtol=1e-4)
    assert np.isnan(variance[0]).all()  # one frame, or none, saw these
    total = average(signal, output="sum", variance=True).get_noise_variance()
    np.testing.assert_allclose(np.asarray(total.data), 16 * variance)
    assert average(signal).get_noise_variance() is None


def test_the_variance_of_integers() -> None:
    data = np.random.default_rng(2).poisson(5, (9, 4, 6)).astype(np.uint8)
    variance = average(hs.signals.Signal2D(data), variance=True).get_noise_variance()
    np.testing.assert_allclose(variance.data, data.var(axis=0, ddof=1) / 9)


@pytest.mark.parametrize("lazy", [False, True])
def test_the_average_of_a_sum(simulated_pair, lazy: bool) -> None:
    series, aligned = simulated_pair
    series = series.as_lazy() if lazy else series
    given = {"alignment": aligned, "variance": "poisson", "crop": False, "show_progressbar": False}
    total = series.apply_alignment(output="sum", **given)
    expected = series.apply_alignment(output="average", **given)
    found = average_of_sum(total)
    assert found._lazy is lazy
    assert found.metadata.General.title == expected.metadata.General.title
    np.testing.assert_allclose(np.asarray(found.data), np.asarray(expected.data), rtol=1e-6)
    np.testing.assert_allclose(
        np.asarray(found.get_noise_variance().data),
        np.asarray(expected.get_noise_variance().data),
        rtol=1e-6,
    )
    # Plots divide a sum by the number of its frames, and this is none any more.
    assert recording.steps_of(found)[-1]["parameters"]["output"] == "average"


@pytest.fixture(scope="module")
def simulated_pair():
    simulated = hs.signals.Signal2D(
        np.random.default_rng(2).poisson(20.0, (5, 24, 30)).astype(np.float32)
    )
    simulated.metadata.General.title = "frames"
    shifts = [(0, 0), (1.2, -0.4), (2.5, 1.0), (0.3, 2.0), (9, 9)]
    alignment = Alignment.from_shifts(shifts, frame_shape=(24, 30), excluded=[False] * 4 + [True])
    return simulated, alignment
