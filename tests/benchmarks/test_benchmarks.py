"""The rigid benchmarks: that they run, and that they count right."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def measures(benchmark_module):
    return benchmark_module("measures")


@pytest.fixture
def contestants(benchmark_module):
    return benchmark_module("contestants")


def drift(frames: int) -> np.ndarray:
    return np.outer(np.arange(frames), [1.5, -0.7])


def test_errors_do_not_depend_on_the_origin(measures, contestants):
    true = drift(10)
    noise = np.random.default_rng(0).normal(scale=0.1, size=true.shape)
    judgement = measures.judge(
        contestants.Estimate(true + noise + [30.0, -4.0]), true, spacing=16.0
    )
    assert not judgement.hopped.any()
    np.testing.assert_allclose(judgement.errors, noise - noise.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(judgement.variance, noise.var(axis=0, ddof=1))


@pytest.mark.parametrize("count", [0, 1, 4])
def test_hops_are_counted_and_kept_out_of_the_error(measures, contestants, count):
    true = drift(10)
    found = true.copy()
    found[:count] += [0.0, 16.0]
    judgement = measures.judge(contestants.Estimate(found), true, spacing=16.0)
    assert judgement.hopped.tolist() == [True] * count + [False] * (10 - count)
    np.testing.assert_allclose(judgement.variance, 0, atol=1e-20)


def test_hops_in_many_directions_do_not_move_the_origin(measures, contestants):
    # The median along each axis would lie between the cells, and all frames would count.
    true = np.zeros((9, 2))
    found = true.copy()
    found[:3] += [16.0, 0.0]
    found[3:5] += [0.0, 16.0]
    judgement = measures.judge(contestants.Estimate(found), true, spacing=16.0)
    assert judgement.hopped.sum() == 5


def test_excluded_frames_are_neither_right_nor_hopped(measures, contestants):
    true = drift(6)
    found = true.copy()
    found[2] += 100
    excluded = np.arange(6) == 2
    judgement = measures.judge(contestants.Estimate(found, excluded=excluded), true, spacing=16.0)
    assert not judgement.hopped.any()
    assert judgement.right.sum() == 5
    np.testing.assert_allclose(judgement.variance, 0, atol=1e-20)


def test_a_method_that_excludes_all_frames_has_no_error(measures, contestants):
    estimate = contestants.Estimate(drift(4), excluded=np.ones(4, dtype=bool))
    judgement = measures.judge(estimate, drift(4), spacing=16.0)
    assert not judgement.right.any()
    assert np.isnan(judgement.variance).all()


def test_calibration_bins_hold_reported_and_observed(measures):
    rows = measures.calibration(
        [0.1, 0.2, 0.9, 1.0], [False, True, True, True], edges=(0.0, 0.5, 1.0)
    )
    assert [(row.frames, row.hops) for row in rows] == [(2, 1), (2, 2)]
    assert [row.reported for row in rows] == pytest.approx([0.15, 0.95])
    assert all(row.rate_low <= row.hops / row.frames <= row.rate_high for row in rows)


def test_wilson_interval_is_the_published_one(measures):
    # 0 of 10: upper end z^2 / (n + z^2) = 0.2775.
    assert measures.wilson_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


@pytest.mark.slow
def test_every_contestant_has_the_sign_and_axes_of_the_project(contestants):
    # Narrow blobs with no lattice and little noise: none can fail, unless its sign or axes do.
    y, x = np.mgrid[:96, :80]
    true = np.outer(np.arange(4), [1.8, -1.2])
    rng = np.random.default_rng(1)
    blobs = rng.uniform((10, 10), (86, 70), (60, 2))
    intensity = [
        0.1 + sum(np.exp(-((y - a - dy) ** 2 + (x - b - dx) ** 2) / 4.5) for a, b in blobs)
        for dy, dx in true
    ]
    stack = rng.poisson(1000 * np.array(intensity)).astype(np.float32)
    found, _ = contestants.present(contestants.CONTESTANTS)
    assert contestants.OWN in [contestant.name for contestant in found]
    for contestant in found:
        shifts = contestant.estimate(stack).shifts
        # 0.3 px is far below the drift; phase correlation needs it, the others are below 0.1.
        np.testing.assert_allclose(
            shifts - shifts.mean(axis=0),
            true - true.mean(axis=0),
            atol=0.3,
            err_msg=contestant.name,
        )


@pytest.mark.slow
def test_the_command_writes_results_table_and_figures(run_tiny):
    results, table = run_tiny("rigid", "benchmarks_table.rst")
    contestants = {row["contestant"] for row in results["accuracy"]}
    assert {"smartalign", "HyperSpy estimate_shift2D"} <= contestants
    assert {row["frames"] for row in results["growth"]} == {4, 8}
    assert all(row["seconds"] > 0 for row in (*results["sizes"], *results["growth"]))
    assert results["calibration"]
    assert "Cramér-Rao bound" in table
    for name in contestants:
        assert name in table
