"""Noise-free images of a crystal, evaluated where the probe is.

Every Gaussian is summed along the scan lines up to the radius at which it has fallen to 1e-6 of its
peak. Along a line its exponent is quadratic in the pixel number, so one product a pixel carries it
from pixel to pixel, exactly but for rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import FloatArray, image_shape
from hyperspy_smartalign.data.crystal import Crystal
from hyperspy_smartalign.data.path import ProbePath, ScanLines
from hyperspy_smartalign.resampling.compiled import compiled

# Radius in sigma at which a Gaussian has fallen to 1e-6 of its peak.
CUT_OFF = math.sqrt(2 * math.log(1e6))


def render_frame(crystal: Crystal, path: ProbePath, frame: int) -> FloatArray:
    """Noise-free frame: the crystal's intensity where the probe is at each pixel.

    Parameters
    ----------
    crystal : Crystal
    path : ProbePath
    frame : int
        Number of the frame, from 0.

    Returns
    -------
    (h, w) array of float64
    """
    return _render(crystal, path.lines(frame), path.shape)


def render_image(
    crystal: Crystal, shape: Sequence[int] | None = None, *, origin: tuple[float, float] = (0, 0)
) -> FloatArray:
    """Noise-free image of the common frame.

    Parameters
    ----------
    crystal : Crystal
    shape : (int, int), optional
        Rows and columns; the crystal's field by default.
    origin : (float, float)
        Point (y, x) of the common frame at the first pixel. Need not be whole.

    Returns
    -------
    (h, w) array of float64
    """
    size = image_shape(crystal.field if shape is None else shape)
    return _render(crystal, _image_lines(size, origin), size)


def render_gradient(crystal: Crystal, path: ProbePath, frame: int) -> FloatArray:
    """(2, h, w) exact slope of the intensity along (y, x) where the probe is, per pixel."""
    return _render_gradient(crystal, path.lines(frame), path.shape)


def image_gradient(
    crystal: Crystal, shape: Sequence[int] | None = None, *, origin: tuple[float, float] = (0, 0)
) -> FloatArray:
    """(2, h, w) exact slope of the intensity of the common frame along (y, x), per pixel."""
    size = image_shape(crystal.field if shape is None else shape)
    return _render_gradient(crystal, _image_lines(size, origin), size)


def _image_lines(size: tuple[int, int], origin: tuple[float, float]) -> ScanLines:
    starts = np.empty((size[0], 2))
    starts[:, 0] = np.arange(size[0]) + origin[0]
    starts[:, 1] = origin[1]
    return ScanLines(starts=starts, step=np.array([0.0, 1.0]), vertical=False)


def _render(crystal: Crystal, lines: ScanLines, shape: tuple[int, int]) -> FloatArray:
    centres, heights, widths = crystal.gaussians()
    out = np.full(shape[::-1] if lines.vertical else shape, crystal.background)
    if lines.vertical:
        centres = np.ascontiguousarray(centres[:, ::-1])
    _add_gaussians(out, lines.starts, lines.step, centres, heights, widths, CUT_OFF)
    return np.ascontiguousarray(out.T) if lines.vertical else out


def _render_gradient(crystal: Crystal, lines: ScanLines, shape: tuple[int, int]) -> FloatArray:
    centres, heights, widths = crystal.gaussians()
    out = np.zeros((2, *(shape[::-1] if lines.vertical else shape)))
    if lines.vertical:
        centres = np.ascontiguousarray(centres[:, ::-1])
    _add_gradients(out, lines.starts, lines.step, centres, heights, widths, CUT_OFF)
    return np.ascontiguousarray(out[::-1].transpose(0, 2, 1)) if lines.vertical else out


@compiled
def _line_range(
    starts: npt.NDArray[np.float64],
    step: npt.NDArray[np.float64],
    length: int,
    place: float,
    radius: float,
    early: float,
    late: float,
) -> tuple[int, int]:
    """First and last line that can come within `radius` of the slow coordinate `place`."""
    along = step[0] * (length - 1)
    first = math.floor(place - radius - late - max(along, 0.0))
    last = math.ceil(place + radius - early - min(along, 0.0))
    return max(0, first), min(starts.shape[0] - 1, last)


@compiled
def _pixel_range(
    dy: float, dx: float, a: float, b: float, radius: float, length: int
) -> tuple[int, int]:
    """First and last pixel t with |(dy, dx) + t (a, b)| <= radius; last < first for none."""
    square = a * a + b * b
    half = dy * a + dx * b
    inside = half * half - square * (dy * dy + dx * dx - radius * radius)
    if inside < 0.0:
        return 0, -1
    root = math.sqrt(inside)
    first = math.ceil((-half - root) / square)
    last = math.floor((-half + root) / square)
    return max(0, first), min(length - 1, last)


@compiled
def _add_gaussians(
    out: npt.NDArray[np.float64],
    starts: npt.NDArray[np.float64],
    step: npt.NDArray[np.float64],
    centres: npt.NDArray[np.float64],
    heights: npt.NDArray[np.float64],
    widths: npt.NDArray[np.float64],
    cut_off: float,
) -> None:
    """Add all Gaussians to the lines `out` (count, length). Coordinates are (slow, fast)."""
    count, length = out.shape
    a, b = step[0], step[1]
    square = a * a + b * b
    lead = starts[:, 0] - np.arange(count)
    early, late = lead.min(), lead.max()
    for c in range(len(heights)):
        radius = cut_off * widths[c]
        scale = -0.5 / widths[c] ** 2
        fall = math.exp(2.0 * scale * square)
        first, last = _line_range(starts, step, length, centres[c, 0], radius, early, late)
        for k in range(first, last + 1):
            dy, dx = starts[k, 0] - centres[c, 0], starts[k, 1] - centres[c, 1]
            t0, t1 = _pixel_range(dy, dx, a, b, radius, length)
            if t1 < t0:
                continue
            y, x = dy + t0 * a, dx + t0 * b
            value = heights[c] * math.exp(scale * (y * y + x * x))
            ratio = math.exp(scale * (2.0 * (y * a + x * b) + square))
            for t in range(t0, t1 + 1):
                out[k, t] += value
                value *= ratio
                ratio *= fall


@compiled
def _add_gradients(
    out: npt.NDArray[np.float64],
    starts: npt.NDArray[np.float64],
    step: npt.NDArray[np.float64],
    centres: npt.NDArray[np.float64],
    heights: npt.NDArray[np.float64],
    widths: npt.NDArray[np.float64],
    cut_off: float,
) -> None:
    """Add the slopes of all Gaussians along (slow, fast) to `out` (2, count, length)."""
    _, count, length = out.shape
    a, b = step[0], step[1]
    lead = starts[:, 0] - np.arange(count)
    early, late = lead.min(), lead.max()
    for c in range(len(heights)):
        radius = cut_off * widths[c]
        scale = -0.5 / widths[c] ** 2
        first, last = _line_range(starts, step, length, centres[c, 0], radius, early, late)
        for k in range(first, last + 1):
            dy, dx = starts[k, 0] - centres[c, 0], starts[k, 1] - centres[c, 1]
            t0, t1 = _pixel_range(dy, dx, a, b, radius, length)
            for t in range(t0, t1 + 1):
                y, x = dy + t * a, dx + t * b
                value = 2.0 * scale * heights[c] * math.exp(scale * (y * y + x * x))
                out[0, k, t] += value * y
                out[1, k, t] += value * x
