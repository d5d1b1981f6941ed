"""How fast what a series shows fades with the dose, by spatial frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

__all__ = ["CriticalDose", "Fading", "measure_fading"]

FloatArray = npt.NDArray[np.float64]

FEWEST_FRAMES = 4
"""Frames below which no fading is measured."""
# A band counts as showing something when what frames have in common exceeds its error so often.
_SHOWN = 5.0
_PASSES = 4
_STEPS = 12
# Exponents over a series that a fit follows: growth, and fading.
_LIMITS = (-3.0, 40.0)


@dataclass(frozen=True, eq=False)
class CriticalDose:
    """After how many frames the amplitude at a spatial frequency has fallen to 1/e.

    Attributes
    ----------
    frequency : (b,) float64
        Periods per pixel, ascending.
    frames : (b,) float64
        Number of frames, above 0; infinite for what does not fade. Between the frequencies its
        inverse is a straight line; beyond them it is that of the nearest.

    Raises
    ------
    ValueError
        The lengths differ, frequencies are not ascending and not negative, or a number of frames
        is not above 0.
    """

    frequency: FloatArray
    frames: FloatArray

    def __post_init__(self) -> None:
        frequency = np.array(self.frequency, np.float64)
        frames = np.array(self.frames, np.float64)
        if frequency.ndim != 1 or frequency.shape != frames.shape or not frequency.size:
            raise ValueError(
                f"frequency has shape {frequency.shape} and frames {frames.shape}; give as many "
                "of both, one or more."
            )
        if not np.isfinite(frequency).all() or frequency[0] < 0 or (np.diff(frequency) <= 0).any():
            raise ValueError("frequency must hold ascending numbers of 0 or more periods per px.")
        if not (frames > 0).all():
            raise ValueError("frames must hold numbers above 0; give inf for what does not fade.")
        for name, values in (("frequency", frequency), ("frames", frames)):
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    def rate(self, frequency: npt.ArrayLike) -> FloatArray:
        """1 / critical number of frames at any frequencies, periods per pixel."""
        at = np.asarray(frequency, np.float64)
        return np.asarray(np.interp(at, self.frequency, 1 / self.frames))

    def amplitude(self, frequency: npt.ArrayLike, exposure: npt.ArrayLike) -> FloatArray:
        """Part of the amplitude that is left: exp(-exposure * rate).

        Parameters
        ----------
        frequency : array
            Periods per pixel.
        exposure : array
            Frames that were recorded by then, of a shape that fits that of `frequency`.
        """
        return np.asarray(np.exp(-np.asarray(exposure, np.float64) * self.rate(frequency)))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists; None for what does not fade."""
        return {
            "frequency": self.frequency.tolist(),
            "frames": [value if math.isfinite(value) else None for value in self.frames.tolist()],
        }


@dataclass(frozen=True, eq=False)
class Fading:
    """Amplitude of every frame, along what all have in common, in bands of spatial frequency.

    Attributes
    ----------
    edges : (b + 1,) float64
        Of the bands, periods per pixel. They end where the frames have nothing more in common.
    frequency : (b,) float64
        Mean of each band, weighted by what the frames have in common, periods per pixel.
    exposure : (m,) float64
        Frames that were recorded until the middle of each frame that takes part.
    overlap : (m, b) float64
        Mean of `cross` over each band.
    amplitude, error : (m, b) float64
        Amplitude over that of an unexposed specimen, as the fit has it, and its standard error.
        NaN in bands that show nothing.
    rate, rate_error : (b,) float64
        Of the fit exp(-exposure * rate), 1/frames, and its standard error. NaN as above. Not
        forced to be positive.
    misfit : (b,) float64
        Square root of chi^2 over the degrees of freedom of the fit: about 1 where noise explains
        what is left. The errors are already scaled by it where it is larger.
    """

    edges: FloatArray
    frequency: FloatArray
    exposure: FloatArray
    overlap: FloatArray
    amplitude: FloatArray
    error: FloatArray
    rate: FloatArray
    rate_error: FloatArray
    misfit: FloatArray

    @property
    def shown(self) -> npt.NDArray[np.bool_]:
        """(b,) bands in which the frames have something in common."""
        return np.isfinite(self.rate)

    @property
    def critical_frames(self) -> FloatArray:
        """(b,) number of frames after which the amplitude is 1/e; infinite where it does not fade.

        NaN in bands that show nothing.
        """
        with np.errstate(divide="ignore"):
            return np.where(self.rate > 0, 1 / self.rate, np.where(self.shown, np.inf, np.nan))

    def law(self) -> CriticalDose:
        """Critical dose at every frequency, smoothed.

        The rates that fit those of the bands best, given that finer detail does not fade more
        slowly than coarser detail and nothing grows: isotonic regression, weighted by the errors.
        Bands that show nothing take part in nothing; the law goes on flat beyond the last one.

        Raises
        ------
        ValueError
            No band shows anything.
        """
        shown = self.shown
        if not shown.any():
            raise ValueError("no band shows what the frames have in common, so nothing can fade.")
        weight = 1 / np.maximum(self.rate_error[shown], 1e-12) ** 2
        rate = np.maximum(isotonic_regression(self.rate[shown], weights=weight).x, 0.0)
        with np.errstate(divide="ignore"):
            return CriticalDose(self.frequency[shown], 1 / rate)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists."""
        return {field.name: getattr(self, field.name).tolist() for field in fields(self)}


def measure_fading(
    cross: npt.ArrayLike,
    power: npt.ArrayLike,
    *,
    frequency: npt.ArrayLike,
    independent: npt.ArrayLike,
    exposure: npt.ArrayLike,
    bands: int = 10,
) -> Fading:
    """Fading of a series from its ring sums.

    Parameters
    ----------
    cross : (m, k) array
        Mean over each ring of Re F_i conj(S - F_i) / (m - 1), with F_i the spectrum of frame i and
        S the sum of all.
    power : (m, k) array
        Mean over each ring of abs(F_i)^2.
    frequency, independent : (k,) array
        Of the rings: periods per pixel, and independent complex samples.
    exposure : (m,) array
        Frames that were recorded until the middle of each frame.
    bands : int, default 10
        Bands of equal width that rings are gathered in.

    Returns
    -------
    Fading

    Raises
    ------
    ValueError
        Shapes do not fit, there are fewer than 4 frames, or `bands` is below 1.

    Notes
    -----
    With amplitude g_i of frame i, sum G, and noise that differs from frame to frame, the
    expectation of `cross` is P g_i (G - g_i) / (m - 1): the noise of a frame never meets itself.
    P, the g_i and the rate of g_i = exp(-exposure * rate) follow in a few rounds of weighted least
    squares. What the noise does to it: Var = noise * abs(mean of the others)^2 / 2 a sample.
    """
    overlap, own = np.asarray(cross, np.float64), np.asarray(power, np.float64)
    rings, samples = np.asarray(frequency, np.float64), np.asarray(independent, np.float64)
    at = np.asarray(exposure, np.float64)
    count = len(overlap)
    if overlap.ndim != 2 or own.shape != overlap.shape or at.shape != (count,):
        raise ValueError(
            f"cross {overlap.shape}, power {own.shape} and exposure {at.shape} do not fit; give "
            "(frames, rings) twice and (frames,)."
        )
    if rings.shape != overlap.shape[1:] or samples.shape != rings.shape:
        raise ValueError("frequency and independent must have one number for each ring.")
    if count < FEWEST_FRAMES:
        raise ValueError(
            f"{count} frames are too few to see them fade; {FEWEST_FRAMES} or more are needed."
        )
    if bands < 1:
        raise ValueError(f"bands is {bands!r}; give 1 or more.")
    of_others = np.maximum(_power_of_others(overlap, own), 0.0)
    noise = np.maximum(_noise(overlap, own), 0.0)
    variance = noise * of_others / (2 * samples)
    common = overlap.sum(axis=0)
    clear = np.flatnonzero(common > _SHOWN * np.sqrt(variance.sum(axis=0)))
    last = int(clear[-1]) + 1 if clear.size else len(rings)
    edges = np.linspace(0, float(rings[last - 1]) * (1 + 1e-9), min(bands, last) + 1)
    member = (rings[:, None] > edges[:-1]) & (rings[:, None] <= edges[1:])
    weight = member * samples[:, None]
    total = weight.sum(axis=0)
    filled = total > 0
    edges = np.append(edges[:-1][filled], edges[-1])
    weight = weight[:, filled] / total[filled]
    middle = _centres(weight, np.maximum(common, 0.0), rings)
    overlap, variance = overlap @ weight, variance @ weight**2
    fitted = [_fit(y, v, at) for y, v in zip(overlap.T, variance.T, strict=True)]
    amplitude, error, rate, rate_error, misfit = (
        np.array(column) for column in zip(*fitted, strict=True)
    )
    return Fading(edges, middle, at.copy(), overlap, amplitude.T, error.T, rate, rate_error, misfit)


def _centres(weight: FloatArray, common: FloatArray, rings: FloatArray) -> FloatArray:
    """(b,) mean frequency of each band, weighted by what is common; its middle without that."""
    content = common @ weight
    plain = rings @ weight
    centres = np.array(plain)
    np.divide((rings * common) @ weight, content, out=centres, where=content > 0)
    return centres


def _power_of_others(cross: FloatArray, power: FloatArray) -> FloatArray:
    """(m, k) power of the mean of the other frames, |S - F_i|^2 / (m - 1)^2."""
    others = len(cross) - 1
    with_sum = cross * others + power
    return np.asarray((with_sum.sum(axis=0) - 2 * with_sum + power) / others**2)


def _noise(cross: FloatArray, power: FloatArray) -> FloatArray:
    """(k,) power of what differs from frame to frame."""
    return np.asarray((power - cross).mean(axis=0))


def _fit(
    overlap: FloatArray, variance: FloatArray, exposure: FloatArray
) -> tuple[FloatArray, FloatArray, float, float, float]:
    """Amplitudes, their errors, rate, its error and misfit of one band; NaN if it shows nothing."""
    count = len(overlap)
    nothing = np.full(count, np.nan)
    spread = math.sqrt(float(variance.sum()))
    if not (overlap.sum() > _SHOWN * spread and overlap.sum() > 0):
        return nothing, nothing, math.nan, math.nan, math.nan
    # Without noise every frame counts alike.
    floor = np.finfo(np.float64).eps * float(overlap.mean()) ** 2
    weight = 1 / np.maximum(variance, floor)
    longest = float(exposure.max())
    amplitude = np.ones(count)
    rate, scale = 0.0, float(overlap.mean())
    for _ in range(_PASSES):
        factor = (amplitude.sum() - amplitude) / (count - 1)
        for _ in range(_STEPS):
            amplitude = np.exp(-rate * exposure)
            model = scale * factor * amplitude
            slopes = np.stack([factor * amplitude, -exposure * model], axis=1)
            normal = slopes.T @ (weight[:, None] * slopes)
            step = np.linalg.lstsq(normal, slopes.T @ (weight * (overlap - model)), rcond=None)[0]
            limit = 1.0 / longest
            rate += float(np.clip(step[1], -limit, limit))
            rate = float(np.clip(rate, _LIMITS[0] / longest, _LIMITS[1] / longest))
            amplitude = np.exp(-rate * exposure)
            shape = factor * amplitude
            scale = float((weight * shape * overlap).sum() / (weight * shape**2).sum())
    model = scale * factor * amplitude
    chi = math.sqrt(float((weight * (overlap - model) ** 2).sum()) / (count - 2))
    slopes = np.stack([factor * amplitude, -exposure * model], axis=1)
    covariance = np.linalg.pinv(slopes.T @ (weight[:, None] * slopes))
    rate_error = math.sqrt(max(float(covariance[1, 1]), 0.0)) * max(chi, 1.0)
    if not scale > 0:
        return nothing, nothing, math.nan, math.nan, math.nan
    reached = scale * factor
    error = np.sqrt(variance) / reached * max(chi, 1.0)
    return overlap / reached, error, rate, rate_error, chi
