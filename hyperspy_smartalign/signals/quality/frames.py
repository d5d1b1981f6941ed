"""How good each frame is, and how well the pairs of frames agree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal
from scipy.special import expit

from hyperspy_smartalign.quality.closure import Closure, closure_of_pairs
from hyperspy_smartalign.quality.frame_quality import FrameQuality, frame_quality
from hyperspy_smartalign.rigid.hop_odds import hop_odds
from hyperspy_smartalign.rigid.hops import repeat_distance
from hyperspy_smartalign.signals.quality.gathering import gather
from hyperspy_smartalign.signals.quality.precision import shift_bound_of
from hyperspy_smartalign.signals.quality.stages import Evidence
from hyperspy_smartalign.transforms import Alignment

DoubleArray = npt.NDArray[np.float64]

# A pair whose shift is farther from what all frames agree on saw another maximum: px, deviations.
_NEAR, _FAR = 1.0, 9.0


def closure_of(evidence: Evidence) -> Closure | None:
    """How well the measured pairs of frames add up around triangles.

    Returns
    -------
    Closure or None
        None where the signal carries no pairs, or no three of them make a triangle.
    """
    pairs, alignment = evidence.pairs, evidence.alignment
    if pairs is None or alignment is None:
        return None
    taking = np.isin(pairs.indices, evidence.members).all(1)
    accepted = pairs.accepted & taking
    if not accepted.any():
        return None
    shifts = alignment.shifts
    expected = shifts[pairs.indices[:, 0]] - shifts[pairs.indices[:, 1]]
    away = np.abs(pairs.shifts - expected).max(1)
    # An accepted pair may agree by another maximum than its highest, which alone is kept. At low
    # doses these are most of them: the nearest quarter tells how far pairs scatter that saw the
    # same, whose larger component is below 0.6745 standard deviations in a quarter of cases.
    spread = float(np.quantile(away[accepted], 0.25)) / 0.6745
    near = accepted & (away <= max(_NEAR, _FAR * spread))
    bound = np.full(2, np.nan)
    if evidence.noise is not None:
        bound = shift_bound_of(evidence, alignment, evidence.noise)
    return closure_of_pairs(
        pairs.indices[near],
        pairs.shifts[near],
        alignment.n_frames,
        elsewhere=int((accepted & ~near).sum()),
        # Three pairs of two frames each; robust sizes are those of one axis.
        expected=float(np.sqrt(6.0 * np.mean(bound**2))),
    )


def frames_of_quality(evidence: Evidence, spectral: object = None) -> FrameQuality:
    """How good each frame is.

    Parameters
    ----------
    evidence : Evidence
    spectral : SpectralQuality, optional
        Not needed: the spectra of the frames are asked for.
    """
    spectra = evidence.spectra(evidence.final)
    alignment = evidence.alignment
    count = int(evidence.members.max()) + 1
    if alignment is not None:
        count = alignment.n_frames
    elif evidence.frames is not None:
        count = len(evidence.frames)
    excluded = ~np.isin(np.arange(count), evidence.members)
    reasons = [""] * count
    hops = None
    if alignment is not None:
        reasons = list(alignment.exclusion_reasons)
        if alignment.hop_margin is not None:
            margin = _margin(evidence, alignment, alignment.hop_margin)
            hops = np.asarray(expit(-margin))
    for index in np.flatnonzero(excluded):
        reasons[index] = reasons[index] or "shows too little of what the others show"
    return frame_quality(
        spectra.frequency,
        spectra.samples,
        spectra.power,
        spectra.cross,
        spectra.noise_shape,
        members=evidence.members,
        excluded=excluded,
        reasons=reasons,
        hop_probability=hops,
    )


def _margin(evidence: Evidence, alignment: Alignment, margin: DoubleArray) -> DoubleArray:
    """Log-odds (n,) that frames are in their places, by their pixels and by the drift."""
    average = evidence.stages[evidence.final].average
    distance = repeat_distance(average - average.mean())
    used = ~np.isnan(margin)
    agreement = None
    if evidence.pairs is not None and evidence.pairs.indices.max(initial=0) < len(used):
        agreement = evidence.pairs.agreement(alignment.shifts, used)
    return hop_odds(margin, alignment.shifts, used, distance, agreement=agreement)


def frame_weights(signal: BaseSignal, source: BaseSignal | None = None) -> DoubleArray:
    """Weights of the frames under which the signal-to-noise ratio of the average is highest.

    Parameters
    ----------
    signal : BaseSignal
        An aligned series.
    source : BaseSignal, optional
        The series as it was recorded.

    Returns
    -------
    (n,) float64
        0 for frames that take no part.
    """
    evidence, _ = gather(signal, source=source)
    return frames_of_quality(evidence).weight
