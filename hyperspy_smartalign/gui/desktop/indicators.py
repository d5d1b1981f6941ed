"""What a tool tells: progress, messages and the line of Python, as Qt editors."""

from __future__ import annotations

from typing import Any

import traits.api as t
from pyface.qt import QtCore, QtGui, QtWidgets
from traitsui.qt.editor import Editor

#: Kind of a message -> colours of its frame: a tint that black and white text can be read on.
_COLOURS = {
    "info": "rgba(70, 130, 200, 40)",
    "warning": "rgba(230, 160, 0, 70)",
    "error": "rgba(220, 50, 40, 70)",
}

#: State of the tool -> what the bar says then, instead of the stage.
_IN_STATE = {"asking": "Stop the work?", "cancelling": "Stopping ..."}


#: Widest bar, and what its frame takes of it, pixels.
_WIDEST, _AROUND = 440, 16


class Progress(Editor):
    """A bar with the stage and the count on it, or the question whether to stop."""

    stage = t.Str()
    total = t.Int()
    state = t.Str()

    def init(self, parent: Any) -> None:
        """Make the widget; called by traitsui."""
        self.control = QtWidgets.QProgressBar()
        self.control.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        policy = QtWidgets.QSizePolicy.Policy
        # As wide as there is room, but what is said of cycles is not longer than this.
        self.control.setSizePolicy(policy.Expanding, policy.Fixed)
        self.control.setMaximumWidth(_WIDEST)
        for name in ("stage", "total", "state"):
            self.sync_value(f"object.{name}", name, "from")

    def update_editor(self) -> None:
        """Show how much is done; called by traitsui when it changed."""
        bar = self.control
        # Without a total too, as a bar from 0 to 0 would show no text.
        bar.setRange(0, max(self.total, 1))
        bar.setValue(min(self.value, self.total))
        words = _IN_STATE.get(self.state) or self._count()
        # Qt would break what is too long into lines, of which the bar shows parts.
        elide = QtCore.Qt.TextElideMode.ElideRight
        # Until it was laid out once, its width says nothing.
        room = max(bar.width(), bar.minimumWidth()) - _AROUND
        bar.setFormat(bar.fontMetrics().elidedText(words, elide, room))
        bar.setToolTip(words)

    def _count(self) -> str:
        # A model such as "scan_locked" is written as in the form.
        stage = (self.stage[:1].upper() + self.stage[1:]).replace("_", " ")
        if self.total <= 0:
            return stage
        joint = ", " if ":" in stage else ": "
        return f"{stage}{joint}{self.value} of {self.total}"

    @t.observe("stage, total, state")
    def _told(self, event: Any) -> None:
        if self.control is not None:
            self.update_editor()


class Notice(Editor):
    """Sentences in a coloured frame; nothing when there is nothing to say."""

    kind = t.Str()

    def init(self, parent: Any) -> None:
        """Make the widget; called by traitsui."""
        self.control = QtWidgets.QLabel()
        self.control.setObjectName("notice")
        self.control.setWordWrap(True)
        policy = QtWidgets.QSizePolicy.Policy
        self.control.setSizePolicy(policy.Expanding, policy.Minimum)
        self.control.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.control.setTextInteractionFlags(
            QtCore.Qt.TextInteractionFlag.TextSelectableByMouse
            | QtCore.Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.sync_value(self.factory.kind_name, "kind", "from")

    def update_editor(self) -> None:
        """Show the sentences; called by traitsui when they changed."""
        colour = _COLOURS.get(self.kind, _COLOURS["info"])
        self.control.setText(self.value)
        self.control.setStyleSheet(
            f"#notice {{ background-color: {colour}; border-radius: 4px; padding: 5px; }}"
        )
        self.control.setVisible(bool(self.value))

    @t.observe("kind")
    def _told(self, event: Any) -> None:
        if self.control is not None:
            self.update_editor()


class Code(Editor):
    """A few lines of Python in letters of equal width."""

    def init(self, parent: Any) -> None:
        """Make the widget; called by traitsui."""
        self.control = QtWidgets.QPlainTextEdit()
        self.control.setReadOnly(True)
        font = QtGui.QFontDatabase.systemFont(QtGui.QFontDatabase.SystemFont.FixedFont)
        self.control.setFont(font)
        height = 2 * QtGui.QFontMetrics(font).lineSpacing() + 12
        self.control.setFixedHeight(height)

    def update_editor(self) -> None:
        """Show the line; called by traitsui when it changed."""
        if self.control.toPlainText() != self.value:
            self.control.setPlainText(self.value)
