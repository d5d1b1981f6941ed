"""Running sums of resampled frames, with what each pixel was seen by.

Only places that a frame observed enter the sums, so means do not darken towards the borders. Sums
are kept in float64: subtracting one frame again, for the mean of the others, loses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling import kernels
from hyperspy_smartalign.resampling.motion import (
    Motions,
    check_motions,
    check_stack,
    resample_frame,
)
from hyperspy_smartalign.resampling.options import (
    CanvasLike,
    DoubleArray,
    FloatArray,
    Interpolation,
    canvas_shape,
    check_shift,
)
from hyperspy_smartalign.resampling.warp import Resampled
from hyperspy_smartalign.resampling.workers import (
    Progress,
    chunks,
    run_tasks,
    worker_count,
)

# What is left of a coverage after subtraction: below this part of a frame's weight it is rounding.
NOTHING = 1e-9


@dataclass(frozen=True, eq=False)
class Accumulated:
    """Sum of resampled frames.

    Attributes
    ----------
    total : (H, W) float64 array
        Weighted sum over the frames that observed the pixel.
    coverage : (H, W) float64 array
        Sum of their weights: their number, when the weights are 1.
    weight : float
        Sum of the weights of all frames: their number, when the weights are 1.
    """

    total: DoubleArray
    coverage: DoubleArray
    weight: float

    def mean(self, *, fill: float = math.nan) -> FloatArray:
        """Weighted mean (H, W) float32 of the frames that observed each pixel; else `fill`."""
        return _ratio(self.total, self.coverage, fill).astype(np.float32)

    def sum(self, *, fill: float = math.nan) -> DoubleArray:
        """Weighted sum (H, W) float64, scaled to all frames where only some observed the pixel.

        That is the mean times the weight of all frames. `total` is the sum that is not scaled.
        """
        return _ratio(self.total * self.weight, self.coverage, fill)

    def merge(self, other: Accumulated) -> Accumulated:
        """The sum over the frames of both."""
        if other.total.shape != self.total.shape:
            raise ValueError(
                f"Sums on canvases of shapes {self.total.shape} and {other.total.shape} cannot be "
                "merged; resample both onto one canvas."
            )
        return Accumulated(
            self.total + other.total, self.coverage + other.coverage, self.weight + other.weight
        )


class Accumulator:
    """Sum that takes resampled frames one by one; memory is that of two float64 frames.

    Parameters
    ----------
    shape : (H, W)
        Shape of the canvas in pixels.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._total = np.zeros(shape, np.float64)
        self._coverage = np.zeros(shape, np.float64)
        self._weight = 0.0

    def add(self, frame: Resampled, *, weight: float = 1.0) -> None:
        """Add a frame where it is covered.

        Raises
        ------
        ValueError
            If the frame is on another canvas, or the weight is negative or not finite.
        """
        self._add_rows(self._checked(frame, weight), float(weight), 0, len(self._total))
        self._weight += weight

    def _checked(self, frame: Resampled, weight: float) -> Resampled:
        """The frame, in floating point; errors as `add`."""
        if frame.pixels.shape != self._total.shape:
            raise ValueError(
                f"The frame has shape {frame.pixels.shape} but the sum {self._total.shape}; "
                "resample the frame onto the same canvas."
            )
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"A weight must be finite and not negative, not {weight}.")
        if frame.pixels.dtype in (np.float32, np.float64):
            return frame
        return Resampled(frame.pixels.astype(np.float64), frame.covered)

    def _add_rows(self, frame: Resampled, weight: float, top: int, bottom: int) -> None:
        rows = slice(top, bottom)
        kernels.add_observed(
            self._total[rows], self._coverage[rows], frame.pixels[rows], frame.covered[rows], weight
        )

    def add_drawn(
        self,
        draw: Callable[[int], Resampled],
        weights: Sequence[float],
        *,
        num_workers: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Add frames in their order, drawn and added in threads.

        Each pixel sums its frames one after the other, so that no bit of the sum depends on the
        number of threads.

        Parameters
        ----------
        draw : callable
            ``draw(i)`` gives frame `i`; called in threads, once for each.
        weights : sequence of float
            One a frame.
        num_workers : int, optional
            Threads; one per processor by default. Two frames a thread are held.
        progress : callable, optional
            ``progress(done, total)``, in the caller's thread.

        Raises
        ------
        ValueError
            As `add`.
        """
        n = len(weights)
        workers = worker_count(num_workers, max(n, 1))
        bands = chunks(len(self._total), workers)
        step = 1 if workers == 1 else 2 * workers
        for start in range(0, n, step):
            stop = min(n, start + step)
            batch: dict[int, Resampled] = {}

            def read(k: int, start: int = start, batch: dict[int, Resampled] = batch) -> None:
                batch[start + k] = self._checked(draw(start + k), weights[start + k])

            def tell(done: int, _: int, start: int = start) -> None:
                if progress is not None:
                    progress(start + done, n)

            run_tasks(read, stop - start, num_workers=num_workers, progress=tell)

            def add(k: int, batch: dict[int, Resampled] = batch) -> None:
                for i in sorted(batch):
                    self._add_rows(batch[i], float(weights[i]), bands[k].start, bands[k].stop)

            run_tasks(add, len(bands), num_workers=num_workers)
            for weight in weights[start:stop]:
                self._weight += weight

    def result(self) -> Accumulated:
        """What has been added so far, as a copy."""
        return Accumulated(self._total.copy(), self._coverage.copy(), self._weight)


def accumulate(
    stack: npt.ArrayLike,
    shifts: Motions,
    canvas: CanvasLike,
    *,
    interpolation: Interpolation = "spline",
    weights: npt.ArrayLike | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> Accumulated:
    """Sum of a series on the canvas, without holding the resampled series.

    Parameters
    ----------
    stack : (n, h, w) array
        Frames; read one by one, so a lazy array is not loaded as a whole.
    shifts : (n, 2), (n, H, 2) or (n, 2, H, W) array, or sequence of transforms
        Motion of each frame, as in `resample_frame`.
    canvas : Canvas
        Where to sum.
    interpolation : {"spline", "linear", "nearest", "fourier"}
        See `shift_frame`.
    weights : (n,) array, optional
        Weight of each frame, 0 or more. 1 by default.
    num_workers : int, optional
        Threads; one per processor by default. The result does not depend on their number.
    progress : callable, optional
        ``progress(done, total)``, not for every frame.

    Returns
    -------
    Accumulated

    Raises
    ------
    ValueError, TypeError
        As `resample_frame`; and if shifts or weights are not one a frame.
    """
    frames = check_stack(stack)
    motions = check_motions(shifts, len(frames))
    scale = _check_weights(weights, len(frames))

    def draw(i: int) -> Resampled:
        return resample_frame(
            np.asarray(frames[i]), motions[i], canvas, interpolation=interpolation, fill="zero"
        )

    accumulator = Accumulator(canvas_shape(canvas))
    accumulator.add_drawn(draw, scale.tolist(), num_workers=num_workers, progress=progress)
    return accumulator.result()


def shift_and_add(
    coefficients: FloatArray,
    shifts: npt.ArrayLike,
    canvas: CanvasLike,
    *,
    weights: npt.ArrayLike | None = None,
    num_workers: int | None = None,
) -> Accumulated:
    """Sum of shifted frames from their spline coefficients, in one fused pass.

    Parameters
    ----------
    coefficients : (n, h, w) float32 array
        `spline_coefficients` of the stack.
    shifts : (n, 2) array
        Displacement (y, x) of each frame's content in pixels.
    canvas : Canvas
        Where to sum.
    weights : (n,) array, optional
        Weight of each frame, 0 or more. 1 by default.
    num_workers : int, optional
        Threads; one per processor by default. The result does not depend on their number.

    Returns
    -------
    Accumulated

    Raises
    ------
    ValueError
        If shapes do not agree, or a shift or weight is not finite.
    """
    sources = np.ascontiguousarray(check_stack(coefficients), dtype=np.float32)
    count = len(sources)
    starts = np.array(shifts, dtype=np.float64)
    if starts.shape != (count, 2) or not np.isfinite(starts).all():
        raise ValueError(
            f"shifts must be finite numbers of shape ({count}, 2), a (y, x) pair a frame; "
            f"they have shape {starts.shape} and {np.count_nonzero(~np.isfinite(starts))} "
            "that are not finite."
        )
    starts += (canvas.top, canvas.left)
    scale = _check_weights(weights, count)
    shape = canvas_shape(canvas)

    total, coverage = np.zeros(shape), np.zeros(shape)
    bands = chunks(shape[0], worker_count(num_workers, shape[0]))

    def add(k: int) -> None:
        kernels.add_shifted(total, coverage, sources, starts, scale, bands[k].start, bands[k].stop)

    run_tasks(add, len(bands), num_workers=num_workers)
    return Accumulated(total, coverage, float(scale.sum()))


def sample_shifted(
    coefficients: FloatArray,
    shift: npt.ArrayLike,
    out_shape: tuple[int, int],
    *,
    derivative: int | None = None,
) -> FloatArray:
    """Spline or its slope at q + shift, for every pixel q of a frame of `out_shape`.

    Parameters
    ----------
    coefficients : (h, w) float32 array
        `spline_coefficients` of a frame.
    shift : (y, x) floats
        Pixels.
    out_shape : (H, W)
        Shape of the result.
    derivative : {None, 0, 1}
        Give the slope along this axis, per pixel, instead of the value.

    Returns
    -------
    (H, W) float32 array
        NaN where the sample lies outside the frame.

    Raises
    ------
    ValueError
        If the shift is not two finite numbers, or `derivative` is no axis.
    """
    y, x = check_shift(shift)
    if derivative not in (None, 0, 1):
        raise ValueError(f"derivative must be None, 0 (y) or 1 (x), not {derivative!r}.")
    source = np.ascontiguousarray(coefficients, dtype=np.float32)
    kinds = [kernels.SPLINE, kernels.SPLINE]
    if derivative is not None:
        kinds[derivative] = kernels.SPLINE_SLOPE
    out = np.full(out_shape, np.nan, np.float32)
    kernels.shift_constant(source, y, x, kinds[0], kinds[1], out)
    return out


def leave_one_out(
    accumulated: Accumulated,
    resampled: Resampled,
    *,
    weight: float = 1.0,
    fill: float = math.nan,
) -> FloatArray:
    """Mean of the other frames at each pixel.

    Parameters
    ----------
    accumulated : Accumulated
        Sum that contains the frame.
    resampled : Resampled
        The frame, as it was added.
    weight : float
        The weight it was added with.
    fill : float
        Value of pixels that no other frame observed.

    Returns
    -------
    (H, W) float32 array

    Raises
    ------
    ValueError
        If the frame is on another canvas.
    """
    if resampled.pixels.shape != accumulated.total.shape:
        raise ValueError(
            f"The frame has shape {resampled.pixels.shape} but the sum {accumulated.total.shape}; "
            "resample the frame onto the same canvas."
        )
    own = np.where(resampled.covered, resampled.pixels, 0.0)
    total = accumulated.total - weight * own
    coverage = accumulated.coverage - weight * resampled.covered
    coverage[coverage < NOTHING * accumulated.weight] = 0.0
    return _ratio(total, coverage, fill).astype(np.float32)


def _ratio(total: DoubleArray, coverage: DoubleArray, fill: float) -> DoubleArray:
    """total / coverage, and `fill` where nothing is covered."""
    result = np.full(total.shape, fill, np.float64)
    return np.divide(total, coverage, out=result, where=coverage > 0)


def _check_weights(weights: npt.ArrayLike | None, count: int) -> DoubleArray:
    """Weights (n,) float64, ones by default."""
    if weights is None:
        return np.ones(count)
    values = np.ascontiguousarray(weights, dtype=np.float64)
    if values.shape != (count,) or not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(
            f"weights must be {count} finite numbers of 0 or more, one a frame, not {weights!r}."
        )
    return values
