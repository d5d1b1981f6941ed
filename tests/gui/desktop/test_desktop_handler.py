"""The handler of a window without a window."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.fixture
def tool(make_tool):
    return make_tool()


@pytest.fixture
def handler(tool):
    from hyperspy_smartalign.gui.desktop.handler import ToolHandler

    return ToolHandler(tool=tool)


@pytest.fixture
def typed():
    """An input with a wrong text, as the handler sees it."""
    return SimpleNamespace(object_name="parameters", name="exponent", reason="That is no number.")


def test_nothing_to_say(handler) -> None:
    assert handler.notice == ""
    assert handler.notice_kind == "info"


def test_messages_of_the_tool_with_their_kind(handler, tool) -> None:
    told = []
    handler.observe(lambda event: told.append(event.new), "notice")
    tool.say("Pairs were rejected.", "warning")
    assert (handler.notice, handler.notice_kind) == ("Pairs were rejected.", "warning")
    assert told == ["Pairs were rejected."]


def test_values_that_clash_are_an_error_before_the_message(handler, tool) -> None:
    tool.say("Something else.")
    tool.parameters.area = "roi"
    assert tool.problem
    assert handler.notice == f"{tool.problem}\nSomething else."
    assert handler.notice_kind == "error"


def test_the_same_sentence_is_said_once(handler, tool) -> None:
    tool.parameters.area = "roi"
    handler.apply_button = True
    assert tool.message == tool.problem
    assert handler.notice == tool.problem


def test_a_wrong_text_is_told_and_taken_back(handler, typed) -> None:
    handler.refused(typed)
    assert handler.notice == "That is no number."
    assert handler.notice_kind == "error"
    typed.reason = ""
    handler.refused(typed)
    assert handler.notice == ""


def test_nothing_is_applied_with_a_wrong_text(handler, tool, typed) -> None:
    handler.refused(typed)
    handler.apply_button = True
    assert tool.state == "ready"
    assert tool.wait()
    assert tool.result is None


def test_apply_and_close(handler, tool) -> None:
    tool.plot_result = False
    handler.apply_button = True
    assert tool.busy
    assert tool.wait()
    assert tool.result.data.shape[0] == tool.n_frames
    handler.close_button = True
    assert tool.state == "closed"


def test_defaults_and_forgetting(handler, tool, settings_path) -> None:
    tool.parameters.refinements = 0
    handler.defaults_button = True
    assert not tool.parameters.changed()
    handler.forget_button = True
    assert "forgotten" in handler.notice


def test_cancel_asks_and_can_be_taken_back(handler, tool) -> None:
    tool.plot_result = False
    handler.apply_button = True
    handler.cancel_button = True
    assert tool.state == "asking"
    handler.go_on_button = True
    assert tool.state == "working"
    handler.cancel_button = True
    handler.stop_button = True
    assert tool.state == "cancelling"
    assert tool.wait()
    assert tool.state == "ready"


def test_closing_asks_while_work_runs(handler, tool) -> None:
    tool.plot_result = False
    handler.apply_button = True
    assert not handler.close(None, True)
    assert tool.state == "asking"
    assert handler.close(None, True)
    assert tool.state == "closed"
