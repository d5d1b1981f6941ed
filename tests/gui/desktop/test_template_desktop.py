"""The window of template_match, as it is described before it is opened."""

from __future__ import annotations

import pytest

ROI = (16, 36, 14, 34)


@pytest.fixture
def tool(eager_series):
    tool = eager_series.template_match(ROI, interactive=True, display=False, toolkit="traitsui")
    tool.plot_result = False
    yield tool
    tool.close()


@pytest.fixture
def described(tool):
    from hyperspy_smartalign.gui.desktop import views

    _, keywords = views.template_match(tool, display=False)
    return keywords


def items_of(group):
    """Every item of a view and of a group, in order."""
    for part in group.content:
        if hasattr(part, "content"):
            yield from items_of(part)
        else:
            yield part


def test_what_belongs_to_the_threshold_has_inputs(described) -> None:
    found = {f"{item.object}.{item.name}" for item in items_of(described["view"].content)}
    assert found >= {
        "object.picked_threshold",
        "object.each_frame",
        "object.counted",
        "object.outdated",
        "object.bins",
        "object.score_low",
        "object.score_high",
        "handler.automatic_button",
        "handler.whole_range_button",
        "handler.extract_button",
    }


def test_the_buttons(tool, described) -> None:
    handler = described["handler"]
    assert handler.tool is tool
    handler.extract_button = True
    assert "Search first" in tool.message
    tool.apply()
    tool.wait()
    tool.picked_threshold = 0.5
    assert tool.parameters.threshold == pytest.approx(0.5, abs=0.02)
    handler.automatic_button = True
    assert tool.parameters.threshold == "auto"
    tool.score_low = 0.7
    handler.whole_range_button = True
    assert tool.score_low == pytest.approx(tool.thresholds.picker.score_range[0])
    handler.reasons = {"parameters.refine": "a text that is no value"}
    handler.extract_button = True
    assert not tool.busy
    handler.reasons = {}
    handler.extract_button = True
    assert tool.busy
    tool.wait()
    assert len(tool.result.data) == tool.n_tiles
