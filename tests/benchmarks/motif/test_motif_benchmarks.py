"""The benchmarks of the template matching: that they run, and that they count right."""

from __future__ import annotations

import re
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

SHAPE = (96, 110)


@pytest.fixture
def settings(benchmark_module):
    return benchmark_module("motif.settings")


@pytest.fixture
def made(benchmark_module, settings):
    """Two frames of a lattice at a high dose."""
    motif = settings.Motif("square", 16.3, (17, 18))
    scenes = benchmark_module("motif.scenes")
    return scenes.scene(motif, dose=200.0, frames=2, shape=SHAPE, seed=0)


@pytest.fixture
def inside(made):
    """Repeats whose tile lies within the frame."""
    half = (np.array(made.shape) - 1) / 2
    sure = (made.centres >= half + 1) & (made.centres <= np.array(SHAPE) - half - 2)
    return made.centres[sure.all(axis=1)]


@pytest.fixture
def found(benchmark_module):
    """Function that makes what a method found in two frames, the same in both."""
    measures = benchmark_module("motif.measures")

    def make(centres):
        frame = np.repeat([0, 1], len(centres))
        return measures.Found(frame, np.tile(centres, (2, 1)), np.zeros((len(frame), 17, 18)))

    return make


def test_the_truth_is_judged_right(benchmark_module, made, inside, found):
    judge = benchmark_module("motif.measures").judge
    judged = judge(found(inside), made)
    assert judged.recall == 1
    assert judged.false == 0
    assert judged.tiles == 2 * len(inside)
    np.testing.assert_allclose(judged.error, 0, atol=1e-9)
    # A constant offset is a matter of where the region was cut.
    np.testing.assert_allclose(
        judge(found(inside + np.array([0.4, -0.3])), made).error, 0, atol=1e-9
    )


def test_what_is_lost_false_double_or_off_is_counted(benchmark_module, made, inside, found):
    judge = benchmark_module("motif.measures").judge
    assert judge(found(inside[1:]), made).recall == pytest.approx(1 - 1 / len(inside))
    wrong = np.concatenate([inside, inside[:1] + 8, inside[:2] + 0.1])
    assert judge(found(wrong), made).false == 2 * 3
    rng = np.random.default_rng(0)
    many = np.repeat(inside, 1, axis=0) + rng.normal(0, (0.2, 0.4), inside.shape)
    np.testing.assert_allclose(judge(found(many), made).error, [0.2, 0.4], rtol=0.5)
    nothing = judge(found(inside[:0]), made)
    assert (nothing.recall, nothing.false, nothing.tiles) == (0, 0, 0)
    assert np.isnan(nothing.error).all()


@pytest.mark.slow
def test_every_method_finds_the_same_tiles(benchmark_module, made):
    contestants = benchmark_module("motif.contestants")
    judge = benchmark_module("motif.measures").judge
    best = benchmark_module("motif.speed").best_threshold
    for method in contestants.CONTESTANTS:
        pytest.importorskip(method.module)
        threshold = best(method, made.first(1))
        assert (threshold is None) == (method.name == contestants.DEFAULT)
        result = method.find(made.frames, made.motif, made.spacing, threshold or 0.0)
        judged = judge(result, made)
        assert judged.recall > 0.95, method.name
        # Tiles that HyperSpy's padding puts at the rim are there or not.
        assert judged.false <= 2, method.name
        # Rivals give whole pixels: 0.29 px in each direction, and the motif's own noise.
        assert max(judged.error) < (0.1 if "smartalign" in method.name else 0.45), method.name
        assert result.tiles.shape == (judged.tiles, 17, 18)
        clean = np.corrcoef(result.tiles.mean(axis=0).ravel(), made.motif.ravel())[0, 1]
        assert clean > 0.95, method.name


def test_thresholds_weigh_what_is_found_against_what_is_false(
    benchmark_module, made, inside, found
):
    contestants = benchmark_module("motif.contestants")
    results = {0.1: found(np.concatenate([inside, inside + 8])), 0.2: found(inside)}
    results[0.3] = found(inside[::2])
    method = contestants.Contestant(
        "test",
        "numpy",
        lambda frames, motif, spacing, threshold: results[threshold],
        (0.1, 0.2, 0.3),
    )
    assert benchmark_module("motif.speed").best_threshold(method, made) == 0.2


def test_rows_that_are_known_have_no_error(benchmark_module, settings):
    accuracy = benchmark_module("motif.accuracy")
    scenes = benchmark_module("motif.scenes")
    motif = settings.Motif("square", 16.3, (32, 32))
    crystal = scenes.perfect(motif, (96, 96))
    _, centres = scenes.repeats(crystal, motif.shape)
    simulated = accuracy.simulate_series(
        shape=(96, 96), frames=1, crystal=crystal, drift=(0.0, 0.0), drift_walk=0, row_jitter=0.5
    )
    places = centres[((centres > 18) & (centres < 77)).all(axis=1)]
    known = accuracy.KnownRows(simulated.truth, centres, motif.shape)

    class Rows:
        """d(q) = e(q + d(q)) - off for the rows of a tile, e that of the frame."""

        def __init__(self, place, off=(0.0, 0.0)):
            rows = place[0] - 15.5 + np.arange(32.0)
            every = simulated.truth.frame_displacement(0)[:, :, 40]
            self.offsets = np.zeros((2, 32))
            for _ in range(40):
                at = rows + self.offsets[0]
                found = np.stack([np.interp(at, np.arange(96.0), part) for part in every])
                self.offsets = found - np.reshape(off, (2, 1))

        def displacement(self, shape):
            return np.repeat(self.offsets[:, :, None], shape[1], axis=2)

    table = SimpleNamespace(frame=np.zeros(len(places), int))
    table.source_y, table.source_x = places.T
    tiles = SimpleNamespace(smartalign=SimpleNamespace(matches=table))
    assert 0.3 < known.relative_error(tiles, None) < 0.8
    assert known.relative_error(tiles, [Rows(place) for place in places]) < 1e-6
    # Where a tile was cut is known, so that a wrong cut is no error of its rows.
    off = np.random.default_rng(0).uniform(-0.5, 0.5, places.shape)
    table.source_y, table.source_x = (places + off).T
    shifted = [Rows(place + each, each) for place, each in zip(places, off, strict=True)]
    assert known.relative_error(tiles, shifted) < 1e-6


def test_more_dose_lowers_the_bound_of_rows_to_that_of_the_place(benchmark_module, settings):
    accuracy = benchmark_module("motif.accuracy")
    scenes = benchmark_module("motif.scenes")
    motif = settings.Motif("square", 16.3, (32, 32))
    crystal = scenes.perfect(motif, (96, 96))
    corner, _ = scenes.repeats(crystal, motif.shape)
    bounds = [
        accuracy.row_bound(crystal, corner, motif.shape, dose=dose) for dose in (1e-6, 1.0, 100.0)
    ]
    assert bounds[0] == pytest.approx(np.hypot(accuracy.ROW_JITTER, accuracy.UNKNOWN), rel=0.01)
    assert bounds[1] > 2 * bounds[2]


@pytest.fixture
def results(benchmark_module, settings):
    """Results as they are kept, made up."""
    contestants = benchmark_module("motif.contestants")
    names = [method.name for method in contestants.CONTESTANTS]
    speed = [
        {
            "method": name,
            "frames": 16,
            "shape": [1024, 1024],
            "seconds": seconds,
            "runs": [seconds],
            "processor_seconds": 2 * seconds,
            "threshold": threshold,
            "tiles": 4000,
            "recall": recall,
            "false": 0,
            "error": 0.2,
            "bound": 0.1,
        }
        for name, seconds, threshold, recall in zip(
            names,
            (1.0, 0.5, 2.0, 8.0),
            (None, 0.4, 0.4, 0.5),
            (0.995, 0.99, 0.98, 0.997),
            strict=True,
        )
    ]
    trials = [
        {
            "motif": name,
            "dose": dose,
            "tiles": 300,
            "recall": recall,
            "false": false,
            "error": error,
            "bound": 0.1,
            "peak_scores": [0.5, 0.7, 0.7],
        }
        for name in ("a", "b")
        for dose, recall, false, error in (
            (20.0, 1.0, 0, 0.11),
            (5.0, 0.98, 1, 0.12),
            (1.0, 0, 9, None),
        )
    ]
    distortions = [
        {
            "dose": 20.0,
            "tiles": 100,
            "before": 0.4,
            "after": 0.15,
            "bound": 0.1,
            "ratio": 1.5,
            "predicted": None,
        }
    ]
    return {
        "machine": {
            "day": "2026-01-01",
            "cores": 2,
            "processor": "test",
            "system": "Linux",
            "python": "3.11",
            "load_at_start": 0.1,
            "versions": {"numpy": "2.0"},
        },
        "settings": asdict(settings.FULL),
        "absent": {},
        "seconds": 60.0,
        "speed": speed,
        "memory": [
            {"method": "a", "frames": 64, "shape": [1024, 1024], "megabytes": 100, "stacks": 0.4}
        ],
        "trials": trials,
        "distortions": distortions,
    }


def test_targets_take_the_worst_case(benchmark_module, results):
    found = {
        target.what: target.measured(results)
        for target in benchmark_module("motif.targets").TARGETS
    }
    assert found["Seconds as it comes / HyperSpy"] == pytest.approx(1 / 8)
    assert found["Seconds as it comes / scikit-image"] == pytest.approx(1 / 2)
    assert found["Seconds of one search / scikit-image"] == pytest.approx(1 / 4)
    assert found["Repeats lost beyond those of the best rival"] == pytest.approx(0.2)
    assert found["Repeats lost, 5 counts and above"] == pytest.approx(2)
    assert found["False matches, 5 counts and above"] == 1
    assert found["Error / Cramér-Rao bound, 5 counts and above"] == pytest.approx(1.2)
    # Where nothing was found the error is as large as can be.
    assert found["Error / Cramér-Rao bound, all doses"] == np.inf
    assert found["Error of the rows of tiles / bound with prior"] == 1.5
    assert found["Memory beyond the tiles, long series in a file"] == 100


def test_absent_rivals_leave_their_targets_out(benchmark_module, results):
    targets = benchmark_module("motif.targets")
    results["speed"] = results["speed"][:2]
    found = {target.what: target.measured(results) for target in targets.TARGETS}
    assert found["Seconds as it comes / HyperSpy"] is None
    assert found["Repeats lost beyond those of the best rival"] is None


def test_tables_and_figures_tell_what_was_measured(benchmark_module, results):
    table = benchmark_module("motif.tables").render(results)
    flat = re.sub(r"\s+", " ", table)
    for row in results["speed"]:
        assert f"* - {row['method']}\n" in table
    assert "8.00 (8.00) - 16.0 - 0.50 - 4000 - 99.7 % - 0 - 0.200 (2.00)" in flat
    assert "a - 100.0 % (0 / 300) - 98.0 % (1 / 300) - 0.0 % (9 / 300)" in flat
    assert "a - 0.110 (1.10) - 0.120 (1.20) - –" in flat
    assert "20 - 100 - 0.400 - 0.150 - 0.100 - 1.50 - –" in flat
    assert "100 (0.40)" in flat
    figures = benchmark_module("motif.figures").figures(results)
    assert [f"/_static/{name}" in table for name in figures] == [True, True]


@pytest.mark.slow
def test_the_command_writes_results_tables_and_figures(run_tiny):
    results, table = run_tiny("motif", "benchmarks_motif_table.rst")
    assert all(row["seconds"] > 0 for row in results["speed"])
    assert results["trials"][0]["recall"] == 1
    assert "region of the first frame" in table
