"""Signals in, frames out; and what is refused."""

from __future__ import annotations

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from hyperspy.exceptions import SignalDimensionError

from hyperspy_smartalign.signals.validating import (
    NotASeriesError,
    frames_of,
    layout_of,
    region_in_pixels,
)


def test_layout_of_images() -> None:
    signal = hs.signals.Signal2D(np.zeros((2, 3, 7, 5), np.uint16))
    x, y = signal.axes_manager.signal_axes
    x.scale, y.scale, x.offset, x.units = 0.5, -2.0, 3.0, "nm"
    layout = layout_of(signal)
    assert layout.series_shape == (2, 3)
    assert layout.frame_shape == (7, 5)
    assert layout.channel_shape == ()
    assert layout.n_frames == 6
    assert layout.image_axes == (2, 3)
    assert (layout.scale, layout.offset) == ((-2.0, 0.5), (0.0, 3.0))
    assert layout.units == ("px", "nm")


def test_layout_of_spectrum_images() -> None:
    layout = layout_of(hs.signals.Signal1D(np.zeros((4, 7, 5, 9))))
    assert (layout.series_shape, layout.frame_shape, layout.channel_shape) == ((4,), (7, 5), (9,))
    assert layout.image_axes == (1, 2)


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (hs.signals.Signal2D(np.zeros((7, 5))), "one frame"),
        (hs.signals.Signal2D(np.zeros((1, 7, 5))), "one frame"),
        (hs.signals.Signal1D(np.zeros((7, 5, 9))), "one frame"),
        (hs.signals.Signal1D(np.zeros((7, 5))), "signal dimension is 1"),
        (hs.signals.BaseSignal(np.zeros((4, 7, 5, 3))), "signal dimension is 4"),
    ],
)
def test_what_is_not_a_series_is_refused(signal, said: str) -> None:
    with pytest.raises(NotASeriesError, match=said) as raised:
        layout_of(signal)
    assert isinstance(raised.value, ValueError)
    assert isinstance(raised.value, SignalDimensionError)


def test_spectra_have_no_frames() -> None:
    with pytest.raises(NotASeriesError, match="apply_alignment"):
        frames_of(hs.signals.Signal1D(np.zeros((4, 7, 5, 9))))


def test_axes_must_be_uniform() -> None:
    axes = [{"size": 3}, {"size": 8}, {"name": "x", "axis": np.arange(9.0) ** 2}]
    signal = hs.signals.Signal2D(np.zeros((3, 8, 9)), axes=axes)
    for check in (layout_of, lambda s: region_in_pixels(s, (0, 8, 0, 8))):
        with pytest.raises(NotImplementedError, match=r"interpolate_on_axis\('uniform', 'x'\)"):
            check(signal)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("navigation", [(6,), (2, 3)])
def test_frames_one_by_one_or_as_a_stack(lazy: bool, navigation: tuple[int, ...]) -> None:
    data = np.arange(6 * 7 * 5).reshape(*navigation, 7, 5).astype(">u2")
    signal = hs.signals.Signal2D(data)
    frames = frames_of(signal.as_lazy() if lazy else signal)
    stack = data.reshape(6, 7, 5)
    assert len(frames) == 6
    assert frames.lazy is lazy
    assert frames.dtype == data.dtype
    np.testing.assert_array_equal(frames.as_stack(), stack)
    np.testing.assert_array_equal(list(frames), stack)
    np.testing.assert_array_equal(frames.frame(4), stack[4])
    for array in (frames.as_stack(), frames.frame(0), next(iter(frames))):
        assert not array.flags.writeable


def test_an_eager_stack_is_not_copied() -> None:
    signal = hs.signals.Signal2D(np.zeros((6, 7, 5)))
    assert np.shares_memory(frames_of(signal).as_stack(), signal.data)
    assert np.shares_memory(frames_of(signal).frame(2), signal.data)
    assert signal.data.flags.writeable


def test_lazy_frames_are_computed_chunk_by_chunk() -> None:
    computed = []

    def load(block, block_info=None):
        computed.append(block_info[0]["array-location"][0])
        return block

    data = da.zeros((6, 7, 5), chunks=(2, 7, 5)).map_blocks(load, dtype=float, meta=np.empty(0))
    frames = frames_of(hs.signals.Signal2D(data).as_lazy())
    computed.clear()
    iterator = iter(frames)
    next(iterator)
    assert computed == [(0, 2)]
    assert len(list(iterator)) == 5
    assert computed == [(0, 2), (2, 4), (4, 6)]
    frames.frame(5)
    assert computed[3:] == [(4, 6)]


@pytest.fixture
def calibrated():
    signal = hs.signals.Signal2D(np.zeros((2, 20, 30)))
    x, y = signal.axes_manager.signal_axes
    x.scale, x.offset, y.scale, y.offset = 0.5, 10.0, -1.0, 19.0
    x.units = "nm"
    return signal


def test_region_by_index_and_by_value(calibrated) -> None:
    assert region_in_pixels(calibrated, (3, 15, 1, 20)) == (3, 15, 1, 20)
    # x = 10 + 0.5 i; y = 19 - i
    assert region_in_pixels(calibrated, (12.0, 25.0, 18.0, 2.0)) == (4, 30, 1, 17)
    assert region_in_pixels(calibrated, (12.0, 15, 2, 2.0)) == (4, 15, 2, 17)


def test_region_values_in_either_order_where_the_scale_is_negative(calibrated) -> None:
    region = hs.roi.RectangularROI(left=12.0, right=20.0, top=2.0, bottom=18.0)
    assert region_in_pixels(calibrated, region) == (4, 20, 1, 17)
    assert region_in_pixels(calibrated, (12.0, 20.0, 18.0, 2.0)) == (4, 20, 1, 17)


@pytest.mark.parametrize("left", [10.0, 10.2, 10.3, 12.74, 12.76])
def test_region_rounds_as_hyperspy_does(calibrated, left: float) -> None:
    columns = region_in_pixels(calibrated, (left, 20.0, 0, 20))[:2]
    sliced = calibrated.isig[left:20.0].axes_manager.signal_axes[0]
    assert sliced.axis[0] == pytest.approx(10 + 0.5 * columns[0])
    assert sliced.size == columns[1] - columns[0]


def test_region_of_spectrum_images_is_in_the_image() -> None:
    signal = hs.signals.Signal1D(np.zeros((3, 20, 30, 5)))
    assert region_in_pixels(signal, (0, 30, 0, 20)) == (0, 30, 0, 20)


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ((0, 31, 0, 20), "right=31 lies outside the frame, which has 30 px from 10 to 25 nm"),
        ((-1, 20, 0, 20), "left=-1 lies outside"),
        ((9.0, 20.0, 0, 20), "left=9.0 lies outside"),
        ((0, 30, 25.0, 2.0), "top=25.0 lies outside the frame, which has 20 px from 19 to -1"),
        ((3, 10, 0, 20), "is 7 x 20 px; it must be 8 x 8 px or larger"),
        ((20, 3, 0, 20), "-17 x 20 px"),
    ],
)
def test_regions_that_do_not_fit_are_refused(calibrated, region, said: str) -> None:
    with pytest.raises(ValueError, match=r"roi") as raised:
        region_in_pixels(calibrated, region)
    assert said in str(raised.value)


def test_layout_of_diffraction_patterns() -> None:
    signal = hs.signals.Signal2D(np.zeros((3, 7, 5, 8, 9)))
    x, y, kx, _ = signal.axes_manager.navigation_axes[:2] + signal.axes_manager.signal_axes
    x.scale, y.scale, y.units, kx.scale = 0.5, -2.0, "nm", 100.0
    layout = layout_of(signal, series_dimension=1)
    assert (layout.series_shape, layout.frame_shape, layout.channel_shape) == ((3,), (7, 5), (8, 9))
    assert layout.image_axes == (1, 2)
    assert (layout.scale, layout.units) == ((-2.0, 0.5), ("nm", "px"))
    # Without series_dimension, and with three series axes, the same data are images.
    for images in (layout_of(signal), layout_of(signal, series_dimension=3)):
        assert (images.series_shape, images.frame_shape) == ((3, 7, 5), (8, 9))
        assert images.channel_shape == ()
    two = layout_of(hs.signals.Signal2D(np.zeros((2, 3, 7, 5, 8, 9))), series_dimension=2)
    assert (two.series_shape, two.frame_shape, two.channel_shape) == ((2, 3), (7, 5), (8, 9))


def test_layout_with_the_right_number_of_series_axes_stays() -> None:
    for signal, dimension in (
        (hs.signals.Signal2D(np.zeros((4, 7, 5))), 1),
        (hs.signals.Signal1D(np.zeros((2, 4, 7, 5, 9))), 2),
    ):
        assert layout_of(signal, series_dimension=dimension) == layout_of(signal)


@pytest.mark.parametrize(
    ("signal", "dimension", "said"),
    [
        (hs.signals.Signal1D(np.zeros((2, 4, 7, 5, 9))), 1, "has 4 .* spectrum images need 3"),
        (hs.signals.Signal1D(np.zeros((7, 5, 9))), 1, "has 2 .* spectrum images need 3"),
        (hs.signals.Signal1D(np.zeros((4, 7, 5, 9))), 2, "has 2 axes: spectrum images need 4"),
        (hs.signals.Signal2D(np.zeros((3, 4, 7, 5))), 1, "need 1, diffraction patterns 3"),
        (hs.signals.Signal2D(np.zeros((7, 5))), 1, "images need 1"),
        (hs.signals.Signal2D(np.zeros((1, 7, 5, 8, 9))), 1, "one frame"),
        (hs.signals.BaseSignal(np.zeros((4, 7, 5, 3))), 1, "signal dimension is 4"),
    ],
)
def test_other_series_dimensions_are_refused(signal, dimension: int, said: str) -> None:
    with pytest.raises(NotASeriesError, match=said):
        layout_of(signal, series_dimension=dimension)


def test_one_channel_is_a_spectrum() -> None:
    signal = hs.signals.Signal1D(np.zeros((4, 7, 5, 9))).isig[2:3]
    assert layout_of(signal).channel_shape == (1,)
