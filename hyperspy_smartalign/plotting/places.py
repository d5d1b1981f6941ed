"""The outline of a frame, on which places are marked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.image import grey_limits


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
