"""Change the number of pixels of a frame."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.series.frames import result_dtype

SMALLEST_FACTOR = 0.1
LARGEST_FACTOR = 8.0
_NEGLIGIBLE = 1e-9


def resampled_length(length: int, factor: float) -> int:
    """Number of pixels of an axis of `length` pixels after resampling by `factor`.

    The largest number of new pixels that fit into the old ones: ``floor(length * factor)``.

    Raises
    ------
    ValueError
        If the factor is outside 0.1 to 8, or not one pixel is left.
    """
    if not SMALLEST_FACTOR <= factor <= LARGEST_FACTOR:
        raise ValueError(
            f"resample={factor!r} is outside {SMALLEST_FACTOR:g} to {LARGEST_FACTOR:g}; 0.5 halves "
            "the number of pixels along each axis, 2 doubles it."
        )
    result = math.floor(length * factor + 1e-9)
    if result < 1:
        raise ValueError(f"resample={factor:g} leaves nothing of an axis of {length} pixels.")
    return result


def resampled_axis(scale: float, offset: float, factor: float) -> tuple[float, float]:
    """Scale and offset of an axis after resampling by `factor`.

    A pixel is an area; the first old and the first new pixel begin at the same edge. The centre
    of new pixel j therefore lies at old pixel ``(j + 0.5) / factor - 0.5``, and calibrated
    positions stay right.
    """
    return scale / factor, offset + scale * (0.5 / factor - 0.5)


def resample_frame(frame: npt.NDArray[Any], factor: float) -> npt.NDArray[np.floating[Any]]:
    """Resample a frame by a factor.

    Parameters
    ----------
    frame : numpy.ndarray
        Shape (h, w), real and finite.
    factor : float
        Number of new pixels per old pixel along each axis, 0.1 to 8. Above 1 the frame is
        interpolated with a cubic B-spline (mirrored at the edges). Below 1 a new pixel is the
        mean over the area it covers, as a detector with larger pixels would have seen it: for
        whole ratios such as 1/2 the plain mean of the old pixels, else from a cubic spline
        through their running sum, which keeps features in place. Grey levels are kept: for counts
        per new pixel divide by ``factor**2``.

    Returns
    -------
    numpy.ndarray
        Shape ``(resampled_length(h, factor), resampled_length(w, factor))``, float32, or
        float64 where the input is. A factor of 1 returns the pixels unchanged.

    Raises
    ------
    ValueError
        If the factor is outside its range.

    See Also
    --------
    resampled_axis : where the new pixels lie.
    """
    shape = (resampled_length(frame.shape[0], factor), resampled_length(frame.shape[1], factor))
    dtype = result_dtype(frame.dtype)
    if factor == 1:
        return frame.astype(dtype)
    if factor < 1:
        weights, pixels = _area_weights, frame.astype(np.float64)
    else:
        from scipy import ndimage

        pixels = ndimage.spline_filter(frame, order=3, output=np.float64, mode="mirror")
        weights = _spline_weights
    rows = weights(frame.shape[0], shape[0], factor)
    columns = weights(frame.shape[1], shape[1], factor)
    return np.asarray(rows @ pixels @ columns.T).astype(dtype)


@lru_cache(maxsize=8)
def _spline_weights(length: int, new_length: int, factor: float) -> Any:
    """Sparse matrix (new_length, length): new pixels from cubic B-spline coefficients."""
    from scipy import sparse

    positions = (np.arange(new_length) + 0.5) / factor - 0.5
    first = np.floor(positions).astype(np.intp)
    part = positions - first
    taps = np.stack(
        [
            (1 - part) ** 3 / 6,
            2 / 3 - part**2 * (2 - part) / 2,
            2 / 3 - (1 - part) ** 2 * (1 + part) / 2,
            part**3 / 6,
        ],
        axis=1,
    )
    period = max(2 * (length - 1), 1)
    pixels = (first[:, np.newaxis] + np.arange(-1, 3)) % period
    pixels = np.minimum(pixels, period - pixels) if length > 1 else np.zeros_like(pixels)
    rows = np.repeat(np.arange(new_length), 4)
    return sparse.csr_array((taps.ravel(), (rows, pixels.ravel())), shape=(new_length, length))


@lru_cache(maxsize=8)
def _area_weights(length: int, new_length: int, factor: float) -> Any:
    """Sparse matrix (new_length, length): mean over each new pixel from the old pixels.

    The running sum of old pixels is known at their edges; a cubic spline through it gives the
    sum up to the edges of the new ones. Plain fractions of old pixels would be simpler, but
    move features by up to a tenth of a pixel to and fro.
    """
    from scipy import interpolate, sparse

    ratio = round(1 / factor)
    if abs(ratio * factor - 1) < _NEGLIGIBLE:
        blocks = sparse.kron(sparse.eye_array(new_length), np.full((1, ratio), factor))
        rest = sparse.csr_array((new_length, length - ratio * new_length))
        return sparse.hstack([blocks, rest], format="csr")
    edges = np.arange(length + 1.0)
    sums = np.vstack([np.zeros(length), np.cumsum(np.eye(length), axis=0)])
    degree = min(3, length)
    new_edges = np.minimum(np.arange(new_length + 1) / factor, length)
    running = interpolate.make_interp_spline(edges, sums, k=degree)(new_edges)
    weights = np.diff(running, axis=0) / np.diff(new_edges)[:, np.newaxis]
    weights[np.abs(weights) < _NEGLIGIBLE] = 0.0
    return sparse.csr_array(weights)
