"""An alignment carried over to a series with other pixels of the same scan.

A survey image and a spectrum image show one area on different grids. Which pixel of one lies on
which of the other follows from the calibration of the image axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.signals.calibrating import conversion
from hyperspy_smartalign.signals.covering import seen_by
from hyperspy_smartalign.signals.cropping import Window, choose_canvas
from hyperspy_smartalign.signals.validating import Layout
from hyperspy_smartalign.transforms import Alignment, AlignmentMismatchError, Canvas

# Units that say that there are none.
_NO_UNITS = ("px", "", "<undefined>")
# Two grids cover one area if it ends within this part of the coarser pixel, and begins within
# one such pixel: programs put the origin on the edge or on the middle of the first pixel.
_END = 0.5
_BEGIN = 1.0
_ROUNDING = 1e-6
_NAMES = "y", "x"


def carried_to(alignment: Alignment, layout: Layout) -> Alignment:
    """The alignment in pixels of a series that was recorded by the same scan on another grid.

    Parameters
    ----------
    alignment : Alignment
        Found on one series.
    layout : Layout
        That of the series to which it is to be applied.

    Returns
    -------
    Alignment
        The alignment itself where the frames have the same number of pixels; whether these have
        the same size is for `matching.check_fits` to say. Otherwise that of
        `Alignment.regridded`, for the calibration of the layout. If all frames saw the whole
        canvas before, so they do afterwards.

    Raises
    ------
    AlignmentMismatchError
        The calibrations do not tell where the pixels lie, or say that the frames show different
        areas.
    ValueError
        No pixel is left that all frames saw.

    Notes
    -----
    Along an axis on which both frames have the same extent, to half a pixel of the coarser one,
    their outer edges are put on each other, whatever the units. This holds for programs that
    calibrate the edge of the first pixel, as DigitalMicrograph does, and for HyperSpy's rebin.
    Along any other axis the coordinates of the middles of the pixels decide.

    Offsets of scan lines are averaged over the lines that a pixel of the coarser grid covers.
    This is right for binned data, and not where the probe went over a fine grid inside each
    coarse pixel in turn, as in sub-pixel scanning: lines of the fine grid were not scanned one
    after the other then.
    """
    if layout.frame_shape == alignment.frame_shape:
        return alignment
    alignment.check_applies_to(layout.series_shape, alignment.frame_shape)
    step, start = _relation(alignment, layout)
    _check_overlap(alignment, layout, step, start)
    try:
        carried = alignment.regridded(
            step,
            start,
            frame_shape=layout.frame_shape,
            frame_scale=layout.scale,
            frame_offset=layout.offset,
            frame_units=layout.units,
        )
    except ValueError as error:
        raise _refusal(
            alignment,
            layout,
            str(error),
            "Keep more of the common frame when aligning, with crop=False",
        ) from error
    carried = _with_region(alignment, carried, step, start)
    return carried.with_canvas(_seen_canvas(alignment, carried, layout))


@dataclass(frozen=True)
class _Axis:
    """One axis of an image: number of pixels, their size, coordinate of the first, units."""

    size: int
    scale: float
    offset: float
    units: str

    @property
    def bare(self) -> bool:
        """True without units."""
        return self.units in _NO_UNITS

    @property
    def extent(self) -> float:
        return self.size * abs(self.scale)

    def towards(self, other: _Axis) -> Self:
        """The axis in the units of another, both counted in the direction of their pixels."""
        factor = conversion(self.units, other.units) or 1.0
        offset = self.offset * factor * math.copysign(1, self.scale)
        return replace(self, scale=abs(self.scale * factor), offset=offset, units=other.units)


def _relation(
    alignment: Alignment, layout: Layout
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Step and start (y, x) of the pixels of the layout, in pixels of the alignment."""
    first = map(
        _Axis,
        alignment.frame_shape,
        alignment.frame_scale,
        alignment.frame_offset,
        alignment.frame_units,
    )
    second = map(_Axis, layout.frame_shape, layout.scale, layout.offset, layout.units)
    found = []
    for name, ours, theirs in zip(_NAMES, first, second, strict=True):
        one_bare = ours.bare != theirs.bare
        if one_bare or (not ours.bare and conversion(theirs.units, ours.units) is None):
            raise _refusal(
                alignment,
                layout,
                f"their units along {name}, {_unit(ours.units)} and {_unit(theirs.units)}, are "
                "not of one kind",
                _advice(alignment, layout),
            )
        if ours.scale * theirs.scale <= 0:
            raise _refusal(
                alignment,
                layout,
                f"one is mirrored along {name}, as the signs of the scales differ",
                "If the order of their pixels is the same, change the signs of the scale and the "
                "offset of the negative axis; if it is not, flip the data along that axis",
            )
        relation = _along(ours.towards(ours), theirs.towards(ours))
        if relation is None:
            raise _refusal(
                alignment,
                layout,
                f"their extents along {name} differ, and without units it is not known which "
                "part of one the other shows",
                _advice(alignment, layout),
            )
        found.append(relation)
    (step_y, start_y), (step_x, start_x) = found
    return (step_y, step_x), (start_y, start_x)


def _along(ours: _Axis, theirs: _Axis) -> tuple[float, float] | None:
    """Step and start along one axis, in the same units; None where there is no telling."""
    coarse = max(ours.scale, theirs.scale) * (1 + _ROUNDING)
    same_end = abs(ours.extent - theirs.extent) <= _END * coarse
    if same_end and abs(ours.offset - theirs.offset) <= _BEGIN * coarse:
        step = ours.size / theirs.size
        return step, (step - 1) / 2
    if ours.bare:
        return None
    return theirs.scale / ours.scale, (theirs.offset - ours.offset) / ours.scale


def _check_overlap(
    alignment: Alignment, layout: Layout, step: Sequence[float], start: Sequence[float]
) -> None:
    near = np.subtract(start, np.divide(step, 2))
    far = near + np.multiply(step, layout.frame_shape)
    apart = (far <= -0.5 + _ROUNDING) | (
        near >= np.subtract(alignment.frame_shape, 0.5 + _ROUNDING)
    )
    if apart.any():
        names = " and ".join(name for name, out in zip(_NAMES, apart, strict=True) if out)
        raise _refusal(
            alignment,
            layout,
            f"they show areas that do not overlap along {names}",
            _advice(alignment, layout),
        )


def _with_region(
    alignment: Alignment, carried: Alignment, step: Sequence[float], start: Sequence[float]
) -> Alignment:
    """The alignment with the region that it was measured on noted in the last step, if any."""
    region = Window.of_steps(alignment.steps).region
    if region is None:
        return carried
    try:
        window = Canvas.from_roi(*region).regridded(step, start)
    except ValueError:
        return carried
    sides = [window.left, window.right, window.top, window.bottom]
    last = {**carried.steps[-1], "results": {"region": sides}}
    return replace(carried, steps=(*carried.steps[:-1], last))


def _seen_canvas(alignment: Alignment, carried: Alignment, layout: Layout) -> Canvas:
    """The part of the canvas that the frames of the series saw."""
    if _all_see_it(carried):
        return carried.canvas
    try:
        seen = choose_canvas(
            carried.transforms,
            carried.excluded,
            carried.frame_shape,
            crop=_all_see_it(alignment),
        )
        return carried.canvas.intersect(seen)
    except ValueError as error:
        raise _refusal(
            alignment,
            layout,
            f"frames of the series see nothing of what the alignment keeps: {error}",
            "Align with crop=False, or exclude frames that are far from the others",
        ) from error


def _all_see_it(alignment: Alignment) -> bool:
    """Whether every frame that counts saw all of the canvas."""
    kept = [t for t, out in zip(alignment.transforms, alignment.excluded, strict=True) if not out]
    frame_shape, canvas = alignment.frame_shape, alignment.canvas
    if alignment.is_rigid:
        # The same without a mask a frame.
        shifts = [t.mean(frame_shape) for t in kept or alignment.transforms]
        try:
            return Canvas.common(shifts, frame_shape).intersect(canvas) == canvas
        except ValueError:
            return False
    return all(seen_by(t, frame_shape, canvas).all() for t in kept or alignment.transforms)


def _refusal(
    alignment: Alignment, layout: Layout, reason: str, advice: str
) -> AlignmentMismatchError:
    ours = _told(
        alignment.frame_shape, alignment.frame_scale, alignment.frame_offset, alignment.frame_units
    )
    theirs = _told(layout.frame_shape, layout.scale, layout.offset, layout.units)
    return AlignmentMismatchError(
        f"the alignment is for frames of {ours}; the series has frames of {theirs} (y, x). The "
        f"alignment cannot be carried over: {reason}. {advice}"
    )


def _advice(alignment: Alignment, layout: Layout) -> str:
    """The calibration with which a series of the same area would be accepted."""
    scale = np.multiply(alignment.frame_scale, alignment.frame_shape) / layout.frame_shape
    wanted = _calibration(scale, alignment.frame_offset, alignment.frame_units)
    return (
        f"If both show the same area, give the image axes of the series {wanted}; else align "
        "this series"
    )


def _told(
    shape: Sequence[int], scale: Sequence[float], offset: Sequence[float], units: Sequence[str]
) -> str:
    """Shape and calibration of an image in words, y before x."""
    return f"{shape[0]} x {shape[1]} px with {_calibration(scale, offset, units)}"


def _calibration(
    scale: Sequence[float] | npt.NDArray[np.float64], offset: Sequence[float], units: Sequence[str]
) -> str:
    unit = " and ".join(dict.fromkeys(_unit(name) for name in units))
    return (
        f"scale {scale[0]:.6g} x {scale[1]:.6g}, offset {offset[0]:.6g} and {offset[1]:.6g}, "
        f"units {unit}"
    )


def _unit(name: str) -> str:
    return "none" if name in _NO_UNITS else repr(name)
