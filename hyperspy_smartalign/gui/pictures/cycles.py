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
from hyperspy_smartalign.plotting.style import TITLE

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

    def traits_init(self) -> None:
        self.say(_NOTHING_YET)

    def begin(self) -> None:
        """Forget the average of an earlier run."""
        self._before = None
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
        self.set_averages(before, now, (0, 0), scale, units, words)

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

        def draw(figure: Figure) -> None:
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

        self.show(draw)
