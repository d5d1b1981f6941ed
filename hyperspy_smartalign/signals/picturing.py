"""From an aligned signal to the figures of `hyperspy_smartalign.plotting`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign import plotting
from hyperspy_smartalign.resampling import Accumulator, Resampled, accumulate
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.matching import check_fits
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import Frames, layout_of
from hyperspy_smartalign.transforms import Alignment, AlignmentMismatchError


def plot_shifts(signal: BaseSignal, **keywords: Any) -> Any:
    """Shift matrices of an aligned signal; those of pairs where the signal carries them."""
    alignment = recording.alignment_of(signal)
    carries_pairs = "pairs" in recording.record_of(signal)
    pairs = recording.pairs_of(signal) if carries_pairs else None
    return plotting.plot_shifts(alignment, pairs=pairs, **keywords)


def plot_drift(signal: BaseSignal, **keywords: Any) -> Any:
    """Drift of an aligned signal."""
    return plotting.plot_drift(recording.alignment_of(signal), **keywords)


def plot_average(signal: BaseSignal, *, source: BaseSignal | None = None, **keywords: Any) -> Any:
    """Averages before and after alignment, with their power spectra.

    Parameters
    ----------
    signal : BaseSignal
        An aligned series, or the average of one.
    source : BaseSignal, optional
        The series as it was recorded.
    **keywords
        Passed to `hyperspy_smartalign.plotting.plot_average`.

    Raises
    ------
    NoAlignmentError
        The signal carries no alignment.
    AlignmentMismatchError
        The signal or the source is not what the alignment was made for.
    ValueError
        The signal is an average and no source is given, or every frame is excluded.
    """
    alignment = recording.alignment_of(signal)
    if source is None and is_one_frame(signal):
        raise ValueError(
            f"{signal!r} is one frame, so that nothing tells what it was before alignment. "
            "Give the series as it was recorded: plot_average(source=series)."
        )
    after = average_of(signal, alignment)
    return plotting.plot_average(
        average_before(signal, alignment, source=source),
        after,
        origin=alignment.canvas.origin,
        scale=alignment.frame_scale,
        units=alignment.frame_units,
        **keywords,
    )


def average_before(
    signal: BaseSignal, alignment: Alignment, *, source: BaseSignal | None
) -> npt.NDArray[np.floating]:
    """Average of the frames that took part as they were recorded, on the grid of the raw frames.

    Parameters
    ----------
    signal : BaseSignal
        The aligned series.
    alignment : Alignment
        That it carries.
    source : BaseSignal or None
        The series as it was recorded. None: the aligned frames are moved back.

    Raises
    ------
    AlignmentMismatchError
        The source is not what the alignment was made for.
    """
    if source is None:
        return _moved_back(images_of(signal), alignment)
    check_fits(alignment, layout_of(source))
    return _mean(images_of(source), alignment)


def is_one_frame(signal: BaseSignal) -> bool:
    """Whether a signal is a single image, such as the average of a series."""
    axes = signal.axes_manager
    return axes.signal_dimension == 2 and not axes.navigation_axes


def is_one_spectrum_image(signal: BaseSignal) -> bool:
    """Whether a signal is a single spectrum image, such as the sum of a series."""
    axes = signal.axes_manager
    return bool(axes.signal_dimension == 1 and axes.navigation_dimension == 2)


def average_of(signal: BaseSignal, alignment: Alignment) -> npt.NDArray[np.floating]:
    """Average of the frames of an aligned series that took part, or that of which a signal is one.

    Raises
    ------
    AlignmentMismatchError
        The signal is not what the alignment makes.
    ValueError
        Every frame is excluded.
    """
    if alignment.excluded.all():
        raise ValueError("The alignment excluded every frame, so there is nothing to average.")
    if is_one_frame(signal):
        average: npt.NDArray[np.floating]
        average = np.asarray(signal.data) / _frames_in(signal, alignment)
        return average
    aligned = images_of(signal)
    _check_made_by(alignment, aligned)
    return _mean(aligned, alignment)


def images_of(signal: BaseSignal) -> Frames:
    """The frames of a series; of spectrum images, the sum over the channels."""
    layout = layout_of(signal)
    data = signal.data
    if layout.channel_shape:
        data = data.sum(axis=-1)
    return Frames(replace(layout, channel_shape=()), data)


def _frames_in(signal: BaseSignal, alignment: Alignment) -> int:
    """Frames that one frame is the sum of; 1 for an average."""
    made_by = [step["parameters"].get("output") for step in recording.steps_of(signal)]
    outputs = [output for output in made_by if output in ("average", "sum")]
    return int(np.count_nonzero(~alignment.excluded)) if outputs[-1:] == ["sum"] else 1


def _check_made_by(alignment: Alignment, frames: Frames) -> None:
    expected = (alignment.navigation_shape, alignment.canvas.shape)
    found = (frames.layout.series_shape, frames.layout.frame_shape)
    if expected != found:
        raise AlignmentMismatchError(
            f"the alignment that the signal carries made a series of shape {expected[0]} with "
            f"frames of {expected[1]} px (y, x), and the signal is one of shape {found[0]} with "
            f"frames of {found[1]} px. Plot the average before slicing or rebinning."
        )


def _mean(frames: Frames, alignment: Alignment) -> npt.NDArray[np.float32]:
    """Running mean of the frames that are not excluded, at each pixel over those that saw it."""
    stream = FrameStream(frames)
    total = Accumulator(frames.layout.frame_shape)
    for index in np.flatnonzero(~alignment.excluded):
        pixels = stream[int(index)]
        total.add(Resampled(pixels, np.isfinite(pixels)))
    return total.result().mean()


def _moved_back(aligned: Frames, alignment: Alignment) -> npt.NDArray[np.float32]:
    """Mean of the aligned frames, each put back to where it was recorded."""
    back = alignment.inverse()
    gathered = accumulate(
        FrameStream(aligned),  # type: ignore[arg-type]
        back.transforms,
        back.canvas,
        weights=np.where(alignment.excluded, 0.0, 1.0),
    )
    return gathered.mean()
