"""Artists that move over a picture that stays, drawn fast enough to be dragged."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.backend_bases import Event
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hyperspy_smartalign.plotting.style import FigureLike

# Where a browser shows the figure, moves come faster than pictures can be sent: so much of the
# time goes into pictures, and they are so many seconds apart.
_SHARE = 0.6
_APART = 0.03


class MovingArtists:
    """Artists of a figure that are drawn again and again over all others, which are drawn once.

    Where the canvas is none of pixels in memory, the whole figure is drawn instead.

    Parameters
    ----------
    figure : Figure or SubFigure
        Where they are.
    artists : callable
        ``artists()`` gives those that move, the lowest first; asked for each time.
    """

    def __init__(self, figure: FigureLike, artists: Callable[[], Sequence[Artist]]) -> None:
        self._figure = root_of(figure)
        self._artists = artists
        self._background: Any = None
        self._belongs_to: tuple[Any, ...] = ()
        self._busy = False
        self._timer: Any = None
        self._free_at = 0.0
        self._connection = self._figure.canvas.mpl_connect("draw_event", self._drawn)

    def redraw(self) -> None:
        """Show the artists as they are now."""
        canvas = self._figure.canvas
        if not isinstance(canvas, FigureCanvasAgg):
            canvas.draw_idle()
        elif canvas.supports_blit or time.monotonic() >= self._free_at:
            self._draw()
        elif self._timer is None:
            # The last move is drawn too, when there is time.
            self._timer = canvas.new_timer(interval=int(1000 * _APART))
            self._timer.single_shot = True
            self._timer.add_callback(self._draw)
            self._timer.start()

    def settle(self) -> None:
        """Draw the whole figure, when there is time."""
        self._stop_timer()
        self._background = None
        self._figure.canvas.draw_idle()

    def close(self) -> None:
        """Draw no more."""
        self._stop_timer()
        self._background = None
        self._figure.canvas.mpl_disconnect(self._connection)

    def _draw(self) -> None:
        self._stop_timer()
        start = time.monotonic()
        canvas: Any = self._figure.canvas
        renderer = canvas.get_renderer()
        place = (canvas, *self._figure.bbox.size, self._figure.dpi)
        if self._background is None or self._belongs_to != place:
            self._take_background(canvas, renderer)
            self._belongs_to = place
        canvas.restore_region(self._background)
        for artist in self._artists():
            artist.draw(renderer)
        canvas.blit(self._figure.bbox)
        end = time.monotonic()
        self._free_at = end + max(_APART, (end - start) * (1 / _SHARE - 1))

    def _take_background(self, canvas: Any, renderer: Any) -> None:
        # Animated artists are left out; titles that were hidden would lose their place.
        moving = [artist for artist in self._artists() if not artist.get_animated()]
        engine = self._figure.get_layout_engine()
        self._busy = True
        try:
            if engine is not None:
                # Nothing must move to where these artists leave room.
                self._figure.set_layout_engine("none")
            for artist in moving:
                artist.set_animated(True)
            renderer.clear()
            self._figure.draw(renderer)
        finally:
            for artist in moving:
                artist.set_animated(False)
            if engine is not None:
                self._figure.set_layout_engine(engine)
            self._busy = False
        self._background = canvas.copy_from_bbox(self._figure.bbox)

    def _drawn(self, event: Event) -> None:
        # Whatever was drawn, all of it may lie elsewhere now.
        if not self._busy:
            self._background = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None


def root_of(figure: FigureLike) -> Figure:
    """The figure that a part of a figure belongs to."""
    while not isinstance(figure, Figure):
        figure = figure.figure
    return figure
