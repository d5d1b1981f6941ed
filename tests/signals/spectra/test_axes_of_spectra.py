"""apply_alignment where there are more series axes, patterns, other grids; and applied further."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.transforms import Canvas

SHAPE = (24, 20)


@pytest.mark.parametrize("lazy", [False, True])
def test_two_series_axes(make_spectra, lazy):
    shifts = np.array([(-3, 2), (0, -4), (1, 1), (2, 1), (0, 0), (-1, -2)])
    signal, scene = make_spectra(shifts, navigation=(2, 3), lazy=lazy)
    common = Canvas.common(shifts, SHAPE)
    result = signal.apply_alignment(shifts.reshape(2, 3, 2), output="series")
    assert result.data.shape == (2, 3, *common.shape, 16)
    for frame in np.asarray(result.data).reshape(6, *common.shape, 16):
        np.testing.assert_array_equal(frame, scene[common.slices])
    total = signal.apply_alignment(result)
    assert total.data.shape == (*common.shape, 16)
    np.testing.assert_array_equal(total.data, 6 * scene[common.slices])


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("form", ["table", "alignment"])
def test_diffraction_patterns(make_spectra, fractional, form, lazy):
    patterns, _ = make_spectra(
        channels=(6, 7), lazy=lazy, chunks=(1, 12, 20, 3, 7) if lazy else None
    )
    flat = np.asarray(patterns.data).reshape(5, *SHAPE, 42)
    spectra = hs.signals.Signal1D(flat)
    given = fractional
    if form == "alignment":
        given = spectra.apply_alignment(fractional, crop=False).smartalign.alignment
    for output in ("series", "sum"):
        result = patterns.apply_alignment(given, output=output)
        expected = spectra.apply_alignment(given, output=output).data
        assert result.axes_manager.signal_shape == (7, 6)
        np.testing.assert_array_equal(np.asarray(result.data).reshape(expected.shape), expected)
    assert result.axes_manager.navigation_axes[0].units == "nm"


def test_signal_ranges_of_patterns(make_spectra, shifts):
    patterns, scene = make_spectra(channels=(6, 7))
    common = Canvas.common(shifts, SHAPE)
    result = patterns.apply_alignment(shifts, signal_range=(1, 5, 2, 6), binning=2)
    expected = scene[common.slices][..., 2:6, 1:5].reshape(*common.shape, 2, 2, 2, 2)
    np.testing.assert_array_equal(result.data, 5 * expected.sum(axis=(3, 5)))


def test_a_coarser_grid_of_the_same_area(make_series, known_shifts, make_spectra):
    """Images were aligned; the spectrum image has pixels of twice their size."""
    even = np.array([(-4, 2), (0, -4), (2, 2), (2, 0), (0, 0)])
    known_shifts(even)
    images, _ = make_series(even, shape=(24, 20))
    aligned = images.align_rigid()
    fine, scene = make_spectra(even)
    binned = fine.rebin(scale=(2, 2, 1, 1))
    result = binned.apply_alignment(aligned)
    canvas = aligned.smartalign.alignment.canvas
    window = scene[canvas.slices]
    expected = window.reshape(canvas.height // 2, 2, canvas.width // 2, 2, 16).sum(axis=(1, 3))
    np.testing.assert_allclose(result.data, 5 * expected, rtol=1e-6)
    x = result.axes_manager.navigation_axes[0]
    assert x.scale == pytest.approx(0.4)
    assert x.offset == pytest.approx(5.1 + 0.2 * canvas.left)
    binned.axes_manager.navigation_axes[0].units = "eV"
    with pytest.raises(ValueError, match="cannot be carried over"):
        binned.apply_alignment(aligned)


def test_results_are_applied_further(make_spectra, make_series, shifts):
    signal, _ = make_spectra()
    other, scene = make_spectra(seed=1)
    images, picture = make_series(shifts, shape=SHAPE)
    common = Canvas.common(shifts, SHAPE)
    total = signal.apply_alignment(shifts)
    again = other.apply_alignment(total)
    np.testing.assert_array_equal(again.data, 5 * scene[common.slices])
    third = images.apply_alignment(again)
    np.testing.assert_array_equal(third.data[2], picture[common.slices])
    assert len(third.smartalign.alignment.steps) == 4
