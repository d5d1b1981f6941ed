"""Each frame fitted to the mean of the others: one Gauss-Newton step a pass.

The residual between a frame and the (denoised) mean of the others is, to first order in a small
remaining shift d, ``-grad(m) . d``. Weighted least squares with the variance of each pixel as
weight solves for d, together with a scale and an offset of the frame's brightness. The inverse of
the normal matrix is the covariance of the shift; it is the Cramer-Rao bound where the mean is
known (Kay, Fundamentals of Statistical Signal Processing I, 1993, chapter 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from hyperspy_smartalign.quality.noise import NoiseModel, ResidualBins, fit_noise
from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.workers import run_tasks

from .reference import Reference, build_reference
from .store import FrameStore

__all__ = ["Refined", "refine_shifts"]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]

#: Pixels of the common frame around each frame during the fit: keeps what wraps around in the
#: filter of the mean away from the frame.
MARGIN = 16
#: Residuals beyond this many standard deviations pull no harder than at it (hot pixels).
CLIP = 6.0
NOISE_BINS = 16
#: A step longer than this (px) left the range in which the fit is linear: only that far.
LONGEST_STEP = 1.5


@dataclass(frozen=True)
class Refined:
    """Result of one pass.

    Attributes
    ----------
    shifts, precision : (n, 2) float64
        New shifts and their standard errors, px.
    steps : (n, 2) float64
        By how much the shifts changed.
    noise : NoiseModel
        From the residuals of this pass.
    similarity : (n,) float64
        Correlation of each frame with the mean of the others, noise included.
    contrast, contrast_error : (n,) float64
        Fitted contrast of each frame relative to the mean of the others (1: the same), and its
        standard error.
    reference : Reference
    """

    shifts: DoubleArray
    precision: DoubleArray
    steps: DoubleArray
    noise: NoiseModel
    similarity: DoubleArray
    contrast: DoubleArray
    contrast_error: DoubleArray
    reference: Reference


@compiled
def _normal_equations(
    frame: FloatArray,
    model: FloatArray,
    count: FloatArray,
    margin: int,
    level: float,
    offset: float,
    gain: float,
    floor: float,
    denoised: float,
    low: float,
    bin_scale: float,
    clip: float,
    normal: DoubleArray,
    right: DoubleArray,
    bins: DoubleArray,
    moments: DoubleArray,
) -> None:
    h, w = frame.shape
    last = bins.shape[1] - 1
    for y in range(h):
        v = y + margin
        # A quarter of the rows tells the noise well enough.
        sampled = y % 4 == 0
        for x in range(w):
            u = x + margin
            seen = count[v, u]
            if seen < 1.0:
                continue
            gy = (
                45.0 * (model[v + 1, u] - model[v - 1, u])
                - 9.0 * (model[v + 2, u] - model[v - 2, u])
                + (model[v + 3, u] - model[v - 3, u])
            ) / 60.0
            gx = (
                45.0 * (model[v, u + 1] - model[v, u - 1])
                - 9.0 * (model[v, u + 2] - model[v, u - 2])
                + (model[v, u + 3] - model[v, u - 3])
            ) / 60.0
            m = model[v, u]
            expected = level + m
            residual = frame[y, x] - expected
            spread = 1.0 + denoised / seen
            variance = max(offset + gain * expected, floor) * spread
            weight = 1.0 / variance
            size = residual * residual * weight
            if size > clip * clip:
                weight *= clip / np.sqrt(size)
            if sampled:
                index = int((expected - low) * bin_scale)
                index = min(max(index, 0), last)
                bins[0, index] += 1.0
                bins[1, index] += expected
                # A clipped residual counts as one at the limit.
                bins[2, index] += min(residual * residual, clip * clip * variance) / spread
                moments[0] += 1.0
                moments[1] += frame[y, x]
                moments[2] += frame[y, x] * frame[y, x]
                moments[3] += m
                moments[4] += m * m
                moments[5] += frame[y, x] * m
            g0, g1, g2, g3 = -gy, -gx, m, 1.0
            normal[0, 0] += weight * g0 * g0
            normal[0, 1] += weight * g0 * g1
            normal[0, 2] += weight * g0 * g2
            normal[0, 3] += weight * g0 * g3
            normal[1, 1] += weight * g1 * g1
            normal[1, 2] += weight * g1 * g2
            normal[1, 3] += weight * g1 * g3
            normal[2, 2] += weight * g2 * g2
            normal[2, 3] += weight * g2 * g3
            normal[3, 3] += weight * g3 * g3
            right[0] += weight * g0 * residual
            right[1] += weight * g1 * residual
            right[2] += weight * g2 * residual
            right[3] += weight * g3 * residual


def _solve(
    normal: DoubleArray, right: DoubleArray
) -> tuple[DoubleArray, DoubleArray, float, float]:
    """Shift step, its standard errors, the fitted contrast and its standard error."""
    matrix = np.triu(normal) + np.triu(normal, 1).T
    scale = np.sqrt(np.diag(matrix))
    if not (scale[:2] > 0).all() or not np.isfinite(matrix).all():
        return np.zeros(2), np.full(2, np.nan), 1.0, np.inf
    used = scale > 0
    reduced = matrix[np.ix_(used, used)] / np.outer(scale[used], scale[used])
    # Too little contrast to tell the axes apart leaves nearly dependent columns.
    if np.linalg.cond(reduced) > 1e10:
        return np.zeros(2), np.full(2, np.nan), 1.0, np.inf
    inverse = np.linalg.inv(reduced) / np.outer(scale[used], scale[used])
    solution = inverse @ right[used]
    errors = np.sqrt(np.diag(inverse))
    contrast, contrast_error = 1.0, np.inf
    if used[2]:
        contrast, contrast_error = 1.0 + float(solution[2]), float(errors[2])
    # A frame of less contrast than the mean answers less to the same shift.
    step = solution[:2] / min(max(contrast, 0.5), 2.0)
    return step, errors[:2], contrast, contrast_error


def _correlation(moments: DoubleArray) -> float:
    n, sf, sff, sm, smm, sfm = moments
    if n < 2:
        return 0.0
    covariance = sfm - sf * sm / n
    spread = (sff - sf * sf / n) * (smm - sm * sm / n)
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


def _noise_of_mean(count: FloatArray, denoised: float) -> float:
    """What the noise of the mean adds to the standard error of a shift, as a factor.

    Where the mean has slopes, which is where a shift shows, its filter lets all noise pass, and
    not only the share of it that it leaves on average.
    """
    seen = count[count >= 1.0]
    others = float(seen.mean()) if seen.size else 1.0
    return float(np.sqrt((1.0 + 1.0 / others) / (1.0 + denoised / others)))


def refine_shifts(
    store: FrameStore,
    shifts: DoubleArray,
    used: npt.NDArray[np.bool_],
    noise: NoiseModel,
    *,
    num_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Refined:
    """One pass: every frame against the mean of the others.

    Parameters
    ----------
    store : FrameStore
    shifts : (n, 2) array
        Present shifts, px (y, x), right within about a pixel.
    used : (n,) bool
        Frames in the mean. The others are fitted too, but change nothing.
    noise : NoiseModel
    num_workers : int, optional
    progress : callable, optional
        ``progress(done, total)``, in the caller's thread.

    Returns
    -------
    Refined
    """
    n = len(store)
    level = float(np.mean([store.frame(int(i)).mean() for i in np.flatnonzero(used)[:8]]))
    reference = build_reference(
        store,
        shifts,
        used,
        variance=float(noise.variance(level)),
        margin=MARGIN,
        num_workers=num_workers,
    )
    # What is left of the noise in the denoised mean, relative to the plain mean.
    gain_power = reference.gain.astype(np.float64) ** 2
    denoised = float(gain_power.mean())
    seen = reference.coverage > 0.5
    mean = reference.total[seen] / reference.coverage[seen]
    low, high = (float(value) for value in np.quantile(mean, (0.001, 0.999)))
    bin_scale = NOISE_BINS / max(high - low, float(np.finfo(np.float32).tiny))
    edges = low + np.arange(NOISE_BINS + 1) / bin_scale

    steps = np.zeros((n, 2))
    precision = np.full((n, 2), np.nan)
    similarity = np.zeros(n)
    contrast, contrast_error = np.ones(n), np.full(n, np.inf)
    bins = np.zeros((n, 3, NOISE_BINS))

    def fit(index: int) -> None:
        template = reference.template(store, index, shifts[index], included=bool(used[index]))
        model = fft.irfft2(
            template.spectrum * reference.phases(template.fraction),
            s=reference.window_shape,
            workers=1,
        )
        normal, right, moments = np.zeros((4, 4)), np.zeros(4), np.zeros(6)
        _normal_equations(
            store.frame(index), model, template.count, reference.margin, reference.level,
            noise.offset, noise.gain, noise.floor, denoised, low, bin_scale, CLIP,
            normal, right, bins[index], moments,
        )  # fmt: skip
        step, precision[index], contrast[index], contrast_error[index] = _solve(normal, right)
        precision[index] *= _noise_of_mean(template.count, denoised)
        length = float(np.hypot(*step))
        steps[index] = step * min(1.0, LONGEST_STEP / length) if length > 0 else step
        similarity[index] = _correlation(moments)

    run_tasks(fit, n, num_workers=num_workers, progress=progress)
    gathered = bins[used].sum(0)
    if gathered[0].sum() > 0:
        noise = fit_noise(ResidualBins(edges, gathered[0], gathered[1], gathered[2]))
    moved = shifts + steps
    moved -= moved[used].mean(0)
    return Refined(
        shifts=moved,
        precision=precision,
        steps=steps,
        noise=noise,
        similarity=similarity,
        contrast=contrast,
        contrast_error=contrast_error,
        reference=reference,
    )
