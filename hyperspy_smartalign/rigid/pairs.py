"""Which frames are compared with which, and what each comparison measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from .peaks import best_maxima, centre_of_mass, gaussian_peak
from .spectra import Spectra

__all__ = [
    "ALL_PAIRS_LIMIT",
    "Correlator",
    "PairCandidates",
    "choose_pairs",
    "measure_pairs",
    "overlap_gain",
]

#: Up to this many frames every pair is measured unless told otherwise.
ALL_PAIRS_LIMIT = 64
#: Beyond: this many direct neighbours, then jumps of 8, 16, 32, ... frames.
SPARSE_BAND = 4
#: Pairs whose overlap (window included) falls below this share of a full one are not trusted.
LEAST_OVERLAP = 0.15
#: Bytes of correlation maps held at a time.
BATCH_BYTES = 2_000_000


def choose_pairs(
    count: int,
    neighbours: int | str = "auto",
    *,
    exclude: Iterable[int] = (),
    exclude_pairs: Iterable[tuple[int, int]] = (),
) -> npt.NDArray[np.intp]:
    """Pairs (i, j), i < j, to be compared.

    Parameters
    ----------
    count : int
        Number of frames.
    neighbours : int, "all" or "auto"
        Each frame is compared with this many following ones. ``"auto"``: all pairs up to
        `ALL_PAIRS_LIMIT` frames; beyond, `SPARSE_BAND` neighbours and jumps of 8, 16, 32, ...
        frames, so that the cost grows as n log n while the path across the series stays short.
    exclude : iterable of int
        Frames that take part in no pair.
    exclude_pairs : iterable of (int, int)
        Pairs left out.

    Returns
    -------
    (p, 2) integer array, sorted.
    """
    if neighbours == "all" or (neighbours == "auto" and count <= ALL_PAIRS_LIMIT):
        distances = list(range(1, count))
    elif neighbours == "auto":
        distances = list(range(1, SPARSE_BAND + 1))
        jump = 2 * SPARSE_BAND
        while jump < count:
            distances.append(jump)
            jump *= 2
    else:
        distances = list(range(1, min(int(neighbours), count - 1) + 1))
    left_out = {int(i) for i in exclude}
    forbidden = {(min(i, j), max(i, j)) for i, j in exclude_pairs}
    chosen = [
        (i, i + distance)
        for i in range(count)
        for distance in distances
        if i + distance < count
        and i not in left_out
        and i + distance not in left_out
        and (i, i + distance) not in forbidden
    ]
    return np.array(sorted(chosen), np.intp).reshape(-1, 2)


@dataclass(frozen=True)
class PairCandidates:
    """Shifts that each pair's correlation allows.

    Attributes
    ----------
    pairs : (p, 2) int
        Frames i < j.
    shifts : (p, k, 2) float64
        Candidate values of ``shift[i] - shift[j]`` in frame pixels (y, x), best first; NaN where
        fewer exist.
    scores : (p, k) float64
        Correlation coefficients of the weighted frames at the candidates, overlap divided out.
    """

    pairs: npt.NDArray[np.intp]
    shifts: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]


def overlap_gain(overlap_map: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Reciprocal of the overlap; 0 where less than `LEAST_OVERLAP` of a full overlap is left.

    Without it a periodic image is pulled towards zero shift, where the overlap is largest.
    """
    enough = overlap_map >= LEAST_OVERLAP
    return np.asarray(np.where(enough, 1.0 / np.where(enough, overlap_map, 1.0), 0.0), np.float32)


def shift_limits(
    max_shift: tuple[float, float] | None, step: tuple[float, float], count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """The same limits, frame pixels to map pixels, for `count` maps."""
    if max_shift is None:
        return None
    high = np.tile(np.divide(max_shift, step), (count, 1))
    return -high, high


class Correlator:
    """Correlates frames of a series, and finds the maxima.

    The correlation is ``F^-1{ W F_i F_j* }`` with the weight of the spectra, divided by the
    overlap of the windows; its maximum lies at ``shift[i] - shift[j]``.

    Parameters
    ----------
    spectra : Spectra
        The correlations of several channels are added.
    num_workers : int, optional
        Threads of the transforms.

    Attributes
    ----------
    gain : (1, my, mx) float32
        What undoes the overlap; see `overlap_gain`.
    """

    def __init__(self, spectra: Spectra, num_workers: int | None = None) -> None:
        self._spectra, self._num_workers = spectra, num_workers
        shape = spectra.map_shape
        self._weight = spectra.weight()
        self.gain = overlap_gain(fft.irfft2(spectra.overlap, s=shape))[None]
        # Half-plane sums count every column twice but the first (and the last of an even width).
        column_counts = np.full(shape[1] // 2 + 1, 2.0)
        column_counts[0] = 1.0
        if shape[1] % 2 == 0:
            column_counts[-1] = 1.0
        per_pixel = self._weight * (column_counts / (shape[0] * shape[1]))
        energy = np.array([(np.abs(frame) ** 2 * per_pixel).sum() for frame in spectra.frames])
        self._norm = np.sqrt(np.maximum(energy, np.finfo(np.float32).tiny))

    def maps(self, pairs: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        """Correlations (p, my, mx) of pairs of frames, zero shift at [0, 0]; overlap not undone."""
        frames = self._spectra.frames
        product = (frames[pairs[:, 0]] * np.conj(frames[pairs[:, 1]])).sum(1)
        product *= self._weight
        maps: npt.NDArray[np.float32] = fft.irfft2(
            product, s=self._spectra.map_shape, workers=self._num_workers, overwrite_x=True
        )
        return maps

    def norms(self, pairs: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """What the maps (p,) are divided by to be correlation coefficients."""
        return np.asarray(self._norm[pairs[:, 0]] * self._norm[pairs[:, 1]])

    def maxima(
        self,
        maps: npt.NDArray[np.float32],
        pairs: npt.NDArray[np.intp],
        *,
        count: int,
        peak: str,
        max_shift: tuple[float, float] | None,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Shifts (p, count, 2) in frame pixels and scores (p, count); see `PairCandidates`."""
        step = self._spectra.step
        positions, heights = best_maxima(
            maps, self.gain, count=count, limits=shift_limits(max_shift, step, len(pairs))
        )
        if peak == "pixel":
            positions = np.round(positions)
        elif peak in ("gaussian", "centre_of_mass"):
            locate = gaussian_peak if peak == "gaussian" else centre_of_mass
            for index in np.flatnonzero(np.isfinite(positions[:, 0, 0])):
                positions[index, 0] = locate(maps[index], positions[index, 0])
        return positions * np.array(step), heights / self.norms(pairs)[:, None]


def measure_pairs(
    spectra: Spectra,
    pairs: npt.NDArray[np.intp],
    *,
    candidates: int = 8,
    peak: str = "candidates",
    max_shift: tuple[float, float] | None = None,
    num_workers: int | None = None,
    progress: Callable[[int], None] | None = None,
    watch: Callable[[PairCandidates], None] | None = None,
) -> PairCandidates:
    """Correlate pairs of frames and keep the best shifts of each; see `Correlator`.

    Parameters
    ----------
    spectra : Spectra
        The correlations of several channels are added.
    pairs : (p, 2) int array
    candidates : int
        Maxima kept for each pair (1 for every other `peak` than "candidates").
    peak : {"candidates", "pixel", "gaussian", "centre_of_mass"}
        How the position of a maximum is refined: parabola, none, Gaussian fit, centre of mass.
    max_shift : (y, x), optional
        Largest shift between two frames, px.
    num_workers : int, optional
    progress : callable, optional
        Called with the number of pairs just done.
    watch : callable, optional
        Called with the pairs just done and what was found.

    Returns
    -------
    PairCandidates
    """
    kept = candidates if peak == "candidates" else 1
    correlator = Correlator(spectra, num_workers)
    shifts = np.full((len(pairs), kept, 2), np.nan)
    scores = np.full((len(pairs), kept), -np.inf)
    batch = max(1, BATCH_BYTES // (4 * spectra.map_shape[0] * spectra.map_shape[1]))
    for start in range(0, len(pairs), batch):
        part, done = pairs[start : start + batch], slice(start, start + batch)
        shifts[done], scores[done] = correlator.maxima(
            correlator.maps(part), part, count=kept, peak=peak, max_shift=max_shift
        )
        if watch is not None:
            watch(PairCandidates(pairs=part, shifts=shifts[done], scores=scores[done]))
        if progress is not None:
            progress(len(part))
    return PairCandidates(pairs=pairs, shifts=shifts, scores=scores)
