"""How well displacements can be known at best: Cramer-Rao bounds from the average itself.

The truth is not at hand, so that gradients are those of the aligned average, whose noise would pass
for structure. Two averages of different frames have the same structure and independent noise: the
product of their gradients is free of that.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .noise import NoiseModel

__all__ = ["line_bound", "line_information", "matern_covariance", "shift_bound"]

FloatArray = npt.NDArray[np.floating]
DoubleArray = npt.NDArray[np.float64]

# Standard deviation of the mean and the drift of a frame before anything is known, px.
UNKNOWN = 5.0
# Information this many standard errors above 0 is there.
SIGNIFICANT = 3.0
# Of the slow axis of the scan lines; the mean runs over the other.
_ALONG = {0: "ayx,byx,yx->yab", 1: "ayx,byx,yx->xab"}


def _gradients(image: FloatArray) -> DoubleArray:
    """(2, h, w) slopes (y, x) by central differences; NaN at the border."""
    filled = np.asarray(image, np.float64)
    result = np.full((2, *filled.shape), np.nan)
    # (f(p+1) - f(p-1)) 2/3 - (f(p+2) - f(p-2)) / 12: right to the fourth order.
    result[0, 2:-2] = (filled[3:-1] - filled[1:-3]) * (2 / 3) - (filled[4:] - filled[:-4]) / 12
    result[1, :, 2:-2] = (filled[:, 3:-1] - filled[:, 1:-3]) * (2 / 3) - (
        filled[:, 4:] - filled[:, :-4]
    ) / 12
    return result


def line_information(
    first: FloatArray, second: FloatArray, noise: NoiseModel, *, axis: int = 0
) -> DoubleArray:
    """Fisher information of one frame on the displacement of each of its scan lines.

    Parameters
    ----------
    first, second : (h, w) array
        Averages of two sets of frames, aligned on each other and of the same size; NaN where
        nothing is known, which then tells nothing.
    noise : NoiseModel
        Of a pixel of one frame.
    axis : {0, 1}
        Array axis of the slow scan: 0 where scan lines are rows.

    Returns
    -------
    (lines, 2, 2) float64
        Sum over the line of ``grad grad^T / variance``, (y, x), px^-2. Noise of the averages does
        not raise it, but lets it scatter; it may come out negative where there is nothing.

    Raises
    ------
    ValueError
        If the averages have not the same shape, or are smaller than 5 x 5 px.
    """
    one, other = np.asarray(first), np.asarray(second)
    if one.shape != other.shape or one.ndim != 2 or min(one.shape) < 5:
        raise ValueError(
            f"two averages of one shape, at least 5 x 5 px, are needed, not {one.shape} and "
            f"{other.shape}."
        )
    weight = 1.0 / noise.variance(0.5 * (one.astype(np.float64) + other))
    left, right = _gradients(one), _gradients(other)
    known = np.isfinite(left).all(0) & np.isfinite(right).all(0) & np.isfinite(weight)
    weight = np.where(known, weight, 0.0)
    left, right = np.where(known, left, 0.0), np.where(known, right, 0.0)
    blocks = np.einsum(_ALONG[axis], left, right, weight)
    # The border, where there are no slopes, tells as much as the rest of its line.
    seen = known.sum(1 - axis)
    blocks *= (one.shape[1 - axis] / np.maximum(seen, 1))[:, None, None]
    return np.asarray(0.5 * (blocks + blocks.transpose(0, 2, 1)))


def shift_bound(
    first: FloatArray, second: FloatArray, noise: NoiseModel, *, pixels: float | None = None
) -> DoubleArray:
    """Smallest possible standard error (y, x) of the shift of one frame, px.

    The Cramer-Rao bound: ``inv(sum(grad grad^T / variance))`` (Kay, Fundamentals of Statistical
    Signal Processing: Estimation Theory, 1993, chapter 3), the image being known.

    Parameters
    ----------
    first, second, noise
        As for `line_information`.
    pixels : float, optional
        Number of pixels of a whole frame, where the averages show only a part of it.

    Returns
    -------
    (2,) float64
        NaN where the averages show nothing above their noise that tells a shift.

    Notes
    -----
    What blurs the average, such as motion that was not corrected, makes its gradients smaller and
    the bound larger than it is.
    """
    lines = line_information(first, second, noise)
    information = lines.sum(0)
    seen = int((np.abs(lines).sum((1, 2)) > 0).sum())
    if pixels is not None and seen:
        information = information * (pixels / (seen * np.shape(first)[1]))
    values, vectors = np.linalg.eigh(information)
    # Of either axis; slopes that are all noise have products that scatter about 0.
    noisy = sum(np.trace(line_information(one, one, noise).sum(0)) for one in (first, second))
    if not values.min() > SIGNIFICANT * 0.25 * noisy / math.sqrt(max(seen * np.shape(first)[1], 1)):
        return np.full(2, np.nan)
    return np.asarray(np.sqrt(np.square(vectors) @ (1.0 / values)))


def matern_covariance(lines: int, *, rms: float, length: float, smoothness: float) -> DoubleArray:
    """Covariance (lines, lines) of a Matern process of half-integer smoothness, px^2.

    Parameters
    ----------
    lines : int
    rms : float
        Standard deviation, px.
    length : float
        Correlation length in lines.
    smoothness : {0.5, 1.5, 2.5, 3.5}, or infinity for a Gaussian covariance

    Returns
    -------
    (lines, lines) float64
    """
    distance = np.abs(np.subtract.outer(np.arange(lines), np.arange(lines))) / max(length, 0.05)
    if math.isinf(smoothness):
        return np.asarray(rms**2 * np.exp(-0.5 * distance**2))
    order = int(smoothness)
    scaled = math.sqrt(2 * smoothness) * distance
    # Rasmussen & Williams, Gaussian Processes for Machine Learning (2006), eq. 4.16.
    series = sum(
        math.factorial(order + i)
        / (math.factorial(i) * math.factorial(order - i))
        * (2 * scaled) ** (order - i)
        for i in range(order + 1)
    )
    scale = math.factorial(order) / math.factorial(2 * order)
    return np.asarray(rms**2 * np.exp(-scaled) * scale * series)


def line_bound(
    information: DoubleArray, covariance: DoubleArray, *, unknown: float = UNKNOWN
) -> DoubleArray:
    """Smallest possible rms error (y, x) of each line's offset when the jitter is known.

    Parameters
    ----------
    information : (lines, 2, 2) array
        Of `line_information`; what is negative in it by chance is taken as nothing.
    covariance : (2, lines, lines) array
        Of the offsets along y and along x, px^2.
    unknown : float
        Standard deviation of the mean and the drift of a frame, of which nothing is known, px.

    Returns
    -------
    (lines, 2) float64
        Diagonal of ``(J + K^-1)^-1``, its square root.
    """
    values, vectors = np.linalg.eigh(information)
    known = np.einsum("lik,lk,ljk->lij", vectors, np.clip(values, 0.0, None), vectors)
    lines = len(known)
    place = np.linspace(-1.0, 1.0, lines)
    free = unknown**2 * (1 + np.multiply.outer(place, place))
    prior = np.zeros((lines, 2, lines, 2))
    for component in (0, 1):
        prior[:, component, :, component] = covariance[component] + free
    flat = prior.reshape(2 * lines, 2 * lines)
    # (J + K^-1)^-1 = (1 + K J)^-1 K needs no inverse of K, which may be singular.
    joint = np.einsum("aibj,bjk->aibk", prior, known).reshape(2 * lines, 2 * lines)
    posterior = np.linalg.solve(np.eye(2 * lines) + joint, flat)
    return np.asarray(np.sqrt(np.clip(np.diag(posterior), 0.0, None))).reshape(lines, 2)
