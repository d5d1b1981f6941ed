"""The motif on its image before a search, as it was refined by it, and the tiles it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hyperspy_smartalign.gui.pictures.drawn import DrawnPicture
from hyperspy_smartalign.plotting.image import grey_limits, show_image
from hyperspy_smartalign.plotting.matches import ACCEPTED
from hyperspy_smartalign.plotting.style import SMALL
from hyperspy_smartalign.plotting.units import pixel_size
from hyperspy_smartalign.signals.motif.found import FoundMotif
from hyperspy_smartalign.signals.validating import units_of

Pixels = npt.NDArray[Any]
Pair = tuple[Any, Any]

#: Single tiles that are shown, in two rows.
_SINGLE = 6
#: Lazy tiles are cut anew when they are read: not more of them are averaged.
_MOST_LAZY = 200


@dataclass(frozen=True, eq=False)
class MotifPreview:
    """An image that will be searched, and the motif.

    Attributes
    ----------
    image : (h, w) array
    image_name : str
        Such as "frame 3".
    motif : (th, tw) array or None
    motif_name : str
        Where the motif comes from, such as "motif, of frame 0".
    region : (left, right, top, bottom) of int, or None
        Pixels of the image that the motif is, or that it is in another frame.
    of_this : bool
        Whether the motif comes from this image.
    """

    image: Pixels
    image_name: str
    motif: Pixels | None = None
    motif_name: str = ""
    region: tuple[int, ...] | None = None
    of_this: bool = True


class MotifPreviewPicture(DrawnPicture):
    """The image that will be searched, with the region of the motif, and the motif."""

    title = "Preview"

    def set_preview(self, preview: MotifPreview, scale: Pair, units: Pair) -> None:
        """Draw a preview; `scale` and `units` (y, x) are those of a pixel."""
        size = pixel_size(scale, units)

        def draw(figure: Figure) -> None:
            ratios = [1.0] if preview.motif is None else [2.2, 1.0]
            axes: Any = figure.subplots(1, len(ratios), squeeze=False, width_ratios=ratios)[0]
            show_image(
                axes[0],
                _real(preview.image),
                title=preview.image_name,
                scale=size,
                units=units,
                limits=grey_limits(preview.image),
            )
            if preview.region is not None:
                axes[0].add_patch(_outline(preview.region, solid=preview.of_this))
            if preview.motif is not None:
                show_image(
                    axes[1],
                    _real(preview.motif),
                    title=preview.motif_name,
                    scale=size,
                    units=units,
                    limits=grey_limits(preview.motif),
                )

        self.show(draw)


class StagesPicture(DrawnPicture):
    """The motif of each search, over the scores that it reached."""

    title = "Motif"

    def traits_init(self) -> None:
        self.say("Shows after a search how the motif was refined.")

    def set_found(self, found: FoundMotif) -> None:
        """Draw the stages of a search."""
        self.show(lambda figure: found.plot_motif(fig=figure))


@dataclass(frozen=True, eq=False)
class TileSample:
    """The average of tiles, and a few of them.

    Attributes
    ----------
    average : (h, w) array
    single : (k, h, w) array
        From the best score to the worst.
    scores : (k,) array
        Theirs.
    count, averaged : int
        Number of tiles, and how many of them were averaged.
    scale, units : (y, x)
        Size of a pixel.
    """

    average: Pixels
    single: Pixels
    scores: npt.NDArray[np.float64]
    count: int
    averaged: int
    scale: tuple[float, float]
    units: tuple[str, str]

    @classmethod
    def of(cls, tiles: BaseSignal) -> TileSample:
        """Of the tiles of template_match; of lazy ones only some are averaged."""
        scores = tiles.smartalign.matches.score
        order = np.argsort(-scores, kind="stable")
        n = len(scores)
        ranks = np.unique(np.linspace(0, n - 1, min(n, _SINGLE)).astype(int))
        chosen = order[ranks]
        averaged = n
        if tiles._lazy:
            part = np.unique(np.linspace(0, n - 1, min(n, _MOST_LAZY)).astype(int))
            averaged = len(part)
            stack = np.stack([np.asarray(tiles.data[i]) for i in part])
            seen = np.isfinite(stack)
            total = np.where(seen, stack, 0).sum(axis=0)
            average = total / np.where(seen.any(axis=0), seen.sum(axis=0), np.nan)
        else:
            average = np.asarray(tiles.smartalign.average().data)
        x, y = tiles.axes_manager.signal_axes
        return cls(
            average=average,
            single=np.stack([np.asarray(tiles.data[i]) for i in chosen]),
            scores=scores[chosen],
            count=n,
            averaged=averaged,
            scale=(float(y.scale), float(x.scale)),
            units=(units_of(y), units_of(x)),
        )


class TilesPicture(DrawnPicture):
    """The average of the tiles that were cut out, and a few of them."""

    title = "Tiles"

    def traits_init(self) -> None:
        self.say("Shows the tiles as soon as they are extracted.")

    def set_sample(self, sample: TileSample) -> None:
        """Draw tiles."""
        size = pixel_size(sample.scale, sample.units)

        def draw(figure: Figure) -> None:
            rows = 2 if len(sample.single) > 1 else 1
            columns = -(-len(sample.single) // rows)
            grid = figure.add_gridspec(rows, 1 + columns, width_ratios=[2.0] + columns * [1.0])
            all_of_them = f"{sample.count:,} tiles"
            if sample.averaged < sample.count:
                all_of_them = f"{sample.averaged:,} of {all_of_them}"
            calibration: dict[str, Any] = {"scale": size, "units": sample.units}
            show_image(
                figure.add_subplot(grid[:, 0]),
                sample.average,
                title=f"average of {all_of_them}",
                limits=grey_limits(sample.average),
                **calibration,
            )
            limits = grey_limits(sample.single)
            for k, (tile, score) in enumerate(zip(sample.single, sample.scores, strict=True)):
                ax = figure.add_subplot(grid[k // columns, 1 + k % columns])
                ax.imshow(
                    tile,
                    cmap="gray",
                    vmin=limits[0],
                    vmax=limits[1],
                    aspect=abs(size[0] / size[1]) if sample.units[0] == sample.units[1] else 1.0,
                )
                ax.set_axis_off()
                ax.set_title(f"score {score:.3g}", fontsize=SMALL)

        self.show(draw)


def _real(image: Pixels) -> Pixels:
    return image.astype(np.result_type(image.dtype, np.float32))


def _outline(region: tuple[int, ...], *, solid: bool) -> Rectangle:
    left, right, top, bottom = region
    return Rectangle(
        (left - 0.5, top - 0.5),
        right - left,
        bottom - top,
        fill=False,
        edgecolor=ACCEPTED,
        linewidth=1.6,
        linestyle="-" if solid else ":",
    )
