"""Frames of a series against each other: how much they show, how sharp, how noisy, what weight."""

from __future__ import annotations

from collections.abc import Sequence
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
    whole_numbers,
)
from hyperspy_smartalign.quality.frame_quality import FrameQuality


def plot_frame_quality(
    frames: FrameQuality,
    *,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> Axes:
    """Plot the quality of each frame, relative to the usual one.

    Dots are the amplitude of what a frame has in common with the others, with standard errors;
    crosses its sharpness, triangles its noise, grey bars the suggested weight. Frames unlike
    the others are vermilion, and excluded ones are marked at the lower edge.

    Parameters
    ----------
    frames : FrameQuality
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : Axes, optional
        Axes to use instead.

    Returns
    -------
    Axes
    """
    ax: Axes = panels((1, 1), fig=fig, axes=axes, size=(6.4, 3.5))[0, 0]
    count = len(frames.weight)
    numbers = np.arange(count)
    size = float(np.clip(36.0 / np.sqrt(count), 2.0, 6.0))
    usual = float(np.nanmedian(frames.noise)) if np.isfinite(frames.noise).any() else np.nan
    ax.bar(numbers, frames.weight, width=0.9, color="0.88", zorder=1, label="weight")
    ax.errorbar(
        numbers,
        frames.transfer,
        yerr=frames.transfer_error,
        fmt="o",
        color=BLUE,
        markersize=size,
        elinewidth=0.8,
        zorder=3,
        label="amplitude",
    )
    style: dict[str, Any] = {"linestyle": "none", "markersize": size, "zorder": 3}
    ax.plot(numbers, frames.sharpness, marker="x", color="black", label="sharpness", **style)
    if usual > 0:
        ax.plot(numbers, frames.noise / usual, marker="^", color=ORANGE, label="noise", **style)
    unlike = sorted({each.frame for each in frames.outliers} | {*frames.opposed, *frames.unrelated})
    if unlike:
        ax.plot(
            unlike,
            frames.transfer[unlike],
            "o",
            color=VERMILION,
            markersize=size + 1,
            zorder=4,
            label="unlike the others",
        )
    out = numbers[frames.excluded]
    if len(out):
        ax.plot(
            out,
            np.full(len(out), 0.03),
            "x",
            color=GREY,
            transform=ax.get_xaxis_transform(),
            clip_on=False,
            label="excluded",
        )
    ax.axhline(1.0, color="0.6", linewidth=0.8, zorder=2)
    known = [frames.transfer, frames.sharpness, frames.weight]
    if usual > 0:
        known.append(frames.noise / usual)
    values = np.concatenate([each[np.isfinite(each)] for each in known])
    # Room for the legend above, and no axis stretched by a frame of pure noise.
    top = min(max(values.max(initial=1.0), 1.2), 4.0)
    ax.set_ylim(min(0.0, max(values.min(initial=0.0), -0.5)), 1.35 * top)
    ax.set_xlim(-0.7, count - 0.3)
    ax.set_xlabel("frame", fontsize=SMALL + 1)
    ax.set_ylabel("relative to the usual", fontsize=SMALL + 1)
    taking = int((~frames.excluded).sum())
    title = f"{taking} of {count} frames, {len(unlike)} unlike the others"
    ax.set_title(title, fontsize=TITLE)
    ax.legend(fontsize=SMALL, framealpha=0.9, ncols=3, loc="upper center")
    whole_numbers(ax, y=False)
    small_ticks(ax)
    return ax
