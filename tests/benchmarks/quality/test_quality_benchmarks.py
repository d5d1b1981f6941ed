"""The campaign that checks the package's own judgement: that it runs, and that it counts right."""

from __future__ import annotations

import pytest


@pytest.fixture
def summaries(benchmark_module):
    return benchmark_module("quality.summaries")


@pytest.fixture
def trials(benchmark_module):
    return benchmark_module("quality.trials")


@pytest.fixture
def helped(trials):
    """Function that makes a trial of a non-rigid alignment."""

    def make(before, after, outcome, *, solver="default", limits=("instability", "dose")):
        return trials.HelpTrial(
            dose=5.0,
            jitter=0.5,
            seed=0,
            solver=solver,
            outcome=outcome,
            probability=0.5,
            before=before,
            after=after,
            rigid_limit=limits[0],
            limit=limits[1],
            rigid_explained=0.05,
            explained=0.1,
            rigid_left=(0.4, 0.5, 0.6),
            left=(0.09, 0.1, 0.11),
        )

    return make


def test_errors_are_pooled_as_squares(summaries, trials):
    rows = summaries.error_rows(
        [
            trials.ShiftTrial(2.0, 0, predicted=1.0, actual=1.0, hops=0, expected_hops=0.2),
            trials.ShiftTrial(2.0, 1, predicted=3.0, actual=1.0, hops=1, expected_hops=0.3),
            trials.ShiftTrial(5.0, 0, predicted=4.0, actual=1.0, hops=0, expected_hops=0.0),
        ]
    )
    assert [row["dose"] for row in rows] == [5.0, 2.0]
    assert rows[0]["ratio"] == pytest.approx(2.0)
    assert rows[1]["ratio"] == pytest.approx(2**0.5)
    assert rows[1]["hops"] == 1
    assert rows[1]["expected_hops"] == pytest.approx(0.5)
    assert summaries.all_doses(rows) == pytest.approx(2**0.75)


def test_help_is_scored_where_it_matters(summaries, helped):
    rows = summaries.help_rows(
        [
            helped(0.5, 0.1, "helped"),
            helped(0.5, 0.1, "none"),
            helped(0.1, 0.3, "worse"),
            helped(0.1, 0.3, "helped"),
            helped(0.1, 0.105, "worse"),
        ]
    )
    assert summaries.help_score(rows) == {"series": 4, "right": 2, "wrong": 1}
    assert {row["truth"] for row in rows} == {"helped", "worse", "no matter"}


def test_limits_are_scored_for_both_stages(summaries, helped):
    rows = summaries.limit_rows(
        [helped(0.5, 0.1, "helped"), helped(0.5, 0.1, "none", limits=("dose", "unknown"))]
    )
    assert rows == [
        {
            "stage": "rigid",
            "truth": "instability",
            "series": 2,
            "instability": 1,
            "dose": 1,
            "unknown": 0,
        },
        {
            "stage": "non-rigid",
            "truth": "dose",
            "series": 2,
            "instability": 0,
            "dose": 1,
            "unknown": 1,
        },
    ]


@pytest.mark.slow
def test_standard_errors_of_shifts_are_honest(summaries, trials):
    rows = summaries.error_rows(
        [trials.shift_trial((96, 96), 10, dose, seed) for dose in (10.0, 2.0) for seed in range(8)]
    )
    # 160 errors at each dose.
    for row in rows:
        assert 0.85 < row["ratio"] < 1.18


@pytest.mark.slow
def test_standard_errors_of_lines_are_honest(trials):
    found = [trials.line_trial((96, 96), 10, 5.0, seed) for seed in range(3)]
    ratio = trials.ratio([t.predicted for t in found], [t.actual for t in found])
    assert 0.85 < ratio < 1.2


@pytest.mark.slow
@pytest.mark.parametrize("jitter", [0.0, 0.5])
def test_help_and_limits_are_judged_right(summaries, trials, jitter):
    found = trials.help_trials((96, 96), 10, 10.0, jitter, 0)
    default = found[0]
    assert default.solver == "default"
    if jitter:
        assert summaries.truth_of(default) == default.outcome == "helped"
        assert (default.rigid_limit, default.limit) == ("instability", "dose")
    else:
        assert default.outcome == "none"
        assert default.rigid_limit != "instability"


@pytest.mark.slow
def test_the_command_writes_results_tables_and_figures(run_tiny):
    results, table = run_tiny("quality", "benchmarks_quality_table.rst")
    assert results["shifts"][0]["series"] == 2
    assert "Did it help" in table
