"""The motif to search for: a region of the image, another image, or an array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.roi import BaseROI, RectangularROI
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.motif import noise_floor, score_map
from hyperspy_smartalign.rigid.store import FrameSource
from hyperspy_smartalign.signals.calibrating import conversion
from hyperspy_smartalign.signals.cropping import Region
from hyperspy_smartalign.signals.motif.straining import unit_cell
from hyperspy_smartalign.signals.validating import (
    Layout,
    NotASeriesError,
    region_in_pixels,
    units_of,
)

# Least sides of a motif in pixels.
SMALLEST_MOTIF = 4
# Share by which pixel sizes may differ; over a motif of 50 px that is half a pixel.
_TOLERANCE = 0.01
# Scores of inverted contrast that are larger by this factor say that it is inverted.
_INVERTED = 1.15
_FORMS = (
    "Give a hs.roi.RectangularROI or (left, right, top, bottom), each an int (index) or a float "
    '(value on the axis), an image (Signal2D), a 2-D array, or "unit cell".'
)
UNIT_CELL = "unit cell"


@dataclass(frozen=True)
class Template:
    """What the user gave as the motif.

    Attributes
    ----------
    region : (left, right, top, bottom) of int, or None
        Pixels of the image, where it is a region of it.
    pixels : (h, w) array or None
        The motif, where it is not.
    told : mapping
        How it is recorded.
    messages : tuple of str
        What the user should know.
    """

    region: Region | None
    pixels: npt.NDArray[Any] | None
    told: Mapping[str, Any]
    messages: tuple[str, ...] = ()


def template_of(signal: BaseSignal, layout: Layout, template: Any) -> Template:
    """Find out what the motif is.

    Parameters
    ----------
    signal : Signal2D
        The image or series that is searched.
    layout : Layout
        Its layout.
    template : RectangularROI, (left, right, top, bottom), Signal2D, 2-D array or "unit cell"
        What the user gave. The pixel size of an image must be that of the signal within 1 %. The
        unit cell is that of the lattice of the image.

    Raises
    ------
    TypeError
        It is none of these.
    ValueError
        The region lies partly outside the image, the image is not one image, its pixels have
        another size, the array is not two-dimensional, or there is no lattice.
    """
    if isinstance(template, str) and template == UNIT_CELL:
        template = unit_cell(signal)
    if isinstance(template, BaseSignal):
        return _of_image(template, layout)
    sides = _sides(template)
    if sides is not None:
        region = region_in_pixels(signal, sides, name="template", smallest=SMALLEST_MOTIF)
        left, right, top, bottom = region
        names = ("left", "right", "top", "bottom")
        return Template((left, right, top, bottom), None, dict(zip(names, region, strict=True)))
    try:
        pixels = np.asarray(template)
    except ValueError:
        pixels = np.empty(0, object)
    if pixels.dtype.kind not in "biufc" or pixels.ndim == 0:
        raise TypeError(f"{type(template).__name__} is no motif. {_FORMS}")
    if pixels.ndim != 2:
        raise ValueError(f"template has shape {pixels.shape}, which is no image. {_FORMS}")
    return Template(None, pixels, {"array": list(pixels.shape)})


def _sides(template: Any) -> list[int | float] | None:
    """The four sides of a region, None for anything else."""
    if isinstance(template, BaseROI) and not isinstance(template, RectangularROI):
        raise TypeError(f"A {type(template).__name__} is no motif. {_FORMS}")
    try:
        sides = [*template]
    except TypeError:
        return None
    if len(sides) != 4 or any(np.ndim(side) for side in sides):
        return None
    try:
        return [int(n) if isinstance(n, int | np.integer) else float(n) for n in sides]
    except (TypeError, ValueError):
        raise TypeError(f"template={template!r} has sides that are no numbers. {_FORMS}") from None


def _of_image(template: BaseSignal, layout: Layout) -> Template:
    manager = template.axes_manager
    if manager.signal_dimension != 2 or manager.navigation_size > 1:
        raise NotASeriesError(
            f"The template {template!r} is not one image. Take one of several with "
            "template.inav[0], or their average with template.smartalign.average()."
        )
    pixels = np.asarray(template.data).reshape(template.data.shape[-2:])
    x, y = manager.signal_axes
    messages: list[str] = []
    factors: dict[str, float] = {}
    for axis, scale, units in zip((y, x), layout.scale, layout.units, strict=True):
        own = units_of(axis)
        if not axis.is_uniform:
            raise NotImplementedError(
                f"Axis {axis.name} of the template is not uniform. Make it uniform first with "
                f"template.interpolate_on_axis('uniform', '{axis.name}')."
            )
        factor = conversion(own, units)
        if "px" in (own, units) and own != units:
            messages = [
                f"The pixel size of the template (in {own}) cannot be compared with that of the "
                f"image (in {units}), so they are taken as equal. Calibrate both to be sure."
            ]
        elif factor is None:
            raise ValueError(
                f"The template is in {own} and the image in {units}, which is not the same kind "
                "of unit. Correct the units of the signal axes."
            )
        else:
            # One that is uncalibrated has pixels of 1 px.
            factors[str(axis.name)] = abs(axis.scale * factor / scale)
    if any(abs(factor - 1) > _TOLERANCE for factor in factors.values()):
        _refuse(template, list(factors.values()))
    told = {"image": str(template.metadata.General.title), "shape": list(pixels.shape)}
    return Template(None, pixels, told, tuple(messages))


def _refuse(template: BaseSignal, factors: list[float]) -> None:
    """Say how the template gets pixels of the right size."""
    height, width = template.data.shape[-2:]
    shape = tuple(
        max(1, round(n * factor)) for n, factor in zip((width, height), factors[::-1], strict=True)
    )
    raise ValueError(
        "The pixels of the template are "
        + " and ".join(f"{factor:.4g}" for factor in dict.fromkeys(factors))
        + " times as large as those of the image, and must be equal within 1 %. Resample the "
        f"template with template.rebin(new_shape={shape}), or a series with "
        f"signal.smartalign.prepare(resample={1 / factors[0]:.4g})."
    )


def inverted(searched: FrameSource | npt.NDArray[Any], motif: npt.NDArray[Any]) -> list[str]:
    """What to say where a motif from outside has the contrast of another detector.

    Parameters
    ----------
    searched : FrameSource or (h, w) array
        What is searched; its first frame is looked at.
    motif : (h, w) array
        The motif.
    """
    frame = searched if isinstance(searched, np.ndarray) else searched.frame(0)
    scores = score_map(frame, motif).values
    seen = scores[np.isfinite(scores)]
    best, worst = float(seen.max(initial=0.0)), float(seen.min(initial=0.0))
    if -worst < _INVERTED * best or -worst < noise_floor(np.size(motif), scores.size):
        return []
    return [
        f"The motif fits better with inverted contrast (score {worst:.2f} against {best:.2f}), as "
        "when one image is bright field and the other dark field. Give its negative: "
        "image.template_match(-template)."
    ]
