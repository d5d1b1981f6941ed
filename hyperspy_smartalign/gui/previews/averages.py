"""Averages before and after alignment, for the pictures of tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.resampling import Accumulator, Resampled
from hyperspy_smartalign.signals import picturing, recording
from hyperspy_smartalign.signals.spectra.channels import selected
from hyperspy_smartalign.signals.spectra.integrating import sum_of_channels
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.transforms import Alignment

Image = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Averages:
    """Averages of the frames that took part.

    Attributes
    ----------
    before : (h, w) array
        As they were recorded.
    after : (H, W) array
        Aligned.
    alignment : Alignment
        Says where `after` lies on `before`, and how large a pixel is.
    """

    before: Image
    after: Image
    alignment: Alignment


def averages_of(
    frames: FrameStream, result: BaseSignal, channels: int = 0, signal_range: Any = None
) -> Averages:
    """Averages before and after; frames are read one by one.

    Parameters
    ----------
    frames : FrameStream
        The images that were aligned.
    result : BaseSignal
        The aligned series, or its average or sum.
    channels : int
        Number of channel axes, whose counts are added: 0 of images.
    signal_range : (start, stop), (left, right, top, bottom) or None
        Channels that are added.
    """
    alignment = recording.alignment_of(result)
    used = np.flatnonzero(~alignment.excluded)
    before = _mean(frames, used)
    if not channels:
        return Averages(before, picturing.average_of(result, alignment), alignment)
    chosen = selected(result, signal_range=signal_range)
    images = np.asarray(sum_of_channels(chosen.data, channels))
    if images.ndim == 2:
        return Averages(before, images / _frames_in(result, len(used)), alignment)
    return Averages(before, _mean(images.reshape(-1, *images.shape[-2:]), used), alignment)


def _frames_in(result: BaseSignal, used: int) -> int:
    """Frames that one spectrum image is the sum of; 1 for an average."""
    outputs = [step["parameters"].get("output") for step in recording.steps_of(result)]
    made = [output for output in outputs if output in ("auto", "average", "sum")]
    # For spectra "auto" is the sum.
    return 1 if made[-1:] == ["average"] else used


def _mean(frames: Any, used: npt.NDArray[np.intp]) -> Image:
    """Mean of some frames, at each pixel over those that saw it."""
    total: Accumulator | None = None
    for index in used.tolist():
        pixels = np.asarray(frames[index])
        total = Accumulator(pixels.shape) if total is None else total
        total.add(Resampled(pixels, np.isfinite(pixels)))
    if total is None:
        raise ValueError("The alignment excluded every frame, so there is nothing to average.")
    return total.result().mean()
