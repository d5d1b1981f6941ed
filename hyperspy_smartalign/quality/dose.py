"""What the first 1 to n frames of a series hold, and weights against fading."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.fft

from hyperspy_smartalign.quality.damage import CriticalDose

__all__ = [
    "FadingSum",
    "best_counts",
    "expected_information",
    "frame_counts",
    "information",
    "undamaged",
]

FloatArray = npt.NDArray[np.float64]

# Frequencies at which weights are worked out; between them they are interpolated.
_TABLE = 512


def frame_counts(frames: int, *, step: int = 2, most: int = 20) -> npt.NDArray[np.intp]:
    """Numbers of first frames to look at: multiples of a step, evenly spread in ratio, and all.

    Parameters
    ----------
    frames : int
        How many there are.
    step : int
        Frames that make halves alike: 2, or more where frames differ in turn.
    most : int
        How many numbers at most.
    """
    last = frames // step
    steps = np.rint(np.geomspace(1, max(last, 1), most)).astype(np.intp)[: most * last]
    return np.unique(np.append(step * steps, frames))


def information(ssnr: npt.ArrayLike, frequency: npt.ArrayLike, width: float) -> float:
    """Bits a pixel that an image holds about the specimen.

    Parameters
    ----------
    ssnr : (k,) array
        Spectral signal-to-noise ratio of the power, on rings. Below 0 counts as 0.
    frequency : (k,) array
        Of the rings, periods per pixel.
    width : float
        Distance between rings, periods per pixel.

    Notes
    -----
    Shannon's capacity, the sum of log2(1 + SSNR) / 2 over the frequencies, of which a ring holds
    2 pi k dk a pixel. Spots on a ring count as if their power were spread over it.
    """
    ratio = np.maximum(np.asarray(ssnr, np.float64), 0.0)
    share = 2 * np.pi * np.asarray(frequency, np.float64) * width
    return float((share * np.log2(1 + ratio)).sum() / 2)


def undamaged(
    cross: FloatArray, power: FloatArray, amplitude: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Power that an unexposed specimen shows in a frame, and that of the noise of a frame.

    Parameters
    ----------
    cross, power : (m, k) array
        As for `hyperspy_smartalign.quality.damage.measure_fading`.
    amplitude : (m, k) array
        Part of the amplitude that is left in each frame.

    Returns
    -------
    signal, noise : (k,) float64
    """
    count = len(cross)
    pairs = (amplitude * (amplitude.sum(axis=0) - amplitude)).sum(axis=0) / (count - 1)
    signal = cross.sum(axis=0) / pairs
    noise = (power - amplitude**2 * signal).mean(axis=0)
    # What is left of strong spots must not pass for less than no noise.
    return signal, np.maximum(noise, 1e-6 * power.mean(axis=0))


def expected_information(
    signal: FloatArray,
    noise: FloatArray,
    amplitude: FloatArray,
    frequency: FloatArray,
    width: float,
) -> FloatArray:
    """(m,) bits a pixel in the average of the first 1, 2, ..., m frames.

    Parameters
    ----------
    signal, noise : (k,) array
        Power of an unexposed specimen, and noise of one frame.
    amplitude : (m, k) array
        Part of the amplitude that is left in each frame.
    frequency, width
        As for `information`.
    """
    count = np.arange(1, len(amplitude) + 1)[:, None]
    gained = np.cumsum(amplitude, axis=0) ** 2 / count
    ratio = np.divide(signal, noise, out=np.zeros_like(signal), where=noise > 0)
    return np.array([information(row, frequency, width) for row in gained * ratio])


def best_counts(amplitude: FloatArray) -> npt.NDArray[np.intp]:
    """(k,) number of first frames whose plain average has the best signal to noise.

    Parameters
    ----------
    amplitude : (m, k) array
        Part of the amplitude that is left in each frame, at each frequency.

    Notes
    -----
    The maximum of (sum of the amplitudes)^2 / frames: 1.26 times the critical number of frames
    where they fade exponentially.
    """
    count = np.arange(1, len(amplitude) + 1)[:, None]
    gained: FloatArray = np.cumsum(amplitude, axis=0) ** 2 / count
    return np.asarray(gained.argmax(axis=0) + 1)


@dataclass(frozen=True, eq=False)
class FadingSum:
    """Mean of frames with weights that follow the fading at every spatial frequency.

    The weight of a frame is its amplitude over the sum of those of all. Of all weights these make
    the best signal to noise where every frame has the same noise [1]_. They add up to 1, and at
    frequency zero all frames count alike, so that the mean intensity stays.

    Parameters
    ----------
    shape : (h, w)
        Of the frames, px.
    law : CriticalDose
        How fast details fade.
    exposure : (m,) array
        Frames that were recorded until the middle of each frame.
    pixel : (y, x)
        Relative size of the pixels; that of the law is a square one of the same area.

    Notes
    -----
    Frames are taken apart by cosine transforms, which continue them mirrored at the borders. To be
    used in two passes: the plain mean of the frames that saw each pixel first, and then the parts
    of what each frame differs from it, where a gap does not differ. So a pixel that only some
    frames saw is the plain mean as far as detail is known from these, and there are no steps.

    References
    ----------
    .. [1] T. Grant and N. Grigorieff, eLife 4 (2015) e06980.
    """

    shape: tuple[int, int]
    law: CriticalDose
    exposure: FloatArray
    pixel: tuple[float, float] = (1.0, 1.0)

    def weights(self, frequency: npt.ArrayLike) -> FloatArray:
        """(m, k) weight of each frame at k frequencies above zero, periods per pixel."""
        at = np.asarray(frequency, np.float64)
        # Fading since the first frame: only ratios matter, and none of them underflows.
        since = np.asarray(self.exposure, np.float64) - float(np.min(self.exposure))
        amplitude = self.law.amplitude(at[None], since[:, None])
        return np.asarray(amplitude / amplitude.sum(axis=0))

    def part(self, index: int, difference: npt.NDArray[np.floating]) -> FloatArray:
        """What a frame adds to the transform (h, w) of the mean.

        Parameters
        ----------
        index : int
            Place of the frame in `exposure`.
        difference : (h, w) array
            The frame less the plain mean of all; 0 or NaN where it saw nothing.
        """
        radius, table, values = self._lookup
        weight = np.interp(radius, table, values[index])
        weight[0, 0] = 1 / len(values)
        filled = np.nan_to_num(np.asarray(difference, np.float64), nan=0.0)
        return np.asarray(weight * scipy.fft.dctn(filled))

    def result(self, mean: npt.NDArray[np.floating], parts: npt.NDArray[np.floating]) -> FloatArray:
        """The weighted mean (h, w) from the plain mean and the sum of the parts.

        NaN where the mean is.
        """
        return np.asarray(mean + scipy.fft.idctn(parts))

    @cached_property
    def _lookup(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Frequency of each cosine (h, w), and the weights on a table of frequencies."""
        size = math.sqrt(abs(self.pixel[0] * self.pixel[1]))
        ky, kx = (
            np.arange(length) / (2 * length) * size / abs(step)
            for length, step in zip(self.shape, self.pixel, strict=True)
        )
        radius = np.hypot.outer(ky, kx)
        table = np.linspace(0, float(radius.max()), _TABLE)
        return radius, table, self.weights(table)
