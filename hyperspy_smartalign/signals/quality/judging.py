"""Whether the correction helped, and what can be said of an alignment in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_smartalign.quality.closure import Closure
from hyperspy_smartalign.quality.frame_quality import FrameQuality
from hyperspy_smartalign.quality.held_out import HeldOut, held_out
from hyperspy_smartalign.quality.precision import Precision
from hyperspy_smartalign.quality.verdicts import (
    Level,
    Resolution,
    Verdict,
    verdict_on_closure,
    verdict_on_errors,
    verdict_on_fields,
    verdict_on_frames,
    verdict_on_help,
    verdict_on_hops,
    verdict_on_limit,
    verdict_on_resolution,
)
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.quality.examining import examine, model_of
from hyperspy_smartalign.signals.quality.stages import Evidence

if TYPE_CHECKING:
    from hyperspy_smartalign.quality.ring_correlation import RingCorrelation


def held_out_of(
    evidence: Evidence, rings: Mapping[str, RingCorrelation] | None = None
) -> HeldOut | None:
    """Whether the non-rigid alignment helped.

    Returns
    -------
    HeldOut or None
        None for an alignment that only shifts frames, for displacement fields and where the raw
        frames are not at hand.
    """
    alignment = evidence.alignment
    if alignment is None or evidence.frames is None:
        return None
    nonrigid = evidence.nonrigid
    tried = nonrigid is not None and any(not each.kept for each in nonrigid.cycles)
    if model_of(alignment) == "fields" or (model_of(alignment) == "rigid" and not tried):
        return None
    examined = examine(evidence)
    if examined is None:
        return None
    kept = [] if nonrigid is None else [each.gain for each in nonrigid.cycles if each.kept]
    return held_out(examined.lines, examined.gain, recorded=_last_known(kept))


def _gain_of_fields(evidence: Evidence) -> float:
    """Held-out gain of displacement fields, NaN where no guard has asked for it.

    Without a guard, fields are measured against frames that earlier cycles may have made worse.
    """
    guards = [
        step["parameters"].get("guard")
        for step in recording.steps_of(evidence.signal)
        if step["name"] == "align_nonrigid"
    ]
    if evidence.nonrigid is None or guards[-1:] != [True]:
        return float("nan")
    return _last_known(
        [each.gain for each in evidence.nonrigid.cycles if each.kept and each.model == "free"]
    )


def _last_known(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return known[-1] if known else float("nan")


def verdicts_of(
    evidence: Evidence,
    *,
    rings: Mapping[str, RingCorrelation],
    spectral: object = None,
    spots: object = None,
    precision: Precision | None = None,
    closure: Closure | None = None,
    frames: FrameQuality | None = None,
    held_out: HeldOut | None = None,
) -> tuple[Verdict, ...]:
    """What can be said in plain words, the most important first.

    Returns
    -------
    tuple of Verdict
    """
    scale = float(np.sqrt(evidence.scale[0] * evidence.scale[1]))
    units = evidence.units
    verdicts: list[Verdict] = []
    resolution = _resolution(evidence, rings)
    if resolution is not None:
        verdicts.append(verdict_on_resolution(resolution, scale=scale, units=units))
    if precision is not None:
        value = np.nan if resolution is None else resolution.value
        verdicts.append(verdict_on_limit(precision, resolution=float(value)))
        verdicts.append(verdict_on_errors(precision, scale=scale, units=units))
    if frames is not None:
        if evidence.alignment is not None:
            verdicts.append(verdict_on_hops(frames))
        verdicts.append(verdict_on_frames(frames, aligned=evidence.alignment is not None))
    if closure is not None:
        verdicts.append(verdict_on_closure(closure))
    elif evidence.pairs is not None and not evidence.pairs.accepted.any():
        verdicts.append(
            Verdict(
                "closure",
                "bad",
                f"None of the {len(evidence.pairs.accepted)} pairs of frames agrees with the "
                "shifts of the frames, which are thus not known.",
            )
        )
    if held_out is not None:
        verdicts.append(verdict_on_help(held_out))
    elif evidence.alignment is not None and model_of(evidence.alignment) == "fields":
        verdicts.append(verdict_on_fields(_gain_of_fields(evidence)))
    if evidence.nonrigid is not None and evidence.nonrigid.undetermined:
        words = evidence.nonrigid.undetermined
        level: Level = "good" if words.startswith("Only a shift common") else "unknown"
        verdicts.append(Verdict("undetermined", level, words))
    return tuple(verdicts)


def _resolution(evidence: Evidence, rings: Mapping[str, RingCorrelation]) -> Resolution | None:
    if evidence.final not in rings:
        return None
    own = rings[evidence.final]
    earlier = [name for name in ("raw", "rigid", "nonrigid") if name in rings]
    before = earlier[earlier.index(evidence.final) - 1] if evidence.final != earlier[0] else ""
    low, high = own.interval("1/7")
    if not own.believable:
        return Resolution(value=float("nan"), low=float("nan"), high=float("nan"))
    return Resolution(
        value=own.resolution("1/7"),
        low=low,
        high=high,
        before=rings[before].resolution("1/7") if before else float("nan"),
        stage=before,
        at_pixel=own.beyond_nyquist("1/7"),
    )
