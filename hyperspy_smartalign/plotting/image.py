"""Images with a scale bar, and their power spectra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.offsetbox import AnchoredOffsetbox, AuxTransformBox, TextArea, VPacker
from matplotlib.patches import Rectangle
from scipy.signal.windows import hann

from hyperspy_smartalign.plotting.style import SMALL, TITLE, small_ticks
from hyperspy_smartalign.plotting.units import is_calibrated, readable, round_length

Image = npt.NDArray[np.floating]
Limits = tuple[float, float]

# The brightest and the darkest of this fraction of the pixels saturate.
_SATURATED = 0.002
# A peak of the spectrum stands above the noise if its power exceeds the median by this factor. The
# power of noise is exponentially distributed: the chance is 1e-9 a pixel.
_ABOVE_NOISE = 30.0


@dataclass(frozen=True)
class Spectrum:
    """Power spectrum of an image, zero frequency in the middle.

    Attributes
    ----------
    log_power : (h, w) float64
        Decadic logarithm of the power.
    step : (y, x)
        Frequency from pixel to pixel, in `units`.
    units : str
        Unit of frequency.
    """

    log_power: npt.NDArray[np.float64]
    step: tuple[float, float]
    units: tuple[str, str]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """(left, right, bottom, top) edges, y pointing down as in the image."""
        (h, w), (dy, dx) = self.log_power.shape, self.step
        top, left = -(h // 2) - 0.5, -(w // 2) - 0.5
        return left * dx, (left + w) * dx, (top + h) * dy, top * dy

    def within(self, max_frequency: float | None) -> tuple[float, float, float, float]:
        """(left, right, bottom, top) of the part up to a frequency; all of it for None."""
        if max_frequency is None:
            return self.extent
        left, right, bottom, top = self.extent
        return (
            max(left, -max_frequency),
            min(right, max_frequency),
            min(bottom, max_frequency),
            max(top, -max_frequency),
        )

    @property
    def signal_frequency(self) -> float:
        """Highest frequency, along y or x, at which the power stands above the noise."""
        (h, w), (dy, dx) = self.log_power.shape, self.step
        # The noise is that of the highest frequencies, where no microscope transfers anything.
        y, x = (np.abs(np.arange(n) - n // 2) for n in (h, w))
        outer = np.maximum.outer(y / (h / 2), x / (w / 2)) > 0.75
        noise = np.median(self.log_power[outer]) if outer.any() else np.inf
        rows, columns = np.nonzero(self.log_power > noise + np.log10(_ABOVE_NOISE))
        if not rows.size:
            return 0.0
        return float(max(y[rows].max() * dy, x[columns].max() * dx))


def power_spectrum(
    image: npt.ArrayLike, *, scale: tuple[float, float], units: tuple[str, str]
) -> Spectrum:
    """Power spectrum of an image under a Hann window, mean taken off before.

    Parameters
    ----------
    image : (h, w) array-like
        NaN where there is no image.
    scale : (y, x)
        Size of a pixel.
    units : (y, x)
        Its units.
    """
    pixels = np.array(image, dtype=np.float64)
    seen = np.isfinite(pixels)
    mean = pixels[seen].mean() if seen.any() else 0.0
    pixels = np.where(seen, pixels - mean, 0.0)
    windowed = pixels * np.multiply.outer(*(hann(n, sym=False) for n in pixels.shape))
    power = scipy.fft.fftshift(np.abs(scipy.fft.fft2(windowed)) ** 2)
    highest = power.max()
    log_power = np.log10(np.maximum(power / highest, 1e-15)) if highest > 0 else power
    h, w = pixels.shape
    step = (1 / (h * abs(scale[0])), 1 / (w * abs(scale[1])))
    if highest > 0:
        log_power += np.log10(highest)
    return Spectrum(log_power, step, (_inverse(units[0]), _inverse(units[1])))


def grey_limits(*images: Image) -> Limits:
    """Grey levels that show all the images alike, without the most extreme pixels."""
    limits = []
    for image in images:
        finite = image[np.isfinite(image)]
        if finite.size:
            limits.append(np.quantile(finite, (_SATURATED / 2, 1 - _SATURATED / 2)))
    if not limits:
        return 0.0, 1.0
    low, high = np.min(limits, axis=0)[0], np.max(limits, axis=0)[1]
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def show_image(
    ax: Axes,
    image: Image,
    *,
    title: str,
    scale: tuple[float, float],
    units: tuple[str, str],
    limits: Limits,
) -> AxesImage:
    """Draw an image in grey, with its title and a scale bar."""
    artist = ax.imshow(
        image,
        cmap="gray",
        vmin=limits[0],
        vmax=limits[1],
        aspect=abs(scale[0] / scale[1]) if units[0] == units[1] else 1.0,
        interpolation_stage="data",
    )
    ax.set_title(title, fontsize=TITLE)
    ax.set_xticks([])
    ax.set_yticks([])
    add_scale_bar(ax, image.shape, scale=abs(scale[1]), units=units[1])
    return artist


def add_scale_bar(ax: Axes, shape: tuple[int, ...], *, scale: float, units: str) -> None:
    """Put a horizontal scale bar of a round length, a third of the width or less, on an image."""
    bar, label = bar_and_label(ax, shape, scale=scale, units=units, colour="white")
    box = AnchoredOffsetbox(
        loc="lower left",
        child=VPacker(children=[label, bar], align="center", pad=0, sep=3),
        pad=0.4,
        borderpad=0.5,
    )
    box.patch.set(facecolor="black", alpha=0.6, edgecolor="none")
    ax.add_artist(box)


def bar_and_label(
    ax: Axes, shape: tuple[int, ...], *, scale: float, units: str, colour: str
) -> tuple[AuxTransformBox, TextArea]:
    """A scale bar of a round length, a third of the width of an image or less, and its length."""
    if not is_calibrated(units):
        scale, units = 1.0, "px"
    widest = scale * shape[1] / 3
    factor, shown = readable(widest, units)
    length = round_length(max(widest * factor, 1.0 if shown == "px" else 0.0))
    bar = AuxTransformBox(ax.transData)
    bar.add_artist(
        Rectangle((0, 0), length / factor / scale, 0.014 * min(shape), color=colour, linewidth=0)
    )
    return bar, TextArea(f"{length:g} {shown}", textprops={"color": colour, "size": SMALL})


def show_spectrum(
    ax: Axes, spectrum: Spectrum, *, title: str, limits: Limits, max_frequency: float | None
) -> AxesImage:
    """Draw a power spectrum over its frequencies, up to `max_frequency`."""
    artist = ax.imshow(
        spectrum.log_power,
        cmap="gray",
        vmin=limits[0],
        vmax=limits[1],
        extent=spectrum.extent,
        aspect="equal" if spectrum.units[0] == spectrum.units[1] else "auto",
    )
    left, right, bottom, top = spectrum.within(max_frequency)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_title(title, fontsize=TITLE)
    ax.set_xlabel(f"$k_x$ ({spectrum.units[1]})", fontsize=SMALL)
    ax.set_ylabel(f"$k_y$ ({spectrum.units[0]})", fontsize=SMALL)
    small_ticks(ax)
    return artist


def _inverse(units: str) -> str:
    return f"1/{units}" if is_calibrated(units) else "1/px"
