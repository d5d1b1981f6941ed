"""The non-rigid benchmarks: that they run, and that they count right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from hyperspy_smartalign.data import Truth, image_gradient, row_covariance

SPACING = 16.3


@pytest.fixture
def measures(benchmark_module):
    return benchmark_module("nonrigid.measures")


@pytest.fixture
def series(benchmark_module):
    return benchmark_module("nonrigid.series")


@dataclass(frozen=True)
class Known:
    """Displacements that are the true ones but for what is added to each line, (n, lines, 2)."""

    truth: Truth
    added: np.ndarray
    line_errors: np.ndarray | None = None

    def displacement(self, frame: int) -> np.ndarray:
        lines = self.added[frame].T
        down = self.truth.path.rotation[frame] % 180 == 0
        return self.truth.frame_displacement(frame) + (
            lines[:, :, np.newaxis] if down else lines[:, np.newaxis, :]
        )


def places(truth: Truth) -> np.ndarray:
    """Place (n, lines) of every line in the common frame."""
    axes = [angle % 180 // 90 for angle in truth.path.rotation]
    offsets = truth.shifts[:, np.newaxis] + truth.row_offsets
    return np.array(
        [np.arange(len(each)) - each[:, axis] for each, axis in zip(offsets, axes, strict=True)]
    )


def test_what_is_common_to_all_frames_is_no_relative_error(measures, series):
    truth = series.scan_series(20.0, frames=4, shape=(96, 96), seed=0).truth
    common = np.stack([0.3 * np.sin(places(truth) / 9), 0.2 + 0 * places(truth)], axis=-1)
    found = measures.line_residual(Known(truth, common), truth, spacing=SPACING)
    # Known between lines by linear interpolation: 0.3 / 9^2 / 8 px at the most.
    np.testing.assert_allclose(found.relative, 0, atol=1e-3)
    # A constant is a shift of the common frame; a sine over many periods has rms 1 / sqrt(2).
    np.testing.assert_allclose(found.common, [0.3 / np.sqrt(2), 0], atol=0.03)
    assert measures.field_residual(Known(truth, common), truth) < 2e-3
    assert found.hops == 0
    assert np.isnan(found.normalised)


def test_independent_errors_are_counted_in_full(measures, series):
    truth = series.scan_series(20.0, frames=6, shape=(200, 64), seed=1).truth
    rng = np.random.default_rng(0)
    # Alike over many lines, so that nothing is lost between them.
    steps = np.repeat(rng.standard_normal((6, 10, 2)), 20, axis=1)
    added = np.array([0.1, 0.2]) * steps
    errors = np.broadcast_to([0.1, 0.2], added.shape)
    found = measures.line_residual(Known(truth, added, errors), truth, spacing=SPACING)
    # 60 independent numbers an axis: 10 % each.
    np.testing.assert_allclose(found.relative, [0.1, 0.2], rtol=0.25)
    assert found.normalised == pytest.approx(1, abs=0.2)
    assert found.predicted == pytest.approx(np.sqrt((0.01 + 0.04) / 2))
    field = measures.field_residual(Known(truth, added), truth)
    assert field == pytest.approx(measures.pooled(found.relative), rel=0.1)


def test_frames_in_a_wrong_cell_are_counted_and_left_out(measures, series):
    truth = series.scan_series(20.0, frames=4, shape=(96, 64), seed=0).truth
    added = np.zeros((4, 96, 2))
    added[1] = [0.0, SPACING]
    found = measures.line_residual(Known(truth, added), truth, spacing=SPACING)
    assert found.hops == 1
    np.testing.assert_allclose(found.relative, 0, atol=1e-9)


def test_common_part_of_each_direction_is_seen_with_two(measures, series):
    truth = series.scan_series(20.0, frames=4, shape=(96, 96), seed=0, pairs=True).truth
    wave = 0.4 * np.sin(places(truth) / 5)
    wave[1::2] = 0
    added = np.stack([wave, 0 * wave], axis=-1)
    found = measures.line_residual(Known(truth, added), truth, spacing=SPACING)
    # Only one of the two directions has it.
    np.testing.assert_allclose(found.common, [0.4 / 2, 0], atol=0.02)
    np.testing.assert_allclose(found.relative, 0, atol=5e-3)


def test_bound_of_the_common_part_is_that_of_all_unknowns_together(benchmark_module, series):
    bounds = benchmark_module("nonrigid.bounds")
    margin, size = 3, (18, 15)
    truth = series.scan_series(30.0, frames=4, shape=size, seed=0, pairs=True).truth
    # All frames' lines, and the image, as unknowns of one linear problem.
    gradient = image_gradient(truth.crystal, size)
    weight = truth.dose / truth.image(size)
    starts = np.cumsum([0, *(2 * size[i % 2] for i in range(4))])
    unknowns = starts[-1] + size[0] * size[1]
    joint = np.zeros((unknowns, unknowns))
    for pixel, (y, x) in enumerate(np.ndindex(size)):
        for frame in range(4):
            row = np.zeros(unknowns)
            first = starts[frame] + 2 * (y, x)[frame % 2]
            row[first : first + 2] = gradient[:, y, x]
            row[starts[-1] + pixel] = 1
            joint += weight[y, x] * np.outer(row, row)
    for frame in range(4):
        lines = size[frame % 2]
        place = np.linspace(-1, 1, lines)
        prior = row_covariance(lines, rms=0.5, correlation=6.0)
        prior += 1e-9 * np.eye(lines) + 100 * (1 + np.outer(place, place))
        part = slice(starts[frame], starts[frame + 1])
        joint[part, part] += np.kron(np.linalg.inv(prior), np.eye(2))
    covariance = np.linalg.inv(joint)
    mean = np.zeros((2 * sum(size), unknowns))
    for frame in range(4):
        lines = 2 * size[frame % 2]
        start = (frame % 2) * 2 * size[0]
        mean[start : start + lines, starts[frame] : starts[frame + 1]] = np.eye(lines) / 2
    whole = (mean @ covariance @ mean.T).reshape(sum(size), 2, sum(size), 2)
    share = np.repeat(0.5 / np.array(size), size)
    less_mean = np.eye(sum(size)) - share
    variance = np.array([np.diag(less_mean @ whole[:, c, :, c] @ less_mean.T) for c in (0, 1)])
    inside = np.r_[margin : size[0] - margin, size[0] + margin : sum(size) - margin]
    expected = np.sqrt(variance[:, inside].mean(axis=1))
    found = bounds.common_bound(truth, margin=margin)
    # The drift of a mean is a little better known where each frame's has a prior of its own.
    np.testing.assert_allclose(found, expected, rtol=0.01)


@pytest.mark.slow
def test_every_contestant_has_the_sign_and_axes_of_the_project(benchmark_module, measures, series):
    contestants = benchmark_module("nonrigid.contestants")
    found, _ = benchmark_module("contestants").present(contestants.CONTESTANTS)
    simulated = series.scan_series(200.0, frames=4, shape=(128, 112), seed=0)
    start = series.Series.rigid_start(simulated)
    errors = {
        contestant.name: measures.line_residual(
            contestant.estimate(start), simulated.truth, spacing=SPACING
        ).relative
        for contestant in found
    }
    rigid = errors.pop(contestants.RIGID)
    assert "smartalign" in errors
    for name, error in errors.items():
        # A wrong sign doubles the error of the start, and swapped axes add to it.
        assert (error < 0.7 * rigid).all(), name


@pytest.mark.slow
def test_the_command_writes_results_tables_and_figures(run_tiny):
    results, table = run_tiny("nonrigid", "benchmarks_nonrigid_table.rst")
    contestants = {row["contestant"] for row in results["accuracy"]}
    assert {"smartalign", "rigid only", "scikit-image TV-L1"} <= contestants
    for name in contestants:
        assert name in table
    assert all(row["seconds"] > 0 for row in results["sizes"])
    assert {row["contestant"] for row in results["common"]} <= contestants
    assert {row["series"] for row in results["still"]} >= {"noise alone", "one frame repeated"}
