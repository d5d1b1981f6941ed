"""A motif made ready to be compared with frames."""

from __future__ import annotations

import math
import threading

import numpy as np
import numpy.typing as npt
import scipy.fft

from hyperspy_smartalign.resampling.options import check_frame

ComplexArray = npt.NDArray[np.complex64]


class SearchedMotif:
    """A motif made ready to be compared with one frame or many, from several threads.

    Parameters
    ----------
    motif : (th, tw) array
        NaN where it says nothing.

    Raises
    ------
    ValueError
        If it is no image, has fewer than 3 x 3 pixels, or no contrast.
    TypeError
        If its pixels are complex.
    """

    def __init__(self, motif: npt.ArrayLike) -> None:
        self.template, self.known = checked_motif(motif)
        self.shape = self.template.shape[0], self.template.shape[1]
        self._spectra: dict[tuple[int, int], ComplexArray] = {}
        self._lock = threading.Lock()

    def spectrum(self, size: tuple[int, int]) -> ComplexArray:
        """Conjugate Fourier transform of the motif as a unit vector, padded to a size."""
        with self._lock:
            if size not in self._spectra:
                unit = self.template - self.template.mean()
                unit /= math.sqrt(float(np.square(unit).sum()))
                # Rows of zeros need no transform.
                rows = scipy.fft.rfft(unit.astype(np.float32), n=size[1], axis=1)
                self._spectra[size] = np.conjugate(scipy.fft.fft(rows, n=size[0], axis=0))
            return self._spectra[size]


def fast_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns, not fewer than those of a frame, that are fast to transform."""
    height, width = (scipy.fft.next_fast_len(n, real=True) for n in shape)
    return height, width


def checked_motif(
    motif: npt.ArrayLike,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_] | None]:
    """Motif in double precision with zero in its gaps, and where it is known (None: everywhere).

    Raises
    ------
    ValueError
        If it is no image, has fewer than 3 x 3 pixels, or no contrast.
    TypeError
        If its pixels are complex.
    """
    template = check_frame(motif).astype(np.float64)
    if min(template.shape) < 3:
        raise ValueError(
            f"The motif has {template.shape[0]} x {template.shape[1]} px; give a region of at "
            "least 3 x 3 px."
        )
    known = np.isfinite(template)
    found = template[known]
    if found.size < 2 or not np.ptp(found) > 0:
        raise ValueError(
            "The motif has no contrast: all its pixels are equal or not finite. Give a region "
            "with something in it."
        )
    if known.all():
        return template, None
    return np.where(known, template, 0.0), known
