"""What a non-rigid registration found inside one frame."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from hyperspy_smartalign import plotting
from hyperspy_smartalign.gui.pictures.drawn import DrawnPicture
from hyperspy_smartalign.nonrigid.record import NonrigidRecord
from hyperspy_smartalign.transforms import Alignment, ScanLine, Translation

#: Inches; the key of the arrows lies below their axes, where the layout does not look.
_SIZE, _PAD = (7.2, 5.8), 0.14


class DisplacementPicture(DrawnPicture):
    """Offsets of the scan lines of a frame, or the displacement of its pixels."""

    title = "Displacement"

    def _figure_default(self) -> Figure:
        figure = Figure(figsize=_SIZE)
        figure.set_layout_engine("constrained", h_pad=_PAD)
        return figure

    def traits_init(self) -> None:
        self.say("What is found inside the frames, once it is found.")

    def set_frame(
        self, alignment: Alignment, record: NonrigidRecord, frame: int, image: Any = None
    ) -> None:
        """Draw the distortion of a frame, over an image of the canvas where there is one."""
        transform = alignment.transforms[frame]
        if alignment.excluded[frame]:
            self.say(f"Frame {frame} took no part: {alignment.exclusion_reasons[frame]}.")
        elif isinstance(transform, Translation):
            y, x = alignment.shifts[frame]
            self.say(f"Frame {frame} is shifted by y {y:.2f}, x {x:.2f} px, and not distorted.")
        elif isinstance(transform, ScanLine):
            self.show(
                lambda figure: plotting.plot_row_offsets(
                    alignment,
                    line_errors=record.line_errors,
                    prior=record.prior,
                    frames=[frame],
                    fig=figure,
                )
            )
        else:
            self.show(lambda figure: _draw_displacement(figure, alignment, frame, image))


def _draw_displacement(figure: Figure, alignment: Alignment, frame: int, image: Any) -> None:
    """Maps of y and x above, and arrows below, as three in a row are too small for a tool."""
    axes = figure.subplot_mosaic([["y", "x"], ["arrows", "arrows"]])
    plotting.plot_displacement(
        alignment, frame, image=image, axes=[axes["y"], axes["x"], axes["arrows"]]
    )
