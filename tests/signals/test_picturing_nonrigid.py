"""From non-rigidly aligned signals to figures: which numbers reach them."""

from __future__ import annotations

import hyperspy.api as hs
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign import Alignment
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.nonrigid.record import NonrigidRecord
from hyperspy_smartalign.nonrigid.result import Cycle, ScanPrior
from hyperspy_smartalign.resampling import resample_stack
from hyperspy_smartalign.signals import picturing_nonrigid, recording, wrapping
from hyperspy_smartalign.transforms import (
    AlignmentMismatchError,
    Canvas,
    NoAlignmentError,
    ScanLine,
)

pytestmark = pytest.mark.filterwarnings("error::UserWarning:hyperspy_smartalign")

SHAPE = (48, 64)
SHIFTS = np.array([[-2.0, 1.0], [-1.0, 0.0], [0.0, 0.0], [3.0, -1.0]])
KEPT = [0, 1, 3]
CANVAS = Canvas(3, 2, 40, 58)
EARLIER = Canvas(2, 1, 43, 60)


@pytest.fixture(autouse=True)
def _figures():
    matplotlib.use("Agg")
    before = set(plt.get_fignums())
    yield
    for number in set(plt.get_fignums()) - before:
        plt.close(number)


@pytest.fixture(scope="module")
def series():
    return simulate_series(shape=SHAPE, frames=4, dose=200.0, drift=SHIFTS, seed=2).series


@pytest.fixture(scope="module")
def record():
    similarity = np.array([0.5, 0.6, np.nan, 0.7])
    cycles = (
        Cycle("affine", (0.2, 0.01), 30.0, similarity, True),
        Cycle("scan_locked", (0.1, 0.001, 1e-5), 9.0, similarity, True),
    )
    prior = ScanPrior(np.array([0.3, 0.2]), np.array([5.0, 4.0]), 1.5)
    errors = np.full((4, 48, 2), 0.03, np.float32)
    return NonrigidRecord(cycles, similarity, similarity + 0.1, errors, prior, "nothing")


@pytest.fixture
def aligned(series, record):
    offsets = np.random.default_rng(0).normal(0, 0.2, (4, 48, 2))
    offsets += SHIFTS[:, None] - offsets.mean(axis=1, keepdims=True)
    alignment = make_alignment(
        [ScanLine(rows) for rows in offsets],
        steps=({"name": "align_nonrigid", "parameters": {"convergence": "strong"}},),
    )
    pixels = np.random.default_rng(1).random((4, *CANVAS.shape), np.float32)
    made = wrapping.aligned_signal(series, pixels, canvas=CANVAS, alignment=alignment)
    recording.write_nonrigid(made, record)
    return made


@pytest.fixture
def rigid(series):
    """The same frames moved by their shifts, on another canvas, with none of them out."""
    alignment = Alignment.from_shifts(SHIFTS, frame_shape=SHAPE, canvas=EARLIER)
    pixels = resample_stack(series.data, alignment.shifts, EARLIER)
    return wrapping.aligned_signal(series, pixels, canvas=EARLIER, alignment=alignment)


def make_alignment(transforms, **fields) -> Alignment:
    return Alignment(
        tuple(transforms),
        (4,),
        SHAPE,
        CANVAS,
        frame_scale=(0.024, 0.024),
        frame_units=("nm", "nm"),
        excluded=np.arange(4) == 2,
        **fields,
    )


def test_convergence_has_the_cycles_and_the_target(aligned) -> None:
    left, right = aligned.smartalign.plot_convergence()
    heights = [line.get_ydata()[0] for line in left.lines if line.get_linestyle() == ":"]
    assert heights == [1e-6]
    assert [bar.get_height() for bar in right.patches] == [30.0, 9.0]
    left, _ = aligned.smartalign.plot_convergence(target=None)
    assert not [line for line in left.lines if line.get_linestyle() == ":"]


def test_row_offsets_have_errors_and_prior(aligned) -> None:
    y, x = aligned.smartalign.plot_row_offsets()
    assert "0.3 px rms" in y.get_title()
    assert "over 4 lines" in x.get_title()
    band = y.collections[0].get_paths()[0].vertices
    assert len(band) > 2 * 40
    y, _ = aligned.smartalign.plot_row_offsets(line_errors=None, frames=[0])
    assert not y.collections
    assert y.get_title() == ""


def test_displacement_lies_over_the_average(aligned) -> None:
    axes = aligned.smartalign.plot_displacement(1)
    field = aligned.smartalign.alignment.displacement_field(1)
    expected = field - field.mean(axis=(1, 2), keepdims=True)
    for k in range(2):
        np.testing.assert_allclose(axes[k].images[0].get_array(), expected[k], atol=1e-12)
    np.testing.assert_allclose(
        axes[2].images[0].get_array(), aligned.data[KEPT].mean(axis=0), rtol=1e-5
    )
    assert not aligned.smartalign.plot_displacement(1, image=None)[2].images
    with pytest.raises(IndexError, match="4 frames"):
        aligned.smartalign.plot_displacement(4)


def test_similarity_marks_excluded_frames(aligned, record) -> None:
    lines = {line.get_label(): line for line in aligned.smartalign.plot_similarity().lines}
    np.testing.assert_array_equal(lines["after"].get_ydata(), record.similarity[KEPT])
    np.testing.assert_array_equal(lines["before"].get_ydata(), record.similarity_before[KEPT])
    np.testing.assert_array_equal(lines["excluded"].get_xdata(), [2])


def test_comparison_with_a_rigid_alignment(aligned, rigid) -> None:
    axes = aligned.smartalign.plot_comparison(rigid)
    # Whole-pixel shifts: frames that take part now, on the canvas of now.
    window = (slice(1, 41), slice(1, 59))
    wanted = rigid.data[KEPT].mean(axis=0)[window]
    np.testing.assert_allclose(axes["before"].images[0].get_array(), wanted, rtol=1e-5)
    np.testing.assert_allclose(
        axes["after"].images[0].get_array(), aligned.data[KEPT].mean(axis=0), rtol=1e-5
    )
    average = rigid.smartalign.average()
    axes = aligned.smartalign.plot_comparison(average, titles=("rigid", "all"))
    wanted = rigid.data.mean(axis=0)[window]
    np.testing.assert_allclose(axes["before"].images[0].get_array(), wanted, rtol=1e-5)
    assert axes["after"].get_title() == "all"
    assert axes["after spectrum"].get_xlabel() == "$k_x$ (1/nm)"


def test_comparison_with_the_raw_series_moves_its_frames(aligned, series, rigid) -> None:
    axes = aligned.smartalign.plot_comparison(series)
    shown = axes["before"].images[0].get_array()
    # The mean over the canvas of the jitter of single lines is below 0.1 px.
    window = (slice(1, 41), slice(1, 59))
    wanted = rigid.data[KEPT].mean(axis=0)[window]
    assert shown.shape == CANVAS.shape
    assert np.corrcoef(shown.ravel(), wanted.ravel())[0, 1] > 0.99
    lazy = picturing_nonrigid.shifted_only(series.as_lazy(), aligned.smartalign.alignment)
    np.testing.assert_allclose(lazy, shown, rtol=1e-6)


def test_an_average_is_enough(aligned, rigid) -> None:
    one = aligned.smartalign.average()
    shown = one.smartalign.plot_comparison(rigid)["after"].images[0].get_array()
    np.testing.assert_allclose(shown, aligned.data[KEPT].mean(axis=0), rtol=1e-5)


def test_nothing_is_modified(aligned, series, rigid) -> None:
    copies = [signal.data.copy() for signal in (aligned, series, rigid)]
    for before in (series, rigid):
        aligned.smartalign.plot_comparison(before)
    aligned.smartalign.plot_displacement(0)
    for signal, copy in zip((aligned, series, rigid), copies, strict=True):
        np.testing.assert_array_equal(signal.data, copy)


def test_what_does_not_fit_is_refused(aligned, series, rigid) -> None:
    with pytest.raises(NoAlignmentError, match="align"):
        series.smartalign.plot_comparison(rigid)
    with pytest.raises(ValueError, match="one frame that carries no alignment"):
        aligned.smartalign.plot_comparison(hs.signals.Signal2D(np.ones(CANVAS.shape)))
    with pytest.raises(AlignmentMismatchError, match="4 frames"):
        aligned.smartalign.plot_comparison(series.inav[:3])
    with pytest.raises(AlignmentMismatchError, match="before slicing"):
        aligned.smartalign.plot_comparison(rigid.inav[:3])
    with pytest.raises(AlignmentMismatchError, match="before slicing"):
        aligned.inav[:2].smartalign.plot_displacement(0)
    for plot in ("plot_convergence", "plot_row_offsets", "plot_similarity"):
        with pytest.raises(ValueError, match="no record of a non-rigid alignment"):
            getattr(rigid.smartalign, plot)()


@pytest.mark.filterwarnings("ignore:the shift of frame:UserWarning")
def test_the_similarity_of_pairs_is_found(series) -> None:
    with pytest.raises(ValueError, match=r"plot_shifts\(\) shows"):
        series.align_rigid(refinements=0).smartalign.plot_similarity()


def test_the_summary_of_the_command_line(aligned, series, tmp_path) -> None:
    from hyperspy_smartalign.cli.figures import save_summary

    path = tmp_path / "summary.png"
    save_summary(series, aligned, aligned.smartalign.average(), path)
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert not plt.get_fignums()
