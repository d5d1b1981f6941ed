"""Offsets of the scan lines over time, with their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hyperspy_smartalign.plotting.legends import legend_of
from hyperspy_smartalign.plotting.lines import LinesInTime
from hyperspy_smartalign.plotting.style import (
    BLUE,
    GREY,
    IN_TIME,
    SMALL,
    TITLE,
    VERMILION,
    AxesArray,
    FigureLike,
    panels,
    small_ticks,
)
from hyperspy_smartalign.plotting.units import is_calibrated, readable

if TYPE_CHECKING:
    from hyperspy_smartalign.nonrigid.result import ScanPrior
    from hyperspy_smartalign.transforms import Alignment

FloatArray = npt.NDArray[np.float64]

_COMPONENTS = ("y", "x")
# Colour of frames whose lines are rows, and of those whose lines are columns.
_DIRECTIONS = ((BLUE, "lines along x"), (VERMILION, "lines along y"))
# With more frames than this their numbers, their shades, and the names of overlaid ones have to go.
_MOST_NUMBERS = 20
_MOST_SHADES = 100
_MOST_NAMES = 8


def plot_row_offsets(
    alignment: Alignment,
    *,
    line_errors: npt.ArrayLike | None = None,
    prior: ScanPrior | None = None,
    frames: Iterable[int] | None = None,
    mean_shift: bool = False,
    overlay: bool = False,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot the offset of every scan line, y and x, against the time at which it was scanned.

    Offsets are those of the content of a line in the middle of the output, towards higher pixel
    numbers. Time is that of the scan geometry where it knows the time of a line; otherwise lines
    are counted on from frame to frame. Frames at 90 degrees have their lines along y, and a
    colour of their own; frames scanned backwards are shown in the order of the scan.

    Parameters
    ----------
    alignment : Alignment
        Its transforms are plotted. Of a free displacement, the mean along each line is.
    line_errors : (n, lines, 2) array-like, optional
        Standard error (y, x) of each line, px, in the order of the frame's rows (columns); NaN
        where not known. Drawn as a band of one standard error to either side.
    prior : ScanPrior, optional
        How lines move, as found from the series; written above the panels.
    frames : iterable of int, optional
        Frames to plot; by default all that took part.
    mean_shift : bool
        Leave each frame's mean over its lines in: the drift, which is mostly far larger.
    overlay : bool
        Lay the frames over each other, each from its own start. What they have in common shows.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : two Axes, optional
        Axes to use instead: y, x.

    Returns
    -------
    (2,) array of Axes
        y and x.

    Raises
    ------
    IndexError
        If a frame does not exist.
    ValueError
        If there is no frame to plot, errors do not fit the alignment, a frame was scanned at an
        angle that has no lines along an axis, or `axes` do not fit.
    """
    lines = LinesInTime.of(alignment, line_errors=line_errors, frames=frames, mean_shift=mean_shift)
    directions = {entry.axis for entry in lines.frames}
    # The prior is across and along the lines; of mixed directions it is neither y nor x.
    slow = directions.pop() if len(directions) == 1 else None
    made: AxesArray
    made = panels((2, 1), fig=fig, axes=axes, size=(10.0, 4.6), sharex=axes is None)[:, 0]
    for k, ax in enumerate(made):
        if overlay:
            _draw_over_each_other(ax, lines, k)
        else:
            _draw_in_sequence(ax, lines, k, numbers=k == 0)
        _dress(ax, k)
        if prior is not None and slow is not None:
            part = k if slow == 0 else 1 - k
            motion = (
                f"{prior.rms[part]:.2g} px rms about the drift, correlated over "
                f"{prior.length[part]:.3g} lines"
                if prior.rms[part] > 0
                else "drift only"
            )
            ax.set_title(f"{_COMPONENTS[k]}: {motion}", fontsize=TITLE)
    _add_lengths(made, alignment)
    label = lines.label
    if overlay:
        label = "scan line" if lines.units == "line" else f"time in the frame ({lines.units})"
    made[1].set_xlabel(label, fontsize=SMALL + 1)
    if axes is not None:
        made[0].set_xlabel(label, fontsize=SMALL + 1)
    _key(made[0], lines, overlay=overlay, outside=axes is None)
    return made


def _draw_in_sequence(ax: Axes, lines: LinesInTime, component: int, *, numbers: bool) -> None:
    for axis, (colour, _) in enumerate(_DIRECTIONS):
        frames = [entry for entry in lines.frames if entry.axis == axis]
        if not frames:
            continue
        times = _joined([entry.times for entry in frames])
        offsets = _joined([entry.offsets[:, component] for entry in frames])
        errors = _joined([entry.errors[:, component] for entry in frames])
        _draw(ax, times, offsets, errors, colour=colour, label=f"_{_DIRECTIONS[axis][1]}")
    order = sorted(lines.frames, key=lambda entry: entry.start)
    if len(order) <= _MOST_SHADES:
        for entry in order[1::2]:
            ax.axvspan(entry.start, entry.end, color="0.94", linewidth=0, zorder=0)
    ax.set_xlim(order[0].start, max(entry.end for entry in order))
    if numbers:
        shown = order[:: -(-len(order) // _MOST_NUMBERS)]
        top = ax.secondary_xaxis("top")
        top.set_xticks(
            [(entry.start + entry.end) / 2 for entry in shown],
            [str(entry.frame) for entry in shown],
        )
        top.tick_params(labelsize=SMALL, length=0, pad=1)
        top.set_xlabel("frame", fontsize=SMALL, labelpad=2)


def _draw_over_each_other(ax: Axes, lines: LinesInTime, component: int) -> None:
    from matplotlib import colormaps

    count = len(lines.frames)
    colours = colormaps[IN_TIME](np.linspace(0, 0.92, count)) if count > 1 else [BLUE]
    for entry, colour in zip(lines.frames, colours, strict=True):
        _draw(
            ax,
            entry.times - entry.start,
            entry.offsets[:, component],
            entry.errors[:, component],
            colour=colour,
            label=f"_frame {entry.frame}",
        )
    ax.set_xlim(0, max(entry.end - entry.start for entry in lines.frames))


def _draw(
    ax: Axes, times: FloatArray, offsets: FloatArray, errors: FloatArray, *, colour: Any, label: str
) -> None:
    if np.isfinite(errors).any():
        ax.fill_between(
            times,
            offsets - errors,
            offsets + errors,
            where=np.isfinite(errors).tolist(),
            color=colour,
            alpha=0.3,
            linewidth=0,
            zorder=2,
        )
    ax.plot(times, offsets, color=colour, linewidth=0.9, label=label, zorder=3)


def _dress(ax: Axes, component: int) -> None:
    ax.axhline(0, color=GREY, linewidth=0.6, zorder=1)
    ax.set_ylabel(f"{_COMPONENTS[component]} offset (px)", fontsize=SMALL + 1)
    ax.grid(axis="y", color="0.88", linewidth=0.6)
    ax.set_axisbelow(True)
    small_ticks(ax)


def _add_lengths(made: AxesArray, alignment: Alignment) -> None:
    """Physical units on the right where there are some, the same for y and x where possible."""
    scales = np.abs(alignment.frame_scale)
    reach = np.array([max(map(abs, ax.get_ylim())) for ax in made]) * scales
    if alignment.frame_units[0] == alignment.frame_units[1]:
        reach[:] = reach.max()
    for ax, size, scale, units in zip(made, reach, scales, alignment.frame_units, strict=True):
        if is_calibrated(units):
            factor, shown = readable(float(size), units)
            other = ax.secondary_yaxis("right", functions=_proportional(float(scale * factor)))
            other.set_ylabel(shown, fontsize=SMALL + 1)
            other.tick_params(labelsize=SMALL)


def _proportional(factor: float) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    return (lambda px: np.multiply(px, factor)), (lambda size: np.divide(size, factor))


def _key(ax: Axes, lines: LinesInTime, *, overlay: bool, outside: bool) -> None:
    handles: list[Line2D | Patch] = []
    if overlay and len(lines.frames) <= _MOST_NAMES:
        drawn = [line for line in ax.lines if str(line.get_label()).startswith("_frame ")]
        handles = [
            Line2D([], [], color=line.get_color(), label=str(line.get_label())[1:])
            for line in drawn
        ]
    elif not overlay and len({entry.axis for entry in lines.frames}) > 1:
        handles = [Line2D([], [], color=colour, label=words) for colour, words in _DIRECTIONS]
    if any(np.isfinite(entry.errors).any() for entry in lines.frames):
        handles.append(Patch(facecolor=GREY, alpha=0.4, label="± standard error"))
    if handles:
        legend_of(ax, handles, outside=outside)


def _joined(parts: list[FloatArray]) -> FloatArray:
    """One array, with NaN between the parts so that no line is drawn from one to the next."""
    return np.concatenate([np.append(part, np.nan) for part in parts])[:-1]
