from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperspy_smartalign.resampling.workers import (
    beating,
    chunks,
    map_chunks,
    run_tasks,
    worker_count,
)


@given(st.integers(1, 200), st.integers(1, 20))
def test_chunks_hold_every_task_once_in_order(tasks, workers):
    parts = chunks(tasks, workers)
    assert [i for part in parts for i in part] == list(range(tasks))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == min(tasks, workers)


def test_results_keep_the_order_of_the_chunks():
    assert map_chunks(list, 7, num_workers=3) == [[0, 1], [2, 3], [4, 5, 6]]
    assert map_chunks(list, 0) == []


def test_worker_count():
    assert worker_count(8, 3) == 3
    assert worker_count(2, 3) == 2
    assert worker_count(None, 1) == 1
    with pytest.raises(ValueError, match="not 0"):
        worker_count(0, 3)


def test_tasks_run_side_by_side():
    # Two tasks that wait for each other end only if they run at the same time.
    meeting = threading.Barrier(2, timeout=10)
    run_tasks(lambda i: meeting.wait() and None, 2, num_workers=2)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_ends_the_work(workers):
    done = []

    def task(i):
        if i == 3:
            raise RuntimeError("frame 3 cannot be read")
        if i > 3:
            time.sleep(0.01)
        done.append(i)

    with pytest.raises(RuntimeError, match="frame 3"):
        run_tasks(task, 50, num_workers=workers)
    assert len(done) < 25


def test_linear_algebra_takes_one_thread_in_each_of_ours():
    from threadpoolctl import threadpool_info

    def blas_threads():
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    np.linalg.inv(np.eye(3))
    before, seen = blas_threads(), []
    run_tasks(lambda index: seen.extend(blas_threads()), 2, num_workers=2)
    assert set(seen) == {1}
    assert blas_threads() == before


@pytest.mark.parametrize("workers", [1, 3])
def test_chunks_tell_how_far_they_are(workers):
    reports = []
    parts = map_chunks(
        list, 20, num_workers=workers, progress=lambda *report: reports.append(report)
    )
    assert [i for part in parts for i in part] == list(range(20))
    assert reports[-1] == (20, 20)
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)


class Enough(BaseException):
    """Raised by a beat."""


@pytest.mark.parametrize("workers", [1, 3])
def test_a_beat_ends_long_work(workers):
    done, beats = [], []

    def beat():
        beats.append(threading.current_thread())
        if len(beats) >= 3:
            raise Enough

    def step(index):
        time.sleep(0.06)
        done.append(index)

    def chunk(numbers):
        for number in numbers:
            step(number)

    with beating(beat):
        with pytest.raises(Enough):
            run_tasks(step, 300, num_workers=workers)
        del beats[:]
        with pytest.raises(Enough):
            map_chunks(chunk, 300, num_workers=workers)
    assert len(done) < 60
    assert set(beats) == {threading.current_thread()}
    del beats[:]
    run_tasks(lambda index: None, 3, num_workers=workers)
    assert beats == []


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_ends_the_chunks(workers):
    done = []

    def chunk(numbers):
        for number in numbers:
            if number == 1:
                raise ValueError("frame 1 cannot be read")
            time.sleep(0.005)
            done.append(number)

    with pytest.raises(ValueError, match="frame 1"):
        map_chunks(chunk, 300, num_workers=workers)
    assert len(done) < 60
