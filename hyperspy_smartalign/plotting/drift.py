"""Drift: the path over the sample, its components in time, and its rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hyperspy_smartalign.plotting.rate import DriftRate, drift_rate
from hyperspy_smartalign.plotting.style import (
    BLUE,
    GREY,
    IN_TIME,
    ORANGE,
    SMALL,
    TITLE,
    VERMILION,
    AxesArray,
    FigureLike,
    panels,
    small_ticks,
    whole_numbers,
)
from hyperspy_smartalign.plotting.units import (
    is_calibrated,
    readable,
    readable_time,
    with_error,
)

if TYPE_CHECKING:
    from hyperspy_smartalign.transforms import Alignment

# Natural logarithm of odds: about 1 in 20 is a wrong place.
DOUBTFUL = 3.0

_COMPONENTS = ("y", "x")


@dataclass(frozen=True)
class DriftPath:
    """Drift in the units in which it is plotted.

    Attributes
    ----------
    times : (n,) float64
        Start of each frame, or its number in the series.
    time_units : str
        Unit of the times; "frame" where they are not known.
    positions : (n, 2) float64
        Shift (y, x) of each frame's content, towards higher pixel numbers.
    errors : (n, 2) float64
        Standard errors, NaN where not known.
    units : (y, x)
        Units of the positions.
    excluded, doubtful : (n,) bool
        Frames that took no part; frames that may be at a wrong place, a unit cell away.
    """

    times: npt.NDArray[np.float64]
    time_units: str
    positions: npt.NDArray[np.float64]
    errors: npt.NDArray[np.float64]
    units: tuple[str, str]
    excluded: npt.NDArray[np.bool_]
    doubtful: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, alignment: Alignment) -> DriftPath:
        """Drift of an alignment; times where its scan geometry knows the time of a frame."""
        n = alignment.n_frames
        times, time_units = _times(alignment)
        positions = np.array(alignment.shifts, np.float64)
        errors = np.full((n, 2), np.nan)
        if alignment.precision is not None:
            errors = np.array(alignment.precision, np.float64)
        units = list(alignment.frame_units)
        calibrated = [is_calibrated(unit) for unit in units]
        sizes = np.ones(2)
        for k in range(2):
            sizes[k] = abs(alignment.frame_scale[k]) if calibrated[k] else 1.0
            units[k] = units[k] if calibrated[k] else "px"
        extent = np.ptp(positions * sizes, axis=0)
        together = extent.max() if units[0] == units[1] else None
        for k in range(2):
            factor, units[k] = readable(extent[k] if together is None else together, units[k])
            positions[:, k] *= sizes[k] * factor
            errors[:, k] *= sizes[k] * factor
        margin = np.full(n, np.nan) if alignment.hop_margin is None else alignment.hop_margin
        excluded = np.asarray(alignment.excluded)
        doubtful = ~excluded & (np.nan_to_num(margin, nan=np.inf) < DOUBTFUL)
        return cls(times, time_units, positions, errors, (units[0], units[1]), excluded, doubtful)

    @property
    def isotropic(self) -> bool:
        """Whether y and x have the same unit."""
        return self.units[0] == self.units[1]

    @property
    def time_label(self) -> str:
        """Label of a time axis."""
        return "frame" if self.time_units == "frame" else f"time ({self.time_units})"


def plot_drift(
    alignment: Alignment,
    *,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot the path of the drift, its components against time and its rate.

    Drift is the shift of each frame's content in physical units where the frames are calibrated,
    towards higher pixel numbers; its mean over the frames is zero. The time axis is that of the
    scan geometry; without a frame time it counts frames. Bars are standard errors. The dashed line
    gives the rate and its standard error, see `drift_rate`. Frames whose `hop_margin` is below 3
    (odds of about 20 to 1) are ringed; excluded frames, whose shifts are only interpolated, are
    grey crosses and take no part in the rate.

    Parameters
    ----------
    alignment : Alignment
        What to plot.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : three Axes, optional
        Axes to use instead: path, y against time, x against time.

    Returns
    -------
    (3,) array of Axes
        Path, y against time, x against time.

    Raises
    ------
    ValueError
        If `axes` are not three, or both `fig` and `axes` are given.
    """
    path = DriftPath.of(alignment)
    if axes is None:
        corner = panels((2, 2), fig=fig, axes=None, size=(10.0, 4.6), width_ratios=(1.0, 1.25))
        grid = corner[0, 0].get_gridspec()
        figure = corner[0, 0].figure
        for ax in corner[:, 0]:
            ax.remove()
        made = np.array([figure.add_subplot(grid[:, 0]), *corner[:, 1]], dtype=object)
        made[1].sharex(made[2])
        made[1].tick_params(labelbottom=False)
    else:
        made = panels((1, 3), fig=fig, axes=axes, size=(0.0, 0.0))[0]
    draw_path(made[0], path)
    for k, ax in enumerate(made[1:]):
        _draw_component(ax, path, k)
    made[2].set_xlabel(path.time_label, fontsize=SMALL + 1)
    if axes is not None:
        made[1].set_xlabel(path.time_label, fontsize=SMALL + 1)
    return made


def draw_path(ax: Axes, path: DriftPath) -> None:
    """Draw the path over the sample, y pointing down as in the frames, in the colours of time."""
    y, x = path.positions.T
    used = ~path.excluded
    ax.plot(x, y, color=GREY, linewidth=0.7, alpha=0.7, zorder=1)
    _error_bars(ax, x[used], y[used], xerr=path.errors[used, 1], yerr=path.errors[used, 0])
    points = ax.scatter(
        x[used], y[used], c=path.times[used], cmap=IN_TIME, s=_marker(len(x)) ** 2, zorder=3
    )
    _mark(ax, x, y, path)
    ax.invert_yaxis()
    if path.isotropic:
        ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel(f"drift along x ({path.units[1]})", fontsize=SMALL + 1)
    ax.set_ylabel(f"drift along y ({path.units[0]})", fontsize=SMALL + 1)
    ax.set_title("drift path", fontsize=TITLE)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    small_ticks(ax)
    bar = ax.figure.colorbar(points, ax=ax, fraction=0.045, pad=0.02)
    bar.set_label(path.time_label, fontsize=SMALL, labelpad=2)
    bar.ax.tick_params(labelsize=SMALL)
    if path.time_units == "frame":
        bar.locator = MaxNLocator(nbins=5, integer=True, min_n_ticks=1)
        bar.update_ticks()
    if path.excluded.any() or path.doubtful.any():
        ax.legend(fontsize=SMALL, framealpha=0.85)


def rate_words(path: DriftPath, component: int) -> str:
    """Drift rate of a component with its error, such as "12.3 ± 0.4 pm/s"; empty where unknown."""
    line = _line(path, component)
    if line is None:
        return ""
    factor, units = readable(line.rate, path.units[component])
    return f"{with_error(line.rate * factor, line.error * factor)} {units}/{path.time_units}"


def _draw_component(ax: Axes, path: DriftPath, component: int) -> None:
    times, values = path.times, path.positions[:, component]
    used = ~path.excluded
    _error_bars(ax, times[used], values[used], yerr=path.errors[used, component])
    ax.plot(
        times[used],
        values[used],
        linestyle="none",
        marker="o",
        markersize=_marker(len(times)),
        markeredgewidth=0,
        color=BLUE,
        zorder=3,
    )
    _mark(ax, times, values, path, label=False)
    line = _line(path, component)
    if line is not None:
        ends = np.array([times.min(), times.max()])
        ax.plot(
            ends,
            line.at(ends),
            color=ORANGE,
            linestyle="--",
            linewidth=1.4,
            zorder=2.5,
            label=f"rate {rate_words(path, component)}",
        )
        ax.legend(fontsize=SMALL, framealpha=0.85, loc="best")
    ax.set_ylabel(f"{_COMPONENTS[component]} ({path.units[component]})", fontsize=SMALL + 1)
    ax.grid(color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
    small_ticks(ax)
    if path.time_units == "frame":
        whole_numbers(ax, y=False)


def _line(path: DriftPath, component: int) -> DriftRate | None:
    used = ~path.excluded
    if np.unique(path.times[used]).size < 2:
        return None
    return drift_rate(path.times[used], path.positions[used, component])


def _error_bars(
    ax: Axes,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    *,
    xerr: npt.NDArray[np.float64] | None = None,
    yerr: npt.NDArray[np.float64],
) -> None:
    if np.isfinite(yerr).any():
        ax.errorbar(x, y, xerr=xerr, yerr=yerr, fmt="none", ecolor=GREY, elinewidth=0.8, zorder=2)


def _mark(
    ax: Axes,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    path: DriftPath,
    *,
    label: bool = True,
) -> None:
    """Cross out excluded frames and ring doubtful ones."""
    size = _marker(len(x))
    crosses = Line2D([], [], marker="x", color=GREY, markersize=size + 1, label="excluded")
    rings = Line2D(
        [],
        [],
        marker="o",
        markerfacecolor="none",
        markeredgecolor=VERMILION,
        markersize=size + 3,
        markeredgewidth=0.9,
        label="may have hopped",
    )
    for chosen, line in ((path.excluded, crosses), (path.doubtful, rings)):
        if chosen.any():
            line.set(data=(x[chosen], y[chosen]), linestyle="none", zorder=4)
            if not label:
                line.set_label(f"_{line.get_label()}")
            ax.add_line(line)


def _marker(frames: int) -> float:
    """Diameter of the dot of a frame in points."""
    return float(np.clip(28.0 / np.sqrt(frames), 2.0, 5.5))


def _times(alignment: Alignment) -> tuple[npt.NDArray[np.float64], str]:
    n = alignment.n_frames
    scan = alignment.scan
    if scan is None or scan.frame_time is None:
        return np.arange(n, dtype=np.float64), "frame"
    numbers = scan.frame_numbers if len(scan.frame_numbers) == n else range(n)
    seconds = np.array(numbers, np.float64) * (scan.frame_time + (scan.frame_gap or 0.0))
    factor, units = readable_time(float(seconds.max()))
    return seconds * factor, units
