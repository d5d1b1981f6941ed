"""A frame before and after an alignment is applied, and what became of the signal."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from hyperspy_smartalign import plotting
from hyperspy_smartalign.gui.pictures.drawn import COMPUTING, DrawnPicture
from hyperspy_smartalign.gui.previews.applied import AppliedPreview
from hyperspy_smartalign.gui.previews.applied_result import AppliedResult, Looks
from hyperspy_smartalign.plotting.image import grey_limits, show_image
from hyperspy_smartalign.plotting.style import BLUE, GREY, ORANGE, SMALL, TITLE, small_ticks
from hyperspy_smartalign.plotting.units import pixel_size

Pixels = npt.NDArray[Any]
Pair = tuple[float, float]
Units = tuple[str, str]

#: The enlarged part of a frame: a share of its shorter side, and its least and largest side, px.
_SHARE, _LEAST, _MOST = 0.25, 16, 64
#: Behind pixels without a value.
_NOTHING = "0.8"


class AppliedPicture(DrawnPicture):
    """One frame before and after, whole and enlarged."""

    title = "Preview"

    def traits_init(self) -> None:
        self.say(COMPUTING)

    def set_preview(self, preview: AppliedPreview, scale: Pair, units: Units) -> None:
        """Draw a frame; `scale` and `units` (y, x) are those of its pixels."""
        size = pixel_size(scale, units)
        draw = _draw_tiles if preview.tiles else _draw_frame
        self.show(lambda figure: draw(figure, preview, size, units))


class AppliedResultPicture(DrawnPicture):
    """Images of the signal and of the result, and their spectra where they have any."""

    title = "Result"

    def traits_init(self) -> None:
        self.say("The result, when the work is done.")

    def set_result(self, result: AppliedResult) -> None:
        """Draw a result."""
        self.show(lambda figure: _draw_result(figure, result))


def _draw_frame(figure: Figure, preview: AppliedPreview, scale: Pair, units: Units) -> None:
    axes: Any = figure.subplots(2, 2)
    limits = grey_limits(np.asarray(preview.before, np.float64))
    after = _part(preview.after.shape, np.divide(preview.after.shape, 2))
    # The same place of the specimen, which lies elsewhere in the frame.
    centre = np.array([after[0] + after[1], after[2] + after[3]]) / 2 + preview.places[0]
    before = _part(preview.before.shape, centre, sides=(after[1] - after[0], after[3] - after[2]))
    for column, (image, part, title) in enumerate(
        ((preview.before, before, f"frame {preview.frame}"), (preview.after, after, "aligned"))
    ):
        top, bottom, left, right = part
        pixels = np.asarray(image, np.float64)
        _show(axes[0, column], pixels, title, scale, units, limits)
        axes[0, column].add_patch(
            Rectangle(
                (left - 0.5, top - 0.5),
                right - left,
                bottom - top,
                fill=False,
                edgecolor=ORANGE,
                linewidth=1.2,
            )
        )
        enlarged = pixels[top:bottom, left:right]
        _show(axes[1, column], enlarged, "enlarged", scale, units, limits)
        axes[1, column].spines[:].set(color=ORANGE, linewidth=1.5)


def _part(
    shape: tuple[int, ...], centre: Any, *, sides: tuple[int, int] | None = None
) -> tuple[int, int, int, int]:
    """The part (top, bottom, left, right) of an image about a place, all of it inside."""
    if sides is None:
        side = int(np.clip(_SHARE * min(shape), _LEAST, _MOST))
        sides = min(side, shape[0]), min(side, shape[1])
    ends: list[int] = []
    for size, side, middle in zip(shape, sides, centre, strict=True):
        side = min(side, size)
        first = int(np.clip(round(float(middle) - side / 2), 0, size - side))
        ends += [first, first + side]
    top, bottom, left, right = ends
    return top, bottom, left, right


def _draw_tiles(figure: Figure, preview: AppliedPreview, scale: Pair, units: Units) -> None:
    left, right = figure.subplots(1, 2)
    before, after = (np.asarray(p, np.float64) for p in (preview.before, preview.after))
    count = len(preview.places)
    words = "1 tile" if count == 1 else f"{count} tiles"
    _show(left, before, f"frame {preview.frame}, {words}", scale, units, grey_limits(before))
    left.plot(
        preview.places[:, 1], preview.places[:, 0], linestyle="none", marker="+", color=ORANGE
    )
    # Pixels of tiles may be smaller; how much so says their table, and not the frame.
    _show(right, after, "their mean", (1.0, 1.0), ("px", "px"), grey_limits(after))


def _draw_result(figure: Figure, result: AppliedResult) -> None:
    scale, units = pixel_size(result.scale, result.units), result.units
    if result.after.channels is None:
        if result.before is not None:
            plotting.plot_average(
                result.before.image,
                result.after.image,
                origin=result.origin,
                scale=scale,
                units=units,
                fig=figure,
            )
        else:
            ax = figure.subplots()
            _show(
                ax,
                result.after.image,
                "average of the result",
                scale,
                units,
                grey_limits(result.after.image),
            )
        return
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.2, 1.0))
    above, below = parts
    looks: list[tuple[str, Looks]] = [("after", result.after)]
    if result.before is not None:
        looks.insert(0, ("before", result.before))
    axes: Any = above.subplots(1, len(looks), squeeze=False)
    for ax, (words, look) in zip(axes[0], looks, strict=True):
        _show(ax, look.image, words, scale, units, grey_limits(look.image))
    _draw_channels(below, looks, result)


def _draw_channels(
    figure: SubFigure, looks: list[tuple[str, Looks]], result: AppliedResult
) -> None:
    """Spectra in one panel, or patterns side by side."""
    if result.axis is None:
        axes: Any = figure.subplots(1, len(looks), squeeze=False)
        for ax, (words, look) in zip(axes[0], looks, strict=True):
            pattern = np.asarray(look.channels)
            _show(ax, pattern, f"{words}: pattern", (1, 1), ("px", "px"), grey_limits(pattern))
        return
    ax = figure.subplots()
    for words, look in looks:
        colour, width = (GREY, 2.5) if words == "before" else (BLUE, 1.0)
        channels = np.asarray(look.channels)
        ax.plot(result.axis, channels, label=words, color=colour, linewidth=width)
    ax.set_title("mean spectrum of a pixel and frame", fontsize=TITLE)
    ax.set_xlabel(result.label, fontsize=SMALL + 1)
    ax.set_ylabel("intensity", fontsize=SMALL + 1)
    ax.margins(x=0)
    if len(looks) > 1:
        ax.legend(fontsize=SMALL)
    small_ticks(ax)


def _show(ax: Axes, image: Pixels, title: str, scale: Pair, units: Units, limits: Pair) -> None:
    show_image(ax, image, title=title, scale=scale, units=units, limits=limits)
    ax.set_facecolor(_NOTHING)
