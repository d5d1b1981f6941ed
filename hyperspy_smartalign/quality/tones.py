"""Tones in a spectrum, and the mains harmonics that they may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter
from scipy.stats import chi2

__all__ = ["Mains", "Tone", "find_tones", "mains_lines"]

DoubleArray = npt.NDArray[np.float64]

# Chance of noise alone, were the background known exactly. As it is measured too, about one
# spectrum of noise in a hundred shows a tone (measured on simulated noise of 4 frames).
FALSE_ALARM = 0.002
# Bins that the mean and the slope of a frame leave nothing in.
_FIRST = 2
# Share of the whole rms below which a peak is none: side lobes of the window are as high, and they
# stand out where offsets that were smoothed have no noise to hide them.
_FAINT = 0.01
# Mains may be off their nominal frequency by this much.
_MAINS_TOLERANCE = 0.004


@dataclass(frozen=True)
class Mains:
    """Where a harmonic of the mains lies in a spectrum.

    Attributes
    ----------
    mains : float
        Mains frequency in Hz.
    order : int
        Harmonic, 1 for the mains frequency itself.
    frequency : float
        Where it appears in Hz.
    aliased : bool
        Whether it lies above the Nyquist frequency and appears folded back.
    """

    mains: float
    order: int
    frequency: float
    aliased: bool

    @property
    def name(self) -> str:
        """Such as "150 Hz", or "450 Hz alias"."""
        return f"{self.mains * self.order:g} Hz" + (" alias" if self.aliased else "")


@dataclass(frozen=True)
class Tone:
    """A peak that stands out of a spectrum.

    Attributes
    ----------
    component : str
        Direction of the motion.
    frequency : float
        In Hz, good to a fraction of the resolution of the spectrum.
    rms : float
        Root mean square amplitude; that of a sine is its amplitude / sqrt(2).
    chance : float
        Probability that noise alone shows such a peak anywhere in the spectrum.
    mains : Mains or None
        The harmonic of the mains that it lies on within the resolution.
    """

    component: str
    frequency: float
    rms: float
    chance: float
    mains: Mains | None


def mains_lines(mains: Sequence[float], *, nyquist: float, harmonics: int) -> tuple[Mains, ...]:
    """Where the harmonics of the mains appear, also those above the Nyquist frequency.

    A frequency f that is sampled once a line, at a rate r = 2 nyquist, appears at its distance from
    the nearest multiple of r.

    Raises
    ------
    ValueError
        If a frequency or the number of harmonics is not positive.
    """
    if harmonics < 1 or any(not (np.isfinite(f) and f > 0) for f in mains):
        raise ValueError(
            f"mains={tuple(mains)} and harmonics={harmonics} must be positive; to mark none, give "
            "mains=()."
        )
    lines = []
    for fundamental in mains:
        for order in range(1, harmonics + 1):
            true = float(fundamental) * order
            aliased = true > nyquist
            seen = abs(true - 2 * nyquist * round(true / (2 * nyquist))) if aliased else true
            lines.append(Mains(float(fundamental), order, float(seen), aliased))
    return tuple(lines)


def find_tones(
    frequencies: DoubleArray,
    density: DoubleArray,
    *,
    freedom: float,
    resolution: float,
    components: tuple[str, str],
    mains: Sequence[Mains],
) -> tuple[Tone, ...]:
    """Peaks above the smooth background of each spectrum.

    Parameters
    ----------
    frequencies : (m,) array
        In Hz, evenly spaced from 0.
    density : (2, m) array
        One-sided power spectral densities.
    freedom : float
        Degrees of freedom of each density.
    resolution : float
        Noise bandwidth in Hz.
    components : (str, str)
        Names of the two.
    mains : sequence of Mains
        Harmonics to compare with.

    Returns
    -------
    tuple of Tone
        Sorted by frequency. Noise alone gives one in about a hundred spectra.
    """
    step = float(frequencies[1])
    reach = max(1, round(1.4 * resolution / step))
    tones = []
    for name, spectrum in zip(components, density, strict=True):
        # The Nyquist bin has half the freedom.
        inner = np.arange(_FIRST, len(frequencies) - 1)
        if len(inner) < 8 or not np.all(spectrum[inner] > 0):
            continue
        background = _background(spectrum[inner], reach, freedom)
        ratio = spectrum[inner] / background
        chance = np.minimum(1.0, chi2.sf(freedom * ratio, freedom) * len(inner))
        total = float(np.sqrt(spectrum.sum() * step))
        free = np.ones(len(inner), bool)
        # At its low end the background is not known well enough to judge a peak.
        free[:reach] = False
        for peak in np.argsort(-ratio):
            if chance[peak] > FALSE_ALARM:
                break
            near = np.arange(max(0, peak - reach), min(len(inner), peak + reach + 1))
            if not free[peak]:
                continue
            free[near] = False
            excess = np.clip(spectrum[inner][near] - background[near], 0.0, None)
            rms = float(np.sqrt(excess.sum() * step))
            if rms < _FAINT * total:
                continue
            frequency = float(excess @ frequencies[inner][near] / excess.sum())
            tones.append(
                Tone(
                    component=name,
                    frequency=frequency,
                    rms=rms,
                    chance=float(chance[peak]),
                    mains=_nearest(frequency, mains, resolution / 2),
                )
            )
    return tuple(sorted(tones, key=lambda tone: (tone.frequency, tone.component)))


def _background(spectrum: DoubleArray, reach: int, freedom: float) -> DoubleArray:
    """Smooth spectrum below the peaks: a running median about a line in log-log."""
    power = np.log(spectrum)
    place = np.log(np.arange(_FIRST, _FIRST + len(spectrum)))
    place = (place - place.mean()) / np.ptp(place)
    design = np.stack([place**k for k in range(4)], axis=1)
    weight = np.ones_like(power)
    for _ in range(8):
        fit = design @ np.linalg.lstsq(design * weight[:, None], power * weight, rcond=None)[0]
        rest = power - fit
        scale = 1.4826 * np.median(np.abs(rest)) + 1e-6
        weight = 1 / np.sqrt(1 + (rest / (2 * scale)) ** 2)
    size = min(len(rest), max(8 * reach + 1, len(rest) // 8 | 1))
    smooth = fit + median_filter(rest, size, mode="reflect")
    return np.asarray(np.exp(smooth) * freedom / chi2.median(freedom))


def _nearest(frequency: float, mains: Sequence[Mains], within: float) -> Mains | None:
    """The harmonic at a frequency: a true one before an alias, a low one before a high one."""
    close = [
        line
        for line in mains
        if abs(line.frequency - frequency) <= within + _MAINS_TOLERANCE * line.mains * line.order
    ]
    return min(close, key=lambda line: (line.aliased, line.order), default=None)
