from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from hyperspy_smartalign.gui.mailbox import Mailbox
from hyperspy_smartalign.gui.working import Cancelled, Latest, Work
from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.signals.progressing import present_observer, progress_bar, watch
from hyperspy_smartalign.signals.telling import tell


class Desk:
    """A mailbox, and what was told through it."""

    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self.progress, self.found, self.outcomes = [], [], []

    def work(self, function) -> Work:
        return Work(
            function,
            self.mailbox,
            progressed=lambda *report: self.progress.append(report),
            found=self.found.append,
            ended=self.outcomes.append,
        )

    def finish(self, work) -> object:
        assert work.join(20)
        self.mailbox.deliver()
        (outcome,) = self.outcomes
        return outcome


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_value_and_what_was_told_on_the_way(desk):
    threads = []

    def function():
        threads.append(threading.current_thread())
        with progress_bar(False) as progress:
            for done in range(3):
                progress("stage", done + 1, 3)
        watch()("event")
        tell("look out")
        tell("look out")
        return 42

    work = desk.work(function)
    work.start()
    outcome = desk.finish(work)
    assert (outcome.value, outcome.error, outcome.cancelled) == (42, None, False)
    assert outcome.warnings == ["look out"]
    assert desk.found == ["event"]
    assert desk.progress[0] == ("stage", 1, 3)
    assert desk.progress[-1] == ("stage", 3, 3)
    assert threads != [threading.current_thread()]
    assert present_observer() is None


def test_not_every_step_is_told(desk):
    def function():
        with progress_bar(False) as progress:
            for done in range(10_000):
                progress("stage", done + 1, 10_000)

    work = desk.work(function)
    work.start()
    desk.finish(work)
    assert len(desk.progress) < 200
    assert desk.progress[-1] == ("stage", 10_000, 10_000)


def test_an_error_is_kept(desk):
    def function():
        raise ValueError("no frames")

    work = desk.work(function)
    work.start()
    outcome = desk.finish(work)
    assert isinstance(outcome.error, ValueError)
    assert outcome.value is None


def waits_for_cancel(started):
    with progress_bar(False) as progress:
        progress("waiting", 0, 1)
        started.set()
        while True:
            time.sleep(0.005)
            progress("waiting", 0, 1)


def test_cancelling_ends_at_the_next_report(desk):
    started = threading.Event()
    work = desk.work(lambda: waits_for_cancel(started))
    work.start()
    assert started.wait(20)
    work.cancel()
    outcome = desk.finish(work)
    assert outcome.cancelled
    assert outcome.error is None
    assert outcome.value is None
    # A report that says nothing new is not passed on.
    assert desk.progress == [("waiting", 0, 1)]


def test_it_is_cancelled_once_so_that_the_best_can_be_kept(desk):
    assert issubclass(Cancelled, KeyboardInterrupt)
    started = threading.Event()

    def function():
        try:
            waits_for_cancel(started)
        except Cancelled:
            with progress_bar(False) as progress:
                progress("keeping", 1, 1)
            return "the best"

    work = desk.work(function)
    work.start()
    assert started.wait(20)
    work.cancel()
    outcome = desk.finish(work)
    assert outcome.cancelled
    assert outcome.value == "the best"


@pytest.mark.parametrize("workers", [1, 3])
def test_long_tasks_without_reports_can_be_cancelled(desk, workers):
    started = threading.Event()

    def task(index):
        started.set()
        time.sleep(0.02)

    work = desk.work(lambda: run_tasks(task, 10_000, num_workers=workers))
    work.start()
    assert started.wait(20)
    begin = time.monotonic()
    work.cancel()
    outcome = desk.finish(work)
    assert outcome.cancelled
    assert time.monotonic() - begin < 5


def test_cancelling_a_verb_leaves_the_series(desk, simulated):
    series = simulated.series
    before = series.data.copy()
    work = desk.work(lambda: series.align_nonrigid(nonlinear_cycles=20, guard=False))
    work.start()
    while not desk.found and not desk.outcomes:
        time.sleep(0.01)
        desk.mailbox.deliver()
    work.cancel()
    outcome = desk.finish(work)
    assert outcome.cancelled
    assert outcome.value is None
    np.testing.assert_array_equal(series.data, before)


def test_only_the_latest_preview_counts():
    mailbox, told = Mailbox(), []
    latest, running, go_on = Latest(mailbox), threading.Event(), threading.Event()

    def slow():
        running.set()
        assert go_on.wait(20)
        return "first"

    latest.ask(slow, lambda outcome: told.append(outcome.value))
    assert running.wait(20)
    latest.ask(lambda: "second", lambda outcome: told.append(outcome.value))
    latest.ask(lambda: "third", lambda outcome: told.append(outcome.value))
    go_on.set()
    assert latest.join(20)
    mailbox.deliver()
    assert told[-1] == "third"
    assert "second" not in told
    latest.ask(lambda: 1 / 0, lambda outcome: told.append(outcome.error))
    assert latest.join(20)
    mailbox.deliver()
    assert isinstance(told[-1], ZeroDivisionError)


def test_a_closed_one_tells_nothing():
    mailbox, told = Mailbox(), []
    latest, go_on = Latest(mailbox), threading.Event()
    latest.ask(lambda: go_on.wait(20), told.append)
    latest.close()
    go_on.set()
    assert latest.join(20)
    latest.ask(lambda: "more", told.append)
    assert latest.join(20)
    mailbox.deliver()
    assert told == []


def test_what_was_dropped_is_not_told():
    mailbox = Mailbox()
    latest, go_on, told = Latest(mailbox), threading.Event(), []

    def wait(value: str) -> str:
        assert go_on.wait(20)
        return value

    latest.ask(lambda: wait("running"), lambda outcome: told.append(outcome.value))
    latest.ask(lambda: "waiting", lambda outcome: told.append(outcome.value))
    latest.drop()
    go_on.set()
    assert latest.join(20)
    mailbox.deliver()
    assert told == []
    latest.ask(lambda: "later", lambda outcome: told.append(outcome.value))
    assert latest.join(20)
    mailbox.deliver()
    assert told == ["later"]
