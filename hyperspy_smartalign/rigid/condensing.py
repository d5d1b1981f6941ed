"""Fewer, less noisy frames for very low dose: groups of neighbours, and four interleaved subsets.

Both assume a drift that is smooth over a few frames. The shifts found are carried back to the
single frames, which the refinement then fits one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .consensus import Consensus, find_consensus
from .pairs import choose_pairs, measure_pairs
from .spectra import Spectra

__all__ = ["SUBSETS", "group_members", "low_snr_shifts", "spread_over_frames"]

#: Number of interleaved subsets: one for each of the four scan rotations of an orthogonal set.
SUBSETS = 4


def group_members(count: int, size: int) -> list[npt.NDArray[np.intp]]:
    """Consecutive frames in groups of `size`; the last may be smaller."""
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]


def spread_over_frames(
    shifts: npt.NDArray[np.float64], members: list[npt.NDArray[np.intp]], count: int
) -> npt.NDArray[np.float64]:
    """Shifts of single frames from those of their groups, linear between group centres.

    Frames before the first and after the last centre follow the nearest two.
    """
    centres = np.array([part.mean() for part in members])
    frames = np.arange(count, dtype=np.float64)
    result = np.empty((count, 2))
    for axis in range(2):
        result[:, axis] = np.interp(frames, centres, shifts[:, axis])
        if len(centres) > 1:
            for outside, a, b in ((frames < centres[0], 0, 1), (frames > centres[-1], -2, -1)):
                slope = (shifts[b, axis] - shifts[a, axis]) / (centres[b] - centres[a])
                anchor = 0 if a == 0 else -1
                result[outside, axis] = shifts[anchor, axis] + slope * (
                    frames[outside] - centres[anchor]
                )
    return result


def low_snr_shifts(
    spectra: Spectra,
    neighbours: int | str,
    *,
    max_shift: tuple[float, float] | None = None,
    num_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Consensus:
    """Shifts of a very noisy series from four interleaved subsets that share one drift.

    Frames 0, 4, 8, ... form the first subset, 1, 5, 9, ... the second, and so on. The step from
    frame 4 k to 4 l is nearly that from 4 k + 1 to 4 l + 1, so the four correlations of a step are
    added before their maximum is sought. Each subset's aligned average is then compared with the
    other three, which finds the offsets between subsets, also those that come with a scan rotated
    by 90 degrees from frame to frame.

    Parameters
    ----------
    spectra : Spectra
        One channel, n frames.
    neighbours : int or str
        As in `choose_pairs`, in steps of four frames.
    max_shift : (y, x), optional
    num_workers : int, optional
    progress : callable, optional
        ``progress(done, total)``, in pairs of steps.

    Returns
    -------
    Consensus of the n frames.

    Raises
    ------
    ValueError
        For fewer than 8 frames.
    """
    n = len(spectra.frames)
    if n < 2 * SUBSETS:
        raise ValueError(
            f"mode='low_snr' needs at least {2 * SUBSETS} frames to form four subsets; there are "
            f"{n}. Use mode='high_snr'."
        )
    steps = -(-n // SUBSETS)
    channels = np.zeros((steps, SUBSETS, *spectra.frames.shape[2:]), np.complex64)
    for index in range(n):
        channels[index // SUBSETS, index % SUBSETS] = spectra.frames[index, 0]
    in_step = replace(spectra, frames=channels)
    pairs = choose_pairs(steps, neighbours)
    done = 0

    def count(number: int) -> None:
        nonlocal done
        done += number
        if progress is not None:
            progress(min(done, len(pairs)), len(pairs))

    measured = measure_pairs(
        in_step, pairs, max_shift=max_shift, num_workers=num_workers, progress=count
    )
    drift = find_consensus(in_step, measured, max_shift=max_shift)
    common = np.nan_to_num(drift.shifts)

    sums = np.zeros((SUBSETS, 1, *spectra.frames.shape[2:]), np.complex64)
    for step in range(steps):
        sums[:, 0] += channels[step] * drift.spectra.phases(common[step])
    # The average of m frames has m times less noise power.
    averages = replace(
        drift.spectra,
        frames=np.asarray(sums / steps, np.complex64),
        noise=drift.spectra.noise / steps,
    )
    measured = measure_pairs(averages, choose_pairs(SUBSETS, "all"), num_workers=num_workers)
    offsets = np.nan_to_num(find_consensus(averages, measured).shifts)
    frames = np.arange(n)
    shifts = common[frames // SUBSETS] + offsets[frames % SUBSETS]
    return Consensus(
        shifts=shifts - shifts.mean(0),
        lead=drift.lead[frames // SUBSETS],
        spectra=replace(drift.spectra, frames=spectra.frames),
    )
