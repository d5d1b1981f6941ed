"""How good each frame of a series is, and how much it should count in the average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["FrameQuality", "Outlier", "frame_quality", "suggested_weights"]

DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: A ring holds signal where what frames have in common is this many standard errors above 0.
SIGNIFICANT = 4.0
#: A frame stands out by this many robust standard deviations of the others,
UNUSUAL = 5.0
#: and by at least this share of what is usual.
LEAST = 0.15
#: Share of the highest frequencies that tell the noise.
HIGH = 0.5
#: Rings that tell a frame from its opposite, and the probability of that by chance.
FEWEST_RINGS, CHANCE = 4, 1e-4
#: Power of noise, against the strongest of the signal, that is none.
ROUNDING = 1e-13
#: A ring holds more than noise above this multiple of it, if it has so many samples.
BRIGHT, ENOUGH = 2.0, 40.0
#: Less than this share of what frames show is common to them where something is wrong.
LITTLE = 0.15
#: A frame that surely has less than this of the amplitude of the others shows something else.
UNRELATED = 0.25


@dataclass(frozen=True)
class Outlier:
    """A frame that is unlike the others: its number, and what is wrong in plain words."""

    frame: int
    words: str


@dataclass(frozen=True, eq=False)
class FrameQuality:
    """What is known of each frame of a series, (n,) each; NaN where a frame took no part.

    Attributes
    ----------
    similarity : float64
        Correlation of the frame, noise included, with what all frames have in common.
    noise : float64
        Standard deviation of a pixel about what frames have in common, units of the data.
    transfer, transfer_error : float64
        Amplitude of what the frame has in common with the others, relative to them and averaged
        over the frequencies by their share of the information on position; and standard error.
    sharpness : float64
        The same of the fine half of that information over the coarse half: below 1 for a
        frame that is blurred, out of focus or distorted.
    hop_probability : float64
        That the frame lies a unit cell off, by its pixels alone.
    weight : float64
        Weight in the average that makes its signal-to-noise ratio highest, 1 on average over the
        frames that take part; 0 for the others.
    excluded : bool
        Frames that took no part.
    reasons : tuple of str
        Why.
    outliers : tuple of Outlier
        Frames unlike the others, but for those that may have hopped.
    opposed : tuple of int
        Frames that show the opposite of the mean of the others, as where contrast reverses.
    shared : float
        Share that is common to the frames of all power that stands above their noise; NaN where
        they show nothing but noise.
    """

    similarity: DoubleArray
    noise: DoubleArray
    transfer: DoubleArray
    transfer_error: DoubleArray
    sharpness: DoubleArray
    hop_probability: DoubleArray
    weight: DoubleArray
    excluded: BoolArray
    reasons: tuple[str, ...]
    outliers: tuple[Outlier, ...]
    opposed: tuple[int, ...] = ()
    shared: float = math.nan

    @property
    def unrelated(self) -> tuple[int, ...]:
        """Frames with next to nothing of the amplitude of the others, but for those opposed."""
        most = self.transfer + 3.0 * self.transfer_error
        found = np.flatnonzero(np.nan_to_num(most, nan=np.inf) < UNRELATED).tolist()
        return tuple(frame for frame in found if frame not in self.opposed)

    @property
    def equal(self) -> bool:
        """Whether the frames do not differ at all."""
        return self.known and not (np.nan_to_num(self.noise) > 0).any()

    @property
    def known(self) -> bool:
        """Whether the frames have anything in common to judge them by."""
        return bool(np.isfinite(self.transfer).any())

    @property
    def gain_of_weights(self) -> float:
        """Signal-to-noise ratio of the weighted average over that of the plain one."""
        used = ~self.excluded & np.isfinite(self.transfer) & np.isfinite(self.noise)
        if not used.any():
            return float("nan")
        signal = np.maximum(self.transfer, 0.0)[used]
        variance, weight = self.noise[used] ** 2, self.weight[used]
        if not (weight @ weight) > 0 or not (variance > 0).all():
            return 1.0
        plain = signal.sum() / np.sqrt(variance.sum())
        return float(weight @ signal / np.sqrt(weight**2 @ variance) / plain)

    @property
    def words(self) -> str:
        """What it says, in a sentence or two."""
        out = int(self.excluded.sum())
        text = f"{len(self.excluded) - out} of {len(self.excluded)} frames take part."
        if self.opposed:
            text += (
                f" {_named(self.opposed)} the opposite of the mean of the others: contrast "
                "reverses, or they lie off by a part of a period. In the average they cancel out."
            )
        if self.unrelated:
            text += (
                f" {_named(self.unrelated)} next to nothing of what the others show, or the "
                "opposite of it."
            )
        if self.shared < LITTLE and not self.opposed:
            text += (
                f" Of what frames show above their noise, {100 * self.shared:.0f} % is common to "
                "them: contrast reverses, rows are disturbed, or the frames do not lie on each "
                "other."
            )
        elif not self.known and not self.opposed:
            text += (
                " They have nothing in common above their noise, so that they cannot be judged "
                "one by one."
            )
        elif self.equal:
            text += (
                " They do not differ at all: copies of one frame agree in their noise too, and "
                "tell nothing about the series."
            )
        if self.outliers and not self.equal:
            named = "; ".join(f"frame {each.frame} {each.words}" for each in self.outliers[:5])
            more = len(self.outliers) - 5
            text += f" Unlike the others: {named}" + (f"; and {more} more." if more > 0 else ".")
        elif (
            self.known
            and not (self.equal or self.opposed or self.unrelated)
            and not self.shared < LITTLE
        ):
            text += " None is unlike the others."
        return text

    def to_dict(self) -> dict[str, Any]:
        """Figures as plain types."""
        names = ("similarity", "noise", "transfer", "transfer_error", "sharpness",
                 "hop_probability", "weight", "excluded")  # fmt: skip
        return {
            **{name: getattr(self, name).tolist() for name in names},
            "reasons": list(self.reasons),
            "outliers": [{"frame": each.frame, "words": each.words} for each in self.outliers],
            "opposed": list(self.opposed),
            "unrelated": list(self.unrelated),
            "shared": self.shared,
            "gain_of_weights": self.gain_of_weights,
        }


def _named(frames: Sequence[int]) -> str:
    """Subject and verb of a sentence about frames."""
    if len(frames) == 1:
        return f"Frame {frames[0]} shows"
    shown = ", ".join(map(str, frames[:8]))
    more = len(frames) - 8
    return f"Frames {shown}" + (f" and {more} more show" if more > 0 else " show")


def suggested_weights(
    transfer: npt.ArrayLike,
    transfer_error: npt.ArrayLike,
    noise: npt.ArrayLike,
    hop_probability: npt.ArrayLike | None = None,
) -> DoubleArray:
    """Weights under which the signal-to-noise ratio of the average is highest.

    Parameters
    ----------
    transfer, transfer_error : (m,) array-like
        Amplitude of the common signal in each frame, and its standard error.
    noise : (m,) array-like
        Standard deviation of a pixel.
    hop_probability : (m,) array-like, optional
        That a frame lies a unit cell off; NaN counts as 0.

    Returns
    -------
    (m,) float64
        ``t (1 - p) / noise**2``, 1 on average. With frames ``t_i s + e_i`` the ratio
        ``(sum w t)**2 / sum(w**2 noise**2)`` is highest there, and a frame that hopped holds no
        common signal. The t are first drawn together as far as their scatter is explained by
        their errors (James & Stein 1961), as weights that follow noise lose what they gain.
    """
    amplitude = np.asarray(transfer, np.float64)
    error = np.asarray(transfer_error, np.float64)
    spread = np.asarray(noise, np.float64)
    if not np.isfinite(amplitude).all():
        # Frames that have nothing in common differ by their noise alone.
        amplitude, error = np.ones(len(amplitude)), np.zeros(len(amplitude))
    middle = float(np.average(amplitude, weights=1.0 / np.maximum(error, 1e-6) ** 2))
    scatter = float(np.mean((amplitude - middle) ** 2))
    believed = max(0.0, 1.0 - float(np.mean(error**2)) / scatter) if scatter > 0 else 0.0
    drawn = np.maximum(middle + believed * (amplitude - middle), 0.0)
    hops = 0.0 if hop_probability is None else np.nan_to_num(np.asarray(hop_probability))
    usual = float(np.median(spread))
    if not usual > 0:
        usual = float(spread.max(initial=0.0))
    # Relative, so that neither noise of nothing nor units of the data lead out of the numbers.
    relative = np.maximum(spread / usual, 1e-6) if usual > 0 else np.ones(len(spread))
    weight = drawn * (1.0 - hops) / relative**2
    mean = float(weight.mean())
    return np.asarray(weight / mean) if mean > 0 else np.ones(len(weight))


def frame_quality(
    frequency: DoubleArray,
    samples: DoubleArray,
    power: DoubleArray,
    cross: DoubleArray,
    noise_shape: DoubleArray,
    *,
    members: npt.ArrayLike,
    excluded: BoolArray,
    reasons: Sequence[str] | None = None,
    hop_probability: npt.ArrayLike | None = None,
) -> FrameQuality:
    """Judge frames by their spectra over rings of equal frequency.

    Parameters
    ----------
    frequency, samples : (k,) float64
        Cycles a pixel, and number of independent complex samples of each ring.
    power, cross : (m, k) float64
        Mean of ``|F_i|^2``, and of ``Re F_i conj(mean of the other F)``, over each ring.
    noise_shape : (k,) float64
        Power of white noise of unit variance.
    members : (m,) int
        Frames that these belong to.
    excluded : (n,) bool
        Frames of the series that took no part.
    reasons : sequence of str, optional
        Why.
    hop_probability : (n,) array-like, optional

    Returns
    -------
    FrameQuality
    """
    count = len(excluded)
    own = np.asarray(members, np.intp)
    out = np.asarray(excluded, bool).copy()
    hops = np.full(count, np.nan)
    if hop_probability is not None:
        hops = np.asarray(hop_probability, np.float64).copy()
    hops[out] = np.nan
    rings = _Rings.of(frequency, samples, power, cross, noise_shape)
    columns = {
        "similarity": rings.similarity(),
        "noise": np.sqrt(rings.variance) * rings.unit,
        "transfer": rings.transfer(rings.detail)[0],
        "transfer_error": rings.transfer(rings.detail)[1],
        "sharpness": rings.sharpness()[0],
    }
    full = {}
    for name, values in columns.items():
        full[name] = np.full(count, np.nan)
        full[name][own] = values
    weight = np.zeros(count)
    taking = own[~out[own]]
    weight[taking] = suggested_weights(
        full["transfer"][taking],
        full["transfer_error"][taking],
        full["noise"][taking],
        hops[taking],
    )
    why = tuple(reasons) if reasons is not None else ("",) * count
    errors = np.full((2, count), np.nan)
    errors[0, own], errors[1, own] = rings.transfer(rings.detail)[1], rings.sharpness()[1]
    return FrameQuality(
        **full,
        hop_probability=hops,
        weight=weight,
        excluded=out,
        reasons=why,
        outliers=_outliers(full, errors, taking),
        opposed=tuple(own[rings.opposed & ~out[own]].tolist()),
        shared=rings.shared,
    )


@dataclass(frozen=True)
class _Rings:
    """Spectra of frames, their common part, and the rings that hold signal."""

    samples: DoubleArray
    power: DoubleArray
    cross: DoubleArray
    common: DoubleArray
    shape: DoubleArray
    variance: DoubleArray
    detail: DoubleArray
    opposed: BoolArray
    shared: float
    unit: float

    @classmethod
    def of(
        cls,
        frequency: DoubleArray,
        samples: DoubleArray,
        power: DoubleArray,
        cross: DoubleArray,
        shape: DoubleArray,
    ) -> _Rings:
        # The mean of an image is no signal: the window smears it over the first rings.
        used = (samples > 0) & (frequency > 1.5 * frequency[frequency > 0].min())
        frequency, samples, shape = frequency[used], samples[used], shape[used]
        power, cross = power[:, used], cross[:, used]
        # In units of its own, so that no units of the data lead out of the numbers.
        unit = math.sqrt(float(power.max(initial=0.0))) or 1.0
        power, cross = power / unit / unit, cross / unit / unit
        common = cross.mean(0)
        m = len(power)
        differing = np.maximum(power.mean(0) - common, 0.0)
        error = differing / np.sqrt(np.maximum(samples, 1.0) * max(m * (m - 1), 1))
        seen = common > SIGNIFICANT * error
        common = np.where(seen, np.maximum(common, 0.0), 0.0)
        # Rings where the average itself is mostly noise tell little of what it shows.
        known = common / np.maximum(common + differing / m, 1e-300)
        detail = frequency**2 * samples * common * known
        # What a frame has beyond the common part in it, where there is most noise.
        amplitude = cross @ (samples * seen) / max(float(samples @ common), 1e-300)
        left = power - np.multiply.outer(amplitude**2, common)
        high = frequency >= HIGH * frequency.max()
        white = max(float((shape * samples)[high].sum()), 1e-300)
        variance = np.maximum((left * samples)[:, high].sum(1) / white, 0.0)
        # Of equal frames rounding is left.
        variance = np.where(variance > ROUNDING, variance, 0.0)
        noise = float(np.median(variance)) * shape
        bright = (power.mean(0) > BRIGHT * noise) & (m * samples > ENOUGH)
        opposed = _opposed(samples, power, cross, bright)
        above = float((samples * (power.mean(0) - noise))[bright].sum())
        shared = float((samples * cross.mean(0))[bright].sum()) / above if above > 0 else math.nan
        shared = float(np.clip(shared, 0.0, 1.0))
        return cls(samples, power, cross, common, shape, variance, detail, opposed, shared, unit)

    def transfer(self, information: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        """Amplitude (m,) of the common part in each frame, and its standard error.

        Rings count by `information`, a multiple of their common power.
        """
        share = np.divide(
            information, self.common, out=np.zeros_like(information), where=self.common > 0
        )
        total = float(information.sum())
        m = len(self.power)
        if not total > 0:
            return np.full(m, np.nan), np.full(m, np.nan)
        amplitude = self.cross @ share / total
        noise = self.variance[:, None] * self.shape
        # Noise of the frame times the others' mean, signal and noise; both parts of a sample count.
        spread = noise * (self.common + self.variance.mean() * self.shape / max(m - 1, 1))
        variance = spread @ (share**2 / (2 * np.maximum(self.samples, 1.0)))
        return amplitude, np.sqrt(variance) / total

    def sharpness(self) -> tuple[DoubleArray, DoubleArray]:
        """Transfer of the fine half of the information over that of the coarse half."""
        ahead = np.cumsum(self.detail)
        fine = ahead > 0.5 * ahead[-1]
        if fine.all() or not (self.detail[~fine] > 0).any():
            unknown = np.full(len(self.power), np.nan)
            return unknown, unknown
        above, above_error = self.transfer(np.where(fine, self.detail, 0.0))
        below, below_error = self.transfer(np.where(fine, 0.0, self.detail))
        safe = np.where(below > 3 * below_error, below, np.nan)
        ratio = above / safe
        return ratio, np.hypot(above_error, ratio * below_error) / np.abs(safe)

    def similarity(self) -> DoubleArray:
        """Correlation of each frame with the common part, the mean of the image left out."""
        common = float((self.samples * self.common).sum())
        own = self.power @ self.samples
        if not common > 0:
            return np.full(len(own), np.nan)
        return np.asarray(self.cross @ self.samples / np.sqrt(np.maximum(own * common, 1e-300)))


def _opposed(
    samples: DoubleArray, power: DoubleArray, cross: DoubleArray, bright: BoolArray
) -> BoolArray:
    """Frames (m,) that show the opposite of the mean of the others.

    Rings are witnesses, each with a correlation: disturbed rows put much power into one sample of
    a ring, which has either sign, so that their number counts and not their power.
    """
    m = len(power)
    common, usual = cross.mean(0), power.mean(0)
    unlike = usual - common
    others = np.maximum(common + unlike / max(m - 1, 1), 1e-300)
    spread = np.sqrt(power * others)
    # Noise of a ring that has nothing to do with the others.
    clear = np.abs(cross) > SIGNIFICANT * spread / np.sqrt(2 * np.maximum(samples, 1.0))
    ratio = cross / np.maximum(spread, 1e-300)
    found = np.array([_below_zero(r[use]) for r, use in zip(ratio, clear, strict=True)])
    # Where as much is shown one way as the other the mean is empty, and all differ from it.
    telling = bright & (unlike > 0)
    if _below_zero(common[telling] / unlike[telling]):
        found |= cross @ samples < 0
    return found


def _below_zero(values: DoubleArray) -> bool:
    """Whether the mean of values is surely below zero."""
    if len(values) < FEWEST_RINGS:
        return False
    # The window makes neighbouring rings alike, so that they count by half.
    error = float(values.std(ddof=1)) * math.sqrt(2.0 / len(values))
    mean = float(values.mean())
    return mean < 0 and float(stats.t.cdf(mean / max(error, 1e-12), len(values) - 1)) < CHANCE


def _outliers(
    values: dict[str, DoubleArray], errors: DoubleArray, taking: npt.NDArray[np.intp]
) -> tuple[Outlier, ...]:
    """Frames whose figures are far from those of the others."""
    found: dict[int, list[str]] = {}
    checks = (
        ("transfer", errors[0], -1, "fits the others less well ({:.2f} of their amplitude)"),
        ("transfer", errors[0], +1, "has more contrast ({:.2f} of their amplitude)"),
        ("sharpness", errors[1], -1, "is less sharp (fine detail at {:.2f} of the coarse)"),
        ("noise", None, +1, "is noisier ({:.2f} times as usual)"),
    )
    for name, error, sign, words in checks:
        own = values[name][taking]
        middle = float(np.nanmedian(own)) if np.isfinite(own).any() else np.nan
        if not middle > 0 or len(taking) < 4:
            continue
        spread = 1.4826 * float(np.nanmedian(np.abs(own - middle)))
        noise = np.zeros(len(taking)) if error is None else np.nan_to_num(error[taking])
        limit = np.maximum(UNUSUAL * np.hypot(spread, noise), LEAST * middle)
        for frame, value in zip(
            taking[sign * (own - middle) > limit], own[sign * (own - middle) > limit], strict=True
        ):
            found.setdefault(int(frame), []).append(words.format(value / middle))
    return tuple(Outlier(frame, ", ".join(text)) for frame, text in sorted(found.items()))
