"""The form of a window: what is typed, chosen and clicked, and what is shown."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.window


@pytest.fixture
def window(eager_series, open_window):
    tool = eager_series.align_rigid(interactive=True, display=False, toolkit="traitsui")
    return open_window(tool)


def test_a_number_is_typed(window) -> None:
    window.type("refinements", "5")
    assert window.tool.parameters.refinements == 5
    assert "refinements=5" in window.tool.code
    assert window.editor("code").control.toPlainText() == window.tool.code


def test_a_number_or_nothing(window) -> None:
    assert window.text("exponent") == ""
    assert window.editor("exponent").line.placeholderText() == "from the noise of the series"
    window.type("exponent", "0.5")
    assert window.tool.parameters.exponent == 0.5
    window.type("exponent", "")
    assert window.tool.parameters.exponent is None


def test_typing_counts_after_a_pause_and_is_not_rewritten(window, wait_until) -> None:
    from traitsui.testing.api import KeySequence

    seen = []
    window.tool.parameters.observe(lambda event: seen.append(event.new), "exponent")
    window.find("exponent").perform(KeySequence("0.50"))
    assert window.tool.parameters.exponent is None
    wait_until(lambda: window.tool.parameters.exponent is not None)
    assert seen == [0.5]
    assert window.text("exponent") == "0.50"
    window.type("exponent", "0.250")
    assert window.text("exponent") == "0.25"


def test_buttons_know_what_was_typed_just_now(window) -> None:
    from pyface.qt import QtWidgets
    from traitsui.testing.api import KeySequence

    window.find("refinements").perform(KeySequence("4"))
    window.click("copy_button")
    assert "align_rigid(refinements=4)" in QtWidgets.QApplication.clipboard().text()


def test_several_frames_are_typed(window) -> None:
    window.type("exclude", "1, 3-4")
    assert window.tool.parameters.exclude == (1, 3, 4)
    assert window.text("exclude") == "1, 3, 4"


def test_a_word_is_chosen(window) -> None:
    window.choose("prefilter", 1)
    assert window.tool.parameters.prefilter == "median"
    assert window.text("prefilter") == "median"
    window.tool.parameters.prefilter = "wiener"
    assert window.text("prefilter") == "Wiener"


def test_a_word_or_a_number(window) -> None:
    assert window.text("neighbours") == "auto"
    window.type("neighbours", "3")
    assert window.tool.parameters.neighbours == 3
    box = window.editor("neighbours").control
    box.setCurrentIndex(box.findText("all"))
    box.textActivated.emit("all")
    assert window.tool.parameters.neighbours == "all"


def test_a_box_is_clicked(window) -> None:
    assert window.tool.parameters.crop is True
    window.click("crop")
    assert window.tool.parameters.crop is False
    window.tool.parameters.crop = True
    assert window.editor("crop").control.isChecked()


def test_an_array_is_shown_and_kept(window) -> None:
    mask = np.ones((48, 56))
    window.tool.parameters.weighting = mask
    assert window.text("weighting").startswith("array of 48 x 56")
    window.type("weighting", window.text("weighting"))
    np.testing.assert_array_equal(window.tool.parameters.weighting, mask)


def test_values_from_elsewhere_are_shown(window) -> None:
    window.tool.parameters.max_shift = 3.5
    assert window.text("max_shift") == "3.5"
    window.tool.options.num_workers = 2
    assert window.text("num_workers") == "2"


def test_a_wrong_text_is_red_and_explained(window, shoot) -> None:
    from pyface.qt import QtGui

    base = QtGui.QPalette.ColorRole.Base
    line = window.editor("exponent").line
    before = line.palette().color(base)
    window.type("exponent", "high")
    assert line.palette().color(base).red() > line.palette().color(base).blue() + 50
    assert window.tool.parameters.exponent is None
    notice = window.editor("notice").control
    assert "exponent='high' is not allowed" in notice.text()
    assert notice.isVisible()
    assert "not allowed" in line.toolTip()
    shoot(window, "align_rigid_wrong_text")

    window.click("apply_button")
    assert window.tool.state == "ready"

    window.type("exponent", "0.5")
    assert line.palette().color(base) == before
    assert not notice.isVisible()
    assert "not allowed" not in line.toolTip()


def test_a_number_out_of_range_is_wrong(window) -> None:
    window.type("exponent", "1.5")
    assert window.tool.parameters.exponent is None
    assert "from 0 to 1" in window.ui.handler.notice


def test_impossible_combinations_are_grey_and_say_why(window) -> None:
    assert not window.is_enabled("band")
    editor = window.editor("band")
    assert not editor.label_control.isEnabled()
    assert window.tool.idle["band"] in editor.control.toolTip().replace("&#x27;", "'")
    window.tool.parameters.weighting = "low_pass"
    assert window.is_enabled("band")
    assert editor.label_control.isEnabled()
    assert "Not used now" not in editor.control.toolTip()


def test_values_that_clash_are_told_at_once(window) -> None:
    window.tool.parameters.area = "roi"
    notice = window.editor("notice").control
    assert notice.text() == window.tool.problem != ""
    window.tool.parameters.area = "image"
    assert not notice.isVisible()


def test_defaults_take_wrong_texts_away(window) -> None:
    window.type("exponent", "high")
    window.type("refinements", "7")
    window.choose("prefilter", 1)
    window.click("defaults_button")
    assert window.text("exponent") == ""
    assert window.text("refinements") == "2"
    assert window.text("prefilter") == "none"
    assert not window.tool.parameters.changed()
    assert window.ui.handler.notice == ""


def test_last_used_values_are_forgotten(window, settings_path) -> None:
    from hyperspy_smartalign.gui import settings

    window.type("refinements", "7")
    settings.keep("align_rigid", window.tool.parameters)
    window.click("forget_button")
    assert settings.last_used("align_rigid", type(window.tool.parameters)) == {}


def test_the_line_of_python_is_copied(window) -> None:
    from pyface.qt import QtWidgets

    window.type("refinements", "4")
    window.click("copy_button")
    assert QtWidgets.QApplication.clipboard().text() == window.tool.code
    assert "align_rigid(refinements=4)" in window.tool.code


def test_labels_are_in_line_and_tooltips_in_words(window) -> None:
    widths = {editor.label_control.width() for editor in window.ui.handler._inputs()}
    assert len(widths) == 1
    for editor in window.ui.handler._inputs():
        assert "Specifies" not in editor.label_control.toolTip()
        assert len(editor.label_control.toolTip()) > len("<qt></qt>")


def test_a_path_is_chosen(eager_series, open_window, monkeypatch, tmp_path) -> None:
    from pyface.qt import QtWidgets

    from hyperspy_smartalign import align_rigid

    tool = eager_series.apply_alignment(
        align_rigid(eager_series), interactive=True, display=False, toolkit="traitsui"
    )
    window = open_window(tool)
    path = str(tmp_path / "aligned.zspy")
    monkeypatch.setattr(
        QtWidgets.QFileDialog, "getSaveFileName", lambda *arguments, **keywords: (path, "")
    )
    window.editor("file").browse.click()
    assert window.text("file") == path
    assert tool.options.file == path
    monkeypatch.setattr(
        QtWidgets.QFileDialog, "getSaveFileName", lambda *arguments, **keywords: ("", "")
    )
    window.editor("file").browse.click()
    assert tool.options.file == path
