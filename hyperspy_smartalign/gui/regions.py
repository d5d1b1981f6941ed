"""The region of interest, drawn on HyperSpy's plot of the series."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from hyperspy_smartalign.gui.plotted import PlottedSignal

Region = tuple[float, float, float, float]

#: Part of the field of view that a new region covers along each axis.
_SHARE = 0.5


class RegionPicker:
    """A rectangle on the plot of a signal, in units of its axes.

    Parameters
    ----------
    plotted : PlottedSignal
    chosen : callable
        ``chosen((left, right, top, bottom))``, when the user moved it.
    gone : callable, optional
        ``gone()``, when it went with the plot, which was closed.
    colour : str
    """

    def __init__(
        self,
        plotted: PlottedSignal,
        chosen: Callable[[Region], None],
        gone: Callable[[], None] | None = None,
        *,
        colour: str = "red",
    ) -> None:
        self._plotted, self._chosen, self._colour = plotted, chosen, colour
        self._gone = gone
        self._roi: Any = None
        self._forget_plot: Callable[[], None] = _nothing
        self._quiet = False

    @property
    def region(self) -> Region | None:
        """The region, (left, right, top, bottom) in units of the axes."""
        if self._roi is None:
            return None
        return self._rounded(self._roi)

    def show(self, region: Any = None) -> None:
        """Put the rectangle at a region, by default in the middle, where it is not yet."""
        from hyperspy.api import roi as rois

        if self._roi is not None and not self._plotted.is_open:
            self.hide()
        sides = self._middle() if region is None else self._in_units(region)
        if self._roi is None:
            left, right, top, bottom = sides
            self._roi = rois.RectangularROI(left, top, right, bottom)
            self._roi.events.changed.connect(self._changed, [])
            self._plotted.add_roi(self._roi, self._colour)
            self._forget_plot = self._plotted.closed(self._plot_closed)
            if region is None:
                self._changed()
        elif sides != self.region:
            self._quiet = True
            try:
                self._move(*sides)
            finally:
                self._quiet = False

    def hide(self) -> None:
        """Take the rectangle off the plot."""
        if self._roi is not None:
            self._forget_plot()
            self._roi.events.changed.disconnect(self._changed)
            self._plotted.remove_roi(self._roi)
            self._roi = None

    close = hide

    def _plot_closed(self) -> None:
        self.hide()
        if self._gone is not None:
            self._gone()

    def _changed(self) -> None:
        if not self._quiet and self.region is not None:
            self._chosen(self.region)

    def _move(self, left: float, right: float, top: float, bottom: float) -> None:
        """Move the rectangle, whose sides may never cross on the way."""
        roi = self._roi
        roi.right, roi.bottom = max(roi.right, right), max(roi.bottom, bottom)
        roi.left, roi.top = left, top
        roi.right, roi.bottom = right, bottom

    def _middle(self) -> Region:
        sides: list[float] = []
        for axis in self._plotted.image_axes:
            ends = (axis.offset, axis.offset + axis.size * axis.scale)
            low, high = min(ends), max(ends)
            margin = (1 - _SHARE) / 2 * (high - low)
            sides += [low + margin, high - margin]
        return self._rounded(sides)

    def _rounded(self, sides: Iterable[float]) -> Region:
        """Sides within the frame, and with no more digits than a thousandth of a pixel needs."""
        x, y = self._plotted.image_axes
        rounded = []
        for axis, side in zip((x, x, y, y), sides, strict=True):
            ends = (axis.offset, axis.offset + axis.size * axis.scale)
            digits = max(0, 3 - math.floor(math.log10(abs(axis.scale))))
            inside = min(max(float(side), min(ends)), max(ends))
            rounded.append(round(inside, digits))
        left, right, top, bottom = rounded
        return left, right, top, bottom

    def _in_units(self, region: Any) -> Region:
        """Sides as values on the axes: int is an index, float a value."""
        x, y = self._plotted.image_axes
        sides = [
            float(axis.offset + axis.scale * side) if isinstance(side, int) else float(side)
            for axis, side in zip((x, x, y, y), region, strict=True)
        ]
        # Where an axis runs backwards, its first index has the higher value.
        columns, rows = sorted(sides[:2]), sorted(sides[2:])
        return self._rounded([*columns, *rows])


def _nothing() -> None:
    pass
