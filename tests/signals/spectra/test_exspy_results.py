"""EELS and EDS: classes, metadata and exspy's own methods on what apply_alignment gives."""

from __future__ import annotations

import exspy
import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import Alignment
from hyperspy_smartalign.transforms import Canvas

LIVE_TIME = 2.5


@pytest.fixture
def eds(make_spectra, shifts):
    """Fe and Cu lines on a ramp, in five frames; and the counts of Fe in the common frame."""

    def make(*, lazy=False):
        signal, _ = make_spectra(channels=(512,), signal_type="EDS_TEM")
        energy = signal.axes_manager["Energy"]
        energy.scale, energy.offset, energy.units = 0.02, 0.0, "keV"
        axis = energy.axis
        fe = np.exp(-0.5 * ((axis - 6.4039) / 0.06) ** 2)
        cu = np.exp(-0.5 * ((axis - 8.0478) / 0.06) ** 2)
        y, x = np.indices((48, 44))
        scene = (100 + y)[..., None] * fe + (50 + x)[..., None] * cu
        frames = [scene[12 - y : 36 - y, 12 - x : 32 - x] for y, x in shifts]
        signal = signal._deepcopy_with_new_data(np.array(frames, np.float32))
        signal.set_elements(["Fe", "Cu"])
        signal.set_lines(["Fe_Ka", "Cu_Ka"])
        signal.set_microscope_parameters(
            beam_energy=200.0, live_time=LIVE_TIME, elevation_angle=18.0
        )
        return signal.as_lazy() if lazy else signal

    return make


@pytest.fixture
def eels(make_spectra, shifts):
    """A zero-loss peak and a tail."""

    def make(*, lazy=False):
        signal, _ = make_spectra(channels=(120,), signal_type="EELS")
        energy = signal.axes_manager["Energy"]
        energy.scale, energy.offset, energy.units = 0.5, -10.0, "eV"
        axis = energy.axis
        spectrum = 1e4 * np.exp(-0.5 * (axis / 0.8) ** 2) + 40 * (axis > 5) * np.exp(-axis / 25)
        data = np.broadcast_to(spectrum + 1, signal.data.shape).astype(np.float32)
        signal = signal._deepcopy_with_new_data(data)
        signal.set_microscope_parameters(
            beam_energy=300.0, convergence_angle=21.0, collection_angle=40.0
        )
        signal.metadata.set_item("Acquisition_instrument.TEM.Detector.EELS.exposure", 0.01)
        signal.metadata.set_item("Acquisition_instrument.TEM.microscope", "Titan")
        signal.metadata.set_item("Sample.elements", ["O", "Ti"])
        return signal.as_lazy() if lazy else signal

    return make


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("output", ["sum", "average", "series"])
def test_eds_keeps_its_class_and_metadata(eds, shifts, output, lazy):
    signal = eds(lazy=lazy)
    result = signal.apply_alignment(shifts, output=output)
    lazy_result = lazy and output == "series"
    assert type(result).__name__ == f"{'Lazy' if lazy_result else ''}EDSTEMSpectrum"
    assert isinstance(result, exspy.signals.EDSTEMSpectrum)
    assert result._lazy is lazy_result
    metadata = result.metadata
    assert metadata.Signal.signal_type == "EDS_TEM"
    assert metadata.Acquisition_instrument.TEM.beam_energy == 200.0
    assert metadata.Acquisition_instrument.TEM.Detector.EDS.elevation_angle == 18.0
    assert metadata.Sample.elements == ["Cu", "Fe"]
    assert metadata.Sample.xray_lines == ["Cu_Ka", "Fe_Ka"]
    factor = 5 if output == "sum" else 1
    detector = metadata.Acquisition_instrument.TEM.Detector.EDS
    assert detector.live_time == pytest.approx(factor * LIVE_TIME)
    assert signal.metadata.Acquisition_instrument.TEM.Detector.EDS.live_time == LIVE_TIME


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("output", ["sum", "average", "series"])
def test_eels_keeps_its_class_and_metadata(eels, shifts, output, lazy):
    signal = eels(lazy=lazy)
    result = signal.apply_alignment(shifts, output=output)
    lazy_result = lazy and output == "series"
    assert type(result).__name__ == f"{'Lazy' if lazy_result else ''}EELSSpectrum"
    assert isinstance(result, exspy.signals.EELSSpectrum)
    tem = result.metadata.Acquisition_instrument.TEM
    assert (tem.beam_energy, tem.convergence_angle, tem.microscope) == (300.0, 21.0, "Titan")
    assert tem.Detector.EELS.collection_angle == 40.0
    assert tem.Detector.EELS.exposure == pytest.approx(0.05 if output == "sum" else 0.01)
    assert sorted(result.metadata.Sample.elements) == ["O", "Ti"]


def test_excluded_frames_bring_no_live_time(eds, shifts):
    alignment = Alignment.from_shifts(
        shifts,
        frame_shape=(24, 20),
        canvas=Canvas.common(shifts, (24, 20)),
        excluded=np.arange(5) < 2,
    )
    result = eds().apply_alignment(alignment)
    detector = result.metadata.Acquisition_instrument.TEM.Detector.EDS
    assert detector.live_time == pytest.approx(3 * LIVE_TIME)


@pytest.mark.parametrize("lazy", [False, True])
def test_line_intensities(eds, shifts, lazy):
    result = eds(lazy=lazy).apply_alignment(shifts)
    cu, fe = result.get_lines_intensity(["Cu_Ka", "Fe_Ka"])
    canvas = result.smartalign.alignment.canvas
    y, x = np.indices(canvas.shape)
    # Five frames; the window of a line takes in most of it, and the same part everywhere.
    part = fe.data / (5.0 * (100 + y + canvas.top + 12))
    np.testing.assert_allclose(part, part.mean(), rtol=1e-5)
    part = cu.data / (5.0 * (50 + x + canvas.left + 12))
    np.testing.assert_allclose(part, part.mean(), rtol=1e-5)
    x_axis = fe.axes_manager["x"]
    assert (x_axis.offset, x_axis.units) == (result.axes_manager["x"].offset, "nm")


@pytest.mark.parametrize("lazy", [False, True])
def test_line_intensities_of_a_series(eds, shifts, lazy):
    series = eds(lazy=lazy).apply_alignment(shifts, output="series")
    (fe,) = series.get_lines_intensity(["Fe_Ka"])
    frames = np.asarray(fe.data)
    assert frames.shape == series.data.shape[:3]
    np.testing.assert_allclose(frames, np.broadcast_to(frames[0], frames.shape), rtol=1e-6)


@pytest.mark.parametrize("lazy", [False, True])
def test_elastic_scattering_threshold(eels, shifts, lazy):
    result = eels(lazy=lazy).apply_alignment(shifts)
    threshold = result.estimate_elastic_scattering_threshold(window=10.0)
    assert threshold.data.shape == result.data.shape[:2]
    assert np.all((threshold.data > 1) & (threshold.data < 6))
    intensity = result.estimate_elastic_scattering_intensity(threshold, show_progressbar=False)
    np.testing.assert_allclose(intensity.data, intensity.data.mean(), rtol=1e-5)


@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
@pytest.mark.parametrize("output", ["sum", "series"])
@pytest.mark.filterwarnings("ignore:The NestedDirectoryStore")
def test_results_survive_files(eds, shifts, tmp_path, suffix, output):
    result = eds().apply_alignment(shifts, output=output, variance="none", binning=4)
    result.save(tmp_path / f"result{suffix}")
    for lazy in (False, True):
        again = hs.load(tmp_path / f"result{suffix}", lazy=lazy)
        assert isinstance(again, exspy.signals.EDSTEMSpectrum)
        assert again.smartalign.alignment == result.smartalign.alignment
        np.testing.assert_array_equal(np.asarray(again.data), result.data)
        np.testing.assert_array_equal(again.navigator.data, result.navigator.data)
        # And it is applied further.
        further = eds().apply_alignment(again, output=output, binning=4)
        np.testing.assert_array_equal(further.data, result.data)


@pytest.mark.filterwarnings("ignore:The NestedDirectoryStore")
@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
def test_variance_survives_files(eels, shifts, tmp_path, suffix):
    result = eels().apply_alignment(shifts, variance="poisson")
    result.save(tmp_path / f"result{suffix}")
    again = hs.load(tmp_path / f"result{suffix}")
    noise = again.metadata.Signal.Noise_properties.variance
    np.testing.assert_array_equal(noise.data, result.metadata.Signal.Noise_properties.variance.data)
