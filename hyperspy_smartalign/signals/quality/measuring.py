"""Measure how good an aligned series is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.quality.bragg import spot_table
from hyperspy_smartalign.quality.ring_correlation import RingCorrelation, ring_correlation
from hyperspy_smartalign.quality.transfer import spectral_quality
from hyperspy_smartalign.signals.progressing import progress_bar
from hyperspy_smartalign.signals.quality.frames import closure_of, frames_of_quality
from hyperspy_smartalign.signals.quality.gathering import gather
from hyperspy_smartalign.signals.quality.judging import held_out_of, verdicts_of
from hyperspy_smartalign.signals.quality.precision import precision_of
from hyperspy_smartalign.signals.quality.quality import Quality
from hyperspy_smartalign.signals.quality.stages import Evidence


def quality(
    signal: BaseSignal,
    *,
    source: BaseSignal | None = None,
    show_progressbar: bool | None = None,
) -> Quality:
    """Measure how good an aligned series is; parameters as of ``signal.smartalign.quality``."""
    with progress_bar(show_progressbar) as progress:
        evidence, candidates = gather(signal, source=source, progress=progress)
        rings = {
            name: ring_correlation(
                *np.where(stage.blind, np.nan, stage.halves),
                pixel=evidence.scale,
                window=evidence.window,
                frames=0 if name == "raw" else len(evidence.members),
            )
            for name, stage in evidence.stages.items()
        }
        steps = len(evidence.stages) + 4
        spectra = {}
        for done, name in enumerate(evidence.stages):
            spectra[name] = spectral_quality(evidence.spectra(name))
            if progress is not None:
                progress("measuring spectra", done + 1, steps)
        spectral = spectra[evidence.final]
        spots = None
        if candidates is not None:
            spots = spot_table(
                candidates,
                evidence.spectra(evidence.final),
                scale=evidence.scale,
                units=evidence.units,
            )
        frames = frames_of_quality(evidence, spectral)
        closure = closure_of(evidence)
        precision = precision_of(evidence, spectral)
        held_out = held_out_of(evidence, rings)
        if progress is not None:
            progress("judging", steps, steps)
    return Quality(
        rings=rings,
        spectral=spectral,
        spots=spots,
        precision=precision,
        closure=closure,
        frames=frames,
        held_out=held_out,
        verdicts=verdicts_of(
            evidence,
            rings=rings,
            spectral=spectral,
            spots=spots,
            precision=precision,
            closure=closure,
            frames=frames,
            held_out=held_out,
        ),
        messages=(*evidence.messages, *_limits(evidence, rings)),
        scale=evidence.scale,
        units=evidence.units,
        title=str(signal.metadata.General.get_item("title", "")),
        spectra=spectra,
    )


def _limits(evidence: Evidence, rings: Mapping[str, RingCorrelation]) -> Iterator[str]:
    """What keeps the figures from being what they seem, in words."""
    last = rings[evidence.final]
    if last.beyond_nyquist():
        yield (
            "The halves agree up to the highest frequency. Either the pixels are coarser than the "
            "resolution, or the frames share something that is not the specimen: the pattern of a "
            "camera, disturbed rows, or sharp steps."
        )
    if not last.believable:
        yield (
            "The halves agree no more than frames of noise do when each is moved to where it is "
            "most like the others. Nothing is said to be resolved; add frames or dose."
        )
    # Before alignment, motion makes frames differ at some frequencies more than at others.
    if evidence.final != "raw" and not evidence.spectra(evidence.final).is_white:
        yield (
            "The noise is not white: frames were smoothed or up-sampled, or the detector flickers. "
            "The ratio of signal to noise is that of each frequency, but errors are larger than "
            "stated and the transfer is not to be trusted."
        )
