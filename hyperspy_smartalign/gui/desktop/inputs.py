"""What values are typed or chosen in: Qt editors of fields."""

from __future__ import annotations

from typing import Any

import traits.api as t
from pyface.qt import QtCore, QtGui, QtWidgets
from traitsui.qt.editor import Editor

from hyperspy_smartalign.gui.fields import Field
from hyperspy_smartalign.parameters import ParameterError

#: How long nothing is typed before it counts, ms.
_PAUSE = 400
#: How much of its colour a wrong text takes over from pure red.
_REDNESS = 0.35


class TextInput(Editor):
    """A line of text that stands for a value.

    The value is taken over when the user pauses or leaves the input, as 1.5 is not meant to be 1
    first. Text that is no value turns red at once, the parameter keeps its value, and the handler
    is told why.
    """

    #: Why the text is no value; empty if it is one.
    reason = t.Str()
    field: Any = t.Instance(Field)
    line = t.Any()

    #: What was typed and not taken over yet: nothing, or the value.
    _typed: Any = ()

    def init(self, parent: Any) -> None:
        """Make the widget; called by traitsui."""
        self.field = self.factory.field
        self.control = self._make()
        self._palette = self.line.palette()
        self._pause = QtCore.QTimer(self.control)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self.take_over)
        self.line.setPlaceholderText(self.field.placeholder)
        self.line.textEdited.connect(self._edited)
        self.line.editingFinished.connect(self._left)

    def _make(self) -> Any:
        self.line = QtWidgets.QLineEdit()
        return self.line

    def dispose(self) -> None:
        """Let go of the widget; called by traitsui."""
        self._pause.stop()
        self.line.textEdited.disconnect(self._edited)
        self.line.editingFinished.disconnect(self._left)
        super().dispose()

    def update_editor(self) -> None:
        """Show the value of the parameter; called by traitsui when it changed."""
        self.reset()

    def reset(self) -> None:
        """Show the value of the parameter, whatever was typed."""
        self._pause.stop()
        self._typed = ()
        self._say("")
        text = self._shown(self.value)
        if self.line.text() != text:
            self.line.setText(text)

    def take_over(self) -> None:
        """Set the parameter to what was typed, if something was and it is a value."""
        self._pause.stop()
        typed, self._typed = self._typed, ()
        if typed:
            # A value that is refused comes to `error`.
            self.value = typed[0]

    def error(self, excp: Exception) -> None:
        """Called by traitsui, which would open a dialogue for it."""
        self._say(str(excp))

    def _shown(self, value: Any) -> str:
        return str(self.field.text_of(value))

    def _edited(self, text: str) -> None:
        try:
            self._typed = (self.field.value_of(text),)
            self._say("")
        except ParameterError as error:
            self._typed = ()
            self._say(str(error))
        self._pause.start()

    def _left(self) -> None:
        self.take_over()
        if not self.reason:
            self.reset()

    def _say(self, reason: str) -> None:
        if reason != self.reason:
            self.reason = reason
            self.line.setPalette(_reddened(self._palette) if reason else self._palette)
            self.ui.handler.refused(self)


def _reddened(palette: Any) -> Any:
    """The colours of a wrong text, for light and dark themes."""
    role = QtGui.QPalette.ColorRole.Base
    base = palette.color(role)
    rest = 1 - _REDNESS
    mixed = QtGui.QColor(
        round(255 * _REDNESS + rest * base.red()),
        round(rest * base.green()),
        round(rest * base.blue()),
    )
    red = QtGui.QPalette(palette)
    red.setColor(role, mixed)
    return red


class ComboInput(TextInput):
    """A list of words, and a line of text for what is not among them."""

    def _make(self) -> Any:
        box = QtWidgets.QComboBox()
        box.setEditable(True)
        box.setInsertPolicy(QtWidgets.QComboBox.InsertPolicy.NoInsert)
        box.addItems([shown for shown, value in self.field.options])
        box.textActivated.connect(self._chosen)
        self.line = box.lineEdit()
        return box

    def _chosen(self, text: str) -> None:
        self._edited(text)
        self.take_over()

    def _shown(self, value: Any) -> str:
        # An empty text stands for None, but here there is a word for it.
        none = [shown for shown, option in self.field.options if option is None]
        return none[0] if value is None and none else super()._shown(value)


class RegionInput(TextInput):
    """A region as text, a button to draw it, and one to take it away."""

    draw = t.Any()
    clear = t.Any()

    def _make(self) -> Any:
        box = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        self.line = QtWidgets.QLineEdit()
        tool = self.ui.context["object"]
        self.draw = QtWidgets.QPushButton("Draw")
        self.draw.setToolTip("Draw the region on the plot of the series.")
        tool = self.ui.context["object"]
        self.clear = QtWidgets.QPushButton(tool.no_region_label)
        self.clear.setToolTip("Take the region away.")
        self.draw.clicked.connect(lambda: tool.draw_region())
        self.clear.clicked.connect(lambda: tool.clear_region())
        row = QtWidgets.QHBoxLayout()
        for button in (self.draw, self.clear):
            button.setAutoDefault(False)
            row.addWidget(button)
        column.addWidget(self.line)
        column.addLayout(row)
        return box


class PathInput(TextInput):
    """A path as text, and a button to choose it."""

    browse = t.Any()

    def _make(self) -> Any:
        box = QtWidgets.QWidget()
        row = QtWidgets.QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        self.line = QtWidgets.QLineEdit()
        self.browse = QtWidgets.QPushButton("Browse ...")
        self.browse.setAutoDefault(False)
        self.browse.clicked.connect(self._choose)
        row.addWidget(self.line, 1)
        row.addWidget(self.browse)
        return box

    def _choose(self) -> None:
        ask = QtWidgets.QFileDialog
        if self.factory.folder:
            path = ask.getExistingDirectory(self.control, self.field.label)
        else:
            path, _ = ask.getSaveFileName(self.control, self.field.label)
        if path:
            self.line.setText(path)
            self._edited(path)
            self.take_over()


class CheckInput(Editor):
    """A box for True and False; of a switch, True stands for its word."""

    def init(self, parent: Any) -> None:
        """Make the widget; called by traitsui."""
        self.control = QtWidgets.QCheckBox(self.factory.text)
        self.control.clicked.connect(self._clicked)

    def update_editor(self) -> None:
        """Show the value; called by traitsui when it changed."""
        self.control.setChecked(bool(self.value))

    def _clicked(self, checked: bool) -> None:
        self.value = checked


class FrameInput(Editor):
    """A slider over the frames, and the number of the frame."""

    slider = t.Any()
    number = t.Any()

    def init(self, parent: Any) -> None:
        """Make the widgets; called by traitsui."""
        last = self.factory.last
        self.control = QtWidgets.QWidget()
        row = QtWidgets.QHBoxLayout(self.control)
        row.setContentsMargins(0, 0, 0, 0)
        self.slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self.slider.setRange(0, last)
        self.slider.setPageStep(max(1, last // 10))
        self.number = QtWidgets.QSpinBox()
        self.number.setRange(0, last)
        self.number.setSuffix(f" / {last}")
        self.slider.valueChanged.connect(self._moved)
        self.number.valueChanged.connect(self._moved)
        row.addWidget(self.slider, 1)
        row.addWidget(self.number)

    def update_editor(self) -> None:
        """Show the frame; called by traitsui when it changed."""
        for widget in (self.slider, self.number):
            blocked = widget.blockSignals(True)
            widget.setValue(self.value)
            widget.blockSignals(blocked)

    def _moved(self, frame: int) -> None:
        self.value = frame
        self.update_editor()
