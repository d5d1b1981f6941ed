"""Verbs that are called from several threads at once give what they give one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from hyperspy_smartalign.resampling.workers import beating, one_thread_each, run_tasks

QUIET: dict[str, Any] = {"show_progressbar": False}
FITTED = {"affine_cycles": 1, "nonlinear_cycles": 1, "guard": False}
VERBS: dict[str, Callable[[Any, Any, int], Any]] = {
    "align_rigid": lambda raw, aligned, n: raw.align_rigid(num_workers=n, **QUIET),
    "lazy": lambda raw, aligned, n: _computed(lazy_twin(raw).align_rigid(num_workers=n, **QUIET)),
    "apply_alignment": lambda raw, aligned, n: raw.apply_alignment(aligned, num_workers=n, **QUIET),
    "average": lambda raw, aligned, n: aligned.smartalign.average(),
    "straighten_rows": lambda raw, aligned, n: raw.smartalign.straighten_rows(),
}
SLOW_VERBS: dict[str, Callable[[Any, Any, int], Any]] = {
    "align_nonrigid": lambda raw, aligned, n: raw.align_nonrigid(num_workers=n, **FITTED, **QUIET),
    "template_match": lambda raw, aligned, n: aligned.template_match(
        "unit cell", refine=1, num_workers=n, **QUIET
    ),
    **VERBS,
}


def lazy_twin(signal: Any) -> Any:
    """The lazy series made before the threads start: `as_lazy` takes data off a signal."""
    return signal.lazy_twin


def with_twin(signal: Any) -> Any:
    signal = signal.deepcopy()
    signal.lazy_twin = signal.as_lazy()
    return signal


def _computed(signal: Any) -> Any:
    signal.compute(show_progressbar=False)
    return signal


def blas_threads() -> list[int]:
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


def check_threads(verbs: dict[str, Callable[..., Any]], raw: Any, aligned: Any) -> None:
    raw = with_twin(raw)
    expected = {name: np.array(verb(raw, aligned, 2).data) for name, verb in verbs.items()}
    before, data = blas_threads(), np.array(raw.data)
    # Each verb on the same signal, and on copies of it, all at once.
    jobs = [(name, raw, n) for n in (1, 2) for name in verbs]
    jobs += [(name, with_twin(raw), 2) for name in verbs]
    with ThreadPoolExecutor(4) as pool:
        results = [(name, pool.submit(verbs[name], of, aligned, n)) for name, of, n in jobs]
    for name, result in results:
        np.testing.assert_array_equal(result.result().data, expected[name], err_msg=name)
    np.testing.assert_array_equal(raw.data, data)
    assert blas_threads() == before


@pytest.mark.filterwarnings("ignore::hyperspy_smartalign.series.checks.SeriesWarning")
def test_quick_verbs_in_four_threads(series, rigid):
    check_threads(VERBS, series, rigid)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hyperspy_smartalign.series.checks.SeriesWarning")
def test_all_verbs_in_four_threads(series, rigid):
    for _ in range(3):
        check_threads(SLOW_VERBS, series, rigid)


@pytest.mark.filterwarnings("ignore::hyperspy_smartalign.series.checks.SeriesWarning")
def test_different_series_at_once_do_not_mix(series):
    parts = [series.inav[:4], series.inav[1:5], series.inav[2:], series.isig[:50, :40]]
    one_by_one = [part.align_rigid(num_workers=1, **QUIET) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda part: part.align_rigid(num_workers=2, **QUIET), parts))
    for alone, together in zip(one_by_one, at_once, strict=True):
        np.testing.assert_array_equal(together.data, alone.data)
        np.testing.assert_array_equal(
            together.smartalign.alignment.shifts, alone.smartalign.alignment.shifts
        )


def test_libraries_have_their_threads_again_when_the_last_thread_ends():
    np.linalg.inv(np.eye(3))
    before, seen = blas_threads(), []
    inside, leave, go_on = threading.Barrier(3), threading.Event(), threading.Event()

    def first() -> None:
        with one_thread_each():
            inside.wait(10)
            leave.wait(10)

    def second() -> None:
        with one_thread_each():
            inside.wait(10)
            go_on.wait(10)
            seen.extend(blas_threads())

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    leave.set()
    threads[0].join(10)
    # The one that is still at work keeps its limit; set and reset one by one it would lose it.
    assert set(blas_threads()) == {1}
    go_on.set()
    threads[1].join(10)
    assert set(seen) == {1}
    assert blas_threads() == before


def test_progress_and_beats_stay_with_their_thread():
    told: dict[int, list[tuple[int, int]]] = {3: [], 7: []}
    beaten: dict[int, set[int]] = {3: set(), 7: set()}

    def work(count: int) -> None:
        with beating(lambda: beaten[count].add(threading.get_ident())):
            run_tasks(
                lambda index: None,
                count,
                num_workers=2,
                progress=lambda done, total: told[count].append((done, total)),
            )

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, told))
    for count, reports in told.items():
        assert reports == [(done, count) for done in range(1, count + 1)]
        assert len(beaten[count]) == 1
