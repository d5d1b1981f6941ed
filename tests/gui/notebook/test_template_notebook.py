"""The form of template_match in a notebook."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import MouseEvent

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.gui.notebook import template as view

ROI = (16, 36, 14, 34)


@pytest.fixture(scope="module")
def scene():
    return simulate_series(shape=(48, 56), frames=3, dose=30, scale=0.024, seed=3)


@pytest.fixture
def tool(scene):
    tool = scene.series.deepcopy().template_match(
        ROI, interactive=True, display=False, toolkit="ipywidgets"
    )
    tool.plot_result = False
    yield tool
    tool.close()


@pytest.fixture
def widgets(tool):
    return tool.gui(display=False, toolkit="ipywidgets")["ipywidgets"]["wdict"]


@pytest.fixture
def searched(tool, widgets):
    widgets["apply"].click()
    assert tool.wait()
    return widgets


def middle(tool):
    return float(np.median(tool.searched.found.search.last.candidates.score))


def test_the_panel_waits_for_a_search(tool, widgets) -> None:
    assert widgets["apply"].description == "Search"
    assert widgets["extract"].disabled
    assert widgets["clear_region"].description == "Clear"
    assert widgets["template"].value == "16, 36, 14, 34"
    widgets["apply"].click()
    tool.wait()
    assert not widgets["extract"].disabled
    assert widgets["pictures"].selected_index == tool.pictures.index(tool.thresholds)


def test_the_panel_is_shown_after_it(tool) -> None:
    dialogue = view.dialogue_of(tool)
    (panel,) = dialogue.beside.children
    assert panel.layout.display == "none"
    tool.apply()
    tool.wait()
    assert panel.layout.display is None


def test_the_slider_moves_the_threshold(tool, searched) -> None:
    slider = searched["picked_threshold"]
    assert slider.value == pytest.approx(tool.picked_threshold)
    assert slider.min <= slider.value <= slider.max
    slider.value = round(middle(tool), 3)
    assert tool.thresholds.picker.threshold == tool.parameters.threshold
    assert float(searched["threshold"].value) == tool.parameters.threshold
    assert tool.counted in searched["counted"].value
    assert f"threshold={tool.parameters.threshold}" in searched["code"].value
    shown = tool.thresholds.picker.accepted
    expected = tool.searched.found.with_threshold(slider.value).search.last.accepted
    np.testing.assert_array_equal(shown, expected)


def test_a_slider_that_rounds_chooses_no_threshold(tool, searched) -> None:
    slider = searched["picked_threshold"]
    slider.value = round(tool.picked_threshold, 3)
    assert tool.parameters.threshold == "auto"
    slider.value += slider.step
    assert tool.parameters.threshold != "auto"


def test_a_slider_that_answers_late_does_not_move_the_line_back(tool, searched) -> None:
    slider, axes = searched["picked_threshold"], tool.thresholds.picker.score_axes
    canvas, before = tool.thresholds.figure.canvas, slider.value

    def mouse(name: str, score: float) -> None:
        x, y = axes.transData.transform((score, np.mean(axes.get_ylim())))
        MouseEvent(name, canvas, x, y, button=1)._process()

    tool.thresholds.figure.draw_without_rendering()
    mouse("button_press_event", middle(tool) - 0.01)
    mouse("motion_notify_event", middle(tool))
    dragged = tool.picked_threshold
    assert dragged == pytest.approx(middle(tool), abs=0.002)
    # The slider waits, and what it tells meanwhile is of no account.
    assert slider.value == before
    slider.value = before - 0.01
    assert tool.picked_threshold == dragged
    # Where the button is let go counts, even if no move there was told.
    mouse("button_release_event", middle(tool) + 0.005)
    assert tool.picked_threshold == pytest.approx(middle(tool) + 0.005, abs=0.002)
    assert slider.value == pytest.approx(tool.picked_threshold)


def test_the_form_moves_the_slider_beyond_its_ends_too(tool, searched) -> None:
    searched["threshold"].value = "0.02"
    assert searched["picked_threshold"].value == pytest.approx(0.02)
    assert "were not kept" in searched["counted"].value
    assert searched["extract"].disabled
    searched["automatic"].click()
    assert tool.parameters.threshold == "auto"
    assert searched["picked_threshold"].value == pytest.approx(tool.picked_threshold)
    assert tool.lowest - 0.001 <= searched["picked_threshold"].min <= tool.lowest
    assert not searched["extract"].disabled


def test_extracting(tool, searched) -> None:
    searched["picked_threshold"].value = round(middle(tool), 3)
    searched["extract"].click()
    assert tool.wait()
    assert len(tool.result.data) == tool.n_tiles
    assert searched["pictures"].selected_index == tool.pictures.index(tool.tiles)
    assert len(tool.tiles.figure.axes) > 1


def test_a_wrong_text_stops_it(tool, searched) -> None:
    searched["upsample"].value = "much"
    searched["extract"].click()
    assert not tool.busy
    assert "Up-sampling" in tool.message
    assert tool.message_kind == "error"


def test_bars_and_frames(tool, searched) -> None:
    patch = tool.thresholds.picker.score_axes.patches[0]
    searched["bins"].value = 12
    assert len(patch.get_data().values) == 12
    searched["score_low"].value = 0.5
    assert patch.get_data().edges[0] == pytest.approx(0.5)
    searched["whole_range"].click()
    assert searched["score_low"].value == pytest.approx(patch.get_data().edges[0], abs=6e-4)
    searched["each_frame"].value = True
    searched["frame"].value = 1
    searched["picked_threshold"].value = round(middle(tool), 3)
    assert len(tool.parameters.threshold) == 3
    searched["frame"].value = 0
    assert searched["picked_threshold"].value == pytest.approx(tool.parameters.threshold[0])
    tool.bins = 30
    assert searched["bins"].value == 30


def test_one_image_has_one_threshold(scene) -> None:
    tool = scene.series.inav[0].template_match(ROI, interactive=True, display=False)
    widgets = tool.gui(display=False, toolkit="ipywidgets")["ipywidgets"]["wdict"]
    tool.apply()
    tool.wait()
    assert widgets["each_frame"].layout.display == "none"
    tool.close()


def test_closing_lets_go(tool, searched) -> None:
    tool.close()
    slider = searched["picked_threshold"]
    before = tool.parameters.threshold
    slider.value = 0.9
    tool.picked_threshold = 0.3
    assert slider.value == 0.9
    assert tool.parameters.threshold == before
    tool.look_at = tool.tiles


def test_without_a_live_backend_the_picture_is_an_image(tool, searched) -> None:
    page = searched["pictures"].children[tool.pictures.index(tool.thresholds)]
    first = page.value
    assert first[:4] == b"\x89PNG"
    searched["picked_threshold"].value = round(middle(tool), 3)
    assert page.value != first


@pytest.fixture
def _ipympl():
    pytest.importorskip("ipympl")
    before = mpl.get_backend()
    mpl.use("module://ipympl.backend_nbagg", force=True)
    yield
    plt.close("all")
    mpl.use(before, force=True)


@pytest.mark.usefixtures("_ipympl")
def test_with_ipympl_the_canvas_takes_the_mouse(tool) -> None:
    from ipympl.backend_nbagg import Canvas

    widgets = tool.gui(display=False, toolkit="ipywidgets")["ipywidgets"]["wdict"]
    tool.apply()
    tool.wait()
    canvas = widgets["pictures"].children[tool.pictures.index(tool.thresholds)]
    assert isinstance(canvas, Canvas)
    assert canvas is tool.thresholds.figure.canvas
    canvas.draw()
    sent = []
    canvas.send = lambda content, buffers=None: sent.append(content)
    picker = tool.thresholds.picker
    ax = picker.score_axes
    aim = middle(tool)
    place = ax.transData.transform((aim, ax.get_ylim()[1] / 2))
    for kind in ("button_press_event", "motion_notify_event", "button_release_event"):
        canvas.callbacks.process(kind, MouseEvent(kind, canvas, *place, button=1))
    assert tool.parameters.threshold == pytest.approx(aim, abs=0.02)
    assert widgets["picked_threshold"].value == pytest.approx(tool.parameters.threshold, abs=1e-9)
    # The pixels were sent while it was dragged, and all of it is drawn in the end.
    assert any("binary" in content["data"] for content in sent)
    assert any("draw" in content["data"] for content in sent)
