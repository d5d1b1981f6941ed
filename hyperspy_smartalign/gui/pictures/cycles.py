"""Cycles of a non-rigid registration, drawn as they end: convergence, and the running average."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import traits.api as t
from matplotlib.figure import Figure

from hyperspy_smartalign import plotting
from hyperspy_smartalign.gui.pictures.drawn import DrawnPicture
from hyperspy_smartalign.nonrigid.result import Cycle, CycleDone
from hyperspy_smartalign.plotting.average import power_limits
from hyperspy_smartalign.plotting.image import grey_limits, power_spectrum
from hyperspy_smartalign.plotting.style import TITLE
from hyperspy_smartalign.plotting.units import pixel_size

Pixels = npt.NDArray[np.floating]
Pair = tuple[Any, Any]

_NOTHING_YET = "Fills while the cycles run."


class ConvergencePicture(DrawnPicture):
    """Mean shift of every iteration, and what each cycle gained on data that were held out."""

    title = "Convergence"

    _cycles = t.Tuple()
    _target = t.Any()

    def traits_init(self) -> None:
        self.say(_NOTHING_YET)

    def begin(self, target: float | None) -> None:
        """Forget the cycles of an earlier run; `target` is where the last one is to end, px."""
        self._cycles, self._target = (), target
        self.say(_NOTHING_YET)

    def add(self, cycle: Cycle) -> None:
        """Draw one cycle more."""
        self.set_cycles((*self._cycles, cycle), self._target)

    def set_cycles(self, cycles: tuple[Cycle, ...], target: float | None) -> None:
        """Draw all the cycles of a run."""
        self._cycles, self._target = cycles, target
        if not cycles:
            self.say("No cycle was run.")
            return
        self.show(lambda figure: plotting.plot_convergence(cycles, target=target, fig=figure))


class RunningAveragePicture(DrawnPicture):
    """Average of the frames before the cycles, and after the last one that ended."""

    title = "Average"

    _before = t.Any()
    #: What is updated while cycles run; None before it was drawn.
    _live = t.Any()

    def traits_init(self) -> None:
        self.say(_NOTHING_YET)

    def begin(self) -> None:
        """Forget the average of an earlier run."""
        self._before = self._live = None
        self.say(_NOTHING_YET)

    def add(self, done: CycleDone, scale: Pair, units: Pair) -> None:
        """Draw what the frames add up to now.

        Parameters
        ----------
        done : CycleDone
            The first one holds the average before the cycles.
        scale, units : (y, x)
            Size of a pixel.
        """
        if done.average is None:
            return
        if self._before is None:
            self._before = done.average
        before, now = self._before, done.average
        words = "average before"
        if done.number > 0:
            words = f"average after cycle {done.number} of {done.total}"

        def draw(figure: Figure) -> None:
            if self._live is None:
                self._live = _LiveAverages(figure, before, now, scale, units, words)
            else:
                self._live.update(figure, now, words)

        self.show(draw)

    def _clear(self) -> None:
        # The images that follow the cycles stay, and only their pixels change.
        if self._live is None:
            super()._clear()
            self.figure.set_layout_engine("constrained")

    def set_averages(
        self,
        before: Pixels,
        after: Pixels,
        origin: tuple[int, int],
        scale: Pair,
        units: Pair,
        words: str = "average after",
    ) -> None:
        """Draw the averages before and after, `after` beginning at a pixel (y, x) of `before`."""

        self._live = None
        self.show(lambda figure: _draw_averages(figure, before, after, origin, scale, units, words))


def _draw_averages(
    figure: Figure,
    before: Pixels,
    after: Pixels,
    origin: tuple[int, int],
    scale: Pair,
    units: Pair,
    words: str,
) -> Any:
    """Draw both images over their power spectra; (2, 2) axes."""
    axes = plotting.plot_average(
        before,
        after,
        origin=origin,
        scale=scale,
        units=units,
        titles=("average before", words),
        fig=figure,
    )
    for ax in axes[1]:
        ax.set_title("power spectrum", fontsize=TITLE)
    return axes


class _LiveAverages:
    """Averages of which only the pixels change, as to draw all anew takes several times as long."""

    def __init__(
        self, figure: Figure, before: Pixels, now: Pixels, scale: Pair, units: Pair, words: str
    ) -> None:
        self.before = before
        self._calibration: dict[str, Any] = {"scale": pixel_size(scale, units), "units": units}
        self._spectrum = power_spectrum(before, **self._calibration)
        self._axes = _draw_averages(figure, before, now, (0, 0), scale, units, words)

    def update(self, figure: Figure, now: Pixels, words: str) -> None:
        """Show another average."""
        # The first drawing laid everything out.
        figure.set_layout_engine("none")
        spectrum = power_spectrum(now, **self._calibration)
        limits = grey_limits(self.before, now), power_limits(self._spectrum, spectrum)
        for row, pixels, limit in zip(self._axes, (now, spectrum.log_power), limits, strict=True):
            row[1].images[0].set_data(pixels)
            for ax in row:
                ax.images[0].set_clim(*limit)
        self._axes[0, 1].set_title(words, fontsize=TITLE)
