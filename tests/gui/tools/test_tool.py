"""What all tools have in common, by a tool whose work waits to be told to go on."""

from __future__ import annotations

import copy
import json
import os
import re
import threading

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.gui.pictures.picture import Picture
from hyperspy_smartalign.gui.tools.options import WorkOptions
from hyperspy_smartalign.gui.tools.tool import Tool, _duration, in_words
from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.signals.progressing import present_observer

LONG = 20.0


class SmallTool(Tool):
    """Its work doubles the series in six steps; `gate` holds it up, `trouble` ends it."""

    method = "align_rigid"
    heading = "Small"
    parameters_class = RigidParameters
    options_class = WorkOptions

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.gate, self.begun = threading.Event(), threading.Event()
        self.gate.set()
        self.trouble = None
        self.calls, self.found, self.shown, self.previewed = [], [], [], 0
        self.pictures = [Picture(title="One"), Picture(title="Two")]

    def work(self):
        keywords = self.keywords()
        self.calls.append(keywords)

        def double():
            observer = present_observer()
            for step in range(6):
                observer.progressed("doubling", step + 1, 6)
                observer.found(step)
                self.begun.set()
                assert self.gate.wait(LONG)
            if self.trouble is not None:
                raise self.trouble
            observer.warned("Take care.")
            return self.signal * 2

        return double

    def show_found(self, event):
        self.found.append(event)

    def show_result(self, result):
        self.shown.append(result)

    def show_preview(self):
        self.previewed += 1


@pytest.fixture
def tool(series):
    made = SmallTool(series)
    yield made
    made.gate.set()
    while made.state != "closed":
        made.close()


def listeners(signal):
    """How many functions listen to a signal."""
    events = signal.axes_manager.events
    return (
        len(events.indices_changed.connected),
        len(events.any_axis_changed.connected),
        len(signal.events.data_changed.connected),
    )


def everything(signal):
    """All of a signal that a tool must leave as it was."""
    return (
        np.array(signal.data),
        signal.axes_manager.as_dictionary(),
        copy.deepcopy(signal.metadata.as_dictionary()),
        copy.deepcopy(signal.original_metadata.as_dictionary()),
        tuple(signal.axes_manager.indices),
        listeners(signal),
        type(signal),
    )


def assert_unchanged(before, signal):
    after = everything(signal)
    np.testing.assert_array_equal(before[0], after[0])
    assert after[1:] == before[1:]


# Work


def test_work_runs_beside_and_gives_a_result(tool):
    tool.gate.clear()
    tool.parameters.exponent = 0.5
    tool.apply()
    assert tool.begun.wait(LONG)
    assert (tool.state, tool.busy) == ("working", True)
    tool.mailbox.deliver()
    assert (tool.stage, tool.total, tool.found) == ("doubling", 6, [0])
    # Values may change meanwhile; the work has its own, and cannot begin twice.
    tool.parameters.exponent = 0.7
    tool.apply()
    assert tool.calls == [{"exponent": 0.5}]
    tool.gate.set()
    assert tool.wait(LONG)
    assert (tool.state, tool.busy) == ("ready", False)
    assert (tool.stage, tool.done, tool.total) == ("", 0, 0)
    assert tool.found == list(range(6))
    assert tool.shown == [tool.result]
    said, last = tool.message.split("\n")
    assert (said, tool.message_kind) == ("Take care.", "warning")
    assert re.fullmatch(r"Done in \d+\.\d s\.", last)
    np.testing.assert_array_equal(np.asarray(tool.result.data), 2 * np.asarray(tool.signal.data))


def test_the_result_is_plotted_if_wanted(tool):
    tool.apply()
    tool.wait(LONG)
    plotted = tool.result
    assert plotted._plot.is_active
    # That of a lazy result would be computed from all frames.
    assert (plotted._plot.navigator_plot is None) == plotted._lazy
    assert plotted.navigator is None
    plotted._plot.close()
    tool.plot_result = False
    tool.apply()
    tool.wait(LONG)
    assert tool.result is not plotted
    assert tool.result._plot is None


def test_a_lazy_spectrum_image_is_left_to_the_user(tool, monkeypatch):
    spectra = hs.signals.Signal1D(np.ones((4, 5, 6))).as_lazy()
    tool._applied(spectra)
    assert spectra._plot is None
    assert "The result is lazy" in tool.message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("The frames do not fit."), "The frames do not fit."),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
        (MemoryError(), "MemoryError: MemoryError"),
        (KeyboardInterrupt("stop"), "KeyboardInterrupt: stop"),
    ],
)
def test_errors_are_shown_in_words_and_the_tool_goes_on(tool, error, words):
    tool.trouble = error
    tool.apply()
    tool.wait(LONG)
    assert (tool.state, tool.message, tool.message_kind) == ("ready", words, "error")
    assert tool.result is None
    tool.trouble = None
    tool.apply()
    assert tool.message == ""
    tool.wait(LONG)
    assert tool.result is not None


def test_an_error_before_the_work_is_shown_too(tool):
    tool.work = lambda: 1 / 0
    tool.apply()
    assert (tool.state, tool.message_kind) == ("ready", "error")
    assert tool.message == "ZeroDivisionError: division by zero"


def test_clashing_values_do_not_begin(tool):
    tool.parameters.area = "roi"
    assert "area='roi' needs a region" in tool.problem
    tool.apply()
    assert (tool.state, tool.calls) == ("ready", [])
    assert (tool.message, tool.message_kind) == (tool.problem, "error")
    tool.parameters.roi = (10, 30, 10, 30)
    assert tool.problem == ""


def test_pictures_that_fail_stop_nothing(tool, caplog):
    def fail(*arguments):
        raise RuntimeError("no ink")

    tool.show_found = tool.show_result = fail
    tool.apply()
    tool.wait(LONG)
    assert tool.result is not None
    assert tool.state == "ready"
    assert tool.message == "The result is there, but was not drawn: RuntimeError: no ink"
    assert "could not be drawn" in caplog.text


def test_a_result_that_cannot_be_plotted_is_there(tool, monkeypatch):
    def fail(self, **keywords):
        raise OSError("no display")

    monkeypatch.setattr(type(tool.signal), "plot", fail)
    tool.apply()
    tool.wait(LONG)
    assert tool.result is not None
    assert tool.message == "The result is there, but was not plotted: no display"


# Cancelling and closing


def begin(tool):
    tool.gate.clear()
    tool.apply()
    assert tool.begun.wait(LONG)


def test_cancel_asks_once_and_then_stops(tool):
    begin(tool)
    tool.cancel()
    assert (tool.state, tool.busy) == ("asking", True)
    tool.go_on()
    assert tool.state == "working"
    tool.go_on()
    tool.cancel()
    tool.cancel()
    assert tool.state == "cancelling"
    tool.cancel()
    tool.gate.set()
    assert tool.wait(LONG)
    assert (tool.state, tool.result) == ("ready", None)
    assert (tool.message, tool.message_kind) == ("Cancelled. Nothing was changed.", "info")
    assert len(tool.found) < 6
    tool.apply()
    tool.wait(LONG)
    assert tool.result is not None


def test_work_that_ends_while_it_is_asked_is_not_lost(tool):
    begin(tool)
    tool.cancel()
    tool.gate.set()
    assert tool.wait(LONG)
    assert (tool.state, len(tool.shown)) == ("ready", 1)


def test_nothing_to_cancel(tool):
    tool.cancel()
    tool.go_on()
    assert tool.state == "ready"


def test_closing_asks_while_work_runs(tool):
    begin(tool)
    work = tool._work
    tool.close()
    assert tool.state == "asking"
    tool.close()
    assert tool.state == "closed"
    tool.gate.set()
    assert work.join(LONG)
    tool.mailbox.deliver()
    assert (tool.state, tool.result, tool.found, tool.shown) == ("closed", None, [], [])


def test_stopping_the_work_closes_where_closing_asked(tool):
    begin(tool)
    tool.close()
    tool.go_on()
    tool.cancel()
    tool.cancel()
    tool.gate.set()
    assert tool.wait(LONG)
    assert tool.state == "ready"
    tool.gate.clear()
    begin(tool)
    tool.close()
    tool.cancel()
    assert tool.state == "closed"


def test_a_region_typed_after_its_plot_was_closed_opens_none(tool):
    tool.draw_region()
    plt.close(tool.signal._plot.signal_plot.figure)
    tool.parameters.roi = (4, 40, 8, 32)
    assert (tool.drawing_region, tool.plotted.is_open) == (False, False)
    assert tool.region() == (4, 40, 8, 32)
    tool.draw_region()
    assert (tool.drawing_region, tool.plotted.is_open) == (True, True)


def test_what_was_to_be_undone_is_undone_once(tool):
    undone = []
    tool.on_close(lambda: undone.append("first"))
    tool.on_close(lambda: undone.append("second"))
    tool.close()
    tool.close()
    assert undone == ["first", "second"]


def test_a_closed_tool_does_nothing(tool):
    tool.close()
    code, previewed = tool.code, tool.previewed
    tool.apply()
    tool.parameters.exponent = 0.5
    tool.frame = 3
    tool.pictures[0].seen = True
    tool.signal.axes_manager.indices = (2,)
    assert (tool.state, tool.calls, tool.code) == ("closed", [], code)
    assert (tool.previewed, tool.frame) == (previewed, 3)
    assert tool.signal.axes_manager.indices == (2,)
    tool.draw_region()
    assert tool.signal._plot is None


def test_everything_stays_as_it_was(series):
    series.axes_manager.indices = (1,)
    before = everything(series)
    tool = SmallTool(series)
    assert tool.frame == 1
    assert listeners(series) != before[5]
    tool.frame = 4
    tool.draw_region()
    tool._region._roi.left = 0.3
    tool.parameters.exponent = 0.5
    tool.apply()
    tool.wait(LONG)
    tool.close()
    assert_unchanged(before, series)
    assert not series._plot.is_active


def test_the_plot_of_the_user_stays_open(eager_series):
    eager_series.plot()
    before = everything(eager_series)
    tool = SmallTool(eager_series)
    tool.draw_region()
    roi = tool._region._roi
    tool.close()
    assert_unchanged(before, eager_series)
    assert eager_series._plot.is_active
    assert eager_series not in roi.signal_map
    assert not eager_series._plot.signal_plot.ax.patches


# Frames, region and previews


def test_frame_and_plot_follow_each_other(tool):
    tool.frame = 4
    assert tool.signal.axes_manager.indices == (4,)
    tool.signal.axes_manager.indices = (2,)
    assert tool.frame == 2
    assert tool.n_frames == 6


def test_what_changes_asks_for_a_preview(tool):
    for change in (
        lambda: setattr(tool, "frame", 1),
        lambda: setattr(tool.parameters, "exponent", 0.5),
        lambda: setattr(tool.options, "num_workers", 1),
        lambda: setattr(tool.pictures[1], "seen", True),
    ):
        before = tool.previewed
        change()
        assert tool.previewed == before + 1


def test_the_region_is_drawn_typed_and_cleared(tool):
    tool.draw_region()
    assert tool.drawing_region
    middle = tool.parameters.roi
    assert middle == tool._region.region
    assert f"roi={middle}" in tool.code
    tool._region._roi.left = 0.3
    assert tool.parameters.roi == (0.3, *middle[1:])
    tool.parameters.roi = (4, 40, 8, 32)
    axes = tool.signal.axes_manager.signal_axes
    wanted = [axes[0].scale * 4, axes[0].scale * 40, axes[1].scale * 8, axes[1].scale * 32]
    assert tool._region.region == pytest.approx(wanted)
    # The rectangle follows what is typed, and does not round it.
    assert tool.parameters.roi == (4, 40, 8, 32)
    tool.clear_region()
    assert (tool.parameters.roi, tool.drawing_region) == (None, False)
    assert tool._region.region is None


def test_a_region_that_is_typed_away_is_taken_off_the_plot(tool):
    tool.draw_region()
    tool.parameters.roi = None
    assert not tool.drawing_region
    assert tool._region.region is None
    tool.draw_region()
    assert tool.drawing_region
    assert tool.parameters.roi is not None


def test_a_region_that_is_there_is_drawn_where_it_is(series):
    tool = SmallTool(series, None, {"roi": (4, 40, 8, 32)})
    tool.draw_region()
    assert tool.parameters.roi == (4, 40, 8, 32)
    tool.close()


# Values and settings


def test_the_line_of_python_has_what_is_changed_and_used(tool):
    assert tool.code == "aligned = s.align_rigid()"
    tool.parameters.weighting = "low_pass"
    tool.parameters.band = 0.2
    tool.options.num_workers = 3
    assert tool.code == 'aligned = s.align_rigid(weighting="low_pass", band=0.2, num_workers=3)'
    tool.parameters.weighting = "auto"
    assert "band" in tool.idle
    assert tool.code == "aligned = s.align_rigid(num_workers=3)"
    assert tool.problem == ""


def test_defaults_are_restored(tool):
    tool.parameters.trait_set(weighting="low_pass", band=0.2, roi=(4, 40, 8, 32))
    tool.options.num_workers = 3
    tool.restore_defaults()
    assert tool.parameters == RigidParameters()
    assert tool.options == WorkOptions()
    assert tool.code == "aligned = s.align_rigid()"
    assert (tool.problem, "band" in tool.idle) == ("", True)


def test_last_used_values_come_back_but_given_ones_win(tool, series, settings_path):
    tool.parameters.trait_set(exponent=0.5, roi=(4, 40, 8, 32), neighbours=3)
    assert not settings_path.exists()
    tool.apply()
    tool.wait(LONG)
    again = SmallTool(series, None, {"exponent": None})
    assert again.parameters == RigidParameters(neighbours=3)
    again.close()
    again.forget_settings()
    assert "forgotten" in again.message
    assert json.loads(settings_path.read_text())["methods"] == {}
    fresh = SmallTool(series)
    assert fresh.parameters == RigidParameters()
    fresh.close()


def test_settings_that_cannot_be_forgotten(tool, settings_path, monkeypatch):
    settings_path.write_text('{"version": 1, "methods": {"align_rigid": {"exponent": 0.5}}}')

    def refuse(*arguments):
        raise PermissionError("no")

    monkeypatch.setattr(os, "replace", refuse)
    tool.forget_settings()
    assert tool.message_kind == "warning"
    assert str(settings_path) in tool.message


def test_last_used_values_that_clash_with_given_ones_give_way(tool, series):
    tool.parameters.trait_set(weighting="low_pass", band=0.2, neighbours=3)
    tool.apply()
    tool.wait(LONG)
    again = SmallTool(series, None, {"weighting": "band_pass", "band": (0.1, 0.3)})
    assert again.parameters.band == (0.1, 0.3)
    clashing = SmallTool(series, None, {"weighting": "none"})
    assert clashing.parameters == RigidParameters(weighting="none")
    again.close()
    clashing.close()


def test_work_that_fails_keeps_no_values(tool, settings_path):
    tool.trouble = ValueError("no")
    tool.parameters.exponent = 0.5
    tool.apply()
    tool.wait(LONG)
    assert not settings_path.exists()


def test_what_it_says_of_itself(tool):
    assert repr(tool) == "<SmallTool: ready, no result yet>"
    tool.apply()
    tool.wait(LONG)
    assert repr(tool).startswith("<SmallTool: ready, result: <")


def test_errors_in_words():
    assert in_words(FileExistsError("There.")) == "There."
    assert in_words(ValueError()) == "ValueError"
    assert in_words(KeyError("name")) == "KeyError: 'name'"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (61.2, "1 min 1 s")]
)
def test_how_long_the_work_took(seconds, words):
    assert _duration(seconds) == words
