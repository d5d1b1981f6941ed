"""The benchmarks of spectra: that they run, and that they compare what is alike."""

from __future__ import annotations

import re

import numpy as np
import pytest

SHAPE = (40, 36)
# Pixels at the edges that are left out: each method has its own idea of what is beyond them.
MARGIN = 6


@pytest.fixture
def contestants(benchmark_module):
    return benchmark_module("spectra.contestants")


@pytest.fixture
def series(benchmark_module):
    return benchmark_module("spectra.series")


@pytest.fixture
def settings(benchmark_module):
    return benchmark_module("spectra.settings")


@pytest.fixture
def results(benchmark_module):
    """Results that are easy to look up: the spline takes 3 s, and all else 2 s."""
    names = benchmark_module("spectra.contestants")
    passes = benchmark_module("spectra.passes")
    runs = benchmark_module("spectra.settings").TINY
    settings = {
        "name": runs.name,
        "memory_series": vars(runs.memory_series),
        "file_series": vars(runs.file_series),
    }
    speed = [
        {
            "method": contestant.name,
            "motion": motion,
            "dtype": dtype,
            "timed_channels": 4 if contestant.by_channels else 16,
            "seconds": 3.0 if contestant.name == names.SPLINE else 2.0,
        }
        for dtype in ("float32", "uint16")
        for motion in ("shifts", "fields")
        for contestant in names.CONTESTANTS
        if motion == "shifts" or not contestant.shifts_only
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
        "libraries": {"dask": "2026.1", "distributed": None},
        "settings": settings,
        "absent": {},
        "seconds": 60.0,
        "speed": speed,
        "file": {"gigabytes": 20.1, "on_disk": 0.6},
        "passes": [
            {"method": method, "frames": 10, "seconds": 5.0, "peak": 1.5, "samples": [[0.1, 1.0]]}
            for method in passes.METHODS
        ],
        "workers": [
            {"workers": workers, "frames": 6, "seconds": seconds, "peak": 1.0, "worker_peak": None}
            for workers, seconds in ((0, 3.0), (1, 4.0), (2, 2.0))
        ],
    }


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["spline", "linear"])
@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_every_method_that_aligns_finds_the_same_sum(contestants, series, kernel, dtype):
    y, x = np.indices(SHAPE)
    stack = np.stack(
        [
            np.stack([100 + 50 * np.cos(y / 3 + k) * np.cos(x / 4 - i) for k in range(3)], axis=-1)
            for i in range(3)
        ]
    ).astype(dtype)
    methods = [each for each in contestants.CONTESTANTS if each.name.endswith(kernel)]
    assert len(methods) == 3
    inside = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    for motion, transforms in series.motions(3, SHAPE).items():
        sums = {
            each.name: each.add(stack, transforms) for each in methods if each.takes(transforms)
        }
        assert len(sums) == (3 if motion == "shifts" else 2)
        plain = stack.sum(axis=0, dtype=np.float32)
        own = sums.pop(f"smartalign, {kernel}")
        assert own.shape == plain.shape
        assert np.abs(own - plain)[inside].max() > 5
        for name, found in sums.items():
            # Float32 sums of about 300, one way of adding or another.
            np.testing.assert_allclose(found[inside], own[inside], atol=2e-3, err_msg=name)


@pytest.mark.slow
def test_shared_counts_and_plain_addition_keep_the_counts(contestants, series):
    size = (2, *SHAPE, 4)
    stack = np.zeros(size, dtype=np.uint16)
    stack[:, 10:-10, 10:-10] = np.random.default_rng(0).integers(0, 5, (2, 20, 16, 4))
    methods = {each.name: each for each in contestants.CONTESTANTS}
    for transforms in series.motions(2, SHAPE).values():
        for name in (contestants.PLAIN, contestants.SHARED):
            found = methods[name].add(stack, transforms)
            # NaN where no frame came: there were no counts.
            np.testing.assert_allclose(
                np.nansum(found, axis=(0, 1)), stack.sum(axis=(0, 1, 2)), rtol=1e-5
            )


def test_some_channels_stand_for_all(benchmark_module, settings, monkeypatch):
    speed = benchmark_module("spectra.speed")
    seen = {}

    def take_turns(methods, inputs, *, repeats, patience):
        seen.update({name: run(inputs[0][:1]).shape for name, run in methods.items()})
        return dict.fromkeys(methods, (1.0, 3.0, 2.0))

    monkeypatch.setattr(speed.timing, "take_turns", take_turns)
    contestant = benchmark_module("spectra.contestants").Contestant

    def add(stack, transforms):
        return np.zeros((len(transforms), *stack.shape[1:]))

    methods = [contestant("all", "numpy", add), contestant("some", "numpy", add, by_channels=True)]
    rows = speed.measure_speed(settings.TINY, methods, report=lambda words: None)
    _, *shape, channels = settings.TINY.memory_series.sizes
    some = settings.TINY.rival_channels
    assert some < channels
    assert seen == {"all": (1, *shape, channels), "some": (1, *shape, some)}
    assert {(row.method, row.timed_channels, row.seconds) for row in rows} == {
        ("all", channels, 2.0),
        ("some", some, 2.0 * channels / some),
    }
    assert len(rows) == 2 * 2 * 3


def test_targets_take_the_worst_case(benchmark_module, results):
    targets = {target.what: target for target in benchmark_module("spectra.targets").TARGETS}
    contestants = benchmark_module("spectra.contestants")
    plain = targets["Seconds in memory / plain addition, spline"]
    assert plain.measured(results) == pytest.approx(1.5)
    worst = [
        row
        for row in results["speed"]
        if (row["method"], row["motion"], row["dtype"]) == (contestants.SPLINE, "fields", "uint16")
    ]
    worst[0]["seconds"] = 8.0
    assert plain.measured(results) == pytest.approx(4.0)
    assert targets["Seconds in memory / plain addition, linear"].measured(results) == 1.0
    memory = targets["Peak resident memory, series in a file"]
    # What others read does not count.
    results["passes"][0]["peak"] = 9.0
    assert memory.measured(results) == 1.5
    results["passes"][-1]["peak"] = 2.5
    assert memory.measured(results) == 2.5
    for row in results["passes"]:
        row["peak"] = None
    assert memory.measured(results) is None


def test_tables_and_figures_tell_what_was_measured(benchmark_module, results):
    table = benchmark_module("spectra.tables").render(results)
    flat = re.sub(r"\s+", " ", table)
    contestants = benchmark_module("spectra.contestants").CONTESTANTS
    for name in (each.name for each in contestants):
        assert table.count(f"* - {name}\n") >= 2
    assert "3.00 (1.50)" in table
    assert "smartalign, spline - 5.00 - 2.00 - 1.00 - 1.50" in flat
    assert "2 workers - 2.00 - 2.00 - 1.00 - –" in flat
    assert "20.1 GB" in table
    assert "timed on the first 4 channels" in table
    assert "distributed None" not in table
    figures = benchmark_module("spectra.figures").figures(results)
    assert [f"/_static/{name}" in table for name in figures] == [True, True]


def test_without_memory_and_cluster_the_rest_is_told(benchmark_module, results):
    for row in results["passes"]:
        row.update(peak=None, samples=[])
    results["workers"] = results["workers"][:1]
    table = benchmark_module("spectra.tables").render(results)
    flat = re.sub(r"\s+", " ", table)
    assert "benchmarks_spectra_memory" not in table
    assert "no cluster, all cores - 3.00 - – - 1.00 - –" in flat
    assert len(benchmark_module("spectra.figures").figures(results)) == 2


def test_the_file_is_small_on_disk_and_one_chunk_a_frame(series, settings, tmp_path):
    hs = pytest.importorskip("hyperspy.api")
    size = settings.SeriesSize(3, (32, 24), 40)
    written = series.write_series(tmp_path, size)
    signal = hs.load(written.path, lazy=True)
    assert signal.data.shape == size.sizes
    assert signal.data.dtype == np.float32
    assert signal.data.chunksize == (1, *size.sizes[1:])
    assert signal.data.max().compute() > 0
    assert written.shifts.shape == (3, 2)
    assert 0 < written.gigabytes_on_disk < size.gigabytes
    assert size.gigabytes == pytest.approx(4e-9 * np.prod(size.sizes))


def test_the_full_series_is_as_large_as_promised(settings):
    assert settings.FULL.memory_series.sizes == (8, 128, 128, 1024)
    assert settings.FULL.file_series.gigabytes > 20


def test_no_room_on_disk_is_told_before_any_work(benchmark_module, settings, monkeypatch):
    large = benchmark_module("spectra.large")
    monkeypatch.setattr(large.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10}))
    monkeypatch.setattr(large, "write_series", None)
    with pytest.raises(SystemExit, match="TMPDIR"):
        large.measure_file(settings.TINY, report=lambda words: None)


def test_a_pass_that_fails_says_why(benchmark_module):
    large = benchmark_module("spectra.large")
    with pytest.raises(RuntimeError, match=r"benchmarks\.spectra\.nothing failed"):
        large._in_child("nothing")


def test_memory_is_seen_while_it_is_held(benchmark_module):
    watching = benchmark_module("spectra.watching")
    if watching.peak_gigabytes() is None:
        pytest.skip("this system does not tell")
    with watching.MemoryWatch() as watch:
        for _ in range(10):
            held = np.ones(25_000_000)
            watch._done.wait(2 * watching.INTERVAL)
        del held
    levels = [gigabytes for _, gigabytes in watch.samples]
    # 0.2 GB, of which the first sample may have seen none.
    assert max(levels) > 0.2
    assert watching.peak_gigabytes() >= max(levels) - 1e-3
    seconds = [second for second, _ in watch.samples]
    assert seconds == sorted(seconds)


def test_long_watches_keep_few_samples(benchmark_module, monkeypatch):
    watching = benchmark_module("spectra.watching")
    if watching.peak_gigabytes() is None:
        pytest.skip("this system does not tell")
    monkeypatch.setattr(watching, "MOST_SAMPLES", 4)
    monkeypatch.setattr(watching, "INTERVAL", 0.001)
    with watching.MemoryWatch() as watch:
        watch._done.wait(0.2)
    assert 0 < len(watch.samples) <= 4


@pytest.mark.slow
def test_the_command_writes_results_tables_and_figures(run_tiny, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    results, table = run_tiny("spectra", "benchmarks_spectra_table.rst")
    assert all(row["seconds"] > 0 for row in results["speed"])
    assert [row["frames"] for row in results["passes"]] == [4] * 4
    assert all(row["seconds"] > 0 for row in results["passes"])
    assert results["workers"][0]["workers"] == 0
    assert "reading and adding" in table
    # Nothing is left of the series.
    assert not list(scratch.glob("smartalign_benchmark_*"))
