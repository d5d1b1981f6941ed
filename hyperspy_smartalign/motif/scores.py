"""Normalised cross-correlation of a motif with a frame.

The score of a tile f and a motif t is their correlation coefficient,

    sum (f - mean f) (t - mean t) / sqrt(sum (f - mean f)^2 sum (t - mean t)^2),

1 for a tile that is the motif but for offset and gain, about 0 for one that has nothing to do with
it. With gaps the sums run over the pixels that both have (Padfield, IEEE Trans. Image Process. 21
(2012) 2706).

The numerator is a product of Fourier transforms; that of the frame serves all motifs. No padding is
needed: tiles that lie wholly inside the frame never wrap around. The denominator is a sliding sum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.options import FloatArray, check_frame

# Share of the frame's own variance below which a tile is flat: what varies there is rounding.
_FLAT = 1e-8


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """Scores of all tiles of one shape that lie wholly inside a frame.

    Attributes
    ----------
    values : (h - th + 1, w - tw + 1) float32
        For a frame (h, w) and tiles (th, tw); -1 to 1. NaN where too little of the tile was
        observed, 0 where the tile is flat.
    tile_shape : (int, int)
        Rows and columns of a tile.
    """

    values: FloatArray
    tile_shape: tuple[int, int]

    @property
    def first_centre(self) -> tuple[float, float]:
        """(y, x) of the centre of the tile of ``values[0, 0]``, px: half a pixel for even sizes."""
        return tile_centre(self.tile_shape)


def tile_centre(shape: tuple[int, int]) -> tuple[float, float]:
    """(y, x) of the centre of a tile from its first pixel: ``((h - 1) / 2, (w - 1) / 2)``."""
    return (shape[0] - 1) / 2, (shape[1] - 1) / 2


class SearchedFrame:
    """A frame made ready to be compared with one motif or several.

    Parameters
    ----------
    frame : (h, w) array
        Real pixels; those that are not finite were not observed.

    Raises
    ------
    ValueError
        If it is not one frame, or has no finite pixel.
    TypeError
        If the pixels are complex.
    """

    def __init__(self, frame: npt.ArrayLike) -> None:
        pixels = check_frame(frame)
        gaps = ~np.isfinite(pixels) if pixels.dtype.kind == "f" else np.False_
        self._seen = ~gaps if np.any(gaps) else None
        observed = pixels if self._seen is None else pixels[self._seen]
        if observed.size == 0:
            raise ValueError("The frame has no finite pixel, so there is nothing to search.")
        # Without its mean the frame keeps more digits in single precision.
        level = observed.mean(dtype=np.float64)
        centred = (pixels - level).astype(np.float32)
        if self._seen is not None:
            centred[gaps] = 0
        self.pixels: FloatArray = centred
        self._power = float(np.square(centred, dtype=np.float64).sum() / observed.size)
        self._fast = tuple(scipy.fft.next_fast_len(n, real=True) for n in pixels.shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def scores(self, motif: npt.ArrayLike, *, coverage: float = 0.9) -> ScoreMap:
        """Score of every tile that lies wholly inside the frame.

        Parameters
        ----------
        motif : (th, tw) array
            Not larger than the frame; NaN where it says nothing.
        coverage : float
            Smallest share of the motif's pixels that must have been observed in a tile.

        Raises
        ------
        ValueError
            If the motif is larger than the frame, or has no contrast.
        """
        template, known = checked_motif(motif)
        shape = template.shape[0], template.shape[1]
        if shape[0] > self.shape[0] or shape[1] > self.shape[1]:
            raise ValueError(
                f"The motif has {shape[0]} x {shape[1]} px but the frame only {self.shape[0]} x "
                f"{self.shape[1]}; give a smaller region of it as the motif."
            )
        if self._seen is None and known is None:
            return ScoreMap(self._plain(template), shape)
        return ScoreMap(self._with_gaps(template, known, coverage), shape)

    def _plain(self, template: npt.NDArray[np.float64]) -> FloatArray:
        unit = template - template.mean()
        unit /= math.sqrt(float(np.square(unit).sum()))
        kernel = scipy.fft.rfft2(unit.astype(np.float32), s=self._fast)
        np.conjugate(kernel, out=kernel)
        kernel *= self._spectrum
        h, w = (n - m + 1 for n, m in zip(self.shape, template.shape, strict=True))
        correlation = scipy.fft.irfft2(kernel, s=self._fast, overwrite_x=True)
        values = np.ascontiguousarray(correlation[:h, :w])
        height, width = template.shape
        _normalise(values, self.pixels, height, width, _FLAT * self._power * template.size)
        return values

    def _with_gaps(
        self,
        template: npt.NDArray[np.float64],
        known: npt.NDArray[np.bool_] | None,
        coverage: float,
    ) -> FloatArray:
        """All six sums of the formula, in double precision: squares cancel here."""
        marks = np.ones(template.shape) if known is None else known.astype(np.float64)
        centred = np.where(marks > 0, template - template.mean(where=marks > 0), 0.0)
        kernels = [self._kernel(part) for part in (marks, centred, centred**2)]
        mask, pixels, squares = self._spectra
        h, w = (n - m + 1 for n, m in zip(self.shape, template.shape, strict=True))

        def total(frame: Any, kernel: Any) -> npt.NDArray[np.float64]:
            back = scipy.fft.irfft2(frame * kernel, s=self._fast)
            return np.asarray(back[:h, :w], np.float64)

        count = np.rint(total(mask, kernels[0]))
        enough = count >= max(coverage * marks.sum(), 2.0)
        n = np.where(enough, count, 1.0)
        of_frame, of_motif = total(pixels, kernels[0]), total(mask, kernels[1])
        spread = total(squares, kernels[0]) - of_frame**2 / n
        contrast = total(mask, kernels[2]) - of_motif**2 / n
        both = total(pixels, kernels[1]) - of_frame * of_motif / n
        varied = spread > _FLAT * self._power * n
        scale = np.sqrt(np.where(varied, spread * np.maximum(contrast, 0), 1.0))
        values = np.clip(np.divide(both, scale, out=np.zeros_like(both), where=scale > 0), -1, 1)
        return np.where(enough, np.where(varied, values, 0), np.nan).astype(np.float32)

    def _kernel(self, part: npt.NDArray[np.float64]) -> Any:
        return scipy.fft.rfft2(part, s=self._fast).conj()

    @cached_property
    def _spectrum(self) -> Any:
        return scipy.fft.rfft2(self.pixels, s=self._fast)

    @cached_property
    def _spectra(self) -> tuple[Any, Any, Any]:
        """Of what was observed, of the pixels and of their squares."""
        pixels = self.pixels.astype(np.float64)
        seen = np.ones(self.shape) if self._seen is None else self._seen.astype(np.float64)
        mask, values, squares = (
            scipy.fft.rfft2(part, s=self._fast) for part in (seen, pixels, pixels**2)
        )
        return mask, values, squares


def score_map(frame: npt.ArrayLike, motif: npt.ArrayLike, *, coverage: float = 0.9) -> ScoreMap:
    """Normalised cross-correlation of a motif with every tile of a frame.

    Parameters
    ----------
    frame : (h, w) array
        NaN where nothing was observed.
    motif : (th, tw) array
        NaN where it says nothing.
    coverage : float
        Smallest share of the motif's pixels that must have been observed in a tile.

    Returns
    -------
    ScoreMap
        1 for a perfect match, about 0 for none.

    Raises
    ------
    ValueError
        If frame or motif are no images, do not fit into each other, or have no contrast.
    TypeError
        If the pixels are complex.
    """
    return SearchedFrame(frame).scores(motif, coverage=coverage)


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


@compiled
def _normalise(
    values: FloatArray, pixels: FloatArray, height: int, width: int, flat: float
) -> None:
    """Divide correlations with a unit motif by the standard deviation of each tile, in place."""
    columns = pixels.shape[1]
    sums, squares = np.zeros(columns), np.zeros(columns)
    for k in range(height - 1):
        row = pixels[k]
        for x in range(columns):
            sums[x] += row[x]
            squares[x] += np.float64(row[x]) * row[x]
    n = float(height * width)
    for q in range(values.shape[0]):
        row, out = pixels[q + height - 1], values[q]
        for x in range(columns):
            sums[x] += row[x]
            squares[x] += np.float64(row[x]) * row[x]
        total = square = 0.0
        for x in range(width - 1):
            total += sums[x]
            square += squares[x]
        for p in range(out.size):
            total += sums[p + width - 1]
            square += squares[p + width - 1]
            spread = square - total * total / n
            out[p] = out[p] / math.sqrt(spread) if spread > flat else 0.0
            out[p] = min(1.0, max(-1.0, out[p]))
            total -= sums[p]
            square -= squares[p]
        gone = pixels[q]
        for x in range(columns):
            sums[x] -= gone[x]
            squares[x] -= np.float64(gone[x]) * gone[x]
