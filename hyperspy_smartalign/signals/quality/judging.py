"""How far an alignment can be believed, from what a signal carries and its raw frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal
from scipy.special import expit

from hyperspy_smartalign.nonrigid.examining import Examined, examine_lines
from hyperspy_smartalign.quality.bound import (
    line_bound,
    line_information,
    matern_covariance,
    shift_bound,
)
from hyperspy_smartalign.quality.closure import Closure, closure_of_pairs
from hyperspy_smartalign.quality.frame_quality import FrameQuality, frame_quality
from hyperspy_smartalign.quality.held_out import HeldOut, held_out
from hyperspy_smartalign.quality.line_motion import left_motion
from hyperspy_smartalign.quality.precision import Precision, resolved_frequency
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
from hyperspy_smartalign.rigid.hop_odds import hop_odds
from hyperspy_smartalign.rigid.hops import repeat_distance
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.quality.gathering import gather
from hyperspy_smartalign.signals.quality.stages import Evidence
from hyperspy_smartalign.transforms import Affine, Alignment, Field, Translation

if TYPE_CHECKING:
    from hyperspy_smartalign.quality.noise import NoiseModel
    from hyperspy_smartalign.quality.ring_correlation import RingCorrelation

DoubleArray = npt.NDArray[np.float64]

# Lines of which the bound is computed: the middle of larger images.
_MOST_LINES = 400
# A pair whose shift is farther from what all frames agree on saw another maximum: px, deviations.
_NEAR, _FAR = 1.0, 6.0

# One pass over the frames serves all that is asked of the same evidence.
_EXAMINED: WeakKeyDictionary[Evidence, Examined | None] = WeakKeyDictionary()


@dataclass(frozen=True)
class _AlignedFrames:
    """The frames of the last stage on its canvas, as a source of frames."""

    evidence: Evidence
    lazy: bool = True

    def __len__(self) -> int:
        return len(self.evidence.stages[self.evidence.final].transforms)

    def frame(self, index: int) -> npt.NDArray[np.floating]:
        drawing = self.evidence.drawings[self.evidence.final]
        drawn = drawing.draw(index, self.evidence.canvas)
        return np.where(drawn.covered, drawn.pixels, np.nan).astype(np.float32)


def _examined(evidence: Evidence) -> Examined | None:
    """What the scan lines say of the alignment; None where there is none to judge."""
    if evidence not in _EXAMINED:
        _EXAMINED[evidence] = _examine(evidence)
    return _EXAMINED[evidence]


def _examine(evidence: Evidence) -> Examined | None:
    alignment = evidence.alignment
    if alignment is None or len(evidence.members) < 3:
        return None
    used = np.isin(np.arange(alignment.n_frames), evidence.members)
    scan = evidence.scan
    if scan is not None and not _along_axes(evidence):
        return None
    if evidence.frames is None or _model(alignment) == "fields":
        # What fields do along a line has no place in equations of whole lines.
        return examine_lines(
            _AlignedFrames(evidence),
            [Translation(np.zeros(2))] * alignment.n_frames,
            used=used,
            reported=_reported(evidence, alignment, whole=True),
            scan=scan,
        )
    return examine_lines(
        evidence.frames,
        alignment.transforms,
        used=used,
        reported=_reported(evidence, alignment, whole=False),
        scan=scan,
        region=_region(alignment),
    )


def _along_axes(evidence: Evidence) -> bool:
    assert evidence.scan is not None
    try:
        for index in evidence.members:
            evidence.scan.slow_axis(int(index))
    except ValueError:
        return False
    return True


def _model(alignment: Alignment) -> str:
    if alignment.is_rigid:
        return "rigid"
    if any(isinstance(t, Field) for t in alignment.transforms):
        return "fields"
    return "lines"


def _region(alignment: Alignment) -> tuple[int, int, int, int] | None:
    """Pixels of the raw frames that the last stage looked at."""
    region = alignment.steps[-1].get("results", {}).get("region") if alignment.steps else None
    if region is None:
        return None
    left, right, top, bottom = (int(edge) for edge in region)
    height, width = alignment.frame_shape
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        return None
    return left, right, top, bottom


def _reported(evidence: Evidence, alignment: Alignment, *, whole: bool) -> list[DoubleArray | None]:
    """Errors (y, x) that the alignment claims, of lines where it knows them, else of frames."""
    n = alignment.n_frames
    precision = alignment.precision
    frames: list[DoubleArray | None] = [None] * n
    if precision is not None:
        frames = [each if np.isfinite(each).all() else None for each in precision]
    record = evidence.nonrigid
    if whole or record is None or record.line_errors is None or len(record.line_errors) != n:
        return frames
    region = _region(alignment)
    height, width = alignment.frame_shape
    shape = (height, width) if region is None else (region[3] - region[2], region[1] - region[0])
    found: list[DoubleArray | None] = []
    for index, errors in enumerate(record.line_errors):
        axis = 0 if evidence.scan is None else evidence.scan.slow_axis(index)
        own = np.asarray(errors[: shape[axis]], np.float64)
        fits = len(own) == shape[axis] and np.isfinite(own).all()
        found.append(own if fits else frames[index])
    return found


def precision_of(evidence: Evidence, spectral: object = None) -> Precision | None:
    """Errors of an alignment, the best possible ones, and the motion that is left.

    Parameters
    ----------
    evidence : Evidence
    spectral : SpectralQuality, optional
        Not needed: motion is measured on lines, where it can be told from noise.

    Returns
    -------
    Precision or None
        None for a series that was not aligned.
    """
    alignment = evidence.alignment
    if alignment is None:
        return None
    examined = _examined(evidence)
    noise = evidence.noise if examined is None else examined.noise
    model = _model(alignment)
    record = evidence.nonrigid
    if model == "rigid" and record is not None and record.line_errors is not None:
        # Lines were looked at, and found straight.
        model = "lines"
    errors = np.full((alignment.n_frames, 2), np.nan)
    if alignment.precision is not None:
        errors[evidence.members] = alignment.precision[evidence.members]
    unknown = np.full(2, np.nan)
    bound = unknown if noise is None else _shift_bound(evidence, alignment, noise)
    motion = None
    line_error, bound_of_lines = unknown, unknown
    corrected, jitter, resolved = np.zeros(2), np.full(3, np.nan), np.nan
    if examined is not None:
        moves_lines = any(not isinstance(t, Translation | Affine) for t in alignment.transforms)
        motion = left_motion(
            examined.lines,
            jitter=(
                float(examined.jitter[0]),
                float(examined.jitter[1]),
                float(examined.jitter[2]),
            ),
            corrected=moves_lines and model == "lines",
        )
        jitter = np.sqrt(examined.jitter)
        corrected = np.sqrt(np.mean([np.mean(f.found**2, axis=0) for f in examined.lines], axis=0))
        if evidence.frames is None:
            # Aligned pixels do not tell how the lines moved before, nor how noisy they were.
            jitter = np.full(3, np.nan)
            if evidence.noise is not None:
                bound = _shift_bound(evidence, alignment, evidence.noise)
        if model == "lines":
            variances = np.array([np.mean(f.claimed, axis=0) for f in examined.lines])
            known = all(np.isfinite(f.reported).all() for f in examined.lines)
            line_error = np.sqrt(variances.mean(0)) if known else unknown
            if evidence.frames is not None:
                bound_of_lines, resolved = _line_bound(evidence, alignment, examined)
    line_time = None if evidence.scan is None else evidence.scan.line_time
    return Precision(
        model=model,  # type: ignore[arg-type]
        errors=errors,
        bound=bound,
        line_error=line_error,
        line_bound=bound_of_lines,
        motion=motion,
        corrected=corrected,
        jitter=jitter,
        resolved=float(resolved),
        line_time=float("nan") if line_time is None else float(line_time),
        interpolated=evidence.frames is None,
    )


def _shift_bound(evidence: Evidence, alignment: Alignment, noise: NoiseModel) -> DoubleArray:
    halves = evidence.stages[evidence.final].halves
    height, width = alignment.frame_shape
    region = _region(alignment)
    if region is not None:
        height, width = region[3] - region[2], region[1] - region[0]
    if min(halves.shape[1:]) < 5:
        return np.full(2, np.nan)
    return shift_bound(halves[0], halves[1], noise, pixels=height * width)


def _line_bound(
    evidence: Evidence, alignment: Alignment, examined: Examined
) -> tuple[DoubleArray, float]:
    """Rms bound (y, x) of the lines, and up to which frequency their jitter is resolved."""
    axis = 0 if evidence.scan is None else evidence.scan.slow_axis(int(evidence.members[0]))
    first, second = evidence.stages[evidence.final].halves
    if min(first.shape) < 5:
        return np.full(2, np.nan), float("nan")
    information = line_information(first, second, examined.noise, axis=axis)
    information *= alignment.frame_shape[1 - axis] / first.shape[1 - axis]
    start = max(0, (len(information) - _MOST_LINES) // 2)
    information = information[start : start + _MOST_LINES]
    prior = examined.prior
    order = [axis, 1 - axis]
    rms, length = prior.rms[order], prior.length[order]
    covariance = np.array(
        [
            matern_covariance(
                len(information), rms=float(r), length=float(each), smoothness=prior.smoothness
            )
            for r, each in zip(rms, length, strict=True)
        ]
    )
    bound = np.sqrt(np.mean(line_bound(information, covariance) ** 2, axis=0))
    mean = np.diagonal(information.mean(0))
    resolved = max(
        resolved_frequency(float(r), float(each), prior.smoothness, 1.0 / float(known))
        if known > 0
        else 0.0
        for r, each, known in zip(rms, length, mean, strict=True)
    )
    return bound, resolved


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
    spread = 1.4826 * float(np.median(away[accepted]))
    # An accepted pair may agree by another maximum than its highest, which alone is kept.
    near = accepted & (away <= max(_NEAR, _FAR * spread))
    bound = np.full(2, np.nan)
    if evidence.noise is not None:
        bound = _shift_bound(evidence, alignment, evidence.noise)
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
    if _model(alignment) == "fields" or (_model(alignment) == "rigid" and not tried):
        return None
    examined = _examined(evidence)
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
    elif evidence.alignment is not None and _model(evidence.alignment) == "fields":
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
