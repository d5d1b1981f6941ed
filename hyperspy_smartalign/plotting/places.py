"""The outline of a frame, on which places are marked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker

from hyperspy_smartalign.plotting.image import bar_and_label, grey_limits

# Of the marks on a frame; light colours are lost on white without it.
EDGE = "0.15"


def show_frame(ax: Axes, shape: tuple[int, int], image: npt.ArrayLike | None = None) -> None:
    """Draw the window of a frame, y pointing down, with its image where there is one.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    shape : (rows, columns)
        Of the frame.
    image : (rows, columns) array-like, optional
        Shown in faint greys, so that marks stand out.

    Raises
    ------
    ValueError
        The image has another shape.
    """
    rows, columns = shape
    if image is not None:
        picture = np.asarray(image, np.float64)
        if picture.shape != (rows, columns):
            raise ValueError(
                f"image has shape {picture.shape}, and the frames have {(rows, columns)}; give one "
                "frame."
            )
        low, high = grey_limits(picture)
        ax.imshow(picture, cmap="gray", vmin=low, vmax=high, alpha=0.4)
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])


def scale_bar_below(ax: Axes, shape: tuple[int, int], *, scale: float, units: str) -> None:
    """Put a scale bar of a round length under a frame, where it hides no mark.

    Parameters
    ----------
    ax : Axes
        Where the frame is.
    shape : (rows, columns)
        Of the frame.
    scale : float
        Width of a pixel in `units`.
    units : str
        Unit of lengths; where it is none, the bar is in pixels.
    """
    bar, label = bar_and_label(ax, shape, scale=scale, units=units, colour="black")
    ax.add_artist(
        AnchoredOffsetbox(
            loc="upper left",
            child=HPacker(children=[bar, label], align="center", pad=0, sep=4),
            pad=0.0,
            borderpad=0.4,
            frameon=False,
            bbox_to_anchor=(0.0, 0.0),
            bbox_transform=ax.transAxes,
        )
    )
