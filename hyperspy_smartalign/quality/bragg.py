"""Bragg spots above the noise, in one frame and in the average."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import gamma

from hyperspy_smartalign.quality.lattice import SMALLEST_IMAGE, NoLatticeError, find_lattice
from hyperspy_smartalign.quality.spots import find_spots
from hyperspy_smartalign.quality.transfer import FrameSpectra

__all__ = ["FALSE_ALARM", "SpotCandidates", "SpotTable", "spot_candidates", "spot_table"]

FloatArray = npt.NDArray[np.float64]

#: Chance that noise alone makes any spot of the table visible.
FALSE_ALARM = 1e-3
# Spots of a lattice that are looked at, nearest to the centre first.
_MOST_SPOTS = 150
# Under a Hann window a spot ends 2 steps from its middle. The background is read beyond.
_INNER, _OUTER = 3, 7
# Spots nearer to the centre than this many steps stand on the slow parts of the image.
_FEWEST_PERIODS = 3.0


@dataclass(frozen=True, eq=False)
class SpotCandidates:
    """Where spots are looked for.

    Attributes
    ----------
    frequency : (s, 2) float64
        (y, x) in periods per pixel, x not negative; lowest first.
    indices : (s, 2) int or None
        h and k of each spot, where a lattice was found; -1000 for spots that do not belong to it.
    at : (s, 2) int
        Nearest places (row, column) in the half plane of the spectrum.
    """

    frequency: FloatArray
    indices: npt.NDArray[np.intp] | None
    at: npt.NDArray[np.intp]


NOT_OF_LATTICE = -1000


@dataclass(frozen=True, eq=False)
class SpotTable:
    """Bragg spots with their ratio of signal to noise, in one frame and in the average.

    Attributes
    ----------
    frequency : (s, 2) float64
        (y, x) in periods per pixel, one of each pair of spots; lowest first.
    indices : (s, 2) int or None
        h and k of each spot on the lattice's own base vectors, where a lattice was found; -1000 for
        spots that do not belong to it.
    spacing : (s,) float64
        Distance of the planes, in `units`.
    snr_frame, snr_average : (s,) float64
        Power of the spot over the background around it, less one: in one frame (the mean over all)
        and in the average. Around zero where there is nothing.
    visible_frame, visible_average : (s,) bool
        Whether that is more than noise does: noise alone makes any spot of the table visible in 1
        of 1000 images.
    transfer, transfer_error : (s,) float64
        Amplitude of the spot in the average over that in one frame, and its standard error: 1 where
        all frames are in register. NaN where it is visible in neither.
    units : str
        Of `spacing`.
    """

    frequency: FloatArray
    indices: npt.NDArray[np.intp] | None
    spacing: FloatArray
    snr_frame: FloatArray
    snr_average: FloatArray
    visible_frame: npt.NDArray[np.bool_]
    visible_average: npt.NDArray[np.bool_]
    transfer: FloatArray
    transfer_error: FloatArray
    units: str = "px"

    def __len__(self) -> int:
        return len(self.frequency)

    @property
    def finest_frame(self) -> float:
        """Smallest distance of planes that one frame shows, in `units`; NaN for none."""
        return _smallest(self.spacing[self.visible_frame])

    @property
    def finest_average(self) -> float:
        """Smallest distance of planes that the average shows, in `units`; NaN for none."""
        return _smallest(self.spacing[self.visible_average])


def spot_candidates(average: npt.NDArray[Any]) -> SpotCandidates | None:
    """Where the spots of an image are, and where its lattice has others.

    Parameters
    ----------
    average : (h, w) array
        Average of the aligned frames, of finite pixels.

    Returns
    -------
    SpotCandidates or None
        None where nothing in the image is periodic.

    Notes
    -----
    All spots of the lattice up to the Nyquist limit where one is found, otherwise the spots that
    stand above noise and streaks in the power spectrum, and stand alone.
    """
    shape = average.shape[0], average.shape[1]
    spread = float(average.std())
    if not spread > 0:
        return None
    # Powers of very large and very small numbers have no place in single precision.
    average = (average - average.mean()) / spread
    found = find_spots(average, np.ones(shape, np.bool_)).frequency
    if not len(found):
        return None
    frequency, indices = _of_lattice(average, found)
    turned = (frequency[:, 1] < 0) | ((frequency[:, 1] == 0) & (frequency[:, 0] < 0))
    frequency = np.where(turned[:, None], -frequency, frequency)
    if indices is not None:
        known = indices[:, 0] != NOT_OF_LATTICE
        indices = np.where((turned & known)[:, None], -indices, indices)
    steps = np.rint(frequency * shape).astype(np.intp)
    at = np.stack([steps[:, 0] % shape[0], np.minimum(steps[:, 1], shape[1] // 2)], axis=1)
    periods = np.hypot(*(frequency * shape).T)
    order = np.argsort(np.hypot(*frequency.T), kind="stable")
    order = order[periods[order] >= _FEWEST_PERIODS][:_MOST_SPOTS]
    if not len(order):
        return None
    return SpotCandidates(
        frequency[order], None if indices is None else indices[order], np.asarray(at[order])
    )


def _of_lattice(
    average: npt.NDArray[Any], found: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.intp] | None]:
    """Frequencies of all spots of the lattice, and of those found that do not belong to it."""
    if len(found) < 2 or min(average.shape) < SMALLEST_IMAGE:
        return found, None
    try:
        reciprocal = find_lattice(average).reciprocal
    except (NoLatticeError, ValueError):
        return found, None
    reach = math.ceil(0.75 / np.linalg.svd(reciprocal, compute_uv=False).min())
    number = np.arange(-min(reach, 40), min(reach, 40) + 1)
    indices = np.stack(np.meshgrid(number, number, indexing="ij"), axis=-1).reshape(-1, 2)
    half = (indices[:, 0] > 0) | ((indices[:, 0] == 0) & (indices[:, 1] > 0))
    indices = indices[half]
    frequency = indices @ reciprocal
    margin = 1 / np.array(average.shape)
    inside = (np.abs(frequency) < 0.5 - margin).all(axis=1)
    frequency, indices = frequency[inside], indices[inside]
    # A spot that was found is one of these if it is as near as a spot is wide.
    away = np.stack([found, -found])[:, :, None] - frequency
    near = (np.abs(away) < 2 * margin).all(axis=-1).any(axis=(0, 2))
    others = found[~near]
    return (
        np.concatenate([frequency, others]),
        np.concatenate([indices, np.full(others.shape, NOT_OF_LATTICE, np.intp)]),
    )


def spot_table(
    candidates: SpotCandidates,
    spectra: FrameSpectra,
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    units: str = "px",
) -> SpotTable:
    """Signal to noise and transfer of each spot.

    Parameters
    ----------
    candidates : SpotCandidates
        Where to look.
    spectra : FrameSpectra
        Made with ``at=candidates.at``.
    scale : (y, x)
        Size of a pixel in `units`.
    units : str
        Of the distances of planes.

    Returns
    -------
    SpotTable

    Raises
    ------
    ValueError
        The spectra were made without these places.

    Notes
    -----
    The background of a spot is the median power around it, 3 to 7 steps of the spectrum away,
    brought to the mean by the distribution of the power of noise: exponential in the average, a
    gamma distribution in the mean power of m frames. The power at the spot's nearest step is up to
    half of what it is between the steps, in one frame as in the average.
    """
    if not np.array_equal(spectra.at, candidates.at):
        raise ValueError("the spectra were made for other spots; give at=candidates.at there.")
    m, count = spectra.frames, len(candidates.at)
    averaged = np.abs(spectra.average) ** 2
    at = tuple(candidates.at.T)
    ground_frame = _background(spectra.mean_power, candidates.at) / (gamma.median(m) / m)
    ground_average = _background(averaged, candidates.at) / math.log(2)
    tiny = np.finfo(np.float64).tiny
    ratio_frame = spectra.mean_power[at] / np.maximum(ground_frame, tiny)
    ratio_average = averaged[at] / np.maximum(ground_average, tiny)
    threshold = math.log(count / FALSE_ALARM)
    visible_frame, visible_average = ratio_frame > threshold, ratio_average > threshold
    transfer, error = _transfer(spectra.values, ground_frame)
    seen = visible_frame | visible_average
    pitch = np.hypot(*(candidates.frequency / np.abs(scale)).T)
    return SpotTable(
        frequency=candidates.frequency,
        indices=candidates.indices,
        spacing=1 / pitch,
        snr_frame=ratio_frame - 1,
        snr_average=ratio_average - 1,
        visible_frame=visible_frame,
        visible_average=visible_average,
        transfer=np.where(seen, transfer, np.nan),
        transfer_error=np.where(seen, error, np.nan),
        units=units,
    )


def _background(power: FloatArray, at: npt.NDArray[np.intp]) -> FloatArray:
    """Median power (s,) on a ring around each place of a half plane."""
    h, columns = power.shape
    reach = np.arange(-_OUTER, _OUTER + 1)
    rows, cols = np.meshgrid(reach, reach, indexing="ij")
    distance = np.hypot(rows, cols)
    ring = (distance >= _INNER) & (distance <= _OUTER)
    y = at[:, :1] + rows[ring]
    x = at[:, 1:] + cols[ring]
    # Beyond the first column lies the mirror image; beyond the last there is nothing.
    y = np.where(x < 0, -y, y) % h
    x = np.abs(x)
    inside = x < columns
    values = np.where(inside, power[y, np.minimum(x, columns - 1)], np.nan)
    # Around the centre are the slow parts of the image.
    slow = np.hypot(np.minimum(y, h - y), x) < _FEWEST_PERIODS
    values[slow & inside] = np.nan
    return np.asarray(np.nanmedian(values, axis=1), np.float64)


def _transfer(
    values: npt.NDArray[np.complex128], ground: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Amplitude in the average over that in a frame (s,), and its standard error."""

    def of(total: npt.NDArray[Any], power: FloatArray, m: int) -> FloatArray:
        coherent = np.maximum((np.abs(total) ** 2 - m * power) / (m * (m - 1)), 0.0)
        square = np.full(coherent.shape, np.nan)
        np.divide(coherent, power - ground, out=square, where=power > ground)
        return np.sqrt(square)

    m = len(values)
    total, squares = values.sum(axis=0), np.abs(values) ** 2
    transfer = of(total, squares.mean(axis=0), m)
    if m < 3:
        return transfer, np.full(transfer.shape, np.nan)
    without = of(total - values, (squares.sum(axis=0) - squares) / (m - 1), m - 1)
    return transfer, np.asarray(np.sqrt((m - 1) * np.var(without, axis=0)), np.float64)


def _smallest(values: FloatArray) -> float:
    return float(values.min()) if values.size else math.nan
