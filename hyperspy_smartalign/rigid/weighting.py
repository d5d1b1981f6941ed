"""How much each Fourier component of a pair counts in its correlation.

A Fourier weight turns the product of two frames' transforms into a correlation. The automatic
weight comes from the series itself: its signal spectrum and its noise floor. The classical ones
(normalised correlation with an exponent, band-pass and taper functions, a user's mask) are here
too. All live on the half plane of a real transform.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage
from scipy.special import gammaincinv

__all__ = [
    "WEIGHTINGS",
    "butterworth",
    "fourier_radius",
    "joint_weight",
    "line_noise",
    "noise_floor",
    "signal_spectrum",
    "taper_weight",
]

WEIGHTINGS = (
    "auto",
    "none",
    "band_pass",
    "low_pass",
    "hann",
    "hamming",
    "blackman",
    "gaussian",
    "elliptical_gaussian",
)
#: Widths (Fourier pixels) over which the spectrum is averaged, finest first: Bragg spots, then
#: their surroundings; rings of equal frequency take the rest.
SCALES = (3, 9)
#: Width (Fourier pixels) of the rings over which the faintest signal is averaged.
RING_WIDTH = 4
#: Noise along scan lines is taken as coloured where its level, a median over at least so many
#: Fourier pixels, stands so many standard deviations above the white noise.
FEWEST_LINES = 8
LINE_SIGNIFICANCE = 6.0


def fourier_frequencies(
    shape: tuple[int, int],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Frequencies ``(ky, kx)`` of a real half-plane transform, cycles per pixel, broadcastable."""
    return fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None, :]


def fourier_radius(shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Radial frequency in cycles per pixel: right on non-square and odd frames alike."""
    ky, kx = fourier_frequencies(shape)
    return np.hypot(ky, kx)


def noise_floor(
    power: npt.NDArray[np.floating], shape: tuple[int, int], *, samples: int = 1
) -> float:
    """White-noise level of a mean power spectrum: its high-frequency plateau.

    Parameters
    ----------
    power : (h, w // 2 + 1) array
        Power averaged over the frames.
    shape : (h, w)
    samples : int
        Number of frames averaged. The median of so few exponentially distributed values lies
        below their mean by a known factor, which is undone.

    Returns
    -------
    float
        Level over 0.36 to 0.5 cycles per pixel; where the quietest part of the spectrum lies far
        below that (a series sampled so coarsely that its signal reaches the Nyquist limit), the
        level of the quietest part.
    """
    radius = fourier_radius(shape)
    outer = power[(radius > 0.36) & (radius <= 0.5)]
    if outer.size == 0:
        outer = power.ravel()[1:]
    level = float(np.median(outer)) / (float(gammaincinv(samples, 0.5)) / samples)
    smooth = ndimage.uniform_filter(np.asarray(power, np.float64), 5, mode="nearest")
    quiet = float(np.quantile(smooth, 0.05))
    if quiet < level * (1.0 - 4.0 / np.sqrt(25.0 * samples)):
        level = quiet
    return max(level, float(np.finfo(np.float32).tiny))


def line_noise(
    power: npt.NDArray[np.floating], level: float, shape: tuple[int, int], *, samples: int = 1
) -> npt.NDArray[np.float64]:
    """Noise power of every Fourier pixel: white from scan line to scan line, coloured along them.

    Tips and beams wander slowly, so that neighbours on one scan line, recorded at once, share
    their noise: it is larger at low frequencies along the line, up to a hundredfold in AFM. Lines
    share little of it, so at any frequency along the line it shows where the frequency across is
    too high for signal. Both axes are looked at, as frames may be scanned along either.

    Parameters
    ----------
    power : (h, w // 2 + 1) array
        Power averaged over the frames.
    level : float
        White noise, from `noise_floor`.
    shape : (h, w)
    samples : int
        Number of frames averaged.

    Returns
    -------
    (h, w // 2 + 1) float64 array, `level` where nothing stands significantly above it.
    """
    noise = np.full(power.shape, level)
    bias = float(gammaincinv(samples, 0.5)) / samples
    for axis, frequencies in enumerate(fourier_frequencies(shape)):
        outer = np.compress(np.abs(frequencies.ravel()) > 0.36, power, axis=axis)
        if outer.shape[axis] < FEWEST_LINES:
            continue
        profile = np.median(outer, axis=axis, keepdims=True) / bias
        certain = 1.0 + LINE_SIGNIFICANCE / np.sqrt(samples * outer.shape[axis])
        noise = np.maximum(noise, np.where(profile > certain * level, profile, level))
    return noise


def _box(array: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    # Rows wrap around in a half-plane spectrum; columns end at zero and at Nyquist, where the
    # mirrored neighbour has the same power.
    return np.asarray(ndimage.uniform_filter(array, size, mode=("wrap", "mirror")))


def signal_spectrum(
    power: npt.NDArray[np.floating],
    noise: float | npt.NDArray[np.float64],
    *,
    frame_shape: tuple[int, int],
    samples: float,
    significance: float = 4.0,
) -> npt.NDArray[np.float64]:
    """Signal power above the noise, each place averaged just as widely as it needs to be.

    Bragg spots stand out of the noise pixel by pixel; the diffuse scattering of defects and
    edges, which alone tells one unit cell from the next, is far weaker and shows only when
    averaged over many Fourier pixels. Each pixel takes the finest average that is significant,
    pixels already taken left out of the coarser ones. What is left takes the average over its ring
    of equal frequency, so that even a form factor of a hundredth of the noise is known.

    Parameters
    ----------
    power : (h, m) array
        Power on the half plane, perhaps cut to a band, averaged over ``samples`` independent
        periodograms.
    noise : float or (h, m) array
        Noise level in `power`.
    frame_shape : (h, w)
        Shape of the frames, which tells the frequency of each Fourier pixel.
    samples : float
        Number of independent periodograms behind `power`.
    significance : float
        Standard deviations of the noise that an average must exceed to be taken.

    Returns
    -------
    (h, m) float64 array, zero where nothing is above the noise and at zero frequency.
    """
    noise = np.broadcast_to(noise, power.shape)
    excess = np.asarray(power, np.float64) - noise
    excess[0, 0] = 0.0
    result = np.zeros_like(excess)
    taken = np.zeros(excess.shape, bool)
    taken[0, 0] = True
    for scale in SCALES:
        free = (~taken).astype(np.float64)
        share = np.maximum(_box(free, scale), 1e-6)
        mean = _box(excess * free, scale) / share
        # Windowing correlates neighbouring Fourier pixels: about half as many independent ones.
        deviation = noise * np.sqrt(2.0 / np.maximum(samples * share * scale**2, 1.0))
        chosen = ~taken & (mean > significance * deviation)
        result[chosen] = mean[chosen]
        taken |= chosen
    rows = fft.fftfreq(power.shape[0], 1.0 / power.shape[0]) / frame_shape[0]
    columns = np.arange(power.shape[1]) / frame_shape[1]
    radius = np.hypot(rows[:, None], columns[None, :])
    ring = (radius * min(frame_shape) / RING_WIDTH).astype(np.intp)
    members = np.bincount(ring.ravel(), (~taken).ravel().astype(np.float64))
    sums = np.bincount(ring.ravel(), np.where(taken, 0.0, excess).ravel(), minlength=len(members))
    mean = sums / np.maximum(members, 1.0)
    variance = np.bincount(ring.ravel(), np.where(taken, 0.0, noise**2).ravel())
    deviation = np.sqrt(2.0 * variance / np.maximum(samples * members**2, 1.0))
    mean[mean < 2.0 * deviation] = 0.0
    result[~taken] = mean[ring[~taken]]
    result[0, 0] = 0.0
    return np.maximum(result, 0.0)


def joint_weight(
    signal: npt.NDArray[np.float64],
    noise: float | npt.NDArray[np.float64],
    *,
    model_error: float,
    frames: float = 1.0,
) -> npt.NDArray[np.float32]:
    """Weight of the correlation of one frame with the aligned sum of others.

    For Gaussian signal of power S seen in white noise N, the log-likelihood of a frame's shift
    against the aligned sum of n others is the correlation weighted by ``S / (n S + N) / N``
    (matched filter on the posterior mean of the others). The noise met by the frame is enlarged by
    `model_error` times the signal, so that the strongest Bragg spots, equal for every lattice
    vector, do not drown what tells these apart.

    Parameters
    ----------
    signal, noise
        From `signal_spectrum` and `noise_floor`, per frame.
    model_error : float
        Share of the signal that may differ between frames (edges, changes of the sample).
    frames : float
        Number of frames in the sum; 1 for a pair.

    Returns
    -------
    Array shaped as `signal`, float32.
    """
    weight = signal / (frames * signal + noise) / (noise + model_error * signal)
    # Scaled so that signal times weight is of order one whatever the data's units.
    return np.asarray(weight * np.min(noise), np.float32)


def taper_weight(
    shape: tuple[int, int],
    name: str,
    band: float | tuple[float, float] | None = None,
) -> npt.NDArray[np.float32]:
    """Classical Fourier weight on the half plane.

    Parameters
    ----------
    shape : (h, w)
        Frame shape in pixels.
    name : str
        One of `WEIGHTINGS` except ``"auto"``.
    band : float or pair of float, optional
        Cycles per pixel. ``low_pass``: cut-off (default 0.25). ``band_pass``: (low, high), default
        (0.01, 0.25). ``hann``, ``hamming``, ``blackman``: frequency at which the taper ends
        (default 0.5). ``gaussian``: standard deviation (default 0.15). ``elliptical_gaussian``:
        standard deviations (y, x), default (0.15, 0.15).

    Returns
    -------
    (h, w // 2 + 1) float32 array, 1 in the pass band.

    Raises
    ------
    ValueError
        When the name is not known or the band does not fit it.
    """
    radius = fourier_radius(shape)
    if name == "none":
        return np.ones(radius.shape, np.float32)
    if name in ("band_pass", "elliptical_gaussian"):
        default = (0.01, 0.25) if name == "band_pass" else (0.15, 0.15)
        pair = np.ravel(default if band is None else band)
        if pair.size != 2:
            raise ValueError(f"weighting={name!r} needs band=(first, second); got {band!r}")
        if name == "band_pass":
            weight = ((radius >= pair[0]) & (radius <= pair[1])).astype(np.float64)
        else:
            ky, kx = fourier_frequencies(shape)
            weight = np.exp(-0.5 * ((ky / pair[0]) ** 2 + (kx / pair[1]) ** 2))
        return np.asarray(weight, np.float32)
    defaults = {"low_pass": 0.25, "hann": 0.5, "hamming": 0.5, "blackman": 0.5, "gaussian": 0.15}
    if name not in defaults:
        raise ValueError(f"weighting={name!r} is not known; choose one of {', '.join(WEIGHTINGS)}")
    value = np.ravel(defaults[name] if band is None else band)
    if value.size != 1:
        raise ValueError(f"weighting={name!r} needs one number as band; got {band!r}")
    reach = radius / float(value[0])
    inside = reach <= 1.0
    if name == "low_pass":
        weight = inside.astype(np.float64)
    elif name == "hann":
        weight = np.where(inside, 0.5 + 0.5 * np.cos(np.pi * reach), 0.0)
    elif name == "hamming":
        weight = np.where(inside, 0.54 + 0.46 * np.cos(np.pi * reach), 0.0)
    elif name == "blackman":
        weight = np.where(
            inside, 0.42 + 0.5 * np.cos(np.pi * reach) + 0.08 * np.cos(2 * np.pi * reach), 0.0
        )
    else:
        weight = np.exp(-0.5 * reach**2)
    return np.asarray(weight, np.float32)


def butterworth(shape: tuple[int, int], cutoff: float, order: int = 2) -> npt.NDArray[np.float32]:
    """Butterworth low-pass of the correlation function, amplitude 0.707 at `cutoff` (cycles/px)."""
    return np.asarray(
        1.0 / np.sqrt(1.0 + (fourier_radius(shape) / cutoff) ** (2 * order)), np.float32
    )
