"""Closing a window, in every way, leaves all as it was."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

pytestmark = pytest.mark.window


@pytest.fixture
def tool(eager_series):
    tool = eager_series.align_rigid(interactive=True, display=False, toolkit="traitsui")
    tool.plot_result = False
    return tool


@pytest.fixture
def endless_tool(tool, monkeypatch):
    """A tool whose work goes on until it is cancelled, or the test ends."""
    from hyperspy_smartalign.signals.progressing import present_observer

    end = threading.Event()

    def work():
        def go_on():
            observer, step = present_observer(), 0
            while not end.wait(0.005):
                step += 1
                observer.progressed("waiting", step, 0)

        return go_on

    monkeypatch.setattr(tool, "work", work)
    yield tool
    end.set()


def press_escape(window) -> None:
    from pyface.qt import QtCore
    from pyface.qt.QtTest import QTest

    QTest.keyClick(window.ui.control, QtCore.Qt.Key.Key_Escape)


WAYS = {
    "its button": lambda window: window.click("close_button"),
    "the X of the window": lambda window: window.ui.control.close(),
    "Escape": press_escape,
    "Python": lambda window: window.tool.close(),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_it_closes(tool, open_window, wait_until, way) -> None:
    window = open_window(tool)
    way(window)
    wait_until(lambda: not window.is_open)
    assert tool.state == "closed"


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_it_asks_first_while_work_runs(
    endless_tool, open_window, let_turn, wait_until, way
) -> None:
    window = open_window(endless_tool)
    window.click("apply_button")
    way(window)
    let_turn()
    assert window.is_open
    assert endless_tool.state == "asking"
    assert window.editor("stop_button").control.isVisible()
    window.click("go_on_button")
    assert endless_tool.state == "working"
    way(window)
    way(window)
    wait_until(lambda: not window.is_open)
    assert endless_tool.state == "closed"
    assert endless_tool._work is None or endless_tool._work.join(10)


def test_enter_does_not_close(tool, open_window, let_turn) -> None:
    from pyface.qt import QtCore
    from pyface.qt.QtTest import QTest

    window = open_window(tool)
    QTest.keyClick(window.editor("exponent").line, QtCore.Qt.Key.Key_Return)
    let_turn()
    assert window.is_open
    assert tool.state == "ready"


def notifiers(*objects) -> int:
    """How many handlers of traits there are on objects, of those that are still alive."""
    found = []
    for thing in objects:
        found += thing._notifiers(True) or []
        for name in thing.trait_names():
            found += thing._trait(name, 2)._notifiers(True) or []
    handlers = [getattr(notifier, "handler", notifier) for notifier in found]
    return sum(not (isinstance(one, weakref.ref) and one() is None) for one in handlers)


def test_nothing_listens_afterwards(tool, open_window, wait_until) -> None:
    events = tool.signal.axes_manager.events.indices_changed
    watched = [tool, tool.parameters, tool.options, *tool.pictures]
    before = notifiers(*watched)
    window = open_window(tool)
    assert notifiers(*watched) > before
    assert len(events.connected) > 0
    window.click("close_button")
    wait_until(lambda: not window.is_open)
    assert not events.connected
    window.ui = None
    gc.collect()
    assert notifiers(*watched) <= before


def test_values_may_change_afterwards(tool, open_window, wait_until) -> None:
    window = open_window(tool)
    window.click("close_button")
    wait_until(lambda: not window.is_open)
    tool.parameters.refinements = 7
    tool.say("Still here.")
    tool.pictures[0].changed = True
    tool.frame = 2
    assert tool.signal.axes_manager.indices == (0,)


def test_the_series_is_as_it_was(tool, open_window, wait_until) -> None:
    series = tool.signal
    data, metadata = series.data.copy(), series.metadata.as_dictionary()
    series.axes_manager.indices = (0,)
    window = open_window(tool)
    tool.frame = 3
    assert series.axes_manager.indices == (3,)
    tool.draw_region()
    assert series._plot.is_active
    window.ui.control.close()
    wait_until(lambda: not window.is_open)
    assert series.axes_manager.indices == (0,)
    assert not (series._plot is not None and series._plot.is_active)
    assert (series.data == data).all()
    assert series.metadata.as_dictionary() == metadata


def test_a_window_within_another_one(tool, open_window, wait_until) -> None:
    from pyface.qt import QtWidgets

    frame = QtWidgets.QWidget()
    box = QtWidgets.QVBoxLayout(frame)
    window = open_window(tool, kind="panel", parent=frame)
    box.addWidget(window.ui.control)
    frame.show()
    window.type("refinements", "3")
    assert tool.parameters.refinements == 3
    window.click("close_button")
    wait_until(lambda: not window.is_open)
    assert tool.state == "closed"
    frame.close()
