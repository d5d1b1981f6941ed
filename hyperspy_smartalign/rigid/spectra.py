"""Fourier transforms of a series, cut down to the band that carries its signal.

A correlation weighted to a band can be computed on a coarser grid: the transforms are cut to the
band first, and all later inverse transforms are as small as the band allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from .weighting import (
    butterworth,
    fourier_radius,
    joint_weight,
    line_noise,
    noise_floor,
    signal_spectrum,
    taper_weight,
)
from .windows import window_2d

__all__ = [
    "FourierOptions",
    "Spectra",
    "crop_half_plane",
    "half_plane_of_mask",
    "series_spectra",
    "white_noise_variance",
]

#: Share of a spectral component that may differ between frames; the second is tried where the
#: first leaves doubt. Measured: the first leaves fewest hops on long series of 256 x 256, the
#: second on few small frames.
MODEL_ERRORS = (0.5, 0.1)
#: Share of the weighted signal that the cut band must keep.
KEPT_SIGNAL = 0.98
#: Correlation maps are not made smaller than this.
SMALLEST_MAP = 128


@dataclass(frozen=True)
class FourierOptions:
    """How frames are windowed and Fourier components weighted; see the parameters of the verb.

    ``exponent=None`` whitens by the series' own noise and signal, a number a divides by
    ``|F G*|**a``. ``weighting="auto"`` passes what is above the noise, other names a fixed band.
    """

    window: str = "auto"
    exponent: float | None = None
    weighting: str | npt.NDArray[Any] = "auto"
    band: float | tuple[float, float] | None = None
    butterworth: float | None = None
    butterworth_order: int = 2
    model_error: float = MODEL_ERRORS[0]


@dataclass(frozen=True)
class Spectra:
    """Windowed transforms of a series on a cut half plane.

    Attributes
    ----------
    frames : (n, c, my, mx // 2 + 1) complex64
        Transform of every frame (c = 1), or of c frames recorded in step (low-SNR mode).
    signal : (my, mx // 2 + 1) float64
        Signal power of one frame.
    noise : (my, mx // 2 + 1) float64
        Noise power of one frame.
    passed : (my, mx // 2 + 1) float32
        Fixed part of the weight (band, taper, mask, Butterworth filter).
    automatic : bool
        Whether `signal` and `noise` also weight (`joint_weight`).
    whiten : bool
        With ``automatic=False``: divide by noise and signal (no exponent given).
    overlap : (my, mx // 2 + 1) float32
        Power spectrum of the window; its inverse transform is 1 at zero shift.
    map_shape, frame_shape : (2,) int
        Pixels of the correlation maps and of the frames.
    model_error : float
        See `joint_weight`.
    """

    frames: npt.NDArray[np.complex64]
    signal: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]
    passed: npt.NDArray[np.float32]
    automatic: bool
    whiten: bool
    overlap: npt.NDArray[np.float32]
    map_shape: tuple[int, int]
    frame_shape: tuple[int, int]
    model_error: float

    @property
    def step(self) -> tuple[float, float]:
        """Frame pixels a map pixel, (y, x)."""
        return (
            self.frame_shape[0] / self.map_shape[0],
            self.frame_shape[1] / self.map_shape[1],
        )

    def weight(self, frames: float = 1.0) -> npt.NDArray[np.float32]:
        """Weight of one frame's product with the sum of `frames` others, (my, mx // 2 + 1)."""
        if self.automatic:
            return self.passed * joint_weight(
                self.signal, self.noise, model_error=self.model_error, frames=frames
            )
        if self.whiten:
            return np.asarray(self.passed / (1.0 + self.signal / self.noise), np.float32)
        return self.passed

    def phases(self, shift: npt.ArrayLike) -> npt.NDArray[np.complex64]:
        """Factor that moves a frame's content by ``-shift`` px: it undoes a measured shift."""
        y, x = np.asarray(shift, np.float64)
        rows = fft.fftfreq(self.map_shape[0], self.step[0])
        columns = fft.rfftfreq(self.map_shape[1], self.step[1])
        return np.asarray(
            np.exp(2j * np.pi * rows * y)[:, None] * np.exp(2j * np.pi * columns * x)[None, :],
            np.complex64,
        )

    def aligned(self, shifts: npt.NDArray[np.float64]) -> npt.NDArray[np.complex64]:
        """Transforms of all frames with their shifts undone, shaped as `frames`."""
        result = np.empty_like(self.frames)
        for index, shift in enumerate(shifts):
            result[index] = self.frames[index] * self.phases(shift)
        return result

    def with_signal_from(self, shifts: npt.NDArray[np.float64]) -> Spectra:
        """Re-estimate the signal power from the aligned series.

        The power of the aligned sum less that of the single frames holds no noise on average, so
        the weak diffuse scattering between Bragg spots is seen n times more clearly than in the
        mean power of the single frames.
        """
        n, channels = self.frames.shape[:2]
        if n < 3 or not (self.automatic or self.whiten):
            return self
        cross = np.zeros(self.signal.shape)
        single = (np.abs(self.frames) ** 2).sum(0, dtype=np.float64)
        total = self.aligned(shifts).sum(0)
        for channel in range(channels):
            cross += np.abs(total[channel]) ** 2 - single[channel]
        cross /= channels * n * (n - 1)
        signal = signal_spectrum(
            cross + self.noise,
            self.noise,
            frame_shape=self.frame_shape,
            samples=channels * n**2 / 2,
        )
        return replace(self, signal=signal)


def crop_half_plane(
    plane: npt.NDArray[Any], frame_rows: int, map_shape: tuple[int, int]
) -> npt.NDArray[Any]:
    """Cut ``(..., h, w // 2 + 1)`` transforms to ``(..., my, mx // 2 + 1)``.

    What would be the Nyquist frequency of a coarser even grid is set to zero: only one of its two
    signs is kept by the cut.
    """
    rows, columns = map_shape
    half = columns // 2 + 1
    top = (rows + 1) // 2
    cut = np.concatenate(
        [plane[..., :top, :half], plane[..., frame_rows - (rows - top) :, :half]], axis=-2
    )
    if rows < frame_rows and rows % 2 == 0:
        cut[..., top, :] = 0
    if half < plane.shape[-1] and columns % 2 == 0:
        cut[..., -1] = 0
    return cut


def half_plane_of_mask(mask: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """A user's mask, (h, w) with zero frequency in the middle, on the half plane.

    Raises
    ------
    ValueError
        It has another shape, or holds what is no weight.
    """
    values = np.asarray(mask, np.float64)
    if values.shape != shape:
        raise ValueError(
            f"a Fourier mask given as weighting must have the frame's shape {shape} (zero "
            f"frequency in the middle, as in a displayed FFT); got {values.shape}"
        )
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ValueError("a Fourier mask must hold finite values >= 0, not all zero")
    plane = fft.ifftshift(values)
    mirrored = np.roll(plane[::-1, ::-1], 1, (0, 1))
    return np.asarray(0.5 * (plane + mirrored)[:, : shape[1] // 2 + 1], np.float32)


def _map_shape(contribution: npt.NDArray[np.float64], shape: tuple[int, int]) -> tuple[int, int]:
    """Smallest quick transform size that keeps `KEPT_SIGNAL` of the weighted signal."""
    ky = np.abs(fft.fftfreq(shape[0]))
    kx = fft.rfftfreq(shape[1])
    sizes = []
    for frequencies, profile, size in (
        (ky, contribution.sum(1), shape[0]),
        (kx, contribution.sum(0), shape[1]),
    ):
        order = np.argsort(frequencies)
        share = np.cumsum(profile[order])
        if share[-1] <= 0:
            sizes.append(size)
            continue
        edge = frequencies[order][np.searchsorted(share, KEPT_SIGNAL * share[-1])]
        wanted = fft.next_fast_len(max(int(np.ceil(2 * edge * size)) + 2, SMALLEST_MAP), real=True)
        wanted += wanted % 2
        sizes.append(min(wanted, size))
    return sizes[0], sizes[1]


def series_spectra(
    frame: Callable[[int], npt.NDArray[np.float32]],
    count: int,
    shape: tuple[int, int],
    options: FourierOptions,
    *,
    num_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Spectra:
    """Transform a series and estimate its signal and noise spectra.

    Parameters
    ----------
    frame : callable
        ``frame(i)`` gives the i-th frame, (h, w) float32, prefiltered if wanted.
    count : int
        Number of frames n.
    shape : (h, w)
    options : FourierOptions
    num_workers : int, optional
        Threads of the transforms.
    progress : callable, optional
        ``progress(done, count)`` after each frame.

    Returns
    -------
    Spectra with one channel.

    Notes
    -----
    The window is taken off after the window-weighted mean, so that a bright offset does not leak
    through the window into every low frequency.
    """
    window = window_2d(shape, options.window)
    window_sum = float(window.sum(dtype=np.float64))

    done = 0

    def transform(index: int) -> npt.NDArray[np.complex64]:
        nonlocal done
        pixels = frame(index)
        mean = np.float32(np.vdot(pixels, window) / window_sum)
        plane = fft.rfft2((pixels - mean) * window, workers=num_workers)
        done += 1
        if progress is not None:
            progress(done, count)
        return np.asarray(plane, np.complex64)

    def passed_band() -> npt.NDArray[np.float32]:
        if isinstance(options.weighting, np.ndarray):
            band = half_plane_of_mask(options.weighting, shape)
        elif options.weighting == "auto":
            band = np.ones(fourier_radius(shape).shape, np.float32)
        else:
            band = taper_weight(shape, options.weighting, options.band)
        if options.butterworth is not None:
            band = band * butterworth(shape, options.butterworth, options.butterworth_order)
        return band

    # A few frames tell the band; then each frame is transformed once and cut at once.
    sampled = np.unique(np.linspace(0, count - 1, min(count, 12)).astype(int))
    first = {int(i): transform(int(i)) for i in sampled}
    power = np.zeros((shape[0], shape[1] // 2 + 1))
    for plane in first.values():
        power += np.abs(plane) ** 2 / len(first)
    level = noise_floor(power, shape, samples=len(sampled))
    noise = line_noise(power, level, shape, samples=len(sampled))
    signal = signal_spectrum(power, noise, frame_shape=shape, samples=len(sampled))
    passed = passed_band()
    automatic = isinstance(options.weighting, str) and options.weighting == "auto"
    if automatic:
        contribution = (
            signal * joint_weight(signal, noise, model_error=options.model_error) * passed
        )
    else:
        contribution = np.asarray(passed, np.float64)
    map_shape = _map_shape(contribution, shape)

    frames = np.empty((count, 1, map_shape[0], map_shape[1] // 2 + 1), np.complex64)
    mean_power = np.zeros(frames.shape[2:])
    for index in range(count):
        plane = first.pop(index) if index in first else transform(index)
        frames[index, 0] = crop_half_plane(plane, shape[0], map_shape)
        mean_power += np.abs(frames[index, 0]) ** 2
    mean_power /= count
    noise = np.maximum(crop_half_plane(noise, shape[0], map_shape), level)
    signal = signal_spectrum(mean_power, noise, frame_shape=shape, samples=count)
    passed = crop_half_plane(passed, shape[0], map_shape)
    if options.exponent is not None:
        magnitude = np.abs(frames)
        largest = max(float(magnitude.max()), float(np.finfo(np.float32).tiny))
        floor = np.float32(1e-6 * largest)
        frames /= np.maximum(magnitude, floor) ** np.float32(options.exponent)
        if automatic:
            passed = passed * np.asarray(signal / (signal + noise), np.float32)
    passed[0, 0] = 0.0
    overlap = crop_half_plane(np.abs(fft.rfft2(window)) ** 2, shape[0], map_shape)
    overlap = overlap / fft.irfft2(overlap, s=map_shape)[0, 0]
    return Spectra(
        frames=frames,
        signal=signal,
        noise=noise,
        passed=np.asarray(passed, np.float32),
        automatic=automatic and options.exponent is None,
        whiten=options.exponent is None,
        overlap=np.asarray(overlap, np.float32),
        map_shape=map_shape,
        frame_shape=shape,
        model_error=options.model_error,
    )


def white_noise_variance(
    frame: Callable[[int], npt.NDArray[np.float32]],
    indices: npt.NDArray[np.intp],
    shape: tuple[int, int],
) -> float:
    """Variance of a pixel's noise, from the high-frequency plateau of the frames `indices`."""
    window = window_2d(shape, "hann")
    power = np.zeros((shape[0], shape[1] // 2 + 1))
    for index in indices:
        pixels = frame(int(index))
        power += np.abs(fft.rfft2((pixels - pixels.mean()) * window)) ** 2
    level = noise_floor(power / len(indices), shape, samples=len(indices))
    return level / float((window.astype(np.float64) ** 2).sum())
