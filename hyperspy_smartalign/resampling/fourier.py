"""Band-limited shift of a frame by a fraction of a pixel.

A frame is not periodic: shifted by a phase ramp it rings from its opposite borders, which differ.
Mirrored about its borders it is continuous, and the Fourier series of the mirrored frame is its
cosine series. Shifting a cosine gives a cosine and a sine, so an axis takes one cosine transform
forth and one cosine and one sine transform back, all of the size of the frame: no padding, no
complex numbers, and no Nyquist term to treat apart for even sizes.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from hyperspy_smartalign.resampling.kernels import SPLINE, shift_constant
from hyperspy_smartalign.resampling.options import FloatArray
from hyperspy_smartalign.resampling.spline import without_gaps


def shift_along(frame: FloatArray, fraction: float, *, axis: int) -> FloatArray:
    """Cosine series of a frame along one axis, evaluated `fraction` pixels further."""
    size = frame.shape[axis]
    angle = (np.pi * fraction / size * np.arange(size)).astype(np.float64)
    column = (-1, 1) if axis == 0 else (1, -1)
    cosine = np.cos(angle).astype(np.float32).reshape(column)
    # The sine series begins with the first harmonic.
    sine = np.append(np.sin(angle[1:]), 0.0).astype(np.float32).reshape(column)
    spectrum = fft.dct(frame, axis=axis)
    shifted: FloatArray = fft.idct(spectrum * cosine, axis=axis)
    shifted -= fft.idst(np.roll(spectrum, -1, axis=axis) * sine, axis=axis)
    return shifted


def fourier_shift(pixels: FloatArray, fraction: tuple[float, float]) -> FloatArray:
    """Frame whose pixel i is the band-limited `pixels` at i + fraction.

    Parameters
    ----------
    pixels : (h, w) float32 array
        Frame. Pixels that are not finite are bridged, and NaN returns where the 4 x 4
        neighbourhood of a sample holds one.
    fraction : (y, x) floats
        Pixels, each in [0, 1). Samples beyond the last row or column read the mirrored frame.

    Returns
    -------
    (h, w) float32 array

    Notes
    -----
    Exact for images whose mirrored continuation is band-limited. For others the error decays with
    the distance from the border: twelve plane waves of amplitude 1, up to 0.45 cycles per pixel,
    come out to 0.06 rms over the frame and 0.004 rms from 8 pixels on (cubic splines: 0.25).
    """
    gaps = ~np.isfinite(pixels)
    has_gaps = bool(gaps.any())
    shifted = without_gaps(pixels, gaps) if has_gaps else pixels
    # Without its mean the frame keeps more digits in single precision.
    level = np.float32(shifted.mean(dtype=np.float64))
    shifted = shifted - level
    for axis in (0, 1):
        if fraction[axis] != 0:
            shifted = shift_along(shifted, fraction[axis], axis=axis)
    shifted += level
    if has_gaps:
        touched = np.zeros_like(shifted)
        marks = np.where(gaps, np.float32(np.nan), np.float32(0.0))
        shift_constant(marks, fraction[0], fraction[1], SPLINE, SPLINE, touched)
        shifted += touched
    return shifted
