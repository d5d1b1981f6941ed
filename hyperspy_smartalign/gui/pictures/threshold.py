"""The threshold, dragged over the histogram of scores while the markers change colour."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import traits.api as t
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

from hyperspy_smartalign.gui.pictures.picture import DPI, Picture
from hyperspy_smartalign.plotting.style import SMALL, VERMILION
from hyperspy_smartalign.signals.motif.picturing import MotifPicker

_SIZE = (7.6, 4.6)
# Of PNG files: little, as pictures follow each other quickly.
_COMPRESSION = 2
_NOTHING_YET = "Search first. Then the threshold is dragged here."


class ThresholdPicture(Picture):
    """A threshold picker. On a canvas that takes the mouse, it is dragged with that."""

    title = "Threshold"
    #: `MotifPicker`, or None before the first search.
    picker = t.Any()

    _note = t.Any()
    #: The canvas until a view gives the figure one of its own; and whether all of it is drawn.
    _still = t.Any()
    _drawn = t.Bool(False)

    def traits_init(self) -> None:
        self.say(_NOTHING_YET)

    def _figure_default(self) -> Figure:
        figure = Figure(figsize=_SIZE, layout="constrained")
        self._still = FigureCanvasAgg(figure)
        return figure

    @property
    def is_live(self) -> bool:
        """Whether a view gave the figure a canvas of its own, which draws by itself."""
        return self.figure.canvas is not self._still

    def pick(self, make: Callable[[Figure], MotifPicker]) -> MotifPicker:
        """Fill the figure with another picker: ``make(figure)``."""
        self.release()
        self.figure.clear()
        picker = make(self.figure)
        self.picker = picker
        self._renewed()
        return picker

    def moved(self) -> None:
        """The threshold moved: drawn already on a canvas, and else to be shown anew."""
        if not self.is_live:
            self.changed = True

    def mark_old(self, reason: str) -> None:
        """Write below the picture why it is out of date; "" takes that away."""
        if self.picker is None or (self._note is None and not reason):
            return
        if self._note is None:
            self._note = self.figure.supxlabel("", fontsize=SMALL + 1, color=VERMILION)
        if self._note.get_text() != reason:
            self._note.set_text(reason)
            self._renewed()

    def say(self, sentence: str) -> None:
        """Show a sentence instead of a picture."""
        self.release()
        self._drawn = False
        super().say(sentence)

    def png(self, dpi: float = DPI) -> bytes:
        """The picture as a PNG file; at its own resolution, which is quick after a move."""
        if self.is_live:
            return super().png(dpi)
        if not self._drawn:
            self._still.draw()
            self._drawn = True
        file = io.BytesIO()
        pixels = np.asarray(self._still.buffer_rgba())
        imsave(file, pixels, format="png", pil_kwargs={"compress_level": _COMPRESSION})
        return file.getvalue()

    def release(self) -> None:
        """Let the figure answer to the mouse no more."""
        self._note = None
        if self.picker is not None:
            self.picker.close()
            self.picker = None

    def _renewed(self) -> None:
        self._drawn = False
        self.changed = True
