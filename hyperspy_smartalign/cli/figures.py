"""The summary figure of an alignment, from signals to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

_RESOLUTION = 110


def save_summary(series: BaseSignal, aligned: BaseSignal, average: BaseSignal, path: Path) -> None:
    """Draw a frame, averages before and after, shift matrices and drift into a file.

    Parameters
    ----------
    series : Signal2D
        The series that was aligned.
    aligned : Signal2D
        What `align_rigid` made of it: a series, or its average or sum.
    average : Signal2D
        Average of the aligned frames.
    path : Path
        File to write; its suffix is the format.
    """
    from hyperspy_smartalign.plotting import plot_summary
    from hyperspy_smartalign.plotting.style import save_and_close

    alignment = aligned.smartalign.alignment
    images = _images(series)
    used = np.flatnonzero(~alignment.excluded)
    made = plot_summary(
        alignment,
        aligned.smartalign.pairs,
        frame=np.asarray(images[int(used[len(used) // 2])]),
        before=_mean(images, used),
        after=np.asarray(average.data, np.float64),
        title=str(series.metadata.get_item("General.title", "")),
    )
    # The axes may sit in a part of the figure; its canvas knows the whole.
    figure: Any = made["frame"].figure.canvas.figure
    save_and_close(figure, path, dots_per_inch=_RESOLUTION)


def _images(series: BaseSignal) -> Any:
    """Frames (n, h, w); those of a lazy series are computed when asked for."""
    return series.data.reshape(-1, *series.data.shape[-2:])


def _mean(images: Any, used: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    total = np.zeros(images.shape[-2:])
    for index in used:
        total += np.asarray(images[int(index)])
    return total / len(used)
