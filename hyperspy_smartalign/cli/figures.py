"""The summary figures of alignments, from signals to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

_RESOLUTION = 110


def save_summary(series: BaseSignal, aligned: BaseSignal, average: BaseSignal, path: Path) -> None:
    """Draw what tells whether an alignment can be believed into a file.

    Of a rigid one a frame, averages before and after, shift matrices and drift; of a non-rigid one
    averages, spectra, distortions, convergence and similarity.

    Parameters
    ----------
    series : Signal2D
        The series as it was recorded.
    aligned : Signal2D
        What a verb made of it: a series, or its average or sum.
    average : Signal2D
        Average of the aligned frames.
    path : Path
        File to write; its suffix is the format.
    """
    from hyperspy_smartalign.plotting.style import save_and_close
    from hyperspy_smartalign.signals import recording

    draw = _draw_nonrigid if "nonrigid" in recording.record_of(aligned) else _draw_rigid
    made = draw(series, aligned, np.asarray(average.data, np.float64))
    # The axes may sit in a part of the figure; its canvas knows the whole.
    figure: Any = made["before"].figure.canvas.figure
    save_and_close(figure, path, dots_per_inch=_RESOLUTION)


def _draw_rigid(
    series: BaseSignal, aligned: BaseSignal, average: npt.NDArray[np.float64]
) -> dict[str, Any]:
    from hyperspy_smartalign.plotting import plot_summary
    from hyperspy_smartalign.signals import recording

    alignment = aligned.smartalign.alignment
    images = _images(series)
    used = np.flatnonzero(~alignment.excluded)
    return plot_summary(
        alignment,
        aligned.smartalign.pairs if recording.has_pairs(aligned) else None,
        frame=np.asarray(images[int(used[len(used) // 2])]),
        before=_mean(images, used),
        after=average,
        title=_title(series),
    )


def _draw_nonrigid(
    series: BaseSignal, aligned: BaseSignal, average: npt.NDArray[np.float64]
) -> dict[str, Any]:
    from hyperspy_smartalign.plotting import plot_nonrigid_summary
    from hyperspy_smartalign.signals.picturing_nonrigid import shifted_only, target_of

    alignment = aligned.smartalign.alignment
    return plot_nonrigid_summary(
        alignment,
        aligned.smartalign.nonrigid,
        before=shifted_only(series, alignment),
        after=average,
        target=target_of(aligned),
        title=_title(series),
    )


def _title(series: BaseSignal) -> str:
    return str(series.metadata.get_item("General.title", ""))


def _images(series: BaseSignal) -> Any:
    """Frames (n, h, w); those of a lazy series are computed when asked for."""
    return series.data.reshape(-1, *series.data.shape[-2:])


def _mean(images: Any, used: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    total = np.zeros(images.shape[-2:])
    for index in used:
        total += np.asarray(images[int(index)])
    return total / len(used)
