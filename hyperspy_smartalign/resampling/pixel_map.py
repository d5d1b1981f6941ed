"""The sparse linear operator of one frame: from its pixels to those of the canvas.

It is the same for all channels of a spectrum image, so it is worked out once a frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling import fields, kernels
from hyperspy_smartalign.resampling.motion import resample_frame
from hyperspy_smartalign.resampling.options import (
    TOLERANCE,
    CanvasLike,
    DoubleArray,
    FloatArray,
    canvas_shape,
)
from hyperspy_smartalign.resampling.placing import places_of
from hyperspy_smartalign.resampling.spectral_taps import linear_taps, scatter_taps
from hyperspy_smartalign.resampling.workers import one_thread_each
from hyperspy_smartalign.transforms import Field, ScanLine, Transform, Translation

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Counts = Literal["interpolate", "share", "whole"]
Sampling = Literal["spline", "linear", "nearest"]


@dataclass(frozen=True, eq=False)
class Lines:
    """Spline samples of lines that are displaced one by one.

    Attributes
    ----------
    axis : int
        Axis from line to line; 1 if the lines are columns.
    rows, row_weights : (L, 4) arrays
        The four rows of the frame that make a line, and their weights.
    columns, column_weights : (L, 4) arrays
        The four columns of the padded line at its pixel 0, and their weights.
    spans : (L, 2) int64 array
        First and past-last pixel of each line inside the frame.
    filters : (bool, bool)
        Whether the B-spline filter is needed from line to line and along the lines.
    """

    axis: int
    rows: Indices
    row_weights: FloatArray
    columns: Indices
    column_weights: FloatArray
    spans: Indices
    filters: tuple[bool, bool]


@dataclass(frozen=True, eq=False)
class Pixels:
    """Spline samples whose displacement changes from pixel to pixel.

    Attributes
    ----------
    corners : (2, H, W) int64 array
        Whole part of the places in the frame.
    fractions : (2, H, W) float32 array
        What remains of them.
    filters : (bool, bool)
        Whether the frame is long enough for the B-spline filter along y and x.
    """

    corners: Indices
    fractions: FloatArray
    filters: tuple[bool, bool]


@dataclass(frozen=True, eq=False)
class Taps:
    """For each canvas pixel the pixels of the frame that make it.

    Attributes
    ----------
    ends : (H * W + 1,) int64 array
        Taps ends[i] .. ends[i + 1] - 1 belong to canvas pixel i.
    index : (taps,) int64 array
        Pixel numbers of the frame, row after row.
    weight : (taps,) float32 array
        Their weights.
    """

    ends: Indices
    index: Indices
    weight: FloatArray

    def of(self, values: npt.NDArray[Any]) -> DoubleArray:
        """Weighted sums (H * W,) of the values (h * w,) of the frame's pixels."""
        owner = np.repeat(np.arange(self.ends.size - 1), np.diff(self.ends))
        weights = self.weight * values[self.index]
        return np.asarray(np.bincount(owner, weights, minlength=self.ends.size - 1), np.float64)

    def without(self, gaps: Mask) -> Taps:
        """The taps that are on none of the pixels (h, w) under `gaps`."""
        kept = ~gaps.ravel()[self.index]
        before = np.concatenate(([0], np.cumsum(kept)))
        return Taps(before[self.ends], self.index[kept], self.weight[kept])


@dataclass(frozen=True, eq=False)
class PixelMap:
    """Linear operator from the pixels of one frame to those of the canvas.

    Made by `pixel_map`.

    Attributes
    ----------
    frame_shape : (h, w)
        Shape of the frame in pixels.
    shape : (H, W)
        Shape of the canvas in pixels.
    interpolation, counts : str
        As given to `pixel_map`.
    covered : (H, W) float32 array
        Interpolation: 1 where the frame was observed, 0 elsewhere. Shared and whole counts: the
        exposure, how many pixels' worth of the frame's dwell time each canvas pixel got.
    steps : Lines, Pixels or Taps
        How the samples are computed.
    motion : Transform
        Of the frame.
    canvas : Canvas
        Where it is sampled.
    """

    frame_shape: tuple[int, int]
    shape: tuple[int, int]
    interpolation: Sampling
    counts: Counts
    covered: FloatArray
    steps: Lines | Pixels | Taps
    motion: Transform
    canvas: CanvasLike

    @property
    def conserves_counts(self) -> bool:
        """Whether counts are sent to their places, instead of samples being taken."""
        return self.counts != "interpolate"

    def coverage(self, gaps: Mask | None) -> FloatArray:
        """What `covered` is when the pixels of the frame under `gaps` (h, w) were not observed.

        A sample that uses such a pixel is not covered; a pixel to be shared out is missing.
        """
        if gaps is None:
            return self.covered
        if self.conserves_counts:
            return cast(Taps, self.steps).of(~gaps.ravel()).reshape(self.shape).astype(np.float32)
        image = np.where(gaps, np.float32(np.nan), np.float32(0.0))
        result = resample_frame(image, self.motion, self.canvas, interpolation=self.interpolation)
        return result.covered.astype(np.float32)

    def places(self) -> DoubleArray:
        """Where the canvas pixels lie in the frame, (2, H, W) in pixels of the frame."""
        origin = (self.canvas.top, self.canvas.left)
        points = np.indices(self.shape, dtype=np.float64) + np.reshape(origin, (2, 1, 1))
        return np.asarray(points + self.motion.displacement(self.shape, origin=origin))


def pixel_map(
    motion: npt.ArrayLike | Transform,
    frame_shape: tuple[int, int],
    canvas: CanvasLike,
    *,
    interpolation: Sampling = "spline",
    counts: Counts = "interpolate",
) -> PixelMap:
    """Work out how the pixels of a frame make those of the canvas.

    Parameters
    ----------
    motion : (2,) array, (H, 2) array, (2, H, W) array or Transform
        As in `resample_frame`: the displacement (y, x) of the frame's content in pixels.
    frame_shape : (h, w)
        Shape of the frame.
    canvas : Canvas
        Where to sample.
    interpolation : {"spline", "linear", "nearest"}
        Kernel of the samples, the same as in `resample_frame`. Not used when counts are sent.
    counts : {"interpolate", "share", "whole"}
        "interpolate" samples the frame at each canvas pixel. "share" sends the counts of each
        pixel of the frame to the up to four canvas pixels around the place where they were
        recorded, in parts that sum to one. "whole" sends them undivided to the nearest.

    Returns
    -------
    PixelMap

    Raises
    ------
    ValueError
        For an unknown kernel or mode, an empty frame or canvas, or a motion of another form.

    Notes
    -----
    Shared and whole counts that fall beyond the canvas are lost, and only those. Every pixel of the
    frame gets a place, also where lines are out of order: a near one. Shifts by whole pixels copy,
    bit for bit, in every mode.
    """
    shape, size = canvas_shape(canvas), _check_shape(frame_shape)
    for name, value, known in (
        ("interpolation", interpolation, get_args(Sampling)),
        ("counts", counts, get_args(Counts)),
    ):
        if value not in known:
            raise ValueError(
                f"Unknown {name} {value!r} for spectra; choose one of "
                f"{', '.join(map(repr, known))}."
            )
    transform = _as_transform(motion, canvas, shape)
    # The small matrix products of a transform are slower in several threads than in one.
    with one_thread_each():
        covered, steps = (
            _sampled(transform, size, shape, canvas, interpolation)
            if counts == "interpolate"
            else _sent(transform, size, shape, canvas, whole=counts == "whole")
        )
    return PixelMap(
        size,
        shape,
        interpolation,
        counts,
        covered.astype(np.float32),
        steps,
        transform,
        canvas,
    )


def _sent(
    transform: Transform,
    size: tuple[int, int],
    shape: tuple[int, int],
    canvas: CanvasLike,
    *,
    whole: bool,
) -> tuple[npt.NDArray[Any], Taps]:
    """The exposure of the canvas, and which pixels its pixels get."""
    origin = np.reshape((canvas.top, canvas.left), (2, 1, 1))
    places = np.ascontiguousarray(places_of(transform, size) - origin)
    taps = Taps(*scatter_taps(places, *shape, whole))
    return taps.of(np.ones(size[0] * size[1])).reshape(shape), taps


def _sampled(
    transform: Transform,
    size: tuple[int, int],
    shape: tuple[int, int],
    canvas: CanvasLike,
    interpolation: Sampling,
) -> tuple[npt.NDArray[Any], Lines | Pixels | Taps]:
    """What is inside the frame, and how to sample it."""
    origin = (canvas.top, canvas.left)
    field = transform.displacement(shape, origin=origin)
    # The numbers of the pixels, resampled: inside and nearest just as for images.
    numbers = np.arange(size[0] * size[1]).reshape(size)
    nearest = resample_frame(numbers, field, canvas, interpolation="nearest", fill=-1)
    covered = nearest.covered
    down, along = fields.constant_axes(field)
    shift = field[:, 0, 0] + origin
    whole = down and along and all(kernels.split(value)[1] == 0 for value in shift)
    if whole or interpolation == "nearest":
        ends = np.concatenate(([0], np.cumsum(covered.ravel())))
        index = nearest.pixels[covered]
        return covered, Taps(ends, index, np.ones(len(index), np.float32))
    places = np.indices(shape) + np.reshape(origin, (2, 1, 1)) + field
    if interpolation == "linear":
        np.clip(places, 0, np.reshape(size, (2, 1, 1)) - 1, out=places)
        index, weight = linear_taps(places, covered, *size)
        kept = covered.ravel()
        ends = np.concatenate(([0], 4 * np.cumsum(kept)))
        return covered, Taps(ends, index[kept].ravel(), weight[kept].ravel())
    if down or along:
        axis = 0 if along else 1
        lines = _lines(field[:, :, 0].T if along else field[:, 0].T, axis, size, canvas)
        covered = np.zeros(shape, np.bool_)
        kernels.mark_spans(lines.spans, axis, covered)
        return covered, lines
    limits = np.reshape(size, (2, 1, 1)) - 1.0
    np.clip(places, 0, limits, out=places)
    corners = places.astype(np.int64)
    filters = size[0] > 1, size[1] > 1
    return covered, Pixels(corners, (places - corners).astype(np.float32), filters)


def _lines(offsets: DoubleArray, axis: int, size: tuple[int, int], canvas: CanvasLike) -> Lines:
    """Taps of lines with `offsets` (L, 2) in image order."""
    h, w = size[axis], size[1 - axis]
    top, left = (canvas.top, canvas.left) if axis == 0 else (canvas.left, canvas.top)
    length = canvas_shape(canvas)[1 - axis]
    count = len(offsets)
    rows, columns = np.zeros((count, 4), np.int64), np.zeros((count, 4), np.int64)
    row_weights, column_weights = np.zeros((2, count, 4), np.float32)
    spans, fractions = np.zeros((count, 2), np.int64), np.zeros((count, 2))
    for q, (dy, dx) in enumerate(offsets[:, [axis, 1 - axis]].tolist()):
        y, x = q + top + dy, left + dx
        if -TOLERANCE <= y <= h - 1 + TOLERANCE:
            spans[q] = kernels.overlap(x, w, length)
        if spans[q, 1] <= spans[q, 0]:
            continue
        (iy, fy), (ix, fx) = kernels.split(y), kernels.split(x)
        fractions[q] = fy, fx
        row_weights[q], rows[q] = _taps(fy, iy)
        column_weights[q], columns[q] = _taps(fx, ix)
        rows[q] = [kernels.mirror(int(k), h) for k in rows[q]]
    inside = spans[:, 1] > spans[:, 0]
    filters = bool(fractions[inside, 0].any()), bool(fractions[inside, 1].any())
    for a, (weights, taps) in enumerate(((row_weights, rows), (column_weights, columns))):
        if not filters[a]:
            weights[:] = 0, 1, 0, 0
            taps[:] = taps[:, 1:2]
    # The line is padded by one pixel.
    return Lines(axis, rows, row_weights, columns + 1, column_weights, spans, filters)


def _taps(fraction: float, whole: int) -> tuple[list[float], list[int]]:
    """Weights and places of four taps; a tap without weight repeats a neighbour."""
    weights = list(kernels.tap_weights(fraction, kernels.SPLINE))
    second = whole + 1 if weights[2] else whole
    first = whole - 1 if weights[0] else whole
    return weights, [first, whole, second, second + 1 if weights[3] else second]


def _as_transform(
    motion: npt.ArrayLike | Transform, canvas: CanvasLike, shape: tuple[int, int]
) -> Transform:
    """The motion as a transform of the common frame."""
    if isinstance(motion, Transform):
        return motion
    values = np.asarray(motion, dtype=np.float64)
    if values.shape == (2,):
        return Translation(values)
    if values.shape == (shape[0], 2):
        return ScanLine(values, first_row=canvas.top)
    if values.shape == (2, *shape):
        return Field(values, origin=np.array([canvas.top, canvas.left], float), spacing=np.ones(2))
    raise ValueError(
        "The motion of a frame must be a shift (2,), offsets of the canvas rows (H, 2), a "
        f"displacement field (2, H, W) or a transform; on a {shape[0]} x {shape[1]} canvas it "
        f"cannot be an array of shape {values.shape}."
    )


def _check_shape(frame_shape: tuple[int, int]) -> tuple[int, int]:
    """Two whole numbers of at least 1."""
    sizes = tuple(frame_shape)
    if len(sizes) != 2 or not all(math.isfinite(s) and int(s) == s and s >= 1 for s in sizes):
        raise ValueError(
            f"frame_shape must be (height, width) of at least one pixel each, not {frame_shape!r}."
        )
    return int(sizes[0]), int(sizes[1])
