"""How sharp an image or a map is: its rms frequency, and its blur against a known truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

__all__ = ["Blur", "Sharpness", "fourier_sharpness", "relative_blur"]

FloatArray = npt.NDArray[np.float64]

_SMALLEST_IMAGE = 16
_ITERATIONS = 60
# Steps shorter than this part of the standard error end the fit of a blur.
_CONVERGED = 0.01
# Exponent up to which a sharper image is followed, so that no frequency runs away.
_SHARPEST = 5.0
_NOTHING_TO_BLUR = (
    "the reference shows nothing whose blur could be told along both axes, or nothing of it is in "
    "the image; give images of the same area with features in it."
)


@dataclass(frozen=True)
class Sharpness:
    """How fine the content of an image is.

    Attributes
    ----------
    frequency : float
        Root mean square spatial frequency of the contrast, in periods per pixel: the rms slope over
        the rms contrast over 2 pi.
    error : float
        Its standard error.
    """

    frequency: float
    error: float


@dataclass(frozen=True, eq=False)
class Blur:
    """By what an image differs from its sharp reference.

    Attributes
    ----------
    variance, variance_error : (2,) float64
        Square of the Gaussian sigma by which the image is blurred along (y, x), px^2, and its
        standard error. Negative where the image is the sharper one.
    shift : (2,) float64
        Content at pixel p of the reference is at p + shift in the image, px.
    gain, offset : float
        The image is offset + gain * blurred reference.
    rms : float
        Root mean square of what the fit leaves.
    """

    variance: FloatArray
    variance_error: FloatArray
    shift: FloatArray
    gain: float
    offset: float
    rms: float

    @property
    def sigma(self) -> FloatArray:
        """(2,) Gaussian sigma (y, x) in pixels; negative where the image is the sharper one."""
        return np.asarray(np.sign(self.variance) * np.sqrt(np.abs(self.variance)))


def fourier_sharpness(
    image: npt.ArrayLike,
    other: npt.ArrayLike | None = None,
    *,
    noise: float | None = None,
    highest: float = 0.5,
) -> Sharpness:
    """Root mean square spatial frequency of an image, free of noise.

    Parameters
    ----------
    image : (h, w) array-like
        Real pixels, 16 or more along each side, finite: crop what is not covered.
    other : (h, w) array-like, optional
        Another image of the same, with noise of its own, such as one from the even frames where
        `image` is from the odd ones. Their cross-spectrum holds what both show and no noise.
    noise : float, optional
        Variance of white noise in a pixel of `image`, to be taken off its power spectrum, where
        there is no other image. Neither is needed where `image` has no noise.
    highest : float, default 0.5
        Frequencies above it, in periods per pixel, are left out. As noise grows with the square of
        the frequency, the smallest one that holds the whole content gives the smallest error.

    Returns
    -------
    Sharpness

    Raises
    ------
    ValueError
        If the images do not fit, both `other` and `noise` are given, or nothing is left above the
        noise.

    Notes
    -----
    The square root of sum k^2 C / sum C, with C the cross-spectrum (or the power less that of the
    noise) under a Hann window: the normalised gradient energy of autofocus [1]_, made free of noise
    by two halves as in Fourier ring correlation [2]_. A Gaussian blur of sigma b multiplies C by
    exp(-4 pi^2 b^2 k^2). Compare with the same measure of the undistorted truth.

    References
    ----------
    .. [1] F. C. A. Groen, I. T. Young, G. Ligthart, Cytometry 6 (1985) 81-91.
    .. [2] W. O. Saxton, W. Baumeister, J. Microscopy 127 (1982) 127-138.
    """
    if other is not None and noise is not None:
        raise ValueError("give other= or noise=, not both: two images need no noise to be known.")
    if noise is not None and not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise is {noise!r}; give a variance of 0 or more.")
    if not 0 < highest <= math.sqrt(0.5):
        raise ValueError(f"highest is {highest!r}; give a frequency from 0 to 0.5 periods per px.")
    pixels = _image("image", image)
    window = np.multiply.outer(*(_hann(n) for n in pixels.shape))
    spectrum = _windowed(pixels, window)
    square = _square_frequency(pixels.shape)
    # Conjugate pairs are there once, but for the columns that are their own.
    pairs = np.full(square.shape, 2.0)
    pairs[:, 0] = 1.0
    if pixels.shape[1] % 2 == 0:
        pairs[:, -1] = 1.0
    use = np.where((square > 0) & (square <= highest**2), pairs, 0.0)
    if other is not None:
        second = _image("other", other)
        if second.shape != pixels.shape:
            raise ValueError(f"image is {pixels.shape} and other {second.shape}; crop them alike.")
        cross = spectrum * np.conj(_windowed(second, window))
        content, spread = cross.real, 2 * cross.imag**2
        # A pair of conjugates has one imaginary part, so its square stands for both.
    else:
        power = np.abs(spectrum) ** 2
        floor = (noise or 0.0) * float((window**2).sum())
        content = power - floor
        spread = 2 * (2 * np.maximum(content, 0) * floor + floor**2)
    total = float((use * content).sum())
    moment = float((use * square * content).sum())
    if total <= 0 or moment <= 0:
        raise ValueError(
            "nothing is left above the noise, so there is no content whose sharpness could be "
            "told; give more counts, or a lower highest=."
        )
    mean_square = moment / total
    # First order in the noise of moment / total. A window ties neighbouring frequencies together.
    tied = float((window**4).mean() / (window**2).mean() ** 2)
    variance = tied * float((use * spread * (square - mean_square) ** 2).sum()) / total**2
    frequency = math.sqrt(mean_square)
    return Sharpness(frequency, math.sqrt(variance) / (2 * frequency))


def relative_blur(image: npt.ArrayLike, reference: npt.ArrayLike, *, margin: int = 8) -> Blur:
    """Gaussian blur that turns a sharp reference into an image.

    Parameters
    ----------
    image : (h, w) array-like
        Real pixels, noisy or not. NaN marks pixels that are not covered.
    reference : (h, w) array-like
        The same without noise and distortion, such as the truth of a simulation. May be off by a
        few pixels, by a factor and by a constant.
    margin : int, default 8
        Pixels along the edges that are left out, as what was blurred into them is not known. Take
        at least the shift and three sigma.

    Returns
    -------
    Blur

    Raises
    ------
    ValueError
        If the images do not fit, the margin leaves too little, or the reference shows nothing whose
        blur could be told along both axes.

    Notes
    -----
    Maximum likelihood under white noise: Gauss-Newton on gain, offset, shift and the two variances
    of the blur. The image enters linearly against a reference without noise, so that its noise adds
    no bias, and the inverse of the normal matrix is the error. A sum of features, each displaced at
    random, is blurred by the variance of the displacements.
    """
    pixels = _image("image", image, finite=False)
    truth = _image("reference", reference)
    if pixels.shape != truth.shape:
        raise ValueError(f"image is {pixels.shape} and reference {truth.shape}; crop them alike.")
    if margin < 0 or min(pixels.shape) - 2 * margin < _SMALLEST_IMAGE // 2:
        raise ValueError(
            f"margin={margin} leaves too little of {pixels.shape}; give a smaller one."
        )
    seen = np.isfinite(pixels)
    inside = np.zeros_like(seen)
    inside[margin : pixels.shape[0] - margin, margin : pixels.shape[1] - margin] = True
    seen &= inside
    if np.count_nonzero(seen) < _SMALLEST_IMAGE:
        raise ValueError(f"image has no pixel that is covered inside a margin of {margin} px.")
    height, width = truth.shape
    level = float(truth.mean())
    # Mirrored, so that no step at the edges rings into the image when it is shifted.
    spectrum = scipy.fft.rfft2(np.pad(truth - level, ((0, height), (0, width)), "symmetric"))
    ky = scipy.fft.fftfreq(2 * height)[:, None]
    kx = scipy.fft.rfftfreq(2 * width)[None]
    waves = (
        1.0,
        -2j * np.pi * ky,
        -2j * np.pi * kx,
        -2 * np.pi**2 * ky**2,
        -2 * np.pi**2 * kx**2,
    )
    data = pixels[seen]
    parameters = np.zeros(4)
    for _ in range(_ITERATIONS):
        exponent = sum(
            (value * wave for value, wave in zip(parameters, waves[1:], strict=True)), start=0j
        )
        blurred = spectrum * np.exp(np.minimum(np.real(exponent), _SHARPEST) + 1j * exponent.imag)
        columns = [
            scipy.fft.irfft2(blurred * wave, (2 * height, 2 * width))[:height, :width][seen]
            for wave in waves
        ]
        solution, covariance = _least_squares(np.stack([np.ones(data.size), *columns], 1), data)
        gain = float(solution[1])
        rms = float(np.sqrt(solution[-1] / data.size))
        error = rms * np.sqrt(np.diag(covariance)[2:]) / abs(gain)
        step = solution[2:6] / gain
        # Farther away the slopes no longer tell where to go.
        limit = np.maximum([0.5, 0.5, 1.0, 1.0], 0.5 * np.abs(parameters))
        step *= min(1.0, float((limit / np.maximum(np.abs(step), 1e-30)).min()))
        parameters = parameters + step
        if (np.abs(step) < np.maximum(_CONVERGED * error, 1e-9)).all():
            break
    else:
        raise ValueError(
            f"the blur did not settle (shift {parameters[:2].tolist()} px, variance "
            f"{parameters[2:].tolist()} px^2 at last); the images must show the same area to a few "
            "pixels."
        )
    return Blur(
        variance=parameters[2:],
        variance_error=np.asarray(error[2:]),
        shift=parameters[:2],
        gain=gain,
        offset=float(solution[0]) - gain * level,
        rms=rms,
    )


def _least_squares(design: FloatArray, data: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Solution with the sum of squares that it leaves as last value, and the inverse normal matrix.

    Raises
    ------
    ValueError
        If the columns of the design cannot be told apart.
    """
    scale = np.linalg.norm(design, axis=0)
    if not (scale > 0).all():
        raise ValueError(_NOTHING_TO_BLUR)
    normal = (design / scale).T @ (design / scale)
    if np.linalg.cond(normal) > 1e12:
        raise ValueError(_NOTHING_TO_BLUR)
    inverse = np.linalg.inv(normal) / np.multiply.outer(scale, scale)
    solution = inverse @ (design.T @ data)
    rest = data - design @ solution
    if solution[1] == 0:
        raise ValueError(_NOTHING_TO_BLUR)
    return np.append(solution, rest @ rest), inverse


def _image(name: str, image: npt.ArrayLike, *, finite: bool = True) -> FloatArray:
    pixels: npt.NDArray[Any] = np.asarray(image)
    if pixels.ndim != 2 or pixels.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} has shape {pixels.shape} and type {pixels.dtype}; give one real image."
        )
    if min(pixels.shape) < _SMALLEST_IMAGE:
        raise ValueError(
            f"{name} has {pixels.shape[0]} x {pixels.shape[1]} px; {_SMALLEST_IMAGE} along each "
            "side are needed."
        )
    pixels = pixels.astype(np.float64)
    if finite and not np.isfinite(pixels).all():
        raise ValueError(f"{name} holds NaN or infinite pixels; crop it to what is covered.")
    return pixels


def _hann(length: int) -> FloatArray:
    return np.asarray(np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2)


def _windowed(pixels: FloatArray, window: FloatArray) -> npt.NDArray[np.complex128]:
    """Spectrum of what an image shows besides its mean, under a window."""
    mean = float((pixels * window).sum() / window.sum())
    return np.asarray(scipy.fft.rfft2((pixels - mean) * window), dtype=np.complex128)


def _square_frequency(shape: tuple[int, ...]) -> FloatArray:
    """Square of the frequency of each term of a real transform, in periods per pixel."""
    ky, kx = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    return np.asarray(ky[:, None] ** 2 + kx[None] ** 2)
