"""What the registration sees of two frames, before anything is registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from hyperspy_smartalign.parameters import RigidParameters

from .options import fourier_options, largest_shift
from .pairs import Correlator
from .prefilter import prefilter_frame
from .spectra import MODEL_ERRORS, series_spectra
from .windows import window_2d

__all__ = ["PairPreview", "preview_pair"]

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PairPreview:
    """A frame as the registration sees it, and its correlation with another.

    Attributes
    ----------
    frame, filtered : (h, w) float32
        The first frame as it is, and after the filter.
    windowed : (h, w) float32
        Also less its mean and faded by the window: what is transformed.
    correlation : (my, mx) float32
        Correlation coefficient at each shift, zero shift at ``[my // 2, mx // 2]``, the overlap
        divided out; NaN where frames overlap too little.
    step : (y, x)
        Pixels of the frame that a pixel of the correlation stands for.
    shift : (y, x)
        Of the highest maximum within the largest shift: content of the first frame against that of
        the second, px. NaN where there is no maximum.
    similarity : float
        Correlation coefficient there; NaN where there is no maximum.
    """

    frame: FloatArray
    filtered: FloatArray
    windowed: FloatArray
    correlation: FloatArray
    step: tuple[float, float]
    shift: tuple[float, float]
    similarity: float


def preview_pair(
    first: npt.NDArray[Any], second: npt.NDArray[Any], parameters: RigidParameters
) -> PairPreview:
    """Correlate two frames as the registration does.

    An automatic weight is that of these two frames; that of the whole series knows more. Frames are
    not grouped, and what the vote of all pairs or the refinement would change is not seen here.

    Parameters
    ----------
    first, second : (h, w) arrays
        Cut to the region of interest.
    parameters : RigidParameters
        Filter, window, weighting, exponent, peak and largest shift are used.

    Returns
    -------
    PairPreview

    Raises
    ------
    ValueError
        The frames have different shapes, or pixels that are not finite.
    """
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(
            f"two frames of one shape are correlated, and these have {first.shape} and "
            f"{second.shape}."
        )
    frames = [np.asarray(frame, np.float32) for frame in (first, second)]
    if not all(np.isfinite(frame).all() for frame in frames):
        raise ValueError(
            "a frame holds pixels that are NaN or infinite; choose a region of interest without "
            "them, or fill them first."
        )
    shape = (first.shape[0], first.shape[1])
    filtered = [prefilter_frame(frame, parameters.prefilter) for frame in frames]
    options = fourier_options(parameters, MODEL_ERRORS[0])
    spectra = series_spectra(filtered.__getitem__, 2, shape, options)
    correlator, pair = Correlator(spectra), np.array([[0, 1]])
    maps = correlator.maps(pair)
    shifts, scores = correlator.maxima(
        maps, pair, count=1, peak=parameters.peak, max_shift=largest_shift(parameters)
    )
    gain = correlator.gain[0]
    values = np.where(gain > 0, maps[0] * gain / correlator.norms(pair)[0], np.nan)
    window = window_2d(shape, parameters.window)
    mean = np.float32(np.vdot(filtered[0], window) / window.sum(dtype=np.float64))
    y, x = shifts[0, 0].tolist()
    return PairPreview(
        frame=frames[0],
        filtered=filtered[0],
        windowed=(filtered[0] - mean) * window,
        correlation=np.asarray(fft.fftshift(values), np.float32),
        step=spectra.step,
        shift=(y, x),
        similarity=float(scores[0, 0]) if np.isfinite(scores[0, 0]) else float("nan"),
    )
