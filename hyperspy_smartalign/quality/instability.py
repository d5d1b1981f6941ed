"""Power spectrum of the offsets of scan lines: vibrations, stray fields and mains hum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.signal import windows
from scipy.stats import chi2

from .tones import Mains, Tone, find_tones, mains_lines

__all__ = ["InstabilitySpectrum", "instability_spectrum"]

DoubleArray = npt.NDArray[np.float64]
Window = Literal["hann", "multitaper"]
Noise = Literal["errors", "plateau", "none"]
Along = Literal["image", "scan"]

# Fewer lines of a frame make no spectrum.
SHORTEST = 8
# Time-bandwidth product of the Slepian tapers, and how many of them are concentrated.
_BANDWIDTH, _TAPERS = 2.5, 4
# Offsets that differ from a line by this share of their size follow it.
_ROUNDING = 1e-12
# Share of the frequencies, the highest ones, over which a plateau is looked for.
_PLATEAU = 0.25


@dataclass(frozen=True, eq=False)
class InstabilitySpectrum:
    """Power spectral density of the offsets of scan lines.

    Attributes
    ----------
    frequencies : (m,) float64
        0 to the Nyquist frequency 1 / (2 line_time), in Hz, evenly spaced.
    density : (2, m) float64
        One-sided power spectral density, noise floor subtracted, never negative, in units^2/Hz.
    measured : (2, m) float64
        The same before the noise floor was subtracted.
    lower, upper : (2, m) float64
        Ends of the confidence interval of `density`.
    noise : (2, m) float64
        Noise floor, units^2/Hz.
    components : (str, str)
        ("y", "x"), or ("slow", "fast") for motion along the slow and the fast scan direction.
    units : str
        Unit of the offsets.
    line_time : float
        Seconds from line to line, flyback included.
    frames : int
        Frames that went in.
    resolution : float
        Noise bandwidth of the window in Hz: closer tones run together.
    confidence : float
        Probability of the confidence interval.
    tones : tuple of Tone
        Peaks that stand out, sorted by frequency, each with the mains harmonic it lies on.
    mains : tuple of Mains
        Where mains harmonics lie, those above the Nyquist frequency at their alias.
    messages : tuple of str
        What the user should know, in plain words.
    """

    frequencies: DoubleArray
    density: DoubleArray
    measured: DoubleArray
    lower: DoubleArray
    upper: DoubleArray
    noise: DoubleArray
    components: tuple[str, str]
    units: str
    line_time: float
    frames: int
    resolution: float
    confidence: float
    tones: tuple[Tone, ...]
    mains: tuple[Mains, ...]
    messages: tuple[str, ...] = ()

    @property
    def nyquist(self) -> float:
        """Highest frequency that one offset a line can show, in Hz."""
        return 0.5 / self.line_time

    @property
    def amplitude(self) -> DoubleArray:
        """(2, m) rms amplitude in `units`; a lone tone stands as high as its own rms."""
        return np.sqrt(self.density * self.resolution)

    def rms(self, low: float = 0.0, high: float | None = None) -> DoubleArray:
        """Root mean square motion within a band.

        Parameters
        ----------
        low, high : float
            Ends of the band in Hz; up to the Nyquist frequency unless given.

        Returns
        -------
        (2,) float64
            In `units`, in the order of `components`.

        Raises
        ------
        ValueError
            If the band is empty or lies above the Nyquist frequency.
        """
        end = self.nyquist if high is None else float(high)
        if not 0 <= low < end or low >= self.nyquist:
            raise ValueError(
                f"the band {low:g} to {end:g} Hz holds nothing: the spectrum goes from 0 to "
                f"{self.nyquist:g} Hz; give low < high within it."
            )
        step = self.frequencies[1]
        # Each bin stands for the band around it, the first and the last for half of one.
        left = np.maximum(self.frequencies - step / 2, 0.0)
        right = np.minimum(self.frequencies + step / 2, self.nyquist)
        width = np.clip(np.minimum(right, end) - np.maximum(left, low), 0.0, None) / (right - left)
        return np.asarray(np.sqrt(self.density @ (width * step)))

    def __repr__(self) -> str:
        total = self.rms()
        parts = ", ".join(
            f"{name} {value:.3g}" for name, value in zip(self.components, total, strict=True)
        )
        return (
            f"<InstabilitySpectrum: {self.frames} frames, 0 to {self.nyquist:.4g} Hz in steps of "
            f"{self.frequencies[1]:.3g} Hz, rms {parts} {self.units}, {len(self.tones)} tones>"
        )


def instability_spectrum(
    offsets: npt.ArrayLike,
    *,
    line_time: float,
    errors: npt.ArrayLike | None = None,
    noise: Noise | None = None,
    along: Along = "image",
    slow_axis: int | Sequence[int] = 0,
    window: Window = "hann",
    confidence: float = 0.95,
    mains: Sequence[float] = (50.0, 60.0),
    harmonics: int = 10,
    units: str = "px",
) -> InstabilitySpectrum:
    """Power spectrum of the offsets of scan lines against frequency.

    From every frame its mean and slope (shift and drift) are taken off; what remains is tapered,
    transformed, and averaged over the frames.

    Parameters
    ----------
    offsets : (n, lines, 2) array-like
        Displacement (y, x) of each line of each frame, in the order of time within the frame. NaN
        for lines that are not known, and behind the last line of shorter frames.
    line_time : float
        Seconds from the start of one line to the start of the next, flyback included.
    errors : (n, lines, 2) array-like, optional
        Standard errors of the offsets, in their unit.
    noise : {"errors", "plateau", "none"}, optional
        What is subtracted: the white floor of `errors`, the level at the highest quarter of the
        frequencies, or nothing. "errors" where they are given, else "plateau".
    along : {"image", "scan"}
        Components along y and x of the image, or along the slow and the fast scan direction.
    slow_axis : {0, 1}, or one a frame
        Axis along which lines follow each other; for ``along="scan"`` only.
    window : {"hann", "multitaper"}
        One Hann window, or the mean over four Slepian tapers: less scatter, half the resolution.
    confidence : float
        Of the confidence interval, between 0 and 1.
    mains : sequence of float
        Mains frequencies in Hz whose harmonics are marked.
    harmonics : int
        How many harmonics of each are marked.
    units : str
        Unit of the offsets, a label.

    Returns
    -------
    InstabilitySpectrum

    Raises
    ------
    ValueError
        If shapes do not fit, a number is out of range, or no frame has 8 lines.

    Notes
    -----
    The integral of `measured` over frequency is the variance of the offsets weighted by the squared
    window (Parseval), exactly for complete frames.

    The confidence interval is that of a sum of chi-square variables: 2 degrees of freedom a frame
    and taper. It takes the frames as independent.

    Errors of independent lines make a white floor ``2 line_time mean(errors^2)``. Offsets that were
    estimated with a prior (smoothed along the lines, as by `align_nonrigid`) have no white noise:
    their spectrum falls off where the measurement knows little, and lies *below* the true one. The
    floor of their errors would be too high; use "plateau", which then subtracts next to nothing,
    and read the high frequencies as a lower bound. A true spectrum that is still strong at the
    highest frequencies makes the plateau too high.

    A series has at best as many bins as a frame has lines: tones closer than `resolution`, about
    1.5 / (lines * line_time), are one. Motion that every frame has alike is in no relative offset,
    such as hum when the microscope starts each line or frame in step with the mains. Of n frames
    the common part takes 1/n of the power of the rest with it.

    References
    ----------
    P. D. Welch, IEEE Trans. Audio Electroacoust. 15 (1967) 70 (averaged windowed spectra);
    D. J. Thomson, Proc. IEEE 70 (1982) 1055 (multitaper).
    """
    values, line_time = _checked(offsets, line_time, confidence)
    known = np.asarray(np.isfinite(values).all(axis=2))
    used = np.flatnonzero(known.sum(axis=1) >= SHORTEST)
    if not used.size:
        raise ValueError(
            f"no frame has {SHORTEST} lines with a known offset, so there is no spectrum; at best "
            f"{int(known.sum(axis=1).max(initial=0))} are known."
        )
    axes = np.broadcast_to(np.asarray(slow_axis), (len(values),))
    if not np.isin(axes, (0, 1)).all():
        raise ValueError(f"slow_axis={slow_axis!r} must be 0 or 1, or one of them a frame.")
    if along not in ("image", "scan"):
        raise ValueError(
            f"along={along!r} is not known; use 'image' (y, x) or 'scan' (slow, fast)."
        )
    spread = _errors_checked(errors, values.shape)
    kind = noise or ("plateau" if spread is None else "errors")
    if kind not in ("errors", "plateau", "none"):
        raise ValueError(f"noise={kind!r} is not known; use 'errors', 'plateau' or 'none'.")
    if kind == "errors" and spread is None:
        raise ValueError("noise='errors' needs errors=; give them, or use noise='plateau'.")

    lines = int(np.flatnonzero(known[used].any(axis=0))[-1]) + 1
    power, energies = np.zeros((2, lines // 2 + 1)), []
    floor = np.zeros(2)
    bandwidth = 0.0
    for frame in used:
        order = [axes[frame], 1 - axes[frame]] if along == "scan" else [0, 1]
        tapers = _tapers(known[frame, :lines], window)
        energy = float((tapers**2).sum())
        residue = _without_line(values[frame, :lines][:, order], known[frame, :lines])
        spectra = np.fft.rfft(tapers[:, :, None] * residue, axis=1)
        power += (np.abs(spectra) ** 2).sum(axis=0).T
        if spread is not None:
            share = (tapers**2).sum(axis=0) / energy
            variance = np.where(known[frame, :lines, None], spread[frame, :lines], 0.0) ** 2
            floor += energy * (share @ variance[:, order])
        energies.append(energy)
        bandwidth += energy * _noise_bandwidth(tapers) / line_time
    total = float(np.sum(energies))
    scale = np.full(power.shape[1], 2.0)
    scale[0] = 1.0
    if lines % 2 == 0:
        scale[-1] = 1.0
    measured = power * scale * line_time / total
    frequencies = np.arange(lines // 2 + 1) / (lines * line_time)
    resolution = max(bandwidth / total, float(frequencies[1]))
    # Frames with fewer lines count less.
    looks = total**2 / float(np.square(energies).sum()) * (1 if window == "hann" else _TAPERS)
    freedom = np.where(scale == 2.0, 2.0, 1.0) * looks

    messages: list[str] = []
    level = np.zeros(2)
    if kind == "errors":
        level = 2 * line_time * floor / total
    elif kind == "plateau":
        level = _plateau(measured, 2 * looks)
    noise_floor = np.broadcast_to(level[:, None] * scale / 2, measured.shape).copy()
    below = float(np.mean(measured[:, -(lines // 8) :] < 0.5 * noise_floor[:, -(lines // 8) :]))
    if kind == "errors" and below > 0.9:
        messages.append(
            "The spectrum falls below half of the noise floor that the errors tell. The offsets "
            "were smoothed, or the errors are too large: use noise='plateau'."
        )
    tail = (1 - confidence) / 2
    lower = freedom * measured / chi2.isf(tail, freedom)
    upper = freedom * measured / chi2.isf(1 - tail, freedom)

    marks = mains_lines(mains, nyquist=0.5 / line_time, harmonics=harmonics)
    if marks and resolution > 0.5 * min(float(f) for f in mains):
        messages.append(
            f"A frame lasts {lines * line_time:.3g} s, too short to tell mains harmonics apart: "
            f"the resolution is {resolution:.3g} Hz. Record more or slower lines."
        )
    components = ("slow", "fast") if along == "scan" else ("y", "x")
    tones = find_tones(
        frequencies,
        measured,
        freedom=2 * looks,
        resolution=resolution,
        components=components,
        mains=marks,
    )
    return InstabilitySpectrum(
        frequencies=frequencies,
        density=np.clip(measured - noise_floor, 0.0, None),
        measured=measured,
        lower=np.clip(lower - noise_floor, 0.0, None),
        upper=np.clip(upper - noise_floor, 0.0, None),
        noise=noise_floor,
        components=components,
        units=units,
        line_time=line_time,
        frames=len(used),
        resolution=resolution,
        confidence=float(confidence),
        tones=tones,
        mains=marks,
        messages=tuple(messages),
    )


def _checked(
    offsets: npt.ArrayLike, line_time: float, confidence: float
) -> tuple[DoubleArray, float]:
    values = np.asarray(offsets, np.float64)
    if values.ndim != 3 or values.shape[2] != 2:
        raise ValueError(
            f"offsets must have shape (n, lines, 2) with y before x, not {values.shape}."
        )
    if not (np.isfinite(line_time) and line_time > 0):
        raise ValueError(f"line_time={line_time!r} must be a positive number of seconds.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence!r} must lie between 0 and 1, such as 0.95.")
    return values, float(line_time)


def _errors_checked(errors: npt.ArrayLike | None, shape: tuple[int, ...]) -> DoubleArray | None:
    if errors is None:
        return None
    spread = np.asarray(errors, np.float64)
    if spread.shape != shape:
        raise ValueError(f"errors have shape {spread.shape}; give one an offset: {shape}.")
    if np.any(spread < 0):
        raise ValueError("errors must not be negative; use NaN where they are not known.")
    # A line without an error counts as an average one of its frame.
    count = np.isfinite(spread).sum(axis=1, keepdims=True)
    mean = np.nansum(spread**2, axis=1, keepdims=True) / np.maximum(count, 1)
    return np.where(np.isfinite(spread), spread, np.sqrt(mean))


def _tapers(known: npt.NDArray[np.bool_], window: Window) -> DoubleArray:
    """Tapers (k, lines) over the lines from the first to the last known one, 0 at gaps."""
    where = np.flatnonzero(known)
    first, length = int(where[0]), int(where[-1] - where[0]) + 1
    if window == "hann":
        # Without the two zeros at its ends.
        shapes = np.hanning(length + 2)[None, 1:-1]
    elif window == "multitaper":
        shapes = windows.dpss(length, _BANDWIDTH, _TAPERS)
    else:
        raise ValueError(f"window={window!r} is not known; use 'hann' or 'multitaper'.")
    tapers = np.zeros((len(shapes), len(known)))
    tapers[:, first : first + length] = shapes
    tapers *= known
    return tapers


def _noise_bandwidth(tapers: DoubleArray) -> float:
    """Noise bandwidth of the tapers together, in cycles a line."""
    response = (np.abs(np.fft.fft(tapers, 4 * tapers.shape[1], axis=1)) ** 2).sum(axis=0)
    return float(response.mean() / response.max())


def _without_line(values: DoubleArray, known: npt.NDArray[np.bool_]) -> DoubleArray:
    """Offsets of a frame without mean and slope, 0 where they are not known."""
    time = np.arange(len(values)) - np.flatnonzero(known).mean()
    design = np.stack([np.ones_like(time), time], axis=1)
    line = np.linalg.lstsq(design[known], values[known], rcond=None)[0]
    rest = np.where(known[:, None], values - design @ line, 0.0)
    # What is left of a straight line is rounding.
    rest[:, np.abs(rest).max(axis=0) < _ROUNDING * np.abs(values[known]).max()] = 0.0
    return rest


def _plateau(measured: DoubleArray, freedom: float) -> DoubleArray:
    """Level at the highest frequencies, from the median so that tones do not lift it."""
    count = max(4, round(_PLATEAU * (measured.shape[1] - 1)))
    # The last bin may be the Nyquist frequency, which is counted once.
    top = measured[:, -count - 1 : -1]
    return np.asarray(np.median(top, axis=1) * freedom / chi2.median(freedom))
