"""Lattice, line profiles and drift on signals: averages, calibration, scan geometry, refusals."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign  # noqa: F401
from hyperspy_smartalign import ScanGeometry
from hyperspy_smartalign.data import lattice, simulate_stack
from hyperspy_smartalign.quality.lattice import NoLatticeError
from hyperspy_smartalign.quality.lattice_drift import NoDriftError
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.validating import NotASeriesError

SIZE = 0.02


def calibrated(data, geometry=None, *, scale=(SIZE, SIZE), units="nm"):
    signal = hs.signals.Signal2D(data)
    x, y = signal.axes_manager.signal_axes
    for axis, size in ((x, scale[1]), (y, scale[0])):
        axis.scale, axis.units = size, units
    if geometry is not None:
        recording.write_scan_geometry(signal, geometry)
    return signal


def frames(*, drift=(0.0, 0.0), rotation=0, number=3):
    simulated = simulate_stack(
        shape=(140, 160),
        frames=number,
        crystal=lattice("perovskite", spacing=14.0, angle=10, field=(140, 160)),
        dose=10,
        drift=np.zeros((number, 2)) if number > 1 else drift,
        drift_walk=0,
        in_frame_drift=True,
        scan_rotation=rotation,
    )
    return simulated.stack, simulated.truth.path.geometry


def test_of_a_series_the_average_is_measured() -> None:
    stack, geometry = frames()
    series = calibrated(stack, geometry)
    found = series.smartalign.lattice()
    one = calibrated(stack[0]).smartalign.lattice()
    np.testing.assert_allclose(found.lengths, 0.28, atol=4 * found.length_errors.max())
    # Three frames have three times the counts.
    assert found.length_errors[0] == pytest.approx(one.length_errors[0] / 3**0.5, rel=0.4)
    assert found.units == "nm"
    lazy = series.as_lazy().smartalign.lattice()
    np.testing.assert_allclose(lazy.vectors, found.vectors, atol=1e-4)
    given = series.smartalign.lattice(vectors=[[14, 2], [-2.5, 14]])
    assert given.given
    assert given.vectors[0, 0] > 13


def test_units_that_differ_are_pixels() -> None:
    stack, _ = frames(number=1)
    signal = calibrated(stack[0])
    signal.axes_manager.signal_axes[0].units = "s"
    assert signal.smartalign.lattice().units == "px"
    assert signal.smartalign.lattice().lengths[0] == pytest.approx(14.0, abs=0.05)


def test_line_profile_along_a_vector() -> None:
    stack, _ = frames()
    signal = calibrated(stack)
    before = signal.deepcopy()
    profile = signal.smartalign.line_profile("a", cells=3, lines=5, width=2)
    assert profile.axes_manager.signal_dimension == 1
    axis = profile.axes_manager.signal_axes[0]
    assert (axis.name, axis.units) == ("distance", "nm")
    # Three cells, first and last value included.
    assert axis.scale * (axis.size - 1) == pytest.approx(3 * 0.28, abs=0.002)
    # It repeats after a cell: a third of the line.
    third = (axis.size - 1) / 3
    samples = np.arange(axis.size - 1 - third)
    shifted = np.interp(samples + third, np.arange(axis.size), profile.data)
    assert np.corrcoef(shifted, profile.data[: len(samples)])[0, 1] > 0.98
    assert profile.metadata.Smart_align.steps[-1]["name"] == "line_profile"
    np.testing.assert_array_equal(signal.data, before.data)
    assert signal.metadata.as_dictionary() == before.metadata.as_dictionary()


def test_line_profile_along_any_line() -> None:
    data = np.add.outer(2.0 * np.arange(40), 3.0 * np.arange(60))
    signal = calibrated(data, scale=(0.1, 0.2))
    profile = signal.smartalign.line_profile((0, 20), start=(5, 5))
    np.testing.assert_allclose(profile.data, 10 + 3 * np.arange(5, 26))
    assert profile.axes_manager[-1].scale == pytest.approx(0.2)
    down = signal.smartalign.line_profile((20, 0))
    assert down.axes_manager[-1].scale == pytest.approx(0.1)
    # Centred where no start is given.
    np.testing.assert_allclose(down.data.mean(), data.mean())
    for wrong, message in (({"along": "c"}, "'a', 'b'"), ({"along": (0, 5), "cells": 0}, "cells")):
        with pytest.raises(ValueError, match=message):
            signal.smartalign.line_profile(**wrong)
    with pytest.raises(NoLatticeError):
        signal.smartalign.line_profile("a")


@pytest.mark.parametrize("rotation", [0, 90, 180])
def test_drift_in_units_a_second(rotation) -> None:
    stack, geometry = frames(drift=(2.0, -4.0), rotation=rotation, number=1)
    signal = calibrated(stack[0], geometry)
    drift = signal.smartalign.drift_from_lattice(angle=90, ratio=1)
    lines = stack.shape[1:][geometry.slow_axis(0)]
    truth = np.array([2.0, -4.0]) / lines * SIZE / geometry.line_time
    assert np.all(np.abs(drift.rate - truth) < 4 * drift.rate_error)
    with_lengths = signal.smartalign.drift_from_lattice(cell=(0.28, 0.28, 90))
    np.testing.assert_allclose(with_lengths.rate, drift.rate)
    assert with_lengths.magnification == pytest.approx(1, abs=5 * with_lengths.magnification_error)


def test_the_slow_axis() -> None:
    stack, geometry = frames(drift=(2.0, -4.0), number=1)
    turned = calibrated(np.ascontiguousarray(stack[0].T))
    vertical = turned.smartalign.drift_from_lattice(angle=90, ratio=1, slow_axis="x")
    plain = calibrated(stack[0]).smartalign.drift_from_lattice(angle=90, ratio=1)
    np.testing.assert_allclose(vertical.per_line[::-1], plain.per_line, atol=1e-5)
    assert plain.rate is None
    recording.write_scan_geometry(turned, geometry.transposed())
    known = turned.smartalign.drift_from_lattice(angle=90, ratio=1)
    np.testing.assert_allclose(known.per_line, vertical.per_line, atol=2e-4)


def test_what_does_not_fit_is_refused() -> None:
    stack, _ = frames()
    series = calibrated(stack, ScanGeometry(rotation=(0.0, 90.0)))
    with pytest.raises(ValueError, match="different directions"):
        series.smartalign.drift_from_lattice(angle=90, ratio=1)
    assert series.smartalign.drift_from_lattice(angle=90, ratio=1, slow_axis="y").significance < 10
    signal = calibrated(stack[0])
    for keywords, message in (
        ({}, "known lattice is missing"),
        ({"angle": 90}, "known lattice is missing"),
        ({"angle": 90, "ratio": 1, "cell": (1, 1, 90)}, "not both"),
        ({"cell": (1, 90)}, "lengths a and b"),
        ({"angle": 90, "ratio": 1, "slow_axis": "z"}, "slow_axis"),
    ):
        with pytest.raises(ValueError, match=message):
            signal.smartalign.drift_from_lattice(**keywords)
    with pytest.raises(NoDriftError, match="vectors="):
        signal.smartalign.drift_from_lattice(angle=60, ratio=1)
    with pytest.raises(NotASeriesError, match="does not hold images"):
        hs.signals.Signal1D(np.ones((3, 40, 50))).smartalign.lattice()


def test_plot(monkeypatch) -> None:
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: None)
    stack, _ = frames()
    axes = calibrated(stack).smartalign.plot_lattice(title="STO")
    assert axes.shape == (2,)
    assert axes[0].get_title() == "STO"
    plt.close(axes[0].figure)
