"""The mean of the aligned series, and what each frame is compared with: the mean of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from hyperspy_smartalign.resampling import Accumulated, Accumulator, shift_and_add, shift_frame
from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.transforms import Canvas

from .store import FrameStore
from .weighting import signal_spectrum
from .windows import window_2d

__all__ = ["Reference", "Template", "build_reference"]

FloatArray = npt.NDArray[np.float32]

#: The mean is trusted where at least this share of the usual number of frames saw it,
LEAST_COVERAGE = 0.2
#: and at least this many pixels away from where fewer did.
EDGE = 6
#: Only Bragg spots this far (standard deviations) above the noise shape the filter one by one, the
#: rest by averages: a filter that follows the noise of the mean would follow each frame's own.
SIGNIFICANCE = 10.0


@dataclass(frozen=True)
class Template:
    """What a frame is expected to look like, from the other frames.

    Attributes
    ----------
    spectrum : (wy, wx // 2 + 1) complex64
        Transform of the denoised mean of the others, less `Reference.level`, on the frame's
        window of the common frame (moved by whole pixels only).
    fraction : (2,) float64
        What is left of the frame's shift, within half a pixel.
    count : (wy, wx) float32
        How many other frames saw each pixel; 0 where the mean is not to be trusted, because too
        few did or the edge of what they saw is near.
    """

    spectrum: npt.NDArray[np.complex64]
    fraction: npt.NDArray[np.float64]
    count: FloatArray


@dataclass(frozen=True)
class Reference:
    """Aligned sum of a series on a canvas that holds every frame's window.

    Attributes
    ----------
    total, coverage : (H, W) float32
        Sum of the aligned frames and number of frames that saw each pixel.
    trusted : (H, W) bool
        Pixels seen often enough and away from the edge of what was: the filter of the mean fades
        it out towards uncovered ground, which would pull frames at the ends of the drift path.
    canvas : Canvas
    level : float
        Mean intensity.
    margin : int
        Pixels of the common frame shown around each frame.
    window_shape : (wy, wx)
        Size of every frame's window.
    gain : (wy, wx // 2 + 1) float32
        Wiener filter of the mean: signal over signal plus noise of each frequency.
    """

    total: FloatArray
    coverage: FloatArray
    trusted: npt.NDArray[np.bool_]
    canvas: Canvas
    level: float
    margin: int
    window_shape: tuple[int, int]
    gain: FloatArray

    def window(self, shift: npt.NDArray[np.float64]) -> tuple[Canvas, npt.NDArray[np.float64]]:
        """Window of a frame in the common frame, and the sub-pixel rest of its shift."""
        whole = np.round(shift)
        top, left = (-whole - self.margin).astype(int)
        return Canvas(int(top), int(left), *self.window_shape), shift - whole

    def slices(self, window: Canvas) -> tuple[slice, slice]:
        """Where a window lies in the canvas."""
        rows = slice(window.top - self.canvas.top, window.top - self.canvas.top + window.height)
        columns = slice(
            window.left - self.canvas.left, window.left - self.canvas.left + window.width
        )
        return rows, columns

    def template(
        self,
        store: FrameStore,
        index: int,
        shift: npt.NDArray[np.float64],
        *,
        included: bool = True,
    ) -> Template:
        """What frame `index` should look like, from the others alone.

        Its own pixels are taken out of the sum first: a frame compared with a mean that holds it
        finds its own noise, and stays where it is.
        """
        window, fraction = self.window(shift)
        place = self.slices(window)
        mean = np.empty(self.window_shape, np.float32)
        count = np.empty(self.window_shape, np.float32)
        if included:
            own = shift_frame(
                store.frame(index),
                shift,
                window,
                coefficients=store.coefficients(index),
                fill=0.0,
            )
            pixels, covered = own.pixels, own.covered
        else:
            pixels = np.zeros(self.window_shape, np.float32)
            covered = np.zeros(self.window_shape, np.bool_)
        _mean_of_others(
            self.total[place], self.coverage[place], self.trusted[place], pixels, covered,
            self.level, mean, count,
        )  # fmt: skip
        spectrum = fft.rfft2(mean, workers=1)
        spectrum *= self.gain
        return Template(spectrum=spectrum, fraction=fraction, count=count)

    def phases(self, offset: npt.NDArray[np.float64]) -> npt.NDArray[np.complex64]:
        """Factor that moves the content of a window by `offset` px (y, x)."""
        rows = fft.fftfreq(self.window_shape[0])
        columns = fft.rfftfreq(self.window_shape[1])
        return np.asarray(
            np.exp(-2j * np.pi * rows * offset[0])[:, None]
            * np.exp(-2j * np.pi * columns * offset[1])[None, :],
            np.complex64,
        )


@compiled
def _mean_of_others(
    total: FloatArray,
    coverage: FloatArray,
    trusted: npt.NDArray[np.bool_],
    own: FloatArray,
    covered: npt.NDArray[np.bool_],
    level: float,
    mean: FloatArray,
    count: FloatArray,
) -> None:
    for y in range(total.shape[0]):
        for x in range(total.shape[1]):
            seen = coverage[y, x]
            value = total[y, x]
            if covered[y, x]:
                seen -= 1.0
                value -= own[y, x]
            if seen > 0.5:
                count[y, x] = seen if trusted[y, x] else 0.0
                mean[y, x] = value / seen - level
            else:
                count[y, x] = 0.0
                mean[y, x] = 0.0


def _sum_frames(
    store: FrameStore,
    shifts: npt.NDArray[np.float64],
    used: npt.NDArray[np.bool_],
    canvas: Canvas,
    num_workers: int | None,
) -> Accumulated:
    if store.keeps:
        return shift_and_add(
            store.all_coefficients(),
            np.where(used[:, None], shifts, 0.0),
            canvas,
            weights=used.astype(np.float64),
            num_workers=num_workers,
        )
    accumulator = Accumulator(canvas.shape)
    for index in np.flatnonzero(used):
        pixels = store.frame(int(index))
        accumulator.add(shift_frame(pixels, shifts[index], canvas, fill=0.0))
    return accumulator.result()


def build_reference(
    store: FrameStore,
    shifts: npt.NDArray[np.float64],
    used: npt.NDArray[np.bool_],
    *,
    variance: float,
    margin: int,
    num_workers: int | None = None,
) -> Reference:
    """Sum the aligned frames and find the filter that best denoises their mean.

    Parameters
    ----------
    store : FrameStore
    shifts : (n, 2) array
        px (y, x).
    used : (n,) bool
        Frames that enter the sum.
    variance : float
        Noise variance of a pixel of one frame.
    margin : int
        Pixels of the common frame shown around each frame.
    num_workers : int, optional

    Returns
    -------
    Reference

    Notes
    -----
    The signal spectrum of the mean is found as that of the frames is (`signal_spectrum`), its noise
    level from `variance` and the coverage; the filter is S / (S + N).
    """
    h, w = store.shape
    window_shape = (
        fft.next_fast_len(h + 2 * margin, real=True),
        fft.next_fast_len(w + 2 * margin, real=True),
    )
    places = -np.round(shifts).astype(int) - margin
    low, high = places.min(0), places.max(0) + window_shape
    canvas = Canvas(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
    summed = _sum_frames(store, shifts, used, canvas, num_workers)
    total, coverage = summed.total, summed.coverage
    level = float(total.sum() / coverage.sum())

    # The window of the frame nearest to the middle of the path sees the most of the others.
    middle = np.argmin(np.abs(shifts - np.median(shifts[used], axis=0)).sum(1) + 1e9 * ~used)
    top, left = places[middle] - low
    place = (slice(top, top + window_shape[0]), slice(left, left + window_shape[1]))
    seen = coverage[place]
    safe = np.maximum(seen, 1.0)
    taper = np.where(seen > 0.5, window_2d(window_shape, "hann"), 0.0)
    mean = np.where(seen > 0.5, total[place] / safe - level, 0.0) * taper
    power = np.abs(fft.rfft2(mean, workers=num_workers)) ** 2
    noise = variance * float((taper**2 / safe).sum())
    signal = signal_spectrum(
        power, noise, frame_shape=window_shape, samples=1.0, significance=SIGNIFICANCE
    )
    gain = np.asarray(signal / (signal + noise), np.float32)
    often = coverage >= max(2.0, LEAST_COVERAGE * float(np.median(seen)))
    trusted = ndimage.minimum_filter(often, size=2 * EDGE + 1, mode="constant", cval=0)
    return Reference(
        total=np.asarray(total, np.float32),
        coverage=np.asarray(coverage, np.float32),
        trusted=trusted,
        canvas=canvas,
        level=level,
        margin=margin,
        window_shape=window_shape,
        gain=gain,
    )
