"""Template matching in a real window, with the mouse on the histogram."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series

pytestmark = pytest.mark.window


@pytest.fixture(scope="module")
def scene():
    return simulate_series(shape=(96, 110), frames=3, dose=25, scale=0.024, seed=3)


@pytest.fixture
def signal(scene):
    return scene.series.deepcopy()


@pytest.fixture
def tool(scene, signal):
    crystal = scene.crystal
    found = crystal.positions[crystal.species == 0] + scene.truth.shifts[0]
    column = found[np.argmin(np.linalg.norm(found - np.array((48, 55)), axis=1))]
    top, left = (int(n) for n in np.rint(column - 11.5))
    tool = signal.template_match(
        (left, left + 24, top, top + 24), interactive=True, display=False, toolkit="traitsui"
    )
    tool.plot_result = False
    return tool


@pytest.fixture
def window(tool, open_window):
    return open_window(tool)


@pytest.fixture
def searched(window, wait_until, let_turn):
    window.click("apply_button")
    wait_until(lambda: window.tool.searched is not None and not window.tool.busy)
    let_turn(0.2)
    return window


class Mouse:
    """The mouse on the canvas of the threshold, at scores of the histogram."""

    def __init__(self, tool):
        self._picker, self._canvas = tool.thresholds.picker, tool.thresholds.figure.canvas

    def at(self, score):
        from pyface.qt import QtCore

        ax = self._picker.score_axes
        x, y = ax.transData.transform((score, ax.get_ylim()[1] / 2))
        ratio = self._canvas.device_pixel_ratio
        return QtCore.QPoint(round(x / ratio), round(self._canvas.height() - y / ratio))

    def press(self, score):
        from pyface.qt import QtCore
        from pyface.qt.QtTest import QTest

        QTest.mousePress(self._canvas, QtCore.Qt.MouseButton.LeftButton, pos=self.at(score))

    def move(self, score):
        from pyface.qt.QtTest import QTest

        QTest.mouseMove(self._canvas, self.at(score))

    def release(self, score):
        from pyface.qt import QtCore
        from pyface.qt.QtTest import QTest

        QTest.mouseRelease(self._canvas, QtCore.Qt.MouseButton.LeftButton, pos=self.at(score))


def reds(canvas):
    """Number of pixels of the canvas in the red of what is accepted."""
    pixels = np.asarray(canvas.buffer_rgba()).astype(int)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return np.count_nonzero((red > 200) & (green < 60) & (blue < 80))


def test_dragging_the_threshold_with_the_mouse(searched, let_turn, shoot) -> None:
    tool = searched.tool
    assert searched.tabs.currentIndex() == tool.pictures.index(tool.thresholds)
    scores = tool.searched.found.search.last.candidates.score
    high = float(np.quantile(scores, 0.8))
    low = float(np.quantile(scores, 0.3))
    mouse, canvas = Mouse(tool), tool.thresholds.figure.canvas
    mouse.press(high)
    let_turn()
    few, few_reds = tool.n_tiles, reds(canvas)
    for score in np.linspace(high, low, 6):
        mouse.move(score)
        let_turn(0.02)
    assert tool.thresholds.picker.dragging
    # Markers and bars turned red while it was dragged, without a draw of all.
    assert tool.n_tiles > few
    assert reds(canvas) > few_reds
    shoot(searched, "template_match")
    mouse.release(low)
    let_turn()
    assert not tool.thresholds.picker.dragging
    assert tool.parameters.threshold == pytest.approx(low, abs=0.01)
    assert tool.picked_threshold == tool.parameters.threshold
    assert searched.text("threshold") == repr(tool.parameters.threshold)
    assert tool.n_tiles == np.count_nonzero(tool.thresholds.picker.accepted)
    assert reds(canvas) > few_reds


def test_the_keys_move_it_too(searched, let_turn) -> None:
    from pyface.qt import QtCore
    from pyface.qt.QtTest import QTest

    tool = searched.tool
    canvas = tool.thresholds.figure.canvas
    before = tool.picked_threshold
    QTest.keyClick(canvas, QtCore.Qt.Key.Key_Left, QtCore.Qt.KeyboardModifier.ShiftModifier)
    let_turn()
    assert tool.picked_threshold == pytest.approx(before - 0.05, abs=0.02)
    QTest.keyClick(canvas, QtCore.Qt.Key.Key_PageDown)
    let_turn()
    assert tool.frame == 1
    assert searched.editor("frame").slider.value() == 1


def test_slider_and_buttons(searched, wait_until, let_turn, shoot) -> None:
    tool = searched.tool
    editor = searched.editor("picked_threshold")
    automatic = tool.n_tiles
    slider = editor.control.slider
    slider.setValue(slider.maximum() // 2)
    let_turn()
    assert tool.parameters.threshold != "auto"
    assert tool.thresholds.picker.threshold == tool.picked_threshold
    searched.click("automatic_button")
    assert tool.parameters.threshold == "auto"
    assert tool.n_tiles == automatic
    searched.click("extract_button")
    wait_until(lambda: tool.result is not None)
    let_turn()
    assert len(tool.result.data) == automatic
    assert searched.tabs.currentIndex() == tool.pictures.index(tool.tiles)
    shoot(searched, "template_match_tiles")


def test_old_candidates_cannot_be_extracted(searched, let_turn) -> None:
    tool = searched.tool
    searched.type("refine", "1")
    let_turn()
    assert not searched.editor("extract_button").control.isEnabled()
    assert searched.editor("outdated").control.text() == tool.outdated != ""
    searched.type("refine", "2")
    let_turn()
    assert searched.editor("extract_button").control.isEnabled()


def test_the_motif_is_drawn_on_the_plot(signal, open_window, let_turn) -> None:
    tool = signal.template_match(interactive=True, display=False, toolkit="traitsui")
    window = open_window(tool)
    assert "Draw the motif" in window.editor("notice").control.text()
    tool.draw_region()
    let_turn()
    assert signal._plot.is_active
    assert window.text("template") == ", ".join(map(repr, tool.template))
    assert tool.message == ""
    tool.close()
    let_turn()
    assert not signal._plot.is_active
    assert not window.is_open
