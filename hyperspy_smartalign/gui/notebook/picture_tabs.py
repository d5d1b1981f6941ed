"""The pictures of a tool, one a tab; only the one in front is drawn and sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets

from hyperspy_smartalign.gui.notebook.links import Links
from hyperspy_smartalign.gui.notebook.ringing import running_loop
from hyperspy_smartalign.gui.pictures.picture import Picture

#: Time between two sendings of a picture, as a multiple of what one takes, so that drawing leaves
#: time for everything else.
_PAUSE = 2.0


class PicturePage:
    """A picture as a PNG image.

    Parameters
    ----------
    picture : Picture
    guarded : callable
        ``guarded(call)`` makes a call, and shows its error.
    links : Links
    """

    def __init__(
        self, picture: Picture, guarded: Callable[[Callable[[], None]], bool], links: Links
    ) -> None:
        self._picture, self._guarded = picture, guarded
        self.widget = ipywidgets.Image(
            format="png", layout=ipywidgets.Layout(max_width="100%", object_fit="contain")
        )
        self._stale = True
        self._waits = False
        self._cost, self._sent = 0.0, 0.0
        links.trait(picture, "changed", self._changed)
        links.trait(picture, "seen", self._send_soon)

    def _changed(self) -> None:
        self._stale = True
        self._send_soon()

    def _send_soon(self) -> None:
        if not (self._stale and self._picture.seen) or self._waits:
            return
        loop = running_loop()
        pause = self._sent + _PAUSE * self._cost - time.monotonic()
        if loop is None or pause <= 0:
            self._guarded(self._send)
            return
        self._waits = True
        loop.call_later(pause, self._guarded, self._send)

    def _send(self) -> None:
        self._waits = False
        # Meanwhile another tab may have come to the front, or the tool may be closed.
        if not (self._stale and self._picture.seen):
            return
        self._stale = False
        began = time.monotonic()
        self.widget.value = self._picture.png()
        self._sent = time.monotonic()
        self._cost = self._sent - began


class PictureTabs:
    """The pictures of a tool in tabs.

    Parameters
    ----------
    pictures : sequence of Picture
    pages : mapping of Picture to Widget
        Widgets that show a picture in another way than as an image.
    guarded : callable
        ``guarded(call)`` makes a call, and shows its error.
    links : Links

    Attributes
    ----------
    tab : Tab
    """

    def __init__(
        self,
        pictures: Sequence[Any],
        pages: Mapping[Picture, ipywidgets.DOMWidget],
        guarded: Callable[[Callable[[], None]], bool],
        links: Links,
    ) -> None:
        self._pictures, self._guarded = list(pictures), guarded
        self.tab = ipywidgets.Tab(
            [
                pages[picture] if picture in pages else PicturePage(picture, guarded, links).widget
                for picture in pictures
            ],
            titles=[picture.title for picture in pictures],
            selected_index=0 if pictures else None,
        )
        links.widget(self.tab, self.look, "selected_index")

    def look(self) -> None:
        """Tell the pictures which of them is seen."""
        front = self.tab.selected_index
        for number, picture in enumerate(self._pictures):
            if number != front:
                picture.seen = False
        if front is not None:
            self._guarded(lambda: self._pictures[front].trait_set(seen=True))

    def look_away(self) -> None:
        """No picture is seen any more."""
        for picture in self._pictures:
            picture.seen = False
