"""A frame before and after preparation, and how the prepared series was scanned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hyperspy_smartalign.gui.pictures.drawn import COMPUTING, DrawnPicture
from hyperspy_smartalign.plotting.image import grey_limits, show_image
from hyperspy_smartalign.plotting.style import (
    BLUE,
    GREY,
    SMALL,
    TITLE,
    VERMILION,
    small_ticks,
    whole_numbers,
)
from hyperspy_smartalign.series.geometry import ScanGeometry

Pair = tuple[float, float]

#: Scan lines of the sketch of a frame.
_LINES = 5


@dataclass(frozen=True)
class ShownFrame:
    """An image and its calibration.

    Attributes
    ----------
    image : (h, w) array
    title : str
    scale, units : (y, x)
    """

    image: npt.NDArray[np.float64]
    title: str
    scale: Pair
    units: tuple[str, str]


class BeforeAfterPicture(DrawnPicture):
    """A frame as it is, and as it is prepared."""

    title = "Before and after"

    def traits_init(self) -> None:
        self.say(COMPUTING)

    def set_frames(self, before: ShownFrame, after: ShownFrame | None, words: str) -> None:
        """Draw a frame before and after; without `after`, words say why there is none."""

        def draw(figure: Figure) -> None:
            axes: list[Axes] = list(figure.subplots(1, 2))
            for ax, shown in zip(axes, (before, after), strict=True):
                if shown is None:
                    ax.set_axis_off()
                    ax.text(0.5, 0.5, words, ha="center", va="center", wrap=True, color=GREY)
                    continue
                limits = grey_limits(shown.image)
                show_image(
                    ax,
                    shown.image,
                    title=shown.title,
                    limits=limits,
                    scale=shown.scale,
                    units=shown.units,
                )
            if after is not None and words:
                figure.suptitle(words, fontsize=SMALL + 1)

        self.show(draw)


class ScanPicture(DrawnPicture):
    """Which frames are kept and in what order, their scan rotations, and their scan lines."""

    title = "Scan"

    def set_scan(
        self, kept: npt.NDArray[np.intp], count: int, geometry: ScanGeometry | None, frame: int
    ) -> None:
        """Draw the scan of a prepared series.

        Parameters
        ----------
        kept : (m,) int
            Frames of the series before that are kept, in their new order.
        count : int
            Frames of the series before.
        geometry : ScanGeometry or None
            Of the frames that are kept; None where it is not known.
        frame : int
            Frame before whose scan lines are sketched.
        """
        place = np.flatnonzero(kept == frame)

        def draw(figure: Figure) -> None:
            order, rotation, sketch = _panels(figure)
            _draw_order(order, kept, count, frame)
            _draw_rotations(rotation, kept, geometry)
            if not place.size:
                _say(sketch, f"Frame {frame} is left out.")
            elif geometry is None:
                _say(sketch, "The scan geometry is not known.")
            else:
                _draw_lines(sketch, geometry, int(place[0]))

        self.show(draw)


def _panels(figure: Figure) -> tuple[Axes, Axes, Axes]:
    grid = figure.add_gridspec(2, 2)
    return (
        figure.add_subplot(grid[0, 0]),
        figure.add_subplot(grid[1, 0]),
        figure.add_subplot(grid[:, 1]),
    )


def _draw_order(ax: Axes, kept: npt.NDArray[np.intp], count: int, frame: int) -> None:
    left_out = np.setdiff1d(np.arange(count), kept)
    ax.plot(kept, np.arange(len(kept)), "o", color=BLUE, markersize=4, label="kept")
    if left_out.size:
        ax.plot(left_out, np.zeros(left_out.size), "x", color=GREY, label="left out")
        ax.legend(fontsize=SMALL)
    ax.axvline(frame, color=VERMILION, linewidth=0.8)
    ax.set_title(f"{len(kept)} of {count} frames kept", fontsize=TITLE)
    ax.set_xlabel("frame of this series", fontsize=SMALL)
    ax.set_ylabel("frame of the result", fontsize=SMALL)
    _of_frames(ax, count, len(kept))


def _draw_rotations(ax: Axes, kept: npt.NDArray[np.intp], geometry: ScanGeometry | None) -> None:
    ax.set_title("scan rotation", fontsize=TITLE)
    if geometry is None:
        _say(ax, "not known")
        return
    angles = geometry.for_frames(len(kept)).rotation
    ax.plot(angles, "o", color=BLUE, markersize=4)
    ax.set_ylim(-15, 375)
    ax.set_yticks([0, 90, 180, 270, 360])
    ax.set_ylabel("degrees", fontsize=SMALL)
    ax.set_xlabel("frame of the result", fontsize=SMALL)
    ax.set_xlim(-0.5, len(kept) - 0.5)
    whole_numbers(ax, y=False)
    small_ticks(ax)


def _draw_lines(ax: Axes, geometry: ScanGeometry, place: int) -> None:
    """Sketch the scan lines of a frame: where they start, and where the next one follows."""
    angle = geometry.for_frames(place + 1 if not geometry.frame_numbers else len(
        geometry.frame_numbers
    )).rotation[place]  # fmt: skip
    ax.add_patch(Rectangle((-1, -1), 2, 2, fill=False, edgecolor=GREY))
    turn = np.deg2rad(angle)
    # Unturned: fast along +x and slow along +y, or the two the other way round.
    along = np.array([[1.0, 0.0], [0.0, 1.0]])
    if geometry.fast_direction == "vertical":
        along = along[::-1]
    turned = along @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    fast, slow = turned
    reach = 0.8 / max(np.abs(fast).sum(), 1.0)
    for step in np.linspace(-reach, reach, _LINES):
        ax.annotate(
            "",
            xy=tuple(slow * step + fast * reach),
            xytext=tuple(slow * step - fast * reach),
            arrowprops={"arrowstyle": "->", "color": BLUE},
        )
    ax.plot(*(-(slow + fast) * reach), "o", color=VERMILION, label="first pixel")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, -0.14), fontsize=SMALL, frameon=False)
    ax.set_xlim(-1.05, 1.05)
    # y points down, as in the frames.
    ax.set_ylim(1.05, -1.05)
    ax.set_aspect("equal")
    ax.set_axis_off()
    time = "" if geometry.line_time is None else f", {geometry.line_time * 1e3:.4g} ms a line"
    words = f"scan lines of frame {place} of the result\n{angle:g}°{time}"
    ax.set_title(words, fontsize=TITLE)


def _of_frames(ax: Axes, columns: int, rows: int) -> None:
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(-0.5, max(rows, 2) - 0.5)
    whole_numbers(ax)
    small_ticks(ax)


def _say(ax: Axes, words: str) -> None:
    ax.set_axis_off()
    ax.text(0.5, 0.5, words, ha="center", va="center", color=GREY, transform=ax.transAxes)
