"""The summary figures of alignments and of searches, from signals to a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.signals.quality.quality import Quality

_RESOLUTION = 110
# Of the figure of a search, in inches: width, and heights of the image and of four stages.
_WIDTH = 8.4
_HEIGHTS = (6.4, 4.4)
_STAGES = 4


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


def save_motif(tiles: BaseSignal, searched: BaseSignal, path: Path) -> None:
    """Draw where tiles lie, and how their motif was refined, into a file.

    Parameters
    ----------
    tiles : Signal2D
        Tiles with their table of matches.
    searched : Signal2D
        The image or series that was searched.
    path : Path
        File to write; its suffix is the format.
    """
    from hyperspy_smartalign.plotting.style import new_figure, save_and_close
    from hyperspy_smartalign.signals import recording

    aligned_series = searched.axes_manager.navigation_size > 1 and recording.has_alignment(searched)
    image = searched.smartalign.average() if aligned_series else searched
    blocks = math.ceil(len(tiles.smartalign.matches.stages) / _STAGES)
    heights = (_HEIGHTS[0], blocks * _HEIGHTS[1])
    figure = new_figure((_WIDTH, sum(heights)))
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=heights).ravel()
    tiles.smartalign.plot_matches(image, fig=upper)
    tiles.smartalign.plot_motif(fig=lower)
    save_and_close(figure, path, dots_per_inch=_RESOLUTION)


def save_quality(quality: Quality, path: Path) -> None:
    """Draw all panels of what was measured into a file; its suffix is the format."""
    from hyperspy_smartalign.plotting.style import save_and_close

    made = quality.plot()
    figure: Any = next(iter(made.values())).figure.canvas.figure
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
