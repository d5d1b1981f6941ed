"""Fourier ring correlations of the halves of a series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.style import (
    BLUE,
    GREY,
    ORANGE,
    SMALL,
    TITLE,
    VERMILION,
    FigureLike,
    panels,
    small_ticks,
)
from hyperspy_smartalign.plotting.units import readable
from hyperspy_smartalign.quality.ring_correlation import Criterion, RingCorrelation

#: Colours of the stages of an alignment, and what they are called.
STAGES = {"raw": (GREY, "as recorded"), "rigid": (ORANGE, "rigid"), "nonrigid": (BLUE, "non-rigid")}


def plot_ring_correlation(
    rings: Mapping[str, RingCorrelation],
    *,
    scale: float = 1.0,
    units: str = "px",
    criterion: Criterion = "1/7",
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> Axes:
    """Plot ring correlations against spatial frequency, with the limits that they cross.

    The dashed line is 1/7, the dotted curve half a bit, the shading what noise alone reaches: a
    curve counts where it is above both. Bands are standard errors. A mark stands at the resolution
    of each stage, which the legend names.

    Parameters
    ----------
    rings : mapping of str to RingCorrelation
        Curves by the name of their stage: "raw", "rigid", "nonrigid" have colours of their own.
    scale : float
        Size of a pixel in `units`.
    units : str
        Of lengths.
    criterion : {"1/7", "half_bit"}
        Which resolution is marked.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : Axes, optional
        Axes to use instead.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there is no curve, the criterion is not known, or more than one Axes is given.
    """
    if not rings:
        raise ValueError("there is no ring correlation to plot.")
    ax: Axes = panels((1, 1), fig=fig, axes=axes, size=(6.4, 4.0))[0, 0]
    # Earlier stages are drawn thicker, so that they are seen where later ones lie on them.
    for number, (name, curve) in enumerate(rings.items()):
        colour, words = STAGES.get(name, (VERMILION, name))
        frequency = curve.frequency / scale
        ax.fill_between(
            frequency,
            curve.correlation - curve.error,
            curve.correlation + curve.error,
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
        label = f"{words}: {resolution_words(curve, criterion, scale=scale, units=units)}"
        width = 1.4 + 0.6 * (len(rings) - 1 - number)
        ax.plot(frequency, curve.correlation, color=colour, linewidth=width, label=label)
        found = curve.resolution(criterion)
        if math.isfinite(found):
            limit = np.interp(1 / found, curve.frequency, curve.limit(criterion))
            ax.plot(
                1 / (found * scale),
                limit,
                "v",
                color=colour,
                markersize=7,
                markeredgecolor="white",
                zorder=4,
            )
    last = list(rings.values())[-1]
    ax.axhline(last.one_seventh, color="black", linestyle="--", linewidth=0.9, label="1/7")
    ax.plot(
        last.frequency / scale,
        last.half_bit,
        color="black",
        linestyle=":",
        linewidth=1.0,
        label="half bit",
    )
    ax.fill_between(
        last.frequency / scale,
        -0.2,
        last.significance,
        color="0.94",
        linewidth=0,
        zorder=0.2,
        label="noise alone",
    )
    ax.axhline(0, color="0.8", linewidth=0.8, zorder=0.5)
    ax.set_xlim(0, last.frequency[-1] / scale)
    ax.set_ylim(-0.2, 1.05)
    ax.set_xlabel(f"spatial frequency (1/{units})", fontsize=SMALL + 1)
    ax.set_ylabel("correlation of the halves", fontsize=SMALL + 1)
    ax.set_title("Fourier ring correlation", fontsize=TITLE)
    ax.grid(color="0.92", linewidth=0.6)
    ax.set_axisbelow(True)
    small_ticks(ax)
    ax.legend(fontsize=SMALL, framealpha=0.9, loc="best")
    return ax


def resolution_words(
    curve: RingCorrelation, criterion: Criterion = "1/7", *, scale: float = 1.0, units: str = "px"
) -> str:
    """The resolution as a length with its unit, or why there is none."""
    found = curve.resolution(criterion) * scale
    if math.isfinite(found):
        factor, unit = readable(found, units)
        return f"{found * factor:.3g} {unit}"
    if curve.beyond_nyquist(criterion):
        factor, unit = readable(scale, units)
        return f"{scale * factor / curve.frequency[-1]:.3g} {unit} or finer"
    return "no agreement"
