"""Threads over the frames of a series."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import islice, pairwise
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")
Progress = Callable[[int, int], None]
Beat = Callable[[], None]

#: Seconds between two calls of the function that `beating` was given, at most.
_BEAT = 0.1
_beat: ContextVar[Beat | None] = ContextVar("beat", default=None)


@cache
def _libraries(loaded: bool) -> ThreadpoolController:
    """The libraries of linear algebra that are loaded; looking for them takes milliseconds.

    `loaded` tells whether that of SciPy, which is not NumPy's, is among them.
    """
    return ThreadpoolController()


def _set_threads(library: Any, threads: int) -> None:
    # Since some version, threadpoolctl lets only the first thread that ever asked set a number,
    # and forgets what others ask for; here the last thread that ends sets it back.
    getattr(library, "_real_set_num_threads", library.set_num_threads)(threads)


class _Limit:
    """The limit that all threads share: libraries know one number for the whole process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._before: list[tuple[Any, int]] = []

    def hold(self) -> None:
        with self._lock:
            if self._holders == 0:
                libraries: Any = _libraries("scipy.linalg" in sys.modules).select(user_api="blas")
                self._before = [(each, each.num_threads) for each in libraries.lib_controllers]
                for each, _ in self._before:
                    _set_threads(each, 1)
            self._holders += 1

    def let_go(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                for each, threads in self._before:
                    _set_threads(each, threads)


_limit = _Limit()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep libraries of linear algebra from starting threads of their own in each of ours.

    They would wait for each other: small matrices then take 20 times as long. Also a decorator.
    Threads may overlap: the libraries get their threads back when the last one has ended.
    """
    _limit.hold()
    try:
        yield
    finally:
        _limit.let_go()


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


@contextmanager
def beating(beat: Beat) -> Iterator[None]:
    """Have a function called while this thread waits in `run_tasks` and `map_chunks`.

    Parameters
    ----------
    beat : callable
        Called in this thread, several times a second. What it raises ends the work, as soon as the
        tasks (of `map_chunks`: the steps) that run have ended.
    """
    token = _beat.set(beat)
    try:
        yield
    finally:
        _beat.reset(token)


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
    workers, beat = worker_count(num_workers, count), _beat.get()
    if workers == 1:
        # Also a single task: with more threads, products of matrices may differ in their last bit.
        with one_thread_each():
            for done in range(count):
                if beat is not None:
                    beat()
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
                finished, running = _wait(running, beat)
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
    task: Callable[[Chunk], Result],
    count: int,
    *,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """Results of ``task(chunk)`` for one contiguous chunk of ``range(count)`` per thread, in order.

    The chunks depend on the number of threads, and so would the last bit of a sum over them.
    `progress` is called in the caller's thread as ``progress(done, count)``, not for every step.
    """
    parts, beat = chunks(count, worker_count(num_workers, count)), _beat.get()
    done = 0

    def told() -> None:
        if beat is not None:
            beat()
        if progress is not None:
            progress(done, count)

    if len(parts) <= 1:

        def step() -> None:
            nonlocal done
            told()
            done += 1

        results = [task(Chunk(part, step)) for part in parts]
        told()
        return results
    broken_off = threading.Event()
    lock = threading.Lock()

    def go_on() -> None:
        nonlocal done
        if broken_off.is_set():
            raise _BrokenOffError
        with lock:
            done += 1

    with one_thread_each(), ThreadPoolExecutor(len(parts)) as pool:
        futures = [pool.submit(task, Chunk(part, go_on)) for part in parts]
        running = set(futures)
        try:
            while running:
                finished, running = _wait(running, told if beat or progress else None)
                for future in finished:
                    future.result()
        except BaseException:
            broken_off.set()
            raise
    told()
    return [future.result() for future in futures]


class Chunk:
    """Contiguous numbers that one thread works through; the work can end before each.

    Parameters
    ----------
    numbers : range
    step : callable
        Called before each number.
    """

    def __init__(self, numbers: range, step: Callable[[], None]) -> None:
        self.start, self.stop = numbers.start, numbers.stop
        self._step = step

    def __iter__(self) -> Iterator[int]:
        for number in range(self.start, self.stop):
            self._step()
            yield number


class _BrokenOffError(Exception):
    """Ends a thread whose result nobody waits for."""


def _wait(
    running: set[Future[Any]], beat: Beat | None
) -> tuple[set[Future[Any]], set[Future[Any]]]:
    """Those of the futures that have ended, one at least, and the others."""
    while True:
        finished, others = wait(
            running, timeout=None if beat is None else _BEAT, return_when=FIRST_COMPLETED
        )
        if beat is not None:
            beat()
        if finished:
            return finished, others
