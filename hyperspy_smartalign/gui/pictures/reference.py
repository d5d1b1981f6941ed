"""A frame beside what the non-rigid registration will compare it with."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hyperspy_smartalign.gui.pictures.drawn import COMPUTING, DrawnPicture
from hyperspy_smartalign.nonrigid.preview import ReferencePreview
from hyperspy_smartalign.plotting.image import grey_limits, show_image
from hyperspy_smartalign.plotting.style import SMALL
from hyperspy_smartalign.plotting.units import pixel_size
from hyperspy_smartalign.series.checks import listed

#: Numbers of frames that are all named in a title.
_MOST_NAMED = 4


class ReferencePicture(DrawnPicture):
    """One frame, and the reference of the first cycle."""

    title = "Preview"

    def traits_init(self) -> None:
        self.say(COMPUTING)

    def set_preview(
        self,
        preview: ReferencePreview,
        frame: int,
        scale: tuple[float, float],
        units: tuple[str, str],
    ) -> None:
        """Draw a preview of a frame; `scale` and `units` (y, x) are those of a pixel."""

        def draw(figure: Figure) -> None:
            axes: Any = figure.subplots(1, 2)
            titles = f"frame {frame}", f"compared with {_words(preview)}"
            images = preview.frame, preview.reference
            limits = grey_limits(*images)
            for ax, image, title in zip(axes, images, titles, strict=True):
                show_image(
                    ax,
                    image,
                    title=title,
                    scale=pixel_size(scale, units),
                    units=units,
                    limits=limits,
                )
                ax.set_facecolor("0.8")
            if np.isfinite(preview.similarity):
                figure.supxlabel(
                    f"correlation {preview.similarity:.3f}, noise included", fontsize=SMALL + 1
                )

        self.show(draw)


def _words(preview: ReferencePreview) -> str:
    """What the reference is made of."""
    members = preview.members
    if len(members) == 1:
        return f"frame {members[0]}"
    if len(members) < preview.others:
        return f"{len(members)} of {preview.others} others"
    if len(members) <= _MOST_NAMED:
        return f"the mean of {listed(members)}"
    return f"the mean of {len(members)} others"
