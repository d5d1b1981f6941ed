"""load_series: files of every kind to a series in order."""

from __future__ import annotations

import shutil
import warnings

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.series import SeriesWarning
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.calibrating import SeriesFileError
from hyperspy_smartalign.signals.loading import load_series

SMALL = "rsciio-small-vendor/"


def axes_of(signal):
    return {
        axis.name: (axis.size, axis.scale, axis.offset, axis.units)
        for axis in signal.axes_manager._axes
    }


def quietly(*arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeriesWarning)
        return load_series(*arguments, **options)


@pytest.fixture
def save(tmp_path):
    """Write a signal as .hspy with calibrated axes; returns the folder."""

    def write(name, data, *, scale=0.5, units="nm", title=None, kind=hs.signals.Signal2D):
        signal = kind(data)
        for axis in signal.axes_manager._axes[-2 if kind is hs.signals.Signal2D else -3 :][:2]:
            axis.scale, axis.units = scale, units
        signal.metadata.General.title = title or name
        signal.save(tmp_path / f"{name}.hspy", overwrite=True)
        return tmp_path

    return write


def frame(seed=0, shape=(7, 9)):
    return np.random.default_rng(seed).integers(0, 1000, shape).astype(np.uint16)


@pytest.fixture
def folder(save):
    for number in (10, 2, 1):
        folder = save(f"Area_{number}", frame(number))
    return folder


@pytest.mark.parametrize("lazy", [False, True])
def test_single_files_are_stacked_in_natural_order(folder, lazy):
    series = load_series(folder, lazy=lazy)
    assert series._lazy is lazy
    assert type(series) is (hs.signals.Signal2D if not lazy else type(series))
    assert isinstance(series.data, da.Array if lazy else np.ndarray)
    np.testing.assert_array_equal(series.data, [frame(n) for n in (1, 2, 10)])
    assert series.data.dtype == np.uint16
    assert [axis.name for axis in series.axes_manager.navigation_axes] == ["frame"]
    assert axes_of(series)["y"] == (7, 0.5, 0.0, "nm")
    assert axes_of(series)["x"] == (9, 0.5, 0.0, "nm")
    assert series.metadata.General.title == "Area"
    (step,) = recording.steps_of(series)
    assert step["name"] == "load_series"
    assert step["parameters"]["files"] == ["Area_1.hspy", "Area_2.hspy", "Area_10.hspy"]


def test_pattern_list_and_paths_agree(folder):
    whole = load_series(folder)
    for files in (
        f"{folder}/Area_*.hspy",
        [folder / f"Area_{n}.hspy" for n in (1, 2, 10)],
        [f"{folder}/Area_?.hspy", str(folder / "Area_10.hspy")],
    ):
        np.testing.assert_array_equal(load_series(files).data, whole.data)


def test_record_survives_saving(folder, tmp_path):
    series = load_series(folder)
    series.save(tmp_path / "stack.zspy")
    again = hs.load(tmp_path / "stack.zspy")
    assert recording.steps_of(again)[0]["parameters"]["files"][0] == "Area_1.hspy"


def test_stacked_files_are_joined(save):
    save("part_1", np.stack([frame(1), frame(2)]))
    folder = save("part_2", np.stack([frame(3), frame(4), frame(5)]))
    series = load_series(folder)
    np.testing.assert_array_equal(series.data, [frame(n) for n in range(1, 6)])
    with pytest.raises(SeriesFileError, match=r"differ in size: 3 x 7 x 9 and 2 x 7 x 9"):
        load_series(folder, stack=True)


def test_stack_true_and_false(save):
    save("part_1", np.stack([frame(1), frame(2)]))
    folder = save("part_2", np.stack([frame(3), frame(4)]))
    both = load_series(folder, stack=True)
    assert both.data.shape == (2, 2, 7, 9)
    assert [axis.name for axis in both.axes_manager._axes][:2] == ["file", "frame"]
    apart = load_series(folder, stack=False)
    assert [entry.data.shape for entry in apart] == [(2, 7, 9), (2, 7, 9)]


def test_different_sizes_and_calibrations_are_refused(save, folder):
    save("Area_11", frame(3, (7, 8)))
    with pytest.raises(SeriesFileError, match=r"Area_11.*Area_1\.hspy.*7 x 8 and 7 x 9"):
        load_series(folder)
    save("Area_11", frame(3), scale=0.52)
    with pytest.raises(SeriesFileError, match=r"Area_11.*0\.52 and 0\.5 nm \(4 %"):
        load_series(folder)
    assert load_series(folder, calibration_tolerance=0.05).data.shape == (4, 7, 9)
    save("Area_11", frame(3), units="keV")
    with pytest.raises(SeriesFileError, match=r"units of axis y: 'keV' and 'nm'"):
        load_series(folder)
    with pytest.raises(ValueError, match="calibration_tolerance"):
        load_series(folder, calibration_tolerance=-1)


def test_units_of_the_first_file_win_and_metres_become_nanometres(save, folder):
    save("Area_11", frame(3), scale=0.5e-3, units="µm")
    save("Area_12", frame(3), scale=0.5e-9, units="m")
    series = load_series(folder)
    assert axes_of(series)["x"] == (9, 0.5, 0.0, "nm")
    alone = quietly(folder / "Area_12.hspy")
    assert axes_of(alone)["x"][1] == pytest.approx(0.5)
    assert axes_of(alone)["x"][3] == "nm"


def test_transpose(folder):
    series = load_series(folder, transpose=True)
    np.testing.assert_array_equal(series.data, [frame(n).T for n in (1, 2, 10)])
    assert recording.scan_geometry_of(series).slow_axis(0) == 1
    assert [step["name"] for step in recording.steps_of(series)] == ["load_series", "prepare"]


def test_spectrum_images_are_stacked_with_frames_outermost(save):
    cubes = [np.random.default_rng(n).poisson(3, (4, 5, 6)).astype(np.uint8) for n in (1, 2)]
    for number, cube in enumerate(cubes):
        folder = save(f"map_{number}", cube, kind=hs.signals.Signal1D)
    series = load_series(folder, lazy=True)
    assert isinstance(series.data, da.Array)
    np.testing.assert_array_equal(series.data.compute(), cubes)
    assert [axis.name for axis in series.axes_manager.navigation_axes] == ["x", "y", "frame"]
    alone = load_series(folder / "map_0.hspy")
    assert alone.data.shape == (4, 5, 6)


def test_blank_and_bad_frames_are_reported(save):
    save("a_1", np.zeros((7, 9), np.float32))
    save("a_2", frame().astype(np.float32))
    folder = save("a_3", frame(1).astype(np.float32))
    with pytest.warns(SeriesWarning, match=r"frame 0 .* of 3 is blank.*skip=\[0\]"):
        load_series(folder)
    with pytest.warns(SeriesWarning, match="frame 0"):
        load_series(folder, lazy=True)
    spoiled = frame(1).astype(np.float32)
    spoiled[2, 3] = np.nan
    save("a_3", spoiled)
    with pytest.warns(SeriesWarning, match=r"frame 2 has 1 pixel .*\(2, 3\)"):
        assert load_series(folder).data.shape == (3, 7, 9)


def test_one_image_becomes_a_series_of_one(save):
    folder = save("a_1", frame())
    with pytest.warns(SeriesWarning, match="one frame"):
        series = load_series(folder)
    assert series.data.shape == (1, 7, 9)
    assert series.axes_manager.navigation_axes[0].name == "frame"


@pytest.mark.parametrize("kept", [0, 40, 0.7])
@pytest.mark.parametrize("name", ["Area_2.hspy", "test_STEM_image.dm3"])
def test_truncated_files_are_named(folder, shared_data, name, kept):
    path = folder / name
    if name.endswith(".dm3"):
        shutil.copyfile(shared_data(SMALL + name), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(SeriesFileError, match=f"cannot read .*{name}"):
        quietly(path)


@pytest.mark.parametrize("lazy", [False, True])
def test_missing_last_pixels_are_noticed(folder, shared_data, lazy):
    path = folder / "cut.mrc"
    content = shared_data(SMALL + "Custom_movie.mrc").read_bytes()
    path.write_bytes(content[:-100])
    with pytest.raises(SeriesFileError, match=r"cannot read .*cut\.mrc"):
        load_series(path, lazy=lazy)


def test_missing_files():
    with pytest.raises(FileNotFoundError, match=r"nothing_\*\.dm4"):
        load_series("nothing_*.dm4")


# Files of microscopes ---------------------------------------------------------------------


@pytest.mark.parametrize("lazy", [False, True])
def test_emi_with_two_detectors(shared_data, lazy):
    pattern = str(shared_data(SMALL + "16x16x5_STEM_BF_DF_preview.emi"))[:-4] + "*"
    detectors = load_series(pattern, lazy=lazy)
    assert list(detectors) == ["signal 0", "signal 1"]
    for detector in detectors.values():
        assert detector.data.shape == (5, 16, 16)
        assert detector.axes_manager.navigation_axes[0].name == "frame"
    second = load_series(pattern, signal=1, lazy=lazy)
    np.testing.assert_array_equal(second.data, detectors["signal 1"].data)
    with pytest.raises(SeriesFileError, match="no signal 'ADF'; it holds 0: 'signal 0'"):
        load_series(pattern, signal="ADF")
    geometry = recording.scan_geometry_of(second)
    assert geometry.frame_time == pytest.approx(0.004915)


def test_negative_scales_change_sign_and_pixels_stay(shared_data):
    path = shared_data(SMALL + "Custom_movie.mrc")
    series = load_series(path)
    np.testing.assert_array_equal(series.data, hs.load(path).data)
    assert axes_of(series)["y"] == (16, 1.0, 0.0, "nm")
    spectra = load_series(shared_data(SMALL + "16x16-spectrum_image_5x5x4000-not_square.emi"))
    y = spectra.axes_manager["y"]
    assert y.scale == pytest.approx(4.258193731)
    assert y.offset == pytest.approx(1.2161e-8, rel=1e-3)


def test_metres_of_panta_rhei(shared_data):
    x = quietly(shared_data(SMALL + "panta_rhei_sample.prz")).axes_manager["x"]
    assert (x.units, x.scale) == ("nm", pytest.approx(7.795828))


def test_velox_detectors(shared_data):
    path = shared_data(SMALL + "STEM HAADF-DF4-DF2-BF Diffraction Micro.emd")
    assert set(quietly(path)) == {"HAADF", "DF4", "DF2", "BF"}
    haadf = quietly(path, signal="haadf")
    assert haadf.data.shape == (1, 128, 128)
    assert recording.scan_geometry_of(haadf).line_time == pytest.approx(1.93e-3)
    with (
        pytest.warns(SeriesWarning, match="BF: the series has one frame"),
        pytest.warns(SeriesWarning, match="BF: the only frame has") as caught,
    ):
        load_series(path, signal="BF")
    # Warnings point at the line of the user.
    assert {warning.filename for warning in caught} == {__file__}
    other = shared_data(SMALL + "STEM HAADF Diffraction Micro.emd")
    pair = load_series([path, other], signal="HAADF")
    assert pair.data.shape == (2, 128, 128)
    with pytest.raises(SeriesFileError, match=r"holds 1 signals \(HAADF\).*holds 4.*signal="):
        load_series([path, other])


def test_dm_stacks(shared_data):
    series = load_series(shared_data(SMALL + "test_stackbuilder_imagestack.dm3"))
    assert series.data.shape == (3, 2, 16)
    assert recording.scan_geometry_of(series).source == "DM DigiScan"
    # Unequal pixel sizes along x and y are kept.
    tif = load_series(shared_data(SMALL + "test_loading_image_saved_with_DM_stack.tif"))
    assert tif.axes_manager["y"].scale == pytest.approx(10 * tif.axes_manager["x"].scale, rel=1e-5)
    assert axes_of(tif)["frame"] == (2, 2.5, 0.0, "s")


def test_bruker_tilt_series(shared_data):
    folder = shared_data("eds-haadf-series-L2083")
    series = load_series(folder, select_type="image", lazy=True)
    (step,) = recording.steps_of(series)
    assert step["parameters"]["files"] == ["-5.bcf", "0.bcf", "5.bcf"]
    assert step["parameters"]["options"] == {"select_type": "image"}
    assert series.data.shape == (3, 256, 256)


def test_channels_are_not_frames(shared_data):
    channels = load_series(shared_data("stm-si111-7x7/si77_051.hspy"))
    assert channels.axes_manager.navigation_axes[0].name == "channel"
    pair = load_series(shared_data("stm-si111-7x7/si77_028_032.hspy"), lazy=True)
    assert [axis.name for axis in pair.axes_manager.navigation_axes] == ["channel", "frame"]


def test_uncalibrated_axes_are_in_pixels(shared_data):
    image = quietly(shared_data("tem-carbon-6frames/scan-image.hspy"))
    assert axes_of(image)["x"] == (256, 1.0, 0.0, "px")


def test_rotated_files_are_reported(save, tmp_path):
    for number, angle in enumerate((0.0, 90.0)):
        signal = hs.signals.Signal2D(frame(number, (50, 100)))
        scan = {"Sample Time": 10, "Flyback": 400, "Rotation": angle}
        scan |= {"Image Width": 100, "Image Height": 50}
        tags = {"ImageList": {"TagGroup0": {"ImageTags": {"DigiScan": scan}}}}
        signal.original_metadata.add_dictionary(tags)
        signal.save(tmp_path / f"scan_{number}.hspy")
    with pytest.warns(SeriesWarning, match=r"different rotations \(0, 90") as caught:
        series = load_series(tmp_path)
    assert caught[0].filename == __file__
    geometry = recording.scan_geometry_of(series)
    assert geometry.instrument_rotation == (0, 90)
    assert geometry.rotation == (0,)
    assert geometry.line_time == pytest.approx(1.4e-3)
