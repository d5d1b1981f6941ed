"""Scan geometry from vendors' tags: numbers seen in real files, and damaged tags."""

from __future__ import annotations

import copy
import zipfile

import pytest

from hyperspy_smartalign.series import ScanGeometry, scan_geometry_from_metadata


def of_file(path, place=0, *, lazy=True, **options):
    hs = pytest.importorskip("hyperspy.api")
    content = hs.load(path, lazy=lazy, **options)
    signal = content[place] if isinstance(content, list) else content
    axes = signal.axes_manager._axes
    y, x = axes[-2:] if signal.axes_manager.signal_dimension == 2 else axes[-3:-1]
    return scan_geometry_from_metadata(
        signal.original_metadata.as_dictionary(), signal.metadata.as_dictionary(), (y.size, x.size)
    )


SMALL = "rsciio-small-vendor/"


def test_dm_cropped_image_has_no_line_time(shared_data):
    # 68 x 68 pixels cut from a scan of 2048 x 2048.
    geometry = of_file(shared_data(SMALL + "test_STEM_image.dm3"))
    assert geometry.source == "DM DigiScan"
    assert geometry.dwell_time == pytest.approx(3.5e-6)
    assert geometry.flyback_time == pytest.approx(400e-6)
    assert geometry.line_time is None
    assert geometry.rotation == (0,)


def test_dm_survey_image(shared_data):
    geometry = of_file(shared_data("eels-si-sto-interface-dm3/DMReader_Image_SI-Survey.dm3"))
    assert geometry.line_time == pytest.approx(512 * 31.5e-6 + 500e-6)
    assert geometry.frame_time == pytest.approx(512 * geometry.line_time)
    assert geometry.instrument_rotation == (328,)
    assert geometry.rotation == (0,)


def test_dm_stackbuilder_nests_its_tags(shared_data):
    geometry = of_file(shared_data(SMALL + "test_stackbuilder_imagestack.dm3"))
    assert geometry.dwell_time == pytest.approx(0.03000005078125)
    assert geometry.line_time == pytest.approx(16 * 0.03000005078125 + 500e-6)


def test_dm_lines_that_wait_for_the_mains(shared_data):
    geometry = of_file(shared_data("stem-atomic-single-images/Se_implanted_MoS2.dm3"))
    assert geometry.dwell_time == pytest.approx(32.4e-6)
    assert geometry.flyback_time == pytest.approx(392e-6)
    assert geometry.line_time is None
    assert "mains" in geometry.source


def test_dm_spectrum_image_and_its_sub_pixel_image(shared_data):
    folder = "eels-si-sto-interface-dm3/"
    spectra = of_file(shared_data(folder + "DMReader_SpectrumImage_SI-EELS.dm3"))
    image = of_file(shared_data(folder + "DMReader_SI-HAADF.dm3"))
    assert spectra.dwell_time == pytest.approx(0.2)
    assert image.dwell_time == pytest.approx(0.2 / 32**2)
    assert image.line_time is None
    assert of_file(shared_data(SMALL + "EELS_SI.dm4")).dwell_time == pytest.approx(0.02)


def test_velox_text_and_radians(shared_data):
    geometry = of_file(shared_data(SMALL + "STEM HAADF Diffraction Micro.emd"))
    assert geometry.source == "Velox"
    assert geometry.dwell_time == pytest.approx(1e-5)
    assert geometry.line_time == pytest.approx(1.93e-3)
    assert geometry.flyback_time == pytest.approx(1.93e-3 - 128e-5)
    assert geometry.frame_time == pytest.approx(0.24706)
    assert geometry.instrument_rotation[0] == pytest.approx(18.2, abs=1e-3)


@pytest.mark.slow
def test_velox_part_of_the_scan(shared_data):
    # 10 columns of a scan of 128.
    path = shared_data("velox-si-frames/fei_SI_SuperX-HAADF_10frames_10x50.emd")
    geometry = of_file(path, place=1, sum_frames=False)
    assert geometry.flyback_time == pytest.approx(0.01536 - 10 * 0.00128)
    assert geometry.frame_time == pytest.approx(50 * 0.01536)


def test_velox_map_with_tags_of_another_scan(shared_data, tmp_path):
    with zipfile.ZipFile(shared_data("velox-si-frames/velox_EELS_EDS.zip")) as archive:
        path = archive.extract("example_velox_EELS_EDS.emd", tmp_path)
    geometry = of_file(path, place=-1)  # EDS 128 x 128 with the tags of the 20 x 16 scan
    assert geometry.line_time is None
    assert geometry.dwell_time is None


def test_velox_camera_frames_are_not_scanned(shared_data):
    assert of_file(shared_data("velox-si-frames/fei_example_tem_stack.emd")) is None


def test_tia(shared_data):
    geometry = of_file(shared_data("stem-sto-ser-and-si110/16_STOimage.emi"))
    assert geometry.source == "TIA"
    assert geometry.dwell_time == pytest.approx(29e-6)
    assert geometry.frame_time == pytest.approx(36.4904)
    assert geometry.line_time == pytest.approx(36.4904 / 1024)
    assert geometry.flyback_time == pytest.approx(36.4904 / 1024 - 1024 * 29e-6)


def test_tia_ser_alone_and_camera_know_nothing(shared_data):
    assert of_file(shared_data("stem-sto-ser-and-si110/16_STOimage_1.ser")) is None
    assert of_file(shared_data(SMALL + "64x64x5_TEM_preview.emi")) is None


def test_tia_spectrum_image_has_the_frame_time_of_another_image(shared_data):
    geometry = of_file(shared_data(SMALL + "16x16-spectrum_image_5x5x4000-not_square.emi"))
    assert geometry.dwell_time == pytest.approx(5e-6)
    assert geometry.frame_time is None


def test_bruker(shared_data):
    geometry = of_file(shared_data("eds-haadf-series-L2083/0.bcf"), select_type="image")
    assert geometry.source == "Bruker Esprit"
    # 30 averages of 1 microsecond; 72 maps of it fill the 141.8 s real time of the file.
    assert geometry.dwell_time == pytest.approx(30e-6)
    assert geometry.line_time is None


def test_jeol(shared_data):
    path = shared_data("eds-jeol-14frames/View000_0000006.pts")
    # Not lazy: this reader fails to bin lazily.
    geometry = of_file(path, lazy=False, sum_frames=False, downsample=4, rebin_energy=64)
    assert geometry.source == "JEOL"
    assert geometry.instrument_rotation == (239,)
    # 366.9 s for 14 frames; 128 rows after the reader's binning, 4 lines and 16 pixels each.
    assert geometry.frame_time == pytest.approx(366.9 / 14)
    assert geometry.line_time == pytest.approx(366.9 / 14 / 128)
    assert geometry.dwell_time == pytest.approx(16 * 1e-4)


def test_panta_rhei_binned_image(shared_data):
    geometry = of_file(shared_data(SMALL + "panta_rhei_sample.prz"))
    assert geometry.source == "Panta Rhei"
    assert geometry.dwell_time == pytest.approx(15e-6)
    assert geometry.flyback_time == pytest.approx(501e-6)
    assert geometry.line_time is None


DM = {"Sample Time": "10", "Flyback": 400, "Image Width": 100, "Image Height": 50, "Rotation": 90}


def dm(**changes):
    scan = {**DM, **changes}
    return {"ImageList": {"TagGroup0": {"ImageTags": {"DigiScan": scan}}}}


def test_whole_dm_scan():
    geometry = scan_geometry_from_metadata(dm(), {}, (50, 100))
    assert geometry == ScanGeometry(
        line_time=geometry.line_time,
        dwell_time=geometry.dwell_time,
        flyback_time=geometry.flyback_time,
        frame_time=geometry.frame_time,
        source="DM DigiScan",
        instrument_rotation=(90,),
    )
    assert geometry.line_time == pytest.approx(1.4e-3)


@pytest.mark.parametrize(
    "value", ["", "fast", None, float("nan"), float("inf"), -1, 0, [1], {}, True]
)
def test_garbage_is_ignored(value):
    assert scan_geometry_from_metadata(dm(**{"Sample Time": value}), {}, (50, 100)) is None
    flyback = scan_geometry_from_metadata(dm(Flyback=value), {}, (50, 100))
    assert flyback.flyback_time is None
    assert flyback.line_time is None
    velox = {"Scan": {"DwellTime": "1e-5", "LineTime": value, "FrameTime": value}}
    assert scan_geometry_from_metadata(velox, {}, (50, 100)).line_time is None


@pytest.mark.parametrize("tags", [{}, {"ImageList": 3}, {"Scan": "no"}, {"ObjectInfo": None}])
def test_nothing_known(tags):
    before = copy.deepcopy(tags)
    assert scan_geometry_from_metadata(tags, None, (50, 100)) is None
    assert tags == before


def test_not_scanned_and_fallback():
    metadata = {"Acquisition_instrument": {"TEM": {"dwell_time": "2e-6"}}}
    assert scan_geometry_from_metadata({}, metadata, None) is None
    assert scan_geometry_from_metadata({}, metadata, (0, 5)) is None
    assert scan_geometry_from_metadata({}, metadata, (5, 5)).dwell_time == 2e-6


def test_interlaced_velox_lines_have_no_time():
    scan = {"DwellTime": 1e-5, "LineTime": 2e-3, "LineInterlacing": "2"}
    geometry = scan_geometry_from_metadata({"Scan": scan}, {}, (50, 100))
    assert geometry.line_time is None
    assert geometry.dwell_time == 1e-5
