"""From aligned signals to figures: which numbers reach them."""

from __future__ import annotations

import hyperspy.api as hs
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign import Alignment
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.resampling import resample_stack
from hyperspy_smartalign.rigid import PairTable
from hyperspy_smartalign.signals import recording, wrapping
from hyperspy_smartalign.transforms import AlignmentMismatchError, Canvas, NoAlignmentError

pytestmark = pytest.mark.filterwarnings("error::UserWarning:hyperspy_smartalign")


@pytest.fixture(autouse=True)
def _figures():
    matplotlib.use("Agg")
    before = set(plt.get_fignums())
    yield
    for number in set(plt.get_fignums()) - before:
        plt.close(number)


@pytest.fixture(scope="module")
def simulated():
    """Five frames that move by 1.5 and 2 px a frame, and the third of them wrong."""
    made = simulate_series(
        shape=(48, 64), frames=5, dose=200.0, drift=(1.5, -2.0), drift_walk=0.0, seed=4
    )
    made.series.data[2] = 1e4
    return made


@pytest.fixture
def aligned(simulated):
    return make_aligned(simulated.series, simulated.truth.shifts)


def make_aligned(series, shifts, *, canvas=None, excluded=(2,)):
    count = len(shifts)
    alignment = Alignment.from_shifts(
        shifts,
        frame_shape=series.data.shape[1:3],
        canvas=canvas,
        frame_scale=(0.024, 0.024),
        frame_units=("nm", "nm"),
        excluded=np.isin(np.arange(count), excluded),
    )
    data = series.data if series.data.ndim == 3 else series.data[..., 0]
    pixels = resample_stack(data, alignment.shifts, alignment.canvas)
    if series.data.ndim == 4:
        pixels = np.stack([pixels, 2 * pixels], axis=-1)
    return wrapping.aligned_signal(series, pixels, canvas=alignment.canvas, alignment=alignment)


def shown(axes):
    return [ax.images[0].get_array() for ax in axes[0]]


def test_before_is_the_mean_of_the_source(simulated, aligned) -> None:
    axes = aligned.smartalign.plot_average(simulated.series)
    before, after = shown(axes)
    kept = [0, 1, 3, 4]
    window = aligned.smartalign.alignment.canvas.slices
    np.testing.assert_allclose(before, simulated.series.data[kept].mean(axis=0)[window], rtol=1e-6)
    np.testing.assert_allclose(after, aligned.data[kept].mean(axis=0), rtol=1e-5)
    assert axes[1, 0].get_xlabel() == "$k_x$ (1/nm)"


def test_without_source_frames_are_moved_back(simulated, aligned) -> None:
    from_source = shown(aligned.smartalign.plot_average(simulated.series))[0]
    moved_back = shown(aligned.smartalign.plot_average())[0]
    assert moved_back.shape == from_source.shape
    # All four frames see the middle. Two interpolations blur the noise of single pixels a bit.
    inner = (slice(8, -8), slice(10, -10))
    difference = (moved_back - from_source)[inner]
    assert np.abs(difference).max() < 0.15 * np.ptp(from_source[inner])
    assert np.sqrt(np.mean(difference**2)) < 0.03 * np.ptp(from_source[inner])


def test_an_expanded_canvas_shows_the_frame(simulated) -> None:
    shifts = simulated.truth.shifts
    canvas = Canvas.union(shifts[[0, 1, 3, 4]], (48, 64))
    aligned = make_aligned(simulated.series, shifts, canvas=canvas)
    assert np.isnan(aligned.data).any()
    before, after = shown(aligned.smartalign.plot_average(simulated.series))
    np.testing.assert_allclose(before, simulated.series.data[[0, 1, 3, 4]].mean(axis=0), rtol=1e-6)
    assert after.shape == (48, 64)


def test_lazy_and_two_navigation_axes(simulated, aligned) -> None:
    expected = shown(aligned.smartalign.plot_average(simulated.series))
    lazy = shown(aligned.as_lazy().smartalign.plot_average(simulated.series.as_lazy()))
    for found, wanted in zip(lazy, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    four = hs.signals.Signal2D(aligned.data[:4].reshape(2, 2, *aligned.data.shape[1:]))
    alignment = Alignment.from_shifts(
        aligned.smartalign.alignment.shifts[:4],
        frame_shape=(48, 64),
        navigation_shape=(2, 2),
        canvas=aligned.smartalign.alignment.canvas,
    )
    recording.write_alignment(four, alignment)
    after = shown(four.smartalign.plot_average())[1]
    np.testing.assert_allclose(after, aligned.data[:4].mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("output", ["average", "sum"])
def test_one_frame_needs_the_source(simulated, aligned, output) -> None:
    one = aligned.smartalign.average(output=output)
    with pytest.raises(ValueError, match="plot_average\\(source=series\\)"):
        one.smartalign.plot_average()
    before, after = shown(one.smartalign.plot_average(simulated.series))
    wanted = shown(aligned.smartalign.plot_average(simulated.series))
    np.testing.assert_allclose(before, wanted[0])
    np.testing.assert_allclose(after, wanted[1], rtol=1e-5)


def test_spectrum_images_are_summed_over_channels(simulated, aligned) -> None:
    images = simulated.series.data.astype(np.float32)
    spectra = hs.signals.Signal1D(np.stack([images, 2 * images], axis=-1))
    result = make_aligned(spectra, simulated.truth.shifts)
    before, after = shown(result.smartalign.plot_average(spectra))
    wanted = shown(aligned.smartalign.plot_average(simulated.series))
    np.testing.assert_allclose(before, 3 * wanted[0], rtol=1e-5)
    np.testing.assert_allclose(after, 3 * wanted[1], rtol=1e-5)


def test_nothing_is_modified(simulated, aligned) -> None:
    copies = simulated.series.data.copy(), aligned.data.copy()
    simulated.series.data.flags.writeable = aligned.data.flags.writeable = False
    aligned.smartalign.plot_average(simulated.series)
    aligned.smartalign.plot_average()
    simulated.series.data.flags.writeable = True
    np.testing.assert_array_equal(simulated.series.data, copies[0])
    np.testing.assert_array_equal(aligned.data, copies[1])


def test_matrices_of_the_pairs_that_the_signal_carries(aligned) -> None:
    axes = aligned.smartalign.plot_shifts()
    assert axes.shape == (1, 2)
    pairs = PairTable(
        np.array([[0, 1], [1, 3]]),
        np.array([[-1.5, 2.0], [-3.0, 4.0]]),
        np.array([0.5, 0.6]),
        np.array([True, False]),
    )
    recording.write_measurements(aligned, pairs, NoiseModel(0.0, 1.0, 0.1))
    axes = aligned.smartalign.plot_shifts()
    assert axes.shape == (2, 3)
    assert np.ma.filled(axes[0, 0].images[-1].get_array(), np.nan)[3, 1] == 3.0
    assert aligned.smartalign.plot_shifts(raw=False).shape == (1, 3)


def test_drift_is_that_of_the_alignment(aligned) -> None:
    _, y, _ = aligned.smartalign.plot_drift()
    found = y.lines[0].get_ydata()
    # 1.5 px of 24 pm: in pm, as the whole path is less than a tenth of a nanometre or in nm.
    factor = 1e3 if "pm" in y.get_ylabel() else 1.0
    kept = aligned.smartalign.alignment.shifts[[0, 1, 3, 4], 0]
    np.testing.assert_allclose(found, kept * 0.024 * factor)


def test_what_does_not_fit_is_refused(simulated, aligned) -> None:
    with pytest.raises(NoAlignmentError, match="align_rigid"):
        simulated.series.smartalign.plot_average()
    with pytest.raises(AlignmentMismatchError, match="before slicing"):
        aligned.inav[:3].smartalign.plot_average()
    with pytest.raises(AlignmentMismatchError, match="5 frames"):
        aligned.smartalign.plot_average(simulated.series.inav[:3])
    nothing = make_aligned(
        simulated.series, simulated.truth.shifts, excluded=range(5), canvas=Canvas(5, 5, 20, 20)
    )
    with pytest.raises(ValueError, match="excluded every frame"):
        nothing.smartalign.plot_average()
