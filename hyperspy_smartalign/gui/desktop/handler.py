"""What the buttons of a window do, and what follows from its state."""

from __future__ import annotations

import html
from typing import Any

import traits.api as t
from traitsui.api import Handler, UIInfo

from hyperspy_smartalign.gui.desktop.qt import bell
from hyperspy_smartalign.gui.tools.tool import Tool

#: Widest label and narrowest input of the form, pixels.
_LABEL_WIDTH = 180
_INPUT_WIDTH = 190
#: Around all that is in the window, pixels.
_MARGIN = 8


class ToolHandler(Handler):
    """Handler of the window of a tool.

    Parameters
    ----------
    tool : Tool
    """

    tool: Any = t.Instance(Tool)

    apply_button = t.Button
    cancel_button = t.Button
    stop_button = t.Button
    go_on_button = t.Button
    defaults_button = t.Button
    forget_button = t.Button
    copy_button = t.Button
    close_button = t.Button

    #: Input, such as "parameters.roi" -> why its text is no value.
    reasons = t.Dict(t.Str, t.Str)
    #: What the user should read: wrong texts, values that clash, and the message of the tool.
    notice = t.Property(t.Str, observe="reasons.items, tool.[problem, message]")
    notice_kind = t.Property(t.Str, observe="reasons.items, tool.[problem, message, message_kind]")

    _info: Any = t.Instance(UIInfo)

    # What traitsui calls.

    def init(self, info: UIInfo) -> bool:
        """Finish the widgets once they are there."""
        self._info = info
        mailbox = self.tool.mailbox
        mailbox.ring = bell()
        # What came before there was a bell.
        mailbox.ring(mailbox.deliver)
        self._tidy()
        self._explain()
        self._show_pictures()
        return True

    def close(self, info: UIInfo, is_ok: bool) -> bool:
        """Close the tool, and say whether it is closed: while work runs, it asks first."""
        self.tool.close()
        return bool(self.tool.state == "closed")

    def closed(self, info: UIInfo, is_ok: bool) -> None:
        """Let go of the window; also when it was closed without asking."""
        self._info = None
        self.reasons = {}
        # Nothing is heard of the tool any more, whoever keeps this handler.
        self.tool = None

    # What inputs call.

    def refused(self, editor: Any) -> None:
        """Note why the text of an input is no value, or that it is one again."""
        reasons = dict(self.reasons)
        reasons.pop(_place(editor), None)
        if editor.reason:
            reasons[_place(editor)] = editor.reason
        self.reasons = reasons
        if self._info is not None:
            self._explain_one(editor)

    # The buttons.

    def take_over(self) -> bool:
        """Take over what was typed just now; whether all texts are values.

        With a wrong text, the parameter still has the value before it.
        """
        for editor in self._editors("take_over"):
            editor.take_over()
        return not self.reasons

    @t.observe("apply_button")
    def _apply(self, event: Any) -> None:
        if self.take_over():
            self.tool.apply()

    @t.observe("cancel_button, stop_button")
    def _cancel(self, event: Any) -> None:
        self.tool.cancel()

    @t.observe("go_on_button")
    def _go_on(self, event: Any) -> None:
        self.tool.go_on()

    @t.observe("defaults_button")
    def _defaults(self, event: Any) -> None:
        self.tool.restore_defaults()
        for editor in self._editors("reset"):
            editor.reset()

    @t.observe("forget_button")
    def _forget(self, event: Any) -> None:
        self.tool.forget_settings()

    @t.observe("copy_button")
    def _copy(self, event: Any) -> None:
        from pyface.api import clipboard

        self.take_over()
        clipboard.text_data = self.tool.code

    @t.observe("close_button")
    def _close(self, event: Any) -> None:
        self.tool.close()

    # What follows.

    def _get_notice(self) -> str:
        if self.tool is None:
            return ""
        sentences = [*self.reasons.values(), self.tool.problem, self.tool.message]
        return "\n".join(dict.fromkeys(sentence for sentence in sentences if sentence))

    def _get_notice_kind(self) -> str:
        if self.tool is None:
            return "info"
        wrong = bool(self.reasons or self.tool.problem)
        return "error" if wrong else str(self.tool.message_kind)

    @t.observe("tool:idle")
    def _idle_changed(self, event: Any) -> None:
        if self._info is not None:
            self._explain()

    @t.observe("tool:state")
    def _state_changed(self, event: Any) -> None:
        if event.new == "closed" and self._info is not None:
            from pyface.api import GUI

            # Later, as this may be a click on a button of the window.
            GUI.invoke_later(self._close_window)

    def _close_window(self) -> None:
        ui = None if self._info is None else self._info.ui
        if ui is None or ui.control is None:
            return
        # A panel within another window has no dialogue of its own to close.
        if hasattr(ui.owner, "close"):
            ui.owner.close()
        else:
            ui.dispose()

    def _editors(self, method: str = "") -> list[Any]:
        editors = [] if self._info is None else self._info.ui._editors
        return [editor for editor in editors if not method or hasattr(editor, method)]

    def _inputs(self) -> list[Any]:
        """The editors of the form."""
        return [e for e in self._editors() if e.object_name in ("parameters", "options")]

    def _show_pictures(self) -> None:
        for editor in self._editors("show_first"):
            editor.show_first()

    def _tidy(self) -> None:
        """Make labels and inputs of all sections equally wide, and headings stand out."""
        from pyface.qt import QtWidgets

        window = self._info.ui.control
        for area in window.findChildren(QtWidgets.QMainWindow):
            area.centralWidget().layout().setContentsMargins(*[_MARGIN] * 4)
        for split in window.findChildren(QtWidgets.QSplitter):
            # A larger window shows larger pictures.
            split.setStretchFactor(0, 0)
            split.setStretchFactor(1, 1)
        for section in window.findChildren(QtWidgets.QGroupBox):
            # The style sheet, unlike a font, is not passed on to what is in the section.
            section.setStyleSheet("QGroupBox { font-weight: bold; }")
        inputs = self._inputs()
        labels = [editor.label_control for editor in inputs]
        widest = max((label.sizeHint().width() for label in labels), default=0)
        for label in labels:
            label.setWordWrap(True)
            label.setFixedWidth(min(widest, _LABEL_WIDTH))
            label.setMinimumHeight(label.heightForWidth(label.width()))
        policy = QtWidgets.QSizePolicy.Policy
        for control in (editor.control for editor in inputs):
            if isinstance(control, QtWidgets.QCheckBox):
                continue
            control.setMinimumWidth(_INPUT_WIDTH)
            control.setSizePolicy(policy.Expanding, policy.Fixed)
            if isinstance(control, QtWidgets.QComboBox):
                # Not as wide as the longest of its words.
                adjust = QtWidgets.QComboBox.SizeAdjustPolicy
                control.setSizeAdjustPolicy(adjust.AdjustToMinimumContentsLengthWithIcon)

    def _explain(self) -> None:
        for editor in self._inputs():
            self._explain_one(editor)

    def _explain_one(self, editor: Any) -> None:
        """Have the tooltip say what the parameter is, why it is grey, and what is wrong."""
        idle = self.tool.idle.get(editor.name, "")
        sentences = [
            editor.item.tooltip,
            f"Not used now: {idle}." if idle else "",
            self.reasons.get(_place(editor), ""),
        ]
        # Rich text, as Qt breaks lines only in that.
        text = "<br><br>".join(html.escape(sentence) for sentence in sentences if sentence)
        for widget in (editor.control, editor.label_control):
            widget.setToolTip(f"<qt>{text}</qt>")


def _place(editor: Any) -> str:
    return f"{editor.object_name}.{editor.name}"
