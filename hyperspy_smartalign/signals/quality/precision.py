"""Errors of shifts and scan lines, and how good they could be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.nonrigid.examining import Examined
from hyperspy_smartalign.quality.bound import (
    line_bound,
    line_information,
    matern_covariance,
    shift_bound,
)
from hyperspy_smartalign.quality.line_motion import left_motion
from hyperspy_smartalign.quality.precision import Precision, resolved_frequency
from hyperspy_smartalign.signals.quality.examining import examine, model_of, region_of
from hyperspy_smartalign.signals.quality.stages import Evidence
from hyperspy_smartalign.transforms import Affine, Alignment, Translation

if TYPE_CHECKING:
    from hyperspy_smartalign.quality.noise import NoiseModel

DoubleArray = npt.NDArray[np.float64]

# Lines of which the bound is computed: the middle of larger images.
_MOST_LINES = 400


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
    examined = examine(evidence)
    noise = evidence.noise if examined is None else examined.noise
    model = model_of(alignment)
    record = evidence.nonrigid
    if model == "rigid" and record is not None and record.line_errors is not None:
        # Lines were looked at, and found straight.
        model = "lines"
    errors = np.full((alignment.n_frames, 2), np.nan)
    if alignment.precision is not None:
        errors[evidence.members] = alignment.precision[evidence.members]
    unknown = np.full(2, np.nan)
    bound = unknown if noise is None else shift_bound_of(evidence, alignment, noise)
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
                bound = shift_bound_of(evidence, alignment, evidence.noise)
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


def shift_bound_of(evidence: Evidence, alignment: Alignment, noise: NoiseModel) -> DoubleArray:
    halves = evidence.stages[evidence.final].halves
    height, width = alignment.frame_shape
    region = region_of(alignment)
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
