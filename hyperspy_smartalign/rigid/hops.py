"""Is each frame in its right unit cell? The likelihood of its shift against all others nearby.

For every frame the log-likelihood of its pixels is computed for all whole-pixel displacements from
its present shift, given the denoised mean of the other frames. The same pixels are judged for every
displacement, those whose whole neighbourhood other frames saw: otherwise frames at the ends of the
drift path would prefer places where more of them is explained. No window, nothing wraps around.
With variance ``a + b I`` the intensity ``I / b + a / b**2`` is treated as a Poisson count, which is
exact for counts and tends to the Gaussian likelihood for large a.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage
from scipy.special import logsumexp

from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.resampling.workers import run_tasks

from .peaks import best_maxima
from .reference import LEAST_COVERAGE, Reference, build_reference
from .store import FrameStore

__all__ = ["HopCheck", "check_hops", "repeat_distance", "search_radius"]

DoubleArray = npt.NDArray[np.float64]

#: Other maxima nearer than this (px) belong to the present shift's own peak.
OWN_PEAK = 3.0
MAXIMA = 24
#: Expected intensity is kept above this share of the mean level: the denoised mean may dip.
DARKEST = 0.05
#: A frame of which less than this share can be judged keeps its place, with even odds.
LEAST_SHARE = 0.05
#: From the log-likelihood ratio to log-odds of being right, fitted to what happened in simulated
#: series near the lowest dose that works (logistic regression over 1,400 frames of 96 to 256 px):
#: the estimated mean is no perfect judge, and that all pairs chose the place speaks for it already.
ODDS_FACTOR, ODDS_START = 0.5, 1.2
#: Largest log-odds that are reported: beyond, the model and not the noise is what may fail.
CERTAIN = 1e4


@dataclass(frozen=True)
class HopCheck:
    """Result of `check_hops`.

    Attributes
    ----------
    margin : (n,) float64
        Log-odds of the present shift against all other maxima together; negative where another is
        more likely.
    better : (n, 2) float64
        Displacement (px) to the most likely place; zero where the present one is.
    places : (n, k, 2) float64
        Displacements (px) to other places; NaN where fewer were found.
    odds : (n, k) float64
        Log-odds of each of them against the present place; minus infinity where there is none.
    scale : float
        Factor by which raw log-likelihoods were multiplied so that their spread from frame to frame
        fits their size (1: as the noise model says).
    """

    margin: DoubleArray
    better: DoubleArray
    places: DoubleArray
    odds: DoubleArray
    scale: float


def repeat_distance(
    image: npt.NDArray[np.floating],
    seen: npt.NDArray[np.bool_] | None = None,
    *,
    gain: npt.NDArray[np.floating] | float = 1.0,
) -> float:
    """Distance at which an image repeats, px; NaN where it does not.

    That of the nearest other maximum of its autocorrelation that is worth the name.

    Parameters
    ----------
    image : (h, w) array
        Its mean level taken off; 0 where nothing was seen.
    seen : (h, w) bool, optional
        Where something was; everywhere unless given.
    gain : (h, w // 2 + 1) array, optional
        Factor on its spectrum, such as that of a noise filter.
    """
    shape = image.shape
    power = np.abs(fft.rfft2(image) * gain) ** 2
    power[0, 0] = 0.0
    auto = fft.irfft2(power, s=shape)
    if not auto[0, 0] > 0:
        return math.nan
    mask = np.ones(shape, np.float32) if seen is None else seen.astype(np.float32)
    overlap = fft.irfft2(np.abs(fft.rfft2(mask)) ** 2, s=shape)
    enough = overlap > 0.3 * overlap[0, 0]
    rise = np.where(enough, overlap[0, 0] / np.where(enough, overlap, 1.0), 0.0)
    positions, scores = best_maxima(
        (auto / auto[0, 0])[None].astype(np.float32), rise[None].astype(np.float32), count=16
    )
    distance = np.hypot(*positions[0].T)
    repeats = distance[(distance > OWN_PEAK) & (scores[0] > 0.3)]
    return float(repeats.min()) if len(repeats) else math.nan


def search_radius(reference: Reference) -> int:
    """How far to look for other places: one and a half times the distance of the image's repeats.

    The distance is that of the strongest other maximum of the mean image's autocorrelation; 24 px
    where there is none worth the name.
    """
    h, w = reference.window_shape
    size = min(h, w)
    centre = np.array(reference.coverage.shape) // 2
    top = int(np.clip(centre[0] - h // 2, 0, reference.coverage.shape[0] - h))
    left = int(np.clip(centre[1] - w // 2, 0, reference.coverage.shape[1] - w))
    place = (slice(top, top + h), slice(left, left + w))
    seen = reference.coverage[place]
    mean = np.where(
        seen > 0.5, reference.total[place] / np.maximum(seen, 1.0) - reference.level, 0.0
    ).astype(np.float32)
    nearest = repeat_distance(mean, seen > 0.5, gain=reference.gain)
    reach = 24.0 if math.isnan(nearest) else 1.5 * nearest + 2.0
    return int(np.clip(np.ceil(reach), 12, size // 4))


def _judged_pixels(reference: Reference, radius: int) -> npt.NDArray[np.bool_]:
    """Pixels of the canvas around which the mean is known out to the search radius."""
    seen = reference.coverage
    often = seen >= max(2.0, LEAST_COVERAGE * float(np.median(seen[seen > 0.5])))
    known: npt.NDArray[np.bool_] = ndimage.minimum_filter(
        often, size=2 * radius + 1, mode="constant", cval=0
    )
    return known


def _log_likelihood(
    store: FrameStore,
    reference: Reference,
    index: int,
    shift: DoubleArray,
    noise: NoiseModel,
    included: bool,
    judged: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.float32], float]:
    """Log-likelihood ratio against a flat image for every displacement, (wy, wx), [0, 0] first.

    Also the share of the frame's pixels that are judged.
    """
    shape = reference.window_shape
    margin = reference.margin
    template = reference.template(store, index, shift, included=included)
    mean = fft.irfft2(template.spectrum, s=shape, workers=1)
    # Variance a + b I; a gain lost in the noise makes the count so large that it is Gaussian.
    flat = float(noise.variance(reference.level))
    gain = max(noise.gain, 1e-3 * np.sqrt(flat))
    base = flat / gain**2
    expected = np.maximum(base + mean / gain, DARKEST * base)
    logarithm = np.log(expected / base)
    penalty = base * logarithm - (expected - base)
    frame = store.frame(index)
    h, w = frame.shape
    inner = (slice(margin, margin + h), slice(margin, margin + w))
    window, _ = reference.window(shift)
    counted = np.zeros(shape, np.float32)
    counted[inner] = judged[reference.slices(window)][inner]
    counts = np.zeros(shape, np.float32)
    counts[inner] = (frame - frame.mean()) / gain
    counts *= counted
    transform = fft.rfft2(counts, workers=1) * np.conj(
        fft.rfft2(logarithm.astype(np.float32), workers=1)
    )
    transform += fft.rfft2(counted, workers=1) * np.conj(
        fft.rfft2(penalty.astype(np.float32), workers=1)
    )
    transform *= np.conj(reference.phases(template.fraction))
    likelihood = fft.irfft2(transform, s=shape, workers=1)
    return np.asarray(likelihood, np.float32), float(counted.sum()) / (h * w)


def check_hops(
    store: FrameStore,
    shifts: DoubleArray,
    used: npt.NDArray[np.bool_],
    noise: NoiseModel,
    radius: int,
    *,
    bold: bool = True,
    num_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> HopCheck:
    """Compare the likelihood of each frame's shift with that of all other maxima within a radius.

    Parameters
    ----------
    store : FrameStore
    shifts : (n, 2) array
        Refined shifts, px (y, x).
    used : (n,) bool
        Frames that make up the mean.
    noise : NoiseModel
    radius : int
        How far to look, px; see `search_radius`.
    bold : bool
        Where most frames would rather be elsewhere their scatter tells nothing of the errors of the
        model. Then believe the noise model, so that frames move; otherwise believe the scatter.
    num_workers, progress
        As in `refine_shifts`.

    Returns
    -------
    HopCheck

    Notes
    -----
    For a Gaussian decision the log-likelihood ratio T of a frame for its right place has variance
    twice its mean. What the noise model leaves out (distorted scan lines, an imperfect mean) makes
    the spread of T from frame to frame larger than that; T is then scaled by ``2 mean / variance``
    so that the odds are honest again. What remains is calibrated on simulations (`ODDS_FACTOR`,
    `ODDS_START`).
    """
    n = len(store)
    level = float(np.mean([store.frame(int(i)).mean() for i in np.flatnonzero(used)[:8]]))
    reference = build_reference(
        store,
        shifts,
        used,
        variance=float(noise.variance(level)),
        margin=radius,
        num_workers=num_workers,
    )
    wy, wx = reference.window_shape
    judged = _judged_pixels(reference, radius)
    share = np.zeros(n)
    rows = fft.fftfreq(wy, 1.0 / wy)[:, None]
    columns = fft.fftfreq(wx, 1.0 / wx)[None, :]
    distance = np.hypot(rows, columns)
    searched = (distance <= radius).astype(np.float32)

    tops = np.full((n, MAXIMA), -np.inf)
    places = np.full((n, MAXIMA, 2), np.nan)

    def look(index: int) -> None:
        likelihood, share[index] = _log_likelihood(
            store, reference, index, shifts[index], noise, bool(used[index]), judged
        )
        if share[index] < LEAST_SHARE:
            return
        # Lifted, so that the gain that marks the searched disc does not reorder negative values.
        lift = float(likelihood.min()) - 1.0
        positions, scores = best_maxima((likelihood - lift)[None], searched[None], count=MAXIMA)
        places[index], tops[index] = positions[0], scores[0] + lift

    run_tasks(look, n, num_workers=num_workers, progress=progress)

    near = np.hypot(places[..., 0], places[..., 1]) <= OWN_PEAK
    own = np.where(near, tops, -np.inf).max(1)
    others = np.where(near | ~np.isfinite(tops), -np.inf, tops)
    rival = others.max(1)
    found, has_rival = np.isfinite(own), np.isfinite(rival)
    both = found & has_rival
    lead = np.full(n, np.nan)
    lead[both] = own[both] - rival[both]
    scale = _honest_scale(lead, share, used, bold)
    # Too little of the frame lies in known surroundings to judge it: even odds.
    margin = np.zeros(n)
    margin[found & ~has_rival] = CERTAIN
    odds = scale * own[both] - logsumexp(scale * others[both], axis=1)
    margin[both] = np.minimum(ODDS_FACTOR * odds + ODDS_START, CERTAIN)
    better = np.zeros((n, 2))
    moving = both & (lead < 0)
    better[moving] = places[moving, others[moving].argmax(1)]
    ratios = np.full((n, MAXIMA), -np.inf)
    ratios[both] = ODDS_FACTOR * scale * (others[both] - own[both, None]) - ODDS_START
    elsewhere = np.where(np.isfinite(ratios)[..., None], places, np.nan)
    return HopCheck(margin=margin, better=better, places=elsewhere, odds=ratios, scale=scale)


def _honest_scale(
    lead: DoubleArray, share: DoubleArray, used: npt.NDArray[np.bool_], bold: bool
) -> float:
    """Twice the mean over the variance of the leads, each in proportion to the pixels judged."""
    good = used & np.isfinite(lead) & (share >= LEAST_SHARE)
    if good.sum() < 8:
        return 1.0
    middle = float(np.median(lead[good] / share[good]))
    deviation = (lead[good] - middle * share[good]) / np.sqrt(share[good])
    spread = 1.4826 * float(np.median(np.abs(deviation - np.median(deviation))))
    if spread <= 0 or (bold and middle <= 0):
        return 1.0
    return float(min(1.0, 2.0 * abs(middle) / spread**2))
