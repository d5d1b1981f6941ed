"""Every verb of a series, from its window: opened, used, looked at and closed."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign import align_rigid
from hyperspy_smartalign.data import simulate_series

pytestmark = pytest.mark.window


@pytest.fixture(scope="module")
def crystal():
    """A series that is large enough to be looked at."""
    return simulate_series(shape=(128, 128), frames=8, dose=4e3, drift=(0.5, -0.8), seed=3).series


@pytest.fixture
def look_at_all(shoot, wait_until):
    """Turn to every picture of a window, and wait until it is drawn."""

    def look(window, name) -> None:
        for number, picture in enumerate(window.tool.pictures):
            drawn = []
            canvas = picture.figure.canvas
            notice = canvas.mpl_connect("draw_event", lambda event, drawn=drawn: drawn.append(1))
            window.tabs.setCurrentIndex((number + 1) % len(window.tool.pictures))
            window.tabs.setCurrentIndex(number)
            wait_until(lambda drawn=drawn: bool(drawn))
            assert window.tool.previews.join(30)
            window.tool.mailbox.deliver()
            canvas.mpl_disconnect(notice)
            shoot(window, f"{name}_{number}_{picture.title.lower().replace(' ', '_')}")

    return look


def apply_in(window, wait_until) -> None:
    """Press Apply, and wait for the result."""
    window.tool.plot_result = False
    window.click("apply_button")
    wait_until(lambda: not window.tool.busy)
    assert window.ui.handler.notice_kind != "error", window.ui.handler.notice
    assert window.tool.result is not None


def test_prepare(crystal, open_window, wait_until, look_at_all) -> None:
    tool = crystal.smartalign.prepare(interactive=True, display=False, toolkit="traitsui")
    window = open_window(tool)
    window.type("first", "2")
    apply_in(window, wait_until)
    assert tool.result.axes_manager.navigation_shape == (6,)
    look_at_all(window, "prepare")


def test_align_rigid(crystal, open_window, wait_until, look_at_all) -> None:
    tool = crystal.align_rigid(interactive=True, display=False, toolkit="traitsui")
    window = open_window(tool)
    window.choose("prefilter", 1)
    apply_in(window, wait_until)
    expected = align_rigid(crystal, prefilter="median")
    np.testing.assert_array_equal(tool.result.data, expected.data)
    look_at_all(window, "align_rigid")


def test_align_nonrigid(crystal, open_window, wait_until, look_at_all) -> None:
    aligned = align_rigid(crystal)
    tool = aligned.align_nonrigid(interactive=True, display=False, toolkit="traitsui")
    window = open_window(tool)
    window.type("nonlinear_cycles", "2")
    apply_in(window, wait_until)
    assert tool.result.axes_manager.navigation_shape == (8,)
    look_at_all(window, "align_nonrigid")


def test_apply_alignment(crystal, open_window, wait_until, look_at_all, tmp_path) -> None:
    aligned = align_rigid(crystal)
    tool = crystal.apply_alignment(aligned, interactive=True, display=False, toolkit="traitsui")
    window = open_window(tool)
    file = tmp_path / "aligned.hspy"
    window.type("file", str(file))
    apply_in(window, wait_until)
    assert file.exists()
    np.testing.assert_allclose(tool.result.data, aligned.data, rtol=1e-5)
    look_at_all(window, "apply_alignment")


def test_template_match_opens(crystal, open_window, wait_until, shoot) -> None:
    tool = crystal.template_match(interactive=True, display=False, toolkit="traitsui")
    window = open_window(tool)
    assert window.is_open
    shoot(window, "template_match")
    window.click("close_button")
    wait_until(lambda: not window.is_open)


def test_lazy_series(crystal, open_window, wait_until) -> None:
    tool = crystal.as_lazy().align_rigid(interactive=True, display=False, toolkit="traitsui")
    window = open_window(tool)
    apply_in(window, wait_until)
    assert tool.result._lazy
    np.testing.assert_allclose(tool.result.data.compute(), align_rigid(crystal).data, rtol=1e-5)


def test_a_window_is_shown_by_interactive(crystal, wait_until) -> None:
    from pyface.qt import QtWidgets

    def shown() -> list[str]:
        titles = [
            window.windowTitle()
            for window in QtWidgets.QApplication.topLevelWidgets()
            if window.isVisible()
        ]
        return [title for title in titles if title.startswith(tool.heading)]

    tool = crystal.align_rigid(interactive=True, toolkit="traitsui")
    assert shown() == [f"{tool.heading} - {crystal.metadata.General.title}"]
    tool.close()
    wait_until(lambda: not shown())
