"""What became of a signal that an alignment was applied to: images and spectra to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.gui.previews.averages import averages_of
from hyperspy_smartalign.gui.previews.images import Pair, calibration_of
from hyperspy_smartalign.parameters import ApplyParameters
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.spectra.channels import as_dense, selected
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import frames_of, units_of

Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class Looks:
    """An image and the spectrum of a signal.

    Attributes
    ----------
    image : (h, w) array
        Mean of the frames; of spectra the counts in all channels.
    channels : (E,) or (ky, kx) array, or None
        Mean of the pixels, for each channel; None for images.
    """

    image: Pixels
    channels: Pixels | None


@dataclass(frozen=True)
class AppliedResult:
    """What became of a signal.

    Attributes
    ----------
    before : Looks or None
        The signal; None where it would have to be computed, or shows other pixels.
    after : Looks
        The result, as one frame of it.
    origin : (y, x)
        Pixel of the first image on which the first pixel of the second lies.
    scale, units : (y, x)
        Of a pixel of the result.
    axis : (E,) array or None
        Values of the channels of spectra.
    label : str
        Their name and unit.
    """

    before: Looks | None
    after: Looks
    origin: tuple[int, int]
    scale: Pair
    units: tuple[str, str]
    axis: Pixels | None
    label: str


def applied_result(
    signal: BaseSignal,
    result: BaseSignal,
    parameters: ApplyParameters,
    *,
    channels: int,
    tiles: bool,
) -> AppliedResult:
    """Look at a result, and at the signal where that is quick.

    Parameters
    ----------
    signal : BaseSignal
        What the alignment was applied to.
    result : BaseSignal
        What `apply_alignment` returned.
    parameters : ApplyParameters
        What it was asked for.
    channels : int
        Number of channel axes: 0 of images.
    tiles : bool
        Whether the signal was cut into tiles.

    Raises
    ------
    ValueError
        The result is lazy, and not a series of images.
    """
    inner, outer = result.axes_manager.signal_axes, result.axes_manager.navigation_axes
    x, y = outer[:2] if channels else inner
    scale, units = calibration_of((x, y))
    if not channels and not tiles and not recording.has_alignment(signal):
        made = averages_of(FrameStream(frames_of(signal)), result)
        first, second = Looks(made.before, None), Looks(made.after, None)
        return AppliedResult(first, second, made.alignment.canvas.origin, scale, units, None, "")
    if result._lazy:
        raise ValueError(
            "The result is lazy: its values are computed when they are asked for. Plot it to "
            "look at it."
        )
    after = _looks(_parts(result, channels, ()), channels)
    before, origin = None, (0, 0)
    if not tiles:
        alignment = recording.alignment_of(result)
        origin = alignment.canvas.origin
        excluded = np.flatnonzero(alignment.excluded).tolist()
        if parameters.output in ("sum", "auto") and len(outer) == (2 if channels else 0):
            after = _divided(after, alignment.n_frames - len(excluded))
        if not signal._lazy and not recording.has_alignment(signal):
            chosen = selected(
                signal, signal_range=parameters.signal_range, binning=parameters.binning
            )
            before = _looks(_parts(chosen, channels, excluded), channels)
    axis, label = None, ""
    if channels == 1:
        axis = np.asarray(inner[0].axis)
        label = f"{inner[0].name} ({units_of(inner[0])})"
    return AppliedResult(before, after, origin, scale, units, axis, label)


def _parts(signal: BaseSignal, channels: int, left_out: Sequence[int]) -> Iterator[Pixels]:
    """The frames of a signal, one after the other."""
    dimension = signal.data.ndim - channels - 2
    for number, place in enumerate(np.ndindex(signal.data.shape[:dimension])):
        if number not in left_out:
            yield as_dense(np.asarray(signal.data[place]))


def _looks(parts: Iterator[Pixels], channels: int) -> Looks:
    """The mean of frames, each pixel over those that have a value there."""
    total: Any = 0.0
    seen: Any = 0
    spectrum: Any = 0.0
    pixels = 0
    for part in parts:
        image = part.sum(axis=tuple(range(-channels, 0)), dtype=np.float64) if channels else part
        known = np.isfinite(image)
        total = total + np.where(known, image, 0.0)
        seen = seen + known
        pixels += int(known.sum())
        if channels:
            # Row by row, as a mask of all would copy the frame.
            for row, mask in zip(part, known, strict=True):
                spectrum = spectrum + row[mask].sum(axis=0, dtype=np.float64)
    mean = np.full(np.shape(total), np.nan)
    np.divide(total, seen, out=mean, where=np.asarray(seen) > 0)
    return Looks(mean, spectrum / max(pixels, 1) if channels else None)


def _divided(looks: Looks, number: int) -> Looks:
    channels = None if looks.channels is None else looks.channels / number
    return Looks(looks.image / number, channels)
