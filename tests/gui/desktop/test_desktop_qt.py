"""Whether a window can be opened, and what is said if not."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CLOSED = """
import os, sys
for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "ETS_TOOLKIT"):
    os.environ.pop(name, None)
sys.platform = "linux"
{before}
from hyperspy_smartalign.gui.desktop.qt import NoWindowError, require_qt
from traits.etsconfig.api import ETSConfig
assert ETSConfig.toolkit == "null", ETSConfig.toolkit
import traitsui.api
try:
    require_qt()
except NoWindowError as error:
    print(error)
"""


def told(before: str) -> str:
    """What is said in a process of its own, where the toolkit can still be chosen."""
    code = _CLOSED.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_without_a_display_it_says_so_and_the_process_lives() -> None:
    pytest.importorskip("PySide6")
    assert "needs a display" in told("")


def test_without_qt_it_names_the_extra() -> None:
    words = told('for name in ("PySide6", "PyQt5", "PyQt6"): sys.modules[name] = None')
    assert "hyperspy_smartalign[gui-traitsui]" in words
    assert "PySide6" in words


def test_another_toolkit_of_traitsui_cannot_be_changed(monkeypatch) -> None:
    from traits.etsconfig.api import ETSConfig

    from hyperspy_smartalign.gui.desktop import qt

    for name in ("_require_binding", "_require_display", "_require_backend"):
        monkeypatch.setattr(qt, name, lambda: None)
    with (
        ETSConfig.provisional_toolkit("null") if not ETSConfig.toolkit else _as_null(monkeypatch),
        pytest.raises(qt.NoWindowError, match=r"'null' already.*%matplotlib qt"),
    ):
        qt.require_qt()


def _as_null(monkeypatch):
    from contextlib import nullcontext

    from traits.etsconfig.api import ETSConfig

    monkeypatch.setattr(ETSConfig, "_toolkit", "null")
    return nullcontext()


@pytest.mark.parametrize("backend", ["agg", "module://ipympl.backend_nbagg"])
def test_another_backend_of_matplotlib(monkeypatch, backend) -> None:
    import matplotlib as mpl

    from hyperspy_smartalign.gui.desktop import qt

    for name in ("_require_binding", "_require_display"):
        monkeypatch.setattr(qt, name, lambda: None)
    monkeypatch.setattr(mpl, "get_backend", lambda: backend)
    with pytest.raises(qt.NoWindowError, match=r"%matplotlib qt") as raised:
        qt.require_qt()
    assert repr(backend) in str(raised.value)
