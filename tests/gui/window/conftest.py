"""Real windows of Qt, off the screen unless the environment says otherwise."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

# Before Qt is loaded, by whatever loads it first.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

#: Longest wait for anything, s; what is compiled first takes its time.
PATIENCE = 240.0


@pytest.fixture(autouse=True)
def application() -> Iterator[Any]:
    """Qt's application, with matplotlib drawing in its windows."""
    from traits.etsconfig.api import ETSConfig

    from hyperspy_smartalign.gui.desktop import qt

    qt.choose_toolkit()
    assert ETSConfig.toolkit == "qt", 'windows need Qt: install the extra "window"'
    from pyface.qt import QtWidgets
    from pyface.qt.QtTest import QTest

    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    mpl.use("qtagg", force=True)
    yield app
    plt.close("all")
    QTest.qWait(1)


@pytest.fixture
def wait_until(application) -> Callable[..., None]:
    """Let the event loop turn until something is so."""
    from pyface.qt.QtTest import QTest

    def wait(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
        end = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < end, "it did not come to be in time"
            QTest.qWait(2)

    return wait


@pytest.fixture
def let_turn(wait_until) -> Callable[[float], None]:
    """Let the event loop turn for a while, s."""

    def turn(seconds: float = 0.1) -> None:
        end = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() >= end)

    return turn


@pytest.fixture
def tester() -> Any:
    """A tester of traitsui that knows the editors of this package too."""
    from pyface.qt import QtCore
    from pyface.qt.QtTest import QTest
    from traitsui.testing.api import (
        DisplayedText,
        IsEnabled,
        KeyClick,
        KeySequence,
        MouseClick,
        TargetRegistry,
        UITester,
    )

    from hyperspy_smartalign.gui.desktop.inputs import (
        CheckInput,
        ComboInput,
        PathInput,
        RegionInput,
        TextInput,
    )

    registry = TargetRegistry()

    def type_keys(wrapper: Any, interaction: Any) -> None:
        line = wrapper._target.line
        line.selectAll()
        QTest.keyClick(line, QtCore.Qt.Key.Key_Backspace)
        QTest.keyClicks(line, interaction.sequence)

    def press_key(wrapper: Any, interaction: Any) -> None:
        QTest.keyClick(wrapper._target.line, getattr(QtCore.Qt.Key, f"Key_{interaction.key}"))

    for kind in (TextInput, ComboInput, PathInput, RegionInput):
        add = registry.register_interaction
        add(kind, KeySequence, type_keys)
        add(kind, KeyClick, press_key)
        add(kind, DisplayedText, lambda wrapper, _: wrapper._target.line.text())
        add(kind, IsEnabled, lambda wrapper, _: wrapper._target.line.isEnabled())

    def click(wrapper: Any, interaction: Any) -> None:
        box = wrapper._target.control
        place = QtCore.QPoint(6, box.height() // 2)
        QTest.mouseClick(
            box, QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier, place
        )

    registry.register_interaction(CheckInput, MouseClick, click)
    registry.register_interaction(
        CheckInput, IsEnabled, lambda wrapper, _: wrapper._target.control.isEnabled()
    )
    return UITester(registries=[registry])


class Window:
    """The window of a tool, and what a user does with it."""

    def __init__(self, tool: Any, ui: Any, tester: Any) -> None:
        self.tool, self.ui, self._tester = tool, ui, tester

    def find(self, name: str) -> Any:
        """The editor of a trait, for traitsui's tester."""
        return self._tester.find_by_name(self.ui, name)

    def type(self, name: str, text: str) -> None:
        """Put a text in the place of what an input holds, and leave the input."""
        from traitsui.testing.api import KeyClick, KeySequence

        self.find(name).perform(KeySequence(text))
        self.find(name).perform(KeyClick("Return"))

    def choose(self, name: str, index: int) -> None:
        """Choose a word from a list."""
        from traitsui.testing.api import Index, MouseClick

        self.find(name).locate(Index(index)).perform(MouseClick())

    def click(self, name: str) -> None:
        """Click on a button or a box."""
        from traitsui.testing.api import MouseClick

        self.find(name).perform(MouseClick())

    def text(self, name: str) -> str:
        """What an input shows."""
        from traitsui.testing.api import DisplayedText

        return str(self.find(name).inspect(DisplayedText()))

    def is_enabled(self, name: str) -> bool:
        """Whether an input can be used."""
        from traitsui.testing.api import IsEnabled

        return bool(self.find(name).inspect(IsEnabled()))

    def editor(self, name: str) -> Any:
        """The editor itself."""
        (editor,) = self.ui.get_editors(name)
        return editor

    @property
    def is_open(self) -> bool:
        """Whether the window is there."""
        return self.ui.control is not None

    @property
    def tabs(self) -> Any:
        """The tabs of the pictures."""
        return self.editor("pictures").control


@pytest.fixture
def open_window(tester, application) -> Iterator[Callable[[Any], Window]]:
    """Open the window of a tool; all are closed in the end, whatever they do."""
    from contextlib import ExitStack

    tools = []
    with ExitStack() as stack:

        def open_it(tool: Any, **keywords: Any) -> Window:
            from hyperspy_smartalign.gui.desktop import views

            view = getattr(views, tool.method.rpartition(".")[2])
            _, described = view(tool, display=False, **keywords)
            tools.append(tool)
            return Window(tool, stack.enter_context(tester.create_ui(tool, described)), tester)

        yield open_it
        for tool in tools:
            tool.close()
            # A second time confirms that work which still runs is to stop.
            tool.close()
            tool.wait()


@pytest.fixture
def shoot(let_turn) -> Callable[[Window, str], None]:
    """Save a picture of a window where the environment wants them."""

    def save(window: Window, name: str) -> None:
        folder = os.environ.get("HYPERSPY_SMARTALIGN_SCREENSHOTS")
        if folder:
            let_turn(0.3)
            path = Path(folder) / f"window_{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert window.ui.control.grab().save(str(path))

    return save
