"""Drift taken out of images and series: angle and ratio restored, one interpolation, the record."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, simulate_stack
from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.transforms import Affine, AlignmentMismatchError

KNOWN = {"angle": 90, "ratio": 1}
SIZE = 0.02


@pytest.fixture(scope="module")
def raw():
    """Six frames of a perovskite that drifts within and between them."""
    shape = (150, 170)
    crystal = lattice("perovskite", spacing=14.0, angle=10, field=shape, margin=64)
    simulated = simulate_stack(
        shape=shape,
        frames=6,
        crystal=crystal.with_defects(12),
        dose=10,
        drift=(-2.0, 3.0),
        drift_walk=0,
        in_frame_drift=True,
    )
    signal = hs.signals.Signal2D(simulated.stack)
    for axis in signal.axes_manager.signal_axes:
        axis.scale, axis.units = SIZE, "nm"
    recording.write_scan_geometry(signal, simulated.truth.path.geometry)
    signal.data.flags.writeable = False
    return signal


@pytest.fixture(scope="module")
def aligned(raw):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeriesWarning)
        return raw.align_rigid(show_progressbar=False)


def assert_straight(signal) -> None:
    found = signal.smartalign.lattice()
    assert found.angle == pytest.approx(90, abs=4 * found.angle_error)
    assert found.ratio == pytest.approx(1, abs=4 * found.ratio_error)


def test_an_aligned_series_from_its_source(raw, aligned) -> None:
    before = aligned.deepcopy()
    assert abs(aligned.smartalign.lattice().angle - 90) > 0.5
    result = aligned.smartalign.compensate_drift(**KNOWN, source=raw)
    assert_straight(result)
    assert np.isfinite(result.data).all()
    assert result.axes_manager.navigation_shape == aligned.axes_manager.navigation_shape
    alignment = result.smartalign.alignment
    assert all(isinstance(transform, Affine) for transform in alignment.transforms)
    drift = aligned.smartalign.drift_from_lattice(**KNOWN)
    np.testing.assert_allclose(alignment.transforms[0].matrix, drift.matrix)
    assert [step["name"] for step in alignment.steps] == ["align_rigid", "compensate_drift"]
    assert alignment.steps[-1]["results"]["distortion"] == pytest.approx(drift.distortion)
    # Velocity: 2 and 3 px a frame of 150 lines.
    error = drift.per_line - np.array([-2.0, 3.0]) / 150
    assert np.all(np.abs(error) < 4 * drift.per_line_error)
    np.testing.assert_array_equal(aligned.data, before.data)
    assert [step["name"] for step in recording.steps_of(aligned)] == ["align_rigid"]


def test_the_record_takes_the_drift_out_of_another_detector(raw, aligned) -> None:
    result = aligned.smartalign.compensate_drift(**KNOWN, source=raw)
    other = raw.apply_alignment(result, show_progressbar=False)
    np.testing.assert_array_equal(other.data, result.data)


def test_without_a_source_it_warns(raw, aligned) -> None:
    with pytest.warns(SeriesWarning, match="second time") as record:
        result = aligned.smartalign.compensate_drift(**KNOWN, crop=False)
    assert record[0].filename == __file__
    assert_straight(result)
    assert result.data.shape == aligned.data.shape
    assert np.isnan(result.data).any()
    once = aligned.smartalign.compensate_drift(**KNOWN, crop=False, source=raw)
    # Interpolated once, the noise is kept.
    assert np.nanstd(once.data) > np.nanstd(result.data)


def test_an_average(raw, aligned) -> None:
    average = aligned.smartalign.average()
    result = average.smartalign.compensate_drift(**KNOWN, source=raw)
    assert result.axes_manager.navigation_dimension == 0
    assert_straight(result)
    whole = aligned.smartalign.compensate_drift(**KNOWN, source=raw)
    np.testing.assert_allclose(result.data, whole.data.mean(axis=0), rtol=1e-4)
    with pytest.warns(SeriesWarning, match="second time"):
        again = average.smartalign.compensate_drift(**KNOWN)
    assert_straight(again)
    assert again.data.shape == result.data.shape
    np.testing.assert_array_equal(
        again.smartalign.alignment.transforms[2].matrix,
        result.smartalign.alignment.transforms[2].matrix,
    )


def test_a_single_image(raw, tmp_path) -> None:
    image = raw.inav[0]
    drift = image.smartalign.drift_from_lattice(**KNOWN)
    result = image.smartalign.compensate_drift(drift=drift)
    assert_straight(result)
    x, y = result.axes_manager.signal_axes
    # The middle of the frame stays where it is.
    assert (y.low_value + y.high_value) / 2 == pytest.approx(149 * SIZE / 2)
    assert (x.low_value + x.high_value) / 2 == pytest.approx(169 * SIZE / 2)
    assert recording.steps_of(result)[-1]["name"] == "compensate_drift"
    lazy = image.as_lazy().smartalign.compensate_drift(drift=drift)
    np.testing.assert_allclose(lazy.data, result.data)
    kept = image.smartalign.compensate_drift(drift=drift, interpolation="nearest", fill="zero")
    assert set(np.unique(kept.data)) <= set(np.unique(image.data))
    result.save(tmp_path / "straight.hspy")
    loaded = hs.load(tmp_path / "straight.hspy")
    np.testing.assert_allclose(recording.steps_of(loaded)[-1]["results"]["matrix"], drift.matrix)


def test_the_size_of_the_pixels(raw, aligned) -> None:
    # The cell is 0.28 nm; told that it is 0.294, the pixels must be 5 % larger.
    result = aligned.smartalign.compensate_drift(
        cell=(0.294, 0.294, 90), calibrate=True, source=raw
    )
    found = result.smartalign.lattice()
    np.testing.assert_allclose(found.lengths, 0.294, atol=4 * found.length_errors.max())
    assert result.axes_manager[-1].scale == pytest.approx(0.021, rel=1e-3)


def test_what_does_not_fit_is_refused(raw, aligned) -> None:
    drift = aligned.smartalign.drift_from_lattice(**KNOWN)
    with pytest.raises(ParameterError, match="either the drift or these"):
        aligned.smartalign.compensate_drift(drift=drift, angle=90)
    with pytest.raises(ParameterError, match="calibrate=True"):
        aligned.smartalign.compensate_drift(drift=drift, calibrate=True)
    with pytest.raises(ValueError, match="source is an aligned series"):
        aligned.smartalign.compensate_drift(drift=drift, source=aligned)
    with pytest.raises(AlignmentMismatchError):
        aligned.smartalign.compensate_drift(drift=drift, source=raw.inav[:4])
    with pytest.raises(ValueError, match="Leave source out"):
        raw.inav[0].smartalign.compensate_drift(drift=drift, source=raw)
    with pytest.raises(ValueError, match="interpolation"):
        aligned.smartalign.compensate_drift(drift=drift, interpolation="cubic")
