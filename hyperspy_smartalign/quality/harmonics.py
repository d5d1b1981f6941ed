"""A periodic image as a sum of harmonics, fitted to the pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from hyperspy_smartalign.quality.noise import NoiseModel, ResidualBins, fit_noise

FloatArray = npt.NDArray[np.float64]
FloatImage = npt.NDArray[np.float32]

# Harmonics fainter than this, in units of the power of the noise, are left out. Noise is that
# bright once in 4e5 times.
_FAINTEST = 13.0
_MOST_HARMONICS = 80
_HIGHEST_ORDER = 12
_ITERATIONS = 12
# Steps shorter than this part of the standard error end the fit.
_CONVERGED = 0.02
_BINS = 12
# Orders of the slow part of the residual that tell how far it is from white noise.
_SLOW = slice(2, 10)


@dataclass(frozen=True)
class HarmonicFit:
    """Reciprocal base vectors of an image, and the harmonics on them.

    Attributes
    ----------
    basis : (2, 2) float64
        Rows g1 and g2 (y, x), periods per pixel.
    covariance : (4, 4) float64
        Of g1y, g1x, g2y, g2x.
    index : (m, 2) int
        Orders of the harmonics, one of each pair h and -h.
    amplitude : (m,) complex128
        ``image = sum 2 Re(amplitude exp(2 pi i h g r))``, with r from the middle of the image.
    strength : (m,) float64
        Power of the harmonics over that of the noise.
    """

    basis: FloatArray
    covariance: FloatArray
    index: npt.NDArray[np.intp]
    amplitude: npt.NDArray[np.complex128]
    strength: FloatArray


@dataclass(frozen=True)
class _Pixels:
    """What stays the same in all iterations."""

    values: FloatImage
    seen: npt.NDArray[np.bool_]
    y: FloatArray
    x: FloatArray

    @property
    def count(self) -> int:
        return int(np.count_nonzero(self.seen))


@dataclass(frozen=True)
class _Waves:
    """exp(2 pi i h g r) along y (height, m) and along x (m, width)."""

    rows: npt.NDArray[np.complex64]
    columns: npt.NDArray[np.complex64]

    @classmethod
    def of(cls, pixels: _Pixels, basis: FloatArray, index: npt.NDArray[np.intp]) -> _Waves:
        frequency = index @ basis
        rows = np.exp(2j * np.pi * np.outer(pixels.y, frequency[:, 0]))
        columns = np.exp(2j * np.pi * np.outer(frequency[:, 1], pixels.x))
        return cls(rows.astype(np.complex64), columns.astype(np.complex64))

    def sum(self, amplitude: npt.NDArray[np.complex128]) -> FloatImage:
        """2 Re sum amplitude wave, an image."""
        rows = 2 * self.rows * amplitude.astype(np.complex64)
        return np.asarray(rows.real @ self.columns.real - rows.imag @ self.columns.imag, np.float32)

    def project(self, image: FloatImage, count: int) -> npt.NDArray[np.complex128]:
        """Mean over the pixels of the image times the conjugate waves."""
        along = image @ self.columns.conj().T
        return np.asarray((along * self.rows.conj()).sum(axis=0, dtype=np.complex128) / count)


@dataclass(frozen=True)
class _Smoother:
    """Gaussian smoothing that counts only the pixels that are seen, by Fourier transform."""

    seen: npt.NDArray[np.bool_]
    transfer: FloatImage
    padded: tuple[int, int]
    cover: FloatImage

    @classmethod
    def of(cls, seen: npt.NDArray[np.bool_], sigma: float) -> _Smoother:
        height, width = (
            scipy.fft.next_fast_len(n + math.ceil(3 * sigma), True) for n in seen.shape
        )
        along = np.exp(-2 * (np.pi * sigma * np.fft.fftfreq(height)) ** 2)
        across = np.exp(-2 * (np.pi * sigma * np.fft.rfftfreq(width)) ** 2)
        bare = cls(
            seen,
            np.multiply.outer(along, across).astype(np.float32),
            (height, width),
            np.empty((0, 0), np.float32),
        )
        return replace(bare, cover=np.maximum(bare._convolved(seen.astype(np.float32)), 1e-3))

    def __call__(self, residual: FloatImage) -> FloatImage:
        """The slow part of an image that is 0 where it is not seen."""
        return self._convolved(residual) / self.cover

    def _convolved(self, image: FloatImage) -> FloatImage:
        transform = scipy.fft.rfft2(image, self.padded) * self.transfer
        whole = scipy.fft.irfft2(transform, self.padded)
        return np.asarray(whole[: self.seen.shape[0], : self.seen.shape[1]], np.float32)


def fit_harmonics(
    image: npt.NDArray[Any], seen: npt.NDArray[np.bool_], basis: FloatArray
) -> HarmonicFit:
    """Maximum likelihood of the reciprocal base vectors, with all harmonics above the noise.

    Parameters
    ----------
    image : (h, w) array
        Real pixels.
    seen : (h, w) array of bool
        Pixels that count.
    basis : (2, 2) float64
        Start: rows g1 and g2 (y, x) in periods per pixel. The phase of the highest harmonic must
        be right to a quarter of a period at the edges.

    Returns
    -------
    HarmonicFit

    Notes
    -----
    Gauss-Newton on all pixels, weighted with the inverse variance, which the residuals themselves
    tell as a line in the intensity. The inverse of the normal matrix is the Cramer-Rao bound of
    that noise. Where slow parts of the residual along a row or column carry more than white noise
    would, as with row jitter, curved drift or bent planes, the covariance is enlarged accordingly.
    """
    pixels = _Pixels(
        np.where(seen, image, 0).astype(np.float32),
        seen,
        np.arange(image.shape[0]) - (image.shape[0] - 1) / 2,
        np.arange(image.shape[1]) - (image.shape[1] - 1) / 2,
    )
    period = float(np.linalg.norm(np.linalg.inv(basis), axis=0).max())
    slow_part = _Smoother.of(seen, period)
    background = slow_part(pixels.values)
    index, amplitude = _harmonics(pixels, background, basis)
    fit = HarmonicFit(basis, np.eye(4), index, amplitude, np.ones(len(index)))
    for iteration in range(_ITERATIONS):
        waves = _Waves.of(pixels, fit.basis, fit.index)
        periodic = waves.sum(fit.amplitude)
        residual = np.where(seen, pixels.values - background - periodic, 0).astype(np.float32)
        background = background + slow_part(residual)
        correction = waves.project(residual, pixels.count)
        amplitude = fit.amplitude + correction
        # Steps of the base vectors need amplitudes that fit where they are now.
        residual = np.where(seen, residual - waves.sum(correction), 0).astype(np.float32)
        noise = _noise(periodic + background, residual, seen)
        variance = noise.variance(periodic + background).astype(np.float32)
        power = np.abs(amplitude) ** 2 * pixels.count / float(variance[seen].mean())
        # The part of a harmonic that is noise tells nothing of where the lattice is.
        slopes_of = amplitude * np.clip(1 - 1 / np.maximum(power, 1e-9), 0.1, 1)
        step, covariance = _step(pixels, waves, fit.index, slopes_of, residual, variance)
        fit = replace(
            fit,
            basis=fit.basis + step.reshape(2, 2),
            covariance=covariance,
            amplitude=amplitude,
            strength=power,
        )
        if iteration and np.all(np.abs(step) < _CONVERGED * np.sqrt(np.diag(covariance))):
            break
    return fit


def _harmonics(
    pixels: _Pixels, background: FloatImage, basis: FloatArray
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.complex128]]:
    """Orders within the spectrum whose power stands above the noise, and their amplitudes."""
    orders = np.arange(-_HIGHEST_ORDER, _HIGHEST_ORDER + 1)
    every = np.stack(np.meshgrid(orders, orders, indexing="ij"), axis=-1).reshape(-1, 2)
    half = (every[:, 0] > 0) | ((every[:, 0] == 0) & (every[:, 1] > 0))
    index = every[half & (np.abs(every @ basis) < 0.47).all(axis=1)]
    rest = np.where(pixels.seen, pixels.values - background, 0).astype(np.float32)
    # The finest harmonics are the faintest, so the nearest to zero are enough.
    index = index[np.argsort(np.linalg.norm(index @ basis, axis=1), kind="stable")][:200]
    amplitude = _Waves.of(pixels, basis, index).project(rest, pixels.count)
    power = np.abs(amplitude) ** 2
    variance = max(float((rest**2).sum()) / pixels.count - 2 * float(power.sum()), 0.0)
    kept = power * pixels.count > _FAINTEST * variance
    kept[np.argsort(-power)[_MOST_HARMONICS:]] = False
    if np.linalg.matrix_rank(index[kept]) < 2:
        kept[np.argsort(-power)[:3]] = True
    return index[kept], amplitude[kept]


def _noise(expected: FloatImage, residual: FloatImage, seen: npt.NDArray[np.bool_]) -> NoiseModel:
    """Variance of a pixel against its intensity, from the residuals."""
    level, square = expected[seen], residual[seen].astype(np.float64) ** 2
    edges = np.quantile(level, np.linspace(0, 1, _BINS + 1)).astype(np.float64)
    edges = np.unique(edges)
    if edges.size < 3:
        return NoiseModel(max(float(square.mean()), 1e-30), 0.0, 1e-30)
    which = np.clip(np.searchsorted(edges, level, side="right") - 1, 0, edges.size - 2)
    ones = np.ones(level.size)
    sums = [
        np.bincount(which, part, edges.size - 1).astype(np.float64)
        for part in (ones, level, square)
    ]
    return fit_noise(ResidualBins(edges, *sums))


def _step(
    pixels: _Pixels,
    waves: _Waves,
    index: npt.NDArray[np.intp],
    amplitude: npt.NDArray[np.complex128],
    residual: FloatImage,
    variance: FloatImage,
) -> tuple[FloatArray, FloatArray]:
    """One Gauss-Newton step of (g1y, g1x, g2y, g2x), and their covariance.

    With u = g r the phase in periods, the slope of the image with g_i is r times its slope with
    u_i. A shift of the lattice is fitted along, so that it does not disturb.
    """
    slopes = [waves.sum(2j * np.pi * index[:, i] * amplitude) for i in (0, 1)]
    weight = np.where(pixels.seen, 1 / variance, 0).astype(np.float32)
    products = {
        (i, j): (weight * slopes[i] * slopes[j]).astype(np.float64) for i in (0, 1) for j in (0, 1)
    }
    pulls = [(weight * slope * residual).astype(np.float64) for slope in slopes]
    y, x = pixels.y, pixels.x
    # Coordinates by which the slopes are multiplied: y, x for the vectors, 1 for the shift.
    normal = np.empty((6, 6))
    for (i, j), product in products.items():
        rows, columns = product.sum(axis=1), product.sum(axis=0)
        moments = np.array(
            [
                [rows @ y**2, y @ product @ x, rows @ y],
                [y @ product @ x, columns @ x**2, columns @ x],
                [rows @ y, columns @ x, rows.sum()],
            ]
        )
        normal[3 * i : 3 * i + 3, 3 * j : 3 * j + 3] = moments
    gradient = np.array(
        [value for p in pulls for value in (y @ p.sum(axis=1), p.sum(axis=0) @ x, p.sum())]
    )
    inverse = np.linalg.pinv(normal, hermitian=True)
    step = inverse @ gradient
    # Pulls scatter more than white noise makes them where they are correlated.
    scale = np.array(
        [
            root
            for i in (0, 1)
            for root in (
                _excess(pulls[i].sum(axis=1), float(products[i, i].sum())),
                _excess(pulls[i].sum(axis=0), float(products[i, i].sum())),
                1.0,
            )
        ]
    )
    scattered = scale[:, None] * normal * scale
    covariance = inverse @ scattered @ inverse
    chosen = [0, 1, 3, 4]
    return step[chosen], covariance[np.ix_(chosen, chosen)]


def _excess(pull: FloatArray, information: float) -> float:
    """Root of the slow power of a pull along an axis over that of white noise, 1 or more.

    Parameters
    ----------
    pull : (n,) float64
        Sums of slope times residual over variance, across the axis.
    information : float
        Sum of slope squared over variance: the power of the pull under white noise.
    """
    if pull.size < 24 or information <= 0:
        return 1.0
    power = np.abs(np.fft.rfft(pull)[_SLOW]) ** 2
    return math.sqrt(max(1.0, float(power.mean()) / information))
