"""The score that divides genuine matches from the rest."""

from __future__ import annotations

import math
import operator
import reprlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.sites import ALIKE
from hyperspy_smartalign.resampling.options import DoubleArray

# Chance that noise alone passes the floor anywhere.
_FALSE_ALARM = 1e-2
# A population has this share of all maxima, and so many.
_SMALLEST_SHARE = 0.02
_FEWEST = 5.0
# A valley goes down to this share of the lower of the peaks beside it, and differs from it by this
# many standard errors: shallow ones are believed where many scores tell them.
_VALLEYS = ((0.5, 2.0), (0.85, 4.0))
# What lies so many standard deviations below the main peak belongs to the tail.
_TAIL = 5.0
_STEPS = 1024


@dataclass(frozen=True, eq=False)
class ScoreHistogram:
    """How many matches have which score.

    Attributes
    ----------
    counts : (bins,) int
    edges : (bins + 1,) float64
    """

    counts: npt.NDArray[np.int64]
    edges: DoubleArray

    @property
    def centres(self) -> DoubleArray:
        """(bins,) middle of each bin."""
        return np.asarray((self.edges[:-1] + self.edges[1:]) / 2, np.float64)


def score_histogram(
    scores: npt.ArrayLike, *, bins: int = 64, score_range: tuple[float, float] | None = None
) -> ScoreHistogram:
    """Histogram of scores.

    Parameters
    ----------
    scores : (n,) array-like
    bins : int
    score_range : (low, high), optional
        Scores outside are not counted; by default from the lowest score to 1.

    Raises
    ------
    TypeError
        If `bins` is no whole number, or `score_range` are no two numbers.
    ValueError
        If there is no bin, or the range is empty.
    """
    values = np.asarray(scores, np.float64).ravel()
    values = values[np.isfinite(values)]
    if score_range is None:
        score_range = min(float(values.min(initial=1.0)), 0.99), 1.0
    try:
        bins = operator.index(bins)
    except TypeError:
        raise TypeError(
            f"bins={reprlib.repr(bins)} is not a whole number; give the number of bars, such as 64."
        ) from None
    try:
        low, high = (float(end) for end in score_range)
    except (TypeError, ValueError):
        raise TypeError(
            f"score_range={reprlib.repr(score_range)} are not two numbers; give the lowest and the "
            "highest score, such as (0.2, 1)."
        ) from None
    if bins < 1 or not low < high:
        raise ValueError(
            f"bins={bins} and score_range={score_range} make no histogram; give one bin or more "
            "and the lower end first."
        )
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    return ScoreHistogram(counts.astype(np.int64), edges)


def noise_floor(pixels: int, places: int) -> float:
    """Score that white noise reaches nowhere, but for one search in a hundred.

    Parameters
    ----------
    pixels : int
        Of the motif.
    places : int
        Number of tiles that are compared with it.

    Returns
    -------
    float
        0 to 1. The correlation coefficient of noise has the standard error ``1 / sqrt(pixels - 3)``
        on Fisher's scale, atanh(score).
    """
    error = 1 / math.sqrt(max(pixels - 3, 1))
    return math.tanh(error * math.sqrt(2 * math.log(max(places, 1) / _FALSE_ALARM)))


def automatic_threshold(scores: npt.ArrayLike, *, pixels: int) -> float:
    """Threshold between the main peak of the histogram of scores and its tail.

    Parameters
    ----------
    scores : (n,) array-like
        Scores of the local maxima, those of noise already left out.
    pixels : int
        Of the motif.

    Returns
    -------
    float
        Scores at least as high belong to the main peak.

    Notes
    -----
    On Fisher's scale z = atanh(score), where noise spreads all scores alike, by ``1 / sqrt(pixels -
    3)``. The density of z is a sum of Gaussians whose width is Silverman's rule, for the spread
    within the two groups that divide z best, and not below half that of the noise. Peaks are
    populations where a valley lies between them that goes down to half of the lower one by more
    than two standard errors, or to 85 % of it by more than four. The main peak is the one of the
    best scores that holds 2 % of all and five or more: the motif that was searched for, and not the
    more frequent things that are a little like it. The threshold lies in the middle of the deepest
    part of the valley below it. Without a valley all is one population, and what lies five standard
    deviations below its peak, as told from the better side, is its tail.

    Tilt, thickness and sampling can split the scores of one motif into several peaks. The next peak
    belongs to the main one, and so on downwards, where its mean score is 95 % of that above it:
    noise lowers all scores by the same factor, so the ratio tells how alike the two are without it.
    """
    values = np.asarray(scores, np.float64).ravel()
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 1.0
    threshold = _below_main_peak(values, pixels)
    while True:
        upper, lower = values[values >= threshold], values[values < threshold]
        if upper.size < _FEWEST or not lower.size:
            return threshold
        below = _below_main_peak(lower, pixels)
        if float(lower[lower >= below].mean()) < ALIKE * float(upper.mean()):
            return threshold
        threshold = below


def _below_main_peak(values: DoubleArray, pixels: int) -> float:
    """Threshold between the peak of the best scores and the rest."""
    # A motif that is searched in its own frame finds itself with a score of 1.
    z = np.arctanh(np.clip(values, -1 + 1e-6, 1 - 1e-6))
    others = z[values < 1 - 1e-5]
    if others.size == 0:
        return float(values.min())
    noise = 1 / math.sqrt(max(pixels - 3, 1))
    bandwidth = _bandwidth(others, noise)
    grid = np.linspace(others.min() - 3 * bandwidth, others.max() + 3 * bandwidth, _STEPS)
    density = _density(others, grid, bandwidth)
    # Number of scores that the density at a point is made of, for its standard error.
    effective = density * others.size * 2 * math.sqrt(math.pi) * bandwidth
    valley = _main_valley(effective, density * others.size * (grid[1] - grid[0]))
    if valley is not None:
        return float(np.tanh(grid[valley]))
    top = float(grid[int(np.argmax(density))])
    better = others[others > top]
    spread = math.sqrt(float(np.mean((better - top) ** 2))) if better.size else noise
    tail = math.tanh(top - _TAIL * max(spread, noise))
    return max(tail, float(values.min()))


def _bandwidth(z: DoubleArray, noise: float) -> float:
    """Width of the Gaussians of the density.

    Silverman's rule takes the spread of one population. Here it is that within the two groups that
    divide z best (Otsu), which is 0.6 times too small if there is but one.
    """
    ordered = np.sort(z)
    n = ordered.size
    below = np.arange(1, n)
    total = ordered.sum()
    low = np.cumsum(ordered)[:-1]
    between = (low / below - (total - low) / (n - below)) ** 2 * below * (n - below) / n
    whole = float(np.square(ordered - total / n).sum())
    within = math.sqrt(max(whole - float(between.max(initial=0.0)), 0.0) / n)
    return max(0.9 * within / math.pow(n, 0.2), 0.5 * noise)


def _density(z: DoubleArray, grid: DoubleArray, bandwidth: float) -> DoubleArray:
    """Density of z on a grid: a fine histogram smoothed by a Gaussian."""
    step = grid[1] - grid[0]
    edges = np.append(grid - step / 2, grid[-1] + step / 2)
    counts = np.histogram(z, bins=edges)[0] / (z.size * step)
    reach = math.ceil(5 * bandwidth / step)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / bandwidth) ** 2)
    smooth = np.convolve(counts, kernel / kernel.sum())[reach : reach + len(grid)]
    return np.asarray(smooth, np.float64)


def _main_valley(effective: DoubleArray, mass: DoubleArray) -> int | None:
    """Where the valley below the main peak is deepest; None if there is one population."""
    inner = effective[1:-1]
    tops = 1 + np.flatnonzero((inner >= effective[:-2]) & (inner > effective[2:]))
    total = float(mass.sum())
    enough = max(_SMALLEST_SHARE * total, min(_FEWEST, 0.5 * total))
    # From the best scores down: the first significant valley with enough above it.
    for k in range(len(tops) - 1, 0, -1):
        right = effective[tops[k] :].max()
        left = effective[: tops[k - 1] + 1].max()
        between = effective[tops[k - 1] : tops[k] + 1]
        depth, lower = float(between.min()), float(min(left, right))
        error = math.sqrt(lower + depth)
        deep = any(
            depth < share * lower and lower - depth > errors * error for share, errors in _VALLEYS
        )
        deepest = np.flatnonzero(between <= depth + 1e-3 * lower)
        place = int(tops[k - 1] + round(float(deepest.mean())))
        if deep and mass[place:].sum() >= enough:
            return place
    return None
