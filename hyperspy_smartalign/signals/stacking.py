"""Put the signals of several files together to one series."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.calibrating import FRAME, check_alike, image_axes
from hyperspy_smartalign.signals.telling import tell

_TIMES = ("line_time", "dwell_time", "flyback_time", "frame_time", "frame_gap")


def as_series(signal: BaseSignal) -> BaseSignal:
    """Give a single image a series axis."""
    manager = signal.axes_manager
    if manager.signal_dimension != 2 or manager.navigation_dimension > 0:
        return signal
    return _rebuilt(signal, signal.data[np.newaxis], _frame_axis(1))


def combined(
    paths: Sequence[Path], signals: Sequence[BaseSignal], *, new_axis: bool, tolerance: float
) -> BaseSignal:
    first = signals[0]
    if len(signals) == 1 and not new_axis:
        return as_series(first)
    joins = not new_axis and all(_holds_series(entry) for entry in signals)
    for path, entry in zip(paths[1:], signals[1:], strict=True):
        check_alike(paths[0], first, path, entry, tolerance, skip_first=joins)
    xp: Any = np
    if first._lazy:
        import dask.array as da

        xp = da
    arrays = [entry.data for entry in signals]
    if joins:
        data = xp.concatenate(arrays, axis=0)
        result = _rebuilt(first, data)
    else:
        data = xp.stack(arrays, axis=0)
        result = _rebuilt(first, data, _frame_axis(len(signals)))
    recording.write_scan_geometry(
        result, _common_geometry([recording.scan_geometry_of(entry) for entry in signals])
    )
    title = _common_title(paths)
    if title and first.metadata.get_item("General.title", "") == paths[0].stem:
        result.metadata.General.title = title
    return result


def _holds_series(signal: BaseSignal) -> bool:
    dimension = signal.axes_manager.navigation_dimension
    return bool(image_axes(signal)) and dimension > (
        0 if signal.axes_manager.signal_dimension == 2 else 2
    )


def _frame_axis(size: int) -> dict[str, Any]:
    return {"name": FRAME, "size": size, "scale": 1.0, "offset": 0.0, "navigate": True}


def _rebuilt(signal: BaseSignal, data: Any, new_axis: dict[str, Any] | None = None) -> BaseSignal:
    """Signal of the same class with other data, and one more axis in front if given."""
    axes = [axis.get_axis_dictionary() for axis in signal.axes_manager._axes]
    if new_axis is not None:
        if any(axis["name"] == FRAME for axis in axes):
            new_axis = {**new_axis, "name": "file"}
        axes.insert(0, new_axis)
    elif "size" in axes[0]:
        axes[0]["size"] = data.shape[0]
    else:
        axes[0] = {**_frame_axis(data.shape[0]), "navigate": axes[0]["navigate"]}
    return signal.__class__(
        data,
        axes=axes,
        metadata=signal.metadata.as_dictionary(),
        original_metadata=signal.original_metadata.as_dictionary(),
    )


def _common_geometry(geometries: Sequence[ScanGeometry | None]) -> ScanGeometry | None:
    """Scan geometry of a series of files: what they agree on."""
    known = [geometry for geometry in geometries if geometry is not None]
    if not known or len(known) < len(geometries):
        return None
    first = known[0]
    agreed: dict[str, Any] = {}
    for name in _TIMES:
        values = [getattr(geometry, name) for geometry in known]
        usable = all(value is not None for value in values)
        same = usable and np.allclose(values, values[0], rtol=0.01, atol=0.0)
        agreed[name] = values[0] if same else None
    rotations = tuple(
        geometry.instrument_rotation[0] for geometry in known if geometry.instrument_rotation
    )
    if len(rotations) == len(known) and not np.allclose(rotations, rotations[0], atol=0.1):
        shown = ", ".join(f"{angle:g}" for angle in rotations[:8])
        tell(
            f"the files were scanned at different rotations ({shown}... degrees). Frames must "
            "show the specimen in one orientation: where they do not, rotate them back first; "
            "then say how they were scanned with signal.smartalign.prepare(scan_rotation=...).",
            stacklevel=4,
        )
    else:
        rotations = rotations[:1]
    return replace(first, **agreed, instrument_rotation=rotations)


def _common_title(paths: Sequence[Path]) -> str:
    stems = [path.stem for path in paths]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*stems, strict=False))
    return re.sub(r"[\s_\-.\d]+$", "", "".join(letters[0] for letters in alike))
