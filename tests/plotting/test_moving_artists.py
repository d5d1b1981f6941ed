"""Artists that are drawn again and again over a picture that stays."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backend_bases import FigureCanvasBase, TimerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hyperspy_smartalign.plotting.moving import MovingArtists, root_of

pytestmark = pytest.mark.filterwarnings("error")


class Browser(FigureCanvasAgg):
    """A canvas whose pictures are sent, as that of ipympl."""

    supports_blit = False

    def __init__(self, figure):
        super().__init__(figure)
        self.timers, self.sent = [], 0

    def new_timer(self, interval=None, callbacks=None):
        self.timers.append(TimerBase(interval))
        return self.timers[-1]

    def blit(self, bbox=None):
        self.sent += 1


def scene(canvas_class=FigureCanvasAgg, part=False):
    figure = Figure(figsize=(4, 3), layout="constrained")
    canvas = canvas_class(figure)
    ax = (figure.subfigures(1, 2)[1] if part else figure).add_subplot()
    ax.imshow(np.random.default_rng(0).normal(size=(20, 20)), cmap="gray")
    line = ax.axvline(4, color="red")
    title = ax.set_title("4")
    moving = MovingArtists(ax.figure, lambda: [line, title])
    return canvas, line, title, moving


def move(line, title, moving, x):
    line.set_xdata([x, x])
    title.set_text(f"{x}")
    moving.redraw()


def pixels(canvas):
    return np.asarray(canvas.buffer_rgba()).astype(int)


def assert_alike(shown, expected):
    """Equal, but for the ends of a line, which lie over the frame of the axes or under it."""
    assert np.count_nonzero(np.abs(shown - expected).max(axis=-1) > 2) <= 12


@pytest.fixture
def full_draws(monkeypatch):
    """How often whole figures were drawn."""
    counted = []
    draw = Figure.draw

    def counting(self, renderer):
        counted.append(self)
        draw(self, renderer)

    monkeypatch.setattr(Figure, "draw", counting)
    return counted


@pytest.mark.parametrize("part", [False, True])
def test_what_is_shown_is_as_if_all_was_drawn(full_draws, part) -> None:
    canvas, line, title, moving = scene(part=part)
    canvas.draw()
    before = len(full_draws)
    for x in (6, 9, 12):
        move(line, title, moving, x)
    # Once for what stays.
    assert len(full_draws) == before + 1
    shown = pixels(canvas)
    canvas.draw()
    assert_alike(shown, pixels(canvas))
    assert not line.get_animated()
    assert not title.get_animated()


def test_after_a_draw_of_all_what_stays_is_drawn_anew(full_draws) -> None:
    canvas, line, title, moving = scene()
    move(line, title, moving, 6)
    line.axes.set_xlim(2, 12)
    canvas.draw()
    before = len(full_draws)
    move(line, title, moving, 8)
    move(line, title, moving, 9)
    assert len(full_draws) == before + 1
    shown = pixels(canvas)
    canvas.draw()
    assert_alike(shown, pixels(canvas))


def test_another_size_or_canvas_is_noticed() -> None:
    canvas, line, title, moving = scene()
    canvas.draw()
    move(line, title, moving, 6)
    canvas.figure.set_size_inches(5, 4)
    canvas.draw()
    move(line, title, moving, 7)
    assert pixels(canvas).shape == (400, 500, 4)
    other = FigureCanvasAgg(canvas.figure)
    move(line, title, moving, 8)
    shown = pixels(other)
    other.draw()
    assert_alike(shown, pixels(other))


def test_the_layout_stays_on(full_draws) -> None:
    canvas, line, title, moving = scene()
    engine = canvas.figure.get_layout_engine()
    canvas.draw()
    place = line.axes.get_position().bounds
    move(line, title, moving, 6)
    assert line.axes.get_position().bounds == place
    assert canvas.figure.get_layout_engine() is engine
    canvas.figure.set_layout_engine("none")
    moving.settle()
    move(line, title, moving, 7)
    assert line.axes.get_position().bounds == place


def test_a_canvas_without_pixels_draws_all(monkeypatch) -> None:
    canvas, line, title, moving = scene(FigureCanvasBase)
    drawn = []
    monkeypatch.setattr(canvas, "draw_idle", lambda: drawn.append(1))
    move(line, title, moving, 6)
    assert drawn == [1]


def test_pictures_for_a_browser_do_not_pile_up() -> None:
    canvas, line, title, moving = scene(Browser)
    canvas.draw()
    for x in range(20):
        move(line, title, moving, x)
    # The first at once; the last when its time has come.
    assert canvas.sent < 20
    (timer,) = canvas.timers
    assert timer.single_shot
    before = canvas.sent
    timer._on_timer()
    assert canvas.sent == before + 1
    shown = pixels(canvas)
    canvas.draw()
    assert_alike(shown, pixels(canvas))


def test_closing_and_settling_end_what_waits(monkeypatch) -> None:
    canvas, line, title, moving = scene(Browser)
    canvas.draw()
    stopped = []
    monkeypatch.setattr(TimerBase, "stop", lambda self: stopped.append(self))
    for x in range(10):
        move(line, title, moving, x)
    moving.settle()
    assert stopped[-1] is canvas.timers[0]
    moving.close()
    moving.close()
    assert not canvas.callbacks.callbacks.get("draw_event")


def test_the_figure_that_a_part_belongs_to() -> None:
    figure = Figure()
    part = figure.subfigures(1, 2)[0].subfigures(2, 1)[1]
    assert root_of(part) is root_of(figure) is figure
