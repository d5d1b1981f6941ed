"""Frames and pictures in a window, and HyperSpy's plot beside it."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.window


@pytest.fixture
def tool(eager_series):
    tool = eager_series.align_rigid(interactive=True, display=False, toolkit="traitsui")
    tool.plot_result = False
    return tool


@pytest.fixture
def window(tool, open_window):
    return open_window(tool)


def canvas_of(window, number):
    return window.tabs.widget(number).findChild(type(window.tool.pictures[number].figure.canvas))


def pixels(canvas):
    return np.asarray(canvas.buffer_rgba()).copy()


def test_the_picture_in_front_is_seen_and_drawn(window, wait_until) -> None:
    tool = window.tool
    assert [window.tabs.tabText(i) for i in range(window.tabs.count())] == [
        picture.title for picture in tool.pictures
    ]
    assert [picture.seen for picture in tool.pictures] == [True, False, False, False]
    canvas = canvas_of(window, 0)
    assert canvas is tool.pictures[0].figure.canvas
    wait_until(lambda: len(tool.pictures[0].figure.axes) > 0)
    wait_until(lambda: np.ptp(pixels(canvas)) > 0)


def test_turning_to_another_tab(window) -> None:
    window.tabs.setCurrentIndex(1)
    assert [picture.seen for picture in window.tool.pictures] == [False, True, False, False]
    window.tabs.setCurrentIndex(0)
    assert [picture.seen for picture in window.tool.pictures] == [True, False, False, False]


def test_a_tool_turns_to_a_picture(window) -> None:
    window.editor("pictures").turn_to(window.tool.pictures[2])
    assert window.tabs.currentIndex() == 2
    assert window.tool.pictures[2].seen


def test_changed_pictures_are_drawn_when_they_are_seen(window, wait_until) -> None:
    picture = window.tool.pictures[1]
    drawn = []
    picture.figure.canvas.mpl_connect("draw_event", lambda event: drawn.append(event))
    picture.say("Something else.")
    for _ in range(20):
        wait_until(lambda: True)
    assert drawn == []
    window.tabs.setCurrentIndex(1)
    wait_until(lambda: bool(drawn))
    count = len(drawn)
    picture.say("Something else again.")
    wait_until(lambda: len(drawn) > count)


def test_another_figure_takes_the_place_of_the_first(window, wait_until) -> None:
    from matplotlib.figure import Figure

    picture = window.tool.pictures[1]
    picture.figure = Figure()
    assert canvas_of(window, 1) is picture.figure.canvas


def test_other_pictures_make_other_tabs(window) -> None:
    tool = window.tool
    tool.pictures = [tool.pictures[1], tool.pictures[0]]
    assert [window.tabs.tabText(i) for i in range(2)] == [p.title for p in tool.pictures]
    assert window.tabs.count() == 2
    assert tool.pictures[0].seen


def test_the_slider_moves_the_navigation_index(window, wait_until) -> None:
    series, frame = window.tool.signal, window.editor("frame")
    assert (frame.slider.minimum(), frame.slider.maximum()) == (0, 5)
    frame.slider.setValue(4)
    assert window.tool.frame == 4
    assert series.axes_manager.indices == (4,)
    assert frame.number.value() == 4
    frame.number.setValue(2)
    assert series.axes_manager.indices == (2,)
    assert frame.slider.value() == 2


def test_arrow_keys_move_by_one_frame(window) -> None:
    from pyface.qt import QtCore
    from pyface.qt.QtTest import QTest

    QTest.keyClick(window.editor("frame").slider, QtCore.Qt.Key.Key_Right)
    assert window.tool.frame == 1


def test_the_plot_moves_the_slider(window) -> None:
    window.tool.signal.axes_manager.indices = (3,)
    assert window.editor("frame").slider.value() == 3
    assert window.editor("frame").number.value() == 3


def test_the_preview_follows_the_frame(window, wait_until) -> None:
    titles = []

    def title():
        axes = window.tool.pictures[0].figure.axes
        titles[:] = [axis.get_title() for axis in axes]
        return "".join(titles)

    wait_until(lambda: "frame 0" in title())
    window.editor("frame").slider.setValue(3)
    wait_until(lambda: "frame 3" in title())


def mouse(canvas, kind, place) -> None:
    """Move or press the mouse at a place in a figure, pixels from the top left."""
    from pyface.qt import QtCore
    from pyface.qt.QtTest import QTest

    point = QtCore.QPoint(*(round(coordinate) for coordinate in place))
    if kind == "move":
        QTest.mouseMove(canvas, point)
    else:
        buttons, keys = QtCore.Qt.MouseButton, QtCore.Qt.KeyboardModifier
        getattr(QTest, f"mouse{kind}")(canvas, buttons.LeftButton, keys.NoModifier, point)


def drag(canvas, axes, start, end, let_turn) -> None:
    """Drag with the mouse between two places in data coordinates."""
    height = canvas.height()
    places = [
        (x, height - y)
        for x, y in (
            axes.transData.transform(np.add(start, np.subtract(end, start) * part))
            for part in (0, 0.25, 0.5, 0.75, 1)
        )
    ]
    mouse(canvas, "move", places[0])
    mouse(canvas, "Press", places[0])
    for place in places[1:]:
        mouse(canvas, "move", place)
        let_turn(0.02)
    mouse(canvas, "Release", places[-1])
    let_turn(0.05)


def test_the_region_is_drawn_on_the_plot(window, let_turn, shoot) -> None:
    tool = window.tool
    window.editor("roi").draw.click()
    assert tool.drawing_region
    let_turn(0.2)
    left, right, top, bottom = tool.parameters.roi
    plot = tool.signal._plot.signal_plot
    canvas = plot.figure.canvas
    assert type(canvas).__name__ == "FigureCanvasQTAgg"
    canvas.draw()
    step = tool.plotted.image_axes[0].scale * 6
    centre = ((left + right) / 2, (top + bottom) / 2)
    drag(canvas, plot.ax, centre, (centre[0] + step, centre[1]), let_turn)
    moved = tool.parameters.roi
    assert moved[0] - left == pytest.approx(step, abs=step / 3)
    assert moved[1] - moved[0] == pytest.approx(right - left)
    assert moved[2:] == pytest.approx((top, bottom), abs=step / 6)
    assert window.text("roi") == ", ".join(repr(side) for side in moved)
    assert "roi=(" in window.editor("code").control.toPlainText()
    shoot(window, "align_rigid_region")

    window.editor("roi").clear.click()
    assert tool.parameters.roi is None
    assert window.text("roi") == ""
    assert not tool.drawing_region
    assert tool.signal._plot.is_active


def test_a_typed_region_moves_the_drawn_one(window, let_turn) -> None:
    tool = window.tool
    window.editor("roi").draw.click()
    let_turn()
    left, right, top, bottom = tool.parameters.roi
    right -= 5 * tool.plotted.image_axes[0].scale
    window.type("roi", f"{left}, {right}, {top}, {bottom}")
    assert tool._region.region == pytest.approx((left, right, top, bottom))


def test_letters_shrink_in_a_small_window(window, let_turn) -> None:
    canvas = canvas_of(window, 0)
    assert canvas.figure.dpi == 100 * canvas.device_pixel_ratio
    window.ui.control.resize(700, 420)
    let_turn(0.1)
    ratio = canvas.device_pixel_ratio
    assert canvas.width() < 640
    assert canvas.figure.dpi == pytest.approx(
        ratio * max(60.0, min(canvas.width() / 6.4, canvas.height() / 4.8))
    )
    assert canvas.figure.bbox.width == pytest.approx(ratio * canvas.width(), abs=1)
