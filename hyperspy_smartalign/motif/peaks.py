"""Maxima of a score map: where, how high, and which of those that overlap stay."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy.ndimage import maximum_filter

from hyperspy_smartalign.motif.scores import ScoreMap, checked_motif
from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray

# A repeat within the motif reaches this share of the height at no shift, and this many standard
# errors of a correlation of noise.
_REPEAT = 0.8
_ABOVE_NOISE = 4.0
# Least share of the motif that overlaps with its shifted copy for this comparison: it shows repeats
# up to 0.78 of the motif's side in any direction.
_OVERLAP = 0.2
# Nothing is a genuine match at this share of the distance of two repeats.
_NEAREST = 0.75


@dataclass(frozen=True, eq=False)
class Peaks:
    """Local maxima of a score map, best first.

    Attributes
    ----------
    centres : (n, 2) float64
        (y, x) of the tile centres in pixels of the frame, between the pixels too.
    scores : (n,) float64
        Height of each maximum.
    """

    centres: DoubleArray
    scores: DoubleArray

    def __len__(self) -> int:
        return len(self.scores)


def find_peaks(scores: ScoreMap, *, threshold: float, subpixel: bool = True) -> Peaks:
    """Local maxima of a score map above a threshold.

    Parameters
    ----------
    scores : ScoreMap
    threshold : float
        Lower ones are left out.
    subpixel : bool
        Place each maximum by the parabola through its neighbours, along y and along x.

    Returns
    -------
    Peaks
        At the rim of the map the position across the rim is whole.
    """
    places, offsets, heights = _maxima(scores.values, threshold)
    if not subpixel:
        offsets[:] = 0
        heights = scores.values[places[:, 0], places[:, 1]].astype(np.float64)
    order = np.argsort(-heights, kind="stable")
    centres = places + offsets + np.array(scores.first_centre)
    return Peaks(centres[order], np.minimum(heights[order], 1.0))


def keep_best(
    centres: DoubleArray,
    scores: DoubleArray,
    *,
    tile_shape: tuple[int, int],
    distance: float,
    overlap: float = 1.0,
) -> npt.NDArray[np.bool_]:
    """Which matches stay when of those too near to each other only the best does.

    Parameters
    ----------
    centres : (n, 2) float64
        Tile centres (y, x), px.
    scores : (n,) float64
    tile_shape : (int, int)
        Rows and columns of a tile.
    distance : float
        Smallest distance of two centres, px.
    overlap : float
        Largest share of a tile that another may cover: 1 for any, 0 for tiles that share no pixel.

    Returns
    -------
    (n,) bool
        From the best to the worst, each stays unless a better one that stays is too near.
    """
    order = np.argsort(-scores, kind="stable")
    sorted_centres = np.ascontiguousarray(centres[order], np.float64)
    kept = np.empty(len(order), np.bool_)
    kept[order] = _suppress(sorted_centres, *tile_shape, distance, overlap)
    return kept


def smallest_distance(motif: npt.ArrayLike) -> float:
    """Distance below which two matches are taken for one, from the motif itself.

    Three quarters of the shortest distance at which the motif repeats within itself: the first side
    maximum of its autocorrelation, normalised by the overlap, that reaches 80 % of the height at no
    shift. A motif that does not repeat within itself counts as repeating after its shorter side.
    Places between two repeats that look a little like the motif, such as the other sites of a
    lattice, so have to be better than the repeats beside them.

    Parameters
    ----------
    motif : (h, w) array
        NaN where it says nothing.

    Returns
    -------
    float
        Pixels, at least 1.
    """
    template, known = checked_motif(motif)
    marks = np.ones(template.shape) if known is None else known.astype(np.float64)
    centred = np.where(marks > 0, template - template.mean(where=marks > 0), 0.0)
    fast = tuple(scipy.fft.next_fast_len(2 * n, real=True) for n in template.shape)

    def correlate(part: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        power = np.abs(scipy.fft.rfft2(part, s=fast)) ** 2
        return np.asarray(scipy.fft.fftshift(scipy.fft.irfft2(power, s=fast)), np.float64)

    count = correlate(marks)
    shared = count >= max(_OVERLAP * marks.sum(), 2.0)
    similar = np.where(shared, correlate(centred) / np.maximum(count, 1.0), -np.inf)
    cy, cx = (n // 2 for n in fast)
    # White noise shows at no shift only: the height there comes from the shifts by one pixel.
    beside = [similar[cy, cx - 1], similar[cy, cx + 1], similar[cy - 1, cx], similar[cy + 1, cx]]
    height = float(np.mean(beside))
    noise = similar[cy, cx] / np.sqrt(np.maximum(count, 1.0))
    top = (similar == maximum_filter(similar, size=5)) & shared
    top &= (similar > _REPEAT * height) & (similar > _ABOVE_NOISE * noise)
    lags = np.argwhere(top) - (cy, cx)
    lengths = np.hypot(*lags.T)
    repeats = lengths[lengths >= 2]
    shortest = min(float(repeats.min(initial=math.inf)), float(min(template.shape)))
    return max(1.0, _NEAREST * shortest)


@compiled
def _vertex(before: float, here: float, after: float) -> tuple[float, float]:
    """Offset and rise of the vertex of the parabola through three samples about a maximum."""
    bend = before - 2.0 * here + after
    # NaN beside the maximum fails this test too.
    if not bend < 0.0:
        return 0.0, 0.0
    slope = 0.5 * (after - before)
    offset = min(0.5, max(-0.5, -slope / bend))
    return offset, slope * offset + 0.5 * bend * offset * offset


@compiled
def _maxima(
    values: FloatArray, threshold: float
) -> tuple[npt.NDArray[np.int64], DoubleArray, DoubleArray]:
    """Places, sub-pixel offsets and heights of maxima among eight neighbours."""
    h, w = values.shape
    count = 0
    room = 1024
    places, offsets = np.empty((room, 2), np.int64), np.empty((room, 2), np.float64)
    heights = np.empty(room, np.float64)
    for y in range(h):
        for x in range(w):
            here = values[y, x]
            if not here > threshold:
                continue
            top = True
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    j, i = y + dy, x + dx
                    if 0 <= j < h and 0 <= i < w and (dy != 0 or dx != 0):
                        other = values[j, i]
                        # Of equal neighbours the first one wins.
                        earlier = dy < 0 or (dy == 0 and dx < 0)
                        if other > here or (other == here and earlier):
                            top = False
            if not top:
                continue
            if count == room:
                places = np.concatenate((places, np.empty((room, 2), np.int64)))
                offsets = np.concatenate((offsets, np.empty((room, 2), np.float64)))
                heights = np.concatenate((heights, np.empty(room, np.float64)))
                room *= 2
            oy = ox = ry = rx = 0.0
            if 0 < y < h - 1:
                oy, ry = _vertex(values[y - 1, x], here, values[y + 1, x])
            if 0 < x < w - 1:
                ox, rx = _vertex(values[y, x - 1], here, values[y, x + 1])
            places[count, 0], places[count, 1] = y, x
            offsets[count, 0], offsets[count, 1] = oy, ox
            heights[count] = here + ry + rx
            count += 1
    return places[:count], offsets[:count], heights[:count]


@compiled
def _suppress(
    centres: DoubleArray, height: int, width: int, distance: float, overlap: float
) -> npt.NDArray[np.bool_]:
    """Which of the centres, best first, have no better one too near."""
    n = len(centres)
    kept = np.zeros(n, np.bool_)
    chosen = np.empty((n, 2), np.float64)
    count = 0
    area = float(height * width)
    for i in range(n):
        free = True
        for k in range(count):
            dy, dx = abs(centres[i, 0] - chosen[k, 0]), abs(centres[i, 1] - chosen[k, 1])
            if dy * dy + dx * dx < distance * distance:
                free = False
                break
            if dy < height and dx < width and (height - dy) * (width - dx) > overlap * area:
                free = False
                break
        if free:
            kept[i] = True
            chosen[count] = centres[i]
            count += 1
    return kept
