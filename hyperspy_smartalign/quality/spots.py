"""Spots of a periodic image in its power spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy.ndimage import maximum_filter
from scipy.signal.windows import blackman

FloatArray = npt.NDArray[np.float64]

# Chance that the brightest speckle of noise alone passes as a spot.
_FALSE_ALARM = 1e-3
# Spots this much weaker than the brightest may be side lobes of the window.
_DYNAMIC_RANGE = 1e-5
# The same for what is left of the slow parts of the image.
_SLOW_RANGE = 1e-7
# By how much a spot exceeds the mean power of what lies on both its sides, in any direction;
# streaks do not. What lies there is taken to be exponentially distributed, and its lower part is
# used, as other spots of the lattice may be among it.
_ABOVE_STREAKS = 10.0
_LOWER_PART = 0.3
_ALONGSIDE = range(4, 17)
# A Blackman window makes a spot about 3 frequency steps wide, to either side.
_REACH = 3
# Fewest periods in the image.
_FEWEST_PERIODS = 3.0
_MOST_SPOTS = 60


@dataclass(frozen=True)
class Spots:
    """Spots of a power spectrum, strongest first, one of each pair k and -k.

    Attributes
    ----------
    frequency : (n, 2) float64
        (y, x) in periods per pixel, between the steps of the spectrum too.
    strength : (n,) float64
        Power over that of the noise at this distance from the centre.
    """

    frequency: FloatArray
    strength: FloatArray

    def __len__(self) -> int:
        return len(self.strength)


def find_spots(image: npt.NDArray[Any], seen: npt.NDArray[np.bool_]) -> Spots:
    """Spots that stand above noise and streaks in the power spectrum of an image.

    Parameters
    ----------
    image : (h, w) array
        Real pixels.
    seen : (h, w) array of bool
        Pixels that count.

    Returns
    -------
    Spots
        None where the image is noise, amorphous, or has edges only.

    Notes
    -----
    Under a Blackman window. The noise is the median power on a ring around zero frequency; the
    power of noise is exponentially distributed about its mean, which sets the threshold. Maxima
    along streaks, as of edges, are told from spots by the power on both sides, in eight directions.
    """
    power = _power(image, seen)
    h, w = power.shape
    # Steps of the spectrum of the image itself; the image was padded to twice its size.
    steps = np.array(image.shape) / (h, w)
    ky, kx = np.arange(h) - h // 2, np.arange(w) - w // 2
    periods = np.hypot.outer(ky * steps[0], kx * steps[1])
    radius = np.hypot.outer(ky / h, kx / w) * max(image.shape)
    strength = power / _ring_floor(power, radius)
    size = [2 * math.ceil(_REACH / step) - 1 for step in steps]
    top = power == maximum_filter(power, size=size, mode="wrap")
    half = (ky[:, None] > 0) | ((ky[:, None] == 0) & (kx > 0))
    inner = (np.abs(ky)[:, None] < h // 2 - 1) & (np.abs(kx) < w // 2 - 1)
    kept = top & half & inner & (periods >= _FEWEST_PERIODS) & (power > 0)
    if not kept.any():
        return Spots(np.empty((0, 2)), np.empty(0))
    kept &= power > max(_DYNAMIC_RANGE * power[kept].max(), _SLOW_RANGE * power.max())
    kept &= strength > math.log(image.size / _FALSE_ALARM)
    places = np.argwhere(kept)
    places = places[np.argsort(-strength[kept], kind="stable")][: 4 * _MOST_SPOTS]
    lone = [place for place in places if _stands_alone(power, place, steps)][:_MOST_SPOTS]
    if not lone:
        return Spots(np.empty((0, 2)), np.empty(0))
    at = np.array(lone)
    frequency = (at - (h // 2, w // 2) + _peak_offsets(power, at)) / (h, w)
    return Spots(frequency, strength[at[:, 0], at[:, 1]])


def _power(image: npt.NDArray[Any], seen: npt.NDArray[np.bool_]) -> FloatArray:
    """Windowed power spectrum of the image padded to twice its size, zero in the middle."""
    window = np.multiply.outer(*(blackman(n + 2)[1:-1] for n in image.shape)) * seen
    total = window.sum()
    filled = np.where(seen, image, 0.0).astype(np.float64)
    mean = (window * filled).sum() / total
    padded = [scipy.fft.next_fast_len(2 * n) for n in image.shape]
    transform = scipy.fft.fft2(((filled - mean) * window).astype(np.float32), padded)
    return np.asarray(scipy.fft.fftshift(np.abs(transform) ** 2), np.float64)


def _ring_floor(power: FloatArray, radius: FloatArray) -> FloatArray:
    """Mean power of the noise at every frequency, from the median on its ring, 1 wide."""
    ring = radius.astype(np.intp)
    order = np.argsort(ring, axis=None, kind="stable")
    ends = np.cumsum(np.bincount(ring.ravel()))
    medians = np.array(
        [np.median(part) for part in np.split(power.ravel()[order], ends[:-1]) if part.size]
    )
    # Median and mean of an exponential distribution differ by ln 2.
    floor = medians / math.log(2)
    smallest = np.finfo(np.float64).tiny + 1e-14 * float(power.max(initial=0.0))
    return np.asarray(np.maximum(floor, smallest)[ring], np.float64)


def _stands_alone(power: FloatArray, place: npt.NDArray[np.intp], steps: FloatArray) -> bool:
    """Whether a maximum exceeds what lies on both its sides in every direction."""
    h, w = power.shape
    away = np.array([sign * step for sign in (-1, 1) for step in _ALONGSIDE])
    mean_of_lower = -math.log(1 - _LOWER_PART)
    for angle in np.arange(8) * math.pi / 8:
        rows = np.rint(place[0] + away * math.sin(angle) / steps[0]).astype(int) % h
        columns = np.rint(place[1] + away * math.cos(angle) / steps[1]).astype(int) % w
        mean = np.quantile(power[rows, columns], _LOWER_PART) / mean_of_lower
        if power[tuple(place)] < _ABOVE_STREAKS * mean:
            return False
    return True


def _peak_offsets(power: FloatArray, at: npt.NDArray[np.intp]) -> FloatArray:
    """Sub-step position (n, 2) of maxima: vertex of the parabola through the log power."""
    offsets = np.empty(at.shape)
    tiny = np.finfo(np.float64).tiny
    for axis in (0, 1):
        step = np.eye(2, dtype=np.intp)[axis]
        before, middle, after = (
            np.log(np.maximum(power[tuple((at + shift * step).T)], tiny)) for shift in (-1, 0, 1)
        )
        curvature = before - 2 * middle + after
        slope = (after - before) / 2
        offsets[:, axis] = np.where(curvature < 0, -slope / np.minimum(curvature, -tiny), 0.0)
    return np.clip(offsets, -1.0, 1.0)
