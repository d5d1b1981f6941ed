"""Rings of equal spatial frequency, and windowed spectra to be averaged over them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

__all__ = ["Rings", "soft_window", "spectrum"]

FloatArray = npt.NDArray[np.float64]

# More rings than this are not told apart: in large images they are wider than one step.
_MOST_RINGS = 100
# Squared correlation of a Hann window's spectrum between steps that are 0, 1 and 2 apart.
_HANN_OVERLAP = (1.0, (2 / 3) ** 2, (1 / 6) ** 2)


def soft_window(shape: tuple[int, int]) -> FloatArray:
    """Hann window (h, w) that is zero one pixel outside the image.

    Its side lobes fall fast, so that a strong Bragg spot does not pass for signal elsewhere.
    """
    height, width = (np.hanning(n + 2)[1:-1] for n in shape)
    return np.asarray(np.multiply.outer(height, width), np.float64)


_ROUNDING = 1e-13


def spectrum(image: npt.NDArray[Any], window: FloatArray) -> npt.NDArray[np.complex128]:
    """Half of the Fourier transform (h, w // 2 + 1) of an image under a window.

    The windowed mean is taken off. White noise of variance v has the mean power v.
    """
    pixels = np.asarray(image, np.float64)
    mean = (pixels * window).sum() / window.sum()
    away = pixels - mean
    # The rounding of a mean is no content.
    if np.abs(away).max(initial=0.0) <= _ROUNDING * abs(mean):
        away = np.zeros_like(away)
    transform = scipy.fft.rfft2(away * window)
    return np.asarray(transform / math.sqrt((window**2).sum()), np.complex128)


@dataclass(frozen=True, eq=False)
class Rings:
    """Rings in the half plane of frequencies that `spectrum` gives.

    A frequency between two rings belongs to both, to the nearer one more.

    Attributes
    ----------
    shape : (h, w)
        Of the image, px.
    frequency : (k,) float64
        Of each ring, periods per pixel; the first is one step above zero, the last not above the
        Nyquist limit. Where pixels are not square, the pixel is one of the same area.
    width : float
        Distance between rings, periods per pixel.
    independent : (k,) float64
        Independent complex samples of each ring under a Hann window.
    """

    shape: tuple[int, int]
    frequency: FloatArray
    width: float
    independent: FloatArray
    _lower: npt.NDArray[np.intp]
    _share: FloatArray
    _weight: FloatArray

    @classmethod
    def of(cls, shape: tuple[int, int], pixel: tuple[float, float] = (1.0, 1.0)) -> Rings:
        """Rings of images of one shape.

        Parameters
        ----------
        shape : (h, w)
            Of the images, px; 8 or more along each axis.
        pixel : (y, x)
            Relative size of the pixels along y and x.

        Raises
        ------
        ValueError
            The image is too small, or a size is not above zero.
        """
        if min(shape) < 8:
            raise ValueError(
                f"an image of {shape[0]} x {shape[1]} px is too small for rings of spatial "
                "frequency; 8 x 8 px or more are needed."
            )
        sizes = np.abs(np.asarray(pixel, np.float64))
        if sizes.shape != (2,) or not (np.isfinite(sizes).all() and (sizes > 0).all()):
            raise ValueError(f"pixel is {pixel}; give two relative sizes (y, x) above 0.")
        sizes = sizes / math.sqrt(sizes.prod())
        h, w = shape
        ky, kx = scipy.fft.fftfreq(h) / sizes[0], scipy.fft.rfftfreq(w) / sizes[1]
        limit = float((0.5 / sizes).min())
        width = max(float((1 / (np.array(shape) * sizes)).max()), limit / _MOST_RINGS)
        count = int(limit / width + 1e-9)
        place = np.hypot.outer(ky, kx) / width
        lower = np.minimum(np.floor(place).astype(np.intp), count + 1)
        # All but two columns stand for their mirror images as well.
        weight = np.full(place.shape, 2.0)
        weight[:, 0] = 1.0
        if w % 2 == 0:
            weight[:, -1] = 1.0
        rings = cls(
            shape=(h, w),
            frequency=np.asarray(width * np.arange(1, count + 1), np.float64),
            width=width,
            independent=np.empty(0),
            _lower=lower,
            _share=np.where(lower > count, 0.0, place - lower),
            _weight=weight,
        )
        samples = rings._sum(np.ones(place.shape))
        independent = samples / _dependence(width * math.sqrt(h * w))
        object.__setattr__(rings, "independent", independent)
        return rings

    def __len__(self) -> int:
        return len(self.frequency)

    def mean(self, values: npt.NDArray[Any]) -> FloatArray:
        """Mean (k,) over each ring of real values (h, w // 2 + 1)."""
        return self._sum(np.asarray(values, np.float64)) / self._sum(np.ones(self._share.shape))

    def without(self, left_out: npt.NDArray[np.bool_]) -> Rings:
        """The rings without some samples, (h, w // 2 + 1) of bool.

        Each ring keeps one sample or more.
        """
        ones = np.ones(self._share.shape)
        fewer = replace(self, _weight=np.where(left_out, 0.0, self._weight))
        part = fewer._sum(ones) / self._sum(ones)
        if not (part > 0).all():
            raise ValueError("a ring would have no sample left; leave out fewer.")
        return replace(fewer, independent=self.independent * part)

    def spread(self, values: FloatArray) -> FloatArray:
        """Values (k,) of the rings at every sample (h, w // 2 + 1); outside, that of the last."""
        nearest = self._lower + np.rint(self._share).astype(np.intp)
        return np.asarray(values[np.clip(nearest - 1, 0, len(self) - 1)], np.float64)

    def _sum(self, values: FloatArray) -> FloatArray:
        size = len(self) + 3
        weighted = values * self._weight
        lower = np.bincount(self._lower.ravel(), (weighted * (1 - self._share)).ravel(), size)
        upper = np.bincount(self._lower.ravel() + 1, (weighted * self._share).ravel(), size)
        return np.asarray((lower + upper)[1 : len(self) + 1], np.float64)


def _dependence(steps: float) -> float:
    """Samples of a ring for one that is independent, the ring being so many steps wide.

    Neighbouring samples of a windowed spectrum are correlated, along the ring and across it; and
    each one and its mirror image are the same.
    """

    def overlap(distance: float) -> float:
        """Of a triangle of half width `steps` and unit area with itself, at a distance."""
        x = distance / steps
        inner = 2 / 3 - x**2 + x**3 / 2
        outer = max(2 - x, 0.0) ** 3 / 6
        return (inner if x < 1 else outer) / steps

    both = (1, 2, 2)
    along = sum(times * g for times, g in zip(both, _HANN_OVERLAP, strict=True))
    across = sum(
        times * g * overlap(lag)
        for lag, (times, g) in enumerate(zip(both, _HANN_OVERLAP, strict=True))
    )
    return 2 * steps * along * across
