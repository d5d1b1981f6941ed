"""Fourier ring correlation of two averages, and the resolution that it vouches for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from hyperspy_smartalign.quality.rings import Rings, soft_window, spectrum

__all__ = [
    "CRITERIA",
    "Criterion",
    "RingCorrelation",
    "check_criterion",
    "ring_correlation",
    "search_chance",
]

FloatArray = npt.NDArray[np.float64]
Criterion = Literal["1/7", "half_bit"]
CRITERIA = ("1/7", "half_bit")

# Chance that noise alone lifts any ring of the spectrum above the limit.
_FALSE_ALARM = 0.01
# Rings before and after a ring that may tell with it that it is no noise. A single ring with a spot
# is not to speak for its neighbours, so that it counts as this correlation at most.
_POOLED = 2
_ONE_SPOT = 0.5
# Of the samples of neighbouring rings, this part is independent.
_SHARED = 0.5
# Rings among which the spread of noise is the median.
_NEIGHBOURS = 11
# Half width of the streak of disturbed rows, in steps; from this distance from the centre it is
# left out, where its noise exceeds that of its rings by this factor. Nearer to the centre, rings
# then have about as many independent samples as the streak.
_STREAK, _CENTRE, _EXCESS = 2, 2.5, 1.7
_OF_STREAK = 1.25
# Rings below this correlation show more noise than signal.
_NOISY = 0.5
# Signal to noise ratio of a half at which the average of both holds half a bit a sample.
_HALF_BIT = (math.sqrt(2) - 1) / 2


@dataclass(frozen=True, eq=False)
class RingCorrelation:
    """Correlation of two images of the same thing, frequency by frequency.

    Attributes
    ----------
    frequency : (k,) float64
        Periods per pixel. Where pixels are not square, the pixel is one of the same area.
    correlation : (k,) float64
        Normalised correlation of the two spectra over a ring, -1 to 1; NaN where one is empty.
    independent : (k,) float64
        Independent complex samples of a ring: neighbouring samples are not independent under a
        window, half of the spectrum mirrors the other half, and noise may be strong in a few
        samples only, as that of disturbed rows is.
    chance : float
        Agreement (see `agreement`) that noise alone can gain because the frames were shifted onto
        each other. Without more than that nothing is resolved; see `believable`. 0 for images that
        were not moved.

    Notes
    -----
    The resolution is the period of the *highest* frequency at which the curve is above the limit,
    interpolated to where it crosses. Crystals put their signal into few rings, and the curve drops
    to zero between them: the first crossing would be that before the first spot. As the highest
    crossing could be one of noise, a ring counts only where its correlation is significant, by
    itself or with the two rings on either side: noise alone lifts any of the rings above the limit
    in 1 of 100 series.

    Frames of both halves were aligned with each other, and alignment makes noise alike: of n frames
    of noise, each moved to where it is most like the others, the halves agree. This is bounded by
    `chance`; see `search_chance`.

    References
    ----------
    Rosenthal & Henderson, J. Mol. Biol. 333, 721 (2003); van Heel & Schatz, J. Struct. Biol. 151,
    250 (2005).
    """

    frequency: FloatArray
    correlation: FloatArray
    independent: FloatArray
    chance: float = 0.0

    def __post_init__(self) -> None:
        shapes = {np.shape(each) for each in (self.frequency, self.correlation, self.independent)}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise ValueError(
                "frequency, correlation and independent must be three arrays of one length, not of "
                f"shapes {sorted(shapes)}."
            )

    @property
    def one_seventh(self) -> float:
        """The limit of 1/7.

        At 1/7 between two halves, their average correlates by 0.5 with the image without noise:
        its ratio of signal to noise is 1/3.
        """
        return 1 / 7

    @property
    def half_bit(self) -> FloatArray:
        """(k,) correlation at which the average of both halves holds half a bit a sample.

        ``(s + 2 sqrt(s / n) + 1 / sqrt(n)) / (s + 2 sqrt(s / n) + 1)`` with s = 0.2071 and n the
        number of `independent` samples.
        """
        root = 1 / np.sqrt(np.maximum(self.independent, 1.0))
        signal = _HALF_BIT + 2 * math.sqrt(_HALF_BIT) * root
        return np.asarray((signal + root) / (signal + 1), np.float64)

    @property
    def significance(self) -> FloatArray:
        """(k,) correlation that noise alone exceeds in one of all rings in 1 of 100 series."""
        return _significant(self.independent)

    @property
    def error(self) -> FloatArray:
        """(k,) standard error of the correlation, ``(1 - c^2) / sqrt(2 n)``."""
        square = np.square(np.clip(self.correlation, -1, 1))
        return np.asarray((1 - square) / np.sqrt(2 * np.maximum(self.independent, 1.0)))

    @property
    def signal_to_noise(self) -> FloatArray:
        """(k,) ratio of signal to noise power in the average of both, ``2 c / (1 - c)``."""
        bounded = np.clip(self.correlation, 0.0, 1 - 1e-12)
        return np.asarray(2 * bounded / (1 - bounded), np.float64)

    def limit(self, criterion: Criterion = "1/7") -> FloatArray:
        """(k,) what a correlation must exceed: the criterion, and what noise alone can do.

        Raises
        ------
        ValueError
            The criterion is neither "1/7" nor "half_bit".
        """
        check_criterion(criterion)
        bare = self.half_bit if criterion == "half_bit" else np.full(len(self.frequency), 1 / 7)
        by_chance = self.significance
        if len(by_chance) > 2 * _POOLED:
            by_chance = np.where(self._pooled(), 0.0, by_chance)
        return np.maximum(bare, by_chance)

    def resolution(self, criterion: Criterion = "1/7") -> float:
        """Period of the finest detail that both halves agree on, px.

        NaN where the halves agree on nothing, and where they still agree at the highest frequency,
        so that the curve never crosses (see `beyond_nyquist`).
        """
        return self._crossing(self.correlation, self.limit(criterion))

    def interval(self, criterion: Criterion = "1/7") -> tuple[float, float]:
        """Periods (finer, coarser) between which the resolution lies, by one standard error.

        Coarser: where the curve less its standard error crosses last. Finer: where the curve plus
        its standard error first falls below the limit, beyond the resolution. NaN where there is no
        such crossing.
        """
        limit = self.limit(criterion)
        above = np.flatnonzero(self._above(self.correlation, limit))
        finer = math.nan
        if above.size:
            raised = np.flatnonzero(~self._above(self.correlation + self.error, limit))
            beyond = raised[raised > above[-1]]
            if beyond.size:
                end = int(beyond[0]) + 1
                finer = self._crossing((self.correlation + self.error)[:end], limit[:end])
        return finer, self._crossing(self.correlation - self.error, limit)

    @property
    def agreement(self) -> float:
        """Logarithm of the odds that the halves share something, over all rings.

        The sum over the rings of ``-n ln(1 - c^2)``, where c is above zero.
        """
        return float(self._agreements.sum())

    @property
    def _agreements(self) -> FloatArray:
        bounded = np.clip(np.nan_to_num(self.correlation), 0.0, 1 - 1e-12)
        return np.asarray(-self.independent * np.log1p(-(bounded**2)), np.float64)

    @property
    def believable(self) -> bool:
        """Whether the halves agree more than the alignment of noise would make them.

        Over the first K rings, for any K: by `chance`, and ``K / 4 + 4 sqrt(K)`` that noise
        reaches where nothing was moved.
        """
        if self.chance == 0:
            return True
        count = np.arange(1, len(self.frequency) + 1)
        bound = self.chance + count / 4 + 4 * np.sqrt(count)
        return bool((np.cumsum(self._agreements) > bound).any())

    def beyond_nyquist(self, criterion: Criterion = "1/7") -> bool:
        """Whether the halves still agree in the ring of the highest frequency."""
        above = self._above(self.correlation, self.limit(criterion))
        return bool(above.size and above[-1])

    def agrees(self, criterion: Criterion = "1/7") -> bool:
        """Whether the halves agree in any ring."""
        return bool(self._above(self.correlation, self.limit(criterion)).any())

    def _pooled(self) -> npt.NDArray[np.bool_]:
        """Rings (k,) that are significant together with the two before and after them."""
        known = np.clip(np.nan_to_num(self.correlation), -1.0, _ONE_SPOT)
        reach = np.ones(2 * _POOLED + 1)
        samples = np.convolve(self.independent, reach, "same")[: len(known)]
        together = np.convolve(self.independent * known, reach, "same")[: len(known)] / samples
        return np.asarray(together > _significant(_SHARED * samples))

    def _above(self, curve: FloatArray, limit: FloatArray) -> npt.NDArray[np.bool_]:
        return np.asarray(self.believable & (np.nan_to_num(curve, nan=-1.0) > limit))

    def _crossing(self, curve: FloatArray, limit: FloatArray) -> float:
        """Period at the last crossing from above to below, NaN where there is none."""
        above = np.flatnonzero(self._above(curve, limit))
        if not above.size or above[-1] == len(curve) - 1:
            return math.nan
        last = int(above[-1])
        start = curve[last] - limit[last]
        end = np.nan_to_num(curve[last + 1], nan=-1.0) - limit[last + 1]
        step = self.frequency[last + 1] - self.frequency[last]
        return float(1 / (self.frequency[last] + step * start / (start - end)))


def _significant(samples: FloatArray) -> FloatArray:
    """Correlation (k,) that noise of so many samples exceeds in one of k rings, rarely."""
    # Real and imaginary parts, less what the two powers cost.
    freedom = 2 * np.maximum(samples, 1.0) - 1
    away = stdtrit(freedom, 1 - _FALSE_ALARM / max(len(samples), 1))
    return np.asarray(away / np.sqrt(freedom + away**2), np.float64)


def check_criterion(criterion: str) -> None:
    """Raise ValueError unless the criterion is one of "1/7" and "half_bit"."""
    if criterion not in CRITERIA:
        raise ValueError(f"criterion={criterion!r} is not known; use '1/7' or 'half_bit'.")


def ring_correlation(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    pixel: tuple[float, float] = (1.0, 1.0),
    window: npt.NDArray[np.float64] | None = None,
    frames: int = 0,
) -> RingCorrelation:
    """Fourier ring correlation of two images.

    Parameters
    ----------
    first, second : (h, w) array-like
        Real images of the same place with independent noise, such as the averages of the frames
        with even and with odd numbers. Pixels that are not finite in one of them are left out: both
        get their mean there.
    pixel : (y, x)
        Relative size of the pixels along y and x; rings are round in physical space.
    window : (h, w) array, optional
        What the images are multiplied with; a Hann window by default, for which `independent` is
        right.
    frames : int
        Number of frames that were shifted onto each other; 0 for images that were not moved.

    Returns
    -------
    RingCorrelation

    Raises
    ------
    ValueError
        The images are of different shapes, smaller than 8 x 8 px, or without a finite pixel.
    TypeError
        They are complex.

    Notes
    -----
    A factor common to both spectra, as that of interpolation, cancels.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperspy_smartalign.data import lattice, render_image
    >>> from hyperspy_smartalign.quality.ring_correlation import ring_correlation
    >>> rng = np.random.default_rng(0)
    >>> image = render_image(lattice("square", spacing=12.5, angle=4))
    >>> first, second = rng.poisson(10 * image, size=(2, *image.shape))
    >>> bool(4 < ring_correlation(first, second).resolution("1/7") < 12.5)
    True
    """
    images = [_checked(image) for image in (first, second)]
    if images[0].shape != images[1].shape:
        raise ValueError(
            f"the images have {images[0].shape} and {images[1].shape} px; give two of one shape."
        )
    shape = images[0].shape[0], images[0].shape[1]
    rings = Rings.of(shape, pixel)
    seen = np.isfinite(images[0]) & np.isfinite(images[1])
    if not seen.any():
        raise ValueError("the images have no finite pixel in common, so they cannot be compared.")
    if not seen.all():
        images = [np.where(seen, image, image[seen].mean()) for image in images]
    soft = soft_window(shape) if window is None else np.asarray(window, np.float64)
    a, b = (spectrum(image, soft) for image in images)
    rings = _without_streaks(rings, np.abs(a - b) ** 2)
    common = rings.mean((a * b.conj()).real)
    power = np.sqrt(rings.mean(np.abs(a) ** 2) * rings.mean(np.abs(b) ** 2))
    correlation = np.full(len(rings), np.nan)
    np.divide(common, power, out=correlation, where=power > 0)
    chance = search_chance(frames, shape) if frames else 0.0
    independent = rings.independent * _evenness(rings, a - b, correlation)
    return RingCorrelation(rings.frequency, correlation, independent, chance)


def _without_streaks(rings: Rings, noise: FloatArray) -> Rings:
    """The rings without the streaks of disturbed rows or columns, where noise has any.

    The noise of rows that are off lies on one axis of the spectrum. It would decide over whole
    rings, by few samples.
    """
    h, columns = noise.shape
    y, x = np.minimum(np.arange(h), h - np.arange(h))[:, None], np.arange(columns)
    outside = np.hypot(y, x) > _CENTRE
    for streak in (x + 0 * y <= _STREAK, y + 0 * x <= _STREAK):
        samples = streak & outside
        rest = rings.without(samples)
        level = rest.spread(rest.mean(noise))[samples]
        known = level > 0
        # The median of an exponential distribution is ln 2 of its mean.
        if known.any() and np.median(noise[samples][known] / level[known]) > _EXCESS * math.log(2):
            inner = rest.frequency < (_CENTRE + 1) * max(1 / h, 0.5 / (columns - 1))
            rings = replace(rest, independent=np.where(inner, _OF_STREAK, rest.independent))
    return rings


def _evenness(
    rings: Rings, difference: npt.NDArray[np.complex128], correlation: FloatArray
) -> FloatArray:
    """Part (k,) of the samples of each ring among which the noise is spread.

    1 for white noise, whose power is exponentially distributed: its mean square is twice the square
    of its mean. Less for noise along a line, such as disturbed rows. Read where noise dominates:
    what is left of a Bragg spot in the difference of the halves is no noise.
    """
    power = np.abs(difference) ** 2
    mean, square = rings.mean(power), rings.mean(power**2)
    part = np.full(len(rings), np.nan)
    np.divide(2 * mean**2, square, out=part, where=(square > 0) & (correlation < _NOISY))
    # Of n samples, the ratio gives n + 1.
    part -= 1 / np.maximum(rings.independent, 1.0)
    known = np.flatnonzero(np.isfinite(part))
    if not known.size:
        return np.ones(len(rings))
    # The median of the nearest rings that tell.
    near = np.abs(np.arange(len(rings))[:, None] - known).argsort(axis=1, kind="stable")
    smooth = np.median(part[known[near[:, :_NEIGHBOURS]]], axis=1)
    return np.asarray(np.clip(smooth, 1 / np.maximum(rings.independent, 1.0), 1.0), np.float64)


def search_chance(frames: int, shape: tuple[int, int]) -> float:
    """Agreement of two halves that aligning frames of pure noise can add.

    Each of the frames is moved to the best of about as many places as it has pixels, N: that alone
    raises the likelihood of its likeness to the others by the factor N. About a quarter of the
    logarithm is found between the halves. The bound is ``0.3 frames ln(N)``.

    Parameters
    ----------
    frames : int
        Number of frames.
    shape : (h, w)
        Of the frames, px.
    """
    return 0.3 * frames * math.log(shape[0] * shape[1])


def _checked(image: npt.ArrayLike) -> npt.NDArray[Any]:
    pixels = np.asarray(image)
    if pixels.ndim != 2:
        raise ValueError(f"an image has two axes (y, x), and this one has {pixels.ndim}.")
    if pixels.dtype.kind not in "biuf":
        raise TypeError(f"the pixels are {pixels.dtype}, and only real numbers are compared.")
    return pixels.astype(np.float64)
