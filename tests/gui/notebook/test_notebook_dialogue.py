"""What a dialogue does in a notebook: running, cancelling, telling, drawing."""

from __future__ import annotations

import asyncio
import html
import threading

import hyperspy.api as hs
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.gui.notebook.answering import answering_in
from hyperspy_smartalign.gui.notebook.displayed import Displayed
from hyperspy_smartalign.gui.pictures.picture import Picture
from hyperspy_smartalign.gui.tools.options import WorkOptions
from hyperspy_smartalign.gui.tools.tool import Tool
from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.signals.progressing import progress_bar


class SlowTool(Tool):
    """Rigid registration that works until it is let go."""

    method = "align_rigid"
    heading = "Slow work"
    apply_label = "Align"
    parameters_class = RigidParameters
    options_class = WorkOptions

    def __init__(self, signal) -> None:
        super().__init__(signal)
        self.pictures = [CountedPicture(title="One"), CountedPicture(title="Two")]
        self.reached, self.let_go = threading.Event(), threading.Event()
        self.error: Exception | None = None

    def work(self):
        def function():
            with progress_bar(None) as report:
                for done in range(1, 4):
                    report("counting", done, 4)
                    self.reached.set()
                    if done == 2:
                        self.let_go.wait(10)
                if self.error is not None:
                    raise self.error
                report("counting", 4, 4)
            return hs.signals.Signal2D(np.zeros((2, 4, 4)))

        return function


class CountedPicture(Picture):
    """A picture that counts how often it was drawn for the notebook."""

    def png(self, dpi: float = 20.0) -> bytes:
        self.drawn = getattr(self, "drawn", 0) + 1
        return b"png %d" % self.drawn

    def __repr__(self) -> str:
        return self.title


@pytest.fixture
def tool(eager_series):
    tool = SlowTool(eager_series)
    yield tool
    tool.let_go.set()
    tool.wait(10)
    tool.close()


@pytest.fixture
def widgets(tool):
    return tool.gui(display=False, toolkit="ipywidgets")["ipywidgets"]["wdict"]


def inside(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


def text_of(widget):
    return html.unescape(widget.value)


def test_wrong_texts_are_marked_and_the_value_stays(tool, widgets):
    widget = widgets["neighbours"]
    widget.value = "0"
    assert tool.parameters.neighbours == "auto"
    assert "smartalign-invalid" in widget._dom_classes
    widgets["apply"].click()
    assert tool.state == "ready"
    assert "Neighbours" in text_of(widgets["message"])
    assert "at least 1" in text_of(widgets["message"])
    widget.value = "3"
    assert tool.parameters.neighbours == 3
    assert "smartalign-invalid" not in widget._dom_classes
    assert widgets["message"].value == ""


def test_a_value_written_differently_is_shown_as_all_are(tool, widgets):
    widget = widgets["exponent"]
    widget.value = "0.5"
    widget.value = " .50 "
    assert tool.parameters.exponent == 0.5
    assert widget.value == "0.5"


def test_words_can_be_picked_for_texts(tool, widgets):
    row = next(
        box
        for box in inside(tool.views["ipywidgets"]["widget"])
        if "smartalign-row-neighbours" in box._dom_classes
    )
    (menu,) = (w for w in inside(row) if isinstance(w, ipywidgets.Dropdown))
    widgets["neighbours"].value = "4"
    assert menu.options == ("", "auto", "all")
    menu.value = "all"
    assert tool.parameters.neighbours == "all"
    assert widgets["neighbours"].value == "all"
    assert menu.value == ""


def test_wrong_texts_of_greyed_out_parameters_stop_nothing(tool, widgets):
    widgets["butterworth"].value = "0.2"
    widgets["butterworth_order"].value = "many"
    assert "smartalign-invalid" in widgets["butterworth_order"]._dom_classes
    tool.parameters.butterworth = None
    assert widgets["butterworth_order"].disabled
    widgets["apply"].click()
    assert tool.busy


def test_clashes_are_told_at_once(tool, widgets):
    widgets["area"].value = "roi"
    assert tool.problem
    assert "needs a region" in text_of(widgets["message"])
    assert "smartalign-error" in widgets["message"].value
    widgets["apply"].click()
    assert tool.state == "ready"
    widgets["area"].value = "image"
    assert "needs a region" not in text_of(widgets["message"])


def test_defaults_replace_wrong_texts_too(tool, widgets):
    widgets["exponent"].value = "0.5"
    widgets["neighbours"].value = "nobody"
    widgets["defaults"].click()
    assert widgets["exponent"].value == ""
    assert widgets["neighbours"].value == "auto"
    assert "smartalign-invalid" not in widgets["neighbours"]._dom_classes


def test_work_is_shown_while_it_goes_on(tool, widgets):
    assert widgets["apply"].description == "Align"
    widgets["apply"].click()
    assert widgets["apply"].disabled
    assert not widgets["cancel"].disabled
    assert tool.reached.wait(10)
    tool.mailbox.deliver()
    assert widgets["progress"].max == 4
    assert 1 <= widgets["progress"].value <= 2
    assert widgets["stage"].value.startswith("Counting: ")
    tool.let_go.set()
    assert tool.wait(10)
    assert tool.result is not None
    assert not widgets["apply"].disabled
    assert widgets["cancel"].disabled


def test_cancel_asks_once(tool, widgets):
    widgets["apply"].click()
    assert tool.reached.wait(10)
    widgets["cancel"].click()
    assert tool.state == "asking"
    assert widgets["cancel"].description == "Stop the work"
    assert widgets["go_on"].layout.display is None
    widgets["go_on"].click()
    assert tool.state == "working"
    assert widgets["cancel"].description == "Cancel"
    assert widgets["go_on"].layout.display == "none"
    widgets["cancel"].click()
    widgets["cancel"].click()
    assert tool.state == "cancelling"
    assert widgets["cancel"].disabled
    assert widgets["stage"].value == "Cancelling"
    tool.let_go.set()
    assert tool.wait(10)
    assert tool.result is None
    assert "Cancelled" in widgets["message"].value
    assert tool.state == "ready"


def test_errors_are_told_as_text(tool, widgets):
    tool.error = ValueError("3 < 5 & <b>bold</b>")
    tool.let_go.set()
    widgets["apply"].click()
    assert tool.wait(10)
    assert "smartalign-error" in widgets["message"].value
    assert "<b>" not in widgets["message"].value
    assert "3 < 5 & <b>bold</b>" in text_of(widgets["message"])


def test_an_error_of_a_handler_is_told(tool, widgets, monkeypatch):
    monkeypatch.setattr(SlowTool, "forget_settings", lambda self: 1 / 0)
    other = SlowTool(tool.signal)
    view = other.gui(display=False, toolkit="ipywidgets")["ipywidgets"]["wdict"]
    view["forget"].click()
    assert "ZeroDivisionError" in view["message"].value
    other.close()


def test_the_slider_and_the_plot_move_each_other(tool, widgets):
    widgets["frame"].value = 3
    assert tool.signal.axes_manager.indices == (3,)
    tool.signal.axes_manager.indices = (1,)
    assert widgets["frame"].value == 1
    assert widgets["frame"].max == 5


def test_only_the_picture_in_front_is_drawn(tool, widgets):
    first, second = tool.pictures
    assert (first.seen, second.seen) == (True, False)
    drawn = first.drawn
    first.changed = True
    second.changed = True
    assert first.drawn == drawn + 1
    assert not hasattr(second, "drawn")
    images = widgets["pictures"].children
    assert images[0].value == b"png %d" % first.drawn
    widgets["pictures"].selected_index = 1
    assert (first.seen, second.seen) == (False, True)
    assert images[1].value == b"png 1"
    first.changed = True
    assert first.drawn == drawn + 1
    widgets["pictures"].selected_index = 0
    assert first.drawn == drawn + 2


def test_the_result_is_plotted_only_if_wanted(tool, widgets):
    widgets["plot_result"].value = False
    assert tool.plot_result is False
    tool.plot_result = True
    assert widgets["plot_result"].value is True


def test_the_region_is_drawn_and_taken_away(tool, widgets):
    widgets["region"].click()
    assert widgets["region"].button_style == "info"
    assert len(tool.parameters.roi) == 4
    assert widgets["roi"].value == ", ".join(map(repr, tool.parameters.roi))
    assert len(plt.get_fignums()) == 1
    widgets["clear_region"].click()
    assert tool.parameters.roi is None
    assert widgets["roi"].value == ""
    assert widgets["region"].button_style == ""


def test_on_still_pictures_the_region_can_only_be_typed(tool, widgets, monkeypatch):
    monkeypatch.setattr("matplotlib.get_backend", lambda: "inline")
    widgets["region"].click()
    assert tool.parameters.roi is None
    assert "%matplotlib widget" in text_of(widgets["message"])
    widgets["roi"].value = "2, 30, 4, 40"
    assert tool.parameters.roi == (2, 30, 4, 40)


def test_closing_closes_its_own_plot_only(tool, widgets):
    """HyperSpy closes the plot that happens to be the current one."""
    widgets["region"].click()
    (own,) = plt.get_fignums()
    other = plt.figure()
    widgets["close"].click()
    assert plt.fignum_exists(other.number)
    assert not plt.fignum_exists(own)


def test_the_loop_delivers_also_after_an_error(eager_series):
    """What threads post comes by itself, and an error takes nothing else along."""

    async def run():
        tool = SlowTool(eager_series)
        early = []
        tool.mailbox.post(lambda: early.append(threading.current_thread()))
        view = tool.gui(display=False, toolkit="ipywidgets")["ipywidgets"]["wdict"]
        await asyncio.sleep(0.05)
        assert early == [threading.main_thread()]
        seen = []

        def fail():
            raise ValueError("no such luck")

        def post():
            tool.mailbox.post(fail)
            tool.mailbox.post(lambda: seen.append(threading.current_thread()))

        thread = threading.Thread(target=post)
        thread.start()
        thread.join()
        await asyncio.sleep(0.1)
        assert seen == [threading.main_thread()]
        assert "no such luck" in view["message"].value
        tool.let_go.set()
        view["apply"].click()
        for _ in range(100):
            if tool.result is not None:
                break
            await asyncio.sleep(0.05)
        assert tool.result is not None
        tool.close()

    asyncio.run(run())


def test_pictures_leave_time_between_drawings(eager_series):
    """Many changes in a row are drawn once more, not each."""

    class SlowPicture(CountedPicture):
        def png(self, dpi: float = 20.0) -> bytes:
            import time

            time.sleep(0.02)
            return super().png(dpi)

    async def run():
        tool = SlowTool(eager_series)
        tool.pictures = [SlowPicture(title="Slow")]
        tool.gui(display=False, toolkit="ipywidgets")
        (picture,) = tool.pictures
        await asyncio.sleep(0.1)
        before = picture.drawn
        for _ in range(10):
            picture.changed = True
        at_once = picture.drawn - before
        await asyncio.sleep(0.3)
        assert at_once <= 1
        assert picture.drawn - before in (1, 2)
        tool.close()

    asyncio.run(run())


def test_displays_are_collected_for_this_thread_only(monkeypatch):
    class Publisher:
        """As that of a kernel."""

        def __init__(self) -> None:
            self.hooks, self.sent = [], []

        def register_hook(self, hook):
            self.hooks.append(hook)

        def unregister_hook(self, hook):
            self.hooks.remove(hook)

        def publish(self, kind, **content):
            message = {"header": {"msg_type": kind}, "content": content}
            for hook in self.hooks:
                message = hook(message)
                if message is None:
                    return
            self.sent.append(kind)

    class Shell:
        display_pub = Publisher()

    monkeypatch.setattr("hyperspy_smartalign.gui.notebook.displayed.get_ipython", Shell)
    displayed, publisher = Displayed(), Shell.display_pub
    with displayed.collecting():
        publisher.publish("display_data", data={"text/plain": "plot"}, metadata={})
        publisher.publish("clear_output", wait=True)
    publisher.publish("display_data", data={"text/plain": "later"}, metadata={})
    assert [output["data"] for output in displayed.output.outputs] == [{"text/plain": "plot"}]
    assert publisher.sent == ["clear_output", "display_data"]
    displayed.tidy()
    assert len(displayed.output.outputs) == 1
    gone = {"application/vnd.jupyter.widget-view+json": {"model_id": "that is closed"}}
    displayed.output.outputs += ({"output_type": "display_data", "data": gone, "metadata": {}},)
    with displayed.collecting():
        publisher.publish("display_data", data={"text/plain": "new"}, metadata={})
    texts = [{"text/plain": "plot"}, {"text/plain": "new"}]
    assert [output["data"] for output in displayed.output.outputs] == texts
    displayed.output.outputs += ({"output_type": "display_data", "data": gone, "metadata": {}},)
    displayed.tidy()
    assert [output["data"] for output in displayed.output.outputs] == texts


def test_widgets_made_in_handlers_answer_in_the_loop_of_the_dialogue():
    """JupyterLab calls them in another thread."""
    threads = []

    class Comm:
        comm_id = "1"

        def on_msg(self, answer):
            self.answer = answer

        def send(self, *message, **parts):
            pass

        def close(self, *message, **parts):
            pass

    class Canvas(ipywidgets.HTML):
        def _handle_msg(self, message):
            threads.append((message, threading.current_thread()))

    async def work():
        comm = Comm()
        with answering_in(asyncio.get_running_loop()):
            canvas = Canvas()
            canvas.comm = comm
        comm.answer("here")
        other = threading.Thread(target=comm.answer, args=("there",))
        other.start()
        other.join(5)
        # It waits for its turn.
        assert len(threads) == 1
        await asyncio.sleep(0.01)
        # What is made afterwards is left alone.
        later = Canvas()
        later.comm = Comm()
        assert later.comm.answer == later._handle_msg

    before = ipywidgets.Widget._widget_construction_callback
    asyncio.run(work())
    here = threading.current_thread()
    assert threads == [("here", here), ("there", here)]
    assert ipywidgets.Widget._widget_construction_callback is before
