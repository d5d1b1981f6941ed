"""How much of what one frame shows arrives in the average, frequency by frequency."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.rings import Rings, soft_window, spectrum

__all__ = ["FrameSpectra", "SpectralQuality", "frame_spectra", "spectral_quality"]

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]

# The noise is read where it is lowest, over this part of the rings, in the outer half of them.
_PLATEAU = 0.2
# Interpolation may leave next to nothing of the noise at high frequencies; not read there.
_LEAST_SHAPE = 0.2
# Error of the noise level, as noise is not quite white: a part of it.
_NOISE_ERROR = 0.03
# Noise is not white where it is this much stronger in some rings without signal than in others, of
# which there must be a few.
_UNEVEN = 2.5
_FEWEST_BARE = 8
# Coherent power this many standard errors above zero is significant.
_SIGNIFICANT = 3.0


@dataclass(frozen=True, eq=False)
class FrameSpectra:
    """Power of the frames of an aligned series and what they have in common, over rings.

    F_i is the windowed spectrum of frame i of m, and S the sum of all. Power is per pixel, in
    squared units of the data: white noise of variance v has the power v.

    Attributes
    ----------
    frequency : (k,) float64
        Periods per pixel, as of `Rings`.
    samples : (k,) float64
        Independent complex samples of a ring.
    power : (m, k) float64
        Mean over the ring of ``|F_i|^2``.
    cross : (m, k) float64
        Mean over the ring of ``Re F_i conj(S - F_i) / (m - 1)``: what frame i has in common with
        the mean of the others.
    noise_shape : (k,) float64
        Power of white noise of variance 1 after the interpolation of the frames.
    mean_power : (h, w // 2 + 1) float64
        Mean over the frames of ``|F_i|^2``.
    average : (h, w // 2 + 1) complex128
        ``S / m``.
    at : (s, 2) int
        Places (row, column) in these arrays of spots that were asked for.
    values : (m, s) complex128
        F_i there.
    """

    frequency: FloatArray
    samples: FloatArray
    power: FloatArray
    cross: FloatArray
    noise_shape: FloatArray
    mean_power: FloatArray
    average: ComplexArray
    at: npt.NDArray[np.intp]
    values: ComplexArray

    @property
    def frames(self) -> int:
        """m, the number of frames."""
        return len(self.power)

    @cached_property
    def coherent(self) -> FloatArray:
        """(k,) power of the mean spectrum of the frames, ``|<F>|^2``, without bias by noise.

        May fall below zero by chance.
        """
        return np.asarray(self.cross.mean(axis=0), np.float64)

    @cached_property
    def incoherent(self) -> FloatArray:
        """(k,) power of one frame that differs from frame to frame: noise and motion."""
        # Of equal frames, rounding leaves less than nothing.
        return np.asarray(np.maximum(self.power.mean(axis=0) - self.coherent, 0.0), np.float64)

    @cached_property
    def coherent_error(self) -> FloatArray:
        """(k,) standard error of `coherent` where there is nothing but what is incoherent."""
        pairs = self.frames * (self.frames - 1)
        return np.asarray(self.incoherent / np.sqrt(pairs * self.samples), np.float64)

    @cached_property
    def noise_variance(self) -> float:
        """Variance of the white noise of a pixel of one frame, squared units of the data.

        The lowest plateau of the incoherent power in the outer half of the rings. NaN where
        interpolation left no noise to read.
        """
        count = len(self.frequency)
        width = max(math.ceil(_PLATEAU * count), 1)
        white = np.full(count, np.nan)
        readable = self.noise_shape > _LEAST_SHAPE
        np.divide(self.incoherent, self.noise_shape, out=white, where=readable)
        levels = [
            float(np.median(part[np.isfinite(part)]))
            for start in range(count // 2, count - width + 1)
            if np.isfinite(part := white[start : start + width]).any()
        ]
        return max(min(levels), 0.0) if levels else math.nan

    @property
    def noise(self) -> FloatArray:
        """(k,) power of the noise of one frame."""
        return np.asarray(self.noise_variance * self.noise_shape, np.float64)

    @property
    def significant(self) -> npt.NDArray[np.bool_]:
        """(k,) rings in which the frames have something in common beyond chance."""
        return np.asarray(self.coherent > _SIGNIFICANT * self.coherent_error)

    @property
    def is_white(self) -> bool:
        """Whether what differs between frames is about as strong in all rings without signal.

        False where frames were smoothed or made of more pixels than were recorded, and for the
        flicker of a detector: then `independent` samples are fewer than stated, and `noise` is too
        low.
        """
        bare = ~self.significant & (self.noise_shape > _LEAST_SHAPE)
        if np.count_nonzero(bare) < _FEWEST_BARE:
            return True
        level = (self.incoherent / np.where(bare, self.noise_shape, 1.0))[bare]
        low, high = np.quantile(level, (0.1, 0.9))
        return bool(high <= _UNEVEN * low)

    @property
    def frame_transfer(self) -> FloatArray:
        """(m, k) amplitude of each frame along the mean of the others, 1 on average.

        Less where a frame is blurred or out of register; NaN in rings without signal.
        """
        result = np.full(self.cross.shape, np.nan)
        np.divide(self.cross, self.coherent, out=result, where=self.significant)
        return result


@dataclass(frozen=True, eq=False)
class SpectralQuality:
    """Signal to noise of one frame and of the average, and the transfer from one to the other.

    Attributes
    ----------
    frequency : (k,) float64
        Periods per pixel. Where pixels are not square, the pixel is one of the same area.
    samples : (k,) float64
        Independent complex samples of a ring.
    ssnr_frame, ssnr_average : (k,) float64
        Ratio of signal to noise power in one frame and in the average; 0 where the frames have
        nothing in common. Signal is what all frames have in common, noise all else.
    ssnr_error : (k,) float64
        Standard error of `ssnr_frame`; that of `ssnr_average` is as many times larger as there are
        frames.
    transfer : (k,) float64
        Amplitude of the average over that of one frame, noise left out of both: 1 where all frames
        are in register. Independent shifts of s px rms along each axis that are left in the frames
        give ``exp(-2 pi^2 f^2 s^2)``. NaN where the frames have nothing in common.
    transfer_error : (k,) float64
        Its standard error: by leaving out one frame after another, and from a level of the noise
        that is known to 3 %.
    coherent, incoherent, noise : (k,) float64
        Powers of one frame, per pixel, in squared units of the data: what all have in common, what
        differs, and how much of that is the noise of the detector.
    frames : int
        Number of frames.

    References
    ----------
    Unser, Trus & Steven, Ultramicroscopy 23, 39 (1987).
    """

    frequency: FloatArray
    samples: FloatArray
    ssnr_frame: FloatArray
    ssnr_average: FloatArray
    ssnr_error: FloatArray
    transfer: FloatArray
    transfer_error: FloatArray
    coherent: FloatArray
    incoherent: FloatArray
    noise: FloatArray
    frames: int

    @property
    def information(self) -> float:
        """Bits in the average under the window: sum over the samples of ``log2(1 + ssnr)``."""
        return float((self.samples * np.log2(1 + self.ssnr_average)).sum())

    @property
    def frame_information(self) -> float:
        """Bits in one frame, as `information`."""
        return float((self.samples * np.log2(1 + self.ssnr_frame)).sum())


def frame_spectra(
    frames: Iterable[npt.ArrayLike],
    average: npt.ArrayLike,
    *,
    rings: Rings,
    window: FloatArray | None = None,
    noise_shape: npt.ArrayLike | None = None,
    at: npt.NDArray[np.intp] | None = None,
) -> FrameSpectra:
    """Power and common part of aligned frames, which are read once, one by one.

    Parameters
    ----------
    frames : iterable of (h, w) array-like
        Two or more aligned frames of finite pixels; what a frame did not see is filled with the
        average.
    average : (h, w) array-like
        Their average.
    rings : Rings
        For frames of this shape.
    window : (h, w) array, optional
        A Hann window by default.
    noise_shape : (k,) array-like, optional
        Power of white noise of variance 1 after the interpolation; 1 by default.
    at : (s, 2) array of int, optional
        Places in the half plane at which the value of every frame is kept.

    Returns
    -------
    FrameSpectra

    Raises
    ------
    ValueError
        There are fewer than two frames, or pixels that are not finite.
    """
    soft = soft_window(rings.shape) if window is None else window
    places = np.empty((0, 2), np.intp) if at is None else np.asarray(at, np.intp).reshape(-1, 2)
    mean = spectrum(_finite(average), soft)
    own: list[FloatArray] = []
    along: list[FloatArray] = []
    values: list[ComplexArray] = []
    summed = np.zeros(mean.shape)
    for frame in frames:
        transform = spectrum(_finite(frame), soft)
        square = np.abs(transform) ** 2
        summed += square
        own.append(rings.mean(square))
        along.append(rings.mean((transform * mean.conj()).real))
        values.append(transform[places[:, 0], places[:, 1]])
    count = len(own)
    if count < 2:
        raise ValueError(f"{count} frame was given; two or more are needed to tell signal apart.")
    power = np.array(own)
    return FrameSpectra(
        frequency=rings.frequency,
        samples=rings.independent,
        power=power,
        cross=(count * np.array(along) - power) / (count - 1),
        noise_shape=np.ones(len(rings))
        if noise_shape is None
        else np.asarray(noise_shape, np.float64),
        mean_power=summed / count,
        average=mean,
        at=places,
        values=np.array(values),
    )


def spectral_quality(spectra: FrameSpectra) -> SpectralQuality:
    """Spectral signal-to-noise ratio and transfer, with errors by leaving out frames.

    Parameters
    ----------
    spectra : FrameSpectra
        Of two frames or more; errors of the transfer need three.

    Returns
    -------
    SpectralQuality
    """
    m = spectra.frames
    coherent, incoherent = np.maximum(spectra.coherent, 0.0), spectra.incoherent
    ratio = np.zeros(coherent.shape)
    np.divide(coherent, incoherent, out=ratio, where=incoherent > 0)
    error = np.full(coherent.shape, np.nan)
    spread = spectra.coherent_error**2 + 2 * coherent * incoherent / (m * spectra.samples)
    np.divide(np.sqrt(spread), incoherent, out=error, where=incoherent > 0)
    # The noise power in the denominator has an error too.
    error = np.hypot(error, ratio / np.sqrt((m - 1) * spectra.samples))
    kept = spectra.significant
    signal = spectra.power.mean(axis=0) - spectra.noise
    transfer = _transfer(coherent, signal)
    by_noise = np.full(coherent.shape, np.nan)
    np.divide(_NOISE_ERROR * spectra.noise * transfer, 2 * signal, out=by_noise, where=signal > 0)
    transfer_error = np.hypot(_jackknifed(spectra), by_noise)
    return SpectralQuality(
        frequency=spectra.frequency,
        samples=spectra.samples,
        ssnr_frame=ratio,
        ssnr_average=m * ratio,
        ssnr_error=error,
        transfer=np.where(kept, transfer, np.nan),
        transfer_error=np.where(kept, transfer_error, np.nan),
        coherent=coherent,
        incoherent=incoherent,
        noise=spectra.noise,
        frames=m,
    )


def _transfer(coherent: FloatArray, signal: FloatArray) -> FloatArray:
    """Amplitude of what is common over that of a frame without its noise."""
    square = np.full(np.shape(coherent), np.nan)
    np.divide(coherent, signal, out=square, where=(signal > 0) & (coherent > 0))
    return np.asarray(np.sqrt(square), np.float64)


def _jackknifed(spectra: FrameSpectra) -> FloatArray:
    """Standard error (k,) of the transfer, from its values without each of the frames."""
    m = spectra.frames
    if m < 3:
        return np.full(len(spectra.frequency), np.nan)
    total = spectra.cross.sum(axis=0) * (m - 1)
    without = (total - 2 * (m - 1) * spectra.cross) / ((m - 1) * (m - 2))
    power = (spectra.power.sum(axis=0) - spectra.power) / (m - 1)
    values = _transfer(without, power - spectra.noise)
    return np.asarray(np.sqrt((m - 1) * values.var(axis=0)), np.float64)


def _finite(image: npt.ArrayLike) -> npt.NDArray[Any]:
    pixels = np.asarray(image)
    if not np.isfinite(pixels).all():
        raise ValueError(
            "an aligned frame has pixels that are not finite; fill them with the average of the "
            "frames before."
        )
    return pixels
