"""Test for a change along a series, with a stated rate of false alarms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ChangePoint", "find_change"]

FloatArray = npt.NDArray[np.float64]

FEWEST = 6
"""Steps below which nothing can be told."""
# Longer series are averaged to so many blocks.
_MOST_BLOCKS = 64
# Orders that are drawn at random to learn what chance does.
_ORDERS = 999
# Orders that are handled together.
_TOGETHER = 50


@dataclass(frozen=True, eq=False)
class ChangePoint:
    """Whether and when a series changed.

    Attributes
    ----------
    chance : float
        Probability that a series that does not change looks at least as changed. NaN where fewer
        than 6 steps were given.
    false_alarm : float
        What `chance` must not exceed for a change to be believed.
    first : int or None
        First step by which the change is significant; None where there is none.
    falls : bool
        Whether the values became smaller there.
    row : int or None
        Which of the values shows it first.
    """

    chance: float
    false_alarm: float
    first: int | None
    falls: bool
    row: int | None


def find_change(values: npt.ArrayLike, *, false_alarm: float = 0.01, seed: int = 0) -> ChangePoint:
    """Find out by which step, if at all, one of several series has changed.

    Parameters
    ----------
    values : (n, b) array
        Values of b series at n steps, finite.
    false_alarm : float, default 0.01
        Probability that a change is found in series that do not change, all looks at all series
        together.
    seed : int
        Of the random orders.

    Returns
    -------
    ChangePoint

    Raises
    ------
    ValueError
        The values are not finite or have another shape, or `false_alarm` is not between 0.001 and
        0.5.

    Notes
    -----
    After every step, all values so far are split in two at every place, and the difference of the
    two means is divided by its standard error: the CUSUM test of a change of the mean [1]_. The
    noise of a series comes from the differences of its neighbours [2]_. The largest ratio over
    places and series grows with the steps, and a change is said to be there when it passes a
    threshold. The threshold is what 999 random orders of the steps, the same for all series, pass
    with the probability `false_alarm`: exact whenever the steps are exchangeable, whatever the
    distribution of the values and the correlation between the series. More than 64 steps are
    averaged to 64 blocks at most, so that the step found is the last one of its block.

    References
    ----------
    .. [1] E. S. Page, Biometrika 42 (1955) 523-527.
    .. [2] J. von Neumann et al., Ann. Math. Stat. 12 (1941) 153-162.
    """
    series = np.asarray(values, np.float64)
    if series.ndim != 2 or not np.isfinite(series).all():
        raise ValueError(f"values of shape {series.shape} must be finite numbers (steps, series).")
    if not 0.001 <= false_alarm <= 0.5:
        raise ValueError(f"false_alarm is {false_alarm!r}; give a probability of 0.001 to 0.5.")
    steps = len(series)
    if steps < FEWEST or series.shape[1] == 0:
        return ChangePoint(math.nan, false_alarm, None, True, None)
    ends = np.unique(np.linspace(0, steps, min(steps, _MOST_BLOCKS) + 1).astype(np.intp))
    blocks = np.add.reduceat(series, ends[:-1], axis=0) / np.diff(ends)[:, None]
    ratios = _ratios(blocks[None])[0]
    found = np.abs(ratios).max(axis=1)
    rng = np.random.default_rng(seed)
    count = len(blocks)
    by_chance = np.concatenate(
        [
            np.abs(_ratios(blocks[rng.permuted(np.tile(np.arange(count), (size, 1)), axis=1)])).max(
                axis=(1, 2)
            )
            for size in _portions(_ORDERS, _TOGETHER)
        ]
    )
    # The order found is one of those that chance could have given.
    chance = (1 + np.count_nonzero(by_chance >= found.max())) / (1 + _ORDERS)
    if chance > false_alarm:
        return ChangePoint(float(chance), false_alarm, None, True, None)
    passed = math.floor(false_alarm * (1 + _ORDERS)) - 1
    threshold = np.sort(by_chance)[::-1][min(passed, _ORDERS - 1)]
    block = int(np.argmax(found > threshold)) if (found > threshold).any() else int(found.argmax())
    row = int(np.abs(ratios[block]).argmax())
    return ChangePoint(
        chance=float(chance),
        false_alarm=false_alarm,
        first=int(ends[block + 1]) - 1,
        falls=bool(ratios[block, row] < 0),
        row=row,
    )


def _ratios(series: FloatArray) -> FloatArray:
    """Largest change (orders, steps, b) up to each step over its standard error, with its sign.

    Parameters
    ----------
    series : (orders, steps, b) array
    """
    orders, steps, rows = series.shape
    noise = np.sqrt((np.diff(series, axis=1) ** 2).mean(axis=1) / 2)
    # Without noise nothing has changed either.
    inverse = np.divide(1.0, noise, out=np.zeros_like(noise), where=noise > 0)
    scaled = (series - series.mean(axis=1, keepdims=True)) * inverse[:, None]
    sums = np.concatenate([np.zeros((orders, 1, rows)), np.cumsum(scaled, axis=1)], axis=1)
    best = np.zeros((orders, steps, rows))
    for stop in range(2, steps + 1):
        before = np.arange(1, stop)[None, :, None]
        after = stop - before
        earlier = sums[:, 1:stop]
        later = sums[:, stop : stop + 1] - earlier
        change = (later / after - earlier / before) / np.sqrt(1 / before + 1 / after)
        place = np.abs(change).argmax(axis=1)[:, None]
        best[:, stop - 1] = np.take_along_axis(change, place, axis=1)[:, 0]
    return best


def _portions(whole: int, largest: int) -> list[int]:
    return [min(largest, whole - start) for start in range(0, whole, largest)]
