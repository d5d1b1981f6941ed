"""Spectrum images become images of counts, with their calibration."""

from __future__ import annotations

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import ScanGeometry
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.spectra.integrating import integrate
from hyperspy_smartalign.signals.validating import NotASeriesError, frames_of


@pytest.fixture
def series():
    data = np.random.default_rng(3).integers(0, 60000, (4, 7, 5, 30)).astype(np.uint16)
    signal = hs.signals.Signal1D(data)
    signal.set_signal_type("EDS_TEM")
    for axis, name, scale, units in zip(
        signal.axes_manager._axes, ("frame", "y", "x"), (2.0, -0.5, 0.25), "smm", strict=False
    ):
        axis.name, axis.scale, axis.units = name, scale, units
    signal.axes_manager["x"].offset = 3.0
    energy = signal.axes_manager.signal_axes[0]
    energy.name, energy.scale, energy.units = "Energy", 0.1, "keV"
    signal.metadata.General.title = "map"
    signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 200.0)
    signal.metadata.set_item("Sample.elements", ["Fe"])
    signal.original_metadata.add_dictionary({"Scan": {"Frames": 4}})
    recording.write_scan_geometry(signal, ScanGeometry(line_time=0.01))
    recording.append_step(signal, "prepare", {"skip": [1]})
    return signal


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("workers", [1, 3])
def test_sums_over_the_channels(series, lazy: bool, workers: int) -> None:
    signal = series.as_lazy(chunks=(1, 4, 5, 8)) if lazy else series
    images = integrate(signal, num_workers=workers)
    assert type(images).__name__ == ("LazySignal2D" if lazy else "Signal2D")
    assert images.data.dtype == np.uint32
    np.testing.assert_array_equal(np.asarray(images.data), series.data.sum(axis=-1, dtype=np.int64))
    if lazy:
        assert images.data.chunks == ((1, 1, 1, 1), (4, 3), (5,))
    assert len(frames_of(images)) == 4


@pytest.mark.parametrize("signal_range", [(4, 20), (0.4, 2.0), hs.roi.SpanROI(0.4, 2.0)])
def test_sums_over_a_range(series, signal_range) -> None:
    images = integrate(series, signal_range)
    wanted = series.data[..., 4:20].sum(axis=-1, dtype=np.int64)
    np.testing.assert_array_equal(images.data, wanted)
    step = recording.steps_of(images)[-1]
    assert step == {"name": "integrate", "parameters": {"signal_range": list(signal_range)}}


def test_calibration_metadata_and_record(series) -> None:
    before = series.deepcopy()
    images = integrate(series)
    axes = [
        (a.name, a.size, a.scale, a.offset, a.units, a.navigate) for a in images.axes_manager._axes
    ]
    assert axes == [
        ("frame", 4, 2.0, 0.0, "s", True),
        ("y", 7, -0.5, 0.0, "m", False),
        ("x", 5, 0.25, 3.0, "m", False),
    ]
    assert images.metadata.General.title == "map (integrated)"
    assert images.metadata.Signal.signal_type == ""
    assert images.metadata.Acquisition_instrument.TEM.beam_energy == 200.0
    assert images.original_metadata.Scan.Frames == 4
    assert recording.scan_geometry_of(images) == ScanGeometry(line_time=0.01)
    assert [entry["name"] for entry in recording.steps_of(images)] == ["prepare", "integrate"]
    assert recording.steps_of(images)[-1]["parameters"] == {"signal_range": None}
    images.metadata.Sample.elements.append("O")
    images.original_metadata.Scan.Frames = 5
    assert series.metadata.as_dictionary() == before.metadata.as_dictionary()
    assert series.original_metadata.Scan.Frames == 4
    np.testing.assert_array_equal(series.data, before.data)


def test_what_belongs_to_the_spectra_is_left_out(series) -> None:
    series.metadata.set_item("Signal.Noise_properties.variance", series.deepcopy())
    series.navigator = hs.signals.Signal2D(np.zeros((7, 5)))
    images = integrate(series)
    assert "Noise_properties" not in images.metadata.Signal
    assert images.navigator is None
    assert series.navigator is not None
    assert series.metadata.has_item("Signal.Noise_properties.variance")


def test_the_record_survives_files(series, tmp_path) -> None:
    images = integrate(series, (4, 20.5 * 0.1))
    images.save(tmp_path / "images.hspy")
    again = hs.load(tmp_path / "images.hspy")
    assert type(again) is type(images)
    (_, step) = recording.steps_of(again)
    assert step["parameters"]["signal_range"] == pytest.approx([4, 2.05])


def test_a_pixel_with_nan_is_nan() -> None:
    data = np.ones((2, 3, 4, 9), np.float32)
    data[1, 2, 3, 5] = np.nan
    for lazy in (False, True):
        signal = hs.signals.Signal1D(data)
        images = np.asarray(integrate(signal.as_lazy() if lazy else signal).data)
        assert images.dtype == np.float32
        assert np.argwhere(np.isnan(images)).tolist() == [[1, 2, 3]]
        assert np.nansum(images) == 23 * 9


@pytest.mark.parametrize("dtype", [">u2", ">f4", np.float64, bool, np.uint8])
def test_types_and_read_only_data(dtype) -> None:
    data = np.random.default_rng(0).integers(0, 2, (2, 5, 3, 300)).astype(dtype)
    data.flags.writeable = False
    images = integrate(hs.signals.Signal1D(data))
    assert images.data.dtype.isnative
    np.testing.assert_array_equal(images.data, data.sum(axis=-1))


def test_a_series_of_two_axes() -> None:
    data = np.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)
    images = integrate(hs.signals.Signal1D(data))
    assert images.axes_manager.shape == (3, 2, 5, 4)
    np.testing.assert_array_equal(images.data, data.sum(axis=-1))


@pytest.mark.parametrize("lazy", [False, True])
def test_virtual_images_of_diffraction_patterns(lazy: bool) -> None:
    data = np.random.default_rng(0).integers(0, 255, (3, 5, 4, 8, 10)).astype(np.uint8)
    signal = hs.signals.Signal2D(data)
    signal = signal.as_lazy(chunks=(1, 5, 4, 8, 4)) if lazy else signal
    images = integrate(signal, (2, 9, 1, 6), series_dimension=1)
    assert images.axes_manager.shape == (3, 4, 5)
    np.testing.assert_array_equal(
        np.asarray(images.data), data[..., 1:6, 2:9].sum(axis=(-2, -1), dtype=np.int64)
    )


def test_images_are_refused() -> None:
    with pytest.raises(NotASeriesError, match="no channels to integrate over"):
        integrate(hs.signals.Signal2D(np.zeros((3, 5, 4))))
    with pytest.raises(NotASeriesError, match="one frame"):
        integrate(hs.signals.Signal1D(np.zeros((5, 4, 6))))


def test_sparse_blocks_give_dense_images() -> None:
    sparse = pytest.importorskip("sparse")
    data = np.random.default_rng(0).poisson(0.1, (2, 4, 5, 16)).astype(np.uint16)
    blocks = da.from_array(data, chunks=(1, 4, 5, 8)).map_blocks(sparse.COO)
    images = integrate(hs.signals.Signal1D(blocks).as_lazy())
    total = images.data.compute()
    assert isinstance(total, np.ndarray)
    np.testing.assert_array_equal(total, data.sum(axis=-1))


def test_frames_of_a_velox_file(shared_data) -> None:
    path = shared_data("velox-si-frames/fei_SI_SuperX-HAADF_10frames_10x50.emd")
    eager, lazy = (
        next(s for s in hs.load(path, sum_frames=False, lazy=lazy) if s.data.ndim == 4)
        for lazy in (False, True)
    )
    images = integrate(eager)
    assert images.data.shape == (10, 50, 10)
    assert images.data.sum() == eager.data.sum()
    np.testing.assert_array_equal(images.data, integrate(lazy).data.compute())
    assert [axis.units for axis in images.axes_manager.signal_axes] == ["nm", "nm"]
