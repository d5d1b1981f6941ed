"""Frames whose noise is not white: smoothed, or drawn on a finer grid before they came here.

A median or Gaussian filter, an interpolation onto more pixels and the optics of a camera leave
noise at low frequencies only, and neighbours share it. Weights and error bars that take it for
white are then wrong, and where the high frequencies are empty the noise seems not to be there at
all. Such frames are registered on a grid that has no empty frequencies, and with the power of the
noise made equal at those that are left. Signal and noise of a frequency change alike, so that
nothing is lost, and what was white once is white again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from .store import FrameSource
from .windows import window_2d

__all__ = ["WhitenedFrames", "Whitening", "find_whitening"]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]

#: Pairs of neighbouring frames of which the spectra are compared, at the most.
PAIRS = 8
#: Tiles of the spectrum along each axis.
TILES = 8
#: Noise counts as coloured where it falls to this share towards the highest frequencies, and to
#: the second along each axis alone: noise of a tip is coloured along the scan lines only.
FALLEN, FALLEN_ALONG = 0.3, 0.62
#: So few frames tell signal that drifted from noise only where the highest frequencies are empty.
FEW_FRAMES, FALLEN_FEW = 4, 1e-4
#: Less noise than this share of the power between the spots is not told from none.
LEAST_NOISE = 0.02
#: Strongest Fourier components, which tell how much of the signal changes from frame to frame.
STRONGEST = 12
#: Fourier pixels this far above the median of their tile are spots, and tell little of the noise.
SPOT = 4.0
#: Frequencies with less than this share of the noise density are empty.
EMPTY = 1e-3
#: The noise of an interpolated frame falls from `START` of its density to `EMPTY` within this ratio
#: of frequencies (a cubic spline 1.6, a Gaussian 3.2), about the Nyquist limit of the original,
#: where it has fallen to a quarter (the amplitude to a half).
STEEP = 1.95
START, NYQUIST = 0.5, 0.25
#: The smallest grid to which frames are cut, px.
SMALLEST = 16


@dataclass(frozen=True)
class Whitening:
    """How frames are drawn on a grid without empty frequencies, and their noise made white.

    Attributes
    ----------
    shape : (h, w)
        Pixels of the frames.
    grid : (h', w')
        Pixels that they get; the same or fewer.
    gain : (h', w') float32
        Factor of each component of the cosine transform.
    filled : float
        Mean density of the noise on the grid, relative to that where it is white: frequencies that
        are nearly empty are left so.
    """

    shape: tuple[int, int]
    grid: tuple[int, int]
    gain: FloatArray
    filled: float = 1.0

    @property
    def step(self) -> tuple[float, float]:
        """Pixels of the frame (y, x) that a pixel of the grid stands for."""
        return self.shape[0] / self.grid[0], self.shape[1] / self.grid[1]

    @property
    def start(self) -> tuple[float, float]:
        """Where the middle of the first pixel of the grid lies, px of the frame (y, x)."""
        y, x = self.step
        return 0.5 * (y - 1.0), 0.5 * (x - 1.0)

    def apply(self, frame: npt.NDArray[np.floating]) -> FloatArray:
        """A frame on the grid with its noise made white, (h', w').

        Edges are mirrored. Pixels that touch a NaN are NaN.
        """
        known = np.isfinite(frame)
        if not known.any():
            return np.full(self.grid, np.nan, np.float32)
        level = float(frame[known].mean(dtype=np.float64))
        if frame[known].min() == frame[known].max():
            level = float(frame[known].flat[0])
        pixels = np.where(known, frame, level).astype(np.float64) - level
        height, width = self.grid
        part = fft.dctn(pixels, norm="ortho", workers=1)[:height, :width] * self.gain
        scale = np.sqrt(height * width / (self.shape[0] * self.shape[1]))
        result = np.asarray(scale * fft.idctn(part, norm="ortho", workers=1) + level, np.float32)
        if not known.all():
            step = self.step
            zoom = ndimage.maximum_filter(~known, (int(np.ceil(step[0])), int(np.ceil(step[1]))))
            rows = np.minimum(((np.arange(height) + 0.5) * step[0]).astype(int), known.shape[0] - 1)
            columns = np.minimum(
                ((np.arange(width) + 0.5) * step[1]).astype(int), known.shape[1] - 1
            )
            result[zoom[np.ix_(rows, columns)]] = np.nan
        return result


class WhitenedFrames:
    """A source of frames on the grid of a whitening.

    Parameters
    ----------
    source : FrameSource
    whitening : Whitening
    region : (left, right, top, bottom), optional
        Pixels of the frame that are used; all by default.
    """

    def __init__(
        self,
        source: FrameSource,
        whitening: Whitening,
        region: tuple[int, int, int, int] | None = None,
    ) -> None:
        self._source, self._whitening, self._region = source, whitening, region
        self.lazy = bool(getattr(source, "lazy", False))

    def __len__(self) -> int:
        return len(self._source)

    def frame(self, index: int) -> FloatArray:
        """The i-th frame, (h', w')."""
        pixels = self._source.frame(index)
        if self._region is not None:
            left, right, top, bottom = self._region
            pixels = pixels[top:bottom, left:right]
        return self._whitening.apply(np.asarray(pixels, np.float32))


@dataclass(frozen=True)
class _Powers:
    """Mean power and its scatter between neighbouring frames at each Fourier pixel."""

    mean: DoubleArray
    scatter: DoubleArray
    shape: tuple[int, int]

    @classmethod
    def of(
        cls,
        frame: Callable[[int], FloatArray],
        indices: npt.NDArray[np.intp],
        shape: tuple[int, int],
    ) -> _Powers:
        window = window_2d(shape, "hann").astype(np.float64)
        area, energy = float(window.sum()), float((window**2).sum())

        def power(index: int) -> DoubleArray:
            pixels = frame(int(indices[index])).astype(np.float64)
            pixels = (pixels - (pixels * window).sum() / area) * window
            return np.asarray(np.abs(fft.rfft2(pixels)) ** 2 / energy)

        last = len(indices) - 2
        starts = np.unique(np.linspace(0, last, min(last + 1, PAIRS)).astype(int))
        mean = np.zeros((shape[0], shape[1] // 2 + 1))
        scatter = np.zeros_like(mean)
        kept: tuple[int, DoubleArray] | None = None
        for start in starts:
            first = kept[1] if kept is not None and kept[0] == start else power(start)
            second = power(start + 1)
            kept = (start + 1, second)
            mean += 0.5 * (first + second) / len(starts)
            scatter += 0.5 * (first - second) ** 2 / len(starts)
        return cls(mean, scatter, shape)

    @property
    def frequencies(self) -> tuple[DoubleArray, DoubleArray]:
        """Absolute frequencies (rows, 1) and (1, columns), cycles per pixel."""
        return np.abs(fft.fftfreq(self.shape[0]))[:, None], fft.rfftfreq(self.shape[1])[None, :]

    def noise(self, where: npt.NDArray[np.bool_]) -> tuple[float, float]:
        """Density of the noise in a part of the spectrum, and the median power there."""
        mean, scatter = self.mean[where], self.scatter[where]
        middle = float(np.median(mean))
        quiet = mean <= SPOT * middle
        power = float(mean[quiet].mean())
        density = power - np.sqrt(max(power**2 - float(scatter[quiet].mean()), 0.0))
        return max(density, LEAST_NOISE * middle), middle

    def change(self) -> float:
        """Squared relative change of the strongest components from frame to frame.

        They hold little noise: it is what drifted into the frame or was distorted.
        """
        strongest = np.argpartition(self.mean.ravel(), -STRONGEST)[-STRONGEST:]
        mean, scatter = self.mean.ravel()[strongest], self.scatter.ravel()[strongest]
        return float(np.median(scatter / mean**2))

    def tiles(self, reach: tuple[float, float]) -> tuple[DoubleArray, DoubleArray]:
        """Noise density and median power in tiles from zero to the frequencies `reach` (y, x)."""
        ky, kx = self.frequencies
        row, column = (
            # The last frequency belongs to the last tile.
            np.where(k == end, TILES - 1, (k / end * TILES).astype(np.intp))
            for k, end in zip((ky, kx), reach, strict=True)
        )
        noise = np.zeros((TILES, TILES))
        median = np.zeros_like(noise)
        for y in range(TILES):
            for x in range(TILES):
                noise[y, x], median[y, x] = self.noise((row == y) & (column == x))
        return noise, median

    def profile(self, axis: int) -> tuple[DoubleArray, DoubleArray]:
        """Frequencies along an axis and the noise density there, both without the lowest."""
        ky, kx = self.frequencies
        along, across = (ky, kx) if axis == 0 else (kx, ky)
        values = np.unique(along)[1:]
        near = np.broadcast_to(across, self.mean.shape) < 0.12
        place = np.broadcast_to(along, self.mean.shape)
        density = np.array([self.noise((place == value) & near)[0] for value in values])
        width = max(5, len(values) // 16)
        return values, ndimage.median_filter(density, width, mode="nearest")


def _bands(powers: _Powers) -> tuple[float, float]:
    """Frequencies (y, x) up to which there is noise, cycles per pixel."""
    steepness, limits, ends = [], [], []
    for axis in (0, 1):
        values, density = powers.profile(axis)
        end = _falls_below(values, density, 0.02 * float(density.max()))
        inner = density[(values > 0.15 * end) & (values < 0.5 * end)]
        plateau = float(np.median(inner)) if inner.size else float(density.max())
        start, nyquist, end = (
            _falls_below(values, density, share * plateau) for share in (START, NYQUIST, EMPTY)
        )
        # A fall that ends beyond the last frequency is not known to be steep.
        steepness.append(end / start if end < 0.5 else np.inf)
        limits.append(nyquist)
        ends.append(end)
    y, x = limits if np.mean(steepness) < STEEP else ends
    return y, x


def _falls_below(values: DoubleArray, density: DoubleArray, level: float) -> float:
    """First frequency at which a density is below a level and stays there for a while."""
    below = np.flatnonzero(ndimage.median_filter(density < level, 3, mode="nearest"))
    return float(values[below[0]]) if below.size else 0.5


def _is_coloured(powers: _Powers, fallen_to: float) -> bool:
    """Whether noise falls off towards the highest frequencies, along both axes."""
    change = powers.change()
    noise, median = powers.tiles((0.5, 0.5))
    inner, outer = slice(1, TILES // 2), slice(TILES - 2, TILES)
    # Signal that changes so much looks like noise of half this share of its power.
    trusted = noise > np.maximum(change * (median - noise), LEAST_NOISE * median)
    if not trusted[inner, inner].mean() > 0.5:
        return False
    level = float(np.median(noise[inner, inner]))
    fallen = float(np.median(noise[outer, outer])) / level
    along_y = float(np.median(noise[outer, inner])) / level
    along_x = float(np.median(noise[inner, outer])) / level
    return fallen < fallen_to and max(along_y, along_x) < FALLEN_ALONG


def find_whitening(
    frame: Callable[[int], npt.NDArray[np.float32]],
    indices: npt.NDArray[np.intp],
    shape: tuple[int, int],
) -> Whitening | None:
    """Look whether the noise of a series is coloured, and how to make it white.

    Parameters
    ----------
    frame : callable
        ``frame(i)`` gives the i-th frame, (h, w) float32.
    indices : (n,) int array
        Frames to look at, in the order in which they were recorded.
    shape : (h, w)

    Returns
    -------
    Whitening or None
        None where the noise is white, or coloured along one axis only, or too weak to be seen.

    Notes
    -----
    A shift changes the phases of a spectrum and leaves its power. The power of a Fourier component
    that is signal of power S in noise of power N scatters from frame to frame with variance
    ``N**2 + 2 S N`` about the mean ``S + N`` (Rice, Bell Syst. Tech. J. 24, 46 (1945)), which
    tells the two apart before anything is aligned. Neighbours in time are compared, as they show
    nearly the same area.
    """
    if len(indices) < 2 or min(shape) < 2 * SMALLEST:
        return None
    powers = _Powers.of(frame, indices, shape)
    fallen_to = FALLEN_FEW if len(indices) < FEW_FRAMES else FALLEN
    if not powers.mean.any() or not _is_coloured(powers, fallen_to):
        return None
    height, width = (
        int(np.clip(np.ceil(2 * band * size), min(SMALLEST, size), size))
        for band, size in zip(_bands(powers), shape, strict=True)
    )
    reach = 0.5 * height / shape[0], 0.5 * width / shape[1]
    noise, _ = powers.tiles(reach)
    if not (noise > 0).all():
        return None
    density = _smoothed(np.log(noise))
    density -= np.median(density[:2, :2])
    rows = (np.arange(height) + 0.5) / height * TILES - 0.5
    columns = (np.arange(width) + 0.5) / width * TILES - 0.5
    smooth = ndimage.map_coordinates(
        density, np.meshgrid(rows, columns, indexing="ij"), order=1, mode="nearest"
    )
    gain = np.exp(-0.5 * np.maximum(smooth, 2 * np.log(EMPTY)))
    return Whitening(
        shape,
        (height, width),
        np.asarray(gain, np.float32),
        filled=float(np.mean(gain**2 * np.exp(smooth))),
    )


def _smoothed(density: DoubleArray) -> DoubleArray:
    """Logarithms of a density in tiles, with less scatter.

    A profile along y times one along x, by medians (Tukey, Exploratory Data Analysis (1977),
    chapter 11), and what their neighbours confirm of the rest: the lowest tiles, where what drifted
    into a frame looks like noise, do not pull.
    """
    rest = density.copy()
    for _ in range(10):
        rest -= np.median(rest, axis=0)
        rest -= np.median(rest, axis=1, keepdims=True)
    return np.asarray(density - rest + ndimage.median_filter(rest, 3, mode="mirror"))
