"""Calibrations of loaded files: put in order, and compared within a series."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pint
from hyperspy.signals import BaseSignal

FRAME = "frame"
"""Name of the navigation axis along which frames follow each other."""

_NOT_FRAMES = ("channel", "channels", "detector", "detectors")
"""Navigation axes along which images of one moment lie; they keep their name."""


class SeriesFileError(ValueError):
    """A file that cannot be read, or does not go with the other files of its series."""


def put_in_order(signal: BaseSignal) -> None:
    """Repair names, units, signs, byte order of a signal that was just loaded."""
    manager = signal.axes_manager
    image = image_axes(signal)
    for axis, name in zip(image, ("y", "x"), strict=False):
        axis.name = name
        if not axis.is_uniform:
            continue
        if axis.scale < 0:
            axis.scale, axis.offset = -axis.scale, -axis.offset
        if not _units(axis) and axis.scale == 1.0 and axis.offset == 0.0:
            axis.units = "px"
        elif _units(axis) == "m":
            axis.convert_to_units("nm")
    series = [axis for axis in manager._axes if axis.navigate and axis not in image]
    if len(series) == 1 and image and str(series[0].name).casefold() not in _NOT_FRAMES:
        series[0].name = FRAME
    data = signal.data
    native = data.dtype.newbyteorder("=")
    if data.dtype != native or not data.dtype.isnative:
        signal.data = data.astype(native)
    elif not signal._lazy and not data.flags.writeable:
        signal.data = data.copy()


def image_axes(signal: BaseSignal) -> list[Any]:
    """Axes y and x of an image or spectrum image, an empty list for anything else."""
    manager = signal.axes_manager
    if manager.signal_dimension == 2:
        return list(manager._axes[-2:])
    if manager.signal_dimension == 1 and manager.navigation_dimension >= 2:
        return list(manager._axes[-3:-1])
    return []


def _units(axis: Any) -> str:
    return axis.units if isinstance(axis.units, str) and axis.units != "<undefined>" else ""


def conversion(units: str, wanted: str) -> float | None:
    """Size of one unit in another, None where they are not of one kind."""
    if units == wanted:
        return 1.0
    try:
        return float((1.0 * pint.get_application_registry()(units)).to(wanted).magnitude)
    except (pint.PintError, TypeError, ValueError, AttributeError):
        return None


def check_alike(
    first_path: Path,
    first: BaseSignal,
    path: Path,
    signal: BaseSignal,
    tolerance: float,
    *,
    skip_first: bool,
) -> None:
    """Raise unless two files can be frames of one series; converts units to the first's."""
    names = f"{str(path)!r} and {str(first_path)!r}"
    start = 1 if skip_first else 0
    shapes = signal.data.shape[start:], first.data.shape[start:]
    if shapes[0] != shapes[1] or signal.data.ndim != first.data.ndim:
        raise SeriesFileError(
            f"{names} differ in size: {_size(signal.data.shape)} and {_size(first.data.shape)} "
            "pixels. Leave the file out, or load them apart with stack=False and crop."
        )
    if signal.axes_manager.signal_dimension != first.axes_manager.signal_dimension:
        raise SeriesFileError(
            f"{names} differ in kind: {signal!r} and {first!r}. Choose one detector with signal=."
        )
    axes = zip(signal.axes_manager._axes[start:], first.axes_manager._axes[start:], strict=True)
    for axis, reference in axes:
        if not (axis.is_uniform and reference.is_uniform):
            if not np.allclose(axis.axis, reference.axis):
                raise SeriesFileError(f"{names} differ in their non-uniform axis {axis.name}.")
            continue
        _check_calibration(names, axis, reference, tolerance)


def _check_calibration(names: str, axis: Any, reference: Any, tolerance: float) -> None:
    if _units(axis) and _units(reference) and _units(axis) != _units(reference):
        # Units that cannot be converted are left as they are, or refused by pint.
        with suppress(pint.PintError):
            axis.convert_to_units(reference.units)
    if _units(axis) != _units(reference):
        raise SeriesFileError(
            f"{names} differ in the units of axis {reference.name}: {_units(axis)!r} and "
            f"{_units(reference)!r}. Set the calibration of the files, or load them apart with "
            "stack=False."
        )
    difference = abs(axis.scale - reference.scale) / abs(reference.scale)
    if difference > tolerance:
        raise SeriesFileError(
            f"{names} differ in the pixel size of axis {reference.name}: {axis.scale:.6g} and "
            f"{reference.scale:.6g} {_units(reference)} ({100 * difference:.3g} %, allowed "
            f"{100 * tolerance:.3g} %). If they belong together give a larger "
            "calibration_tolerance."
        )
    spectral = not axis.navigate and reference.name not in ("x", "y")
    if spectral and abs(axis.offset - reference.offset) > 0.5 * abs(reference.scale):
        raise SeriesFileError(
            f"{names} differ in the start of axis {reference.name}: {axis.offset:.6g} and "
            f"{reference.offset:.6g} {_units(reference)}, more than half a channel. Shift or crop "
            "the spectra first; load them apart with stack=False."
        )


def _size(shape: Sequence[int]) -> str:
    return " x ".join(str(length) for length in shape)
