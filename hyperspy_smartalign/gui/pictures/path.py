"""The drift of the frames, once it is known."""

from __future__ import annotations

from hyperspy_smartalign import plotting
from hyperspy_smartalign.gui.pictures.drawn import DrawnPicture
from hyperspy_smartalign.transforms import Alignment


class DriftPicture(DrawnPicture):
    """Path of the drift, its components against time with error bars, and its rate."""

    title = "Drift"

    def traits_init(self) -> None:
        self.say("The drift, when the work is done.")

    def set_alignment(self, alignment: Alignment) -> None:
        """Draw the drift of an alignment."""
        self.show(lambda figure: plotting.plot_drift(alignment, fig=figure))
