"""Transforms and alignments in pixels of another grid over the same area.

Pixel P of the other grid has its centre at ``step * P + start`` in pixels of the old one, each
axis for itself. The frames show the same content, so displacements shrink by `step`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ._validation import FloatArray, as_pair

if TYPE_CHECKING:
    from hyperspy_smartalign.series.geometry import ScanGeometry

    from .alignment import Alignment

# Less of a line than this is rounding noise, and no part of what a new line covers.
_LEAST_PART = 1e-3
# Whole lines are found to this accuracy, in lines.
_TOLERANCE = 1e-9


def as_grid(step: npt.ArrayLike, start: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Checked `step` and `start` of another grid."""
    steps = as_pair("step", step)
    if steps.min() <= 0:
        raise ValueError(f"step must be positive along y and x, not {tuple(steps.tolist())}")
    return steps, as_pair("start", start)


def lines_on_grid(
    values: FloatArray, *, first_row: float, step: float, start: float
) -> tuple[FloatArray, float]:
    """Values of scan lines on the lines of another grid.

    Parameters
    ----------
    values : (lines, k) array
        Values on lines one pixel apart.
    first_row : float
        Coordinate of the first of them.
    step, start : float
        Line L of the other grid has its middle at ``step * L + start``.

    Returns
    -------
    values : (new lines, k) array
        On whole lines of the other grid. A line that is as wide as an old one or wider takes
        the mean over the lines that it covers, each by the part that is covered; a narrower one
        takes the value between them.
    first_row : float
        Coordinate of the first of them on the other grid.
    """
    last_row = first_row + len(values) - 1
    if step < 1:
        lowest = math.floor((first_row - start) / step + _TOLERANCE)
        highest = math.ceil((last_row - start) / step - _TOLERANCE)
        lines = np.arange(lowest, highest + 1, dtype=np.float64)
        return _between(values, step * lines + start - first_row), float(lowest)
    top, bottom = first_row - 0.5, last_row + 0.5
    lowest = math.floor((top + _LEAST_PART - start) / step + 0.5)
    highest = math.ceil((bottom - _LEAST_PART - start) / step - 0.5)
    edges = np.arange(lowest, highest + 2) - 0.5
    edges = np.clip(step * edges + start, top, bottom) - top
    # Sums from the first line on, so that equal values stay equal bit for bit.
    sums = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values - values[0], axis=0, out=sums[1:])
    means = np.diff(_between(sums, edges), axis=0) / np.diff(edges)[:, None]
    return values[0] + means, float(lowest)


def alignment_on_grid(
    alignment: Alignment,
    step: npt.ArrayLike,
    start: npt.ArrayLike,
    *,
    frame_shape: tuple[int, int],
    frame_scale: tuple[float, float],
    frame_offset: tuple[float, float],
    frame_units: tuple[str, str],
) -> Alignment:
    """An alignment for frames on another grid; see `Alignment.regridded`."""
    steps, starts = as_grid(step, start)
    grid: dict[str, Any] = {
        "frame_shape": frame_shape,
        "frame_scale": frame_scale,
        "frame_offset": frame_offset,
        "frame_units": frame_units,
    }
    record = {
        "name": "regrid",
        "parameters": {
            "step": steps.tolist(),
            "start": starts.tolist(),
            **grid,
            **{f"old_{name}": getattr(alignment, name) for name in grid},
        },
    }
    return replace(
        alignment,
        transforms=tuple(t.regridded(steps, starts) for t in alignment.transforms),
        canvas=alignment.canvas.regridded(steps, starts),
        precision=None if alignment.precision is None else alignment.precision / steps,
        scan=None if alignment.scan is None else _scan_on_grid(alignment.scan, steps),
        steps=(*alignment.steps, record),
        **grid,
    )


def _between(values: FloatArray, index: FloatArray) -> FloatArray:
    """Values (n, k) read at fractional indices, linear between and held outside."""
    places = np.arange(len(values))
    return np.stack([np.interp(index, places, column) for column in values.T], axis=1)


def _scan_on_grid(scan: ScanGeometry, step: FloatArray) -> ScanGeometry:
    """The scan with times of the new pixels and lines; the time of a frame stays."""
    if math.isclose(step[0], step[1], rel_tol=1e-9):
        return scan.resampled(1 / float(step[0]))
    dwell = None if scan.dwell_time is None else scan.dwell_time * float(step.prod())
    try:
        axes = {scan.slow_axis(i) for i in range(len(scan.rotation))}
    except ValueError:
        axes = set()
    if len(axes) != 1:
        # Lines along y and along x now take different times, and there is one line time only.
        return replace(scan, dwell_time=dwell, line_time=None, flyback_time=None)
    factor = float(step[axes.pop()])
    return replace(
        scan,
        dwell_time=dwell,
        line_time=None if scan.line_time is None else scan.line_time * factor,
        flyback_time=None if scan.flyback_time is None else scan.flyback_time * factor,
    )
