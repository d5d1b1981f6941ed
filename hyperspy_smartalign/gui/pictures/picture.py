"""A picture of a tool: a figure that is drawn anew when what it shows changes."""

from __future__ import annotations

import io

import traits.api as t
from matplotlib.figure import Figure

#: Size of a picture of a tool, inches; and its resolution in a notebook, dots per inch.
SIZE = (6.4, 4.8)
DPI = 90


class Picture(t.HasTraits):
    """A figure, and the news that it was drawn anew.

    The figure belongs to no window: a view gives it a canvas, or takes its pixels. It is drawn in
    the thread of the user interface only.
    """

    #: What stands on the tab.
    title = t.Str()
    figure = t.Instance(Figure, allow_none=False)
    #: Fired after the figure was drawn anew.
    changed = t.Event()
    #: Whether its tab is in front; views set this, and tools draw only what is seen.
    seen = t.Bool(False)

    def _figure_default(self) -> Figure:
        return Figure(figsize=SIZE, layout="constrained")

    def say(self, sentence: str) -> None:
        """Show a sentence instead of a picture."""
        self.figure.clear()
        self.figure.text(0.5, 0.5, sentence, ha="center", va="center", wrap=True, color="0.4")
        self.changed = True

    def png(self, dpi: float = DPI) -> bytes:
        """The picture as a PNG file."""
        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi=dpi)
        return file.getvalue()
