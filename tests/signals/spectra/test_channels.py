"""Channels are chosen and added before any work, without touching the data."""

from __future__ import annotations

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.signals.spectra.channels import range_in_channels, selected, sum_dtype
from hyperspy_smartalign.signals.validating import layout_of


def spectra(shape=(3, 5, 4, 20), dtype=np.uint16, kind: str = "EELS", lazy_chunks=None):
    """Spectrum images on an energy axis of 100 eV + 0.5 eV a channel."""
    data = np.random.default_rng(1).integers(0, 200, shape).astype(dtype)
    data = data if lazy_chunks is None else da.from_array(data, chunks=lazy_chunks)
    signal = hs.signals.Signal1D(data)
    signal = signal if lazy_chunks is None else signal.as_lazy()
    signal.set_signal_type(kind)
    axis = signal.axes_manager.signal_axes[0]
    axis.scale, axis.offset, axis.units, axis.name = 0.5, 100.0, "eV", "Energy loss"
    axis.is_binned = True
    return signal


def summed(data, binning: int):
    """Neighbouring channels added, in 64 bits."""
    kept = data.shape[-1] // binning * binning
    data = np.asarray(data[..., :kept])
    wide = np.int64 if data.dtype.kind in "biu" else np.float64
    return data.reshape(*data.shape[:-1], -1, binning).sum(-1, dtype=wide)


def test_nothing_to_do_gives_the_signal_itself() -> None:
    signal = spectra()
    assert selected(signal) is signal
    assert selected(signal, signal_range=(0, 20)) is signal
    assert selected(signal, signal_range=(100.0, 110.0)) is signal


@pytest.mark.parametrize(
    ("signal_range", "channels"),
    [
        ((3, 9), (3, 9)),
        ((-5, 20), (15, 20)),
        ((101.5, 104.0), (3, 8)),
        ((102.0, 15), (4, 15)),
        ((99.9, 110.0), (0, 20)),
        ((109.5, 110.0), (19, 20)),
        (hs.roi.SpanROI(101.5, 104.0), (3, 8)),
        ((np.int64(3), np.float32(104.0)), (3, 8)),
    ],
)
def test_range_by_index_by_value_and_by_roi(signal_range, channels: tuple[int, int]) -> None:
    signal = spectra()
    result = selected(signal, signal_range=signal_range)
    assert range_in_channels(signal, signal_range) == (channels,)
    np.testing.assert_array_equal(result.data, signal.data[..., slice(*channels)])
    assert np.shares_memory(result.data, signal.data)
    axis = result.axes_manager.signal_axes[0]
    assert (axis.scale, axis.offset, axis.units) == (0.5, 100.0 + 0.5 * channels[0], "eV")
    assert axis.is_binned


@settings(deadline=None, max_examples=40)
@given(
    start=st.floats(100.0, 109.4),
    length=st.floats(0.6, 9.0),
    scale=st.sampled_from([0.5, -0.5]),
)
def test_values_are_rounded_as_hyperspy_does(start: float, length: float, scale: float) -> None:
    signal = hs.signals.Signal1D(np.zeros((2, 2, 2, 20)))
    axis = signal.axes_manager.signal_axes[0]
    axis.scale, axis.offset = scale, 100.0 if scale > 0 else 109.5
    first, last = (start, min(start + length, 109.5))[:: 1 if scale > 0 else -1]
    theirs = axis.axis[axis.value2index(first)], axis.value2index(last)
    if theirs[1] <= axis.value2index(first):
        return
    ((begin, end),) = range_in_channels(signal, (first, last))
    assert (axis.axis[begin], end) == theirs


def test_lazy_spectra_stay_lazy_with_their_chunks() -> None:
    signal = spectra(lazy_chunks=(1, 3, 4, 8))
    result = selected(signal, signal_range=(4, 18))
    assert result._lazy
    assert result.data.chunks == ((1, 1, 1), (3, 2), (4,), (4, 8, 2))
    np.testing.assert_array_equal(result.data.compute(), signal.data[..., 4:18].compute())


@pytest.mark.parametrize("binning", [2, 3, 7, 20])
@pytest.mark.parametrize("chunks", [None, (1, 3, 4, 8), (2, 5, 4, 1), (3, 5, 4, 20)])
def test_binning_adds_channels(binning: int, chunks) -> None:
    signal = spectra(lazy_chunks=chunks)
    before = np.array(signal.data)
    result = selected(signal, binning=binning)
    assert result._lazy
    assert type(result).__name__ == "LazyEELSSpectrum"
    np.testing.assert_array_equal(result.data.compute(), summed(before, binning))
    np.testing.assert_array_equal(np.array(signal.data), before)
    axis = result.axes_manager.signal_axes[0]
    # The centre of a bin is the mean of its channels.
    assert axis.axis[0] == pytest.approx(100 + 0.5 * np.arange(binning).mean())
    assert (axis.scale, axis.size, axis.is_binned) == (0.5 * binning, 20 // binning, True)


def test_axes_are_those_of_rebin() -> None:
    signal = hs.signals.Signal1D(np.arange(2 * 3 * 4 * 20.0).reshape(2, 3, 4, 20))
    signal.axes_manager.signal_axes[0].scale = -0.25
    theirs = signal.rebin(scale=(1, 1, 1, 4))
    ours = selected(signal, binning=4)
    np.testing.assert_array_equal(ours.data.compute(), theirs.data)
    np.testing.assert_allclose(
        ours.axes_manager.signal_axes[0].axis, theirs.axes_manager.signal_axes[0].axis
    )


def test_frames_in_memory_are_chunks_and_views() -> None:
    signal = spectra()
    result = selected(signal, binning=2)
    assert result.data.chunks == ((1, 1, 1), (5,), (4,), (10,))
    signal.data[1] = 1
    # Nothing was added, and nothing copied, before it was asked for.
    np.testing.assert_array_equal(result.data[1].compute(), np.full((5, 4, 10), 2))


def test_only_the_frames_asked_for_are_binned() -> None:
    read = []

    def load(block, block_info=None):
        read.append(block_info[0]["array-location"][0])
        return block

    data = da.zeros((4, 5, 6, 20), chunks=(1, 5, 6, 20)).map_blocks(
        load, dtype=float, meta=np.empty((0,) * 4)
    )
    result = selected(hs.signals.Signal1D(data).as_lazy(), signal_range=(2, 18), binning=4)
    read.clear()
    result.data[2].compute()
    assert read == [(2, 3)]


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int8, np.uint16, ">u2", np.uint32, np.float16, ">f4", bool]
)
def test_counts_do_not_overflow(dtype) -> None:
    highest = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 1
    data = np.full((2, 3, 4, 10), highest, dtype)
    data.flags.writeable = False
    result = selected(hs.signals.Signal1D(data), binning=5).data
    assert result.dtype.isnative
    np.testing.assert_array_equal(result.compute(), np.full((2, 3, 4, 2), 5 * int(highest)))


@pytest.mark.parametrize(
    ("dtype", "count", "wanted"),
    [
        (np.uint8, 1, np.uint8),
        (np.uint8, 257, np.uint16),
        (np.uint8, 258, np.uint32),
        (np.int16, 2, np.int32),
        (np.uint32, 1 << 40, np.uint64),
        (">u2", 1, np.uint16),
        (bool, 300, np.uint16),
        (np.float16, 2, np.float32),
        (">f4", 2, np.float32),
        (np.float64, 2, np.float64),
    ],
)
def test_type_of_sums(dtype, count: int, wanted) -> None:
    assert sum_dtype(dtype, count) == np.dtype(wanted)


def test_nan_stays_in_its_bin() -> None:
    data = np.ones((2, 3, 4, 8), np.float32)
    data[1, 2, 3, 5] = np.nan
    result = selected(hs.signals.Signal1D(data), binning=2).data.compute()
    assert np.argwhere(np.isnan(result)).tolist() == [[1, 2, 3, 2]]


@pytest.mark.parametrize("shape", [(5, 4, 20), (2, 3, 5, 4, 20)])
def test_any_number_of_series_axes(shape) -> None:
    signal = spectra(shape)
    result = selected(signal, signal_range=(2, 20), binning=3)
    np.testing.assert_array_equal(result.data.compute(), summed(signal.data[..., 2:], 3))


@pytest.mark.parametrize("lazy", [False, True])
def test_regions_and_binning_of_diffraction_patterns(lazy: bool) -> None:
    data = np.random.default_rng(0).integers(0, 9, (2, 3, 4, 12, 16)).astype(np.uint8)
    signal = hs.signals.Signal2D(data)
    signal = signal.as_lazy(chunks=(1, 3, 4, 5, 7)) if lazy else signal
    kx = signal.axes_manager.signal_axes[0]
    kx.scale, kx.offset = 0.5, -4.0
    for region in (
        (1, 14, 2, 11),
        hs.roi.RectangularROI(left=-3.5, right=2.0, top=3.0, bottom=11.0),
    ):
        result = selected(signal, signal_range=region, binning=2)
        top = 2 if isinstance(region, tuple) else 3
        right = 14 if isinstance(region, tuple) else 12
        part = data[..., top:11, 1:right].astype(np.int64)
        part = part[..., : part.shape[-2] // 2 * 2, : part.shape[-1] // 2 * 2]
        wanted = part.reshape(2, 3, 4, part.shape[-2] // 2, 2, part.shape[-1] // 2, 2).sum((-3, -1))
        np.testing.assert_array_equal(result.data.compute(), wanted)
        assert result.axes_manager.signal_axes[0].axis[0] == pytest.approx(-3.25)
        assert result.axes_manager.signal_axes[1].axis[0] == pytest.approx(top + 0.5)


@pytest.mark.parametrize("instrument", [True, False])
@pytest.mark.parametrize("kind", ["EELS", "EDS_TEM", "EDS_SEM", ""])
def test_metadata_survive(kind: str, instrument: bool) -> None:
    signal = spectra(kind=kind)
    signal.metadata.General.title = "interface"
    if instrument:
        signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 200.0)
        signal.metadata.set_item("Acquisition_instrument.TEM.Detector.EELS.dwell_time", 0.25)
        signal.metadata.set_item("Acquisition_instrument.TEM.Detector.EDS.live_time", 1.5)
    # One, as exspy sorts those of EELS anew in every copy.
    signal.metadata.set_item("Sample.elements", ["Fe"])
    signal.metadata.set_item("Smart_align.steps", [{"name": "prepare", "parameters": {}}])
    signal.original_metadata.add_dictionary({"Microscope": {"Voltage": 200}})
    before = signal.metadata.as_dictionary()
    for result in (
        selected(signal, signal_range=(2, 18)),
        selected(signal, signal_range=(2, 18), binning=2),
    ):
        assert type(result).__name__.removeprefix("Lazy") == type(signal).__name__
        assert result.metadata.as_dictionary() == before
        assert result.original_metadata.Microscope.Voltage == 200
        result.metadata.Sample.elements.append("O")
    assert signal.metadata.as_dictionary() == before


def test_an_axis_that_is_not_uniform_has_ranges_but_no_bins() -> None:
    values = np.arange(1.0, 11.0) ** 2
    axes = [{"size": 2}, {"size": 3}, {"size": 4}]
    axes.append({"name": "wavelength", "axis": values, "units": "nm", "navigate": False})
    signal = hs.signals.Signal1D(np.zeros((2, 3, 4, 10)), axes=axes)
    result = selected(signal, signal_range=(4.0, 64.0))
    np.testing.assert_array_equal(result.axes_manager.signal_axes[0].axis, values[1:7])
    assert range_in_channels(signal, (64.0, 119.0)) == ((7, 10),)
    with pytest.raises(NotImplementedError, match=r"wavelength is not uniform.*binning=1"):
        selected(signal, binning=2)


@pytest.mark.parametrize(
    ("signal_range", "error", "said"),
    [
        ((3, 21), ValueError, "21 lies outside the Energy loss axis, which has 20 channels"),
        ((-21, 5), ValueError, "-21 lies outside"),
        ((90.0, 105.0), ValueError, "90.0 lies outside .* from 100 to 109.5 eV"),
        ((105.0, 111.0), ValueError, "111.0 lies outside"),
        ((float("nan"), 105.0), ValueError, "nan lies outside"),
        ((8, 8), ValueError, "holds no channel"),
        ((105.0, 102.0), ValueError, "holds no channel .* from channel 10 up to.* 4"),
        ((1, 2, 3, 4), ValueError, r"holds 4 numbers; this signal needs 2: \(start, stop\)"),
        (7, TypeError, r"must be \(start, stop\) or hs.roi.SpanROI, not 7"),
        ("all", TypeError, "not 'all'"),
        (("a", "b"), TypeError, "'a' is none"),
        ((True, 5), TypeError, "True is none"),
    ],
)
def test_wrong_ranges_are_refused(signal_range, error, said: str) -> None:
    with pytest.raises(error, match=said):
        selected(spectra(), signal_range=signal_range)


@pytest.mark.parametrize(
    ("binning", "error", "said"),
    [
        (21, ValueError, "binning=21 is more than .* 20 channels"),
        (0, ValueError, "1 or more channels, not 0"),
        (2.0, TypeError, "an int"),
        (True, TypeError, "an int"),
    ],
)
def test_wrong_binning_is_refused(binning, error, said: str) -> None:
    with pytest.raises(error, match=said):
        selected(spectra(), binning=binning)


def test_patterns_need_four_numbers() -> None:
    with pytest.raises(ValueError, match=r"needs 4: \(left, right, top, bottom\)"):
        selected(hs.signals.Signal2D(np.zeros((2, 3, 4, 8, 8))), signal_range=(1, 4))


def test_sparse_blocks_are_binned() -> None:
    sparse = pytest.importorskip("sparse")
    data = np.random.default_rng(0).poisson(0.1, (2, 4, 5, 16)).astype(np.uint16)
    blocks = da.from_array(data, chunks=(1, 4, 5, 16)).map_blocks(sparse.COO)
    result = selected(hs.signals.Signal1D(blocks).as_lazy(), binning=4).data.compute()
    assert isinstance(result, np.ndarray)
    np.testing.assert_array_equal(result, summed(data, 4))


@pytest.mark.parametrize("lazy", [False, True])
def test_all_channels_in_one(lazy: bool) -> None:
    signal = spectra(kind="EDS_TEM")
    result = selected(signal.as_lazy() if lazy else signal, binning=20)
    assert type(result).__name__ == "LazyEDSTEMSpectrum"
    assert result.data.shape == (3, 5, 4, 1)
    assert layout_of(result).channel_shape == (1,)
