"""Results look like their input: class, calibration, metadata."""

from __future__ import annotations

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import Alignment
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.wrapping import aligned_signal
from hyperspy_smartalign.transforms.canvas import Canvas


def image_series(navigation=(3,), lazy: bool = False):
    signal = hs.signals.Signal2D(np.zeros((*navigation, 10, 14), np.float32))
    for axis, scale, offset, name, units in zip(
        signal.axes_manager.signal_axes, (0.5, -2.0), (10, 7), "xy", ("nm", "um"), strict=True
    ):
        axis.scale, axis.offset, axis.name, axis.units = scale, offset, name, units
    signal.axes_manager.navigation_axes[0].name = "frame"
    signal.axes_manager.navigation_axes[0].scale = 0.25
    signal.metadata.General.title = "gold"
    signal.metadata.set_item("Sample.thickness", 12)
    signal.original_metadata.add_dictionary({"Microscope": {"Voltage": 200}})
    return signal.as_lazy() if lazy else signal


CANVAS = Canvas(top=2, left=-1, height=6, width=13)


def test_features_keep_their_coordinates() -> None:
    series = image_series()
    result = aligned_signal(series, np.ones((3, 6, 13), np.float32), canvas=CANVAS)
    x, y = result.axes_manager.signal_axes
    assert (x.offset, x.scale, x.size, x.name, x.units) == (10 - 0.5, 0.5, 13, "x", "nm")
    assert (y.offset, y.scale, y.size, y.name, y.units) == (7 - 4.0, -2.0, 6, "y", "um")
    # Output pixel (0, 1) is pixel (2, 0) of the input.
    assert x.axis[1] == series.axes_manager.signal_axes[0].axis[0]
    assert y.axis[0] == series.axes_manager.signal_axes[1].axis[2]
    frame = result.axes_manager.navigation_axes[0]
    assert (frame.name, frame.scale, frame.size) == ("frame", 0.25, 3)


def test_metadata_are_copied_and_the_input_stays() -> None:
    series = image_series()
    series.axes_manager.indices = (2,)
    before, axes = series.deepcopy(), str(series.axes_manager)
    alignment = Alignment.from_shifts(np.zeros((3, 2)), frame_shape=(10, 14), canvas=CANVAS)
    result = aligned_signal(
        series, np.ones((3, 6, 13), np.float32), canvas=CANVAS, alignment=alignment
    )
    assert result.metadata.General.title == "gold (aligned)"
    assert result.metadata.Sample.thickness == 12
    assert result.original_metadata.Microscope.Voltage == 200
    assert recording.alignment_of(result) == alignment
    result.metadata.Sample.thickness = 1
    result.original_metadata.Microscope.Voltage = 1
    assert series.metadata.as_dictionary() == before.metadata.as_dictionary()
    assert series.original_metadata.Microscope.Voltage == 200
    assert not recording.has_alignment(series)
    assert series.axes_manager.indices == (2,)
    assert str(series.axes_manager) == axes
    assert series.data.shape == (3, 10, 14)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("lazy_data", [False, True])
def test_lazy_as_the_data(lazy: bool, lazy_data: bool) -> None:
    data = np.ones((3, 6, 13), np.float32)
    result = aligned_signal(
        image_series(lazy=lazy), da.from_array(data) if lazy_data else data, canvas=CANVAS
    )
    assert (
        type(result)
        is (hs.signals.Signal2D, hs.signals.Signal2D(data).as_lazy().__class__)[lazy_data]
    )
    assert result._lazy is lazy_data
    assert result.data.shape == (3, 6, 13)
    np.testing.assert_array_equal(np.asarray(result.inav[1].data), 1)


def test_one_frame_has_no_navigation() -> None:
    for navigation in ((3,), (2, 3)):
        result = aligned_signal(
            image_series(navigation), np.ones((10, 14), np.float32), title="average"
        )
        assert result.axes_manager.navigation_dimension == 0
        assert type(result) is hs.signals.Signal2D
        assert result.metadata.General.title == "gold (average)"
        assert result.axes_manager.signal_axes[1].offset == 7


def test_titles() -> None:
    series = image_series()
    assert aligned_signal(series, series.data, title="").metadata.General.title == "gold"
    series.metadata.General.title = ""
    assert aligned_signal(series, series.data).metadata.General.title == "aligned"


@pytest.mark.parametrize("signal_type", ["", "EELS", "EDS_TEM"])
def test_spectrum_images(signal_type: str) -> None:
    if signal_type:
        pytest.importorskip("exspy")
    signal = hs.signals.Signal1D(np.zeros((3, 10, 14, 5)))
    signal.set_signal_type(signal_type)
    x, y, frame = signal.axes_manager.navigation_axes
    x.scale, y.scale, frame.name = 0.5, 2.0, "frame"
    signal.axes_manager.indices = (13, 9, 2)
    series = aligned_signal(signal, np.ones((3, 6, 13, 5)), canvas=CANVAS)
    assert type(series) is type(signal)
    assert series.axes_manager.navigation_shape == (13, 6, 3)
    assert [axis.offset for axis in series.axes_manager.navigation_axes] == [-0.5, 4, 0]
    total = aligned_signal(signal, np.ones((6, 13, 5)), canvas=CANVAS, title="sum")
    assert type(total) is type(signal)
    assert total.axes_manager.navigation_shape == (13, 6)
    assert total.axes_manager.signal_shape == (5,)
    assert total.inav[12, 5].data.shape == (5,)


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3, 6, 14\).*\(3, 6, 13\).*\(6, 13\)"):
        aligned_signal(image_series(), np.ones((3, 6, 14)), canvas=CANVAS)


def test_the_result_saves_and_loads(tmp_path) -> None:
    alignment = Alignment.from_shifts(np.zeros((3, 2)), frame_shape=(10, 14), canvas=CANVAS)
    result = aligned_signal(image_series(), np.ones((3, 6, 13)), canvas=CANVAS, alignment=alignment)
    result.save(tmp_path / "result.hspy")
    loaded = hs.load(tmp_path / "result.hspy")
    assert recording.alignment_of(loaded) == alignment
    assert loaded.axes_manager.signal_axes[0].offset == 9.5


@pytest.mark.parametrize("shape", [(3, 6, 13, 8, 9), (6, 13, 8, 9)])
def test_diffraction_patterns_are_moved_with_their_image(shape) -> None:
    signal = hs.signals.Signal2D(np.zeros((3, 10, 14, 8, 9), np.uint16))
    x, kx = signal.axes_manager.navigation_axes[0], signal.axes_manager.signal_axes[0]
    x.scale, x.offset, x.name, kx.scale = 0.5, 10.0, "x", 0.1
    result = aligned_signal(
        signal, np.ones(shape, np.float32), canvas=CANVAS, series_dimension=1, title="summed"
    )
    assert isinstance(result, hs.signals.Signal2D)
    assert result.data.shape == shape
    assert result.axes_manager.signal_shape == (9, 8)
    assert result.axes_manager.navigation_shape == (13, 6, 3)[: len(shape) - 2]
    moved = result.axes_manager["x"]
    assert (moved.offset, moved.scale, moved.size) == (10 - 0.5, 0.5, 13)
    assert result.axes_manager.signal_axes[0].scale == 0.1
