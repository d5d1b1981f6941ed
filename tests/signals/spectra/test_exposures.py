"""Times in the metadata follow the frames that were added."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.signals.spectra.exposures import frames_of_times, scale_exposures


def spectra(kind: str, times: dict, frames: int = 3, units: str = ""):
    signal = hs.signals.Signal1D(np.ones((frames, 4, 5, 6), np.uint16))
    signal.set_signal_type(kind)
    signal.axes_manager._axes[0].units = units
    # exspy writes angles and more of its own.
    signal.metadata.set_item("Acquisition_instrument", {})
    for path, value in times.items():
        signal.metadata.set_item(f"Acquisition_instrument.{path}", value)
    return signal


def times_of(signal) -> dict:
    return signal.metadata.Acquisition_instrument.as_dictionary()


@pytest.mark.parametrize("kind", ["TEM", "SEM"])
def test_live_and_real_time_of_eds(kind: str) -> None:
    start = {
        f"{kind}.Detector.EDS.live_time": 2.5,
        f"{kind}.Detector.EDS.real_time": "3.000000",
        f"{kind}.Detector.EDS.number_of_frames": 2,
        f"{kind}.Detector.EDS.elevation_angle": 22.0,
        f"{kind}.dwell_time": 1e-5,
    }
    signal = spectra(f"EDS_{kind}", start)
    assert frames_of_times(signal) == 1
    scale_exposures(signal, 3, "sum")
    assert times_of(signal)[kind] == {
        "Detector": {
            "EDS": {
                "live_time": 7.5,
                "real_time": 9.0,
                "number_of_frames": 6,
                "elevation_angle": 22.0,
            }
        },
        "dwell_time": 1e-5,
    }


def test_tiles_are_more_exposures_than_scans() -> None:
    start = {"TEM.Detector.EDS.live_time": 2.5, "TEM.Detector.EDS.number_of_frames": 2}
    signal = spectra("EDS_TEM", start)
    scale_exposures(signal, 40, "sum", scans=3)
    assert times_of(signal)["TEM"]["Detector"]["EDS"] == {"live_time": 100.0, "number_of_frames": 6}


def test_as_exspy_does_when_it_adds_pixels() -> None:
    eds = spectra("EDS_TEM", {"TEM.Detector.EDS.live_time": 2.5, "TEM.Detector.EDS.real_time": 3.0})
    eels = spectra("EELS", {"TEM.Detector.EELS.dwell_time": 0.2, "TEM.Detector.EELS.exposure": 0.1})
    for signal, detector in ((eds, "EDS"), (eels, "EELS")):
        theirs = signal.rebin(scale=(1, 1, 3, 1))
        scale_exposures(signal, 3, "sum")
        ours, theirs = (times_of(s)["TEM"]["Detector"][detector] for s in (signal, theirs))
        assert len(ours) == 2
        assert ours == pytest.approx({name: theirs[name] for name in ours})


def test_an_average_keeps_the_times_of_one_frame() -> None:
    signal = spectra("EELS", {"TEM.Detector.EELS.dwell_time": "0.2"})
    scale_exposures(signal, 3, "average")
    assert times_of(signal) == {"TEM": {"Detector": {"EELS": {"dwell_time": "0.2"}}}}


def test_frames_of_one_acquisition() -> None:
    start = {"TEM.Detector.EDS.live_time": "20.0", "TEM.Detector.EDS.number_of_frames": 10}
    # All ten frames were loaded; three were left out of the sum.
    signal = spectra("EDS_TEM", start, frames=10, units="s")
    recorded = frames_of_times(signal)
    assert recorded == 10
    scale_exposures(signal, 7, "sum", recorded=recorded)
    assert times_of(signal)["TEM"]["Detector"]["EDS"] == {
        "live_time": pytest.approx(14.0),
        "number_of_frames": 7,
    }
    average = spectra("EDS_TEM", start, frames=10, units="s")
    scale_exposures(average, 7, "average", recorded=recorded)
    eds = times_of(average)["TEM"]["Detector"]["EDS"]
    assert eds["live_time"] == pytest.approx(2.0)


def test_a_series_of_such_files_is_told_apart() -> None:
    start = {"TEM.Detector.EDS.live_time": 20.0, "TEM.Detector.EDS.number_of_frames": 10}
    assert frames_of_times(spectra("EDS_TEM", start, frames=10, units="")) == 1
    # Part of the frames of a file: the times are of all of them.
    assert frames_of_times(spectra("EDS_TEM", start, frames=4, units="s")) == 10
    assert frames_of_times(spectra("EDS_TEM", {}, frames=4, units="s")) == 1


def test_values_that_are_no_numbers_stay() -> None:
    signal = spectra("EDS_TEM", {"TEM.Detector.EDS.live_time": "unknown"})
    scale_exposures(signal, 3, "sum")
    assert times_of(signal)["TEM"]["Detector"]["EDS"] == {"live_time": "unknown"}
    plain = hs.signals.Signal1D(np.zeros((4, 5, 6)))
    scale_exposures(plain, 3, "sum")
    assert "Acquisition_instrument" not in plain.metadata


def test_wrong_arguments_are_refused() -> None:
    signal = spectra("EELS", {})
    with pytest.raises(ValueError, match="frames=0"):
        scale_exposures(signal, 0, "sum")
    with pytest.raises(ValueError, match="recorded=0"):
        scale_exposures(signal, 1, "sum", recorded=0)
    with pytest.raises(ValueError, match="not 'series'"):
        scale_exposures(signal, 1, "series")


def _summed(series):
    """The sum over the frames, with the metadata of the series."""
    result = series._deepcopy_with_new_data(series.data.sum(axis=0))
    result.axes_manager.remove([result.axes_manager._axes[0]])
    scale_exposures(result, len(series.data), "sum", recorded=frames_of_times(series))
    return result


def test_velox_frames_have_the_times_of_the_file(shared_data) -> None:
    path = shared_data("velox-si-frames/fei_SI_SuperX-HAADF_10frames_10x50.emd")
    apart = next(s for s in hs.load(path, sum_frames=False) if s.data.ndim == 4)
    together = next(s for s in hs.load(path, sum_frames=True) if s.data.ndim == 3)
    assert frames_of_times(apart) == 10
    assert times_of(_summed(apart)) == times_of(together)
    np.testing.assert_array_equal(_summed(apart).data, together.data)


def test_jeol_frames_have_the_times_of_the_file(shared_data) -> None:
    path = shared_data("eds-jeol-14frames/View000_0000006.pts")
    options = {"rebin_energy": 64, "downsample": 8}
    apart = hs.load(path, sum_frames=False, **options)
    assert frames_of_times(apart) == 14
    # 14 frames of 512 x 512 pixels of 0.1 ms: the time in the file is that of all frames.
    eds = times_of(apart)["TEM"]["Detector"]["EDS"]
    assert eds["real_time"] == pytest.approx(14 * 512**2 * 1e-4, rel=0.01)
    assert times_of(_summed(apart)) == times_of(hs.load(path, sum_frames=True, **options))


def test_sweeps_survive_files(shared_data, tmp_path) -> None:
    path = shared_data("eds-jeol-14frames/View000_0000006.pts")
    apart = hs.load(path, sum_frames=False, rebin_energy=64, downsample=16)
    apart.save(tmp_path / "apart.hspy")
    assert frames_of_times(hs.load(tmp_path / "apart.hspy").inav[..., :5]) == 14
