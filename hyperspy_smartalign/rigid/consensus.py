"""Shifts of all frames at once: those on which all pair correlations agree best.

The shifts sought maximise the sum of all pair correlations at mutually consistent shifts, which
for Gaussian images in white noise is their likelihood. A pair whose own highest maximum is a unit
cell off still adds its vote for the right place, so nothing is lost by first choosing among each
pair's maxima. The sum over pairs that share a frame is one correlation: that of the frame with the
aligned sum of the others, so each vote costs one small inverse transform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from .pairs import overlap_gain
from .peaks import best_maxima
from .spectra import Spectra

__all__ = ["Consensus", "find_consensus"]

#: Rounds of placing, re-estimating the spectrum and placing again.
MAX_ROUNDS = 4
MAX_SWEEPS = 12
#: Votes whose winner leads by fewer standard deviations of their noise leave doubt.
DOUBT = 6.0


@dataclass(frozen=True)
class Consensus:
    """Result of `find_consensus`.

    Attributes
    ----------
    shifts : (n, 2) float64
        Frame pixels, mean zero; NaN for frames linked to no other.
    lead : (n,) float64
        Lead of each frame's winning place over the runner-up, in standard deviations of the vote's
        noise.
    spectra : Spectra
        With the signal re-estimated from the aligned series.
    """

    shifts: npt.NDArray[np.float64]
    lead: npt.NDArray[np.float64]
    spectra: Spectra


class _Ballot:
    """Votes for one frame from the aligned sum of others."""

    def __init__(
        self,
        spectra: Spectra,
        links: npt.NDArray[np.bool_],
        max_shift: tuple[float, float] | None,
        num_workers: int | None,
    ) -> None:
        self.spectra = spectra
        self.links = links
        self.max_shift = max_shift
        self.num_workers = num_workers
        self.step = np.array(spectra.step)
        self.size = np.array(spectra.frame_shape, np.float64)
        self._columns = np.full(spectra.map_shape[1] // 2 + 1, 2.0)
        self._columns[0] = 1.0

    def members(
        self, index: int, shifts: npt.NDArray[np.float64], placed: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """Placed frames that vote for `index`, and where it is expected.

        The nearest placed frame in time tells the neighbourhood; frames more than half a field
        from there share too little of the area, and would wrap around in a cyclic correlation.
        """
        voters = np.flatnonzero(self.links[index] & placed)
        nearest = voters[np.argmin(np.abs(voters - index))]
        guess = shifts[index] if placed[index] else shifts[nearest]
        near = np.abs(shifts[voters] - guess) < 0.5 * self.size
        voters = voters[near.all(axis=1)]
        return voters, guess

    def vote(
        self,
        index: int,
        total: npt.NDArray[np.complex64],
        phases: npt.NDArray[np.complex64],
        count: int,
        guess: npt.NDArray[np.float64],
        bounds: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None,
    ) -> tuple[npt.NDArray[np.float64], float]:
        """Best place of a frame (px) and its lead over the second best in noise deviations."""
        spectra = self.spectra
        shape = spectra.map_shape
        weight = spectra.weight(float(count))
        # Centred on the guess, so that places are unwrapped around it.
        centred = spectra.phases(guess)
        product = (spectra.frames[index] * np.conj(total)).sum(0) * weight * centred
        vote = fft.irfft2(product, s=shape, workers=self.num_workers)
        overlap = fft.irfft2(spectra.overlap * np.conj(phases) * centred, s=shape) / count
        gain = overlap_gain(overlap)
        limits = None
        if bounds is not None:
            limits = (
                ((bounds[0] - guess) / self.step)[None],
                ((bounds[1] - guess) / self.step)[None],
            )
        positions, scores = best_maxima(vote[None], gain[None], count=2, limits=limits)
        if not np.isfinite(positions[0, 0]).all():
            return guess, 0.0
        variance = (
            (weight.astype(np.float64) ** 2 * np.abs(total[0]) ** 2 * self._columns).sum()
            * spectra.noise
            / (shape[0] * shape[1]) ** 2
        )
        deviation = float(np.sqrt(max(variance, np.finfo(np.float64).tiny)))
        runner_up = scores[0, 1] if np.isfinite(scores[0, 1]) else 0.0
        lead = (scores[0, 0] - runner_up) / deviation
        return guess + positions[0, 0] * self.step, float(lead)

    def bounds(
        self, shifts: npt.NDArray[np.float64], voters: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
        """Box that keeps a frame within `max_shift` of every frame it is compared with."""
        if self.max_shift is None:
            return None
        low = shifts[voters].max(0) - self.max_shift
        high = shifts[voters].min(0) + self.max_shift
        middle = 0.5 * (low + high)
        # Already placed frames may lie further apart than max_shift over a long series.
        return np.minimum(low, middle), np.maximum(high, middle)


def _place(
    ballot: _Ballot, progress: Callable[[int], None] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Place frames one by one, always the one whose place is clearest."""
    spectra, links = ballot.spectra, ballot.links
    n = len(links)
    shifts = np.zeros((n, 2))
    placed = np.zeros(n, bool)
    aligned = np.zeros_like(spectra.frames)
    phases = np.zeros((n, *spectra.overlap.shape), np.complex64)
    sums = np.zeros_like(spectra.frames)
    sum_phases = np.zeros_like(phases)
    best: dict[int, tuple[npt.NDArray[np.float64], float]] = {}

    def put(index: int, shift: npt.NDArray[np.float64]) -> None:
        shifts[index] = shift
        placed[index] = True
        phases[index] = spectra.phases(shift)
        aligned[index] = spectra.frames[index] * phases[index]
        for other in np.flatnonzero(links[index] & ~placed):
            sums[other] += aligned[index]
            sum_phases[other] += phases[index]
            voters, guess = ballot.members(other, shifts, placed)
            total, phase = sums[other], sum_phases[other]
            if len(voters) < np.count_nonzero(links[other] & placed):
                total, phase = aligned[voters].sum(0), phases[voters].sum(0)
            best[other] = ballot.vote(
                other, total, phase, len(voters), guess, ballot.bounds(shifts, voters)
            )
        best.pop(index, None)
        if progress is not None:
            progress(1)

    degree = links.sum(1)
    while not placed.all():
        if best:
            index = max(best, key=lambda k: best[k][1])
            put(index, best[index][0])
            continue
        # The first frame, or a part of the series that no pair links to what is placed.
        free = np.flatnonzero(~placed & (degree > 0))
        if placed.any() or not len(free):
            break
        middle = free[np.argmin(np.abs(free - 0.5 * (n - 1)) - 1e-3 * degree[free])]
        put(int(middle), np.zeros(2))
    return shifts, placed


def _sweep(
    ballot: _Ballot, shifts: npt.NDArray[np.float64], placed: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Move each frame where all others want it, until none moves by more than a map pixel."""
    spectra, links = ballot.spectra, ballot.links
    shifts = shifts.copy()
    lead = np.zeros(len(shifts))
    indices = np.flatnonzero(placed)
    everybody = bool(links[np.ix_(indices, indices)].sum() == len(indices) * (len(indices) - 1))
    everybody &= bool((np.ptp(shifts[indices], axis=0) < 0.5 * ballot.size).all())
    phases = np.zeros((len(shifts), *spectra.overlap.shape), np.complex64)
    aligned = np.zeros_like(spectra.frames)
    for index in indices:
        phases[index] = spectra.phases(shifts[index])
        aligned[index] = spectra.frames[index] * phases[index]
    total, phase = aligned.sum(0), phases.sum(0)
    for _ in range(MAX_SWEEPS):
        moved = 0.0
        for index in indices:
            voters, guess = ballot.members(index, shifts, placed)
            if not len(voters):
                continue
            if everybody and len(voters) == len(indices) - 1:
                others, other_phases = total - aligned[index], phase - phases[index]
            else:
                others, other_phases = aligned[voters].sum(0), phases[voters].sum(0)
            place, lead[index] = ballot.vote(
                index, others, other_phases, len(voters), guess, ballot.bounds(shifts, voters)
            )
            change = place - shifts[index]
            if not change.any():
                continue
            moved = max(moved, float(np.abs(change / ballot.step).max()))
            shifts[index] = place
            new_phase = spectra.phases(place)
            new_aligned = spectra.frames[index] * new_phase
            total += new_aligned - aligned[index]
            phase += new_phase - phases[index]
            aligned[index], phases[index] = new_aligned, new_phase
        if moved <= 1.0:
            break
    return shifts, lead


def find_consensus(
    spectra: Spectra,
    pairs: npt.NDArray[np.intp],
    *,
    max_shift: tuple[float, float] | None = None,
    num_workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Consensus:
    """Shifts that maximise the sum of the pair correlations.

    Frames are placed one by one (clearest first), then each is moved where all others want it
    until nothing moves. The aligned series gives a sharper estimate of the signal spectrum, and
    with it of the weights, so the whole is repeated while it changes anything.

    Parameters
    ----------
    spectra : Spectra
    pairs : (p, 2) int array
        Frames that are compared.
    max_shift : (y, x), optional
        Largest shift between two compared frames, px.
    num_workers : int, optional
        Threads of the transforms.
    progress : callable, optional
        Called with 1 for every frame placed.

    Returns
    -------
    Consensus
    """
    n = len(spectra.frames)
    links = np.zeros((n, n), bool)
    links[pairs[:, 0], pairs[:, 1]] = True
    links |= links.T
    step = np.array(spectra.step)

    def centred(shifts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return shifts - shifts[placed].mean(0)

    ballot = _Ballot(spectra, links, max_shift, num_workers)
    shifts, placed = _place(ballot, progress)
    if not placed.any():
        return Consensus(np.full((n, 2), np.nan), np.zeros(n), spectra)
    shifts, lead = _sweep(ballot, shifts, placed)
    for _ in range(MAX_ROUNDS - 1):
        previous = centred(shifts)
        better = spectra.with_signal_from(np.where(placed[:, None], shifts, 0.0))
        ballot = _Ballot(better, links, max_shift, num_workers)
        swept, lead = _sweep(ballot, shifts, placed)
        doubtful = (lead[placed] < DOUBT).any() or (
            np.abs(centred(swept) - previous)[placed] > 2 * step
        ).any()
        if doubtful:
            placed_again, _ = _place(ballot, None)
            swept, lead = _sweep(ballot, placed_again, placed)
        shifts, spectra = swept, better
        if (np.abs(centred(shifts) - previous)[placed] <= 2 * step).all():
            break
    shifts = centred(shifts)
    shifts[~placed] = np.nan
    return Consensus(shifts=shifts, lead=np.where(placed, lead, 0.0), spectra=spectra)
