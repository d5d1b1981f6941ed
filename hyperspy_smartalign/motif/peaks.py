"""Maxima of a score map: where, how high, and which of those that overlap stay."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy.ndimage import maximum_filter

from hyperspy_smartalign.motif.scores import ScoreMap
from hyperspy_smartalign.motif.searched_motif import checked_motif
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
def _likely(values: FloatArray, y: int, threshold: np.float32, out: npt.NDArray[np.bool_]) -> None:
    """Mark the pixels of a row that are not below their four neighbours, as vectors do fast."""
    h, w = values.shape
    out[:] = True
    if not 0 < y < h - 1:
        return
    pixels = values.reshape(h * w)
    one, width = np.uint64(1), np.uint64(w)
    start = np.uint64(y * w)
    for x in range(one, np.uint64(w - 1)):
        k = start + x
        here = pixels[k]
        # NaN beside a maximum is not above it.
        below = (pixels[k - one] > here) | (pixels[k + one] > here)
        below |= (pixels[k - width] > here) | (pixels[k + width] > here)
        out[x] = (here >= threshold) & (not below)


@compiled
def _is_top(values: FloatArray, y: int, x: int) -> bool:
    """Whether none of eight neighbours is higher, and none before it is as high."""
    h, w = values.shape
    here = values[y, x]
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            j, i = y + dy, x + dx
            if 0 <= j < h and 0 <= i < w and (dy != 0 or dx != 0):
                other = values[j, i]
                earlier = dy < 0 or (dy == 0 and dx < 0)
                if other > here or (other == here and earlier):
                    return False
    return True


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
    likely = np.empty(w, np.bool_)
    for y in range(h):
        _likely(values, y, np.float32(threshold), likely)
        for x in range(w):
            if not likely[x]:
                continue
            here = values[y, x]
            if not (here > threshold and _is_top(values, y, x)):
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
    if n == 0:
        return kept
    area = float(height * width)
    # Cells so large that what is too near lies in the same one or in one beside it.
    reach = max(distance, 1.0) if overlap >= 1 else max(distance, float(height), float(width))
    top, left = centres[:, 0].min(), centres[:, 1].min()
    rows = int((centres[:, 0].max() - top) / reach) + 3
    columns = int((centres[:, 1].max() - left) / reach) + 3
    # Of each cell the last that was kept, and of each that was kept the one before.
    last = np.full((rows, columns), -1, np.int64)
    before = np.empty(n, np.int64)
    for i in range(n):
        y, x = centres[i, 0], centres[i, 1]
        row, column = int((y - top) / reach) + 1, int((x - left) / reach) + 1
        free = True
        for j in range(row - 1, row + 2):
            for m in range(column - 1, column + 2):
                k = last[j, m]
                while k >= 0 and free:
                    dy, dx = abs(y - centres[k, 0]), abs(x - centres[k, 1])
                    shared = (height - dy) * (width - dx) if dy < height and dx < width else 0.0
                    free = not (dy * dy + dx * dx < distance * distance or shared > overlap * area)
                    k = before[k]
        if free:
            kept[i] = True
            before[i] = last[row, column]
            last[row, column] = i
    return kept
