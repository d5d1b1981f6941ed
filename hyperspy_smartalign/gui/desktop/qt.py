"""Whether a window can be opened, and how threads ring in Qt's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

Call = Callable[[], None]

_INSTALL = 'pip install "hyperspy_smartalign[gui-traitsui]"'

#: Platforms of Qt that need no display.
_WITHOUT_DISPLAY = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")


class NoWindowError(RuntimeError):
    """No window can be opened here; it says why, and what to do."""


def choose_toolkit() -> None:
    """Have traitsui use Qt where it can be used, and no windows where not; once."""
    from traits.etsconfig.etsconfig import ETSConfig

    if ETSConfig.toolkit:
        return
    try:
        _require_binding()
        _require_display()
    except NoWindowError:
        ETSConfig.toolkit = "null"
    else:
        ETSConfig.toolkit = "qt"


def require_qt() -> None:
    """Make sure that a window can be opened.

    Raises
    ------
    NoWindowError
        Qt is not installed, traitsui or matplotlib use another toolkit, or there is no display.
    """
    from traits.etsconfig.etsconfig import ETSConfig

    _require_binding()
    _require_display()
    _require_backend()
    choose_toolkit()
    if ETSConfig.toolkit not in ("qt", "qt4"):
        raise NoWindowError(
            f"The window needs Qt, but traitsui uses {ETSConfig.toolkit!r} already, which cannot "
            "be changed in this session. Start Python anew and call %matplotlib qt (or "
            "matplotlib.use('qtagg')) before anything else."
        )


def _require_binding() -> None:
    try:
        from pyface.qt import QtWidgets  # noqa: F401
    except Exception as error:
        raise NoWindowError(
            f"The window needs Qt for Python, such as PySide6, which cannot be used: {error}. "
            f"Install it with {_INSTALL}."
        ) from error


def _require_display() -> None:
    from pyface.qt import QtWidgets

    if QtWidgets.QApplication.instance() is not None or sys.platform in ("win32", "darwin"):
        return
    if os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] in _WITHOUT_DISPLAY:
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        # Qt would end the whole process here.
        raise NoWindowError(
            "The window needs a display, and there is none: neither DISPLAY nor WAYLAND_DISPLAY "
            "is set. In a notebook, use toolkit='ipywidgets'."
        )


def _require_backend() -> None:
    import matplotlib

    backend = matplotlib.get_backend()
    if "qt" not in backend.lower():
        raise NoWindowError(
            f"The window needs matplotlib's Qt backend, but it is {backend!r}: call %matplotlib qt "
            "in IPython, or matplotlib.use('qtagg') in Python, before the plots. In a notebook, "
            "toolkit='ipywidgets' needs none."
        )


def bell() -> Callable[[Call], None]:
    """What a thread calls to have a call made soon in the thread of the windows.

    Returns
    -------
    callable
        ``ring(call)``; it returns at once. To be made in the thread of the windows.
    """
    from pyface.qt import QtCore

    class Bell(QtCore.QObject):
        rung = QtCore.Signal(object)

        def __init__(self) -> None:
            super().__init__()
            # A queued signal is the way between threads that Qt promises to be safe.
            self.rung.connect(self.answer, QtCore.Qt.ConnectionType.QueuedConnection)

        @QtCore.Slot(object)
        def answer(self, call: Any) -> None:
            call()

    here = Bell()

    def ring(call: Call) -> None:
        here.rung.emit(call)

    return ring
