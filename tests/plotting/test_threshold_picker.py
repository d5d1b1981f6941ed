"""The threshold picker, driven by the events of a mouse and a keyboard."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import CloseEvent, KeyEvent, MouseEvent

from hyperspy_smartalign.motif import Matches
from hyperspy_smartalign.plotting import ThresholdPicker

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(0)
# A pixel of the screen, which the mouse counts, is so much in score.
PIXEL = 0.003
IMAGES = RNG.poisson(20, (3, 40, 50)).astype(np.float32)
N = 60
# Twenty candidates in each of three images, with scores from 0.4 to 0.9.
CANDIDATES = Matches.at(
    np.stack([RNG.uniform(0, 40, N), RNG.uniform(0, 50, N)], axis=1),
    tile_shape=(8, 8),
    frame=np.repeat([0, 1, 2], 20),
    score=np.tile(np.linspace(0.4, 0.9, 20), 3),
)


@pytest.fixture
def make():
    def picker(threshold=(0.6, 0.6, 0.6), **keywords):
        made = ThresholdPicker(CANDIDATES, threshold, lambda k: IMAGES[k], **keywords)
        made.figure.canvas.draw()
        return made

    return picker


def mouse(picker, kind, x, *, button=1, axes=None, y=None):
    """An event at a score, in the histogram or beside it."""
    ax = picker.score_axes if axes is None else axes
    low, high = ax.get_ylim()
    place = ax.transData.transform((x, (low + high) / 2 if y is None else y))
    event = MouseEvent(kind, picker.figure.canvas, *place, button=button)
    picker.figure.canvas.callbacks.process(kind, event)


def drag(picker, *scores, button=1):
    mouse(picker, "button_press_event", scores[0], button=button)
    for score in scores[1:]:
        mouse(picker, "motion_notify_event", score, button=button)
    mouse(picker, "button_release_event", scores[-1], button=button)


def key(picker, name):
    canvas = picker.figure.canvas
    canvas.callbacks.process("key_press_event", KeyEvent("key_press_event", canvas, name))


def markers(picker):
    lines = {line.get_label(): line for line in picker.image_axes.lines}
    return {name: lines[name].get_xydata() for name in ("accepted", "rejected")}


def red_bars(picker):
    (patch,) = (p for p in picker.score_axes.patches if p.get_label() == "accepted")
    return patch.get_data().values.sum()


def check(picker, frame, threshold):
    """Markers, bars, line and titles are those of a threshold."""
    here = CANDIDATES.in_frame(frame)
    good = here.score >= threshold
    shown = markers(picker)
    np.testing.assert_array_equal(shown["accepted"], here.centres[good][:, ::-1])
    np.testing.assert_array_equal(shown["rejected"], here.centres[~good][:, ::-1])
    assert picker.score_axes.lines[0].get_xdata()[0] == pytest.approx(threshold)
    assert f"{good.sum()} match" in picker.image_axes.get_title()
    assert red_bars(picker) == picker.accepted[picker._in_view()].sum()


def test_dragging_moves_the_threshold_of_all(make) -> None:
    picker = make()
    check(picker, 0, 0.6)
    assert picker.threshold == 0.6
    drag(picker, 0.61, 0.7, 0.805)
    assert picker.threshold == pytest.approx(0.805, abs=PIXEL)
    check(picker, 0, picker.threshold)
    expected = np.count_nonzero(CANDIDATES.score >= 0.805)
    assert expected < 20
    assert picker.score_axes.get_title().startswith(f"{expected} of 60 ")
    # The mouse that moves without a button drags nothing.
    mouse(picker, "motion_notify_event", 0.5)
    assert picker.threshold == pytest.approx(0.805, abs=PIXEL)


def test_dragging_beyond_the_histogram_stops_at_its_edge(make) -> None:
    picker = make(score_range=(0.5, 0.95))
    drag(picker, 0.7, 3.0)
    assert picker.threshold == pytest.approx(0.95)
    drag(picker, 0.7, -3.0)
    assert picker.threshold == pytest.approx(0.5)


def test_other_buttons_other_axes_and_the_toolbar_do_nothing(make) -> None:
    picker = make()
    drag(picker, 0.8, button=3)
    mouse(picker, "button_press_event", 25, axes=picker.image_axes, y=20)
    mouse(picker, "motion_notify_event", 0.8)
    canvas = picker.figure.canvas
    canvas.widgetlock(picker)
    drag(picker, 0.8)
    canvas.widgetlock.release(picker)
    assert picker.threshold == 0.6
    drag(picker, 0.8)
    assert picker.threshold == pytest.approx(0.8, abs=PIXEL)


def test_arrow_keys(make) -> None:
    picker = make()
    for name in ("right", "right", "left", "shift+right"):
        key(picker, name)
    assert picker.threshold == pytest.approx(0.655)
    check(picker, 0, picker.threshold)
    key(picker, "shift+left")
    assert picker.threshold == pytest.approx(0.605)
    picker.set_threshold(0.99)
    key(picker, "shift+right")
    assert picker.threshold == 1.0


def test_other_keys_are_those_of_matplotlib(make) -> None:
    picker = make()
    canvas = picker.figure.canvas
    place = picker.image_axes.transAxes.transform((0.5, 0.5))
    event = KeyEvent("key_press_event", canvas, "g", *place)
    assert not any(line.get_visible() for line in picker.image_axes.get_xgridlines())
    picker.image_axes.set_xticks([10])
    picker.image_axes.set_yticks([10])
    canvas.callbacks.process("key_press_event", event)
    assert any(line.get_visible() for line in picker.image_axes.get_xgridlines())
    assert picker.threshold == 0.6


def test_one_threshold_of_several_images(make) -> None:
    picker = make(fixed=False, numbers=[2, 5, 7])
    np.testing.assert_array_equal(picker.threshold, [0.6, 0.6, 0.6])
    assert picker.score_axes.get_title() == "12 of 20 candidates are matches"
    key(picker, "pagedown")
    assert picker.frame == 5
    assert picker.image_axes.get_title().startswith("frame 5: ")
    np.testing.assert_array_equal(picker.image_axes.images[0].get_array(), IMAGES[1])
    drag(picker, 0.75)
    chosen = picker.threshold
    np.testing.assert_allclose(chosen, [0.6, 0.75, 0.6], atol=PIXEL)
    assert chosen[0] == chosen[2] == 0.6
    check(picker, 1, chosen[1])
    # What is returned is a copy.
    picker.threshold[:] = 0
    np.testing.assert_array_equal(picker.threshold, chosen)
    picker.show_frame(2)
    check(picker, 0, 0.6)


def test_pages_stop_at_the_ends_and_the_slider_follows(make) -> None:
    picker = make(numbers=[2, 5, 7], frame=7)
    assert picker.frame == 7
    check(picker, 2, 0.6)
    key(picker, "pagedown")
    assert picker.frame == 7
    for _ in range(4):
        key(picker, "pageup")
    assert picker.frame == picker._slider.val == 2
    picker._slider.set_val(7)
    assert picker.frame == 7
    drag(picker, 0.7)
    picker.show_frame(5)
    assert picker._slider.val == 5
    check(picker, 1, picker.threshold)
    with pytest.raises(ValueError, match="frame=3 was not searched"):
        picker.show_frame(3)


def test_one_image_has_no_slider(make) -> None:
    one = CANDIDATES.in_frame(0)
    picker = ThresholdPicker(one, 0.6, lambda k: IMAGES[k])
    assert len(picker.figure.axes) == 2
    assert not picker.image_axes.get_title().startswith("frame")
    key(picker, "pagedown")
    assert picker.frame == 0


def test_candidates_on_other_sites_stay_rejected(make) -> None:
    barred = np.arange(len(CANDIDATES)) % 3 == 0
    picker = make(threshold=(0.0, 0.0, 0.0), barred=barred)
    np.testing.assert_array_equal(picker.accepted, (CANDIDATES.score >= 0) & ~barred)
    picker.set_threshold(-1)
    assert not picker.accepted[barred].any()
    assert picker.accepted[~barred].all()


def test_bins_and_range_change(make) -> None:
    picker = make(bins=20)
    patch = next(p for p in picker.score_axes.patches if p.get_label() == "rejected")
    assert len(patch.get_data().values) == 20
    picker.set_bins(12, (0.3, 0.8))
    np.testing.assert_allclose(patch.get_data().edges, np.linspace(0.3, 0.8, 13))
    assert picker.score_axes.get_xlim() == (0.3, 0.8)
    picker.set_bins(score_range=(0.5, 1.0))
    assert len(patch.get_data().values) == 12
    with pytest.raises(ValueError, match="bins=0"):
        picker.set_bins(0)
    picker.set_bins(12)
    assert picker.score_axes.get_xlim() == (0.4, 1.0)


def test_a_fixed_threshold_begins_with_that_of_the_image_shown(make) -> None:
    assert make([0.5, 0.6, 0.7], frame=2).threshold == 0.7


def test_thresholds_that_are_none_are_refused(make) -> None:
    picker = make()
    with pytest.raises(ValueError, match="finite"):
        picker.set_threshold(np.nan)
    before = plt.get_fignums()
    for keywords, message in (
        ({"frame": 9}, "frame=9"),
        ({"bins": -1}, "bins=-1"),
        ({"score_range": (1.0, 0.0)}, "no histogram"),
    ):
        with pytest.raises(ValueError, match=message):
            make(**keywords)
    assert plt.get_fignums() == before


def test_closing_lets_go_and_keeps_the_threshold(make) -> None:
    picker = make()
    drag(picker, 0.8)
    chosen = picker.threshold
    canvas = picker.figure.canvas
    canvas.callbacks.process("close_event", CloseEvent("close_event", canvas))
    drag(picker, 0.5)
    key(picker, "left")
    assert picker.threshold == chosen


def test_a_figure_of_ones_own_and_the_size_of_the_markers(make) -> None:
    figure = plt.figure(figsize=(9, 4))
    sub = figure.subfigures(1, 2)[1]
    picker = make(fig=sub, size=3.5)
    assert picker.figure is sub
    line = next(line for line in picker.image_axes.lines if line.get_label() == "accepted")
    assert line.get_markersize() == 3.5
    drag(picker, 0.7)
    assert picker.threshold == pytest.approx(0.7, abs=PIXEL)


def test_the_caller_keeps_the_thresholds_it_gave(make) -> None:
    given = np.array([0.6, 0.6, 0.6])
    make(given).set_threshold(0.8)
    np.testing.assert_array_equal(given, 0.6)
