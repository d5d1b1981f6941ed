"""The correlation of two frames, as the registration would measure it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hyperspy_smartalign.gui.pictures.drawn import COMPUTING, DrawnPicture
from hyperspy_smartalign.plotting.image import grey_limits, show_image
from hyperspy_smartalign.plotting.style import SEQUENTIAL, SMALL, TITLE, VERMILION, small_ticks
from hyperspy_smartalign.plotting.units import is_calibrated, readable
from hyperspy_smartalign.rigid.preview import PairPreview

Region = tuple[int, int, int, int]
Pair = tuple[float, float]


@dataclass(frozen=True)
class ShownPair:
    """Two frames and what their correlation says.

    Attributes
    ----------
    first, second : int
        Numbers of the frames.
    image : (h, w) array
        The first frame as it is.
    region : (left, right, top, bottom) or None
        Part of it that is correlated, in pixels.
    preview : PairPreview
        Of that part.
    scale : (y, x)
        Size of a pixel.
    units : (y, x)
        Its units.
    """

    first: int
    second: int
    image: npt.NDArray[Any]
    region: Region | None
    preview: PairPreview
    scale: Pair
    units: tuple[str, str]

    @property
    def words(self) -> str:
        """The shift in words, also in units where the frames are calibrated."""
        if not np.isfinite(self.preview.shift).all():
            return f"Frames {self.first} and {self.second} have no maximum\nin common."
        lines = [f"Frame {self.first} is shifted against {self.second} by"]
        for name, pixels, size, unit in zip(
            "yx", self.preview.shift, self.scale, self.units, strict=True
        ):
            # Adding 0 makes -0.00 a 0.00.
            line = f"    {name}  {round(pixels, 2) + 0.0:+.2f} px"
            if is_calibrated(unit):
                factor, shown = readable(abs(pixels * size), unit)
                line += f"  ({pixels * abs(size) * factor:+.3g} {shown})"
            lines.append(line)
        return "\n".join([*lines, f"Similarity  {self.preview.similarity:.2f}"])


class PairPicture(DrawnPicture):
    """A frame, what the estimation sees of it, and its correlation with the next frame."""

    title = "Preview"

    def traits_init(self) -> None:
        self.say(COMPUTING)

    def set_pair(self, pair: ShownPair) -> None:
        """Draw a pair of frames."""
        self.show(lambda figure: draw_pair(figure, pair))


def draw_pair(figure: Figure, pair: ShownPair) -> None:
    """Draw the frame, its filtered and windowed part, and the correlation."""
    (left, middle), (right, words) = figure.subplots(2, 2)
    calibration: dict[str, Any] = {"scale": pair.scale, "units": pair.units}
    image = np.asarray(pair.image, np.float64)
    show_image(left, image, title=f"frame {pair.first}", limits=grey_limits(image), **calibration)
    if pair.region is not None:
        start, stop, top, bottom = pair.region
        corner = (start - 0.5, top - 0.5)
        left.add_patch(
            Rectangle(corner, stop - start, bottom - top, fill=False, edgecolor="red", linewidth=1)
        )
    windowed = np.asarray(pair.preview.windowed, np.float64)
    title = "filtered and windowed"
    show_image(middle, windowed, title=title, limits=grey_limits(windowed), **calibration)
    _draw_correlation(right, pair)
    words.set_axis_off()
    words.text(0.0, 0.5, pair.words, va="center", fontsize=TITLE, linespacing=1.6)


def _draw_correlation(ax: Axes, pair: ShownPair) -> None:
    correlation, (dy, dx) = pair.preview.correlation, pair.preview.step
    rows, columns = correlation.shape
    # Zero shift is the pixel in the middle, as fftshift puts it.
    low_y, low_x = -(rows // 2) * dy, -(columns // 2) * dx
    extent = (
        low_x - dx / 2,
        low_x + (columns - 0.5) * dx,
        low_y + (rows - 0.5) * dy,
        low_y - dy / 2,
    )
    finite = correlation[np.isfinite(correlation)]
    low, high = np.quantile(finite, (0.001, 1.0)) if finite.size else (0.0, 1.0)
    ax.imshow(correlation, cmap=SEQUENTIAL, extent=extent, vmin=low, vmax=high)
    y, x = pair.preview.shift
    ring: dict[str, Any] = {"markersize": 11, "markerfacecolor": "none", "markeredgewidth": 1.5}
    ax.plot([x], [y], marker="o", markeredgecolor=VERMILION, **ring)
    ax.set_xlim(extent[:2])
    ax.set_ylim(extent[2:])
    ax.set_title(f"correlation with frame {pair.second}", fontsize=TITLE)
    ax.set_xlabel("shift along x (px)", fontsize=SMALL)
    ax.set_ylabel("shift along y (px)", fontsize=SMALL)
    small_ticks(ax)
