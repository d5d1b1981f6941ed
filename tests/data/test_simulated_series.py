from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import Detector, render_frame, simulate_series, simulate_stack
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.series.vendors import scan_geometry_from_metadata

SMALL = {"shape": (24, 19), "frames": 3}


def test_the_series_is_calibrated_and_holds_the_stack():
    simulated = simulate_series(scale=0.05, seed=2, **SMALL)
    signal = simulated.series
    assert signal._signal_dimension == 2
    assert signal.axes_manager.shape == (3, 19, 24)
    x, y = signal.axes_manager.signal_axes
    assert (x.name, x.scale, x.units) == ("x", 0.05, "nm")
    assert (y.name, y.scale, y.units) == ("y", 0.05, "nm")
    assert signal.axes_manager.navigation_axes[0].name == "frame"
    np.testing.assert_array_equal(signal.data, simulate_stack(seed=2, **SMALL).stack)
    assert simulated.second is None
    assert simulated.spectrum_image is None
    assert simulated.crystal is simulated.truth.crystal
    assert simulated.path is simulated.truth.path


def test_the_scan_is_told_in_three_places():
    simulated = simulate_series(
        dwell_time=4e-6, flyback_time=24e-6, scan_rotation="pairs", shape=(20, 20), frames=4
    )
    assert simulated.scan == {
        "line_time": pytest.approx(1.04e-4),
        "dwell_time": 4e-6,
        "flyback_time": 24e-6,
        "frame_time": pytest.approx(2.08e-3),
        "scan_rotation": [0.0, 90.0, 0.0, 90.0],
    }
    tags = simulated.series.original_metadata.as_dictionary()
    read = scan_geometry_from_metadata(tags, {}, (20, 20))
    assert read.line_time == pytest.approx(1.04e-4)
    assert read.flyback_time == pytest.approx(24e-6)
    assert read.frame_time == pytest.approx(2.08e-3)
    recorded = simulated.series.metadata.Smart_align.scan_geometry.as_dictionary()
    assert ScanGeometry.from_dict(recorded) == simulated.path.geometry


def test_the_second_detector_sees_the_same_scan_in_inverted_contrast():
    simulated = simulate_series(
        second_detector=True, dose=500.0, row_jitter=0.5, shape=(64, 64), frames=2
    )
    dark = simulated.crystal.inverted()
    residuals = []
    for frame in range(2):
        bright = simulated.truth.noise_free(frame)
        inverted = render_frame(dark, simulated.path, frame)
        assert np.corrcoef(bright.ravel(), inverted.ravel())[0, 1] < -0.999
        residuals.append(simulated.series.data[frame] - 500 * bright)
        residuals.append(simulated.second.data[frame] - 500 * inverted)
    # What is left is noise of its own: 4,096 pixels, correlations of 0.016 by chance.
    correlation = np.corrcoef(np.reshape(residuals, (4, -1)))[~np.eye(4, dtype=bool)]
    assert np.abs(correlation).max() < 0.08
    # Poisson: variance about 500 times the intensity, whose mean lies between 0.4 and 1.
    assert all(200 < np.var(residual) < 500 for residual in residuals)


@pytest.mark.parametrize(
    ("kind", "name", "units"),
    [("EELS", "EELSSpectrum", "eV"), ("EDS", "EDSTEMSpectrum", "keV")],
)
def test_spectrum_images_have_exspys_classes(kind, name, units):
    pytest.importorskip("exspy")
    spectra = simulate_series(spectrum_image=kind, channels=20, **SMALL).spectrum_image
    assert type(spectra).__name__ == name
    assert spectra.axes_manager.shape == (19, 24, 3, 20)
    assert spectra.axes_manager.signal_axes[0].units == units
    assert sorted(spectra.metadata.Sample.elements) == ["Sr", "Ti"]
    assert spectra.data.dtype == np.uint16


def test_spectrum_images_are_plain_without_exspy(monkeypatch):
    from hyperspy_smartalign.data import simulated_series

    monkeypatch.setattr(simulated_series.importlib.util, "find_spec", lambda name: None)
    spectra = simulate_series(spectrum_image="EDS", channels=20, **SMALL).spectrum_image
    assert type(spectra).__name__ == "Signal1D"


def test_eels_and_eds_are_recorded_at_the_same_time():
    simulated = simulate_series(
        spectrum_image=("EELS", "EDS"), channels=16, spectrum_dose=200.0, **SMALL
    )
    assert list(simulated.spectra) == ["EELS", "EDS"]
    assert simulated.spectrum_image is simulated.spectra["EELS"].signal
    alone = simulate_series(spectrum_image="EELS", channels=16, spectrum_dose=200.0, **SMALL)
    np.testing.assert_array_equal(simulated.spectrum_image.data, alone.spectrum_image.data)
    residuals = []
    for spectra in simulated.spectra.values():
        expected = spectra.model.counts(simulated.truth, 1, dose=200.0)
        residuals.append((spectra.signal.data[1] - expected).sum(axis=-1).ravel())
    # 456 pixels of independent noise: correlations of 0.05 by chance.
    assert abs(np.corrcoef(residuals)[0, 1]) < 0.25


def test_an_interface_brings_a_third_element():
    pytest.importorskip("exspy")
    simulated = simulate_series(crystal="interface", spectrum_image="EDS", channels=50, **SMALL)
    assert sorted(simulated.spectrum_image.metadata.Sample.elements) == ["Mn", "Sr", "Ti"]
    assert simulated.spectrum_image.get_lines_intensity(["Mn_Ka"])[0].data.shape == (3, 24, 19)


def test_the_undistorted_truth_is_known_on_any_canvas():
    simulated = simulate_series(crystal="interface", spectrum_image="EDS", channels=40, **SMALL)
    spectra = simulated.spectra["EDS"]
    whole = spectra.undistorted((30, 31), origin=(-3.0, -6.0))
    np.testing.assert_allclose(whole[3:27, 6:25], spectra.undistorted(), rtol=1e-6)
    maps = spectra.model.maps(whole)
    for k, element in enumerate(("Sr", "Ti", "Mn")):
        expected = spectra.undistorted_map(element, (30, 31), origin=(-3.0, -6.0))
        np.testing.assert_allclose(maps[1 + k], expected, atol=1e-9)
    with pytest.raises(ValueError, match="'Sr', 'Ti', 'Mn'"):
        spectra.undistorted_map("Fe")


def test_lazy_signals_hold_the_same_values_one_chunk_a_frame():
    keywords = {"second_detector": True, "spectrum_image": "EDS", "channels": 12, **SMALL}
    eager, lazy = simulate_series(**keywords), simulate_series(lazy=True, **keywords)
    for name in ("series", "second", "spectrum_image"):
        delayed, computed = getattr(lazy, name), getattr(eager, name)
        assert delayed._lazy
        assert delayed.data.chunks[0] == (1, 1, 1)
        np.testing.assert_array_equal(delayed.data[1].compute(), computed.data[1])
        np.testing.assert_array_equal(delayed.data.compute(), computed.data)


def test_a_detector_sets_the_type():
    signal = simulate_series(detector=Detector(bit_depth=8), **SMALL).series
    assert signal.data.dtype == np.uint8


def test_signals_can_be_saved_and_loaded(tmp_path):
    import hyperspy.api as hs

    simulated = simulate_series(**SMALL)
    simulated.series.save(tmp_path / "series.hspy")
    loaded = hs.load(tmp_path / "series.hspy")
    np.testing.assert_array_equal(loaded.data, simulated.series.data)
    recorded = loaded.metadata.Smart_align.scan_geometry.as_dictionary()
    assert ScanGeometry.from_dict(recorded) == simulated.path.geometry


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"scale": 0.0}, "scale is 0"),
        ({"spectrum_image": "XRF"}, "'EELS', 'EDS'"),
        ({"spectrum_image": ("EDS", "EDS")}, "each kind once"),
        ({"spectrum_image": "EDS", "spectrum_dose": -1.0}, "spectrum_dose is -1"),
        ({"crystal": "salt"}, "'perovskite'"),
    ],
)
def test_bad_input_is_refused_with_the_reason(keywords, message):
    with pytest.raises(ValueError, match=message):
        simulate_series(**SMALL, **keywords)
