"""Normalised cross-correlation of a motif with a frame.

The score of a tile f and a motif t is their correlation coefficient,

    sum (f - mean f) (t - mean t) / sqrt(sum (f - mean f)^2 sum (t - mean t)^2),

1 for a tile that is the motif but for offset and gain, about 0 for one that has nothing to do with
it. With gaps the sums run over the pixels that both have (Padfield, IEEE Trans. Image Process. 21
(2012) 2706).

The numerator is a product of Fourier transforms: that of the frame serves all motifs, that of a
motif all frames. No padding is needed: tiles that lie wholly inside the frame never wrap around.
The denominator is a sliding sum, which serves all motifs of one shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

from hyperspy_smartalign.motif.searched_motif import ComplexArray, SearchedMotif, fast_size
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
        if pixels.dtype == np.float32:
            centred = np.subtract(pixels, np.float32(level), dtype=np.float32)
        else:
            centred = (pixels - level).astype(np.float32)
        if self._seen is not None:
            centred[gaps] = 0
        self.pixels: FloatArray = centred
        self._power = float(np.vdot(centred, centred)) / observed.size
        self._fast = fast_size(pixels.shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def complete(self) -> bool:
        """Whether all pixels were observed."""
        return self._seen is None

    def scores(self, motif: npt.ArrayLike | SearchedMotif, *, coverage: float = 0.9) -> ScoreMap:
        """Score of every tile that lies wholly inside the frame.

        Parameters
        ----------
        motif : (th, tw) array, or SearchedMotif
            Not larger than the frame; NaN where it says nothing.
        coverage : float
            Smallest share of the motif's pixels that must have been observed in a tile.

        Raises
        ------
        ValueError
            If the motif is larger than the frame, or has no contrast.
        """
        searched = motif if isinstance(motif, SearchedMotif) else SearchedMotif(motif)
        shape = searched.shape
        if shape[0] > self.shape[0] or shape[1] > self.shape[1]:
            raise ValueError(
                f"The motif has {shape[0]} x {shape[1]} px but the frame only {self.shape[0]} x "
                f"{self.shape[1]}; give a smaller region of it as the motif."
            )
        if self.complete and searched.known is None:
            return plain_scores(searched, self.spectrum, self.scale(shape), self.shape)
        values = self._with_gaps(searched.template, searched.known, coverage)
        return ScoreMap(values, shape)

    def scale(self, tile_shape: tuple[int, int]) -> FloatArray:
        """One over the root of the sum of squares of each tile less its mean; 0 for flat ones."""
        height, width = tile_shape
        size = tuple(n - m + 1 for n, m in zip(self.shape, tile_shape, strict=True))
        out = np.empty(size, np.float32)
        _inverse_norms(self.pixels, height, width, _FLAT * self._power * height * width, out)
        return out

    @cached_property
    def spectrum(self) -> ComplexArray:
        """Fourier transform of the pixels."""
        return np.asarray(scipy.fft.rfft2(self.pixels, s=self._fast))

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
    def _spectra(self) -> tuple[Any, Any, Any]:
        """Of what was observed, of the pixels and of their squares."""
        pixels = self.pixels.astype(np.float64)
        seen = np.ones(self.shape) if self._seen is None else self._seen.astype(np.float64)
        mask, values, squares = (
            scipy.fft.rfft2(part, s=self._fast) for part in (seen, pixels, pixels**2)
        )
        return mask, values, squares


def plain_scores(
    motif: SearchedMotif, spectrum: ComplexArray, scale: FloatArray, shape: tuple[int, int]
) -> ScoreMap:
    """Scores from what is known of a frame without gaps.

    Parameters
    ----------
    motif : SearchedMotif
        Without gaps.
    spectrum, scale : array
        Of the frame, as `SearchedFrame` has them.
    shape : (int, int)
        Rows and columns of the frame.
    """
    size = fast_size(shape)
    product = motif.spectrum(size) * spectrum
    # Only rows that hold tiles are transformed back along x.
    rows = scipy.fft.ifft(product, axis=0, overwrite_x=True)[: scale.shape[0]]
    correlation = scipy.fft.irfft(rows, n=size[1], axis=1)
    values = np.empty(scale.shape, np.float32)
    _scaled(correlation, scale, values)
    return ScoreMap(values, motif.shape)


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


@compiled
def _scaled(correlation: FloatArray, scale: FloatArray, out: FloatArray) -> None:
    """Correlation times scale, within -1 .. 1, where there is a scale."""
    for q in range(out.shape[0]):
        here, factor, row = correlation[q], scale[q], out[q]
        for p in range(row.size):
            value = here[p] * factor[p]
            row[p] = min(np.float32(1.0), max(np.float32(-1.0), value))


@compiled
def _inverse_norms(
    pixels: FloatArray, height: int, width: int, flat: float, out: FloatArray
) -> None:
    """One over the norm of each tile (height, width) less its mean; 0 where it is flat."""
    columns = pixels.shape[1]
    sums, squares = np.zeros(columns), np.zeros(columns)
    # Sums of what lies to the left.
    total, square = np.zeros(columns + 1), np.zeros(columns + 1)
    for k in range(height - 1):
        row = pixels[k]
        for x in range(columns):
            sums[x] += row[x]
            squares[x] += np.float64(row[x]) * row[x]
    n = 1.0 / (height * width)
    for q in range(out.shape[0]):
        row, gone, norms = pixels[q + height - 1], pixels[q], out[q]
        for x in range(columns):
            sums[x] += row[x]
            squares[x] += np.float64(row[x]) * row[x]
        s = t = 0.0
        for x in range(columns):
            s += sums[x]
            t += squares[x]
            total[x + 1] = s
            square[x + 1] = t
        s0, s1, t0, t1 = total[: norms.size], total[width:], square[: norms.size], square[width:]
        for p in range(norms.size):
            mean = s1[p] - s0[p]
            spread = t1[p] - t0[p] - mean * mean * n
            norm = math.sqrt(np.float32(max(spread, flat)))
            norms[p] = np.float32(1.0) / norm if spread > flat else np.float32(0.0)
        for x in range(columns):
            sums[x] -= gone[x]
            squares[x] -= np.float64(gone[x]) * gone[x]
