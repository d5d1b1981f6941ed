"""The part of the common frame that an output covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.signals.covering import common_canvas, union_canvas
from hyperspy_smartalign.transforms import Alignment, Canvas, Transform, Translation

Region = tuple[int, int, int, int]


def choose_canvas(
    transforms: Sequence[Transform],
    excluded: npt.NDArray[np.bool_],
    frame_shape: tuple[int, int],
    *,
    crop: bool,
    region: Region | None = None,
) -> Canvas:
    """Canvas of an aligned series.

    Parameters
    ----------
    transforms : sequence of Transform
        One a frame.
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
    placed = _in_the_middle(transforms, excluded, frame_shape)
    canvas: Canvas
    if all(isinstance(transform, Translation) for transform in placed):
        shifts = np.array([transform.mean(frame_shape) for transform in placed])
        canvas = (Canvas.common if crop else Canvas.union)(shifts, frame_shape)
    else:
        canvas = (common_canvas if crop else union_canvas)(placed, frame_shape)
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


def _in_the_middle(
    transforms: Sequence[Transform],
    excluded: npt.NDArray[np.bool_],
    frame_shape: tuple[int, int],
) -> Sequence[Transform]:
    """Transforms with those of excluded frames put where they neither shrink nor widen the area.

    They are not left out, so that the frames which a message names keep their numbers.
    """
    if excluded.all() or not excluded.any():
        return transforms
    kept = np.flatnonzero(~excluded).tolist()
    means = np.array([transforms[i].mean(frame_shape) for i in kept])
    middle = kept[int(np.abs(means - np.median(means, axis=0)).max(axis=1).argmin())]
    return [
        transforms[middle] if out else transform
        for transform, out in zip(transforms, excluded, strict=True)
    ]


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
            if step["name"] == "regrid":
                region = step.get("results", {}).get("region")
                window = replace(window, region=_region_of(region))
                continue
            if step["name"] not in ("align_rigid", "align_nonrigid", "apply_alignment"):
                continue
            parameters, results = step.get("parameters", {}), step.get("results", {})
            if step["name"] == "align_nonrigid":
                window = cls(*_area_of_nonrigid(parameters, results))
                continue
            crop = parameters.get("crop", window.crop)
            window = replace(
                window,
                area=str(parameters.get("area", "image")),
                crop=None if crop is None else bool(crop),
            )
            if step["name"] == "align_rigid":
                window = replace(window, region=_region_of(results.get("region")))
        return window


def _area_of_nonrigid(
    parameters: Mapping[str, Any], results: Mapping[str, Any]
) -> tuple[str, bool, Region | None]:
    """Fields of a `Window`. Where `crop` was a region, the results tell which."""
    region = _region_of(results.get("canvas_region"))
    if region is not None:
        return "roi", True, region
    return "image", bool(parameters.get("crop", True)), _region_of(results.get("region"))


def _region_of(sides: Any) -> Region | None:
    """Four whole numbers, whatever a file made of them."""
    if sides is None:
        return None
    try:
        left, right, top, bottom = (int(side) for side in sides)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"the region in the steps of the alignment is corrupt: {sides!r} are not four whole "
            "numbers. Align the series again."
        ) from error
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
        No pixel is left.
    """
    window = Window.of_steps(alignment.steps)
    if area == "roi" and window.region is None:
        raise ParameterError(
            "area='roi' needs an alignment that was found on a region, and this one was found "
            "on whole frames. Use area='image', or crop the result with .isig."
        )
    if area == window.area and crop in (None, window.crop):
        return alignment.canvas
    return choose_canvas(
        alignment.transforms,
        alignment.excluded,
        alignment.frame_shape,
        crop=crop if crop is not None else window.crop is not False,
        region=window.region if area == "roi" else None,
    )
