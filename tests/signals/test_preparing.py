"""prepare and remove_ramp on signals."""

from __future__ import annotations

import warnings

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.series import ScanGeometry, SeriesWarning, equalise_frame, resample_frame
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.preparing import prepare, remove_ramp
from hyperspy_smartalign.signals.validating import NotASeriesError


def make(*, lazy=False, n=6, shape=(12, 17), dtype=np.uint16, navigation=None):
    data = np.random.default_rng(0).integers(0, 5000, (n, *shape)).astype(dtype)
    if navigation is not None:
        data = data.reshape(*navigation, *shape)
    data.flags.writeable = False
    signal = hs.signals.Signal2D(data)
    for axis, name, scale, offset, units in zip(
        signal.axes_manager._axes[-2:], "yx", (0.5, 0.2), (10.0, -3.0), ("nm", "µm"), strict=True
    ):
        axis.name, axis.scale, axis.offset, axis.units = name, scale, offset, units
    if navigation is None:
        series = signal.axes_manager._axes[0]
        series.name, series.scale, series.offset, series.units = "frame", 2.0, 1.0, "s"
    if lazy:
        signal = signal.as_lazy()
        signal.data = signal.data.rechunk((2, *shape) if navigation is None else -1)
    return signal


@pytest.fixture(params=[False, True], ids=["eager", "lazy"])
def series(request):
    return make(lazy=request.param)


def unchanged(signal):
    """What of a signal must be the same afterwards."""
    axes = [axis.get_axis_dictionary() for axis in signal.axes_manager._axes]
    return np.array(signal.data), axes, signal.metadata.as_dictionary()


def values(signal):
    return np.asarray(signal.data)


def test_choosing_frames(series):
    before = unchanged(series)
    chosen = prepare(series, first=1, last=4, skip=(2,), reverse=True)
    np.testing.assert_array_equal(values(chosen), values(series)[[4, 3, 1]])
    assert type(chosen) is type(series)
    assert isinstance(chosen.data, da.Array) is series._lazy
    assert chosen.data.dtype == np.uint16
    after = unchanged(series)
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1:] == after[1:]
    (step,) = recording.steps_of(chosen)
    assert step["name"] == "prepare"
    assert step["parameters"]["first"] == 1
    assert step["parameters"]["skip"] == [2]
    assert "equalise" not in step["parameters"]


def test_series_axis_follows():
    series = make()
    frames = prepare(series, first=2, last=5, skip=[3, 5]).axes_manager["frame"]
    assert (frames.size, frames.scale, frames.offset) == (2, 4.0, 5.0)
    turned = prepare(series, reverse=True).axes_manager["frame"]
    assert (turned.offset, turned.scale) == (11.0, -2.0)
    # Unevenly spaced frames cannot have one interval: they are counted.
    uneven = prepare(series, skip=1).axes_manager["frame"]
    assert (uneven.size, uneven.scale, uneven.offset) == (5, 1.0, 0.0)


def test_nothing_shared_with_the_input():
    series = make()
    result = prepare(series)
    assert not np.shares_memory(result.data, series.data)
    assert result.data.flags.writeable
    for keywords in ({"first": 1}, {"transpose": True}, {"resample": 0.5}):
        assert not np.shares_memory(prepare(series, **keywords).data, series.data)


def test_transpose(series):
    result = prepare(series, transpose=True)
    np.testing.assert_array_equal(values(result), values(series).swapaxes(1, 2))
    x, y = result.axes_manager.signal_axes
    assert (x.name, x.size, x.scale, x.offset, x.units) == ("x", 12, 0.5, 10.0, "nm")
    assert (y.name, y.size, y.scale, y.offset, y.units) == ("y", 17, 0.2, -3.0, "µm")
    geometry = recording.scan_geometry_of(result)
    assert geometry.slow_axis(0) == 1
    back = prepare(result, transpose=True)
    np.testing.assert_array_equal(values(back), values(series))
    assert recording.scan_geometry_of(back).slow_axis(0) == 0


@pytest.mark.parametrize("factor", [0.4, 2])
def test_resample(series, factor):
    result = prepare(series, resample=factor)
    expected = np.stack([resample_frame(frame, factor) for frame in values(series)])
    np.testing.assert_array_equal(values(result), expected)
    assert result.data.shape == expected.shape
    assert result.data.dtype == np.float32
    x = result.axes_manager["x"]
    assert x.size == expected.shape[2]
    assert x.scale == pytest.approx(0.2 / factor)
    # The edge of the frame stays where it was.
    assert x.offset - x.scale / 2 == pytest.approx(-3.0 - 0.1)


def test_normalise_warns_and_is_recorded(series):
    with pytest.warns(SeriesWarning, match="no longer are counts"):
        result = prepare(series, normalise=True)
    assert (values(result).min(), values(result).max()) == (0, 1)
    assert result.data.dtype == np.float32
    recorded = recording.steps_of(result)[0]["results"]
    back = values(result) / recorded["normalise_scale"] + recorded["normalise_offset"]
    np.testing.assert_allclose(back, values(series), atol=1e-3)


def test_normalise_covers_the_frames_that_are_kept():
    series = make()
    bright = series.deepcopy()
    bright.data = bright.data.copy()
    bright.data[0] += 20000
    with pytest.warns(SeriesWarning):
        result = prepare(bright, first=1, normalise=True)
    assert result.data.max() == 1


@pytest.mark.parametrize("mode", ["row", "global"])
def test_equalise_follows_the_scan_lines_of_each_frame(series, mode):
    result = prepare(series, scan_rotation="pairs", equalise=mode)
    expected = [
        equalise_frame(frame, mode, slow_axis=number % 2)
        for number, frame in enumerate(values(series))
    ]
    np.testing.assert_array_equal(values(result), expected)
    assert recording.scan_geometry_of(result).for_frames(6).rotation == (0, 90) * 3
    vertical = prepare(series, fast_direction="vertical", equalise=mode)
    np.testing.assert_array_equal(
        values(vertical)[0], equalise_frame(values(series)[0], mode, slow_axis=1)
    )


def test_scan_geometry_follows():
    series = make()
    geometry = ScanGeometry(rotation=(0, 90), line_time=1e-3, frame_time=0.012, source="test")
    recording.write_scan_geometry(series, geometry)
    result = prepare(series, first=1, last=3, transpose=True, resample=2)
    found = recording.scan_geometry_of(result)
    assert found.frame_numbers == (1, 2, 3)
    assert [found.slow_axis(i) for i in range(3)] == [0, 1, 0]
    assert found.line_time == pytest.approx(0.5e-3)
    assert found.frame_time == pytest.approx(0.012)
    assert found.source == "test"
    said = recording.scan_geometry_of(prepare(series, line_time=2e-3))
    assert (said.line_time, said.frame_time) == (2e-3, None)
    assert said.rotation == (0, 90)


def test_rotations_of_the_whole_series_or_of_the_kept_frames():
    series = make()
    whole = prepare(series, skip=[0], scan_rotation=[0, 90, 180, 270, 0, 90])
    kept = prepare(series, skip=[0], scan_rotation=[90, 180, 270, 0, 90])
    expected = (90, 180, 270, 0, 90)
    assert recording.scan_geometry_of(whole).rotation == expected
    assert recording.scan_geometry_of(kept).rotation == expected
    # "pairs" starts anew with the first frame that is kept, as in the plug-in.
    pairs = prepare(series, skip=[0], scan_rotation="pairs")
    assert recording.scan_geometry_of(pairs).rotation[:2] == (0, 90)
    with pytest.raises(ValueError, match="3 scan rotations for 6 frames"):
        prepare(series, scan_rotation=[0, 90, 0])


def test_series_sliced_behind_the_back_of_its_geometry():
    series = prepare(make(), skip=[0], line_time=1e-3)
    with pytest.raises(ValueError, match="describes 5 frames, this series has 2"):
        prepare(series.inav[:2], transpose=True)


def test_steps_accumulate_and_survive(tmp_path):
    series = make()
    twice = remove_ramp(prepare(series, first=1, scan_rotation="set", line_time=1e-3), order=2)
    for name in ("a.hspy", "a.zspy"):
        twice.save(tmp_path / name)
        for lazy in (False, True):
            again = hs.load(tmp_path / name, lazy=lazy)
            steps = recording.steps_of(again)
            assert [step["name"] for step in steps] == ["prepare", "remove_ramp"]
            assert steps[1]["parameters"] == {"order": 2}
            assert np.asarray(steps[1]["results"]["coefficients"]).shape == (5, 6)
            geometry = recording.scan_geometry_of(again)
            assert geometry == recording.scan_geometry_of(twice)


@pytest.mark.parametrize("dtype", [">u2", "<i4", "u1", "f4", ">f8", "f2"])
def test_pixel_types(dtype):
    series = make(dtype=dtype)
    expected = np.float64 if dtype == ">f8" else np.float32
    assert prepare(series, equalise="global").data.dtype == expected
    assert remove_ramp(series).data.dtype == expected
    plain = prepare(series, transpose=True).data
    assert plain.dtype == np.dtype(dtype).newbyteorder("=")
    assert plain.dtype.isnative


@pytest.mark.parametrize("lazy", [False, True])
def test_two_series_axes(lazy):
    series = make(navigation=(2, 3), lazy=lazy)
    result = prepare(series, resample=2, scan_rotation="pairs", equalise="row")
    assert result.data.shape == (2, 3, 24, 34)
    frames = values(series).reshape(6, 12, 17)
    expected = resample_frame(equalise_frame(frames[3], "row", slow_axis=1), 2)
    np.testing.assert_array_equal(values(result)[1, 0], expected)
    with pytest.raises(NotASeriesError, match=r"2 series axes \(2, 3\)"):
        prepare(series, first=1)
    assert remove_ramp(series).data.shape == (2, 3, 12, 17)


def test_single_image():
    image = make().inav[0]
    assert prepare(image, resample=2).data.shape == (24, 34)
    flat = remove_ramp(image)
    assert flat.data.shape == (12, 17)
    assert flat.data.min() == 0
    with pytest.raises(NotASeriesError, match="series axes"):
        prepare(image, skip=[0])


@pytest.mark.parametrize("lazy", [False, True])
def test_spectrum_images_follow_their_series(lazy):
    spectra = hs.signals.Signal1D(np.arange(4 * 3 * 5 * 6).reshape(4, 3, 5, 6))
    spectra = spectra.as_lazy() if lazy else spectra
    result = prepare(spectra, skip=[1], reverse=True, transpose=True)
    np.testing.assert_array_equal(values(result), values(spectra)[[3, 2, 0]].swapaxes(1, 2))
    assert type(result) is type(spectra)
    with pytest.raises(NotASeriesError, match="resample and normalise: works on images"):
        prepare(spectra, resample=2, normalise=True)
    with pytest.raises(NotASeriesError, match="remove_ramp"):
        remove_ramp(spectra)


def test_remove_ramp(series):
    tilted = series + (3.0 * np.arange(17) + 7.0 * np.arange(12)[:, np.newaxis])
    flat = remove_ramp(tilted)
    assert type(flat) is type(series)
    np.testing.assert_array_equal(values(flat).min(axis=(1, 2)), 0)
    difference = values(flat) - values(remove_ramp(series))
    # The same noise without the tilt: both fits take the same plane off.
    np.testing.assert_allclose(difference, 0, atol=2.0)
    with pytest.raises(ValueError, match="order=0"):
        remove_ramp(series, order=0)
    with pytest.raises(ValueError, match="66 coefficients"):
        remove_ramp(make(shape=(8, 8)), order=10)


def test_lazy_results_are_computed_frame_by_frame():
    series = make(lazy=True)
    seen = []

    def watched(block, block_info=None):
        seen.append(block.shape)
        return block

    watching = series.deepcopy()
    watching.data = series.data.map_blocks(watched, meta=np.empty((0, 0, 0), np.uint16))
    result = prepare(watching, resample=0.5, equalise="row")
    assert not seen
    assert result.data.chunks[0] == (2, 2, 2)
    result.inav[0].compute(show_progressbar=False)
    assert seen == [(2, 12, 17)]


def test_an_alignment_that_no_longer_fits_is_left_out():
    series = make()
    series.metadata.set_item("Smart_align", {"canvas": {"top": 0}, "steps": []})
    with pytest.warns(SeriesWarning, match="alignment .* not passed on"):
        result = prepare(series, first=1)
    assert "canvas" not in recording.record_of(result)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "canvas" in recording.record_of(prepare(series, equalise="row"))


def test_refused():
    series = make()
    with pytest.raises(ValueError, match=r"last=9 .* the last is 5"):
        prepare(series, last=9)
    with pytest.raises(ValueError, match="equalise='rows'"):
        prepare(series, equalise="rows")
    with pytest.raises(ValueError, match=r"resample=9"):
        prepare(series, resample=9)
    with pytest.raises(ValueError, match="fast_direction='up'"):
        prepare(series, fast_direction="up")
    with pytest.raises(ValueError, match="line_time=-1"):
        prepare(series, line_time=-1)
    with pytest.raises(ValueError, match="30 degrees"):
        prepare(series, scan_rotation=30, equalise="row")
    with pytest.raises(TypeError, match="complex"):
        prepare(hs.signals.ComplexSignal2D(np.ones((2, 9, 9), complex)), resample=2)
    with pytest.raises(TypeError, match="Python objects, not numbers"):
        prepare(hs.signals.Signal2D(np.ones((2, 9, 9), object)), first=1)
    with pytest.raises(NotASeriesError, match="neither images"):
        prepare(hs.signals.Signal1D(np.ones((3, 4))))
    with pytest.raises(ValueError, match="cannot be normalised"):
        prepare(hs.signals.Signal2D(np.ones((2, 9, 9))), normalise=True)


def test_real_frames(shared_data):
    series = hs.load(shared_data("faststm-movies/F20190424_1_uf.hspy"), lazy=True)
    result = prepare(series, last=9, equalise="global")
    assert result.data.shape == (10, 196, 196)
    lines = np.median(result.inav[0].data.compute(), axis=1)
    raw = np.median(series.inav[0].data.compute(), axis=1)
    assert raw.std() > 50
    np.testing.assert_allclose(lines, np.median(lines), atol=1e-3)
