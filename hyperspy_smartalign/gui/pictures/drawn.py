"""Pictures that are drawn when they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traits.api as t
from matplotlib.figure import Figure

from hyperspy_smartalign.gui.pictures.picture import Picture

Draw = Callable[[Figure], Any]

#: What stands where a preview will be, until there is one.
COMPUTING = "Computing ..."


class DrawnPicture(Picture):
    """A picture that waits with its drawing until its tab is in front."""

    _draw = t.Any()
    _stale = t.Bool(False)

    def show(self, draw: Draw) -> None:
        """Have ``draw(figure)`` fill the figure: now if it is seen, else when it will be."""
        self._draw, self._stale = draw, True
        if self.seen:
            self._redraw()

    def say(self, sentence: str) -> None:
        """Show a sentence instead of a picture."""
        self._draw, self._stale = None, False
        super().say(sentence)

    @t.observe("seen")
    def _looked_at(self, event: Any) -> None:
        if self.seen and self._stale:
            self._redraw()

    def _clear(self) -> None:
        """Empty the figure before it is drawn anew."""
        self.figure.clear()

    def _redraw(self) -> None:
        draw, self._stale = self._draw, False
        self._clear()
        try:
            draw(self.figure)
        except ValueError as error:
            # What cannot be drawn, such as an empty area, says why.
            self.say(str(error))
            return
        self.changed = True
