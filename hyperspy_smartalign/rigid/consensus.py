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
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from .pairs import PairCandidates, overlap_gain
from .peaks import best_maxima
from .spectra import Spectra

__all__ = ["Ballot", "Consensus", "find_consensus", "pair_links"]

#: Rounds of placing, re-estimating the spectrum and placing again.
MAX_ROUNDS = 4
MAX_SWEEPS = 12
#: Votes whose winner leads by fewer standard deviations of their noise leave doubt.
DOUBT = 6.0
#: Share of the signal that counts as noise in a vote: edges of the field and changes of the sample
#: disturb a correlation however high the dose.
IMPERFECTION = 0.5
#: A place this share of the field away from where a frame is expected is held back by one standard
#: deviation of its vote (two such shares by four): it breaks ties and no more.
TIE_REACH = 0.125
#: Maxima of a vote among which the nearest is sought.
EVEN_MAXIMA = 64


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


class Ballot:
    """Votes for one frame from the aligned sum of others."""

    def __init__(
        self,
        spectra: Spectra,
        links: npt.NDArray[np.bool_],
        max_shift: tuple[float, float] | None,
    ) -> None:
        self.spectra = spectra
        self.links = links
        self.max_shift = max_shift
        self.step = np.array(spectra.step)
        self.size = np.array(spectra.frame_shape, np.float64)
        columns_twice = np.full(spectra.map_shape[1] // 2 + 1, 2.0)
        columns_twice[0] = 1.0
        self._disturbance = columns_twice * (spectra.noise + IMPERFECTION * spectra.signal)
        rows, columns = (fft.fftfreq(size) / TIE_REACH for size in spectra.map_shape)
        self._far = np.asarray(rows[:, None] ** 2 + columns[None, :] ** 2, np.float32)

    def members(
        self, index: int, shifts: npt.NDArray[np.float64], placed: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """Placed frames that vote for `index`, and where it is expected.

        The nearest placed frame in time tells the neighbourhood; frames more than half a field
        from there share too little of the area, and would wrap around in a cyclic correlation.
        """
        voters = np.flatnonzero(self.links[index] & placed)
        if not len(voters):
            return voters, shifts[index]
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
        shape = self.spectra.map_shape
        weight = self.spectra.weight(float(count))
        vote, gain = self._correlation(index, total, phases, count, guess, weight)
        limits = self._limits(guess, bounds)
        variance = (weight**2 * (np.abs(total) ** 2).sum(0) * self._disturbance).sum()
        variance /= (shape[0] * shape[1]) ** 2
        deviation = float(np.sqrt(max(variance, np.finfo(np.float64).tiny)))
        # Places that the image cannot tell apart (a perfect lattice) fall to the nearest.
        vote = vote * gain - np.float32(deviation) * self._far
        positions, scores = best_maxima(
            vote[None], (gain > 0).astype(np.float32)[None], count=2, limits=limits
        )
        if not np.isfinite(positions[0, 0]).all():
            return guess, 0.0
        runner_up = scores[0, 1] if np.isfinite(scores[0, 1]) else 0.0
        lead = (scores[0, 0] - runner_up) / deviation
        return guess + positions[0, 0] * self.step, float(lead)

    def nearest(
        self,
        index: int,
        total: npt.NDArray[np.complex64],
        phases: npt.NDArray[np.complex64],
        count: int,
        guess: npt.NDArray[np.float64],
        bounds: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None,
        *,
        share: float,
    ) -> npt.NDArray[np.float64]:
        """Of the places that get at least this share of the best vote, the nearest to the guess."""
        weight = self.spectra.weight(float(count))
        vote, gain = self._correlation(index, total, phases, count, guess, weight)
        positions, scores = best_maxima(
            vote[None], gain[None], count=EVEN_MAXIMA, limits=self._limits(guess, bounds)
        )
        distance = np.hypot(*(positions[0] * self.step).T)
        even = np.isfinite(distance) & (scores[0] >= share * scores[0, 0])
        if not even.any():
            return guess if bounds is None else np.clip(guess, *bounds)
        place = positions[0, np.where(even, distance, np.inf).argmin()]
        return np.asarray(guess + place * self.step)

    def _correlation(
        self,
        index: int,
        total: npt.NDArray[np.complex64],
        phases: npt.NDArray[np.complex64],
        count: int,
        guess: npt.NDArray[np.float64],
        weight: npt.NDArray[np.float32],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Correlation of a frame with the sum of others, and the gain that undoes the overlap."""
        spectra = self.spectra
        # Centred on the guess, so that places are unwrapped around it.
        centred = spectra.phases(guess)
        product = (spectra.frames[index] * np.conj(total)).sum(0) * weight * centred
        vote = fft.irfft2(product, s=spectra.map_shape, workers=1)
        overlap = fft.irfft2(spectra.overlap * np.conj(phases) * centred, s=spectra.map_shape)
        return vote, overlap_gain(overlap / count)

    def _limits(
        self,
        guess: npt.NDArray[np.float64],
        bounds: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
        """`bounds` around the guess, in pixels of the map."""
        if bounds is None:
            return None
        return ((bounds[0] - guess) / self.step)[None], ((bounds[1] - guess) / self.step)[None]

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
    ballot: Ballot, progress: Callable[[int], None] | None
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
        for other in map(int, np.flatnonzero(links[index] & ~placed)):
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
    ballot: Ballot, shifts: npt.NDArray[np.float64], placed: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Move each frame where all others want it, until none moves by more than a map pixel."""
    spectra, links = ballot.spectra, ballot.links
    shifts = shifts.copy()
    lead = np.zeros(len(shifts))
    indices = [int(index) for index in np.flatnonzero(placed)]
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


def _chain(
    measured: PairCandidates, links: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Shifts along the tree of the clearest pairs: quick, and right where most pairs are."""
    n = len(links)
    lead = measured.scores[:, 0].copy()
    if measured.scores.shape[1] > 1:
        lead -= np.where(np.isfinite(measured.scores[:, 1]), measured.scores[:, 1], 0.0)
    known = np.isfinite(measured.shifts[:, 0, 0]) & np.isfinite(lead)
    # The graph routines of older scipy take 32-bit indices only.
    i, j = measured.pairs[known].T.astype(np.int32)
    # The tree is of least cost, and a cost of zero would be no edge.
    cost = 1.0 + lead[known].max(initial=0.0) - lead[known]
    tree = minimum_spanning_tree(coo_array((cost, (i, j)), shape=(n, n)))
    degree = links.sum(1)
    order, parents = breadth_first_order(
        tree, int(np.argmax(degree)), directed=False, return_predecessors=True
    )
    shifts = np.zeros((n, 2))
    between = np.zeros((n, n, 2))
    between[i, j] = measured.shifts[known, 0]
    between[j, i] = -measured.shifts[known, 0]
    for index in order[1:]:
        shifts[index] = shifts[parents[index]] + between[index, parents[index]]
    placed = np.zeros(n, bool)
    placed[order] = True
    return shifts, placed


def pair_links(measured: PairCandidates, count: int) -> npt.NDArray[np.bool_]:
    """Which frames are compared with which, (n, n)."""
    links = np.zeros((count, count), bool)
    links[measured.pairs[:, 0], measured.pairs[:, 1]] = True
    return links | links.T


def find_consensus(
    spectra: Spectra,
    measured: PairCandidates,
    *,
    max_shift: tuple[float, float] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Consensus:
    """Shifts that maximise the sum of the pair correlations.

    A chain of the clearest pairs is tried first: where all other frames confirm it, it stands.
    Otherwise frames are placed one by one, clearest first, each by the votes of all placed before,
    then each is moved where all others want it until nothing moves. The aligned series gives a
    sharper estimate of the signal spectrum, and with it of the weights, so the whole is repeated
    while it changes anything.

    Parameters
    ----------
    spectra : Spectra
    measured : PairCandidates
        The pairs that are compared, and what each says by itself.
    max_shift : (y, x), optional
        Largest shift between two compared frames, px.
    progress : callable, optional
        Called with 1 for every frame placed.

    Returns
    -------
    Consensus
    """
    n = len(spectra.frames)
    links = pair_links(measured, n)
    step = np.array(spectra.step)
    if not links.any():
        return Consensus(np.full((n, 2), np.nan), np.zeros(n), spectra)

    def centred(shifts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(shifts - shifts[placed].mean(0))

    ballot = Ballot(spectra, links, max_shift)
    chained, placed = _chain(measured, links)
    shifts, lead = _sweep(ballot, chained, placed)
    confirmed = (lead[placed] > DOUBT).all()
    confirmed &= (np.abs(centred(shifts) - centred(chained))[placed] <= 2 * step).all()
    if confirmed:
        shifts = centred(shifts)
        shifts[~placed] = np.nan
        return Consensus(shifts=shifts, lead=np.where(placed, lead, 0.0), spectra=spectra)
    shifts, placed = _place(ballot, progress)
    shifts, lead = _sweep(ballot, shifts, placed)
    for _ in range(MAX_ROUNDS - 1):
        previous = centred(shifts)
        better = spectra.with_signal_from(np.where(placed[:, None], shifts, 0.0))
        ballot = Ballot(better, links, max_shift)
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
