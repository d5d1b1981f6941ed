"""Work that is begun in a window: progress, cancelling, results and errors."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest

from hyperspy_smartalign import align_rigid
from hyperspy_smartalign.signals.progressing import present_observer

pytestmark = pytest.mark.window

STEPS, STEP = 100, 0.01


@pytest.fixture
def tool(eager_series):
    tool = eager_series.align_rigid(interactive=True, display=False, toolkit="traitsui")
    tool.plot_result = False
    return tool


@pytest.fixture
def slow_tool(tool, monkeypatch):
    """A tool whose work takes a while and tells of each step."""

    aligned = align_rigid(tool.signal)

    def work():
        def dawdle():
            observer = present_observer()
            for step in range(STEPS):
                observer.progressed("measuring pairs", step, STEPS)
                time.sleep(STEP)
            return aligned

        return dawdle

    monkeypatch.setattr(tool, "work", work)
    return tool


@pytest.fixture
def ticks(application):
    """Times at which a timer of Qt ticked, every few milliseconds."""
    from pyface.qt import QtCore

    times = []
    timer = QtCore.QTimer()
    timer.setInterval(5)
    timer.timeout.connect(lambda: times.append(time.monotonic()))
    timer.start()
    yield times
    timer.stop()


def test_a_real_alignment_is_made(tool, open_window, wait_until) -> None:
    window = open_window(tool)
    window.type("refinements", "1")
    window.click("apply_button")
    wait_until(lambda: not tool.busy)
    assert window.ui.handler.notice.startswith("Done in ")
    assert window.ui.handler.notice_kind == "info"
    expected = align_rigid(tool.signal, refinements=1)
    np.testing.assert_array_equal(tool.result.data, expected.data)


def test_the_result_is_plotted_where_wanted(tool, open_window, wait_until) -> None:
    window = open_window(tool)
    window.click("plot_result")
    assert tool.plot_result
    window.click("apply_button")
    wait_until(lambda: not tool.busy)
    assert tool.result._plot.is_active
    tool.result._plot.close()


def test_the_event_loop_turns_meanwhile(slow_tool, open_window, wait_until, ticks) -> None:
    window = open_window(slow_tool)
    window.click("apply_button")
    begun = time.monotonic()
    wait_until(lambda: not slow_tool.busy)
    during = [tick for tick in ticks if tick > begun]
    assert time.monotonic() - begun >= STEPS * STEP
    assert len(during) > STEPS / 4
    assert max(np.diff(during)) < STEPS * STEP / 2


def test_the_bar_says_what_is_done(slow_tool, open_window, wait_until, shoot) -> None:
    window = open_window(slow_tool)
    bar = window.editor("done").control
    assert not bar.isVisible()
    window.click("apply_button")
    wait_until(lambda: slow_tool.done > STEPS // 4)
    assert bar.isVisible()
    assert bar.text() == f"Measuring pairs: {bar.value()} of {STEPS}"
    assert (bar.value(), bar.maximum()) == (slow_tool.done, STEPS)
    assert not window.is_enabled("apply_button")
    shoot(window, "align_rigid_working")
    wait_until(lambda: not slow_tool.busy)
    assert not bar.isVisible()
    assert window.is_enabled("apply_button")


def visible_buttons(window):
    names = ("cancel_button", "stop_button", "go_on_button")
    return [name for name in names if window.editor(name).control.isVisible()]


def test_cancelling_is_asked_and_then_done(slow_tool, open_window, wait_until, shoot) -> None:
    window = open_window(slow_tool)
    assert visible_buttons(window) == []
    window.click("apply_button")
    assert visible_buttons(window) == ["cancel_button"]
    window.click("cancel_button")
    assert visible_buttons(window) == ["stop_button", "go_on_button"]
    assert window.editor("done").control.format() == "Stop the work?"
    shoot(window, "align_rigid_cancel")
    window.click("go_on_button")
    assert visible_buttons(window) == ["cancel_button"]
    window.click("cancel_button")
    begun = time.monotonic()
    window.click("stop_button")
    wait_until(lambda: not slow_tool.busy)
    assert time.monotonic() - begun < STEPS * STEP
    assert visible_buttons(window) == []
    assert slow_tool.result is None
    assert "Cancelled" in window.editor("notice").control.text()


def test_errors_are_said_in_the_window(tool, open_window, wait_until, monkeypatch, shoot) -> None:
    def work():
        def fail():
            raise ValueError("No two of the frames <look> alike. Leave some out with exclude=.")

        return fail

    monkeypatch.setattr(tool, "work", work)
    window = open_window(tool)
    window.click("apply_button")
    wait_until(lambda: not tool.busy)
    notice = window.editor("notice").control
    assert notice.isVisible()
    # As it is, not as HTML.
    assert notice.text() == "No two of the frames <look> alike. Leave some out with exclude=."
    assert window.ui.handler.notice_kind == "error"
    assert window.is_open
    shoot(window, "align_rigid_error")


def test_warnings_are_said_in_the_window(tool, open_window, wait_until, monkeypatch) -> None:
    aligned = align_rigid(tool.signal)

    def work():
        def warn():
            present_observer().warned("Two pairs were rejected.")
            return aligned

        return warn

    monkeypatch.setattr(tool, "work", work)
    window = open_window(tool)
    window.click("apply_button")
    wait_until(lambda: not tool.busy)
    assert window.editor("notice").control.text().startswith("Two pairs were rejected.\nDone in ")
    assert window.ui.handler.notice_kind == "warning"


def test_the_bell_may_be_rung_by_any_thread(application, wait_until) -> None:
    import threading

    from hyperspy_smartalign.gui.desktop.qt import bell
    from hyperspy_smartalign.gui.mailbox import Mailbox

    mailbox = Mailbox()
    mailbox.ring = bell()
    heard, count, threads = [], 500, 4
    posting = [
        threading.Thread(
            target=lambda: [
                mailbox.post(lambda: heard.append(threading.get_ident())) for _ in range(count)
            ]
        )
        for _ in range(threads)
    ]
    for thread in posting:
        thread.start()
    wait_until(lambda: len(heard) == threads * count)
    assert set(heard) == {threading.get_ident()}


def test_what_was_posted_before_the_window_opened_is_delivered(
    tool, open_window, wait_until
) -> None:
    heard = []
    tool.mailbox.post(lambda: heard.append("before"))
    open_window(tool)
    wait_until(lambda: bool(heard))


def test_opening_and_working_warn_of_nothing(tool, open_window, wait_until) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        window = open_window(tool)
        window.click("apply_button")
        wait_until(lambda: not tool.busy)
    assert [str(w.message) for w in told if "smartalign" in str(w.filename)] == []


def test_what_is_said_of_cycles_fits_on_the_bar(tool, open_window, let_turn) -> None:
    window = open_window(tool)
    bar = window.editor("done").control
    tool.trait_set(stage="cycle 3 of 6, scan_locked: 0.0049 px", total=20, done=7)
    tool.state = "working"
    let_turn(0.1)
    words = "Cycle 3 of 6, scan locked: 0.0049 px, 7 of 20"
    assert bar.toolTip() == words
    tool.done = 8
    assert bar.fontMetrics().horizontalAdvance(bar.text()) < bar.width()
    tool.stage = words * 3
    assert bar.text().endswith("\N{HORIZONTAL ELLIPSIS}")
    assert bar.fontMetrics().horizontalAdvance(bar.text()) < bar.width()
    tool.state = "ready"
