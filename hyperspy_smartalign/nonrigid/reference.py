"""What every frame is compared with: the mean of the others, denoised by its own spectrum.

As in rigid refinement, but frames arrive through any transform, and the mean may be that of all
frames, of the neighbours in time, or one frame alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import fft

from hyperspy_smartalign.resampling import (
    Accumulated,
    Accumulator,
    Resampled,
    resample_frame,
)
from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.rigid.reference import LEAST_COVERAGE, SIGNIFICANCE
from hyperspy_smartalign.rigid.store import FrameStore
from hyperspy_smartalign.rigid.weighting import signal_spectrum
from hyperspy_smartalign.rigid.windows import window_2d
from hyperspy_smartalign.transforms import Canvas, Transform

from .filling import fill_periodic

__all__ = ["Model", "Reference", "build_reference", "sum_frames"]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Pixels of the common frame around each frame: keeps what wraps around in the filter of the mean
#: away from the frame.
MARGIN = 16
#: The mean is trusted this many pixels inside the rim of what the others saw. Gaps are filled
#: before the filter, so that little rings there; of tiles a wide rim would be most.
EDGE = 1
#: Where lines differ in brightness it is trusted where at least this share of the most frames saw
#: it: elsewhere fewer lines make it up, and its brightness changes from pixel to pixel of a line.
EVEN_COVERAGE = 0.6
#: Variance of their brightness, over that of the noise of a pixel, from which on they do.
UNEVEN = 0.25


@dataclass(frozen=True)
class Model:
    """What a frame is expected to look like, on a window of the common frame.

    Attributes
    ----------
    coefficients : (wy, wx) float32
        Cubic B-spline coefficients of the denoised mean of the others less `Reference.level`.
    count : (wy, wx) float32
        Weight of the frames behind each pixel; 0 where the mean is not to be trusted.
    origin : (y, x)
        Where the window's first pixel lies in the common frame.
    denoised : float
        Share of the noise of the plain mean that the filter leaves.
    """

    coefficients: FloatArray
    count: FloatArray
    origin: tuple[float, float]
    denoised: float


@dataclass(frozen=True)
class Reference:
    """Sum of aligned frames, and how each frame is compared with it.

    Attributes
    ----------
    store : FrameStore
    transforms : tuple of Transform
        By which the frames entered.
    canvas : Canvas
        Where the sum lies.
    total, coverage : (H, W) float64
        Weighted sum of the frames, and of their weights.
    weights : (n,) float64
        Weight of each frame in the sum; 0 for frames that take no part.
    level : float
        What is taken off the mean before it is filtered.
    reach : int or None
        Frames on either side that a frame is compared with; None compares with all.
    fixed : int or None
        The one frame that all are compared with.
    window_shape : (wy, wx)
    margin : int
    signal : (wy, wx // 2 + 1) float64
        Power of the specimen in a mean on the window, tapered.
    noise : float
        Noise power there, of a mean of weight 1.
    smoothing : float or None
        Standard deviation of a Gaussian in px, instead of the filter by the spectrum.
    uneven : float
        Variance of the brightness of lines, over that of the noise of a pixel.
    """

    store: FrameStore
    transforms: tuple[Transform, ...]
    canvas: Canvas
    total: DoubleArray
    coverage: DoubleArray
    weights: DoubleArray
    level: float
    reach: int | None
    fixed: int | None
    window_shape: tuple[int, int]
    margin: int
    signal: DoubleArray
    noise: float
    smoothing: float | None
    uneven: float = 0.0

    def gain(self, weight: float) -> FloatArray:
        """Filter of a mean of this weight: signal over signal plus noise."""
        if self.smoothing is not None:
            rows = fft.fftfreq(self.window_shape[0])[:, None]
            columns = fft.rfftfreq(self.window_shape[1])[None, :]
            power = -2 * (np.pi * self.smoothing) ** 2 * (rows**2 + columns**2)
            return np.asarray(np.exp(power), np.float32)
        return np.asarray(self.signal / (self.signal + self.noise / max(weight, 1e-6)), np.float32)

    def weight_of_others(self, index: int) -> float:
        """Summed weight of the frames that a frame is compared with."""
        if self.fixed is not None:
            return float(self.weights[self.fixed])
        before, after = self._around(index)
        return float(self.weights[before].sum() + self.weights[after].sum())

    def _around(self, index: int) -> tuple[slice, slice]:
        """Frames before and after one that it is compared with."""
        reach = len(self.weights) if self.reach is None else self.reach
        return slice(max(0, index - reach), index), slice(index + 1, index + reach + 1)

    def _members(self, index: int) -> list[int]:
        if self.fixed is not None:
            return [self.fixed]
        places = np.arange(len(self.weights))
        near = np.concatenate([places[part] for part in self._around(index)])
        return [int(i) for i in near if self.weights[i] > 0]

    def model(self, index: int, shift: DoubleArray) -> Model | None:
        """What frame `index`, displaced by about `shift` (y, x), should look like.

        None where there is nothing to compare it with.
        """
        height, width = self.window_shape
        top, left = (-np.round(shift) - self.margin).astype(int)
        window = Canvas(int(top), int(left), height, width)
        weight = self.weight_of_others(index)
        if weight <= 0:
            return None
        mean, coverage = self._others(index, window, max(LEAST_COVERAGE * weight, 1e-6))
        if self.uneven > UNEVEN:
            coverage[coverage < EVEN_COVERAGE * coverage.max()] = 0.0
        seen = coverage > 0
        if not seen.any():
            return None
        fill_periodic(mean, seen)
        spectrum = fft.rfft2(mean, workers=1)
        gain = self.gain(weight)
        spectrum *= gain
        spectrum *= _to_coefficients(self.window_shape)
        coefficients = np.asarray(fft.irfft2(spectrum, s=self.window_shape, workers=1), np.float32)
        _distrust_rim(coverage, EDGE)
        denoised = float(np.square(gain, dtype=np.float64).mean())
        return Model(coefficients, coverage, (float(top), float(left)), denoised)

    def _others(self, index: int, window: Canvas, least: float) -> tuple[FloatArray, FloatArray]:
        """Mean, less the level, of the frames that a frame is compared with, and their weight.

        Both 0 where these weigh less than `least`.
        """
        mean, weights = np.empty(window.shape, np.float32), np.empty(window.shape, np.float32)
        if self.fixed is not None or self.reach is not None:
            accumulator = Accumulator(window.shape)
            for member in self._members(index):
                drawn = draw(self.store, member, self.transforms[member], window)
                accumulator.add(drawn, weight=float(self.weights[member]))
            summed = accumulator.result()
            total, coverage, own = summed.total, summed.coverage, None
        else:
            rows = slice(window.top - self.canvas.top, window.top - self.canvas.top + window.height)
            columns = slice(
                window.left - self.canvas.left, window.left - self.canvas.left + window.width
            )
            total, coverage, own = self.total[rows, columns], self.coverage[rows, columns], None
            if self.weights[index] > 0:
                # Its own pixels are taken out: compared with a mean that holds it, it stays put.
                own = draw(self.store, index, self.transforms[index], window)
        if own is None:
            own = Resampled(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.bool_))
        _mean_of_others(
            total, coverage, own.pixels, own.covered, float(self.weights[index]), self.level,
            least, mean, weights,
        )  # fmt: skip
        return mean, weights


@compiled
def _mean_of_others(
    total: DoubleArray,
    coverage: DoubleArray,
    own: FloatArray,
    covered: BoolArray,
    weight: float,
    level: float,
    least: float,
    mean: FloatArray,
    weights: FloatArray,
) -> None:
    """Take a frame out of a sum, and divide; `own` of a single pixel is no frame."""
    single = own.size == 1
    for y in range(total.shape[0]):
        for x in range(total.shape[1]):
            value, seen = total[y, x], coverage[y, x]
            if not single and covered[y, x]:
                value -= weight * own[y, x]
                seen -= weight
            if seen >= least:
                mean[y, x] = value / seen - level
                weights[y, x] = seen
            else:
                mean[y, x] = 0.0
                weights[y, x] = 0.0


@compiled
def _distrust_rim(weights: FloatArray, edge: int) -> None:
    """Set to 0, in place, what lies within `edge` pixels (y and x) of a 0 or of the outside."""
    h, w = weights.shape
    rows, kept = np.zeros((h, w), np.bool_), np.zeros(w, np.bool_)
    for y in range(h):
        rows[y, edge : w - edge] = True
        for i in range(2 * edge + 1):
            for x in range(edge, w - edge):
                rows[y, x] &= weights[y, x - edge + i] > 0.0
    for y in range(h):
        kept[:] = edge <= y < h - edge
        for i in range(max(0, y - edge), min(h, y + edge + 1)):
            for x in range(w):
                kept[x] &= rows[i, x]
        for x in range(w):
            if not kept[x]:
                weights[y, x] = 0.0


@cache
def _to_coefficients(shape: tuple[int, int]) -> FloatArray:
    """Transfer function from samples to cubic B-spline coefficients on a periodic window."""
    rows = 3.0 / (2.0 + np.cos(2 * np.pi * fft.fftfreq(shape[0])))
    columns = 3.0 / (2.0 + np.cos(2 * np.pi * fft.rfftfreq(shape[1])))
    return np.asarray(rows[:, None] * columns[None, :], np.float32)


def draw(store: FrameStore, index: int, transform: Transform, window: Canvas) -> Resampled:
    """One frame on a window of the common frame, 0 where it saw nothing."""
    return resample_frame(
        store.frame(index), transform, window, fill=0.0, coefficients=store.coefficients(index)
    )


def sum_frames(
    store: FrameStore,
    transforms: Sequence[Transform],
    weights: DoubleArray,
    canvas: Canvas,
    num_workers: int | None,
) -> Accumulated:
    """Weighted sum of the frames of weight above 0 on a canvas of the common frame."""
    members = np.flatnonzero(weights > 0)

    def drawn(position: int) -> Resampled:
        index = int(members[position])
        return draw(store, index, transforms[index], canvas)

    accumulator = Accumulator(canvas.shape)
    accumulator.add_drawn(drawn, weights[members].tolist(), num_workers=num_workers)
    return accumulator.result()


def build_reference(
    store: FrameStore,
    transforms: Sequence[Transform],
    weights: DoubleArray,
    *,
    shifts: DoubleArray,
    reach_of_motion: float,
    variance: float,
    level: float,
    reach: int | None = None,
    fixed: int | None = None,
    smoothing: float | None = None,
    uneven: float = 0.0,
    num_workers: int | None = None,
) -> Reference:
    """Sum the frames as their transforms place them, and find how to denoise their mean.

    Parameters
    ----------
    store : FrameStore
    transforms : sequence of Transform
        From the common frame to each frame.
    weights : (n,) array
        Of each frame in the sum, 0 for those that take no part.
    shifts : (n, 2) array
        About the mean displacement (y, x) of each frame, px.
    reach_of_motion : float
        Largest displacement of a pixel from that mean, px.
    variance : float
        Noise variance of a pixel of one frame.
    level : float
        About the mean intensity; the same in all passes, as the brightness of frames refers to it.
    reach, fixed, smoothing, uneven
        See `Reference`.
    num_workers : int, optional

    Returns
    -------
    Reference
    """
    h, w = store.shape
    margin = MARGIN + int(np.ceil(reach_of_motion))
    window_shape = (
        fft.next_fast_len(h + 2 * margin, real=True),
        fft.next_fast_len(w + 2 * margin, real=True),
    )
    places = -np.round(shifts).astype(int) - margin
    low, high = places.min(0), places.max(0) + window_shape
    canvas = Canvas(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
    summed = sum_frames(store, transforms, weights, canvas, num_workers)
    total, coverage = summed.total, summed.coverage

    used = weights > 0
    middle = np.argmin(np.abs(shifts - np.median(shifts[used], axis=0)).sum(1) + 1e9 * ~used)
    top, left = places[middle] - low
    place = (slice(top, top + window_shape[0]), slice(left, left + window_shape[1]))
    seen = coverage[place]
    safe = np.maximum(seen, 1e-6)
    taper = np.where(seen > 1e-6, window_2d(window_shape, "hann"), 0.0)
    mean = np.where(seen > 1e-6, total[place] / safe - level, 0.0) * taper
    power = np.abs(fft.rfft2(mean, workers=num_workers)) ** 2
    effective = float(used.sum()) / float(weights.sum())
    noise = variance * float((taper**2 / (safe * effective)).sum())
    signal = signal_spectrum(
        power, noise, frame_shape=window_shape, samples=1.0, significance=SIGNIFICANCE
    )
    return Reference(
        store=store,
        transforms=tuple(transforms),
        canvas=canvas,
        total=total,
        coverage=coverage,
        weights=weights,
        level=level,
        reach=reach,
        fixed=fixed,
        window_shape=window_shape,
        margin=margin,
        signal=signal,
        noise=variance * float((taper**2).sum()) / effective,
        smoothing=smoothing,
        uneven=uneven,
    )
