"""One figure that tells whether a non-rigid alignment can be believed."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.average import same_field
from hyperspy_smartalign.plotting.comparison import power_limits
from hyperspy_smartalign.plotting.convergence import plot_convergence
from hyperspy_smartalign.plotting.displacement import plot_displacement
from hyperspy_smartalign.plotting.image import (
    grey_limits,
    power_spectrum,
    show_image,
    show_spectrum,
)
from hyperspy_smartalign.plotting.row_offsets import plot_row_offsets
from hyperspy_smartalign.plotting.similarity import plot_similarity
from hyperspy_smartalign.plotting.style import SMALL, TITLE, FigureLike, new_figure
from hyperspy_smartalign.plotting.units import pixel_size
from hyperspy_smartalign.transforms import ScanLine

if TYPE_CHECKING:
    from hyperspy_smartalign.nonrigid.record import NonrigidRecord
    from hyperspy_smartalign.transforms import Alignment

# Inches: width of the figure, and heights of its second and third row.
_WIDTH, _DISTORTION, _COURSE = 12.0, 4.2, 3.6
# Letters of a line below the figure.
_LETTERS = 165


def plot_nonrigid_summary(
    alignment: Alignment,
    record: NonrigidRecord,
    *,
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    target: float | None = None,
    title: str = "",
    fig: FigureLike | None = None,
) -> dict[str, Axes]:
    """Plot averages, spectra, distortions, convergence and similarity, all in one.

    Distortions are the offsets of the scan lines of all frames. Where no frame has any, they are
    the displacement of the frame that is distorted most.

    Parameters
    ----------
    alignment : Alignment
        The alignment.
    record : NonrigidRecord
        How the registration went. What the series could not tell is written below the figure.
    before : (h, w) array-like
        Average of the frames moved by their shifts only, on the canvas of the alignment.
    after : (h, w) array-like
        Average of the aligned frames, on the same canvas.
    target : float, optional
        Mean shift at which the last cycle was to end, px.
    title : str
        Title of the whole figure.
    fig : Figure or SubFigure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    dict of str to Axes
        Keys "before", "after", "before spectrum", "after spectrum", "y", "x", "convergence",
        "gain", "similarity"; with a free displacement also "arrows".

    Raises
    ------
    ValueError
        If an image does not fit the alignment.
    """
    h, w = alignment.canvas.shape
    above = 1.0 + float(np.clip(2.8 * h / w, 2.0, 5.0))
    figure = new_figure((_WIDTH, above + _DISTORTION + _COURSE)) if fig is None else fig
    parts = figure.subfigures(
        3, 1, height_ratios=(above, _DISTORTION, _COURSE), squeeze=False
    ).ravel()
    made = _draw_averages(parts[0], alignment, before, after)
    made.update(_draw_distortion(parts[1], alignment, record, after))
    course = parts[2].subplots(1, 3, width_ratios=(1.2, 1.0, 1.2))
    plot_convergence(record.cycles, target=target, axes=course[:2])
    plot_similarity(
        record.similarity_before, record.similarity, excluded=alignment.excluded, axes=course[2]
    )
    made.update(zip(("convergence", "gain", "similarity"), course, strict=True))
    if record.undetermined:
        parts[2].supxlabel(textwrap.fill(record.undetermined, _LETTERS), fontsize=SMALL + 1)
    if title:
        # A $ in a title is no formula.
        figure.suptitle(title, fontsize=TITLE + 2, parse_math=False)
    return made


def _draw_averages(
    part: FigureLike, alignment: Alignment, before: npt.ArrayLike, after: npt.ArrayLike
) -> dict[str, Axes]:
    axes = part.subplots(1, 4)
    made = dict(zip(("before", "after", "before spectrum", "after spectrum"), axes, strict=True))
    units = alignment.frame_units
    scale = pixel_size(alignment.frame_scale, units)
    images = same_field(before, after, origin=(0, 0))
    spectra = [power_spectrum(image, scale=scale, units=units) for image in images]
    signal = spectra[1].signal_frequency
    titles = ("average, shifts only", "average, aligned")
    for k, (side, words) in enumerate(zip(("before", "after"), titles, strict=True)):
        show_image(
            made[side],
            images[k],
            title=words,
            scale=scale,
            units=units,
            limits=grey_limits(*images),
        )
        show_spectrum(
            made[f"{side} spectrum"],
            spectra[k],
            title=f"spectrum, {words.split(', ')[1]}",
            limits=power_limits(*spectra),
            max_frequency=1.25 * signal if signal > 0 else None,
        )
    return made


def _draw_distortion(
    part: FigureLike, alignment: Alignment, record: NonrigidRecord, after: npt.ArrayLike
) -> dict[str, Axes]:
    used = np.flatnonzero(~alignment.excluded).tolist()
    if any(isinstance(alignment.transforms[frame], ScanLine) for frame in used):
        axes = plot_row_offsets(
            alignment, line_errors=record.line_errors, prior=record.prior, fig=part
        )
        return dict(zip("yx", axes, strict=True))
    spreads = [float(alignment.displacement_field(frame).std(axis=(1, 2)).max()) for frame in used]
    most = used[int(np.argmax(spreads))] if used else 0
    axes = plot_displacement(alignment, most, image=after, fig=part)
    return dict(zip(("y", "x", "arrows"), axes, strict=True))
