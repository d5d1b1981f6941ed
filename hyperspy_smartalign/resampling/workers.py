"""Threads over the frames of a series."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from functools import cache
from itertools import islice, pairwise
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")
Progress = Callable[[int, int], None]


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of linear algebra that are loaded; looking for them takes milliseconds."""
    return ThreadpoolController()


def one_thread_each() -> AbstractContextManager[Any]:
    """Keep libraries of linear algebra from starting threads of their own in each of ours.

    They would wait for each other: small matrices then take 20 times as long.
    """
    limiter: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limiter


def worker_count(num_workers: int | None, tasks: int) -> int:
    """Threads to use for `tasks` independent tasks; None means one per processor.

    Raises
    ------
    ValueError
        If `num_workers` is less than 1.
    """
    if num_workers is None:
        num_workers = os.cpu_count() or 1
    if num_workers < 1:
        raise ValueError(
            f"num_workers must be at least 1, not {num_workers}; give None for one per processor."
        )
    return max(1, min(int(num_workers), tasks))


def chunks(tasks: int, workers: int) -> list[range]:
    """Split `tasks` into one contiguous range per worker, sizes equal to within one."""
    edges = [tasks * k // workers for k in range(workers + 1)]
    return [range(a, b) for a, b in pairwise(edges) if b > a]


def run_tasks(
    task: Callable[[int], None],
    count: int,
    *,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Call ``task(i)`` for every i below `count`, in threads.

    `progress` is called in the caller's thread as ``progress(done, count)``. The first exception,
    one raised by `progress` included, cancels what has not started and is raised.
    """
    workers = worker_count(num_workers, count)
    if workers == 1:
        for done in range(count):
            task(done)
            if progress is not None:
                progress(done + 1, count)
        return
    waiting, done = iter(range(count)), 0
    with one_thread_each(), ThreadPoolExecutor(workers) as pool:
        # Twice the threads in hand keeps them busy, and leaves little to end when one fails.
        running = {pool.submit(task, i) for i in islice(waiting, 2 * workers)}
        try:
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    done += 1
                    if progress is not None:
                        progress(done, count)
                running |= {pool.submit(task, i) for i in islice(waiting, len(finished))}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def map_chunks(
    task: Callable[[range], Result], count: int, *, num_workers: int | None = None
) -> list[Result]:
    """Results of ``task(chunk)`` for one contiguous chunk of ``range(count)`` per thread, in order.

    The chunks depend on the number of threads only, so sums over them are reproducible.
    """
    parts = chunks(count, worker_count(num_workers, count))
    if len(parts) <= 1:
        return [task(part) for part in parts]
    with one_thread_each(), ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(task, parts))
