"""Pictures of a tool as Qt canvases, on tabs."""

from __future__ import annotations

from typing import Any

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from pyface.qt import QtWidgets
from traitsui.qt.editor import Editor

from hyperspy_smartalign.gui.pictures.picture import SIZE, Picture

#: Smallest size of a canvas, pixels.
_SMALLEST = (360, 270)
#: Resolution of a canvas that is large enough, and the least that letters can be read at.
_DPI, _LEAST_DPI = 100.0, 60.0


class _ScaledCanvas(FigureCanvasQTAgg):  # type: ignore[misc,unused-ignore]
    """A canvas whose letters shrink where it is small, so that they do not overlap."""

    def resizeEvent(self, event: Any) -> None:
        """Take another size; called by Qt."""
        share = min(event.size().width() / SIZE[0], event.size().height() / SIZE[1])
        # In pixels of Qt, of which screens may show several as one.
        self.figure.dpi = self.device_pixel_ratio * min(max(share, _LEAST_DPI), _DPI)
        super().resizeEvent(event)


class Canvas(QtWidgets.QWidget):  # type: ignore[misc,unused-ignore]
    """The canvas of a picture, drawn when the picture changed and is seen.

    Parameters
    ----------
    picture : Picture
    """

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self.picture = picture
        self._canvas: Any = None
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        self._show_figure()
        picture.observe(self._redraw, "changed")
        picture.observe(self._show_figure, "figure")

    def let_go(self) -> None:
        """Follow the picture no longer."""
        self.picture.observe(self._redraw, "changed", remove=True)
        self.picture.observe(self._show_figure, "figure", remove=True)

    def see(self, seen: bool) -> None:
        """Tell the picture whether it is seen."""
        self.picture.seen = seen
        if seen:
            self._redraw()

    def _show_figure(self, event: Any = None) -> None:
        if self._canvas is not None:
            self.layout().removeWidget(self._canvas)
            self._canvas.setParent(None)
            self._canvas.deleteLater()
        self._canvas = _ScaledCanvas(self.picture.figure)
        self._canvas.setMinimumSize(*_SMALLEST)
        self.layout().addWidget(self._canvas)

    def _redraw(self, event: Any = None) -> None:
        if self.picture.seen:
            self._canvas.draw_idle()


class Pictures(Editor):
    """Tabs with the pictures of a tool; the one in front is seen."""

    def init(self, parent: Any) -> None:
        """Make the tabs; called by traitsui."""
        self.control = QtWidgets.QTabWidget()
        self.control.setDocumentMode(True)
        self._fill()
        self.control.currentChanged.connect(self._turned)

    def update_editor(self) -> None:
        """Make the tabs anew if there are other pictures; called by traitsui."""
        tabs = [self.control.widget(i) for i in range(self.control.count())]
        if [tab.picture for tab in tabs] == list(self.value):
            return
        blocked = self.control.blockSignals(True)
        self._empty()
        self._fill()
        self.control.blockSignals(blocked)
        self._turned(self.control.currentIndex())

    def dispose(self) -> None:
        """Let go of the pictures; called by traitsui."""
        self.control.currentChanged.disconnect(self._turned)
        self._empty()
        super().dispose()

    def show_first(self) -> None:
        """Have the picture in front drawn, once everything is there."""
        self._turned(self.control.currentIndex())

    def turn_to(self, picture: Picture) -> None:
        """Bring a picture to the front."""
        if picture in self.value:
            self.control.setCurrentIndex(list(self.value).index(picture))

    def _fill(self) -> None:
        for picture in self.value:
            self.control.addTab(Canvas(picture), picture.title)

    def _empty(self) -> None:
        while self.control.count():
            tab = self.control.widget(0)
            tab.let_go()
            self.control.removeTab(0)
            tab.deleteLater()

    def _turned(self, front: int) -> None:
        tabs = [self.control.widget(i) for i in range(self.control.count())]
        for number, tab in enumerate(tabs):
            if number != front:
                tab.see(False)
        if 0 <= front < len(tabs):
            tabs[front].see(True)
