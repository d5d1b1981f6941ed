"""The part of the common frame that an output covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.transforms import Alignment, Canvas

Region = tuple[int, int, int, int]


def choose_canvas(
    shifts: npt.NDArray[np.float64],
    excluded: npt.NDArray[np.bool_],
    frame_shape: tuple[int, int],
    *,
    crop: bool,
    region: Region | None = None,
) -> Canvas:
    """Canvas of an aligned series.

    Parameters
    ----------
    shifts : (n, 2) float64
        Measured displacement (y, x) of each frame's content in pixels.
    excluded : (n,) bool
        Frames that have no say.
    frame_shape : (height, width)
        Shape of the frames in pixels.
    crop : bool
        True: the area common to all frames. False: all that any frame saw.
    region : (left, right, top, bottom) of int, optional
        Only this part of it, in pixels of the common frame.

    Returns
    -------
    Canvas

    Raises
    ------
    ValueError
        No pixel is left.
    """
    table = np.array(shifts)
    kept = table[~excluded] if not excluded.all() else table
    # Excluded frames stand where they neither shrink nor widen the area, so that the frames
    # which a message names keep their numbers.
    middle = kept[np.argmin(np.abs(kept - np.median(kept, axis=0)).max(axis=1))]
    table[excluded] = middle
    canvas = (Canvas.common if crop else Canvas.union)(table, frame_shape)
    if region is None:
        return canvas
    try:
        return canvas.intersect(Canvas.from_roi(*region))
    except ValueError:
        raise ValueError(
            f"No pixel of the roi (left, right, top, bottom) = {region} px was seen by all "
            f"frames: what they share are columns {canvas.left} to {canvas.right} and rows "
            f"{canvas.top} to {canvas.bottom}. Move the roi, exclude frames or use crop=False."
        ) from None


@dataclass(frozen=True)
class Window:
    """What the steps of an alignment say about the area of its output.

    Attributes
    ----------
    area : {"image", "roi"}
        Whether the output was the whole image or the region of interest.
    crop : bool or None
        Whether it was cropped to the common area; None where that is not known.
    region : (left, right, top, bottom) of int, or None
        The region of interest in pixels of the raw frames.
    """

    area: str = "image"
    crop: bool | None = None
    region: Region | None = None

    @classmethod
    def of_steps(cls, steps: Sequence[Mapping[str, Any]]) -> Self:
        """What the last of the steps that made pixels did."""
        window = cls()
        for step in steps:
            if step["name"] not in ("align_rigid", "apply_alignment"):
                continue
            parameters, results = step.get("parameters", {}), step.get("results", {})
            crop = parameters.get("crop", window.crop)
            window = replace(
                window,
                area=str(parameters.get("area", "image")),
                crop=None if crop is None else bool(crop),
            )
            if step["name"] == "align_rigid":
                window = replace(window, region=_region_of(results.get("region")))
        return window


def _region_of(sides: Any) -> Region | None:
    """Four whole numbers, whatever a file made of them."""
    if sides is None:
        return None
    left, right, top, bottom = (int(side) for side in sides)
    return left, right, top, bottom


def canvas_to_apply(alignment: Alignment, *, area: str, crop: bool | None) -> Canvas:
    """Canvas on which an alignment is applied to another series.

    Parameters
    ----------
    alignment : Alignment
        The alignment, with the steps that made it.
    area : {"image", "roi"}
        The whole image, or the region that the alignment was measured on.
    crop : bool or None
        As `choose_canvas`; None does as the alignment did.

    Returns
    -------
    Canvas
        That of the alignment, unless `area` or `crop` ask for another.

    Raises
    ------
    ParameterError
        The alignment has no region.
    ValueError
        No pixel is left, or the alignment is not made of shifts and another canvas is needed.
    """
    window = Window.of_steps(alignment.steps)
    if area == "roi" and window.region is None:
        raise ParameterError(
            "area='roi' needs an alignment that was found on a region, and this one was found "
            "on whole frames. Use area='image', or crop the result with .isig."
        )
    if area == window.area and crop in (None, window.crop):
        return alignment.canvas
    if not alignment.is_rigid:
        raise ValueError(
            f"The alignment is not made of shifts only, so area={area!r} and crop={crop} cannot "
            "be chosen anew. Leave them out."
        )
    return choose_canvas(
        alignment.shifts,
        alignment.excluded,
        alignment.frame_shape,
        crop=crop if crop is not None else window.crop is not False,
        region=window.region if area == "roi" else None,
    )
