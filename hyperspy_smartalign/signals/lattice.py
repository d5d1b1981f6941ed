"""Lattice, line profiles and drift of the crystal that a signal shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import hyperspy.api as hs
import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal, Signal1D

from hyperspy_smartalign.quality.lattice import Lattice, find_lattice
from hyperspy_smartalign.quality.lattice_drift import Cell, LatticeDrift, drift_from_cell
from hyperspy_smartalign.quality.line_profile import line_profile as profile_of_image
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.signals import averaging, recording
from hyperspy_smartalign.signals.validating import NotASeriesError

# Frames whose scan directions differ are distorted differently, whatever the drift.
SlowAxis = Literal["y", "x"]


def image_of(signal: BaseSignal) -> npt.NDArray[Any]:
    """The image that a signal shows: its own, or the average of its frames.

    Raises
    ------
    NotASeriesError
        The signal does not hold images.
    """
    if signal.axes_manager.signal_dimension != 2:
        raise NotASeriesError(
            f"{signal!r} does not hold images; a lattice is measured on images. Sum a spectrum "
            "image over its channels, as in signal.sum(axis=-1).transpose(signal_axes=2)."
        )
    if signal.axes_manager.navigation_size > 1:
        return np.asarray(averaging.average(signal).data)
    return np.asarray(signal.data).reshape(signal.axes_manager.signal_shape[::-1])


def pixel_size(signal: BaseSignal) -> tuple[tuple[float, float], str]:
    """Size (y, x) of the pixels and their unit; (1, 1) and "px" where there is no common unit."""
    x, y = signal.axes_manager.signal_axes
    units = {str(axis.units).strip() if isinstance(axis.units, str) else "" for axis in (x, y)}
    unit = units.pop()
    uniform = x.is_uniform and y.is_uniform
    if units or not uniform or unit.lower() in ("", "px", "pixel", "pixels", "<undefined>"):
        return (1.0, 1.0), "px"
    return (abs(float(y.scale)), abs(float(x.scale))), unit


def lattice(signal: BaseSignal, *, vectors: npt.ArrayLike | None = None) -> Lattice:
    """Base vectors of the crystal, in pixels and in the units of the axes."""
    return find_lattice(image_of(signal), vectors=vectors).calibrated(*pixel_size(signal))


def line_profile(
    signal: BaseSignal,
    along: str | npt.ArrayLike = "a",
    *,
    start: npt.ArrayLike | None = None,
    cells: float = 1.0,
    width: int = 1,
    lines: int = 1,
    lattice: Lattice | None = None,
) -> Signal1D:
    """Line profile along a base vector or any other vector, as a signal with its own axis."""
    image = image_of(signal)
    scale, units = pixel_size(signal)
    named = isinstance(along, str)
    if named and along not in ("a", "b"):
        raise ValueError(f"along is {along!r}; give 'a', 'b' or a vector (y, x) in pixels.")
    if lattice is None and (named or lines > 1):
        lattice = find_lattice(image)
    between = None
    if named and lattice is not None:
        a, b = lattice.vectors if along == "a" else lattice.vectors[::-1]
        vector, between = a, b
    else:
        vector = np.asarray(along, np.float64)
        if lattice is not None and lines > 1:
            # The base vector that leads away from the line.
            turns = [abs(v[0] * vector[1] - v[1] * vector[0]) for v in lattice.vectors]
            between = lattice.vectors[int(np.argmax(turns))]
    if not cells > 0:
        raise ValueError(f"cells is {cells}; give a number above 0.")
    reach = vector * cells
    if start is None:
        # The middle of the lines in the middle of the image.
        middle = (np.array(image.shape) - 1) / 2
        offset = reach if between is None else reach + (lines - 1) * between
        start = middle - offset / 2
    profile = profile_of_image(
        image, start, vector=reach, width=width, lines=lines, between=between
    )
    result = hs.signals.Signal1D(profile.values)
    axis = result.axes_manager[-1]
    axis.name, axis.units = "distance", units
    axis.scale = float(np.hypot(*(profile.step * scale)))
    title = signal.metadata.General.title
    result.metadata.General.title = f"{title} (line profile)" if title else "line profile"
    recording.append_step(
        result,
        "line_profile",
        {
            "start": profile.start,
            "stop": profile.stop,
            "width": int(width),
            "lines": int(lines),
            "between": [] if between is None else np.array(between),
        },
    )
    return result


def cell_of(
    angle: float | None, ratio: float | None, cell: Sequence[float] | None, units: str
) -> Cell:
    """What the user said about the unit cell."""
    if cell is not None:
        if angle is not None or ratio is not None:
            raise ValueError("give either cell=(a, b, angle), or angle= and ratio=, not both.")
        try:
            a, b, between = (float(value) for value in cell)
        except (TypeError, ValueError):
            raise ValueError(
                f"cell is {cell!r}; give the lengths a and b in {units} and the angle in degrees, "
                "such as cell=(0.3905, 0.3905, 90)."
            ) from None
        return Cell.of_lengths(a, b, between)
    if angle is None or ratio is None:
        raise ValueError(
            "the known lattice is missing: give its angle in degrees and its ratio |b|/|a|, such "
            "as angle=90, ratio=1; or cell=(a, b, angle) with lengths in the units of the axes."
        )
    return Cell(float(angle), float(ratio))


def scan_lines(
    signal: BaseSignal, slow_axis: SlowAxis | None
) -> tuple[tuple[float, float], float | None]:
    """Scan lines that pass per pixel along (y, x), and the line time in seconds.

    Raises
    ------
    ValueError
        Frames were scanned along different directions, or `slow_axis` is unknown.
    """
    if slow_axis not in (None, "y", "x"):
        raise ValueError(f"slow_axis is {slow_axis!r}; give 'y', 'x' or None.")
    geometry = recording.scan_geometry_of(signal)
    if geometry is None or slow_axis is not None:
        lines = (0.0, 1.0) if slow_axis == "x" else (1.0, 0.0)
        return lines, None if geometry is None else geometry.line_time
    if len({angle % 360 for angle in geometry.rotation}) > 1:
        raise ValueError(
            f"the frames were scanned along different directions ({_degrees(geometry)} degrees), "
            "so that their average has no single direction of drift. Measure the frames of one "
            "direction, or give slow_axis='y' or 'x'."
        )
    slow = geometry.slow_axis(0)
    towards, within = geometry.scan_direction(0)
    passed = [0.0, 0.0]
    passed[slow] = float(towards)
    if geometry.dwell_time and geometry.line_time:
        passed[1 - slow] = within * geometry.dwell_time / geometry.line_time
    return (passed[0], passed[1]), geometry.line_time


def _degrees(geometry: ScanGeometry) -> str:
    return ", ".join(f"{angle:g}" for angle in sorted(set(geometry.rotation)))


def drift_from_lattice(
    signal: BaseSignal,
    *,
    angle: float | None = None,
    ratio: float | None = None,
    cell: Sequence[float] | None = None,
    lattice: Lattice | None = None,
    slow_axis: SlowAxis | None = None,
) -> LatticeDrift:
    """Drift within the frame, from the known shape of the unit cell."""
    scale, units = pixel_size(signal)
    known = cell_of(angle, ratio, cell, units)
    lines, line_time = scan_lines(signal, slow_axis)
    measured = find_lattice(image_of(signal)) if lattice is None else lattice
    return drift_from_cell(
        measured.calibrated(scale, units), known, lines=lines, line_time=line_time
    )


def plot_lattice(signal: BaseSignal, *, lattice: Lattice | None = None, **keywords: Any) -> Any:
    """Image with the base vectors, and its power spectrum with the spots marked."""
    from hyperspy_smartalign.plotting.lattice import plot_lattice as plot

    image = image_of(signal)
    scale, units = pixel_size(signal)
    measured = find_lattice(image) if lattice is None else lattice
    return plot(image, measured.calibrated(scale, units), **keywords)
