"""Errors of an alignment beside the best possible ones and the motion that is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

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
from hyperspy_smartalign.quality.precision import Precision

# Of the motion that is left, by what limits it.
_COLOURS = {"dose": BLUE, "instability": VERMILION, "unknown": GREY}
_LIMITS = {
    "dose": "dose-limited",
    "instability": "instability-limited",
    "unknown": "limit not known",
}


def plot_precision(
    precision: Precision,
    *,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> Axes:
    """Plot errors, their bounds, and what motion is left in the frames, each a row.

    Dots are values along y (filled) and x (open); a bar is an interval of 95 %. What is left
    is blue where the errors explain it, vermilion where they do not.

    Parameters
    ----------
    precision : Precision
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : Axes, optional
        Axes to use instead.

    Returns
    -------
    Axes
    """
    ax: Axes = panels((1, 1), fig=fig, axes=axes, size=(6.4, 3.2))[0, 0]
    rows: list[tuple[str, npt.NDArray[np.float64], str]] = []
    lines = np.isfinite(precision.line_error).all()
    if not lines:
        rows.append(("best possible, shifts", precision.bound, GREY))
        rows.append(("errors of the shifts", precision.error, BLUE))
    else:
        rows.append(("best possible, lines", precision.line_bound, GREY))
        rows.append(("errors of the lines", precision.line_error, BLUE))
        rows.append(("corrected in the frames", precision.corrected, ORANGE))
    labels: list[str] = []
    for label, values, colour in rows:
        if not (np.isfinite(values).all() and (values > 0).any()):
            continue
        height = len(labels)
        labels.append(label)
        ax.plot(values[0], height - 0.08, "o", color=colour, markersize=7)
        ax.plot(
            values[1],
            height + 0.08,
            "o",
            markerfacecolor="white",
            markeredgecolor=colour,
            markersize=7,
        )
    motion = precision.motion
    if motion is not None and motion.left > 0:
        height = len(labels)
        labels.append("motion left")
        colour = _COLOURS[precision.limit]
        low = max(motion.low, 1e-3 * motion.left)
        ax.plot([low, motion.high], [height] * 2, "-", color=colour, linewidth=3, alpha=0.6)
        ax.plot(motion.left, height, "D", color=colour, markersize=7)
    ax.set_yticks(range(len(labels)), labels, fontsize=SMALL + 1)
    ax.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    if labels:
        ax.set_xscale("log")
        low, high = ax.get_xlim()
        ax.set_xlim(min(low, high / 20), high)
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.text(0.5, 0.5, "no errors are known", ha="center", va="center", transform=ax.transAxes)
    ax.set_xlabel("rms, px (filled: y, open: x)", fontsize=SMALL + 1)
    ratio = precision.ratio
    title = _LIMITS[precision.limit]
    if np.isfinite(ratio):
        least = "what white noise allows" if precision.too_small else "the best possible"
        title = f"errors {_factor(ratio)} times {least}, {title}"
    ax.set_title(title, fontsize=TITLE)
    ax.grid(axis="x", color="0.88", linewidth=0.6)
    ax.set_axisbelow(True)
    small_ticks(ax)
    return ax


def _factor(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"
