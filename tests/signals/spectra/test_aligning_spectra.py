"""align_rigid and align_nonrigid on spectrum images: found on their counts, applied to them."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.series.checks import SeriesWarning

SHAPE = (48, 44)
SHIFTS = np.array([(-3, 2), (0, -4), (1, 1), (2, 1), (0, 0)], float)


def lattice(points):
    y, x = points
    return (
        60 * np.cos(2 * np.pi * (x / 9 + y / 31)) ** 2
        + 50 * np.cos(2 * np.pi * (y / 10 - x / 37)) ** 2
        + 40 * np.exp(-((y - 20) ** 2 + (x - 25) ** 2) / 60)
    )


@pytest.fixture
def atoms(make_spectra):
    """Columns of atoms in channels 4 to 11, noise alone in the others."""

    def make(*, shifts=SHIFTS, lazy=False, signal_type="", jitter=0.0):
        signal, _ = make_spectra(
            np.round(shifts).astype(int), shape=SHAPE, channels=(16,), signal_type=signal_type
        )
        rng = np.random.default_rng(5)
        grid = np.indices(SHAPE, float)
        line = np.zeros(16)
        line[4:12] = [1, 2, 4, 6, 6, 4, 2, 1]
        moves = np.reshape(shifts, (-1, 2, 1, 1)) + np.zeros((1, 1, SHAPE[0], 1))
        # A random walk of the scan lines along x.
        walk = np.cumsum(jitter * rng.standard_normal((len(shifts), SHAPE[0])), axis=1)
        moves[:, 1, :, 0] += walk - walk.mean(axis=1, keepdims=True)
        frames = [rng.poisson(2 + lattice(grid - move)[..., None] * line / 8) for move in moves]
        signal = signal._deepcopy_with_new_data(np.array(frames, np.uint16))
        return signal.as_lazy(chunks=(1, *SHAPE, 8)) if lazy else signal

    return make


def known(signal):
    """Shifts of an alignment, counted from their mean."""
    found = signal.smartalign.alignment.shifts
    return found - found.mean(axis=0)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("signal_range", [None, (4, 12), (3.0, 7.0)])
def test_rigid(atoms, signal_range, lazy):
    signal = atoms(lazy=lazy, signal_type="EDS_TEM")
    result = signal.align_rigid(signal_range=signal_range)
    assert type(result).__name__ == "EDSTEMSpectrum"
    np.testing.assert_allclose(known(result), SHIFTS - SHIFTS.mean(axis=0), atol=0.15)
    names = [step["name"] for step in result.smartalign.alignment.steps]
    assert names == ["integrate", "align_rigid", "apply_alignment"]
    assert result.data.shape == (*result.smartalign.alignment.canvas.shape, 16)
    # As the verb says, what was found is applied.
    again = signal.apply_alignment(result)
    np.testing.assert_array_equal(again.data, result.data)
    assert result.smartalign.pairs.indices.shape == (10, 2)


def test_rigid_is_what_the_images_give(atoms):
    signal = atoms()
    images = signal.smartalign.integrate((4, 12))
    first = images.align_rigid()
    by_hand = signal.apply_alignment(first)
    result = signal.align_rigid(signal_range=(4, 12))
    np.testing.assert_array_equal(
        result.smartalign.alignment.shifts, by_hand.smartalign.alignment.shifts
    )
    np.testing.assert_array_equal(result.data, by_hand.data)
    # An edge or line map of the spectrum image aligns other images of the scan.
    assert images.apply_alignment(result).data.shape == (5, *result.data.shape[:2])


@pytest.mark.parametrize("lazy", [False, True])
def test_outputs(atoms, lazy):
    signal = atoms(lazy=lazy)
    series = signal.align_rigid(output="series")
    assert series._lazy is lazy
    assert series.data.shape[0] == 5
    average = signal.align_rigid(output="average", fill="zero", crop=False)
    total = signal.align_rigid(output="sum", crop=False, fill="zero")
    np.testing.assert_allclose(5 * average.data, total.data, rtol=1e-5)
    later = signal.align_rigid(lazy_output=True)
    assert later._lazy
    cut = signal.align_rigid(roi=(4, 40, 4, 44), area="roi")
    assert cut.data.shape[:2] <= (40, 36)
    assert cut.smartalign.alignment.canvas.left >= 4


@pytest.mark.filterwarnings("ignore:the shift of frame")
def test_nonrigid(atoms):
    signal = atoms(lazy=True, jitter=0.25)
    result = signal.align_nonrigid(signal_range=(4, 12), affine_cycles=0, nonlinear_cycles=1)
    assert type(result).__name__ == "Signal1D"
    alignment = result.smartalign.alignment
    assert result.data.shape == (*alignment.canvas.shape, 16)
    assert result.smartalign.nonrigid is not None
    assert not alignment.is_rigid
    names = [step["name"] for step in alignment.steps]
    assert names == ["integrate", "align_rigid", "align_nonrigid", "apply_alignment"]
    again = signal.apply_alignment(result)
    np.testing.assert_array_equal(again.data, result.data)


@pytest.mark.parametrize("lazy", [False, True])
def test_patterns_are_aligned_by_a_virtual_image(lazy):
    rng = np.random.default_rng(5)
    grid = np.indices(SHAPE, float)
    disc = np.zeros((6, 7))
    disc[1:4, 2:6] = 1
    frames = [
        rng.poisson(1 + lattice(grid - np.reshape(shift, (2, 1, 1)))[..., None, None] * disc / 4)
        for shift in SHIFTS
    ]
    signal = hs.signals.Signal2D(np.array(frames, np.uint8))
    signal = signal.as_lazy(chunks=(1, *SHAPE, 6, 7)) if lazy else signal
    result = signal.align_rigid(signal_range=(2, 6, 1, 4))
    assert result.axes_manager.signal_shape == (7, 6)
    np.testing.assert_allclose(known(result), SHIFTS - SHIFTS.mean(axis=0), atol=0.15)


def test_every_chunk_is_read_twice(atoms, watched):
    values = atoms().data
    signal, watch = watched(values, (1, *SHAPE, 8))
    signal.align_rigid()
    # Once for the images, once for the sum.
    assert sorted(watch.read) == sorted(2 * list(np.ndindex(5, 1, 1, 2)))


def test_what_is_refused(atoms):
    signal = atoms()
    with pytest.raises(ParameterError, match=r"source= is for images.*apply_alignment\(aligned\)"):
        signal.align_rigid(source=signal)
    with pytest.raises(ValueError, match="holds no channel"):
        signal.align_rigid(signal_range=(4, 4))
    with pytest.raises(TypeError, match="no parameter 'signalrange'"):
        signal.align_rigid(signalrange=(4, 5))
    with pytest.raises(ParameterError, match="fill='mean' cannot be used for spectra"):
        signal.align_rigid(fill="mean")
    with pytest.raises(ValueError, match="one frame"):
        signal.inav[:, :, 0].align_rigid()
    with pytest.raises(ValueError, match="no channels to integrate"):
        signal.smartalign.integrate((4, 12)).align_rigid(signal_range=(1, 2, 3, 4))


def test_warnings_point_at_the_callers_line(atoms):
    data = atoms().data.copy()
    data[2] = np.random.default_rng(0).poisson(30, data[2].shape)
    signal = atoms()._deepcopy_with_new_data(data)
    with pytest.warns(SeriesWarning) as caught:
        signal.align_rigid(output="sum")
    assert {warning.filename for warning in caught} == {__file__}
    with pytest.warns(SeriesWarning) as caught:
        hyperspy_smartalign.align_rigid(signal, output="sum")
    assert {warning.filename for warning in caught} == {__file__}


def test_inputs_stay(atoms):
    signal = atoms()
    before = signal.deepcopy()
    signal.align_rigid(signal_range=(4, 12))
    np.testing.assert_array_equal(signal.data, before.data)
    assert signal.metadata.as_dictionary() == before.metadata.as_dictionary()


def test_a_sum_of_aligned_frames_is_sharper(atoms):
    rng = np.random.default_rng(2)
    shifts = rng.uniform(-2.5, 2.5, (5, 2))
    result = atoms(shifts=shifts).align_rigid(signal_range=(4, 12))
    alignment = result.smartalign.alignment
    image = result.isig[4:12].sum(axis="Energy").data
    grid = np.indices(image.shape, float) + np.reshape(alignment.canvas.origin, (2, 1, 1))
    truth = lattice(
        grid + np.reshape(alignment.shifts.mean(axis=0) - shifts.mean(axis=0), (2, 1, 1))
    )
    truth = truth - truth.mean()
    contrast = (image - image.mean()) * truth
    gain = contrast.sum() / (truth**2).sum() / (5 * 26 / 8)
    assert gain == pytest.approx(1, abs=0.04)
