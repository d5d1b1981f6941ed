"""From a non-rigidly aligned signal to the figures of `hyperspy_smartalign.plotting`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign import plotting
from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.resampling import accumulate
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.matching import check_fits
from hyperspy_smartalign.signals.picturing import (
    average_of,
    images_of,
    is_one_frame,
)
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import layout_of
from hyperspy_smartalign.transforms import Alignment, Translation

Pixels = npt.NDArray[np.floating]


def plot_convergence(signal: BaseSignal, **keywords: Any) -> Any:
    """Mean shift of every iteration and gain of every cycle; the target that was asked for."""
    record = recording.nonrigid_of(signal)
    keywords.setdefault("target", target_of(signal))
    return plotting.plot_convergence(record.cycles, **keywords)


def plot_row_offsets(signal: BaseSignal, **keywords: Any) -> Any:
    """Offsets of the scan lines, with errors and prior where the signal carries them."""
    alignment = recording.alignment_of(signal)
    if "line_errors" not in keywords and "prior" not in keywords:
        record = recording.nonrigid_of(signal)
        keywords.update(line_errors=record.line_errors, prior=record.prior)
    return plotting.plot_row_offsets(alignment, **keywords)


def plot_displacement(signal: BaseSignal, frame: int, **keywords: Any) -> Any:
    """Displacement of one frame, over the average of the aligned frames."""
    alignment = recording.alignment_of(signal)
    if "image" not in keywords:
        keywords["image"] = average_of(signal, alignment)
    return plotting.plot_displacement(alignment, frame, **keywords)


def plot_comparison(signal: BaseSignal, before: BaseSignal, **keywords: Any) -> Any:
    """Averages before and after, enlarged, with their power spectra.

    Parameters
    ----------
    signal : BaseSignal
        An aligned series, or the average of one.
    before : BaseSignal
        The series as it was recorded, an aligned one, or the average of one.
    **keywords
        Passed to `hyperspy_smartalign.plotting.plot_comparison`.

    Raises
    ------
    NoAlignmentError
        The signal carries no alignment.
    AlignmentMismatchError
        The signal or `before` is not what its alignment was made for, or `before` is of other
        frames.
    ValueError
        `before` is a single frame of which nothing is known, or every frame is excluded.
    """
    alignment = recording.alignment_of(signal)
    after = average_of(signal, alignment)
    earlier, origin = _before(before, alignment)
    return plotting.plot_comparison(
        earlier,
        after,
        origin=origin,
        scale=alignment.frame_scale,
        units=alignment.frame_units,
        **keywords,
    )


def plot_similarity(signal: BaseSignal, **keywords: Any) -> Any:
    """Correlation of each frame with the mean of the others, before and after."""
    try:
        record = recording.nonrigid_of(signal)
    except ValueError as error:
        if not recording.has_pairs(signal):
            raise
        raise ValueError(
            f"{error} How alike the pairs are that align_rigid compared, plot_shifts() shows."
        ) from error
    return plotting.plot_similarity(
        record.similarity_before,
        record.similarity,
        excluded=recording.alignment_of(signal).excluded,
        **keywords,
    )


def shifted_only(series: BaseSignal, alignment: Alignment) -> npt.NDArray[np.float32]:
    """Mean of the frames, each moved by its mean shift only: what a rigid alignment gives.

    Parameters
    ----------
    series : BaseSignal
        The series as it was recorded.
    alignment : Alignment
        The alignment; excluded frames take no part.

    Returns
    -------
    (h, w) array
        On the canvas of the alignment; NaN where no frame saw the pixel.

    Raises
    ------
    AlignmentMismatchError
        The series is not what the alignment was made for.
    """
    check_fits(alignment, layout_of(series))
    gathered = accumulate(
        FrameStream(images_of(series)),  # type: ignore[arg-type]
        tuple(Translation(shift) for shift in alignment.shifts),
        alignment.canvas,
        weights=np.where(alignment.excluded, 0.0, 1.0),
    )
    return gathered.mean()


def _before(before: BaseSignal, alignment: Alignment) -> tuple[Pixels, tuple[int, int]]:
    """The average before, and its pixel on which the first pixel of the average after lies."""
    if not recording.has_alignment(before):
        if is_one_frame(before):
            raise ValueError(
                f"{before!r} is one frame that carries no alignment, so that nothing tells which "
                "part of the specimen it shows. Give the series, as it was recorded or aligned: "
                "plot_comparison(series)."
            )
        return shifted_only(before, alignment), (0, 0)
    earlier = recording.alignment_of(before)
    earlier.check_applies_to(alignment.navigation_shape, alignment.frame_shape)
    # Frames that are out now were, perhaps, not out then, and the averages are to be comparable.
    same = replace(earlier, excluded=alignment.excluded | earlier.excluded)
    (top, left), (first, start) = alignment.canvas.origin, earlier.canvas.origin
    return average_of(before, same), (top - first, left - start)


def target_of(signal: BaseSignal) -> float | None:
    """Mean shift at which the last cycle was to end; None where the steps do not tell."""
    for step in reversed(recording.steps_of(signal)):
        if step["name"] == "align_nonrigid" and "convergence" in step["parameters"]:
            return NonrigidParameters(
                convergence=step["parameters"]["convergence"]
            ).convergence_limit
    return None
