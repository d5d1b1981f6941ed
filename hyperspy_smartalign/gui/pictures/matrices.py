"""Shift matrices that fill while pairs of frames are measured."""

from __future__ import annotations

import time

import numpy as np
import traits.api as t
from matplotlib.figure import Figure

from hyperspy_smartalign.gui.pictures.drawn import DrawnPicture
from hyperspy_smartalign.gui.pictures.panels import MatrixPanels
from hyperspy_smartalign.rigid.result import PairsMeasured, PairTable
from hyperspy_smartalign.transforms import Alignment

#: Six matrices need more room than other pictures have, inches.
_SIZE = (8.0, 5.2)
_NOTHING_YET = "Fills while pairs of frames are measured."
#: Least time from one drawing to the next while pairs come in, s.
_INTERVAL = 0.25
#: And in units of the time that drawing takes, so that the user interface stays free.
_REST = 3.0


class ShiftPicture(DrawnPicture):
    """Shift of every frame against every other, and how alike the two are."""

    title = "Shift matrices"

    def _figure_default(self) -> Figure:
        # The panels have fixed places, as to find them takes longer than all the rest.
        return Figure(figsize=_SIZE)

    _measured = t.Any()
    _live = t.Any()
    #: When it may be drawn again, by `time.monotonic`.
    _next = t.Float(0.0)

    def traits_init(self) -> None:
        self.say(_NOTHING_YET)

    def begin(self) -> None:
        """Forget the pairs of an earlier run."""
        self._measured, self._live = None, None
        self.say(_NOTHING_YET)

    def add(self, event: PairsMeasured) -> None:
        """Take pairs over that were just measured; drawn a few times a second."""
        if self._measured is None or self._measured.count != event.count:
            self._measured, self._live = MeasuredPairs(event.count), None
        self._measured.add(event)
        begun = time.monotonic()
        if begun >= self._next or self._measured.number >= event.total:
            self.show(self._draw_live)
            ended = time.monotonic()
            self._next = ended + max(_INTERVAL, _REST * (ended - begun))

    def set_result(self, alignment: Alignment, pairs: PairTable | None) -> None:
        """Draw the matrices of the solution, with rejected pairs marked."""
        self._measured, self._live = None, None
        self.show(lambda figure: MatrixPanels(figure, alignment.excluded).solve(alignment, pairs))

    def _clear(self) -> None:
        # The matrices that fill stay, and only their colours change.
        if self._live is None:
            super()._clear()

    def _draw_live(self, figure: Figure) -> None:
        measured = self._measured
        if self._live is None:
            self._live = MatrixPanels(figure, np.zeros(measured.count, bool))
        self._live.fill(measured.table())


class MeasuredPairs:
    """All pairs that were told until now; what was told last counts.

    Parameters
    ----------
    count : int
        Frames of the series.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._place: dict[int, int] = {}
        self._rows: list[tuple[float, float, float]] = []

    @property
    def number(self) -> int:
        """How many different pairs there are."""
        return len(self._rows)

    def add(self, event: PairsMeasured) -> None:
        """Take pairs over."""
        keys = event.indices[:, 0] * self.count + event.indices[:, 1]
        for key, shift, similarity in zip(
            keys.tolist(), event.shifts.tolist(), event.similarity.tolist(), strict=True
        ):
            row = (*shift, similarity)
            place = self._place.setdefault(key, len(self._rows))
            if place == len(self._rows):
                self._rows.append(row)
            else:
                self._rows[place] = row

    def table(self) -> PairTable:
        """The pairs; none is rejected yet."""
        keys = np.fromiter(self._place, np.intp, len(self._place))
        rows = np.array(self._rows, np.float64).reshape(-1, 3)
        indices = np.stack(np.divmod(keys, self.count), axis=1)
        return PairTable(indices, rows[:, :2], rows[:, 2], np.ones(len(keys), bool))
